/** The client of one registry: asks, believes nothing that is not proved, and remembers how far the log was. */

import { toBase64Url } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import {
  type BumpAnswer,
  type EntityView,
  type KeyProofAnswer,
  type KeysAnswer,
  parseAnswer,
  type StateAnswer,
} from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import { MEDIA_TYPES, pathOf } from "../protocol/paths.ts";
import type { BumpRequest, Declaration, GenesisRequest } from "../protocol/requests.ts";
import type { EntityDeclared, Genesis, Statement, VersionBumped } from "../protocol/statements.ts";
import { type Artifacts, createArtifacts } from "./artifacts.ts";
import { createImportTarget, exportLines, type ImportTarget } from "./carry.ts";
import { createLifecycle, type Lifecycle } from "./lifecycle.ts";
import { type ClientOptions, settle } from "./options.ts";
import { createPageSessions, type PageSessions } from "./page-sessions.ts";
import { createPublishing, type Publishing } from "./publishing.ts";
import type { VerifiedReceipt } from "./receipt.ts";
import { jsonOf, noteOf, textOf } from "./response.ts";
import { createSession, type WriteBody } from "./session.ts";
import type { Trust } from "./trust.ts";
import { type Watched, type WatchOptions, watchLog } from "./watch.ts";

/** As many as are never drawn twice. */
const KEY_PROOF_NONCE_BYTES = 24;

export interface WriteOptions {
  /** Visible ASCII, at most 64 characters. A request sent again under the same key happens once. Default: random. */
  readonly idempotencyKey?: string | undefined;
}

/** What a bump did, or with `dryRun` would do. */
export interface BumpResult extends Omit<BumpAnswer, "receipt"> {
  /** Proves it; null for a dry run, and only then. */
  readonly receipt: VerifiedReceipt<VersionBumped> | null;
  readonly idempotencyKey: string;
}

export interface DeclareResult {
  /** One for each statement that was written: none for an entity that already was as asked. */
  readonly receipts: readonly VerifiedReceipt<EntityDeclared>[];
  /** The entities that already were as asked. */
  readonly unchanged: readonly string[];
  readonly idempotencyKey: string;
}

/** Every method throws the authority's own error when it signed one, and a code of its own checks otherwise. */
export interface TesClient extends Lifecycle, Publishing, Artifacts, PageSessions {
  /** What is believed about the registry: its genesis, origin and keys. */
  trust(): Promise<Trust>;
  /** The registry with all its entities, now or when its log had `size` statements. */
  state(size?: number): Promise<StateAnswer>;
  entities(): Promise<readonly EntityView[]>;
  /** @throws entity_unknown */
  entity(id: string): Promise<EntityView>;
  /** Declares 1 to 100 entities, in any order: all of them or none. */
  declare(entities: readonly Declaration[], options?: WriteOptions): Promise<DeclareResult>;
  /** The next version of an entity and of all that follows it. @throws version_conflict when `expected` is not met */
  bump(request: BumpRequest, options?: WriteOptions): Promise<BumpResult>;
  /** The whole key chain, verified anew. */
  keys(): Promise<{ readonly answer: KeysAnswer; readonly trust: Trust }>;
  /** The head of the log, proved to extend every one seen before. */
  checkpoint(): Promise<Checkpoint>;
  /** Which keys are in place, and where each came from. Only their holder can check the MACs in it. */
  keyProof(): Promise<KeyProofAnswer>;
  /** Counters since the registry's object started, as OpenMetrics text. Needs the scope `read`. */
  metrics(): Promise<string>;
  /** The receipt of the statement at an index. */
  receipt(seq: number): Promise<VerifiedReceipt>;
  /** An export, line by line, checked on the way (docs/formats.md, Export). Needs an admin token. */
  exportLines(): AsyncGenerator<string>;
  /**
   * Every statement from `since` on, in order, once, each proved to be in the log; then what is written from now on,
   * for as long as it is iterated. Connects again by itself after an outage, and goes on where it was.
   *
   * @throws checkpoint_inconsistent, checkpoint_stale, statements_skipped when the authority forked, was set back or
   *   left something out; token_expired and its kin
   * @example
   * for await (const { index, statement } of client.watch({ since: 0 })) console.log(index, statement?.type);
   */
  watch(options?: WatchOptions): AsyncGenerator<Watched, void, void>;
  /** Opens the registry: needs an admin token minted by the holder of its master key. @throws genesis_exists */
  createRegistry(request: GenesisRequest, options?: WriteOptions): Promise<VerifiedReceipt<Genesis>>;
}

/**
 * A client of one registry of one authority.
 *
 * Every answer is checked before it is parsed: size, digest, signature under a key of the pinned genesis, time, nonce,
 * registry; every receipt by its own proof; every checkpoint against the highest one seen.
 *
 * @throws invalid_field, token_invalid for options that cannot be right
 * @example
 * const client = createClient({ url: "https://tes.example", genesis: pinnedHex, token });
 * const { changes, receipt } = await client.bump({ entity: "global:main", scope: "minor" });
 * console.log(changes[0]?.to, receipt?.statement.seq);
 */
export function createClient(options: ClientOptions): TesClient {
  const settings = settle(options);
  const session = createSession(settings);
  const { registry } = settings;

  const read = async (path: string) => {
    const { response, atLeast } = await session.ask(path);
    return { json: jsonOf(response), atLeast };
  };

  return {
    ...createLifecycle(session, registry),
    ...createPublishing(session, registry),
    ...createArtifacts(session, settings),
    ...createPageSessions(session, registry),
    exportLines: () => exportLines(session, registry),
    trust: session.trust,
    async state(size) {
      const state = parseAnswer("state", (await read(pathOf.state(registry, size))).json, "answer_malformed");
      const { genesis } = await session.trust();
      if (state.registry !== registry || state.genesis !== genesis) throw new TesError("genesis_mismatch");
      if (size !== undefined && state.size !== size) {
        throw new TesError("answer_malformed", { detail: "It is the state at another size." });
      }
      return state;
    },
    async entities() {
      return parseAnswer("entities", (await read(pathOf.entities(registry))).json, "answer_malformed").entities;
    },
    async entity(id) {
      const { json } = await read(pathOf.entity(registry, parseEntityId(id, "entity").id));
      const { entity } = parseAnswer("entity", json, "answer_malformed");
      if (entity.entity !== id) throw new TesError("answer_malformed", { detail: "It speaks of another entity." });
      return entity;
    },
    async declare(entities, { idempotencyKey } = {}) {
      const write = session.write({ entities }, idempotencyKey);
      const { response, atLeast } = await session.ask(pathOf.entities(registry), write);
      const answer = parseAnswer("declare", jsonOf(response), "answer_malformed");
      const asked = new Set(entities.map(({ entity }) => entity));
      const receipts: VerifiedReceipt<EntityDeclared>[] = [];
      for (const json of answer.receipts) {
        const receipt = ofType("entity.declared", await session.receipt(json, atLeast), write);
        if (!asked.has(receipt.statement.entity)) throw otherRequest();
        receipts.push(receipt);
      }
      return { receipts, unchanged: answer.unchanged, idempotencyKey: write.idempotencyKey };
    },
    async bump(request, { idempotencyKey } = {}) {
      const write = session.write({ ...request }, idempotencyKey);
      const { response, atLeast } = await session.ask(pathOf.bump(registry), write);
      const answer = parseAnswer("bump", jsonOf(response), "answer_malformed");
      const dryRun = request.dryRun === true;
      if (answer.dryRun !== dryRun || (answer.receipt === null) !== dryRun) {
        throw new TesError("answer_malformed", { detail: "A bump has a receipt, and a dry run has none." });
      }
      const result = { ...answer, idempotencyKey: write.idempotencyKey };
      if (answer.receipt === null) return { ...result, receipt: null };
      const receipt = ofType("version.bumped", await session.receipt(answer.receipt, atLeast), write);
      const { entity, scope, preid, changes } = receipt.statement;
      if (entity !== request.entity || scope !== request.scope || preid !== request.preid) throw otherRequest();
      // What is proved counts, not what the answer says beside it.
      return { ...result, entity, scope, changes, receipt };
    },
    keys: session.keys,
    async keyProof() {
      const nonce = toBase64Url(settings.random(KEY_PROOF_NONCE_BYTES));
      const answer = parseAnswer("keyProof", (await read(pathOf.keyProof(registry, nonce))).json, "answer_malformed");
      if (answer.registry !== registry || answer.nonce !== nonce) {
        throw new TesError("answer_malformed", { detail: "It is the proof of something else." });
      }
      return answer;
    },
    async metrics() {
      return textOf((await session.ask(pathOf.metrics(registry))).response, MEDIA_TYPES.metrics);
    },
    async checkpoint() {
      const { response, atLeast } = await session.ask(pathOf.checkpoint(registry));
      return session.note(noteOf(response), atLeast);
    },
    async receipt(seq) {
      const { json, atLeast } = await read(pathOf.receipt(registry, seq));
      const receipt = await session.receipt(json, atLeast);
      if (receipt.statement.seq !== seq) throw otherRequest();
      return receipt;
    },
    watch: (options = {}) => watchLog(settings, session, options),
    async createRegistry(request, { idempotencyKey } = {}) {
      const write = session.write({ ...request }, idempotencyKey);
      const { response, atLeast } = await session.found(pathOf.genesis(registry), write, (trust) => {
        // Whoever else answered in between would not have asked for this recovery key.
        if (trust.recovery !== request.recovery.x || trust.visibility !== request.visibility) throw otherRequest();
      });
      const answer = parseAnswer("genesis", jsonOf(response), "answer_malformed");
      const receipt = await session.receipt(answer.receipt, atLeast);
      const { genesis } = await session.trust();
      if (receipt.statement.type !== "registry.genesis" || answer.genesis !== genesis) throw otherRequest();
      return receipt as VerifiedReceipt<Genesis>;
    },
  };
}

/**
 * An authority to read an export into.
 *
 * @example
 * const target = openImport({ url: "https://new.example", registry: "default", token });
 * await source.move({ url: "https://new.example", keys: (await target.state()).keys });
 * await target.send(source.exportLines());
 */
export function openImport(options: ClientOptions): ImportTarget {
  return createImportTarget(settle(options));
}

/** A receipt is of this very request: its statement carries the digest of the body that was sent. */
function ofType<T extends Statement["type"]>(
  type: T,
  receipt: VerifiedReceipt,
  { bytes }: WriteBody,
): VerifiedReceipt<Extract<Statement, { type: T }>> {
  const { statement } = receipt;
  if (statement.type !== type || statement.idempotency?.request !== sha256Hex(bytes)) throw otherRequest();
  return receipt as VerifiedReceipt<Extract<Statement, { type: T }>>;
}

function otherRequest(): TesError {
  return new TesError("proof_invalid", { detail: "What is proved is not what was asked for." });
}
