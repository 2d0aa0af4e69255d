/** What the object reads out of a request before a route sees it. */

import { decodeUtf8 } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { verifyContentDigest } from "../core/digest.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { MAX_IDEMPOTENCY_KEY_CHARS, MAX_NONCE_CHARS, MIN_NONCE_CHARS } from "../core/limits.ts";
import type { Ask } from "./ask.ts";
import type { Write } from "./ledger.ts";

const NONCE = new RegExp(`^[A-Za-z0-9_-]{${MIN_NONCE_CHARS},${MAX_NONCE_CHARS}}$`);
const IDEMPOTENCY_KEY = new RegExp(`^[!-~]{1,${MAX_IDEMPOTENCY_KEY_CHARS}}$`);
const JSON_BODY = /^application\/json(?:\s*;\s*charset=utf-8)?$/i;
const LINES_BODY = /^application\/jsonl(?:\s*;\s*charset=utf-8)?$/i;
const COUNT = /^(?:0|[1-9][0-9]{0,15})$/;

/**
 * What makes a retry of a write recognisable (docs/formats.md, Statement); undefined when it carries no key.
 *
 * @param path the canonical one, so that an alias is no second write
 * @throws TesError `idempotency_key_invalid`
 */
export function idempotencyOf(ask: Ask, { jti }: { readonly jti: string }, path: string): Write["idempotency"] {
  const key = ask.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (!IDEMPOTENCY_KEY.test(key)) throw new TesError("idempotency_key_invalid");
  return {
    key: sha256Hex(canonicalBytes([jti, ask.method, path, key])),
    request: sha256Hex(ask.body),
  };
}

/** The nonce to sign under: an answer that refuses something else still carries it. */
export function nonceOf(ask: Ask): string | undefined {
  const nonce = ask.headers["tes-nonce"];
  return nonce !== undefined && NONCE.test(nonce) ? nonce : undefined;
}

/** The size below which the caller takes no answer: 0 when it says nothing, undefined when it says no size. */
export function minSizeOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return 0;
  return COUNT.test(text) ? Number(text) : undefined;
}

/** @throws TesError what the Worker found wrong; `nonce_invalid`, `invalid_field` */
export function checkHeaders(ask: Ask): void {
  if (ask.fault !== null) throw new TesError(ask.fault.code, { detail: ask.fault.detail });
  if (ask.headers["tes-nonce"] !== undefined && nonceOf(ask) === undefined) throw new TesError("nonce_invalid");
  if (minSizeOf(ask.headers["tes-min-size"]) === undefined) {
    throw new TesError("invalid_field", { field: "TES-Min-Size", detail: "A log size in decimal." });
  }
}

/** The body of a write: its type, its digest if one came, then its JSON. */
export function bodyOf(ask: Ask): JsonValue {
  checkBody(ask, JSON_BODY);
  return parseJson(ask.body);
}

/** A body of lines: only its type and digest are looked at here. */
export function checkLines(ask: Ask): void {
  checkBody(ask, LINES_BODY);
}

function checkBody(ask: Ask, type: RegExp): void {
  if (!type.test(ask.headers["content-type"] ?? "")) throw new TesError("unsupported_media_type");
  // RFC 9110 section 8.4: a body in a coding is not the JSON that its type says, though its first bytes may pass for it.
  if (ask.headers["content-encoding"] !== undefined) {
    throw new TesError("unsupported_media_type", { detail: "Send the body without a Content-Encoding." });
  }
  const digest = ask.headers["content-digest"];
  if (digest === undefined) return;
  try {
    verifyContentDigest(digest, ask.body);
  } catch (cause) {
    throw new TesError("content_digest_mismatch", { cause });
  }
}

/** @throws TesError `query_unknown` for a parameter that the route does not know, or one that comes twice */
export function queryOf(raw: string, known: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    if (!known.includes(name) || Object.hasOwn(query, name))
      throw new TesError("query_unknown", { field: name.slice(0, 64) });
    query[name] = value;
  }
  return query;
}

/** A count out of the query. @throws TesError `invalid_field` unless it is an integer below `below` */
export function countOf(query: Readonly<Record<string, string>>, field: string, below: number): number {
  const text = query[field] ?? "";
  const value = COUNT.test(text) ? Number(text) : Number.NaN;
  if (!(value < below)) throw new TesError("invalid_field", { field, detail: `An integer from 0 to ${below - 1}.` });
  return value;
}

/** The lines of a body, each ended by a line feed. @throws TesError `import_invalid` */
export function linesOf(body: Uint8Array): string[] {
  let text: string;
  try {
    text = decodeUtf8(body);
  } catch (cause) {
    throw new TesError("import_invalid", { detail: "The bytes are not UTF-8.", cause });
  }
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new TesError("import_invalid", { detail: "The last line has no end." });
  return lines;
}
