/**
 * The registry in memory: the folded rows, the tree, the last time. It is the mirror of storage: it moves only with a
 * transaction, and a transaction that fails takes it back. Everything here is synchronous.
 */

import { type Bytes, decodeUtf8, equalBytes, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { consistencyProof, inclusionProof, leafHash, type NodeReader, rootOf } from "../core/merkle.ts";
import { createTileTree, openTileRange, type TileTree, tileLevels } from "../core/tiles.ts";
import { parseStatement, type Statement, statementBytes } from "../protocol/statements.ts";
import { type Command, decide } from "../registry/decide.ts";
import { fold } from "../registry/fold.ts";
import {
  createMemoryRows,
  type EntityRow,
  inverseOf,
  isLookedUp,
  type MemoryRows,
  type Patch,
  type Rows,
} from "../registry/rows.ts";
import { createReplay } from "./replay.ts";
import type { Store, StoredBlob, TouchRow } from "./store.ts";

/** Sealed tiles kept in memory, 16 KiB each. */
const MAX_CACHED_TILES = 64;

/** Statements folded between two yields of a rebuild: some 25 ms of the thread. */
const REBUILD_PAGE = 1_000;

/** What one request wants written: all of its commands or none. */
export interface Write {
  readonly commands: readonly Command[];
  /** Token id. */
  readonly by: string;
  /** Milliseconds. */
  readonly now: number;
  readonly idempotency?: { readonly key: string; readonly request: string } | undefined;
  /** What was checked holds for a log of this size only. */
  readonly size?: number;
  /** Texts that the statements refer to. */
  readonly blobs?: readonly StoredBlob[];
  /** Digests of files that have to be stored here: the first of the texts refers to them. */
  readonly artifacts?: readonly string[];
}

/** What a rebuild found. */
export interface Rebuilt {
  readonly statements: number;
  readonly root: Bytes;
  /** Rows that were not what the log says. 0 unless storage was damaged. */
  readonly changed: number;
}

export interface Ledger {
  readonly registry: string;
  readonly rows: Rows;
  readonly size: number;
  /** The index of the statement after which nothing is written here, if there is one. */
  readonly readOnly: number | undefined;
  /** Of the first `size` statements, or of all. */
  root(size?: number): Bytes;
  /** Hashes of perfect subtrees. */
  readonly node: NodeReader;
  /** Canonical texts of statements. */
  bodies(from: number, count: number): string[];
  /** Decides, folds and stores, all or nothing. A command that changes nothing gives no statement. */
  append(write: Write): Statement[];
  /** Whether all of these files are stored here. @throws TesError `artifact_missing` */
  checkArtifacts(digests: readonly string[]): void;
  /** What an earlier request with this key wrote. @throws TesError `idempotency_key_reused` */
  earlier(idempotency: { readonly key: string; readonly request: string }): Statement[] | undefined;
  statement(seq: number): Statement;
  inclusion(index: number): Bytes[];
  /** In a tree of `size` leaves. */
  inclusionAt(index: number, size: number): Bytes[];
  consistency(from: number, to: number): Bytes[];
  /** Where an entity stood when the log had `size` statements; undefined before its declaration. */
  entityAt(id: string, size: number): EntityRow | undefined;
  /** The same for all of them, in no order. */
  entitiesAt(size: number): EntityRow[];
  /** What touched an entity below an index, newest first. */
  history(id: string, below: number, count: number): { readonly touch: TouchRow; readonly statement: Statement }[];
  /**
   * Derives rows and history from the log again, and checks every leaf and the root on the way. Reads and writes go on
   * meanwhile; the last turn takes what came in.
   *
   * @throws internal when the log in storage is damaged
   */
  rebuild(pause: () => Promise<void>): Promise<Rebuilt>;
}

/** The tree as storage holds it. */
export function loadTree(store: Store, size: number): TileTree {
  const openEntries: Bytes[][] = [];
  for (let level = 0; level < tileLevels(size); level++) {
    const { first, count } = openTileRange(size, level);
    openEntries.push(level === 0 ? store.leaves(first, count) : store.tileRoots(level - 1, first, count));
  }
  const cache = new Map<string, Bytes>();
  return createTileTree({
    size,
    openEntries,
    readSealed(level, index) {
      const id = `${level}/${index}`;
      let nodes = cache.get(id);
      if (nodes === undefined) {
        nodes = store.tileNodes(level, index);
        if (cache.size >= MAX_CACHED_TILES) cache.delete(cache.keys().next().value!);
        cache.set(id, nodes);
      }
      return nodes;
    },
  });
}

const statementOf = (body: string): Statement => parseStatement(parseJson(utf8(body)));

const entityBefore = (touch: TouchRow, entity: string, declared: Statement): EntityRow => {
  if (declared.type !== "entity.declared" || declared.entity !== entity) {
    throw new TesError("internal", { cause: `statement ${touch.declared} does not declare ${entity}` });
  }
  const { strategy, parent, files, metadata } = declared;
  const { version, seq, at } = touch;
  return {
    entity,
    version,
    strategy,
    parent,
    files,
    ...(metadata === undefined ? {} : { metadata }),
    ...(touch.retired ? { retired: true } : {}),
    declared: touch.declared,
    seq,
    at,
  };
};

/** Brings the tables of an earlier release up to date. What is derived is derived again: its shape may be another. */
function migrate(store: Store, size: number, now: number): void {
  store.transaction(() => {
    store.migrate(now);
    store.clearDerived();
    const replay = createReplay(store, createMemoryRows([], store.lookup));
    for (let seq = 0; seq < size; seq += REBUILD_PAGE) {
      for (const body of store.bodies(seq, REBUILD_PAGE)) replay.take(statementOf(body));
      replay.flushTouched();
    }
    replay.flush();
  });
}

/** Opens what storage holds; an empty object gives an empty ledger and stores nothing. */
export function openLedger(store: Store, registry: string, now: number): Ledger {
  const size = store.exists() ? store.size() : 0;
  if (size > 0 && store.outdated()) migrate(store, size, now);
  let rows: MemoryRows = createMemoryRows(size > 0 ? store.patches() : [], store.lookup);
  let tree = loadTree(store, size);
  let readOnly = size > 0 ? readOnlyFrom(store) : undefined;
  let at = tree.size === 0 ? 0 : statementOf(store.body(tree.size - 1)!).at;

  /** After a move nothing is written here; a restore, which the recovery key signs, opens what was closed. */
  const closeAt = (seq: number | undefined): void => {
    if (seq === readOnly) return;
    store.putMeta("read_only", seq === undefined ? null : String(seq));
    readOnly = seq;
  };

  const appendOne = (command: Command, write: Write, undo: Patch[]): Statement | null => {
    const body = decide(rows, command);
    if (body === null) return null;
    // Members in the order in which a stored one is read, so that a retry is answered with the very same text.
    const statement = {
      v: 1,
      registry,
      seq: tree.size,
      at: Math.max(at, write.now),
      by: write.by,
      ...(write.idempotency === undefined ? {} : { idempotency: write.idempotency }),
      ...body,
    } as Statement;
    const bytes = statementBytes(statement);
    const leaf = leafHash(bytes);
    const staged = tree.stage(leaf);
    store.insert({
      seq: statement.seq,
      leaf,
      body: decodeUtf8(bytes),
      idem: write.idempotency?.key ?? null,
      request: write.idempotency?.request ?? null,
    });
    for (const tile of staged.sealed) store.insertTile(tile);
    for (const patch of fold(rows, statement)) {
      store.patch(patch);
      if (isLookedUp(patch.table)) continue;
      undo.push(inverseOf(rows, patch));
      rows.apply(patch);
    }
    if (statement.type === "registry.moved") closeAt(statement.seq);
    if (statement.type === "registry.restored") closeAt(undefined);
    staged.commit();
    at = statement.at;
    return statement;
  };

  const checkArtifacts = (digests: readonly string[]): void => {
    const missing = digests.find((digest) => store.artifacts.get(digest)?.state !== "stored");
    if (missing !== undefined) throw new TesError("artifact_missing", { detail: missing });
  };

  const entityAt = (id: string, of: number): EntityRow | undefined => {
    const row = rows.entity(id);
    // Most questions are about entities that nobody touched since.
    if (row === undefined || row.seq < of) return row;
    const [touch] = store.touches(id, of, 1);
    return touch === undefined ? undefined : entityBefore(touch, id, statementOf(store.body(touch.declared)!));
  };

  return {
    registry,
    get rows() {
      return rows;
    },
    get size() {
      return tree.size;
    },
    get readOnly() {
      return readOnly;
    },
    root: (of) => (of === undefined ? tree.root() : rootOf(of, tree.node)),
    node: (level, index) => tree.node(level, index),
    bodies: store.bodies,
    append(write) {
      const before = { size: tree.size, at, readOnly };
      if (readOnly !== undefined && write.commands.some(({ kind }) => kind !== "restore")) {
        throw new TesError("registry_read_only", { detail: whyReadOnly(rows, readOnly) });
      }
      if (write.size !== undefined && write.size !== tree.size) {
        throw new TesError("epoch_invalid", { detail: `The log has ${tree.size} statements by now.` });
      }
      const undo: Patch[] = [];
      try {
        return store.transaction(() => {
          if (before.size === 0) store.migrate(write.now);
          const statements = write.commands.flatMap((command) => appendOne(command, write, undo) ?? []);
          for (const blob of write.blobs ?? []) store.putBlob(blob);
          const { artifacts: files, blobs: [text] = [] } = write;
          if (statements.length > 0 && files !== undefined && text !== undefined) {
            checkArtifacts(files);
            store.artifacts.refer(text.digest, files);
          }
          return statements;
        });
      } catch (thrown) {
        for (const patch of undo.reverse()) rows.apply(patch);
        if (tree.size !== before.size) tree = loadTree(store, before.size);
        at = before.at;
        readOnly = before.readOnly;
        throw thrown;
      }
    },
    checkArtifacts,
    earlier({ key, request }) {
      const found = store.byIdempotency(key);
      if (found.length === 0) return undefined;
      if (found.some((row) => row.request !== request)) throw new TesError("idempotency_key_reused");
      return found.map((row) => statementOf(row.body));
    },
    statement(seq) {
      const body = store.body(seq);
      if (body === undefined)
        throw new TesError("invalid_field", { field: "seq", detail: `The log has ${tree.size}.` });
      return statementOf(body);
    },
    inclusion: (index) => inclusionProof(index, tree.size, tree.node),
    inclusionAt: (index, of) => inclusionProof(index, of, tree.node),
    consistency: (from, to) => consistencyProof(from, to, tree.node),
    entityAt,
    entitiesAt: (of) => Array.from(rows.entities(), ({ entity }) => entityAt(entity, of) ?? []).flat(),
    history: (id, below, count) =>
      store.touches(id, below, count).map((touch) => ({ touch, statement: statementOf(store.body(touch.seq)!) })),
    async rebuild(pause) {
      const replay = createReplay(store, createMemoryRows([], store.lookup));
      const hashes = createTileTree({ size: 0, openEntries: [], readSealed: store.tileNodes });
      const page = (from: number): number => {
        const bodies = store.bodies(from, REBUILD_PAGE);
        const leaves = bodies.map((body) => leafHash(utf8(body)));
        const staged = hashes.stage(...leaves);
        for (const { level, index, nodes } of staged.sealed) {
          if (!equalBytes(store.tileNodes(level, index), nodes))
            throw damaged(`Tile ${level}/${index} is not the log's.`);
        }
        staged.commit();
        store.transaction(() => {
          for (const body of bodies) replay.take(statementOf(body));
          replay.flushTouched();
        });
        return from + bodies.length;
      };
      let done = 0;
      while (tree.size - done > REBUILD_PAGE) {
        done = page(done);
        await pause();
      }
      // The last turn, without an await: nobody writes between the last page and the rows that replace the old ones.
      while (done < tree.size) done = page(done);
      const root = hashes.root();
      if (!equalBytes(root, tree.root())) {
        throw damaged("The statements in storage do not lead to the root of the log.");
      }
      const changed = differences(rows, replay.rows);
      store.transaction(() => {
        for (const patch of store.patches()) store.patchState({ ...patch, value: null } as Patch);
        replay.flush();
      });
      rows = replay.rows;
      return { statements: done, root, changed };
    },
  };
}

const damaged = (detail: string): TesError => new TesError("internal", { detail });

function readOnlyFrom(store: Store): number | undefined {
  const seq = store.meta("read_only");
  return seq === undefined ? undefined : Number(seq);
}

function whyReadOnly(rows: Rows, at: number): string {
  const moved = rows.registry()?.moved;
  if (moved?.seq === at) return `It has moved, and goes on at ${moved.url}.`;
  return "It was read in from an export that nobody handed over, and waits for a restore.";
}

/** How many entities and other rows are not the same in both. */
function differences(before: Rows, after: Rows): number {
  const all = (rows: Rows): Map<string, string> => {
    const found = new Map<string, string>([["registry", JSON.stringify(rows.registry())]]);
    for (const row of rows.entities()) {
      found.set(`entity ${row.entity}`, JSON.stringify(row));
      const publishers = rows.publishers(row.entity);
      if (publishers !== undefined) found.set(`publishers ${row.entity}`, JSON.stringify(publishers));
    }
    for (const row of rows.revocations()) found.set(`revoked ${row.token}`, JSON.stringify(row));
    for (const row of rows.listings()) found.set(`listing ${row.name}`, JSON.stringify(row));
    return found;
  };
  const [old, now] = [all(before), all(after)];
  return [...new Set([...old.keys(), ...now.keys()])].filter((key) => old.get(key) !== now.get(key)).length;
}
