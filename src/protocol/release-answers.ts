/** What an authority answers about publishers and releases. As in answers.ts, what must be believed proves itself. */
import * as v from "valibot";
import type { JsonObject } from "../core/json.ts";
import { Base64Url32, BlobReference, Count, Entity, HexHash, Receipt, Registry, Time, Version } from "./fields.ts";
import { isJsonObject } from "./parse.ts";

const Json = v.custom<JsonObject>(isJsonObject, "a JSON object");

const ReleaseView = v.object({
  entity: Entity,
  version: Version,
  content: HexHash,
  seq: Count,
  at: Time,
  files: Count,
  /** Kids. */
  signers: v.array(Base64Url32),
  yanked: v.nullable(v.object({ seq: Count, at: Time, reason: v.exactOptional(BlobReference) })),
});
/** A release in short. `seq` and `at` are those of its first statement. */
export type ReleaseView = v.InferOutput<typeof ReleaseView>;

const ReleasesAnswer = v.object({
  registry: Registry,
  size: Count,
  releases: v.array(ReleaseView),
  next: v.nullable(v.string()),
});
/** `GET …/releases[?entity=&limit=&cursor=]`: newest first. `next` is the cursor of what is older. */
export type ReleasesAnswer = v.InferOutput<typeof ReleasesAnswer>;

/** The text of a payload is null when it was erased, or never came with an import. */
const Payload = v.nullable(v.string());

const ReleaseAnswer = v.object({
  registry: Registry,
  size: Count,
  release: ReleaseView,
  payload: Payload,
  receipts: v.array(Receipt),
  attestations: v.array(v.object({ predicateType: v.string(), payload: Payload, receipts: v.array(Receipt) })),
  publishers: v.array(Receipt),
});
/**
 * `GET …/releases/{id}/{version}`: the in-toto statement that was signed, a receipt for each signature, the
 * attestations beside it, and the receipts of every revision of the entity's publishers. With the answer of `…/keys` it
 * proves itself.
 */
export type ReleaseAnswer = v.InferOutput<typeof ReleaseAnswer>;

const BundlesAnswer = v.object({
  entity: Entity,
  version: Version,
  bundles: v.array(v.object({ signer: Base64Url32, predicateType: v.string(), bundle: Json })),
});
/** `GET …/releases/{id}/{version}/bundle`: a Sigstore bundle v0.3 for each signature. */
export type BundlesAnswer = v.InferOutput<typeof BundlesAnswer>;

const PublishAnswer = v.object({
  dryRun: v.boolean(),
  entity: Entity,
  version: Version,
  content: HexHash,
  /** True when this very content was released as this version before: nothing was written. */
  already: v.boolean(),
  receipts: v.array(Receipt),
});
/** `POST …/releases`. Receipts in the order of the log: the signatures of the release, then those of attestations. */
export type PublishAnswer = v.InferOutput<typeof PublishAnswer>;

const PublishersAnswer = v.object({
  registry: Registry,
  size: Count,
  entity: Entity,
  revision: Count,
  threshold: Count,
  keys: v.array(v.object({ kid: Base64Url32, x: Base64Url32 })),
  receipts: v.array(Receipt),
});
/** `GET …/publishers/{id}`: who publishes an entity, and the receipts of how that came. Revision 0: nobody yet. */
export type PublishersAnswer = v.InferOutput<typeof PublishersAnswer>;

const TrustedRootAnswer = v.object({ mediaType: v.string(), tlogs: v.array(Json) });
/** `GET …/trusted-root`: the trusted_root.json that Sigstore's verifiers read. */
export type TrustedRootAnswer = v.InferOutput<typeof TrustedRootAnswer>;

const ArtifactAnswer = v.object({
  registry: Registry,
  /** SHA-256 of the file, hex. */
  digest: HexHash,
  size: Count,
  state: v.picklist(["open", "stored"]),
  /** All parts have this many bytes but the last. */
  partBytes: Count,
  /** Numbers of the parts that are there, from 1. */
  parts: v.array(Count),
});
/** `POST …/artifacts/{sha256}` and below: how far an upload is. */
export type ArtifactAnswer = v.InferOutput<typeof ArtifactAnswer>;

export const RELEASE_ANSWER_SCHEMAS = {
  releases: ReleasesAnswer,
  release: ReleaseAnswer,
  bundles: BundlesAnswer,
  publish: PublishAnswer,
  publishers: PublishersAnswer,
  trustedRoot: TrustedRootAnswer,
  artifact: ArtifactAnswer,
} as const;

/** Answers by kind. */
export interface ReleaseAnswers {
  releases: ReleasesAnswer;
  release: ReleaseAnswer;
  bundles: BundlesAnswer;
  publish: PublishAnswer;
  publishers: PublishersAnswer;
  trustedRoot: TrustedRootAnswer;
  artifact: ArtifactAnswer;
}
