/** Ed25519 public keys in PEM (RFC 7468 section 13, RFC 8410 section 4): what openssl reads. */

import { type Bytes, equalBytes, fromBase64, toBase64 } from "./bytes.ts";
import { ED25519_KEY_BYTES } from "./ed25519.ts";
import { TesError } from "./errors.ts";
import { linesOf } from "./minisign.ts";
import { ed25519Spki } from "./sigstore.ts";

const BEGIN = "-----BEGIN PUBLIC KEY-----";
const END = "-----END PUBLIC KEY-----";

/**
 * @param publicKey 32 bytes
 * @example
 * renderPem(publicKey); // "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2Vw…\n-----END PUBLIC KEY-----\n"
 */
export function renderPem(publicKey: Uint8Array): string {
  return `${BEGIN}\n${toBase64(ed25519Spki(publicKey))}\n${END}\n`;
}

/**
 * Reads one public key and nothing else.
 *
 * @returns 32 bytes
 * @throws key_file_invalid, also for keys of other kinds
 */
export function parsePem(text: string): Bytes {
  const [begin, line, end, ...rest] = linesOf(text);
  const der = fromBase64(line ?? "");
  const raw = der?.slice(-ED25519_KEY_BYTES);
  if (begin !== BEGIN || end !== END || rest.length > 0 || !raw || !equalBytes(der!, ed25519Spki(raw))) {
    throw new TesError("key_file_invalid", { detail: "PEM: it is no Ed25519 public key" });
  }
  return raw;
}
