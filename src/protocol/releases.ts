/**
 * Publishers and releases as statements say them, and the bytes that publishers sign over their own set. The bytes are
 * in docs/formats.md, sections Publishers and Release.
 */
import * as v from "valibot";
import { type Bytes, compareCodeUnits, concat, fromBase64, utf8 } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { MAX_PUBLISHERS, MAX_RELEASE_FILES } from "../core/limits.ts";
import { Base64Hash, Base64Url32, Base64Url64, BlobReference, Count, Entity, HexHash, Version } from "./fields.ts";

const Key = v.strictObject({ kid: Base64Url32, x: Base64Url32 });

const Positive = v.pipe(Count, v.minValue(1, "counts from 1"));

const bytesAsBase64 = (length: number) =>
  v.pipe(
    v.string(),
    v.check((text) => fromBase64(text)?.length === length, `${length} bytes as base64`),
  );

/** Kids in code unit order, each once: one set has one text. */
const inOrder = (kids: readonly { readonly kid: string }[]): boolean =>
  kids.every(({ kid }, i) => i === 0 || compareCodeUnits(kids[i - 1]!.kid, kid) < 0);

/** Who publishes an entity: the members of `publishers.set`, and of a request for one. */
export const publishersSet = {
  entity: Entity,
  revision: Positive,
  keys: v.pipe(
    v.array(Key),
    v.minLength(1, "at least one key"),
    v.maxLength(MAX_PUBLISHERS, `at most ${MAX_PUBLISHERS} keys`),
    v.check((keys) => inOrder(keys), "keys by kid, each once"),
  ),
  threshold: Positive,
  signatures: v.pipe(
    v.array(v.strictObject({ kid: Base64Url32, signature: Base64Url64 })),
    v.maxLength(2 * MAX_PUBLISHERS + 1, `at most ${2 * MAX_PUBLISHERS + 1} signatures`),
    v.check((signatures) => inOrder(signatures), "signatures by kid, each once"),
  ),
} as const;

/** The body of a Rekor v2 entry of kind hashedrekord 0.0.2, over the pre-authentication encoding of a DSSE envelope. */
const hashedRekord = {
  apiVersion: v.literal("0.0.2"),
  kind: v.literal("hashedrekord"),
  spec: v.strictObject({
    hashedRekordV002: v.strictObject({
      data: v.strictObject({ algorithm: v.literal("SHA2_256"), digest: Base64Hash }),
      signature: v.strictObject({
        content: bytesAsBase64(64),
        verifier: v.strictObject({
          keyDetails: v.literal("PKIX_ED25519"),
          publicKey: v.strictObject({ rawBytes: bytesAsBase64(44) }),
        }),
      }),
    }),
  }),
} as const;

const signed = {
  ...hashedRekord,
  entity: Entity,
  version: Version,
  /** Kid of the publisher whose signature this is. */
  signer: Base64Url32,
  /** Which of how many statements of one payload, from 0. */
  part: v.strictObject({ index: Count, of: Positive }),
  /** The payload of the envelope, beside the log. */
  payload: BlobReference,
} as const;

/** One publisher's signature under a release. */
export const releasePublished = {
  ...signed,
  /** Names, digests and sizes of all files: see `contentDigest` in intoto.ts. */
  content: HexHash,
  /** The publishers as they were then: revision and index of the statement. */
  publishers: v.strictObject({ revision: Positive, seq: Count }),
  files: v.pipe(Positive, v.maxValue(MAX_RELEASE_FILES, `at most ${MAX_RELEASE_FILES} files`)),
} as const;

/** One publisher's signature under a further attestation about a release. */
export const releaseAttested = {
  ...signed,
  predicateType: v.pipe(
    v.string(),
    v.regex(/^[a-z][a-z0-9+.-]{0,30}:[!-~]{1,225}$/, "a URI of at most 256 characters"),
  ),
} as const;

export const releaseYanked = { entity: Entity, version: Version, reason: v.exactOptional(BlobReference) } as const;

const PublishersSet = v.strictObject(publishersSet);
/** Keys by kid, and how many of them must sign a release. Signatures by kid; see {@link publishersBytes}. */
export type PublishersSet = v.InferOutput<typeof PublishersSet>;
/** What the signatures of a set are checked in: the registry it is for. `genesis` is the hash, hex. */
export interface PublishersScope {
  readonly registry: string;
  readonly genesis: string;
}

/**
 * What publishers sign when their set changes: those who were there before, and every new one. The set before is part of
 * it, so that nobody can be shown another difference than the one that comes about.
 *
 * @param before null for the first revision
 * @example
 * const bytes = publishersBytes({ registry, genesis }, set, null);
 * const signature = await crypto.subtle.sign("Ed25519", privateKey, bytes);
 */
export function publishersBytes(
  { registry, genesis }: PublishersScope,
  { entity, revision, keys, threshold }: Omit<PublishersSet, "signatures">,
  before: { readonly keys: readonly { kid: string; x: string }[]; readonly threshold: number } | null,
): Bytes {
  const was =
    before === null ? null : { keys: before.keys.map(({ kid, x }) => ({ kid, x })), threshold: before.threshold };
  const body = canonicalBytes({ registry, genesis, entity, revision, keys, threshold, before: was });
  return concat(utf8("tes-publishers-v1\n"), body);
}
