/** HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869) over keys that are not the master key: those of one session. */

import type { Bytes } from "./bytes.ts";
import type { Secret } from "./secret.ts";

const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** A key for `sign` and `verify`, not extractable. */
export function importHmacKey(bytes: Secret<Bytes>): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes.reveal(), HMAC, false, ["sign", "verify"]);
}

/** The MAC of a content, 32 bytes. */
export async function hmacSign(key: CryptoKey, content: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, content));
}

/** Whether a MAC is that of a content, in a time that does not tell where they differ. */
export function hmacMatches(key: CryptoKey, mac: Bytes, content: Bytes): Promise<boolean> {
  return crypto.subtle.verify("HMAC", key, mac, content);
}

/** 32 bytes of HKDF output, imported as an HMAC key: its bytes never enter JavaScript. */
export async function hkdfHmacKey(
  ikm: Secret<Bytes>,
  salt: Bytes,
  info: Bytes,
  extractable = false,
): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", ikm.reveal(), "HKDF", false, ["deriveKey"]);
  const derived = { ...HMAC, length: 256 };
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info }, base, derived, extractable, [
    "sign",
    "verify",
  ]);
}
