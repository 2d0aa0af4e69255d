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
  Base64Url32,
  BlobReference,
  Count,
  Entity,
  EntityOrEvery,
  HexHash,
  Labels,
  Origin,
  Proof,
  Receipt,
  Registry,
  Strategy,
  Time,
  Version,
  Visibility,
} from "./fields.ts";
import { isJsonObject, parseWith } from "./parse.ts";
import { RELEASE_ANSWER_SCHEMAS, type ReleaseAnswers } from "./release-answers.ts";
import { GenesisKeys } from "./statements.ts";

/** JSON as it came, an object: its bytes are hashed, so nothing is dropped from it. */
const Json = v.custom<JsonObject>(isJsonObject, "a JSON object");

export type { Receipt } from "./fields.ts";

/** A file as an authority shows it; rules are not applied again to what an older rule accepted. */
const FileView = v.object({ path: v.string(), pattern: v.exactOptional(v.string()) });

const EntityView = v.object({
  entity: Entity,
  version: Version,
  strategy: Strategy,
  parent: v.nullable(Entity),
  files: v.pipe(v.array(FileView), v.readonly()),
  metadata: v.exactOptional(Labels),
  /** Takes no new version any more. */
  retired: v.exactOptional(v.literal(true)),
  seq: Count,
  at: Time,
});
/** An entity. `seq` and `at` are those of the last statement that touched it. */
export type EntityView = v.InferOutput<typeof EntityView>;

const StateAnswer = v.object({
  registry: Registry,
  origin: Origin,
  visibility: Visibility,
  size: Count,
  genesis: HexHash,
  entities: v.array(EntityView),
});
/** `GET /v1/{registry}[?size=]`: all there is, or was, entities by id. `genesis` is the hash that clients pin. */
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
  /** The head of the log, for whoever may read it: a private registry shows it to holders of a token only. */
  checkpoint: v.exactOptional(v.string()),
});
/** `GET …/keys`: the whole chain, from the genesis statement on, to be checked apart from its HTTP signature. */
export type KeysAnswer = v.InferOutput<typeof KeysAnswer>;

const KeyProof = v.object({
  slot: v.picklist(["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"]),
  source: v.picklist(["env", "storage"]),
  kid: Base64Url32,
  mac: Base64Url32,
});
/** What one key of a Worker says. `kid` is the one of its `response-ed25519` key, `mac` is base64url. */
export type KeyProof = v.InferOutput<typeof KeyProof>;

const KeyProofAnswer = v.object({
  registry: Registry,
  authority: v.string(),
  nonce: v.string(),
  genesis: v.nullable(HexHash),
  announced: v.nullable(Base64Url32),
  proofs: v.array(KeyProof),
});
/** `GET …/key-proof?nonce=`. `genesis` and `announced` are null before the registry has its first statement. */
export type KeyProofAnswer = v.InferOutput<typeof KeyProofAnswer>;

const ConsistencyAnswer = v.object({ from: Count, size: Count, proof: Proof, checkpoint: v.string() });
/** `GET …/log/consistency?from=[&to=]`: the log of size `from` is a prefix of that of `size` (RFC 6962 section 2.1.2). */
export type ConsistencyAnswer = v.InferOutput<typeof ConsistencyAnswer>;

const HistoryEntry = v.object({
  seq: Count,
  at: Time,
  by: v.string(),
  type: v.string(),
  /** Where the entity stood after it. */
  version: Version,
  from: v.exactOptional(Version),
  /** What the bump was asked for: this entity, one above it, or `*`. */
  asked: v.exactOptional(EntityOrEvery),
  scope: v.exactOptional(v.picklist(SCOPES)),
  preid: v.exactOptional(v.string()),
  reason: v.exactOptional(BlobReference),
});
/** One statement's mark on an entity. The statement itself: `GET …/log/proof?seq=`. */
export type HistoryEntry = v.InferOutput<typeof HistoryEntry>;

const HistoryAnswer = v.object({
  registry: Registry,
  size: Count,
  entity: Entity,
  entries: v.array(HistoryEntry),
  next: v.nullable(v.string()),
});
/** `GET …/entities/{id}/history[?limit=&cursor=]`: newest first. `next` is the cursor of what is older. */
export type HistoryAnswer = v.InferOutput<typeof HistoryAnswer>;

const DiffAnswer = v.object({
  registry: Registry,
  from: Count,
  to: Count,
  changes: v.array(v.object({ entity: Entity, before: v.nullable(EntityView), after: v.nullable(EntityView) })),
});
/** `GET …/diff?from=[&to=]`: every entity that is not the same at both sizes, by id. */
export type DiffAnswer = v.InferOutput<typeof DiffAnswer>;

const WrittenAnswer = v.object({ receipt: v.nullable(Receipt) });
/** Answers of writes that make one statement. `receipt` is null when it already was so and nothing was written. */
export type WrittenAnswer = v.InferOutput<typeof WrittenAnswer>;

const RegistriesAnswer = v.object({
  size: Count,
  registries: v.array(v.object({ name: Registry, genesis: HexHash, at: Time })),
});
/** `GET /v1/default/registries`: the other registries of the deployment, by name. */
export type RegistriesAnswer = v.InferOutput<typeof RegistriesAnswer>;

const BlobAnswer = v.object({ digest: HexHash, salt: v.string(), text: v.string() });
/** `GET …/blobs/{digest}`: a text that a statement refers to. `digest` = SHA-256(salt ‖ text); `salt` is base64. */
export type BlobAnswer = v.InferOutput<typeof BlobAnswer>;

const ImportAnswer = v.object({
  registry: Registry,
  keys: GenesisKeys,
  received: Count,
  size: v.nullable(Count),
  done: v.boolean(),
});
/**
 * `GET` and `POST …/import`: how far an import is. `keys` are those of this authority for the registry, which
 * `registry.moved` has to name; `received` counts statements, `size` is what the header announced.
 */
export type ImportAnswer = v.InferOutput<typeof ImportAnswer>;

const RebuildAnswer = v.object({ statements: Count, root: Base64Hash, changed: Count });
/** `POST …/rebuild`: what was folded again, and how many rows had not been what the log says. */
export type RebuildAnswer = v.InferOutput<typeof RebuildAnswer>;

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

const SessionAnswer = v.object({
  csrf: v.string(),
  expires: Time,
  jti: v.string(),
  scope: v.array(v.string()),
  sub: v.exactOptional(v.string()),
});
/** `POST` and `GET …/session`, `POST …/session/renew`. `expires` is in milliseconds; `jti`, `scope`, `sub` of its token. */
export type SessionAnswer = v.InferOutput<typeof SessionAnswer>;

const SessionEndAnswer = v.object({ ended: v.literal(true) });
/** `POST …/session/end`. */
export type SessionEndAnswer = v.InferOutput<typeof SessionEndAnswer>;

/** The schemas, for documentation too. */
export const ANSWER_SCHEMAS = {
  state: StateAnswer,
  entities: EntitiesAnswer,
  entity: EntityAnswer,
  genesis: GenesisAnswer,
  declare: DeclareAnswer,
  bump: BumpAnswer,
  keyProof: KeyProofAnswer,
  keys: KeysAnswer,
  consistency: ConsistencyAnswer,
  token: TokenAnswer,
  ticket: TicketAnswer,
  session: SessionAnswer,
  sessionEnd: SessionEndAnswer,
  receipt: Receipt,
  history: HistoryAnswer,
  diff: DiffAnswer,
  written: WrittenAnswer,
  registries: RegistriesAnswer,
  blob: BlobAnswer,
  import: ImportAnswer,
  rebuild: RebuildAnswer,
  ...RELEASE_ANSWER_SCHEMAS,
} as const;

/** Answers by kind. */
export interface Answers extends ReleaseAnswers {
  state: StateAnswer;
  entities: EntitiesAnswer;
  entity: EntityAnswer;
  genesis: GenesisAnswer;
  declare: DeclareAnswer;
  bump: BumpAnswer;
  keyProof: KeyProofAnswer;
  keys: KeysAnswer;
  consistency: ConsistencyAnswer;
  token: TokenAnswer;
  ticket: TicketAnswer;
  session: SessionAnswer;
  sessionEnd: SessionEndAnswer;
  receipt: Receipt;
  history: HistoryAnswer;
  diff: DiffAnswer;
  written: WrittenAnswer;
  registries: RegistriesAnswer;
  blob: BlobAnswer;
  import: ImportAnswer;
  rebuild: RebuildAnswer;
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
  return parseWith(ANSWER_SCHEMAS[kind], json, code) as Answers[K];
}
