/** Schemas of single values that several messages share. Every message is ours: none echoes input. */
import * as v from "valibot";
import { fromBase64, fromBase64Url, utf8 } from "../core/bytes.ts";
import type { JsonObject } from "../core/json.ts";
import { MAX_LABEL_VALUE_CHARS, MAX_LABELS, MAX_REASON_BYTES } from "../core/limits.ts";
import { parseSemver } from "../core/semver.ts";
import { EVERY_ENTITY, isEntityId, isOrigin, isRegistryName } from "./ids.ts";
import { isJsonObject } from "./parse.ts";

function isVersion(text: string): boolean {
  try {
    parseSemver(text);
    return true;
  } catch {
    return false;
  }
}

export const Registry = v.pipe(v.string(), v.check(isRegistryName, "a registry name is 1 to 63 of a-z, 0-9 and -"));

export const Entity = v.pipe(
  v.string(),
  v.check(isEntityId, "an entity id is type:name, of a-z, 0-9 and -, in the name also . and _"),
);

/** An entity id, or `*` for every entity. */
export const EntityOrEvery = v.pipe(
  v.string(),
  v.check((text) => text === EVERY_ENTITY || isEntityId(text), "an entity id, type:name, or * for every entity"),
);

export const Origin = v.pipe(
  v.string(),
  v.check(isOrigin, "an origin is a host-like path without a scheme, at most 128 characters"),
);

export const Version = v.pipe(
  v.string(),
  v.check(isVersion, "a SemVer 2.0.0 version of at most 64 characters: MAJOR.MINOR.PATCH[-prerelease][+build]"),
);

/** One identifier of a prerelease (SemVer 2.0.0 section 9). Not all digits, so that it cannot be taken for a counter. */
export const PreId = v.pipe(
  v.string(),
  v.check(
    (text) => /^[0-9A-Za-z-]{1,16}$/.test(text) && !/^[0-9]+$/.test(text),
    "one prerelease identifier: 1 to 16 of 0-9, A-Z, a-z and -, not digits alone",
  ),
);

export const Strategy = v.picklist(["independent", "linked", "lockstep"]);
/** How an entity follows its parent: not at all; incremented by the same scope; takes the parent's version. */
export type Strategy = v.InferOutput<typeof Strategy>;

export const Visibility = v.picklist(["public", "private"]);
/** Who may read a registry: everybody, or holders of a token. Fixed at genesis. */
export type Visibility = v.InferOutput<typeof Visibility>;

/** An index or a count: an integer from 0 that JSON and JavaScript hold exactly. */
export const Count = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n >= 0, "an integer from 0 to 2^53 − 1"),
);

/** Milliseconds since 1970-01-01T00:00:00Z. */
export const Time = Count;

/** SHA-256 as 64 lower-case hex characters. */
export const HexHash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "64 lower-case hex characters"));

/** A hash as base64 with padding. */
export const Base64Hash = v.pipe(
  v.string(),
  v.check((text) => fromBase64(text)?.length === 32, "32 bytes as base64"),
);

/** 32 bytes as base64url without padding: an Ed25519 public key, or the thumbprint of one. */
export const Base64Url32 = v.pipe(
  v.string(),
  v.check((text) => fromBase64Url(text)?.length === 32, "32 bytes as base64url"),
);

/** 64 bytes as base64url without padding: an Ed25519 signature. */
export const Base64Url64 = v.pipe(
  v.string(),
  v.check((text) => fromBase64Url(text)?.length === 64, "64 bytes as base64url"),
);

/** Names a symmetric key without saying anything about it. */
export const SymmetricKid = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/, "16 lower-case hex characters"));

const LABEL_KEY = /^[a-z][a-z0-9._-]{0,31}$/;

function areLabels(value: unknown): value is Record<string, string> {
  if (!isJsonObject(value)) return false;
  const labels = Object.entries(value);
  return (
    labels.length <= MAX_LABELS &&
    labels.every(
      ([key, text]) =>
        LABEL_KEY.test(key) && typeof text === "string" && text.length <= MAX_LABEL_VALUE_CHARS && text.isWellFormed(),
    )
  );
}

/**
 * What a publisher notes on an entity: up to 16 labels. Taken as they came, since the bytes are hashed: a record schema
 * would drop keys such as `constructor` without a word.
 */
export const Labels = v.custom<Record<string, string>>(
  areLabels,
  "up to 16 labels: keys [a-z][a-z0-9._-]{0,31}, values of at most 256 characters",
);

/** A reference to a text that lies beside the log: hex of SHA-256(salt ‖ text). */
export const BlobReference = v.strictObject({ digest: HexHash });

/** The id of a token: 16 random bytes, base64url. */
export const TokenId = v.pipe(
  v.string(),
  v.check((text) => fromBase64Url(text)?.length === 16, "16 bytes as base64url"),
);

/** Whole seconds since 1970. */
export const Seconds = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n >= 0, "whole seconds since 1970"),
);

/** Where an authority is: scheme, host and port, nothing more, spelt as WHATWG URL spells it. */
export const AuthorityUrl = v.pipe(
  v.string(),
  v.check((text) => {
    if (text.length > 256 || !URL.canParse(text)) return false;
    const url = new URL(text);
    return /^https?:$/.test(url.protocol) && url.origin === text;
  }, "http:// or https:// with a host, and nothing behind it"),
);

/** Free text that is kept beside the log, so that it can be erased. */
export const Reason = v.pipe(
  v.string(),
  v.check(
    (text) => text.length > 0 && text.isWellFormed() && utf8(text).length <= MAX_REASON_BYTES,
    `1 to ${MAX_REASON_BYTES} bytes of text`,
  ),
);

/** An RFC 6962 proof: a tree of 2^53 leaves has at most 53 levels, and a consistency proof one hash more. */
export const Proof = v.pipe(v.array(Base64Hash), v.maxLength(54, "at most 54 hashes"));

export const Receipt = v.object({
  statement: v.custom<JsonObject>(isJsonObject, "a JSON object"),
  inclusion: v.object({ index: Count, size: Count, proof: Proof }),
  checkpoint: v.string(),
});
/**
 * Proves itself: the statement (as JSON, whatever its type), where its leaf stands, the audit path from the leaf up
 * (base64), and the signed checkpoint of size `inclusion.size`.
 */
export type Receipt = v.InferOutput<typeof Receipt>;
