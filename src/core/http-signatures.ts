/** Signed answers: RFC 9421 over the components that docs/formats.md lists (Signed answer), in that order. */

import {
  coverageFor,
  LABEL_ALGORITHMS,
  SIGNATURE_TAG,
  type SignatureAlgorithm,
  WEBCRYPTO_NAMES,
} from "./answer-coverage.ts";
import { toBase64, utf8 } from "./bytes.ts";
import { verifyContentDigest } from "./digest.ts";
import { TesError } from "./errors.ts";
import { CLOCK_SKEW_S } from "./limits.ts";
import { componentLines, type HttpRequestParts, type HttpResponseParts } from "./message-components.ts";
import {
  type BareItem,
  isInnerList,
  type Parameters,
  parseDictionary,
  serializeInnerList,
  serializeString,
} from "./structured-fields.ts";

export { SIGNATURE_TAG, type SignatureAlgorithm } from "./answer-coverage.ts";
export {
  component,
  type HeaderReader,
  type HttpRequestParts,
  type HttpResponseParts,
  requestParts,
  type SignedMessage,
  signatureBase,
} from "./message-components.ts";

/** One key that signs answers. */
export interface AnswerSigner {
  /** `tes-hmac` or `tes-ed25519`, with `-prev` for the old keys of a rotation. */
  readonly label: string;
  readonly alg: SignatureAlgorithm;
  readonly keyid: string;
  readonly key: CryptoKey;
}

export interface AnswerSignatureParams {
  /** Seconds since 1970. */
  readonly created: number;
  /** Seconds since 1970. */
  readonly expires: number;
  /** The TES-Nonce that the request sent. */
  readonly nonce?: string;
}

/** The two headers, ready to be set. */
export interface AnswerSignature {
  readonly "signature-input": string;
  readonly signature: string;
}

export interface VerifyAnswerOptions {
  /** Which signature to check. Default `tes-ed25519`. */
  readonly label?: string;
  /** Finds a key by what the signature says of it; null when it is not one of the registry's. */
  readonly resolveKey: (keyid: string, alg: SignatureAlgorithm) => Promise<CryptoKey | null>;
  /** Seconds since 1970. */
  readonly now: number;
  /** What the answer's nonce has to be. Default: the TES-Nonce of the request, if it sent one. */
  readonly nonce?: string;
  /** How far this clock may be off, in seconds. Default `CLOCK_SKEW_S`. */
  readonly skewSeconds?: number;
  /** Default `tes-v1`. */
  readonly tag?: string;
}

/** What a checked signature says. */
export interface VerifiedAnswer {
  readonly label: string;
  readonly keyid: string;
  readonly alg: SignatureAlgorithm;
  readonly created: number;
  readonly expires: number;
  readonly nonce: string | null;
  /** Serialized identifiers in the order they were signed, for example `"@method";req`. */
  readonly components: readonly string[];
}

/**
 * Signs an answer with every key given, over the same components. Besides the cryptography this costs one pass over the
 * covered values; Content-Digest, Content-Type and TES-Provenance must already stand on the answer.
 *
 * @throws {TesError} `signature_malformed` when the answer lacks a covered header
 * @example
 * const headers = await signAnswer({ status: 200, header }, request, signers, { created: now, expires: now + 300 });
 */
export async function signAnswer(
  answer: HttpResponseParts,
  request: HttpRequestParts,
  signers: readonly AnswerSigner[],
  { created, expires, nonce }: AnswerSignatureParams,
): Promise<AnswerSignature> {
  const { components, identifiers, list } = coverageFor(request);
  const lines = componentLines(identifiers, components, { response: answer, request });
  if (!Number.isSafeInteger(created) || !Number.isSafeInteger(expires)) throw malformed("Times are whole seconds.");
  const shared = `${list};created=${created};expires=${expires}${nonce === undefined ? "" : `;nonce=${serializeString(nonce)}`}`;
  const signed = await Promise.all(
    signers.map(async ({ label, alg, keyid, key }) => {
      const input = `${shared};keyid=${serializeString(keyid)};alg="${alg}";tag="${SIGNATURE_TAG}"`;
      const base = utf8(`${lines}"@signature-params": ${input}`);
      const signature = new Uint8Array(await crypto.subtle.sign(WEBCRYPTO_NAMES[alg], key, base));
      return { input: `${label}=${input}`, signature: `${label}=:${toBase64(signature)}:` };
    }),
  );
  return {
    "signature-input": signed.map(({ input }) => input).join(", "),
    signature: signed.map(({ signature }) => signature).join(", "),
  };
}

/**
 * Checks one signature of an answer against the request it was made for: exactly the required components, tag,
 * algorithm, key, signature, nonce and time, in this order. It does not read the body: see `verifyAnswerContent`.
 *
 * @throws {TesError} `answer_unsigned` when the label is not there
 * @throws {TesError} `signature_malformed` when a field cannot be read or does not cover what it must
 * @throws {TesError} `key_unknown` when the key is not one of the registry's, or is of another algorithm
 * @throws {TesError} `signature_invalid` when the signature or nonce is not for this answer to this request
 * @throws {TesError} `answer_expired` when it is too old or from the future
 */
export async function verifyAnswer(
  answer: HttpResponseParts,
  request: HttpRequestParts,
  options: VerifyAnswerOptions,
): Promise<VerifiedAnswer> {
  const label = options.label ?? "tes-ed25519";
  const { list, signature } = readSignature(answer, label);
  const { components, identifiers, list: required } = coverageFor(request);
  if (serializeInnerList({ items: list.items, params: new Map() }) !== required) {
    throw malformed("The signature does not cover exactly what it must.");
  }
  const { params } = list;
  const keyid = readString(params, "keyid");
  const alg = readAlgorithm(params, label);
  const created = readSeconds(params, "created");
  const expires = readSeconds(params, "expires");
  const nonce = params.has("nonce") ? readString(params, "nonce") : null;
  if (readString(params, "tag") !== (options.tag ?? SIGNATURE_TAG)) throw malformed("The signature has another tag.");

  const key = await options.resolveKey(keyid, alg);
  if (key === null || key.algorithm.name !== WEBCRYPTO_NAMES[alg]) throw new TesError("key_unknown");
  const lines = componentLines(identifiers, components, { response: answer, request });
  const base = utf8(`${lines}"@signature-params": ${serializeInnerList(list)}`);
  if (!(await crypto.subtle.verify(WEBCRYPTO_NAMES[alg], key, signature, base)))
    throw new TesError("signature_invalid");

  const expected = options.nonce ?? request.header("tes-nonce");
  if (expected !== null && nonce !== expected) {
    throw new TesError("signature_invalid", { detail: "The answer is for another nonce." });
  }
  const skew = options.skewSeconds ?? CLOCK_SKEW_S;
  if (created > options.now + skew || expires < options.now - skew || expires < created) {
    throw new TesError("answer_expired", { facts: { created, expires, now: options.now } });
  }
  return { label, keyid, alg, created, expires, nonce, components: identifiers };
}

/**
 * Checks a body against the Content-Digest that its signature covers.
 *
 * @throws {TesError} `signature_malformed` when the header is absent or cannot be read
 * @throws {TesError} `digest_mismatch`
 */
export function verifyAnswerContent(answer: HttpResponseParts, content: Uint8Array): void {
  const header = answer.header("content-digest");
  if (header === null) throw malformed("The answer has no Content-Digest.");
  verifyContentDigest(header, content);
}

function malformed(detail: string): TesError {
  return new TesError("signature_malformed", { detail });
}

function readSignature(answer: HttpResponseParts, label: string) {
  const signatures = answer.header("signature");
  const inputs = answer.header("signature-input");
  if (signatures === null && inputs === null) throw new TesError("answer_unsigned");
  const member = parseDictionary(signatures ?? "").get(label);
  const list = parseDictionary(inputs ?? "").get(label);
  if (member === undefined && list === undefined) {
    throw new TesError("answer_unsigned", { detail: "It has no signature of the label asked for.", facts: { label } });
  }
  if (member === undefined || isInnerList(member) || !(member.value instanceof Uint8Array)) {
    throw malformed("Signature has no byte sequence under the label.");
  }
  if (list === undefined || !isInnerList(list)) throw malformed("Signature-Input has no list under the label.");
  return { list, signature: member.value };
}

function readParam(params: Parameters, name: string): BareItem {
  const value = params.get(name);
  if (value === undefined) throw malformed(`The signature has no parameter ${name}.`);
  return value;
}

function readString(params: Parameters, name: string): string {
  const value = readParam(params, name);
  if (typeof value !== "string") throw malformed(`The signature parameter ${name} is not a string.`);
  return value;
}

function readSeconds(params: Parameters, name: string): number {
  const value = readParam(params, name);
  if (typeof value !== "number") throw malformed(`The signature parameter ${name} is not an integer.`);
  return value;
}

function readAlgorithm(params: Parameters, label: string): SignatureAlgorithm {
  const alg = readString(params, "alg");
  if (alg !== "hmac-sha256" && alg !== "ed25519") throw malformed("The signature's algorithm is not one of ours.");
  const expected = Object.hasOwn(LABEL_ALGORITHMS, label) ? LABEL_ALGORITHMS[label] : alg;
  if (alg !== expected) throw malformed("The signature's algorithm is not its label's.");
  return alg;
}
