/** What makes an answer an answer: its digest, its signature under a key of the chain, its time, nonce and provenance. */

import { type Bytes, decodeUtf8 } from "../core/bytes.ts";
import { ERRORS, type ErrorCode, TesError } from "../core/errors.ts";
import {
  type HttpRequestParts,
  type VerifiedAnswer,
  verifyAnswer,
  verifyAnswerContent,
} from "../core/http-signatures.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { MEDIA_TYPES } from "../protocol/paths.ts";
import { type Provenance, parseProvenance } from "../protocol/provenance.ts";
import type { RawAnswer } from "./transport.ts";
import type { Trust } from "./trust.ts";

/** An answer that the registry's own key signed, for this very request. */
export interface VerifiedResponse {
  readonly status: number;
  /** Without parameters, lower case. */
  readonly mediaType: string;
  readonly body: Bytes;
  readonly provenance: Provenance;
  /** Which key signed, when, until when. */
  readonly signature: VerifiedAnswer;
}

/**
 * Checks an answer, in this order: it is signed at all, Content-Digest, signature, nonce and time (RFC 9421),
 * provenance. Nothing of the body is parsed. It trusts the keys in `trust` and the clock.
 *
 * @param answer status, headers by lower-case name, and the bytes as they came
 * @param request what it has to be an answer to, as the client sent it
 * @param now milliseconds
 * @throws answer_unsigned, signature_malformed, digest_mismatch, key_unknown, signature_invalid, answer_expired,
 *   provenance_invalid
 * @example
 * const request = requestParts("GET", new URL(url), () => null);
 * const { body } = await verifyResponse({ status, header: (name) => headers.get(name), body }, request, trust, Date.now());
 */
export async function verifyResponse(
  answer: Pick<RawAnswer, "status" | "header" | "body">,
  request: HttpRequestParts,
  trust: Pick<Trust, "registry" | "responseKeys"> & Partial<Pick<Trust, "earlier">>,
  now: number,
): Promise<VerifiedResponse> {
  if (answer.header("signature") === null || answer.header("signature-input") === null) throw outageOf(answer);
  verifyAnswerContent(answer, answer.body);
  // One authority may have signed under the same key before and after: what it signs now counts first.
  const earlier = (trust.earlier ?? []).filter(({ responseKey: { kid } }) =>
    trust.responseKeys.every((current) => current.kid !== kid),
  );
  const signature = await verifyAnswer(answer, request, {
    label: "tes-ed25519",
    resolveKey: async (keyid) =>
      [...trust.responseKeys, ...earlier.map(({ responseKey }) => responseKey)].find(({ kid }) => kid === keyid)?.key ??
      null,
    now: Math.floor(now / 1000),
  });
  const provenance = parseProvenance(answer.header("tes-provenance") ?? "");
  if (provenance.registry !== trust.registry) {
    throw new TesError("provenance_invalid", {
      detail: `It speaks of ${provenance.registry}, not of ${trust.registry}.`,
    });
  }
  // A key that handed over says what was, up to there.
  const by = earlier.findLast(({ responseKey }) => responseKey.kid === signature.keyid);
  if (by !== undefined && provenance.size > by.until) {
    throw new TesError("key_unknown", { detail: "Its key has handed over, and speaks of what came after." });
  }
  return { status: answer.status, mediaType: mediaTypeOf(answer), body: answer.body, provenance, signature };
}

/**
 * The JSON of a verified answer.
 *
 * @throws the answer's own error when it is a problem document (RFC 9457), answer_content_type, answer_malformed
 */
export function jsonOf(response: VerifiedResponse): JsonValue {
  if (response.mediaType === MEDIA_TYPES.problem) throw problemIn(response);
  if (response.status < 200 || response.status > 299 || response.mediaType !== MEDIA_TYPES.json) {
    throw contentType(response, MEDIA_TYPES.json);
  }
  return readJson(response.body);
}

/**
 * The text of a verified answer that holds a signed note.
 *
 * @throws the answer's own error when it is a problem document, answer_content_type, answer_malformed
 */
export function noteOf(response: VerifiedResponse): string {
  return textOf(response, "text/plain");
}

/**
 * The text of a verified answer of a media type.
 *
 * @throws the answer's own error when it is a problem document, answer_content_type, answer_malformed
 */
export function textOf(response: VerifiedResponse, mediaType: string): string {
  if (response.mediaType === MEDIA_TYPES.problem) throw problemIn(response);
  if (response.status !== 200 || response.mediaType !== mediaType) throw contentType(response, mediaType);
  try {
    return decodeUtf8(response.body);
  } catch (cause) {
    throw new TesError("answer_malformed", { detail: "It is not UTF-8.", cause });
  }
}

/** Strict JSON out of bytes that a signature covers. @throws answer_malformed */
export function readJson(body: Bytes): JsonValue {
  try {
    return parseJson(body);
  } catch (cause) {
    throw new TesError("answer_malformed", { detail: "It is not the JSON that this release reads.", cause });
  }
}

/** An answer that nothing proves, as the outage it is. What it claims is shown as a claim and never acted on. */
export function outageOf(answer: Pick<RawAnswer, "status" | "header" | "body">): TesError {
  const claim = claimedCode(answer);
  const hint = claim === "registry_unknown" ? " If that is so, no registry has this name here: check the name." : "";
  return new TesError("answer_unsigned", {
    detail: `HTTP ${answer.status}${claim === undefined ? "" : `, which says, unproved: ${claim}`}.${hint}`,
    facts: { status: answer.status, ...(claim === undefined ? {} : { claim }) },
  });
}

function claimedCode(answer: Pick<RawAnswer, "status" | "header" | "body">): ErrorCode | undefined {
  if (mediaTypeOf(answer) !== MEDIA_TYPES.problem) return undefined;
  try {
    return codeOf(parseJson(answer.body));
  } catch {
    // Unproved and unreadable: there is nothing to show.
    return undefined;
  }
}

function codeOf(json: JsonValue): ErrorCode | undefined {
  const code = memberOf(json, "code");
  return typeof code === "string" && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : undefined;
}

function memberOf(json: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json) || !Object.hasOwn(json, name)) return undefined;
  return (json as { readonly [member: string]: JsonValue })[name];
}

/** RFC 9457, out of a verified answer: the authority's own error. */
function problemIn(response: VerifiedResponse): TesError {
  const json = readJson(response.body);
  const code = codeOf(json);
  if (code === undefined) {
    return new TesError("answer_malformed", {
      detail: `HTTP ${response.status} with an error code that this release does not know.`,
    });
  }
  const detail = memberOf(json, "detail");
  const field = memberOf(json, "field");
  const facts = memberOf(json, "facts");
  return new TesError(code, {
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof field === "string" ? { field } : {}),
    ...(typeof facts === "object" && facts !== null ? { facts: plainFacts(facts) } : {}),
  });
}

function plainFacts(facts: object): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(facts).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)),
  );
}

function mediaTypeOf(answer: Pick<RawAnswer, "header">): string {
  return (answer.header("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
}

function contentType(response: VerifiedResponse, wanted: string): TesError {
  return new TesError("answer_content_type", {
    detail: `HTTP ${response.status} with ${response.mediaType.slice(0, 64) || "no type"}, not ${wanted}.`,
  });
}
