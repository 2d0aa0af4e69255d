/**
 * The cryptography of tes-subproto-v1: what both ends of a socket compute (docs/protocol.md, The handshake). The shared
 * secret is the signature of a token: its holder has it, the authority computes it again, and it never crosses the wire.
 */

import { type Bytes, fromBase64Url, toBase64Url, utf8 } from "../core/bytes.ts";
import { canonicalize } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { hkdfHmacKey, hmacMatches, hmacSign, importHmacKey } from "../core/hmac.ts";
import type { JsonObject } from "../core/json.ts";
import { SOCKET_NONCE_BYTES } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";

/** The subprotocol's name, as it is offered and echoed (RFC 6455 section 1.9). */
export const SUBPROTOCOL = "tes-subproto-v1";

/** Bytes of an HMAC-SHA-256, of a token's signature, and of a session key. */
export const MAC_BYTES = 32;

/** Everything that both proofs speak of. */
export interface Handshake {
  readonly registry: string;
  /** `host[:port]`, as the client named it. */
  readonly authority: string;
  readonly serverNonce: string;
  readonly clientNonce: string;
}

/** Who proves itself. The word is part of what is signed, so that a proof sent back proves nothing. */
export type Side = "client" | "server";

/** A fresh nonce. @param random that many random bytes */
export function makeNonce(random: (bytes: number) => Uint8Array): string {
  return toBase64Url(random(SOCKET_NONCE_BYTES));
}

/**
 * A token taken apart: its claims, which are shown, and its signature, which is not.
 *
 * @throws token_invalid
 */
export function splitToken(token: Secret<string>): { readonly claims: string; readonly signature: Secret<Bytes> } {
  const text = token.reveal();
  const end = text.lastIndexOf(".");
  const signature = fromBase64Url(text.slice(end + 1));
  if (signature?.length !== MAC_BYTES)
    throw new TesError("token_invalid", { detail: "Its signature is not 32 bytes." });
  return { claims: text.slice(0, end), signature: new Secret(signature) };
}

function proofBytes(side: Side, { registry, authority, serverNonce, clientNonce }: Handshake): Bytes {
  return utf8([SUBPROTOCOL, side, registry, authority, serverNonce, clientNonce].join("\n"));
}

/** One side's proof that it knows the signature, base64url. */
export async function makeProof(signature: Secret<Bytes>, side: Side, handshake: Handshake): Promise<string> {
  return toBase64Url(await hmacSign(await importHmacKey(signature), proofBytes(side, handshake)));
}

/** Checks the other side's. @throws `code` */
export async function checkProof(
  signature: Secret<Bytes>,
  side: Side,
  handshake: Handshake,
  mac: string,
  code: "proof_refused" | "authority_unproven",
): Promise<void> {
  const bytes = fromBase64Url(mac);
  const holds =
    bytes !== null && (await hmacMatches(await importHmacKey(signature), bytes, proofBytes(side, handshake)));
  if (!holds) throw new TesError(code);
}

/**
 * The key under which the client's later frames stand. It is bound to both nonces, to every byte of the challenge, and
 * to the claims.
 *
 * @param challenge SHA-256 of the challenge frame as it was sent, hex
 * @param extractable so that an authority can keep it over a hibernation
 */
export function deriveSessionKey(
  signature: Secret<Bytes>,
  { serverNonce, clientNonce }: Handshake,
  challenge: string,
  claims: string,
  extractable = false,
): Promise<CryptoKey> {
  const info = sha256Hex(utf8([SUBPROTOCOL, "session", challenge, clientNonce, claims].join("\n")));
  return hkdfHmacKey(signature, utf8(serverNonce + clientNonce), utf8(info), extractable);
}

/** SHA-256 of a challenge frame's text, hex. */
export const challengeDigest = (text: string): string => sha256Hex(utf8(text));

function frameBytes(frame: JsonObject): Bytes {
  const { mac: _, ...rest } = frame;
  return utf8(`${SUBPROTOCOL}\nframe\n${canonicalize(rest)}`);
}

/** The frame with its MAC. Its counter `n` is part of it already. */
export async function sealFrame<F extends JsonObject>(key: CryptoKey, frame: F): Promise<F & { readonly mac: string }> {
  return { ...frame, mac: toBase64Url(await hmacSign(key, frameBytes(frame))) };
}

/** Whether a frame carries the MAC that its content needs. */
export async function isSealed(key: CryptoKey, frame: JsonObject): Promise<boolean> {
  const mac = typeof frame.mac === "string" ? fromBase64Url(frame.mac) : null;
  return mac !== null && hmacMatches(key, mac, frameBytes(frame));
}
