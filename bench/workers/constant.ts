/** An answer as long as a signed one, header for header, out of a constant: what its bytes alone cost. */

const filler = (length: number): string => "x".repeat(length);
const BODY = new TextEncoder().encode(filler(164));
const HEADERS = new Headers({
  "access-control-allow-origin": "*",
  "access-control-expose-headers": filler(89),
  "cache-control": "no-store, no-transform",
  "content-digest": filler(54),
  "content-type": "application/json",
  signature: filler(159),
  "signature-input": filler(466),
  "tes-provenance": filler(66),
  "x-content-type-options": "nosniff",
});

export default { fetch: (): Response => new Response(BODY, { headers: HEADERS }) };
