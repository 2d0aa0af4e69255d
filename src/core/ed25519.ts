/** Ed25519 (RFC 8032) over bytes, as the formats of other people need it: raw public keys, raw signatures. */

import type { Bytes } from "./bytes.ts";
import { TesError } from "./errors.ts";

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;

/** Makes an Ed25519 signature of the bytes, 64 bytes. Whoever calls holds the key. */
export type SignBytes = (bytes: Bytes) => Promise<Uint8Array>;

/**
 * Holds a signature against a public key of 32 bytes.
 *
 * @throws signature_invalid, also for a key that is no point of the curve
 */
export async function verifyEd25519(publicKey: Uint8Array, signature: Uint8Array, bytes: Uint8Array): Promise<void> {
  const refuse = (cause?: unknown) => new TesError("signature_invalid", { cause });
  const valid = await crypto.subtle
    .importKey("raw", publicKey as Bytes, "Ed25519", true, ["verify"])
    .then((key) => crypto.subtle.verify("Ed25519", key, signature as Bytes, bytes as Bytes))
    .catch((cause: unknown) => {
      throw refuse(cause);
    });
  if (!valid) throw refuse();
}
