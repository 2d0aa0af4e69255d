/**
 * Every way TES refuses, as one closed union of codes. One table, and long for that reason: a code that stood elsewhere
 * could be mapped elsewhere.
 *
 * The table is the only place that maps a code to what each surface shows: HTTP status, WebSocket close code, process
 * exit code, and the public sentence. What happened inside stays in `TesError.cause`; only `detail` goes on the wire.
 */

interface ErrorRow {
  /** HTTP status (RFC 9110). */
  readonly status: number;
  /** WebSocket close code (RFC 6455 section 7.4): 1008 policy, 1009 too big, 1011 internal, 1013 try later. */
  readonly close: number;
  /** Process exit code: 1 a finding or a failure, 2 usage. */
  readonly exit: 1 | 2;
  /** One public sentence: what is wrong. */
  readonly title: string;
  /** One public sentence: the way out. */
  readonly remedy: string;
}

const row = (status: number, title: string, remedy: string, close = 1008, exit: 1 | 2 = 1): ErrorRow => ({
  status,
  close,
  exit,
  title,
  remedy,
});

/** The codes in alphabetical order inside their groups. Documented in docs/errors.md, which a test holds against this. */
export const ERRORS = {
  // The request itself.
  bad_request: row(400, "The request is not well formed.", "Read the detail, correct the request and send it again."),
  body_too_large: row(413, "The request body is larger than this route takes.", "Send less in one request.", 1009),
  content_digest_mismatch: row(
    400,
    "The body does not match its Content-Digest.",
    "Send the body again, unchanged on the way.",
  ),
  header_repeated: row(400, "A header that may stand once was sent more than once.", "Send the header once."),
  headers_too_large: row(431, "A request header is longer than this service takes.", "Send shorter headers."),
  idempotency_key_invalid: row(
    400,
    "The Idempotency-Key is not 1 to 64 visible ASCII characters.",
    "Send a UUID, for example.",
  ),
  idempotency_key_required: row(
    400,
    "Writes carry an Idempotency-Key, and this one does not.",
    "Send a fresh random Idempotency-Key; repeat it when you retry.",
  ),
  idempotency_key_reused: row(
    422,
    "This Idempotency-Key was used with another request.",
    "Use a fresh key for a new request.",
  ),
  invalid_field: row(422, "A field has a value that is not allowed.", "The detail names the field and what it takes."),
  json_depth: row(400, "The JSON is nested deeper than this service reads.", "Send flatter JSON."),
  json_duplicate_key: row(400, "A JSON object has the same key twice.", "Send each key once."),
  json_invalid: row(400, "The body is not valid JSON in UTF-8.", "Send one JSON value as UTF-8."),
  json_number: row(400, "A JSON number cannot be held exactly.", "Send integers within ±(2^53 − 1)."),
  method_not_allowed: row(405, "This route does not take that method.", "The Allow header lists what it takes."),
  misdirected_request: row(
    421,
    "This host name is not one of this authority's.",
    "Use a name listed in TES_AUTHORITIES, or add this one there.",
  ),
  nonce_invalid: row(
    400,
    "The TES-Nonce is not 22 to 64 characters of base64url.",
    "Send at least 16 random bytes as base64url.",
  ),
  not_acceptable: row(406, "This route cannot answer in the form you ask for.", "Accept application/json."),
  query_unknown: row(
    400,
    "The query has a parameter that this route does not know, or has one twice.",
    "Leave it out.",
  ),
  rate_limited: row(429, "Too many requests.", "Wait as long as Retry-After says.", 1013),
  route_unknown: row(404, "There is nothing at this path.", "See /openapi.json or docs/answers.md for the routes."),
  unsupported_media_type: row(415, "This route takes application/json.", "Set Content-Type: application/json."),

  upgrade_required: row(
    426,
    "This route speaks WebSocket only.",
    "Connect with a WebSocket that offers tes-subproto-v1.",
  ),

  // Sockets (docs/protocol.md).
  ack_timeout: row(
    408,
    "The window was full and no acknowledgement came for 30 seconds.",
    "Connect again from the last index you processed, and acknowledge as you read.",
  ),
  frame_binary: row(415, "A frame is binary, and this protocol is text.", "Send JSON in text frames.", 1003),
  frame_forged: row(
    400,
    "A frame's counter or MAC is not the one that this session needs.",
    "Something changed, reordered or dropped frames on the way: connect again.",
  ),
  frame_too_large: row(413, "A frame is longer than 16,384 bytes.", "Send less in one frame.", 1009),
  frame_unexpected: row(409, "This frame is not one that may come now.", "Follow the order in docs/protocol.md."),
  handshake_timeout: row(408, "No first frame came within 10 seconds.", "Connect again and answer the challenge."),
  proof_refused: row(
    401,
    "The proof does not hold for this challenge.",
    "Make it from a token of this registry, for this authority, with the nonce of this very socket.",
  ),
  session_silent: row(
    408,
    "Neither a frame nor a ping came for 5 minutes.",
    "Connect again, and ping every 30 seconds.",
  ),
  subprotocol_unknown: row(400, "No subprotocol is offered that this route speaks.", "Offer tes-subproto-v1."),
  ticket_invalid: row(
    401,
    "The ticket is unknown, used, too old, or of a page elsewhere.",
    "Ask for a new one: POST /v1/{registry}/tickets.",
  ),

  // Who may do what.
  csrf_refused: row(
    403,
    "The request does not show that a page of this very origin made it.",
    "Send TES-CSRF from the page that opened the session, same-origin.",
  ),
  forbidden: row(403, "The token does not allow this.", "Use a token whose scopes cover it."),
  session_expired: row(401, "The page's session is over.", "Sign in again."),
  session_missing: row(401, "The request comes with no session of this registry.", "Sign in: POST …/session."),
  token_expired: row(401, "The token has expired.", "Mint a new one: tes token mint."),
  token_invalid: row(401, "The token is not one of this registry's.", "Mint one for this registry: tes token mint."),
  token_missing: row(401, "This route needs a bearer token.", "Send Authorization: Bearer <token>."),
  token_revoked: row(401, "The token has been revoked.", "Mint a new one: tes token mint."),

  // Keys.
  key_format: row(400, "A signing key is 64 hexadecimal characters.", "Make one: tes key generate.", 1008, 2),
  key_in_place: row(
    409,
    "The Worker holds another key already, and its registry may be signed by that one.",
    "Keep it; or replace it with --replace, after which a registry that the old key signs answers nothing until a restore.",
  ),
  key_proof_failed: row(
    502,
    "The Worker does not show that it holds this signing key.",
    "Put the key there (tes key deploy), or name the key that it holds.",
  ),
  key_public: row(
    400,
    "This signing key is printed in a public document and is refused everywhere.",
    "Make one of your own: tes key generate.",
  ),
  signing_key_mismatch: row(
    503,
    "The signing key in place is not the one this registry's log names.",
    "Put the registry's own key back; or bring the registry under the new key: tes registry restore.",
    1011,
  ),
  signing_key_missing: row(
    503,
    "This authority has no signing key and may not make one.",
    "Set the secret VERSION_SIGNING_KEY: tes key deploy.",
    1011,
  ),

  // Cloudflare, through wrangler.
  cloudflare_token: row(
    401,
    "Cloudflare does not accept the API token.",
    "Set CLOUDFLARE_API_TOKEN to a token that may edit Workers, or log in: wrangler login.",
  ),
  cloudflare_unreachable: row(
    502,
    "Cloudflare's API did not answer, or the connection broke.",
    "Run the same command again: it finds out what was done and goes on from there.",
  ),
  deploy_refused: row(
    409,
    "The deployment does not pass the guards, and nothing was changed.",
    "The detail names what to correct.",
  ),
  env_unknown: row(
    404,
    "The configuration has no such environment.",
    'Name one that it has; --env "" is the top level.',
  ),
  secret_in_vars: row(
    409,
    "The configuration has the secret's name under vars: the next deploy would put plain text in its place.",
    "Remove it from vars: tes config fix.",
  ),
  worker_missing: row(
    404,
    "There is no such Worker on this account.",
    "Deploy it together with its key: tes deploy, or tes key deploy --new-worker.",
  ),
  worker_version_pending: row(
    409,
    "The Worker's latest version is not the one that is deployed, so Cloudflare takes no secret for it (10214, 10215).",
    "Deploy that version first (wrangler versions deploy), or add the secret to it without deploying: wrangler versions secret put VERSION_SIGNING_KEY.",
  ),
  wrangler_failed: row(
    500,
    "wrangler did not do what was asked.",
    "Read what it says, put it right, and run the same command again.",
  ),

  // The registry.
  already_exists: row(409, "That already exists, and differs.", "Change it, or choose another name."),
  artifact_corrupt: row(
    422,
    "The bytes that were uploaded are not those that the digest names.",
    "Upload the file again; it may have changed since it was hashed.",
  ),
  artifact_damaged: row(
    500,
    "What was stored of the file is gone or was changed.",
    "Look at what happened to the storage, and put the file back under the same digest.",
    1011,
  ),
  artifact_limit: row(
    422,
    "A release names more files, or larger ones, than this service takes.",
    "Put them into fewer files, or into several releases.",
  ),
  artifact_missing: row(
    409,
    "A file of the release is neither stored here nor at an address that the release names.",
    "Upload it first, or give its address (--download-url).",
  ),
  artifact_name: row(
    422,
    "A file has a name that is not safe on every system.",
    "Rename it: one path segment, without control characters, reserved names and separators.",
  ),
  artifact_name_collision: row(
    422,
    "Two files of a release have names that some systems take for the same.",
    "Rename one: names differ by more than case, width and composition.",
  ),
  artifact_store_missing: row(
    501,
    "This authority has no place for files.",
    "Bind R2 as TES_BUNDLE_BUCKET, or let the release name the addresses of its files (--download-url).",
  ),
  attestation_too_large: row(
    413,
    "The payload of an attestation is larger than 1,500,000 bytes.",
    "Release the document as a file of its own.",
    1009,
  ),
  blob_erased: row(410, "The text was erased; the log keeps its digest.", "There is no way back."),
  blob_unknown: row(404, "No statement refers to a text with this digest.", "Take the digest from a statement."),
  cascade_cycle: row(422, "The parents would form a cycle.", "Choose a parent that is not a descendant."),
  entity_has_children: row(
    409,
    "Other entities have this one as their parent.",
    "Retire them first, or give them another parent.",
  ),
  entity_limit: row(
    422,
    "The registry holds as many entities as it may.",
    "Retire entities, or open another registry.",
  ),
  entity_retired: row(409, "The entity is retired and takes no new version.", "Declare another entity."),
  entity_unknown: row(404, "There is no such entity.", "List them: tes entity list, or GET /v1/{registry}/entities."),
  envelope_invalid: row(
    422,
    "The envelope is no DSSE envelope of an in-toto statement as this service takes them.",
    "The detail says what does not fit: sign it again with tes release.",
  ),
  epoch_invalid: row(
    422,
    "The restore does not fit this log, or the recovery key did not sign it.",
    "Sign it again for the size, root and epoch that the detail names.",
  ),
  genesis_exists: row(409, "The registry already has its genesis.", "Use it as it is; a genesis never changes."),
  import_invalid: row(
    422,
    "What is imported is not the log it says it is.",
    "Export it again and start over: another header forgets what was received.",
  ),
  lockstep_follows_parent: row(
    409,
    "A lockstep entity takes its parent's version and is never bumped by itself.",
    "Bump the parent.",
  ),
  nothing_to_bump: row(409, "No entity takes this bump.", "Declare an entity first."),
  parent_unknown: row(422, "The parent does not exist.", "Declare the parent first, or in the same request."),
  publishers_conflict: row(
    409,
    "The publishers are at another revision than the one that was signed.",
    "Read them again, and sign the next revision.",
  ),
  publishers_missing: row(
    409,
    "The entity has no publishers, so nobody can sign a release of it.",
    "Name them: tes publisher init --entity ENTITY.",
  ),
  range_unsatisfiable: row(416, "The range lies outside the file.", "Ask for a range within it, or for all of it."),
  registry_read_only: row(
    409,
    "The registry takes no writes here.",
    "The detail says why: go to where it moved, restore the backup that it is, or ask who delisted it.",
  ),
  registry_unknown: row(404, "There is no such registry.", "Create it: tes init, or tes registry create."),
  release_exists: row(
    409,
    "This version was released with other content.",
    "A version is released once: take the next one (tes bump).",
  ),
  release_unknown: row(
    404,
    "There is no such release.",
    "List them: tes release list, or GET /v1/{registry}/releases.",
  ),
  sbom_unknown: row(
    422,
    "The file is neither a CycloneDX nor an SPDX document in JSON.",
    "Have your tool write one of them as JSON (CycloneDX 1.x, SPDX 2.x or 3.x), or release the document as one of the files.",
  ),
  signatures_insufficient: row(
    403,
    "Fewer publishers have signed than the entity asks for, or others than its own.",
    "Have more of its publishers sign the same draft or proposal.",
  ),
  statement_too_large: row(422, "The statement would be longer than 65,535 bytes.", "Send less in one statement."),
  statement_unknown: row(
    500,
    "The log holds a statement of a type this release does not know.",
    "Run the release that wrote it, or a newer one.",
    1011,
  ),
  upload_invalid: row(
    409,
    "The part does not fit the upload.",
    "Begin again: the answer says which parts there are, and how long they have to be.",
  ),
  version_conflict: row(
    409,
    "The current version is not the expected one.",
    "Read the state, decide again, retry with a new key.",
  ),
  version_overflow: row(422, "A part of the version would pass 2^53 − 1.", "Choose a larger scope."),
  version_unknown: row(
    409,
    "The authority never handed out this version of the entity.",
    "Bump first, and release what the bump gave.",
  ),

  // What a client finds when it checks an answer.
  answer_content_type: row(
    502,
    "The answer has a media type that was not asked for.",
    "Treat it as an outage and look at what stands in between.",
  ),
  answer_expired: row(502, "The signed answer is too old or from the future.", "Check both clocks, then ask again."),
  answer_malformed: row(
    502,
    "The answer does not have the shape that this release knows.",
    "Use releases of client and authority that fit together.",
  ),
  answer_too_large: row(
    502,
    "The answer is longer than a client reads.",
    "Treat it as an outage and look at what stands in between.",
  ),
  answer_unsigned: row(502, "The answer is not signed by the authority.", "Treat it as an outage, never as an answer."),
  artifact_unknown: row(
    404,
    "The file is no part of the release.",
    "Check that it is the right file, and the right release.",
  ),
  authority_unproven: row(
    502,
    "The other end of the socket did not prove that it knows the token.",
    "Do not use it: something else than the authority answers there.",
  ),
  bundle_invalid: row(
    502,
    "The bundle is no Sigstore bundle of one release, as an authority makes it.",
    "Fetch it again, or verify it with the tool that made it.",
  ),
  bundle_unsupported: row(
    502,
    "The bundle is of a kind or version that this release does not read.",
    "Verify it with the tool that made it, or with a newer release.",
  ),
  checkpoint_inconsistent: row(
    502,
    "The log does not extend the one seen before: the authority forked or rewrote it.",
    "Stop, keep both checkpoints, and ask the operator.",
  ),
  checkpoint_stale: row(
    502,
    "The log is smaller than one seen before.",
    "Ask again; if it stays, the authority was set back.",
  ),
  digest_mismatch: row(502, "The content does not match its digest.", "It was changed on the way. Do not use it."),
  files_missing: row(
    404,
    "Not one file of the release is there.",
    "Put its files beside release.tes.json, or name that document itself: then the release is proved, and no file.",
  ),
  genesis_mismatch: row(
    502,
    "The registry's genesis is not the pinned one.",
    "Compare the pin with the one its operator publishes.",
  ),
  genesis_unpinned: row(
    400,
    "Nothing is known yet that this registry could be told from another by.",
    "Give its genesis hash (--genesis), as its operator publishes it. An authority, not a release, can be trusted at the first contact (--trust-first).",
  ),
  key_unknown: row(
    502,
    "A signature names a key that this registry's chain does not hold.",
    "Fetch the keys again and check their chain.",
  ),
  note_invalid: row(
    502,
    "The signed note is malformed or carries no valid signature of a known key.",
    "Do not use it.",
  ),
  proof_invalid: row(502, "The proof does not lead to the checkpoint.", "Do not use the answer."),
  proof_missing: row(
    404,
    "Nothing is here that could prove it.",
    "Fetch release.tes.json from where the file came from, and put it beside the file or name it with --release.",
  ),
  provenance_invalid: row(
    502,
    "The provenance field is malformed or names another registry.",
    "Do not use the answer.",
  ),
  release_other: row(409, "It is another release than the one that was expected.", "Do not use it as that one."),
  signature_file_invalid: row(
    400,
    "A file of signatures, checksums or proofs is not written as its format asks.",
    "Fetch it again, whole and unchanged.",
  ),
  signature_invalid: row(
    502,
    "A signature does not verify.",
    "The answer was changed on the way, or is not for this request.",
  ),
  signature_malformed: row(
    502,
    "The signature fields cannot be read or do not cover what they must.",
    "Do not use the answer.",
  ),
  statements_skipped: row(
    502,
    "The authority left out statements, or sent some twice.",
    "Stop, and ask the operator: the log must be read without a gap.",
  ),

  // Values.
  semver_invalid: row(
    422,
    "This is not a SemVer 2.0.0 version.",
    "Write it as MAJOR.MINOR.PATCH[-prerelease][+build].",
  ),

  // The machine, on the command line.
  authority_unreachable: row(
    502,
    "The authority did not answer.",
    "Start it (tes serve) or check the URL; a retry with the same key is safe.",
  ),
  conflict: row(409, "Somebody else changed that first.", "Read the state again and retry."),
  data_dir_in_use: row(
    409,
    "Another authority is using this data directory.",
    "Stop it, or choose another --data directory.",
  ),
  download_failed: row(502, "A download did not come.", "Check the address, then try again."),
  file_changed: row(
    409,
    "A file changed while it was read.",
    "Wait until nothing writes to it, then run the same command again.",
  ),
  file_exists: row(409, "The file exists and is not overwritten.", "Choose another name, or move the file away."),
  file_pattern: row(
    422,
    "A file does not hold its version where the registry file says.",
    "Correct the pattern: it needs exactly one match with one capture group.",
  ),
  file_unreadable: row(400, "A file cannot be read.", "Check the path and its permissions."),
  file_unwritable: row(
    500,
    "A file could not be written.",
    "Check permissions and free space, then run what the message says.",
  ),
  git_dirty: row(
    409,
    "Files that would be committed have changes of their own, or git does not track them.",
    "Commit or stash them first, or leave the git options out.",
  ),
  git_failed: row(
    500,
    "git did not do what was asked.",
    "Read what git says, put it right, and run what the message says.",
  ),
  git_state: row(409, "The checkout is in a state in which this cannot be done.", "The detail says what to do first."),
  git_unknown: row(404, "This is not inside a git checkout.", "Run it inside one, or leave the git options out."),
  hook_failed: row(500, "The command given with --exec failed.", "Mend it, then watch again with --since."),
  input_missing: row(
    400,
    "What should have come in on standard input, or at a prompt, did not.",
    "Pipe it in, or name the file that holds it (--key-file, --passphrase-file).",
  ),
  install_incomplete: row(500, "A program that npm installs is missing.", "Run npm ci again without --ignore-scripts."),
  internal: row(
    500,
    "Something failed inside.",
    "The write may or may not have happened: retry with the same Idempotency-Key.",
    1011,
  ),
  interrupted: row(409, "It was stopped by its user, and changed nothing more.", "Run it again when you are ready."),
  key_file_invalid: row(
    400,
    "A key file is not in a form that is read here.",
    "Public keys are read as minisign, signify, PEM or SSH write Ed25519, secret ones as minisign writes them.",
  ),
  log_altered: row(
    409,
    "The execution log is not what was written, or claims what is not so.",
    "Restore it from git, or look at what changed; a new run writes a new one: tes lock --log FILE.",
  ),
  passphrase_wrong: row(
    400,
    "The passphrase does not open the key, or cannot be one.",
    "Try again; a key whose passphrase is lost is replaced by its publishers (tes publisher propose).",
  ),
  port_in_use: row(
    409,
    "The port is taken by another program.",
    "Choose another with --port, or leave --port out and a free one is taken.",
  ),
  storage_full: row(
    507,
    "The authority's storage is full or failing.",
    "Free space; then retry with the same Idempotency-Key.",
    1011,
  ),
  tag_exists: row(409, "The git tag exists already.", "Choose another name, or delete the tag if it was a mistake."),
  usage: row(400, "The command line is not understood.", "Run it with --help.", 1008, 2),
} as const satisfies Record<string, ErrorRow>;

/** The closed union of codes. */
export type ErrorCode = keyof typeof ERRORS;

/** What an error may say besides its code. All of it is public. */
export interface ErrorExtra {
  /** What exactly was wrong here. Never holds a secret. */
  readonly detail?: string;
  /** The field or parameter at fault, as a JSON pointer or a header name. */
  readonly field?: string;
  /** Machine-readable facts, for example `{ current: "1.2.3" }`. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
  /** What happened inside. Never rendered. */
  readonly cause?: unknown;
}

/**
 * The only error TES throws on purpose.
 *
 * @example
 * throw new TesError("entity_unknown", { detail: "no entity component:dash" });
 */
export class TesError extends Error {
  override readonly name = "TesError";
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly detail: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>> | undefined;

  constructor(code: ErrorCode, extra: ErrorExtra = {}) {
    super(extra.detail === undefined ? ERRORS[code].title : `${ERRORS[code].title} ${extra.detail}`, {
      cause: extra.cause,
    });
    this.code = code;
    this.detail = extra.detail;
    this.field = extra.field;
    this.facts = extra.facts;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** An RFC 9457 problem document. `type` is a stable URN, so that it needs no host. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly remedy: string;
  readonly detail?: string;
  readonly field?: string;
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** RFC 9457: renders an error for the wire, without its cause or stack. */
export function problemOf(error: TesError): Problem {
  const { status, title, remedy } = ERRORS[error.code];
  return {
    type: `urn:tes:error:${error.code}`,
    title,
    status,
    code: error.code,
    remedy,
    ...(error.detail === undefined ? {} : { detail: error.detail }),
    ...(error.field === undefined ? {} : { field: error.field }),
    ...(error.facts === undefined ? {} : { facts: error.facts }),
  };
}

/** Anything thrown, as a TesError: one of ours unchanged, everything else as `internal` with its cause kept inside. */
export function toTesError(thrown: unknown): TesError {
  return thrown instanceof TesError ? thrown : new TesError("internal", { cause: thrown });
}
