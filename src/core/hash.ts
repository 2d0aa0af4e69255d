/** SHA-256 without an await: inside the write path a suspension would let two writers race. */

import { sha256 as noble } from "@noble/hashes/sha2.js";
import { type Bytes, toHex } from "./bytes.ts";

/** FIPS 180-4 SHA-256, 32 bytes. */
export const sha256 = (content: Uint8Array): Bytes => noble(content) as Bytes;

/** SHA-256 as 64 lower-case hexadecimal characters. */
export const sha256Hex = (content: Uint8Array): string => toHex(sha256(content));

/** SHA-256 of content that comes in parts. */
export interface RunningHash {
  update(content: Uint8Array): void;
  /** Of everything so far, as 64 lower-case hexadecimal characters. Ends it. */
  hex(): string;
}

export function createSha256(): RunningHash {
  const hash = noble.create();
  return { update: (content) => void hash.update(content), hex: () => toHex(hash.digest()) };
}
