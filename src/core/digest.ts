/** Content-Digest (RFC 9530), sha-256 only: the one algorithm every runtime and every verifier has. */

import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, equalBytes, toBase64 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { isInnerList, parseDictionary } from "./structured-fields.ts";

/**
 * The Content-Digest of a content.
 *
 * @example
 * contentDigest(utf8('{"hello": "world"}')); // "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
 */
export function contentDigest(content: Uint8Array): string {
  return `sha-256=:${toBase64(sha256(content))}:`;
}

/**
 * The sha-256 digest that a Content-Digest or Repr-Digest field names: 32 bytes.
 *
 * @throws {TesError} `signature_malformed` when the field cannot be read or has no sha-256 digest
 */
export function parseSha256Digest(header: string): Bytes {
  const member = parseDictionary(header).get("sha-256");
  if (member === undefined || isInnerList(member) || !(member.value instanceof Uint8Array)) {
    throw new TesError("signature_malformed", {
      detail: "Content-Digest has no sha-256 digest.",
      field: "content-digest",
    });
  }
  return new Uint8Array(member.value);
}

/**
 * Checks a content against its Content-Digest. Digests of other algorithms are ignored (RFC 9530 section 2); a
 * sha-256 digest has to be there.
 *
 * @throws {TesError} `signature_malformed` when the field cannot be read or has no sha-256 digest
 * @throws {TesError} `digest_mismatch`
 */
export function verifyContentDigest(header: string, content: Uint8Array): void {
  if (!equalBytes(parseSha256Digest(header), sha256(content))) throw new TesError("digest_mismatch");
}
