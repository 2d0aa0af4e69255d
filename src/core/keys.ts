/**
 * The master key and what is derived from it (docs/formats.md, Keys).
 *
 * One secret of 32 bytes; every use gets its own key through HKDF (RFC 5869), named by purpose and registry, so that
 * one purpose's key can be handed out, leaked or retired without touching another's.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { type Bytes, concat, fromBase64Url, fromHex, toBase64Url, toHex, utf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { Secret } from "./secret.ts";

/** Every use of the master key. The names are part of the derivation: renaming one changes its key. */
export const PURPOSES = [
  "response-hmac",
  "response-ed25519",
  "log-ed25519",
  "token-hs256",
  "session",
  "csrf",
  "ticket",
  "key-proof",
] as const;

export type Purpose = (typeof PURPOSES)[number];

/** An Ed25519 key pair whose private half cannot be exported. */
export interface Ed25519Pair {
  /** Usage `sign`, not extractable. */
  readonly privateKey: CryptoKey;
  /** Usage `verify`. */
  readonly publicKey: CryptoKey;
  /** The 32 bytes of the public key. */
  readonly raw: Bytes;
  /** The same, base64url: the JWK member of that name (RFC 8037). */
  readonly x: string;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
}

const MASTER_KEY_CHARS = 64;
const KEY_BYTES = 32;
/** SHA-256 of the lower-case text of the one key that is printed in a public document. */
const PUBLIC_KEY_TEXT_SHA256 = "1c7888adab1bf31cfde582d4ca2c03f9ab209fe42b0760428862078b5563c256";
/** RFC 8410: PrivateKeyInfo of an Ed25519 key up to its 32 byte seed, the only part that differs between keys. */
const ED25519_PKCS8_PREFIX = fromHex("302e020100300506032b657004220420")!;

/** Whether a text, in either case, is the key that is printed in a public document. */
export function isPublicKeyText(hex: string): boolean {
  return toHex(sha256(utf8(hex.toLowerCase()))) === PUBLIC_KEY_TEXT_SHA256;
}

/**
 * What is plain to see about a key that no random source made: all its bytes are one, or they count in equal steps. One
 * in 2^240 random keys is such a one; whoever guesses begins with these.
 *
 * @returns null for every other key, which may be as bad and does not show it
 */
export function weaknessOf(key: Uint8Array): string | null {
  const step = (i: number): number => (key[i + 1]! - key[i]! + 256) % 256;
  for (let i = 1; i < key.length - 1; i++) if (step(i) !== step(0)) return null;
  return step(0) === 0 ? "Every byte of this one is the same." : "The bytes of this one count up or down.";
}

/**
 * Reads a master key: 64 hexadecimal characters of either case and nothing else, no white space around them.
 *
 * @throws {TesError} `key_format`, whose detail says what is wrong without repeating any of the text
 * @throws {TesError} `key_public` for the key that is printed in a public document
 * @example
 * const master = parseMasterKey(generateMasterKey().reveal());
 */
export function parseMasterKey(text: string): Secret<Bytes> {
  if (text.length !== MASTER_KEY_CHARS) {
    const blanks = text.trim().length !== text.length ? ", with white space at an end" : "";
    const characters = text.length === 1 ? "character" : "characters";
    throw new TesError("key_format", { detail: `This one has ${text.length} ${characters}${blanks}.` });
  }
  const bytes = fromHex(text);
  if (bytes === null) throw new TesError("key_format", { detail: "This one has a character that is not hexadecimal." });
  if (isPublicKeyText(text)) throw new TesError("key_public");
  const weakness = weaknessOf(bytes);
  if (weakness !== null) throw new TesError("key_format", { detail: weakness });
  return new Secret(bytes);
}

/** A new master key as 64 lower-case hexadecimal characters, from the platform's random source. */
export function generateMasterKey(): Secret<string> {
  return new Secret(toHex(crypto.getRandomValues(new Uint8Array(KEY_BYTES))));
}

const hkdfParams = (info: string) => ({
  name: "HKDF",
  hash: "SHA-256",
  salt: new Uint8Array(0),
  info: utf8(info),
});

async function hkdf(master: Secret<Bytes>, info: string): Promise<Bytes> {
  const base = await crypto.subtle.importKey("raw", master.reveal(), "HKDF", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits(hkdfParams(info), base, 8 * KEY_BYTES));
}

/** The 32 bytes of one purpose: `HKDF-SHA-256(master, salt = "", info = "tes/v1/<purpose>/<registry>")`. */
export async function deriveBytes(master: Secret<Bytes>, purpose: Purpose, registry: string): Promise<Secret<Bytes>> {
  return new Secret(await hkdf(master, `tes/v1/${purpose}/${registry}`));
}

/** One purpose's HMAC-SHA-256 key, for `sign` and `verify`, not extractable: its bytes never enter JavaScript. */
export async function deriveHmacKey(master: Secret<Bytes>, purpose: Purpose, registry: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", master.reveal(), "HKDF", false, ["deriveKey"]);
  const hmac = { name: "HMAC", hash: "SHA-256", length: 8 * KEY_BYTES };
  return crypto.subtle.deriveKey(hkdfParams(`tes/v1/${purpose}/${registry}`), base, hmac, false, ["sign", "verify"]);
}

/**
 * The id of a symmetric key: 16 hexadecimal characters of SHA-256 over a value derived beside the key. A hash of the
 * key itself would let anyone test a guess against the id.
 */
export async function symmetricKid(master: Secret<Bytes>, purpose: Purpose, registry: string): Promise<string> {
  return toHex(sha256(await hkdf(master, `tes/v1/keyid/${purpose}/${registry}`))).slice(0, 16);
}

/** One purpose's Ed25519 pair: the derived bytes are its RFC 8032 seed. */
export async function deriveEd25519(master: Secret<Bytes>, purpose: Purpose, registry: string): Promise<Ed25519Pair> {
  return importEd25519Seed(await deriveBytes(master, purpose, registry));
}

/**
 * The pair of a 32-byte RFC 8032 seed.
 *
 * WebCrypto shows a private key's public half only by exporting it, so the seed is imported twice: once extractable to
 * read `x`, then as the key that is kept.
 *
 * @throws {TesError} `key_format` when the seed is not 32 bytes
 */
export async function importEd25519Seed(seed: Secret<Bytes>): Promise<Ed25519Pair> {
  if (seed.reveal().length !== KEY_BYTES) throw new TesError("key_format", { detail: "An Ed25519 seed is 32 bytes." });
  const pkcs8 = concat(ED25519_PKCS8_PREFIX, seed.reveal());
  const exportable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  // The type says "or an ArrayBuffer" in some runtimes' declarations; "jwk" always gives the object.
  const { x } = (await crypto.subtle.exportKey("jwk", exportable)) as JsonWebKey;
  if (x === undefined) throw new TesError("internal", { detail: "This runtime exports Ed25519 keys without x." });
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  return { privateKey, publicKey: await importEd25519Public(x), raw: ed25519PublicBytes(x), x, kid: ed25519Kid(x) };
}

/**
 * A public key for `verify`, from its base64url form.
 *
 * @throws {TesError} `key_unknown` when `x` is not exactly 32 bytes of base64url
 */
export async function importEd25519Public(x: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", ed25519PublicBytes(x), "Ed25519", true, ["verify"]);
}

/**
 * The id of an Ed25519 public key: its RFC 7638 thumbprint, the members in the order RFC 8037 appendix A.3 shows.
 *
 * @throws {TesError} `key_unknown` when `x` is not exactly 32 bytes of base64url
 */
export function ed25519Kid(x: string): string {
  ed25519PublicBytes(x);
  return toBase64Url(sha256(utf8(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)));
}

function ed25519PublicBytes(x: string): Bytes {
  const raw = fromBase64Url(x);
  if (raw?.length !== KEY_BYTES) {
    throw new TesError("key_unknown", { detail: "An Ed25519 public key is 32 bytes of base64url." });
  }
  return raw;
}
