/**
 * minisign's public keys and signatures (jedisct1.github.io/minisign, "Signature format"): two lines and four, of which
 * the trusted comment is signed too. New signatures are prehashed (`ED`, BLAKE2b-512); old ones (`Ed`) are read.
 */

import { blake2b } from "@noble/hashes/blake2.js";
import { type Bytes, concat, decodeUtf8, equalBytes, fromBase64, toBase64, toHex, utf8 } from "./bytes.ts";
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, type SignBytes, verifyEd25519 } from "./ed25519.ts";
import { type ErrorCode, TesError } from "./errors.ts";
import { MAX_MINISIGN_COMMENT_BYTES, MAX_MINISIGN_TRUSTED_COMMENT_BYTES } from "./limits.ts";

export const MINISIGN_ID_BYTES = 8;
/** BLAKE2b-512: what a prehashed signature is over. */
export const MINISIGN_DIGEST_BYTES = 64;

const UNTRUSTED = "untrusted comment: ";
const TRUSTED = "trusted comment: ";
const PURE = utf8("Ed");
const PREHASHED = utf8("ED");

export interface MinisignKey {
  /** 8 bytes that name the key, and prove nothing. Made at random with it. */
  readonly id: Uint8Array;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A signature file as it was read. Nothing in it may be believed before {@link verifyMinisign}. */
export interface MinisignSignature {
  readonly id: Bytes;
  /** False: the old form, whose signature is over the file itself. */
  readonly prehashed: boolean;
  readonly signature: Bytes;
  readonly trustedComment: string;
  /** Over the signature and the trusted comment. */
  readonly globalSignature: Bytes;
}

/** What a signature is held against: the digest alone is enough for all but the old form. */
export type MinisignContent = { readonly digest: Uint8Array } | { readonly bytes: Uint8Array };

/** How minisign shows a key's id: a little-endian number, in upper-case hexadecimal. */
export function minisignIdText(id: Uint8Array): string {
  // Node's Buffer is an Uint8Array whose slice is a view: reversed, it would change the key's id.
  return toHex(Uint8Array.from(id).reverse()).toUpperCase();
}

/** BLAKE2b-512 of content that is in memory. For files, any streaming BLAKE2b gives the same. */
export function minisignDigest(content: Uint8Array): Bytes {
  return blake2b(content, { dkLen: MINISIGN_DIGEST_BYTES }) as Bytes;
}

const invalid = (code: ErrorCode, detail: string): TesError => new TesError(code, { detail: `minisign: ${detail}` });

/** Lines without their ends, of which minisign wants one each, in either form; the last may lack it. */
export function linesOf(text: string): string[] {
  const lines = text.split("\n").map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/**
 * Whether a text can be a comment: what minisign reads and writes back as it is.
 *
 * A tab is the one control character that its own comments hold.
 */
function isComment(text: string, maxBytes: number): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.isWellFormed() && !/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text) && utf8(text).length <= maxBytes;
}

function commentOf(line: string | undefined, prefix: string, maxBytes: number, code: ErrorCode): string {
  if (line === undefined || !line.startsWith(prefix) || !isComment(line.slice(prefix.length), maxBytes)) {
    throw invalid(code, `a line is no "${prefix.trim()}" of at most ${maxBytes} bytes`);
  }
  return line.slice(prefix.length);
}

/**
 * A public key file.
 *
 * @throws key_file_invalid for a comment that cannot be read back
 */
export function renderMinisignKey({ id, publicKey }: MinisignKey, comment?: string): string {
  const said = comment ?? `minisign public key ${minisignIdText(id)}`;
  if (!isComment(said, MAX_MINISIGN_COMMENT_BYTES)) throw invalid("key_file_invalid", "the comment is too long");
  return `${UNTRUSTED}${said}\n${toBase64(concat(PURE, id, publicKey))}\n`;
}

/**
 * Reads a public key file, or the one line of it that minisign takes with -P. signify's public keys are the same.
 *
 * @throws key_file_invalid
 */
export function parseMinisignKey(text: string): { readonly id: Bytes; readonly publicKey: Bytes } {
  const lines = linesOf(text);
  if (lines.length === 2) commentOf(lines.shift(), UNTRUSTED, MAX_MINISIGN_COMMENT_BYTES, "key_file_invalid");
  const bytes = lines.length === 1 ? fromBase64(lines[0]!) : null;
  if (bytes?.length !== PURE.length + MINISIGN_ID_BYTES + ED25519_KEY_BYTES || !equalBytes(bytes.slice(0, 2), PURE)) {
    throw invalid("key_file_invalid", "it is no public key file");
  }
  return { id: bytes.slice(2, 10), publicKey: bytes.slice(10) };
}

/**
 * What a trusted comment of TES says: when, which file, which version.
 *
 * @param time seconds
 * @example
 * trustedComment({ time: 1800000000, file: "tool.tgz", version: "1.2.0" });
 * // "timestamp:1800000000\tfile:tool.tgz\tversion:1.2.0"
 */
export function trustedComment({ time, file, version }: { time: number; file: string; version: string }): string {
  return `timestamp:${time}\tfile:${file}\tversion:${version}`;
}

/**
 * Signs a file by its BLAKE2b-512 digest (64 bytes) and renders the signature file.
 *
 * @throws signature_file_invalid for a comment that cannot be read back
 */
export async function signMinisign(
  {
    digest,
    trusted,
    untrusted,
  }: { readonly digest: Uint8Array; readonly trusted: string; readonly untrusted?: string },
  key: { readonly id: Uint8Array; readonly sign: SignBytes },
): Promise<string> {
  const said = untrusted ?? `signature by publisher key ${minisignIdText(key.id)}`;
  if (digest.length !== MINISIGN_DIGEST_BYTES) throw new TesError("internal", { cause: new Error("no BLAKE2b-512") });
  if (!isComment(said, MAX_MINISIGN_COMMENT_BYTES) || !isComment(trusted, MAX_MINISIGN_TRUSTED_COMMENT_BYTES)) {
    throw invalid("signature_file_invalid", "a comment is too long or holds control characters");
  }
  const signature = await key.sign(digest.slice());
  const global = await key.sign(concat(signature, utf8(trusted)));
  const first = toBase64(concat(PREHASHED, key.id, signature));
  return `${UNTRUSTED}${said}\n${first}\n${TRUSTED}${trusted}\n${toBase64(global)}\n`;
}

/**
 * Reads a signature file. Verifies nothing.
 *
 * @throws signature_file_invalid
 */
export function parseMinisignSignature(text: string | Uint8Array): MinisignSignature {
  const code = "signature_file_invalid";
  const lines = linesOf(typeof text === "string" ? text : textOf(text));
  commentOf(lines[0], UNTRUSTED, MAX_MINISIGN_COMMENT_BYTES, code);
  const trusted = commentOf(lines[2], TRUSTED, MAX_MINISIGN_TRUSTED_COMMENT_BYTES, code);
  const first = fromBase64(lines[1] ?? "");
  const globalSignature = fromBase64(lines[3] ?? "");
  if (lines.length !== 4 || globalSignature?.length !== ED25519_SIGNATURE_BYTES) {
    throw invalid(code, "a signature file has four lines, and the last is a signature");
  }
  const prehashed = first !== null && equalBytes(first.slice(0, 2), PREHASHED);
  if (
    first?.length !== PURE.length + MINISIGN_ID_BYTES + ED25519_SIGNATURE_BYTES ||
    !(prehashed || equalBytes(first.slice(0, 2), PURE))
  ) {
    throw invalid(code, "the second line is no signature");
  }
  return { id: first.slice(2, 10), prehashed, signature: first.slice(10), trustedComment: trusted, globalSignature };
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new TesError("signature_file_invalid", { detail: "minisign: it is not UTF-8", cause });
  }
}

/**
 * Verifies a signature file: that the key signed this content, and this trusted comment with it.
 *
 * @param content the digest for a prehashed signature, or the bytes themselves for either form
 * @returns the trusted comment, which may then be believed
 * @throws key_unknown when another key signed, signature_invalid, signature_file_invalid for the old form without bytes
 */
export async function verifyMinisign(
  signed: MinisignSignature,
  key: MinisignKey,
  content: MinisignContent,
): Promise<{ readonly trustedComment: string }> {
  if (!equalBytes(signed.id, key.id)) {
    throw new TesError("key_unknown", {
      detail: `minisign: signed by ${minisignIdText(signed.id)}, not by ${minisignIdText(key.id)}`,
    });
  }
  await verifyEd25519(key.publicKey, signed.signature, signedBytes(signed, content));
  await verifyEd25519(key.publicKey, signed.globalSignature, concat(signed.signature, utf8(signed.trustedComment)));
  return { trustedComment: signed.trustedComment };
}

function signedBytes({ prehashed }: MinisignSignature, content: MinisignContent): Uint8Array {
  if ("bytes" in content) return prehashed ? minisignDigest(content.bytes) : content.bytes;
  if (prehashed) return content.digest;
  throw invalid(
    "signature_file_invalid",
    "this old form is over the file itself: sign it anew, or check it with minisign",
  );
}
