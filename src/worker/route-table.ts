/**
 * The routes of one registry: who may call each, what it takes, what it says. Nothing but data: the object dispatches
 * by it, and docs/answers.md and the OpenAPI document are generated from it.
 */

import type { ErrorCode } from "../core/errors.ts";
import type { ANSWER_SCHEMAS } from "../protocol/answers.ts";
import type { REQUEST_SCHEMAS } from "../protocol/requests.ts";

/** A JSON answer's kind, or another media type: a signed note, OpenMetrics, lines of JSON, a WebSocket. */
export type AnswerKind = keyof typeof ANSWER_SCHEMAS | "note" | "metrics" | "lines" | "socket" | "bytes";

export interface RouteSpec {
  readonly method: "GET" | "POST";
  /** Below /v1/{registry}. */
  readonly path: string;
  /**
   * `open`: anyone. `read`: anyone on a public registry, scope `read` on a private one. `token`: any token. `session`: a
   * page's session, and no token. Otherwise the scope that a token needs.
   */
  readonly access:
    | "open"
    | "read"
    | "token"
    | "token:read"
    | "token:watch"
    | "session"
    | "admin"
    | "bump:<glob>"
    | "release:<glob>";
  readonly query: readonly string[];
  /** The body of a write, `lines` for a part of an export, `bytes` for a part of a file. */
  readonly request?: keyof typeof REQUEST_SCHEMAS | "lines" | "bytes";
  readonly answer: AnswerKind;
  /** 426: over HTTP alone this route has nothing to say. */
  readonly status?: 201 | 426;
  /** Whether the Worker may answer from memory for up to a second, on a public registry. */
  readonly cached: boolean;
  /** Whether it writes statements, and so needs an Idempotency-Key. */
  readonly writes: boolean;
  /** What it may refuse with, beside what every route may. */
  readonly codes: readonly ErrorCode[];
  /** Only the registry `default` has it. */
  readonly onlyDefault?: true;
  readonly summary: string;
}

type Read = Pick<RouteSpec, "method" | "access" | "cached" | "writes">;
const read: Read = { method: "GET", access: "read", cached: true, writes: false };
const adminRead: Read = { method: "GET", access: "admin", cached: false, writes: false };
const adminWrite: Read = { method: "POST", access: "admin", cached: false, writes: true };

export const ROUTE_TABLE = {
  state: {
    ...read,
    path: "/",
    query: ["size"],
    answer: "state",
    codes: ["invalid_field"],
    summary: "The registry: its genesis hash, log size and all entities, now or when the log had `size` statements.",
  },
  genesis: {
    ...adminWrite,
    path: "/",
    query: [],
    request: "genesis",
    answer: "genesis",
    status: 201,
    codes: ["invalid_field", "genesis_exists", "registry_unknown"],
    summary:
      "Opens the registry: by a token minted offline for its name, or an admin token of `default`, which then lists it.",
  },
  bump: {
    ...adminWrite,
    path: "/bump",
    access: "bump:<glob>",
    query: [],
    request: "bump",
    answer: "bump",
    codes: [
      "invalid_field",
      "entity_unknown",
      "entity_retired",
      "lockstep_follows_parent",
      "version_conflict",
      "nothing_to_bump",
      "version_overflow",
      "statement_too_large",
    ],
    summary:
      "One atomic increment with its cascade; with dryRun, the plan only. `POST /bump` is the same for `default`.",
  },
  entities: {
    ...read,
    path: "/entities",
    query: ["type"],
    answer: "entities",
    codes: ["invalid_field"],
    summary: "All entities, or those of one type.",
  },
  declare: {
    ...adminWrite,
    path: "/entities",
    query: [],
    request: "declare",
    answer: "declare",
    codes: [
      "invalid_field",
      "parent_unknown",
      "cascade_cycle",
      "entity_limit",
      "entity_retired",
      "statement_too_large",
    ],
    summary: "Declares entities, or changes their parent, strategy, files and labels: all of them or none.",
  },
  entity: {
    ...read,
    path: "/entities/:entity",
    query: ["size"],
    answer: "entity",
    codes: ["invalid_field", "entity_unknown"],
    summary: "One entity, now or when the log had `size` statements.",
  },
  history: {
    ...read,
    path: "/entities/:entity/history",
    query: ["limit", "cursor"],
    answer: "history",
    codes: ["invalid_field", "entity_unknown"],
    summary: "What touched an entity, newest first, `limit` at a time (1 to 100, 50 unless given).",
  },
  retire: {
    ...adminWrite,
    path: "/entities/:entity/retire",
    query: [],
    request: "retire",
    answer: "written",
    codes: ["invalid_field", "entity_unknown", "entity_has_children"],
    summary: "Retires an entity: it keeps its last version and takes no other.",
  },
  diff: {
    ...read,
    path: "/diff",
    query: ["from", "to"],
    answer: "diff",
    codes: ["invalid_field"],
    summary: "The entities that are not the same at log size `from` and at `to`, or now.",
  },
  blob: {
    ...read,
    path: "/blobs/:digest",
    query: [],
    answer: "blob",
    codes: ["invalid_field", "blob_unknown", "blob_erased"],
    summary: "A text that a statement refers to by its salted digest.",
  },
  eraseBlob: {
    ...adminWrite,
    path: "/blobs/:digest/erase",
    query: [],
    request: "empty",
    answer: "written",
    codes: ["invalid_field", "blob_unknown"],
    summary: "Erases such a text with its salt; the log stays whole.",
  },
  publishers: {
    ...read,
    path: "/publishers/:entity",
    query: [],
    answer: "publishers",
    codes: ["invalid_field", "entity_unknown"],
    summary: "Whose signatures publish an entity, how many of them it takes, and the receipts of how that came.",
  },
  setPublishers: {
    ...adminWrite,
    path: "/publishers/:entity",
    access: "release:<glob>",
    query: [],
    request: "publishers",
    answer: "written",
    codes: [
      "invalid_field",
      "entity_unknown",
      "publishers_conflict",
      "signatures_insufficient",
      "signature_invalid",
      "key_unknown",
    ],
    summary:
      "The next set of publishers: the first takes scope admin and a signature of each key, a later one the signatures that the present set asks for.",
  },
  releases: {
    ...read,
    path: "/releases",
    query: ["entity", "limit", "cursor"],
    answer: "releases",
    codes: ["invalid_field"],
    summary: "Releases, newest first, of one entity or of all, `limit` at a time (1 to 100, 50 unless given).",
  },
  publish: {
    ...adminWrite,
    path: "/releases",
    access: "release:<glob>",
    query: [],
    request: "release",
    answer: "publish",
    codes: [
      "invalid_field",
      "entity_unknown",
      "version_unknown",
      "publishers_missing",
      "signatures_insufficient",
      "signature_invalid",
      "release_exists",
      "artifact_missing",
      "artifact_name",
      "artifact_name_collision",
      "artifact_limit",
      "attestation_too_large",
      "envelope_invalid",
    ],
    summary: "Publishes a version, once: all signatures and attestations are written, or none.",
  },
  release: {
    ...read,
    path: "/releases/:entity/:version",
    query: [],
    answer: "release",
    codes: ["invalid_field", "release_unknown"],
    summary: "A release with its receipts, payloads and publishers: together with the keys it proves itself.",
  },
  bundles: {
    ...read,
    path: "/releases/:entity/:version/bundle",
    query: [],
    answer: "bundles",
    codes: ["invalid_field", "release_unknown", "blob_erased"],
    summary: "A Sigstore bundle v0.3 for each signature of a release and its attestations.",
  },
  yank: {
    ...adminWrite,
    path: "/releases/:entity/:version/yank",
    access: "release:<glob>",
    query: [],
    request: "yank",
    answer: "written",
    codes: ["invalid_field", "release_unknown"],
    summary: "Withdraws a release: it stays provable, and whoever asks is told.",
  },
  unyank: {
    ...adminWrite,
    path: "/releases/:entity/:version/unyank",
    access: "release:<glob>",
    query: [],
    request: "yank",
    answer: "written",
    codes: ["invalid_field", "release_unknown"],
    summary: "Takes a withdrawal back.",
  },
  beginArtifact: {
    ...adminWrite,
    path: "/artifacts/:digest",
    access: "release:<glob>",
    writes: false,
    query: [],
    request: "artifact",
    answer: "artifact",
    codes: ["invalid_field", "artifact_store_missing", "artifact_limit", "artifact_corrupt", "upload_invalid"],
    summary: "Begins the upload of a file by its SHA-256, or says which parts are there. Writes no statement.",
  },
  artifactPart: {
    ...adminWrite,
    path: "/artifacts/:digest/parts/:n",
    access: "release:<glob>",
    writes: false,
    query: [],
    request: "bytes",
    answer: "artifact",
    codes: ["invalid_field", "artifact_store_missing", "artifact_unknown", "upload_invalid", "content_digest_mismatch"],
    summary: "One part of it, with its Content-Digest: streamed to storage, kept only if it is whole and right.",
  },
  completeArtifact: {
    ...adminWrite,
    path: "/artifacts/:digest/complete",
    access: "release:<glob>",
    writes: false,
    query: [],
    request: "empty",
    answer: "artifact",
    codes: ["invalid_field", "artifact_store_missing", "artifact_unknown", "artifact_corrupt", "upload_invalid"],
    summary: "Reads the whole back and checks its SHA-256; what is something else is taken away.",
  },
  artifact: {
    ...read,
    path: "/artifacts/:digest",
    cached: false,
    query: [],
    answer: "bytes",
    codes: ["invalid_field", "artifact_store_missing", "artifact_unknown", "artifact_damaged", "range_unsatisfiable"],
    summary:
      "A file of a published release, whole or a range. Its Repr-Digest is its own name, so that it is not signed; refusals are.",
  },
  trustedRoot: {
    ...read,
    path: "/trusted-root",
    query: [],
    answer: "trustedRoot",
    codes: [],
    summary: "The trusted_root.json of this log, for Sigstore's verifiers.",
  },
  tokens: {
    ...adminWrite,
    path: "/tokens",
    writes: false,
    query: [],
    request: "token",
    answer: "token",
    codes: ["invalid_field"],
    summary: "A token for this registry: its scopes and life as asked. Writes no statement.",
  },
  revoke: {
    ...adminWrite,
    path: "/tokens/:token/revoke",
    query: [],
    request: "revoke",
    answer: "written",
    codes: ["invalid_field"],
    summary: "Makes a token worth nothing from the next request on.",
  },
  keyProof: {
    ...read,
    access: "open",
    cached: false,
    path: "/key-proof",
    query: ["nonce"],
    answer: "keyProof",
    codes: ["nonce_invalid"],
    summary:
      "Shows which keys are in place, to whoever holds them: it proves itself, and `default` answers it before its genesis, unsigned.",
  },
  tickets: {
    ...adminWrite,
    path: "/tickets",
    access: "token:watch",
    writes: false,
    query: [],
    request: "ticket",
    answer: "ticket",
    codes: ["invalid_field"],
    summary: "A ticket with which one page opens one socket, within 30 seconds. Writes no statement.",
  },
  openSession: {
    ...adminWrite,
    path: "/session",
    access: "token",
    writes: false,
    query: [],
    request: "empty",
    answer: "session",
    codes: ["csrf_refused", "invalid_field"],
    summary:
      "Signs a page of this very origin in: its token is exchanged for a session of 15 minutes, half in a cookie. Writes no statement.",
  },
  session: {
    ...read,
    path: "/session",
    access: "session",
    cached: false,
    query: [],
    answer: "session",
    codes: [],
    summary: "Who is signed in, and until when.",
  },
  renewSession: {
    ...adminWrite,
    path: "/session/renew",
    access: "session",
    writes: false,
    query: [],
    request: "empty",
    answer: "session",
    codes: [],
    summary: "15 minutes more for a session, never past its token. Writes no statement.",
  },
  endSession: {
    ...adminWrite,
    path: "/session/end",
    access: "session",
    writes: false,
    query: [],
    request: "empty",
    answer: "sessionEnd",
    codes: [],
    summary:
      "Signs the page out: the session is worth nothing from then on, wherever its halves are. Writes no statement.",
  },
  watch: {
    ...read,
    path: "/watch",
    cached: false,
    query: [],
    answer: "socket",
    status: 426,
    codes: ["upgrade_required", "subprotocol_unknown"],
    summary: "The log as it grows, and bumps, over a WebSocket (docs/protocol.md); without an upgrade to one, 426.",
  },
  keys: {
    ...read,
    access: "open",
    path: "/keys",
    query: [],
    answer: "keys",
    codes: [],
    summary:
      "The genesis and every key announced since: checked by itself, before and apart from its signature. On a private registry the checkpoint is there for scope `read` only.",
  },
  checkpoint: {
    ...read,
    path: "/log/checkpoint",
    query: [],
    answer: "note",
    codes: [],
    summary: "The signed tree head, a C2SP checkpoint.",
  },
  consistency: {
    ...read,
    path: "/log/consistency",
    query: ["from", "to"],
    answer: "consistency",
    codes: ["invalid_field"],
    summary: "A proof that the log of size `from` is a prefix of the log of size `to`, or as it is now.",
  },
  receipt: {
    ...read,
    path: "/log/proof",
    query: ["seq"],
    answer: "receipt",
    codes: ["invalid_field"],
    summary: "The receipt of one statement.",
  },
  registries: {
    ...read,
    path: "/registries",
    query: [],
    answer: "registries",
    codes: [],
    onlyDefault: true,
    summary: "The other registries of the deployment, by name.",
  },
  delist: {
    ...adminWrite,
    path: "/registries/:name/delist",
    query: [],
    request: "empty",
    answer: "written",
    codes: ["invalid_field", "registry_unknown"],
    onlyDefault: true,
    summary: "Takes a registry off the list: it is unknown to the outside, its log is kept, its name stays taken.",
  },
  metrics: {
    ...read,
    path: "/metrics",
    access: "token:read",
    cached: false,
    query: [],
    answer: "metrics",
    codes: [],
    summary: "Counters since the object started, in OpenMetrics text.",
  },
  export: {
    ...adminRead,
    path: "/export",
    query: [],
    answer: "lines",
    codes: [],
    summary: "The first line of an export: name, origin, genesis, size, root and checkpoint.",
  },
  exportStatements: {
    ...adminRead,
    path: "/export/statements",
    query: ["from", "size"],
    answer: "lines",
    codes: ["invalid_field"],
    summary: "Statements from index `from` on, below `size`, as many as fit a page.",
  },
  exportAnnouncements: {
    ...adminRead,
    path: "/export/announcements",
    query: ["size"],
    answer: "lines",
    codes: ["invalid_field"],
    summary: "The checkpoints that prove the announcements below `size`.",
  },
  exportBlobs: {
    ...adminRead,
    path: "/export/blobs",
    query: ["after", "size"],
    answer: "lines",
    codes: ["invalid_field"],
    summary: "The texts that statements below `size` refer to, by digest, from the one after `after` on.",
  },
  move: {
    ...adminWrite,
    path: "/move",
    query: [],
    request: "move",
    answer: "written",
    codes: ["invalid_field"],
    summary: "Hands the registry over to another authority: the last statement that is written here.",
  },
  restore: {
    ...adminWrite,
    path: "/restore",
    query: [],
    request: "restore",
    answer: "written",
    codes: ["invalid_field", "epoch_invalid"],
    summary: "Opens an old backup as a new epoch, as the recovery key signed it.",
  },
  rebuild: {
    ...adminWrite,
    path: "/rebuild",
    writes: false,
    query: [],
    request: "empty",
    answer: "rebuild",
    codes: [],
    summary: "Derives the state from the log again, checking every leaf and the root. Writes no statement.",
  },
  importState: {
    ...adminRead,
    path: "/import",
    query: [],
    answer: "import",
    codes: ["genesis_exists"],
    summary: "How far an import is, and under which keys this authority would go on. Only where there is no registry.",
  },
  import: {
    ...adminWrite,
    path: "/import",
    writes: false,
    query: [],
    request: "lines",
    answer: "import",
    codes: ["import_invalid", "genesis_exists", "statement_unknown"],
    summary: "Takes the next lines of an export, in order. Lines that came before are passed over.",
  },
} as const satisfies Record<string, RouteSpec>;

export type RouteName = keyof typeof ROUTE_TABLE;

/** What every signed route may refuse with. */
export const COMMON_CODES: readonly ErrorCode[] = [
  "bad_request",
  "header_repeated",
  "headers_too_large",
  "nonce_invalid",
  "query_unknown",
  "route_unknown",
  "method_not_allowed",
  "token_invalid",
  "token_expired",
  "token_revoked",
  "rate_limited",
  "internal",
];
/** Beside those, what takes a body may refuse with. */
export const BODY_CODES: readonly ErrorCode[] = [
  "body_too_large",
  "content_digest_mismatch",
  "unsupported_media_type",
  "json_invalid",
  "json_depth",
  "json_duplicate_key",
  "json_number",
  "storage_full",
];
/** And what writes statements. */
export const WRITE_CODES: readonly ErrorCode[] = [
  "idempotency_key_invalid",
  "idempotency_key_required",
  "idempotency_key_reused",
  "registry_read_only",
];
/** And what takes a token. */
export const TOKEN_CODES: readonly ErrorCode[] = ["token_missing", "forbidden"];
/** And what a page's session, in the place of a token, may be refused with. */
export const SESSION_CODES: readonly ErrorCode[] = ["csrf_refused", "session_expired", "session_missing"];
