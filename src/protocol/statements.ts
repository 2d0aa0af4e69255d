/** Statements: immutable facts, the only way state changes. The bytes are in docs/formats.md. */
import * as v from "valibot";
import type { Bytes } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_STATEMENT_BYTES } from "../core/limits.ts";
import { SCOPES } from "../core/semver.ts";
import {
  Base64Url32,
  Count,
  Entity,
  EntityOrEvery,
  HexHash,
  Origin,
  PreId,
  Registry,
  Strategy,
  SymmetricKid,
  Time,
  Version,
  Visibility,
} from "./fields.ts";
import { EntityFiles } from "./files.ts";
import { clip, isJsonObject, parseWith } from "./parse.ts";

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

const GenesisKeys = v.strictObject({
  "log-ed25519": PublicKey,
  "response-ed25519": PublicKey,
  "response-hmac": SecretKeyName,
  "token-hs256": SecretKeyName,
});
/** The keys a registry starts with, by purpose. */
export type GenesisKeys = v.InferOutput<typeof GenesisKeys>;

export const Change = v.strictObject({ entity: Entity, from: Version, to: Version });
/** One entity's step in a bump. */
export type Change = v.InferOutput<typeof Change>;

const SCHEMAS = {
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
  }),
  "version.bumped": v.strictObject({
    ...envelope,
    type: v.literal("version.bumped"),
    entity: EntityOrEvery,
    scope: v.picklist(SCOPES),
    preid: v.exactOptional(PreId),
    changes: v.pipe(v.array(Change), v.minLength(1, "at least one change")),
  }),
} as const;

export type Genesis = v.InferOutput<(typeof SCHEMAS)["registry.genesis"]>;
export type EntityDeclared = v.InferOutput<(typeof SCHEMAS)["entity.declared"]>;
export type VersionBumped = v.InferOutput<(typeof SCHEMAS)["version.bumped"]>;
export type Statement = Genesis | EntityDeclared | VersionBumped;
export type StatementType = Statement["type"];

type BodyOf<S> = S extends Statement ? Omit<S, "v" | "registry" | "seq" | "at" | "by" | "idempotency"> : never;
/** What a statement says, without where, when and by whom: the envelope is added by whoever holds the log. */
export type StatementBody = BodyOf<Statement>;

/** The types this release knows, in the order in which they came. */
export const STATEMENT_TYPES = Object.keys(SCHEMAS) as readonly StatementType[];

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
  if (!Object.hasOwn(SCHEMAS, type)) throw new TesError("statement_unknown", { detail: `type ${clip(type)}` });
  if (typeof format === "number" && format !== 1) {
    throw new TesError("statement_unknown", { detail: `format version ${format}` });
  }
  return parseWith(SCHEMAS[type as StatementType], json);
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
