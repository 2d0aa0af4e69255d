/**
 * The tree of a log, kept as tiles of 256 entries, 8 levels high (C2SP tlog-tiles), with their interior nodes.
 *
 * Entry `j` of tile `N` on tile level `L` is the root of the perfect subtree number `256 N + j` of 256^L leaves. A tile
 * is **sealed** once it has its 256 entries, written once and never changed. The one tile per level that is not full
 * stays in memory, interior nodes too, so that a root or a proof of a recent leaf hashes and reads next to nothing.
 */

import { type Bytes, concat } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { MAX_LOG_SIZE, TILE_HEIGHT, TILE_WIDTH } from "./limits.ts";
import { HASH_BYTES, type NodeReader, nodeHash, rootOf } from "./merkle.ts";

/** Bytes of a sealed tile: 256 + 128 + … + 2 hashes. The first 8,192 are the C2SP tile. */
export const SEALED_TILE_BYTES = (2 * TILE_WIDTH - 2) * HASH_BYTES;

/** A full tile. `nodes` holds its entries, then each level above them, without the root. */
export interface SealedTile {
  readonly level: number;
  readonly index: number;
  readonly root: Bytes;
  readonly nodes: Bytes;
}

/** What one append would do. Nothing is changed until `commit`. */
export interface StagedAppend {
  /** The tiles that fill up, lower levels first. Store them together with the leaves. */
  readonly sealed: readonly SealedTile[];
  /** Tree size after it. */
  readonly size: number;
  /** Root after it; computed when asked for. */
  readonly root: () => Bytes;
  /** Moves the tree on. Call it once the storage transaction has succeeded. @throws internal if the tree has moved */
  commit(): void;
}

/** The hashes it gives out are its own: do not change them. */
export interface TileTree {
  readonly size: number;
  root(): Bytes;
  /** For `inclusionProof` and `consistencyProof`, for every size up to this tree's. */
  readonly node: NodeReader;
  /** Prepares an append of one or more leaf hashes. Pure: a transaction that fails needs no undoing here. */
  stage(...leaves: readonly Bytes[]): StagedAppend;
  /** Entries of the tile of a tile level that is not full. */
  openEntries(level: number): readonly Bytes[];
}

export interface TileTreeOptions {
  /** Leaves in the log. */
  readonly size: number;
  /** For each tile level, the entries of its open tile; {@link openTileRange} says which they are. */
  readonly openEntries: readonly (readonly Bytes[])[];
  /** The 16,320 bytes of a sealed tile. Called for older leaves only. */
  readonly readSealed: (level: number, index: number) => Bytes;
}

/** The open tile of one level: `rows[h]` are its nodes h levels above its entries. */
interface Level {
  readonly rows: readonly Bytes[][];
  /** The tile sealed last: proofs of leaves just behind the edge are asked for most. */
  readonly last: SealedTile | undefined;
}

interface State {
  readonly size: number;
  readonly levels: readonly Level[];
}

/**
 * Which entries of a tile level are not yet in a sealed tile: `count` of them from `first` on. On level 0 they are
 * leaves; on level L above it they are the roots of the sealed tiles of level L − 1.
 *
 * @example
 * openTileRange(65_792, 0); // { first: 65_792, count: 0 }
 * openTileRange(65_792, 1); // { first: 256, count: 1 }: the root of tile 256 of level 0
 */
export function openTileRange(size: number, level: number): { readonly first: number; readonly count: number } {
  const entries = Math.floor(size / TILE_WIDTH ** level);
  const count = entries % TILE_WIDTH;
  return { first: entries - count, count };
}

/** How many tile levels a tree of this size has entries on. */
export function tileLevels(size: number): number {
  let levels = 0;
  for (let entries = size; entries > 0; entries = Math.floor(entries / TILE_WIDTH)) levels++;
  return levels;
}

/**
 * Opens the tree of a log from what storage holds.
 *
 * @throws internal when the entries do not fit the size, or a tile in storage is missing or damaged in length
 */
export function createTileTree({ size, openEntries, readSealed }: TileTreeOptions): TileTree {
  if (!Number.isSafeInteger(size) || size < 0) throw broken(`${size} is no log size`);
  const levels: Level[] = [];
  for (let level = 0; level < tileLevels(size); level++) {
    const { count } = openTileRange(size, level);
    const entries = openEntries[level] ?? [];
    if (entries.length !== count) throw broken(`level ${level} has ${entries.length} open entries, not ${count}`);
    const rows = emptyRows();
    for (const entry of entries) pushEntry(rows, entry);
    levels.push({ rows, last: undefined });
  }
  let state: State = { size, levels };

  return {
    get size() {
      return state.size;
    },
    root: () => rootOf(state.size, (level, index) => readNode(state, level, index, readSealed)),
    node: (level, index) => readNode(state, level, index, readSealed),
    openEntries: (level) => [...(state.levels[level]?.rows[0] ?? [])],
    stage(...leaves) {
      const base = state;
      const { next, sealed } = append(base, leaves);
      return {
        sealed,
        size: next.size,
        root: () => rootOf(next.size, (level, index) => readNode(next, level, index, readSealed)),
        commit() {
          if (state !== base) throw broken("the tree has moved since this append was staged");
          state = next;
        },
      };
    },
  };
}

function broken(cause: string): TesError {
  return new TesError("internal", { cause: new Error(`tile tree: ${cause}`) });
}

function emptyRows(): Bytes[][] {
  return Array.from({ length: TILE_HEIGHT }, () => []);
}

/** Adds an entry with every interior node that it completes; returns the tile's root if that filled it. */
function pushEntry(rows: readonly Bytes[][], entry: Bytes): Bytes | undefined {
  if (entry.length !== HASH_BYTES) throw broken("an entry is not 32 bytes");
  let hash = entry;
  for (const row of rows) {
    row.push(hash);
    if (row.length % 2 === 1) return undefined;
    hash = nodeHash(row.at(-2)!, hash);
  }
  return hash;
}

/** Appends to a copy. The copy is of at most 510 references on each level that changes, far below one hash. */
function append(base: State, leaves: readonly Bytes[]): { next: State; sealed: SealedTile[] } {
  if (base.size + leaves.length > MAX_LOG_SIZE) throw broken("the log is full");
  const levels = [...base.levels];
  const copied = new Set<number>();
  const sealed: SealedTile[] = [];
  let { size } = base;
  for (const leaf of leaves) {
    let entry: Bytes | undefined = leaf;
    for (let level = 0; entry !== undefined; level++) {
      if (!copied.has(level)) {
        const old = levels[level];
        levels[level] = { rows: old?.rows.map((row) => [...row]) ?? emptyRows(), last: old?.last };
        copied.add(level);
      }
      const { rows } = levels[level]!;
      entry = pushEntry(rows, entry);
      if (entry !== undefined) {
        const index = Math.floor(size / TILE_WIDTH ** (level + 1));
        const tile = { level, index, root: entry, nodes: concat(...rows.flat()) };
        sealed.push(tile);
        levels[level] = { rows: emptyRows(), last: tile };
      }
    }
    size++;
  }
  return { next: { size, levels }, sealed };
}

function readNode(state: State, level: number, index: number, readSealed: TileTreeOptions["readSealed"]): Bytes {
  if (!((index + 1) * 2 ** level <= state.size)) throw broken(`node ${level}/${index} is not complete`);
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const height = level % TILE_HEIGHT;
  const width = TILE_WIDTH / 2 ** height;
  const tile = Math.floor(index / width);
  const { first } = openTileRange(state.size, tileLevel);
  const { rows, last } = state.levels[tileLevel]!;
  if (tile * TILE_WIDTH >= first) return rows[height]![index % width]!;
  const nodes = last?.index === tile ? last.nodes : readSealed(tileLevel, tile);
  if (nodes.length !== SEALED_TILE_BYTES) throw broken(`tile ${tileLevel}/${tile} has ${nodes.length} bytes`);
  const at = (2 * TILE_WIDTH - 2 * width + (index % width)) * HASH_BYTES;
  return nodes.slice(at, at + HASH_BYTES);
}
