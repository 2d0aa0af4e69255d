/**
 * The registry in memory: the folded rows, the tree, the last time. It is the mirror of storage: it moves only with a
 * transaction, and a transaction that fails takes it back. Everything here is synchronous.
 */

import { type Bytes, decodeUtf8, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { consistencyProof, inclusionProof, leafHash, type NodeReader, rootOf } from "../core/merkle.ts";
import { createTileTree, openTileRange, type TileTree, tileLevels } from "../core/tiles.ts";
import { parseStatement, type Statement, statementBytes } from "../protocol/statements.ts";
import { type Command, decide } from "../registry/decide.ts";
import { fold } from "../registry/fold.ts";
import { createMemoryRows, type MemoryRows, type Patch, type Rows } from "../registry/rows.ts";
import type { Store } from "./store.ts";

/** Sealed tiles kept in memory, 16 KiB each. */
const MAX_CACHED_TILES = 64;

/** What one request wants written: all of its commands or none. */
export interface Write {
  readonly commands: readonly Command[];
  /** Token id. */
  readonly by: string;
  /** Milliseconds. */
  readonly now: number;
  readonly idempotency?: { readonly key: string; readonly request: string };
}

export interface Ledger {
  readonly registry: string;
  readonly rows: Rows;
  readonly size: number;
  /** Of the first `size` statements, or of all. */
  root(size?: number): Bytes;
  /** Hashes of perfect subtrees. */
  readonly node: NodeReader;
  /** Canonical texts of statements. */
  bodies(from: number, count: number): string[];
  /** Decides, folds and stores, all or nothing. A command that changes nothing gives no statement. */
  append(write: Write): Statement[];
  /** What an earlier request with this key wrote. @throws TesError `idempotency_key_reused` */
  earlier(idempotency: { readonly key: string; readonly request: string }): Statement[] | undefined;
  statement(seq: number): Statement;
  inclusion(index: number): Bytes[];
  consistency(from: number, to: number): Bytes[];
}

function loadTree(store: Store, size: number): TileTree {
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

/** The patch that takes `patch` back. */
function inverse(rows: Rows, patch: Patch): Patch {
  return patch.table === "registry"
    ? { table: "registry", key: patch.key, value: rows.registry() ?? null }
    : { table: "entity", key: patch.key, value: rows.entity(patch.key) ?? null };
}

/** Opens what storage holds; an empty object gives an empty ledger and stores nothing. */
export function openLedger(store: Store, registry: string): Ledger {
  const known = store.exists();
  const rows: MemoryRows = createMemoryRows(known && store.size() > 0 ? store.patches() : []);
  let tree = loadTree(store, known ? store.size() : 0);
  let at = tree.size === 0 ? 0 : statementOf(store.body(tree.size - 1)!).at;

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
      undo.push(inverse(rows, patch));
      rows.apply(patch);
    }
    staged.commit();
    at = statement.at;
    return statement;
  };

  return {
    registry,
    rows,
    get size() {
      return tree.size;
    },
    root: (of) => (of === undefined ? tree.root() : rootOf(of, tree.node)),
    node: (level, index) => tree.node(level, index),
    bodies: store.bodies,
    append(write) {
      const before = { size: tree.size, at };
      const undo: Patch[] = [];
      try {
        return store.transaction(() => {
          if (before.size === 0) store.migrate(write.now);
          return write.commands.flatMap((command) => appendOne(command, write, undo) ?? []);
        });
      } catch (thrown) {
        for (const patch of undo.reverse()) rows.apply(patch);
        if (tree.size !== before.size) tree = loadTree(store, before.size);
        at = before.at;
        throw thrown;
      }
    },
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
    consistency: (from, to) => consistencyProof(from, to, tree.node),
  };
}
