/**
 * OpenBSD's signify: Ed25519 over the whole content. Its public keys are minisign's; its signature is the raw one in a
 * frame, so that the signature of SHA256SUMS that openssl reads is also one for signify.
 */

import { type Bytes, concat, equalBytes, fromBase64, toBase64, utf8 } from "./bytes.ts";
import { ED25519_SIGNATURE_BYTES, verifyEd25519 } from "./ed25519.ts";
import { TesError } from "./errors.ts";
import { linesOf, MINISIGN_ID_BYTES, type MinisignKey, minisignIdText } from "./minisign.ts";

const UNTRUSTED = "untrusted comment: ";
const ED25519 = utf8("Ed");

/**
 * A signature file.
 *
 * @param signature Ed25519 over the content itself
 */
export function renderSignify(id: Uint8Array, signature: Uint8Array): string {
  return `${UNTRUSTED}signature by publisher key ${minisignIdText(id)}\n${toBase64(concat(ED25519, id, signature))}\n`;
}

/**
 * Reads a signature file. Verifies nothing.
 *
 * @throws signature_file_invalid
 */
export function parseSignify(text: string): { readonly id: Bytes; readonly signature: Bytes } {
  const [comment, line, ...rest] = linesOf(text);
  const bytes = fromBase64(line ?? "");
  if (
    !comment?.startsWith(UNTRUSTED) ||
    rest.length > 0 ||
    bytes?.length !== ED25519.length + MINISIGN_ID_BYTES + ED25519_SIGNATURE_BYTES ||
    !equalBytes(bytes.slice(0, 2), ED25519)
  ) {
    throw new TesError("signature_file_invalid", { detail: "signify: it is no signature file" });
  }
  return { id: bytes.slice(2, 10), signature: bytes.slice(10) };
}

/** @throws key_unknown when another key signed, signature_invalid */
export async function verifySignify(
  signed: { readonly id: Uint8Array; readonly signature: Uint8Array },
  key: MinisignKey,
  content: Uint8Array,
): Promise<void> {
  if (!equalBytes(signed.id, key.id)) {
    throw new TesError("key_unknown", { detail: `signify: signed by ${minisignIdText(signed.id)}` });
  }
  await verifyEd25519(key.publicKey, signed.signature, content);
}
