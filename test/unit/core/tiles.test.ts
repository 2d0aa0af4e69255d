import fc from "fast-check";
import { beforeAll, describe, expect, it, test, vi } from "vitest";
import { type Bytes, concat, toHex, utf8 } from "../../../src/core/bytes.ts";
import { MAX_LOG_SIZE, TILE_HEIGHT, TILE_WIDTH } from "../../../src/core/limits.ts";
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  nodeHash,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/core/merkle.ts";
import {
  createTileTree,
  openTileRange,
  SEALED_TILE_BYTES,
  type SealedTile,
  type TileTree,
  tileLevels,
} from "../../../src/core/tiles.ts";
import { refusalOf } from "./refusal.ts";
import { referenceTree } from "./rfc6962.ts";

/** What the authority's database would hold. */
function createStorage() {
  const leaves: Bytes[] = [];
  const tiles = new Map<string, SealedTile>();
  const reads: string[] = [];
  const readSealed = (level: number, index: number): Bytes => {
    reads.push(`${level}/${index}`);
    const tile = tiles.get(`${level}/${index}`);
    if (tile === undefined) throw new Error(`no tile ${level}/${index}`);
    return tile.nodes;
  };
  const store = (sealed: readonly SealedTile[]) => {
    for (const tile of sealed) {
      const id = `${tile.level}/${tile.index}`;
      expect(tiles.has(id), `${id} is written once`).toBe(false);
      tiles.set(id, tile);
    }
  };
  /** As a restart does: nothing but the rows that openTileRange names. */
  const open = (size = leaves.length): TileTree => {
    const openEntries = Array.from({ length: tileLevels(size) }, (_, level) => {
      const { first, count } = openTileRange(size, level);
      if (level === 0) return leaves.slice(first, first + count);
      return Array.from({ length: count }, (_, i) => tiles.get(`${level - 1}/${first + i}`)!.root);
    });
    return createTileTree({ size, openEntries, readSealed });
  };
  const append = (tree: TileTree, ...hashes: Bytes[]) => {
    const staged = tree.stage(...hashes);
    store(staged.sealed);
    leaves.push(...hashes);
    staged.commit();
  };
  return { leaves, tiles, reads, readSealed, open, append };
}

const SIZE = 65_600;
const EDGES = [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_279, 65_280, 65_281, 65_535, 65_536, 65_537, SIZE];
const contents = Array.from({ length: SIZE }, (_, i) => utf8(`${i}`));
const reference = referenceTree(contents);

describe("a log of 65,600 leaves", () => {
  const storage = createStorage();
  const roots = new Map<number, Bytes>();
  let tree: TileTree;

  beforeAll(() => {
    tree = storage.open();
    roots.set(0, tree.root());
    // One leaf at a time around every edge, and strides that fit no tile in between.
    const strides = [1, 97, 3, 301];
    for (let turn = 0; tree.size < SIZE; turn++) {
      const edge = EDGES.find((size) => size > tree.size)!;
      const stride = edge - tree.size <= 4 || tree.size < 600 ? 1 : strides[turn % strides.length]!;
      const to = Math.min(tree.size + stride, Math.max(edge - 2, tree.size + 1));
      storage.append(tree, ...contents.slice(tree.size, to).map(leafHash));
      if (EDGES.includes(tree.size)) roots.set(tree.size, tree.root());
    }
  });

  it("has at every edge of a tile the root of the RFC's text", () => {
    for (const size of EDGES) expect(toHex(roots.get(size)!), `size ${size}`).toBe(toHex(reference.root(size)));
  });

  it("wrote each full tile once: 256 leaves, their interior nodes and the root", () => {
    expect(storage.tiles.size).toBe(256 + 1);
    for (const [id, tile] of storage.tiles) {
      expect(`${tile.level}/${tile.index}`).toBe(id);
      expect(tile.nodes.length).toBe(SEALED_TILE_BYTES);
      expect(SEALED_TILE_BYTES).toBe(16_320);
      const low = tile.level * 8;
      if (tile.level === 0 && tile.index % 50 > 0) continue;
      const expected: Uint8Array[] = [];
      for (let height = 0; height < 8; height++) {
        const width = TILE_WIDTH >> height;
        for (let i = 0; i < width; i++) expected.push(reference.subtree(low + height, tile.index * width + i));
      }
      expect(toHex(tile.nodes) === toHex(concat(...expected)), id).toBe(true);
      expect(toHex(tile.root)).toBe(toHex(reference.subtree(low + 8, tile.index)));
    }
  });

  it("proves inclusion of leaves at every edge, in every tree at an edge", () => {
    for (const size of EDGES) {
      for (const index of EDGES.flatMap((edge) => [edge - 1, edge])) {
        if (index < 0 || index >= size) continue;
        const proof = inclusionProof(index, size, tree.node);
        expect(proof.map(toHex)).toEqual(reference.inclusion(index, size).map(toHex));
        verifyInclusion({ leaf: storage.leaves[index]!, index, size, proof, root: reference.root(size) });
      }
    }
  });

  it("proves consistency between all edges", () => {
    for (const to of EDGES) {
      for (const from of EDGES.filter((edge) => edge <= to)) {
        const proof = consistencyProof(from, to, tree.node);
        if (from > 0) expect(proof.map(toHex)).toEqual(reference.consistency(from, to).map(toHex));
        verifyConsistency({ from, to, fromRoot: roots.get(from)!, toRoot: roots.get(to)!, proof });
      }
    }
  });

  it("reads no stored tile for a root or for the newest leaf, and at most one a level for an old one", () => {
    storage.reads.length = 0;
    tree.root();
    inclusionProof(tree.size - 1, tree.size, tree.node);
    consistencyProof(tree.size - 1, tree.size, tree.node);
    // Just behind the edge: the tile sealed last is still at hand.
    inclusionProof(65_535, tree.size, tree.node);
    expect(storage.reads).toEqual([]);
    inclusionProof(1_000, tree.size, tree.node);
    expect([...new Set(storage.reads)]).toEqual(["0/3"]);
  });

  it("opens again from what is stored, at every edge, and goes on alike", () => {
    for (const size of EDGES) {
      const again = storage.open(size);
      expect(again.size).toBe(size);
      expect(toHex(again.root())).toBe(toHex(roots.get(size)!));
      if (size === SIZE) continue;
      const staged = again.stage(...storage.leaves.slice(size, size + 300));
      expect(toHex(staged.root())).toBe(toHex(reference.root(Math.min(size + 300, SIZE))));
      for (const tile of staged.sealed) {
        expect(toHex(tile.nodes)).toBe(toHex(storage.tiles.get(`${tile.level}/${tile.index}`)!.nodes));
      }
    }
  });
});

describe("stage", () => {
  const leaf = (i: number) => leafHash(contents[i]!);
  const grown = (size: number) => {
    const storage = createStorage();
    const tree = storage.open();
    if (size > 0) storage.append(tree, ...Array.from({ length: size }, (_, i) => leaf(i)));
    return { storage, tree };
  };

  it("changes nothing until commit, and nothing if commit never comes", () => {
    for (const size of [0, 1, 254, 255, 256, 511]) {
      const { tree, storage } = grown(size);
      const before = { root: toHex(tree.root()), open: tree.openEntries(0).map(toHex) };
      const dropped = tree.stage(leaf(600), leaf(601));
      dropped.root();
      expect(tree.size).toBe(size);
      expect(toHex(tree.root())).toBe(before.root);
      expect(tree.openEntries(0).map(toHex)).toEqual(before.open);
      const kept = tree.stage(leaf(size));
      expect(kept.size).toBe(size + 1);
      expect(toHex(kept.root())).toBe(toHex(reference.root(size + 1)));
      for (const tile of kept.sealed) storage.tiles.set(`${tile.level}/${tile.index}`, tile);
      kept.commit();
      expect(tree.size).toBe(size + 1);
      expect(toHex(tree.root())).toBe(toHex(reference.root(size + 1)));
      expect(refusalOf(() => dropped.commit())).toBe("internal");
      expect(refusalOf(() => kept.commit())).toBe("internal");
      expect(tree.size).toBe(size + 1);
    }
  });

  it("takes many leaves as it takes them one by one", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 700 }), { maxLength: 5 }), (steps) => {
        const { tree, storage } = grown(0);
        let size = 0;
        for (const step of steps) {
          storage.append(tree, ...Array.from({ length: step }, (_, i) => leaf(size + i)));
          size += step;
          expect(toHex(tree.root())).toBe(toHex(reference.root(size)));
          expect(storage.tiles.size).toBe(Math.floor(size / TILE_WIDTH));
        }
        for (let level = 0; level < tileLevels(size); level++) {
          expect(tree.openEntries(level).length).toBe(openTileRange(size, level).count);
        }
      }),
      { numRuns: 20 },
    );
  });

  it("seals tiles of two levels at once at 65,536 leaves, the lower first", () => {
    const entries = Array.from({ length: 255 }, (_, i) => leaf(i));
    const tree = createTileTree({ size: 65_535, openEntries: [entries, entries], readSealed: () => new Uint8Array() });
    const staged = tree.stage(leaf(255));
    expect(staged.sealed.map(({ level, index }) => [level, index])).toEqual([
      [0, 255],
      [1, 0],
    ]);
    staged.commit();
    expect([0, 1, 2].map((level) => tree.openEntries(level).length)).toEqual([0, 0, 1]);
    expect(toHex(tree.openEntries(2)[0]!)).toBe(toHex(staged.sealed[1]!.root));
  });

  it("hashes less than one interior node a leaf, and its root at most one a level", async () => {
    vi.resetModules();
    let hashes = 0;
    vi.doMock("../../../src/core/merkle.ts", async (original) => {
      const merkle = await original<typeof import("../../../src/core/merkle.ts")>();
      const counted = (left: Uint8Array, right: Uint8Array) => {
        hashes++;
        return nodeHash(left, right);
      };
      return { ...merkle, nodeHash: counted };
    });
    const { createTileTree: counting } = await import("../../../src/core/tiles.ts");
    const tree = counting({ size: 0, openEntries: [], readSealed: () => new Uint8Array() });
    const one = leaf(0);
    let most = 0;
    for (let i = 0; i < 20_000; i++) {
      const before = hashes;
      tree.stage(one).commit();
      most = Math.max(most, hashes - before);
    }
    vi.doUnmock("../../../src/core/merkle.ts");
    vi.resetModules();
    // Each perfect subtree is hashed once when it completes: as many as leaves, less one for each bit of their number.
    expect(hashes).toBe(20_000 - [...(20_000).toString(2)].filter((bit) => bit === "1").length);
    expect(most).toBe(14);
  });
});

test("a log is as large as numbers go, and takes no leaf more", () => {
  const opened = (size: number) => {
    const entries = (_: unknown, level: number) =>
      Array.from({ length: openTileRange(size, level).count }, () => leafHash(contents[0]!));
    const openEntries = Array.from({ length: tileLevels(size) }, entries);
    return createTileTree({ size, openEntries, readSealed: () => new Uint8Array(SEALED_TILE_BYTES) });
  };
  const last = opened(MAX_LOG_SIZE - 1);
  last.stage(leafHash(contents[0]!)).commit();
  expect(last.size).toBe(MAX_LOG_SIZE);
  for (const full of [last, opened(MAX_LOG_SIZE)]) {
    expect(refusalOf(() => full.stage(leafHash(contents[0]!)))).toBe("internal");
  }
});

test("a tile is as wide as its height makes it", () => {
  expect(TILE_WIDTH).toBe(2 ** TILE_HEIGHT);
});

describe("openTileRange", () => {
  it.each([
    [0, 0, 0, 0],
    [1, 0, 0, 1],
    [255, 0, 0, 255],
    [256, 0, 256, 0],
    [256, 1, 0, 1],
    [65_535, 1, 0, 255],
    [65_536, 0, 65_536, 0],
    [65_536, 1, 256, 0],
    [65_536, 2, 0, 1],
    [65_792, 1, 256, 1],
    [2 ** 52 + 5, 0, 2 ** 52, 5],
    [Number.MAX_SAFE_INTEGER, 6, 0, 31],
  ])("of size %i on level %i starts at %i with %i entries", (size, level, first, count) => {
    expect(openTileRange(size, level)).toEqual({ first, count });
  });

  it.each([
    [0, 0],
    [1, 1],
    [255, 1],
    [256, 2],
    [65_535, 2],
    [65_536, 3],
    [Number.MAX_SAFE_INTEGER, 7],
  ])("goes at size %i over %i levels", (size, levels) => {
    expect(tileLevels(size)).toBe(levels);
  });
});

describe("a tree from damaged storage is refused", () => {
  const entry = leafHash(utf8("x"));
  const readSealed = () => new Uint8Array(SEALED_TILE_BYTES);

  it("when entries are missing, too many, or cut", () => {
    const open = (size: number, openEntries: Bytes[][]) =>
      refusalOf(() => createTileTree({ size, openEntries, readSealed }));
    expect(open(2, [[entry]])).toBe("internal");
    expect(open(1, [])).toBe("internal");
    expect(open(1, [[entry, entry]])).toBe("internal");
    expect(open(256, [[]])).toBe("internal");
    expect(open(1, [[entry.slice(1)]])).toBe("internal");
    expect(open(-1, [])).toBe("internal");
    expect(open(0.5, [])).toBe("internal");
    expect(open(256, [[], [entry]])).toBe("accepted");
  });

  it("when a stored tile has another length", () => {
    for (const length of [0, 8_192, SEALED_TILE_BYTES - 1, SEALED_TILE_BYTES + 32]) {
      const tree = createTileTree({ size: 256, openEntries: [[], [entry]], readSealed: () => new Uint8Array(length) });
      expect(refusalOf(() => tree.node(0, 7))).toBe("internal");
    }
  });

  it("and a node that is not complete is never given out", () => {
    const tree = createTileTree({ size: 3, openEntries: [[entry, entry, entry]], readSealed });
    expect(tree.node(1, 0).length).toBe(32);
    for (const [level, index] of [
      [0, 3],
      [1, 1],
      [2, 0],
      [8, 0],
      [60, 0],
      [0, Number.NaN],
    ] as const) {
      expect(refusalOf(() => tree.node(level, index))).toBe("internal");
    }
    expect(refusalOf(() => tree.stage(entry.slice(1)))).toBe("internal");
  });
});
