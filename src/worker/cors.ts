/** Who may read answers from a page of another site: everyone, what everyone may read; nobody, what takes a token. */

/** On answers of public reads. The page may see what proves the answer. */
export const PUBLIC_READ_HEADERS: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "access-control-expose-headers":
    "content-digest, retry-after, signature, signature-input, tes-provenance, www-authenticate",
};

/** For how long a browser may remember a preflight, in seconds. Chromium stops at two hours. */
const PREFLIGHT_LIFETIME_S = 7_200;

/**
 * The answer to a preflight (Fetch standard, CORS protocol). A browser lets any page send a POST, and asks first only
 * because of its headers: `Authorization` is not among those allowed here, so that no page writes.
 */
export function preflightHeaders(method: string | null): Readonly<Record<string, string>> {
  if (method !== null && method !== "GET" && method !== "HEAD") return {};
  return {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "tes-min-size, tes-nonce",
    "access-control-max-age": String(PREFLIGHT_LIFETIME_S),
  };
}
