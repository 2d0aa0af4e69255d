/** scrypt by the platform, for keys under a passphrase. */

import { scrypt } from "node:crypto";
import { promisify } from "node:util";
import type { Scrypt } from "../../core/minisign-secret.ts";

const derive = promisify(scrypt) as unknown as (
  passphrase: Uint8Array,
  salt: Uint8Array,
  length: number,
  options: { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
) => Promise<Uint8Array>;

/** Room above what RFC 7914 needs: the platform refuses at its own estimate. */
const SPARE_BYTES = 1_048_576;

export const platformScrypt: Scrypt = (passphrase, salt, { cost: N, blockSize: r, parallelization: p }, bytes) =>
  derive(passphrase.reveal(), salt, bytes, { N, r, p, maxmem: 256 * r * (N + p) + SPARE_BYTES });
