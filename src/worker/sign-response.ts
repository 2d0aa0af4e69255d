/** Turns what a route says into a signed answer (docs/formats.md, section Signed answer). */

import { type Bytes, utf8 } from "../core/bytes.ts";
import { contentDigest } from "../core/digest.ts";
import { problemOf, type TesError } from "../core/errors.ts";
import { signAnswer } from "../core/http-signatures.ts";
import { SIGNATURE_LIFETIME_S } from "../core/limits.ts";
import { renderProvenance } from "../protocol/provenance.ts";
import type { Answer, Ask } from "./ask.ts";
import type { SigningKeys } from "./signing-key.ts";

/** What a route says, before it is signed. */
export interface Saying {
  readonly status: number;
  readonly type: string;
  readonly body: Bytes;
  readonly headers?: Readonly<Record<string, string>>;
  /** Only for what anyone may read. */
  readonly shared?: boolean;
}

export const JSON_TYPE = "application/json";
export const PROBLEM_TYPE = "application/problem+json";
export const TEXT_TYPE = "text/plain; charset=utf-8";

export const sayJson = (value: unknown, status = 200): Saying => ({
  status,
  type: JSON_TYPE,
  body: utf8(JSON.stringify(value)),
});

export function sayProblem(error: TesError, headers: Readonly<Record<string, string>> = {}): Saying {
  const extra = error.status === 401 ? { "www-authenticate": 'Bearer realm="tes"', ...headers } : headers;
  return { status: error.status, type: PROBLEM_TYPE, body: utf8(JSON.stringify(problemOf(error))), headers: extra };
}

/** Headers of every answer. `no-transform`: recompression on the way would break Content-Digest. */
const EVERY_ANSWER = { "cache-control": "no-store, no-transform", "x-content-type-options": "nosniff" };

/** An answer that nobody signs: the closed list of design section 6. */
export function unsigned(saying: Saying): Answer {
  return {
    status: saying.status,
    headers: { ...EVERY_ANSWER, ...saying.headers, "content-type": saying.type },
    body: saying.body,
  };
}

/**
 * Signs `saying` as the answer to `ask`, under both labels.
 *
 * @param now milliseconds
 * @param size log size that the answer speaks of
 */
export async function signResponse(
  ask: Ask,
  saying: Saying,
  keys: SigningKeys,
  registry: string,
  size: number,
  now: number,
  nonce: string | undefined,
): Promise<Answer> {
  // A HEAD answer has no content, and Content-Digest speaks of the content (RFC 9530 appendix B.2).
  const body = ask.method === "HEAD" ? new Uint8Array(0) : saying.body;
  const headers: Record<string, string> = {
    ...EVERY_ANSWER,
    ...saying.headers,
    "content-type": saying.type,
    "content-digest": contentDigest(body),
    "tes-provenance": renderProvenance({ source: keys.source, slot: keys.slot, registry, size }),
  };
  const created = Math.floor(now / 1000);
  const signature = await signAnswer(
    { status: saying.status, header: (name) => headers[name] ?? null },
    {
      method: ask.method,
      authority: ask.authority,
      path: ask.path,
      query: ask.query,
      header: (name) => ask.headers[name] ?? null,
    },
    keys.signers,
    { created, expires: created + SIGNATURE_LIFETIME_S, ...(nonce === undefined ? {} : { nonce }) },
  );
  return {
    status: saying.status,
    headers: { ...headers, ...signature },
    body,
    ...(saying.shared === true ? { shared: { size } } : {}),
  };
}
