/**
 * What an authority answers. A newer authority may add members, so unknown ones are passed over; what is here is
 * checked. What must be believed is checked from bytes elsewhere (signatures, proofs), never from these shapes.
 */
import * as v from "valibot";
import type { ErrorCode } from "../core/errors.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { SCOPES } from "../core/semver.ts";
import {
  Base64Hash,
  Count,
  Entity,
  EntityOrEvery,
  HexHash,
  Origin,
  Registry,
  Strategy,
  Time,
  Version,
  Visibility,
} from "./fields.ts";
import { isJsonObject, parseWith } from "./parse.ts";

/** JSON as it came, an object: its bytes are hashed, so nothing is dropped from it. */
const Json = v.custom<JsonObject>(isJsonObject, "a JSON object");

/** An RFC 6962 proof: a tree of 2^53 leaves has at most 53 levels, and a consistency proof one hash more. */
const Proof = v.pipe(v.array(Base64Hash), v.maxLength(54, "at most 54 hashes"));

const Receipt = v.object({
  statement: Json,
  inclusion: v.object({ index: Count, size: Count, proof: Proof }),
  checkpoint: v.string(),
});
/**
 * Proves itself: the statement (as JSON, whatever its type), where its leaf stands, the audit path from the leaf up
 * (base64), and the signed checkpoint of size `inclusion.size`.
 */
export type Receipt = v.InferOutput<typeof Receipt>;

/** A file as an authority shows it; rules are not applied again to what an older rule accepted. */
const FileView = v.object({ path: v.string(), pattern: v.exactOptional(v.string()) });

const EntityView = v.object({
  entity: Entity,
  version: Version,
  strategy: Strategy,
  parent: v.nullable(Entity),
  files: v.pipe(v.array(FileView), v.readonly()),
  seq: Count,
  at: Time,
});
/** An entity now. `seq` and `at` are those of the last statement that touched it. */
export type EntityView = v.InferOutput<typeof EntityView>;

const StateAnswer = v.object({
  registry: Registry,
  origin: Origin,
  visibility: Visibility,
  size: Count,
  genesis: HexHash,
  entities: v.array(EntityView),
});
/** `GET /v1/{registry}`: all there is now, entities by id. `genesis` is the hash that clients pin. */
export type StateAnswer = v.InferOutput<typeof StateAnswer>;

const EntitiesAnswer = v.object({ registry: Registry, size: Count, entities: v.array(EntityView) });
/** `GET …/entities`. */
export type EntitiesAnswer = v.InferOutput<typeof EntitiesAnswer>;

const EntityAnswer = v.object({ registry: Registry, size: Count, entity: EntityView });
/** `GET …/entities/{id}`. */
export type EntityAnswer = v.InferOutput<typeof EntityAnswer>;

const GenesisAnswer = v.object({ genesis: HexHash, receipt: Receipt });
/** `POST /v1/{registry}`. */
export type GenesisAnswer = v.InferOutput<typeof GenesisAnswer>;

const DeclareAnswer = v.object({ receipts: v.array(Receipt), unchanged: v.array(Entity) });
/** `POST …/entities`: a receipt for each statement written, and the entities that already were as asked. */
export type DeclareAnswer = v.InferOutput<typeof DeclareAnswer>;

const BumpAnswer = v.object({
  dryRun: v.boolean(),
  entity: EntityOrEvery,
  scope: v.picklist(SCOPES),
  changes: v.array(v.object({ entity: Entity, from: Version, to: Version })),
  receipt: v.nullable(Receipt),
});
/** `POST …/bump`. `receipt` is null for a dry run, and only then. */
export type BumpAnswer = v.InferOutput<typeof BumpAnswer>;

const KeyView = v.object({
  kid: v.string(),
  use: v.string(),
  alg: v.string(),
  kty: v.exactOptional(v.string()),
  crv: v.exactOptional(v.string()),
  x: v.exactOptional(v.string()),
  status: v.string(),
});
/** One key, in the manner of a JWK (RFC 7517). `use` is its purpose; symmetric keys show nothing but their name. */
export type KeyView = v.InferOutput<typeof KeyView>;

const KeysAnswer = v.object({
  registry: Registry,
  genesis: Json,
  announcements: v.array(Json),
  keys: v.array(KeyView),
  checkpoint: v.string(),
});
/** `GET …/keys`: the whole chain, from the genesis statement on, to be checked apart from its HTTP signature. */
export type KeysAnswer = v.InferOutput<typeof KeysAnswer>;

const ConsistencyAnswer = v.object({ from: Count, size: Count, proof: Proof, checkpoint: v.string() });
/** `GET …/log/consistency?from=[&to=]`: the log of size `from` is a prefix of that of `size` (RFC 6962 section 2.1.2). */
export type ConsistencyAnswer = v.InferOutput<typeof ConsistencyAnswer>;

const TokenAnswer = v.object({
  token: v.string(),
  jti: v.string(),
  exp: v.pipe(v.number(), v.integer("whole seconds")),
});
/** `POST …/tokens`. The only place where a token is shown; `exp` is in seconds. */
export type TokenAnswer = v.InferOutput<typeof TokenAnswer>;

const TicketAnswer = v.object({ ticket: v.string(), exp: Time });
/** `POST …/tickets`. `exp` is in milliseconds. */
export type TicketAnswer = v.InferOutput<typeof TicketAnswer>;

const SCHEMAS = {
  state: StateAnswer,
  entities: EntitiesAnswer,
  entity: EntityAnswer,
  genesis: GenesisAnswer,
  declare: DeclareAnswer,
  bump: BumpAnswer,
  keys: KeysAnswer,
  consistency: ConsistencyAnswer,
  token: TokenAnswer,
  ticket: TicketAnswer,
  receipt: Receipt,
} as const;

/** Answers by kind. */
export interface Answers {
  state: StateAnswer;
  entities: EntitiesAnswer;
  entity: EntityAnswer;
  genesis: GenesisAnswer;
  declare: DeclareAnswer;
  bump: BumpAnswer;
  keys: KeysAnswer;
  consistency: ConsistencyAnswer;
  token: TokenAnswer;
  ticket: TicketAnswer;
  receipt: Receipt;
}

/**
 * Reads an answer of a kind.
 *
 * @throws `code` (answer_malformed unless given) with the JSON pointer of what does not fit
 * @example
 * parseAnswer("state", parseJson(body)).entities[0]?.version;
 */
export function parseAnswer<K extends keyof Answers>(
  kind: K,
  json: JsonValue,
  code: ErrorCode = "answer_malformed",
): Answers[K] {
  return parseWith(SCHEMAS[kind], json, code) as Answers[K];
}
