/** The file in which publishers hand the next revision of their own set from one to the other until enough have signed. */
import * as v from "valibot";
import type { JsonValue } from "../core/json.ts";
import { Base64Url32, Count, HexHash, Registry } from "./fields.ts";
import { parseWith } from "./parse.ts";
import { publishersSet } from "./releases.ts";

const Key = v.strictObject({ kid: Base64Url32, x: Base64Url32 });

const Proposal = v.strictObject({
  kind: v.literal("tes-publishers-v1"),
  registry: Registry,
  genesis: HexHash,
  ...publishersSet,
  /** The set that it follows. Signed too, but for its revision; null for the first. */
  before: v.nullable(v.strictObject({ revision: Count, keys: v.array(Key), threshold: Count })),
});
/** What is signed is the set in its registry, not the file around it. */
export type PublishersProposal = v.InferOutput<typeof Proposal>;

export const PROPOSAL_KIND = "tes-publishers-v1";

/** @throws invalid_field */
export function parseProposal(json: JsonValue): PublishersProposal {
  return parseWith(Proposal, json);
}
