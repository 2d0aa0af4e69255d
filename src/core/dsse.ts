/** DSSE v1 envelopes (github.com/secure-systems-lab/dsse, protocol.md and envelope.md): what is signed, and by whom. */

import { type Bytes, concat, fromBase64, utf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import { MAX_ENVELOPE_SIGNATURES } from "./limits.ts";

export interface EnvelopeSignature {
  /** Names the key. Not covered by the signature: a hint. */
  readonly keyid: string;
  readonly sig: Bytes;
}

export interface Envelope {
  readonly payloadType: string;
  readonly payload: Bytes;
  readonly signatures: readonly EnvelopeSignature[];
}

/**
 * The pre-authentication encoding: the bytes that are signed.
 *
 * @example
 * pae("http://example.com/HelloWorld", utf8("hello world")); // DSSEv1 29 http://example.com/HelloWorld 11 hello world
 */
export function pae(payloadType: string, payload: Uint8Array): Bytes {
  const type = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${type.length} `), type, utf8(` ${payload.length} `), payload);
}

const invalid = (field: string, detail: string): TesError => new TesError("envelope_invalid", { field, detail });

function textOf(json: JsonValue | undefined, field: string): string {
  if (typeof json !== "string") throw invalid(field, "a string");
  return json;
}

function bytesOf(json: JsonValue | undefined, field: string): Bytes {
  const bytes = fromBase64(textOf(json, field));
  if (bytes === null) throw invalid(field, "base64 with padding");
  return bytes;
}

const objectOf = (
  json: JsonValue,
  members: readonly string[],
  field: string,
): { readonly [key: string]: JsonValue } => {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid(field, "a JSON object");
  const unknown = Object.keys(json).find((key) => !members.includes(key));
  if (unknown !== undefined) throw invalid(field, "a member that an envelope does not have");
  return json as { readonly [key: string]: JsonValue };
};

/**
 * Reads an envelope. Verifies nothing.
 *
 * @throws envelope_invalid
 */
export function parseEnvelope(json: JsonValue): Envelope {
  const { payloadType, payload, signatures } = objectOf(json, ["payloadType", "payload", "signatures"], "");
  if (!Array.isArray(signatures) || signatures.length === 0 || signatures.length > MAX_ENVELOPE_SIGNATURES) {
    throw invalid("/signatures", `1 to ${MAX_ENVELOPE_SIGNATURES} signatures`);
  }
  return {
    payloadType: textOf(payloadType, "/payloadType"),
    payload: bytesOf(payload, "/payload"),
    signatures: signatures.map((one: JsonValue, i) => {
      const at = `/signatures/${i}`;
      const { keyid, sig } = objectOf(one, ["keyid", "sig"], at);
      const bytes = bytesOf(sig, `${at}/sig`);
      if (bytes.length !== 64) throw invalid(`${at}/sig`, "64 bytes: an Ed25519 signature");
      return { keyid: textOf(keyid, `${at}/keyid`), sig: bytes };
    }),
  };
}
