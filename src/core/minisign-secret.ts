/**
 * minisign's secret key file (jedisct1.github.io/minisign, "Secret key format"): an Ed25519 key under a passphrase,
 * stretched with scrypt. minisign reads what is written here, and the other way round.
 */

import { blake2b } from "@noble/hashes/blake2.js";
import { type Bytes, concat, equalBytes, fromBase64, toBase64, utf8 } from "./bytes.ts";
import { ED25519_KEY_BYTES } from "./ed25519.ts";
import { TesError } from "./errors.ts";
import { importEd25519Seed } from "./keys.ts";
import { MAX_KEY_MEMORY_BYTES, MAX_KEY_OPERATIONS } from "./limits.ts";
import { linesOf, MINISIGN_ID_BYTES } from "./minisign.ts";
import { Secret } from "./secret.ts";

const UNTRUSTED = "untrusted comment: ";
const ED25519 = utf8("Ed");
const SCRYPT = utf8("Sc");
const PLAIN = new Uint8Array(2);
const BLAKE2B = utf8("B2");
const SALT_BYTES = 32;
const CHECKSUM_BYTES = 32;
/** Key id, seed, public key, checksum: what is encrypted. */
const SEALED_BYTES = MINISIGN_ID_BYTES + 2 * ED25519_KEY_BYTES + CHECKSUM_BYTES;
const SALT_AT = 6;
const COST_AT = SALT_AT + SALT_BYTES;
const SEALED_AT = COST_AT + 16;
const FILE_BYTES = SEALED_AT + SEALED_BYTES;

/** scrypt (RFC 7914): `cost` is N, `blockSize` r, `parallelization` p. */
export interface ScryptParameters {
  readonly cost: number;
  readonly blockSize: number;
  readonly parallelization: number;
}

/** scrypt itself: the platform's, since the pure one takes many times as long and so would help whoever guesses. */
export type Scrypt = (
  passphrase: Secret<Bytes>,
  salt: Bytes,
  parameters: ScryptParameters,
  bytes: number,
) => Promise<Uint8Array>;

/** How libsodium says what a passphrase costs: operations, and bytes of memory. */
export interface PassphraseCost {
  readonly operations: number;
  readonly memory: number;
}

/**
 * What new files ask for: N = 2^16, r = 8, p = 4. 64 MiB, so that signing fits where releases are made (minisign's own
 * default takes 1 GiB), at twice the work that OWASP asks for.
 */
export const PASSPHRASE_COST: PassphraseCost = { operations: 8_388_608, memory: 67_108_864 };

export interface MinisignSecret {
  /** 8 bytes. */
  readonly id: Bytes;
  /** RFC 8032 seed, 32 bytes. */
  readonly seed: Secret<Bytes>;
  /** 32 bytes. */
  readonly publicKey: Bytes;
}

const invalid = (detail: string): TesError => new TesError("key_file_invalid", { detail: `minisign: ${detail}` });

/**
 * scrypt's parameters for a cost, as libsodium's `crypto_pwhash_scryptsalsa208sha256` picks them.
 *
 * @throws key_file_invalid for a cost beyond what minisign itself writes
 */
export function scryptParameters({ operations, memory }: PassphraseCost): ScryptParameters {
  if (operations > MAX_KEY_OPERATIONS || memory > MAX_KEY_MEMORY_BYTES) throw invalid("the passphrase costs too much");
  const blockSize = 8;
  const work = Math.max(operations, 32_768);
  const byWork = work < memory / 32;
  const most = Math.floor(byWork ? work / (blockSize * 4) : memory / (blockSize * 128));
  let cost = 2;
  while (cost <= most / 2) cost *= 2;
  const parallelization = byWork ? 1 : Math.floor(Math.min(Math.floor(work / 4 / cost), 0x3fffffff) / blockSize);
  if (parallelization < 1) throw invalid("the passphrase has no cost");
  return { cost, blockSize, parallelization };
}

/** Over algorithm, id and key: shows whether the passphrase was right. */
const checksumOf = (id: Uint8Array, key: Uint8Array): Bytes =>
  blake2b(concat(ED25519, id, key), { dkLen: CHECKSUM_BYTES }) as Bytes;

const masked = (bytes: Uint8Array, mask: Uint8Array): Bytes => Uint8Array.from(bytes, (byte, i) => byte ^ mask[i]!);

/**
 * A secret key file.
 *
 * @param lock null: not encrypted, so that whoever reads the file has the key
 */
export async function renderMinisignSecret(
  { id, seed, publicKey }: MinisignSecret,
  lock: {
    readonly passphrase: Secret<Bytes>;
    readonly salt: Bytes;
    readonly cost?: PassphraseCost;
    readonly scrypt: Scrypt;
  } | null,
): Promise<Secret<string>> {
  const key = concat(seed.reveal(), publicKey);
  const open = concat(id, key, checksumOf(id, key));
  const cost = lock === null ? { operations: 0, memory: 0 } : (lock.cost ?? PASSPHRASE_COST);
  const numbers = new DataView(new ArrayBuffer(16));
  numbers.setBigUint64(0, BigInt(cost.operations), true);
  numbers.setBigUint64(8, BigInt(cost.memory), true);
  const salt = lock?.salt ?? new Uint8Array(SALT_BYTES);
  if (salt.length !== SALT_BYTES) throw new TesError("internal", { cause: new Error("a salt of 32 bytes") });
  const sealed =
    lock === null ? open : masked(open, await lock.scrypt(lock.passphrase, salt, scryptParameters(cost), SEALED_BYTES));
  const head = concat(ED25519, lock === null ? PLAIN : SCRYPT, BLAKE2B, salt, new Uint8Array(numbers.buffer));
  const comment = lock === null ? "minisign secret key, not encrypted" : "minisign encrypted secret key";
  return new Secret(`${UNTRUSTED}${comment}\n${toBase64(concat(head, sealed))}\n`);
}

/** A file that was read, and may still be locked. */
export interface ParsedMinisignSecret {
  readonly locked: boolean;
  /**
   * The key.
   *
   * @param passphrase null: only for a file that is not locked
   * @throws passphrase_wrong, key_file_invalid
   */
  open(passphrase: Secret<Bytes> | null, scrypt: Scrypt): Promise<MinisignSecret>;
}

/**
 * Reads a secret key file.
 *
 * @throws key_file_invalid, which quotes nothing of it
 */
export function parseMinisignSecret(text: Secret<string>): ParsedMinisignSecret {
  const lines = linesOf(text.reveal());
  const bytes = fromBase64(lines[1] ?? "");
  if (lines.length !== 2 || !lines[0]!.startsWith(UNTRUSTED) || bytes?.length !== FILE_BYTES) {
    throw invalid("it is no secret key file");
  }
  const field = (at: number, length: number) => bytes.slice(at, at + length);
  const locked = equalBytes(field(2, 2), SCRYPT);
  if (
    !equalBytes(field(0, 2), ED25519) ||
    !equalBytes(field(4, 2), BLAKE2B) ||
    !(locked || equalBytes(field(2, 2), PLAIN))
  ) {
    throw invalid("it names algorithms that are not known here");
  }
  const numbers = new DataView(bytes.buffer, COST_AT, 16);
  const cost = { operations: Number(numbers.getBigUint64(0, true)), memory: Number(numbers.getBigUint64(8, true)) };
  const parameters = locked ? scryptParameters(cost) : null;
  const sealed = new Secret(field(SEALED_AT, SEALED_BYTES));
  return {
    locked,
    open: async (passphrase, scrypt) => {
      if (parameters === null) return unpack(sealed.reveal(), locked);
      if (passphrase === null) throw new TesError("passphrase_wrong", { detail: "The key is locked by one." });
      const mask = await scrypt(passphrase, field(SALT_AT, SALT_BYTES), parameters, SEALED_BYTES);
      return unpack(masked(sealed.reveal(), mask), locked);
    },
  };
}

async function unpack(open: Bytes, locked: boolean): Promise<MinisignSecret> {
  const id = open.slice(0, MINISIGN_ID_BYTES);
  const key = open.slice(MINISIGN_ID_BYTES, SEALED_BYTES - CHECKSUM_BYTES);
  const checksum = open.slice(SEALED_BYTES - CHECKSUM_BYTES);
  // minisign 0.11 leaves the checksum out where there is no passphrase (-W), and does not look at it there.
  const left = !locked && checksum.every((byte) => byte === 0);
  if (!left && !equalBytes(checksum, checksumOf(id, key))) {
    throw locked ? new TesError("passphrase_wrong") : invalid("its checksum does not hold");
  }
  const seed = new Secret(key.slice(0, ED25519_KEY_BYTES));
  const publicKey = key.slice(ED25519_KEY_BYTES);
  // Signing with a public half of somebody else's choice gives the private one away.
  if (!equalBytes((await importEd25519Seed(seed)).raw, publicKey))
    throw invalid("its two halves do not belong together");
  return { id, seed, publicKey };
}
