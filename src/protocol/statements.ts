/** Statements: immutable facts, the only way state changes. The bytes are in docs/formats.md. */
import * as v from "valibot";
import { type Bytes, concat, utf8 } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_FLOOR_ENTITIES, MAX_STATEMENT_BYTES } from "../core/limits.ts";
import { SCOPES } from "../core/semver.ts";
import {
  AuthorityUrl,
  Base64Hash,
  Base64Url32,
  Base64Url64,
  BlobReference,
  Count,
  Entity,
  EntityOrEvery,
  HexHash,
  Labels,
  Origin,
  PreId,
  Registry,
  Seconds,
  Strategy,
  SymmetricKid,
  Time,
  TokenId,
  Version,
  Visibility,
} from "./fields.ts";
import { EntityFiles } from "./files.ts";
import { clip, isJsonObject, parseWith } from "./parse.ts";
import { publishersSet, releaseAttested, releasePublished, releaseYanked } from "./releases.ts";

const envelope = {
  v: v.literal(1),
  registry: Registry,
  seq: Count,
  at: Time,
  by: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,64}$/, "a token id, or genesis")),
  idempotency: v.exactOptional(v.strictObject({ key: HexHash, request: HexHash })),
};

const PublicKey = v.strictObject({ kid: Base64Url32, x: Base64Url32 });
/** An Ed25519 public key: `kid` its RFC 7638 thumbprint, `x` the key, both base64url. */
export type PublicKey = v.InferOutput<typeof PublicKey>;

const SecretKeyName = v.strictObject({ kid: SymmetricKid });

export const GenesisKeys = v.strictObject({
  "log-ed25519": PublicKey,
  "response-ed25519": PublicKey,
  "response-hmac": SecretKeyName,
  "token-hs256": SecretKeyName,
});
/** The keys that sign for a registry, by purpose: those it starts with, or later ones. */
export type GenesisKeys = v.InferOutput<typeof GenesisKeys>;

export const Change = v.strictObject({ entity: Entity, from: Version, to: Version });
/** One entity's step in a bump. */
export type Change = v.InferOutput<typeof Change>;

/** What a restore says, and what its signature covers beside the place in the log. */
const restore = {
  epoch: v.pipe(Count, v.minValue(2, "epochs count from 2")),
  origin: Origin,
  lost: v.strictObject({ size: Count, root: Base64Hash }),
  floor: v.pipe(
    v.array(v.strictObject({ entity: Entity, version: Version })),
    v.maxLength(MAX_FLOOR_ENTITIES, `at most ${MAX_FLOOR_ENTITIES} entities`),
    v.check((floor) => new Set(floor.map(({ entity }) => entity)).size === floor.length, "an entity stands twice"),
  ),
  keys: GenesisKeys,
} as const;

export const STATEMENT_SCHEMAS = {
  "registry.genesis": v.strictObject({
    ...envelope,
    type: v.literal("registry.genesis"),
    visibility: Visibility,
    origin: Origin,
    keys: GenesisKeys,
    recovery: PublicKey,
  }),
  "entity.declared": v.strictObject({
    ...envelope,
    type: v.literal("entity.declared"),
    entity: Entity,
    version: Version,
    strategy: Strategy,
    parent: v.nullable(Entity),
    files: EntityFiles,
    // No labels are said by no member, so that one state has one text.
    metadata: v.exactOptional(
      v.pipe(
        Labels,
        v.check((labels) => Object.keys(labels).length > 0, "at least one label"),
      ),
    ),
  }),
  "version.bumped": v.strictObject({
    ...envelope,
    type: v.literal("version.bumped"),
    entity: EntityOrEvery,
    scope: v.picklist(SCOPES),
    preid: v.exactOptional(PreId),
    reason: v.exactOptional(BlobReference),
    changes: v.pipe(v.array(Change), v.minLength(1, "at least one change")),
  }),
  "entity.retired": v.strictObject({
    ...envelope,
    type: v.literal("entity.retired"),
    entity: Entity,
    reason: v.exactOptional(BlobReference),
  }),
  "token.revoked": v.strictObject({
    ...envelope,
    type: v.literal("token.revoked"),
    token: TokenId,
    exp: Seconds,
  }),
  "registry.listed": v.strictObject({
    ...envelope,
    type: v.literal("registry.listed"),
    name: Registry,
    genesis: HexHash,
  }),
  "registry.delisted": v.strictObject({
    ...envelope,
    type: v.literal("registry.delisted"),
    name: Registry,
  }),
  "blob.erased": v.strictObject({
    ...envelope,
    type: v.literal("blob.erased"),
    digest: HexHash,
  }),
  "registry.moved": v.strictObject({
    ...envelope,
    type: v.literal("registry.moved"),
    to: v.strictObject({ url: AuthorityUrl, keys: GenesisKeys }),
  }),
  "registry.restored": v.strictObject({
    ...envelope,
    type: v.literal("registry.restored"),
    ...restore,
    recovery: v.strictObject({ kid: Base64Url32, signature: Base64Url64 }),
  }),
  "publishers.set": v.strictObject({ ...envelope, type: v.literal("publishers.set"), ...publishersSet }),
  "release.published": v.strictObject({ ...envelope, type: v.literal("release.published"), ...releasePublished }),
  "release.attested": v.strictObject({ ...envelope, type: v.literal("release.attested"), ...releaseAttested }),
  "release.yanked": v.strictObject({ ...envelope, type: v.literal("release.yanked"), ...releaseYanked }),
  "release.unyanked": v.strictObject({ ...envelope, type: v.literal("release.unyanked"), ...releaseYanked }),
} as const;

type Out<T extends keyof typeof STATEMENT_SCHEMAS> = v.InferOutput<(typeof STATEMENT_SCHEMAS)[T]>;
export type Genesis = Out<"registry.genesis">;
export type EntityDeclared = Out<"entity.declared">;
export type VersionBumped = Out<"version.bumped">;
export type EntityRetired = Out<"entity.retired">;
export type TokenRevoked = Out<"token.revoked">;
export type RegistryListed = Out<"registry.listed">;
export type RegistryDelisted = Out<"registry.delisted">;
export type BlobErased = Out<"blob.erased">;
export type RegistryMoved = Out<"registry.moved">;
export type RegistryRestored = Out<"registry.restored">;
export type PublishersSetStatement = Out<"publishers.set">;
export type ReleasePublished = Out<"release.published">;
export type ReleaseAttested = Out<"release.attested">;
export type ReleaseYanked = Out<"release.yanked">;
export type ReleaseUnyanked = Out<"release.unyanked">;
export type Statement =
  | Genesis
  | EntityDeclared
  | VersionBumped
  | EntityRetired
  | TokenRevoked
  | RegistryListed
  | RegistryDelisted
  | BlobErased
  | RegistryMoved
  | RegistryRestored
  | PublishersSetStatement
  | ReleasePublished
  | ReleaseAttested
  | ReleaseYanked
  | ReleaseUnyanked;
export type StatementType = Statement["type"];

type BodyOf<S> = S extends Statement ? Omit<S, "v" | "registry" | "seq" | "at" | "by" | "idempotency"> : never;
/** What a statement says, without where, when and by whom: the envelope is added by whoever holds the log. */
export type StatementBody = BodyOf<Statement>;

/** The types this release knows, in the order in which they came. */
export const STATEMENT_TYPES = Object.keys(STATEMENT_SCHEMAS) as readonly StatementType[];

/**
 * Reads a statement of a type and format version that this release knows. Says nothing about its proof: a statement
 * that this refuses may still stand in the log, and its inclusion can be checked from its bytes.
 *
 * @throws statement_unknown for another `type` or format version; invalid_field for anything else that does not fit.
 */
export function parseStatement(json: JsonValue): Statement {
  if (!isJsonObject(json)) throw new TesError("invalid_field", { detail: "a statement is a JSON object", field: "" });
  const { type, v: format } = json;
  if (typeof type !== "string") {
    throw new TesError("invalid_field", { detail: "a statement names its type", field: "/type" });
  }
  if (!Object.hasOwn(STATEMENT_SCHEMAS, type))
    throw new TesError("statement_unknown", { detail: `type ${clip(type)}` });
  if (typeof format === "number" && format !== 1) {
    throw new TesError("statement_unknown", { detail: `format version ${format}` });
  }
  return parseWith(STATEMENT_SCHEMAS[type as StatementType], json);
}

/**
 * The bytes that are hashed into the log: RFC 8785 in UTF-8.
 *
 * @throws statement_too_large above 65,535 bytes.
 */
export function statementBytes(statement: Statement): Bytes {
  const bytes = canonicalBytes(statement);
  if (bytes.length > MAX_STATEMENT_BYTES) {
    throw new TesError("statement_too_large", {
      detail: `${bytes.length} bytes`,
      facts: { bytes: bytes.length, limit: MAX_STATEMENT_BYTES },
    });
  }
  return bytes;
}

/** What a restore's signature covers beside the statement's own members: where in which log it stands. */
export interface RestoreScope {
  readonly registry: string;
  /** Genesis hash, hex. */
  readonly genesis: string;
  /** The tree just before the statement; `root` base64. */
  readonly size: number;
  readonly root: string;
}

/**
 * The bytes that the recovery key signs (docs/formats.md, `registry.restored`).
 *
 * @example
 * const signature = await crypto.subtle.sign("Ed25519", recovery.privateKey, restoreBytes(scope, body));
 */
export function restoreBytes(
  { registry, genesis, size, root }: RestoreScope,
  { epoch, origin, lost, floor, keys }: Pick<RegistryRestored, "epoch" | "origin" | "lost" | "floor" | "keys">,
): Bytes {
  const signed = canonicalBytes({ registry, genesis, size, root, epoch, origin, lost, floor, keys });
  return concat(utf8("tes-restore-v1\n"), signed);
}
