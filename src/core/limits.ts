/** Every limit of TES, with its unit in its name and its reason beside it. Each is tested on both sides. */

/** A statement in canonical bytes. C2SP tlog-tiles entries are prefixed with a uint16 length. */
export const MAX_STATEMENT_BYTES = 65_535;
/** A request body on ordinary routes: several times the largest batch of entities a person would write. */
export const MAX_BODY_BYTES = 1_048_576;
/** JSON nesting on the way in; our deepest request is 4. Bounds the parser's stack. */
export const MAX_JSON_DEPTH = 16;
/** All request headers that we read, each. RFC 9110 section 5.4 lets a server choose. */
export const MAX_HEADER_BYTES = 8_192;
/** Idempotency-Key: room for a UUID (36) or a CI job's own name. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 64;
/** TES-Nonce, base64url: 22 characters hold 16 bytes. */
export const MIN_NONCE_CHARS = 22;
export const MAX_NONCE_CHARS = 64;
/** A registry's name: one DNS label. */
export const MAX_REGISTRY_CHARS = 63;
/** The two halves of an entity id, `type:name`. */
export const MAX_ENTITY_TYPE_CHARS = 32;
export const MAX_ENTITY_NAME_CHARS = 128;
/** Entities in one registry: bounds what one cascade visits. One that does not fit a statement is refused whole. */
export const MAX_ENTITIES = 1_000;
/** Files that carry one entity's version. */
export const MAX_ENTITY_FILES = 32;
export const MAX_FILE_PATH_CHARS = 512;
export const MAX_FILE_PATTERN_CHARS = 512;
/** A SemVer text. Longer ones are legal SemVer, but no package manager takes them (node-semver stops at 256). */
export const MAX_SEMVER_CHARS = 64;
/** How long a signed answer may be believed, from `created` to `expires`. */
export const SIGNATURE_LIFETIME_S = 300;
/** How far a client's clock may be off before it refuses an answer from the future. */
export const CLOCK_SKEW_S = 60;
/** Bumps decided in one turn of the object: bounds how long one turn holds the thread. */
export const MAX_BATCH_COMMANDS = 128;
/** A token's life, at most. */
export const MAX_TOKEN_LIFETIME_S = 366 * 24 * 3600;
/** A token's text: bounds what is hashed before it is believed. */
export const MAX_TOKEN_CHARS = 4_096;
/** Scopes in one token. */
export const MAX_TOKEN_SCOPES = 32;
/** Leaves under one tile, C2SP tlog-tiles: 8 levels of the tree. */
export const TILE_HEIGHT = 8;
export const TILE_WIDTH = 256;
/** The largest log index that JSON and JavaScript hold exactly. */
export const MAX_LOG_SIZE = Number.MAX_SAFE_INTEGER;
/** What a client reads of one answer: 1,000 entities, or 100 receipts of the longest statements, and room above. */
export const MAX_ANSWER_BYTES = 8_388_608;
/** How often a client sends one request before it gives up, and how long it waits after the first failure. */
export const MAX_CLIENT_ATTEMPTS = 4;
export const FIRST_RETRY_DELAY_MS = 200;
/** How long a client waits for one answer. */
export const CLIENT_TIMEOUT_MS = 30_000;
/** A signed note: 16 signatures must fit (C2SP signed-note), and post-quantum ones reach 5 kB. */
export const MAX_NOTE_BYTES = 131_072;
/** Signature lines of a note: bounds what is verified. C2SP wants at least 16, Go stops at 100. */
export const MAX_NOTE_SIGNATURES = 64;
/** Labels on one entity, and the text of one: notes for people and filters, not documents. */
export const MAX_LABELS = 16;
export const MAX_LABEL_VALUE_CHARS = 256;
/** A reason: a commit message, or the variables of a CI job. */
export const MAX_REASON_BYTES = 8_192;
/** Entries of one page of a history, and as many when nobody says. */
export const MAX_PAGE_SIZE = 100;
export const DEFAULT_PAGE_SIZE = 50;
/** Entities whose version one restore raises: every entity there may be. */
export const MAX_FLOOR_ENTITIES = 1_000;
/** One page of an export: as much as an import takes in one request. */
export const MAX_EXPORT_PAGE_BYTES = 524_288;
/** One `wrangler deploy --dry-run`: it takes about a second, and longer where the project has a build of its own. */
export const MAX_DRY_RUN_MS = 120_000;
/** What is kept of its output: a page of warnings is a few kilobytes. */
export const MAX_DRY_RUN_OUTPUT_CHARS = 1_048_576;
/** What is read of one git command's output: names and messages of some hundred thousand commits. */
export const MAX_GIT_OUTPUT_BYTES = 67_108_864;
/** How long a git command that only reads may take. One that runs a publisher's hooks is not limited. */
export const GIT_READ_TIMEOUT_MS = 60_000;
/** A commit message, as far as it is read for what it changes: longer ones are logs that somebody pasted. */
export const MAX_COMMIT_MESSAGE_CHARS = 65_536;
/** An entry point whose exports are read: what people write is kilobytes, and a larger bundle takes noticeable time. */
export const MAX_ENTRY_BYTES = 2_097_152;
/** Files that an entry point passes on with `export *`. */
export const MAX_ENTRY_FILES = 64;
/** Lines that differ before a diff stops looking for the shortest: bounds its memory, which grows with the square. */
export const MAX_DIFF_EDITS = 1_000;
/** One call of wrangler: a deploy bundles and uploads, and may run a build of the project's own. */
export const MAX_WRANGLER_MS = 300_000;
/** What is kept of its output. */
export const MAX_WRANGLER_OUTPUT_CHARS = 1_048_576;
/** What is read from standard input where a key is expected: a key is 64 characters and a line end. */
export const MAX_KEY_INPUT_BYTES = 1_024;
/** How long a new secret or version may take until it is seen everywhere. Cloudflare says seconds. */
export const MAX_PROPAGATION_MS = 60_000;
/** Files larger than this are not searched for keys: generated bundles and data, which no editor made. */
export const MAX_SCAN_FILE_BYTES = 8_388_608;
/** Mends of one configuration: each is read back as a whole, so their cost grows with the square. */
export const MAX_MENDS = 200;
/** A frame from a client on a socket, in UTF-8: a proof with the longest token is 6 KB, a bump 1 KB. */
export const MAX_FRAME_BYTES = 16_384;
/** A frame from an authority on a socket: the longest statement with its proof and checkpoint fits twice. */
export const MAX_SERVER_FRAME_BYTES = 262_144;
/** Nonces of a handshake: 32 bytes, 43 characters of base64url, always. */
export const SOCKET_NONCE_BYTES = 32;
/** How long a new socket may keep silent, and how long its challenge is good for. */
export const FIRST_FRAME_MS = 10_000;
/** How long a ticket is good for: a page asks for one and opens its socket at once. */
export const TICKET_LIFETIME_MS = 30_000;
/** Tickets that wait to be used: bounds what they hold in storage. */
export const MAX_TICKETS = 1_000;
/** A page's session: short, since a browser that was left open is somebody's. A page in use renews it. */
export const SESSION_LIFETIME_S = 900;
/** The value of a session's cookie: browsers keep 4,096 bytes of name and value (RFC 6265bis section 5.7). */
export const MAX_SESSION_CHARS = 4_000;
/** Sessions that were ended by hand and would live yet: bounds what they hold in storage, for 15 minutes each. */
export const MAX_ENDED_SESSIONS = 10_000;
/** A browser's report of what a page's policy kept out: a URL or two and a line of the policy. */
export const MAX_REPORT_BYTES = 16_384;
/** One event on a socket, in UTF-8: the longest statement (65,535 bytes) and its checkpoint fit. */
export const MAX_EVENT_BYTES = 98_304;
/** What may be sent before it is acknowledged. At least one whole event; at most what 4,096 stuck readers may hold. */
export const MIN_WINDOW_BYTES = MAX_EVENT_BYTES;
export const MAX_WINDOW_BYTES = 262_144;
/** How long a reader whose window is full may leave it so. */
export const ACK_WAIT_MS = 30_000;
/** How long an open socket may go without a frame or a ping before it counts as half-open. */
export const SOCKET_SILENCE_MS = 300_000;
/** How often a watching client pings, well inside the time after which proxies drop what is idle (60 s). */
export const CLIENT_PING_MS = 30_000;
/** Sockets on one registry: at 130 KB each (measured) 0.5 GB. The platform's own limit is 32,768. */
export const MAX_SOCKETS = 4_096;
/** Frames that one socket may send at once, and a second: what HTTP takes from one address. */
export const SOCKET_BURST_FRAMES = 400;
export const SOCKET_FRAMES_PER_S = 100;
/** The longest a watching client waits before it connects again. */
export const MAX_RECONNECT_DELAY_MS = 30_000;
/** Publishers of one entity: people and machines that hold keys, not a crowd. */
export const MAX_PUBLISHERS = 16;
/** Files of one release: with names of ordinary length, the signed payload that lists them fits. */
export const MAX_RELEASE_FILES = 1_000;
/** The payload of one attestation, which is one row of storage: Cloudflare's rows end at 2 MB. */
export const MAX_ATTESTATION_BYTES = 1_500_000;
/** A bill of materials as a tool wrote it, before the blanks between its members are gone. */
export const MAX_SBOM_FILE_BYTES = 8_388_608;
/** Attestations beside the provenance of a release: an SBOM or two. */
export const MAX_ATTESTATIONS = 4;
/** The request that publishes: payloads of 3 MB together as base64, or two of the longest and a provenance, and their signatures. */
export const MAX_RELEASE_BODY_BYTES = 4_194_304;
/** A part of an import. A line of an export is never cut: the longest payload doubles at most where it is escaped. */
export const MAX_IMPORT_BODY_BYTES = 4_194_304;
/** Signatures of one envelope: as many as an entity has publishers. */
export const MAX_ENVELOPE_SIGNATURES = 16;
/** A file's name in a release, in UTF-8: what file systems take for one segment. */
export const MAX_ARTIFACT_NAME_BYTES = 255;
/** One file of a release: 10,000 parts of 16 MiB, which is what R2 takes in one upload of parts. */
export const MAX_ARTIFACT_BYTES = 167_772_160_000;
/** One part of an upload: below Cloudflare's 100 MB for a request, above R2's 5 MiB for a part. */
export const ARTIFACT_PART_BYTES = 16_777_216;
/** Uploads of one registry that are not published yet: bounds what a publisher may leave lying about. */
export const MAX_OPEN_UPLOADS = 1_024;
/** Uploads that one token has open at once: a client brings files one after the other, a few at most side by side. */
export const MAX_TOKEN_UPLOADS = 64;
/** How long until what could not be taken away is tried again. */
export const COLLECT_RETRY_MS = 60_000;
/** How long what nobody published is kept: a release that takes several people's signatures takes a day. */
export const UPLOAD_GRACE_MS = 86_400_000;
/** How long a part may be on its way (16 MiB at 250 kbit/s), or a whole file be read back and hashed. */
export const ARTIFACT_TIMEOUT_MS = 600_000;
/** Comments in minisign's files, without their prefix: what minisign 0.11 reads (COMMENTMAXBYTES, TRUSTEDCOMMENTMAXBYTES). */
export const MAX_MINISIGN_COMMENT_BYTES = 1_000;
export const MAX_MINISIGN_TRUSTED_COMMENT_BYTES = 8_000;
/** What opening a secret key may cost: minisign's own default, 1 GiB and some seconds. A file that asks for more is refused. */
export const MAX_KEY_MEMORY_BYTES = 1_073_741_824;
export const MAX_KEY_OPERATIONS = 33_554_432;
/** A Sigstore bundle: the largest payload and the longest statement as base64, the longest proof, and room. */
export const MAX_BUNDLE_BYTES = 2_621_440;
/** Payloads in the bundles of one answer, where no signer is named: as base64 and with receipts a client reads them. */
export const MAX_BUNDLES_CHARS = 4_194_304;
/** JSON nesting of an attestation: bills of materials nest their components. */
export const MAX_ATTESTATION_DEPTH = 64;
