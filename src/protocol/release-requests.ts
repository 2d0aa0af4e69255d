/** What publishers ask for. Unknown members are refused, as in every request. */
import * as v from "valibot";
import type { JsonValue } from "../core/json.ts";
import { MAX_ATTESTATIONS } from "../core/limits.ts";
import { Count, Reason } from "./fields.ts";
import { isJsonObject, parseWith } from "./parse.ts";
import { publishersSet } from "./releases.ts";

const { revision, keys, threshold, signatures } = publishersSet;

/** The next set of publishers of the entity that the path names: `publishersBytes` has what is signed. */
export const PublishersRequest = v.strictObject({ revision, keys, threshold, signatures });
export type PublishersRequest = v.InferOutput<typeof PublishersRequest>;

/** A DSSE envelope as it came: dsse.ts reads it, and nothing of it is believed before. */
const Envelope = v.custom<Record<string, JsonValue>>(isJsonObject, "a DSSE envelope");

/**
 * Publishes the release that the envelope's payload describes, signed by as many publishers as its entity asks for.
 * Attestations carry the same subjects and signers. `dryRun` checks it all and writes nothing.
 */
export const ReleaseRequest = v.strictObject({
  envelope: Envelope,
  attestations: v.exactOptional(
    v.pipe(v.array(Envelope), v.maxLength(MAX_ATTESTATIONS, `at most ${MAX_ATTESTATIONS} attestations`)),
  ),
  dryRun: v.exactOptional(v.boolean()),
});
export type ReleaseRequest = v.InferOutput<typeof ReleaseRequest>;

/** Withdraws a release, or takes that back. */
export const YankRequest = v.strictObject({ reason: v.exactOptional(Reason) });
export type YankRequest = v.InferOutput<typeof YankRequest>;

/** Begins the upload of a file, or asks how far it is. `size` in bytes. */
export const ArtifactRequest = v.strictObject({ size: Count });
export type ArtifactRequest = v.InferOutput<typeof ArtifactRequest>;

/** @throws invalid_field */
export function parseArtifactRequest(json: JsonValue): ArtifactRequest {
  return parseWith(ArtifactRequest, json);
}

/** @throws invalid_field */
export function parsePublishersRequest(json: JsonValue): PublishersRequest {
  return parseWith(PublishersRequest, json);
}

/** @throws invalid_field */
export function parseReleaseRequest(json: JsonValue): ReleaseRequest {
  return parseWith(ReleaseRequest, json);
}

/** @throws invalid_field */
export function parseYankRequest(json: JsonValue): YankRequest {
  return parseWith(YankRequest, json);
}
