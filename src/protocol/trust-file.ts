/** A file from which releases are verified offline: the registry's genesis, its keys, and who publishes what. */
import * as v from "valibot";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { MAX_ENTITIES } from "../core/limits.ts";
import { Entity, HexHash, Receipt, Registry, Time } from "./fields.ts";
import { isJsonObject, parseWith } from "./parse.ts";

export const TRUST_KIND = "tes-trust-v1" as const;

const TrustFile = v.strictObject({
  kind: v.literal(TRUST_KIND),
  registry: Registry,
  genesis: HexHash,
  /** When it was written. */
  at: Time,
  /** The answer of `…/keys`. */
  keys: v.custom<JsonObject>(isJsonObject, "a JSON object"),
  /** Receipts of every revision, by entity. */
  publishers: v.pipe(
    v.array(v.strictObject({ entity: Entity, receipts: v.array(Receipt) })),
    v.maxLength(MAX_ENTITIES, `at most ${MAX_ENTITIES} entities`),
  ),
});
/** Nothing in it is signed as a whole: whoever hands it on is trusted for the genesis, and everything else proves itself. */
export type TrustFile = v.InferOutput<typeof TrustFile>;

/** @throws invalid_field */
export function parseTrustFile(json: JsonValue): TrustFile {
  return parseWith(TrustFile, json);
}
