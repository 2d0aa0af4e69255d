/** What clients ask for. Unknown members are refused: a misspelt `expceted` must not become an unguarded write. */
import * as v from "valibot";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../core/limits.ts";
import { SCOPES } from "../core/semver.ts";
import {
  Base64Url32,
  Entity,
  EntityOrEvery,
  Labels,
  Origin,
  PreId,
  Reason,
  Seconds,
  Strategy,
  Version,
  Visibility,
} from "./fields.ts";
import { DeclaredFiles } from "./files.ts";
import { EVERY_ENTITY } from "./ids.ts";
import { parseWith } from "./parse.ts";
import { ArtifactRequest, PublishersRequest, ReleaseRequest, YankRequest } from "./release-requests.ts";
import { STATEMENT_SCHEMAS } from "./statements.ts";
import { isScope } from "./tokens.ts";

/** Entities declared by one request. Each is a statement of its own; all are written, or none. */
export const MAX_DECLARATIONS = 100;

const GenesisRequest = v.strictObject({
  visibility: Visibility,
  origin: v.exactOptional(Origin),
  recovery: v.strictObject({ x: Base64Url32 }),
});
/** Opens a registry. `recovery.x` is the public half of the offline recovery key, base64url. */
export type GenesisRequest = v.InferOutput<typeof GenesisRequest>;

const Declaration = v.strictObject({
  entity: Entity,
  version: v.exactOptional(Version),
  strategy: v.exactOptional(Strategy),
  parent: v.exactOptional(v.nullable(Entity)),
  files: v.exactOptional(DeclaredFiles),
  metadata: v.exactOptional(Labels),
});
/**
 * One entity to declare. Members left out keep their current value; on the first declaration they are: version 0.1.0
 * (lockstep: the parent's), strategy independent, parent null, files none, metadata none.
 */
export type Declaration = v.InferOutput<typeof Declaration>;

const DeclareRequest = v.strictObject({
  entities: v.pipe(
    v.array(Declaration),
    v.minLength(1, "at least one entity"),
    v.maxLength(MAX_DECLARATIONS, `at most ${MAX_DECLARATIONS} entities in one request`),
  ),
});
/** Declares 1 to 100 entities, in any order: parents may stand after their children. */
export type DeclareRequest = v.InferOutput<typeof DeclareRequest>;

const BumpRequest = v.strictObject({
  entity: EntityOrEvery,
  scope: v.picklist(SCOPES),
  preid: v.exactOptional(PreId),
  expected: v.exactOptional(Version),
  dryRun: v.exactOptional(v.boolean()),
  reason: v.exactOptional(Reason),
});
/**
 * Asks for the next version of an entity and what follows it. `expected` makes it a compare-and-swap on that entity's
 * current version; `dryRun` answers with the plan and writes nothing. `reason` is kept beside the log.
 */
export type BumpRequest = v.InferOutput<typeof BumpRequest>;

const TokenRequest = v.strictObject({
  scope: v.pipe(
    v.array(v.pipe(v.string(), v.check(isScope, "bump:<glob>, release:<glob>, channel:<glob>, read, watch or admin"))),
    v.minLength(1, "at least one scope"),
    v.maxLength(MAX_TOKEN_SCOPES, `at most ${MAX_TOKEN_SCOPES} scopes`),
  ),
  expiresIn: v.pipe(
    v.number(),
    v.check(
      (seconds) => Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_TOKEN_LIFETIME_S,
      `whole seconds, from 1 to ${MAX_TOKEN_LIFETIME_S}`,
    ),
  ),
  label: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,64}$/, "1 to 64 visible ASCII characters"))),
});
/** Asks for a token: its scopes, its life in seconds, and a label that becomes `sub`. */
export type TokenRequest = v.InferOutput<typeof TokenRequest>;

const RetireRequest = v.strictObject({ reason: v.exactOptional(Reason) });
/** Retires an entity: it keeps its last version for ever. */
export type RetireRequest = v.InferOutput<typeof RetireRequest>;

const RevokeRequest = v.strictObject({ exp: v.exactOptional(Seconds) });
/** Revokes a token. `exp`: when it would have expired, if known; the longest life otherwise. */
export type RevokeRequest = v.InferOutput<typeof RevokeRequest>;

const EmptyRequest = v.strictObject({});
/** What needs nothing said: `{}`. */
export type EmptyRequest = v.InferOutput<typeof EmptyRequest>;

const MoveRequest = v.strictObject({ to: STATEMENT_SCHEMAS["registry.moved"].entries.to });
/** Names the place and the keys under which the registry goes on. Nothing is written here after it. */
export type MoveRequest = v.InferOutput<typeof MoveRequest>;

const { epoch, origin, lost, floor, keys, recovery } = STATEMENT_SCHEMAS["registry.restored"].entries;
const RestoreRequest = v.strictObject({ epoch, origin, lost, floor, keys, recovery });
/** Opens an old backup as a new epoch, as the holder of the recovery key signed it. */
export type RestoreRequest = v.InferOutput<typeof RestoreRequest>;

const TicketRequest = v.strictObject({
  origin: v.pipe(
    v.string(),
    v.regex(
      /^https?:\/\/[a-z0-9.-]{1,253}(?::[1-9][0-9]{0,4})?$/,
      "an origin as a browser sends it: scheme, host, port",
    ),
  ),
});
/** Asks for a ticket: the origin (RFC 6454) of the page that will use it. */
export type TicketRequest = v.InferOutput<typeof TicketRequest>;

/** The schemas, for documentation. Parse with the functions below: they check what a schema cannot say. */
export const REQUEST_SCHEMAS = {
  genesis: GenesisRequest,
  declare: DeclareRequest,
  bump: BumpRequest,
  token: TokenRequest,
  ticket: TicketRequest,
  retire: RetireRequest,
  revoke: RevokeRequest,
  empty: EmptyRequest,
  move: MoveRequest,
  restore: RestoreRequest,
  publishers: PublishersRequest,
  release: ReleaseRequest,
  yank: YankRequest,
  artifact: ArtifactRequest,
} as const;

/** @throws invalid_field */
export function parseRetireRequest(json: JsonValue): RetireRequest {
  return parseWith(RetireRequest, json);
}

/** @throws invalid_field */
export function parseRevokeRequest(json: JsonValue): RevokeRequest {
  return parseWith(RevokeRequest, json);
}

/** @throws invalid_field */
export function parseEmptyRequest(json: JsonValue): EmptyRequest {
  return parseWith(EmptyRequest, json);
}

/** @throws invalid_field */
export function parseMoveRequest(json: JsonValue): MoveRequest {
  return parseWith(MoveRequest, json);
}

/** @throws invalid_field */
export function parseRestoreRequest(json: JsonValue): RestoreRequest {
  return parseWith(RestoreRequest, json);
}

/** @throws invalid_field */
export function parseGenesisRequest(json: JsonValue): GenesisRequest {
  return parseWith(GenesisRequest, json);
}

/** @throws invalid_field, also for an entity that stands twice */
export function parseDeclareRequest(json: JsonValue): DeclareRequest {
  const request = parseWith(DeclareRequest, json);
  const seen = new Set<string>();
  for (const [i, { entity }] of request.entities.entries()) {
    if (seen.has(entity)) throw invalid(`/entities/${i}/entity`, "this entity stands twice");
    seen.add(entity);
  }
  return request;
}

/** @throws invalid_field, also for `preid` with a scope that makes no prerelease, and for `expected` with `*` */
export function parseBumpRequest(json: JsonValue): BumpRequest {
  const request = parseWith(BumpRequest, json);
  if (request.preid !== undefined && !request.scope.startsWith("pre")) {
    throw invalid("/preid", "preid goes with premajor, preminor, prepatch and prerelease");
  }
  if (request.expected !== undefined && request.entity === EVERY_ENTITY) {
    throw invalid("/expected", "expected names the version of one entity, and * is all of them");
  }
  return request;
}

/** @throws invalid_field */
export function parseTokenRequest(json: JsonValue): TokenRequest {
  return parseWith(TokenRequest, json);
}

/** @throws invalid_field */
export function parseTicketRequest(json: JsonValue): TicketRequest {
  return parseWith(TicketRequest, json);
}

function invalid(field: string, detail: string): TesError {
  return new TesError("invalid_field", { field, detail });
}
