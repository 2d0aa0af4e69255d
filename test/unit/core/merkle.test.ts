import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Bytes, fromBase64, fromHex, toHex, utf8 } from "../../../src/core/bytes.ts";
import { MAX_LOG_SIZE } from "../../../src/core/limits.ts";
import {
  appendLeaf,
  consistencyProof,
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  type Frontier,
  frontierRoot,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/core/merkle.ts";
import probes from "../../vectors/core/rfc6962-proofs.json" with { type: "json" };
import { refusalOf } from "./refusal.ts";
import { referenceTree } from "./rfc6962.ts";

const MAX = 100;
const contents = Array.from({ length: MAX }, (_, i) => utf8(`leaf ${i}`));
const leaves = contents.map(leafHash);
const reference = referenceTree(contents);
const nodes: NodeReader = (level, index) => reference.subtree(level, index) as Bytes;
const hexes = (hashes: readonly Uint8Array[]) => hashes.map(toHex);

describe("the reference tree of Certificate Transparency", () => {
  const inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
  const hashes = inputs.map((hex) => leafHash(fromHex(hex)!));
  const tree = referenceTree(inputs.map((hex) => fromHex(hex)!));
  const read: NodeReader = (level, index) => tree.subtree(level, index) as Bytes;

  it.each([
    [0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    [1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    [2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    [3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
    [4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    [5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
    [6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
    [7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
    [8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
  ])("has at size %i the root %s", (size, root) => {
    expect(toHex(rootOf(size, read))).toBe(root);
    expect(toHex(frontierRoot(hashes.slice(0, size).reduce(appendLeaf, EMPTY_FRONTIER)))).toBe(root);
    expect(toHex(tree.root(size))).toBe(root);
  });

  it("proves as the vectors of transparency-dev/merkle do", () => {
    const bytes = (text: string) => fromBase64(text)!;
    let proved = 0;
    for (const [name, index, size, leaf, root, proof, holds] of probes.inclusion as [
      string,
      number,
      number,
      string,
      string,
      string[],
      boolean,
    ][]) {
      const claim = { leaf: bytes(leaf), index, size, root: bytes(root), proof: proof.map(bytes) };
      const strict = [claim.leaf, claim.root].every((hash) => hash.length === 32);
      expect(
        refusalOf(() => verifyInclusion(claim)),
        name,
      ).toBe(holds && strict ? "accepted" : "proof_invalid");
      if (!holds || !strict || size !== 8) continue;
      expect(hexes(inclusionProof(index, size, read)), name).toEqual(hexes(claim.proof));
      proved++;
    }
    for (const [name, from, to, fromRoot, toRoot, proof, holds] of probes.consistency as [
      string,
      number,
      number,
      string,
      string,
      string[],
      boolean,
    ][]) {
      const claim = { from, to, fromRoot: bytes(fromRoot), toRoot: bytes(toRoot), proof: proof.map(bytes) };
      const strict = [claim.fromRoot, claim.toRoot].every((hash) => hash.length === 32);
      expect(
        refusalOf(() => verifyConsistency(claim)),
        name,
      ).toBe(holds && strict ? "accepted" : "checkpoint_inconsistent");
      if (!holds || !strict || to !== 8) continue;
      expect(hexes(consistencyProof(from, to, read)), name).toEqual(hexes(claim.proof));
      proved++;
    }
    expect(proved).toBeGreaterThanOrEqual(4);
  });
});

describe(`all trees up to ${MAX} leaves`, () => {
  it("have the root of the RFC's text, by nodes and by frontier", () => {
    let frontier: Frontier = EMPTY_FRONTIER;
    for (let size = 0; size <= MAX; size++) {
      expect(toHex(rootOf(size, nodes))).toBe(toHex(reference.root(size)));
      expect(toHex(frontierRoot(frontier))).toBe(toHex(reference.root(size)));
      if (size === MAX) break;
      const next = appendLeaf(frontier, leaves[size]!);
      expect(frontier.size).toBe(size);
      expect(next.hashes.length).toBe([...(size + 1).toString(2)].filter((bit) => bit === "1").length);
      frontier = next;
    }
  });

  it("give the inclusion proofs of the RFC's text, which verify, and for no other index", () => {
    for (let size = 1; size <= MAX; size++) {
      const root = reference.root(size);
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, nodes);
        expect(hexes(proof)).toEqual(hexes(reference.inclusion(index, size)));
        verifyInclusion({ leaf: leaves[index]!, index, size, proof, root });
        const other = (index + 1) % size;
        if (other !== index) {
          expect(refusalOf(() => verifyInclusion({ leaf: leaves[index]!, index: other, size, proof, root }))).toBe(
            "proof_invalid",
          );
        }
      }
    }
  });

  it("give the consistency proofs of the RFC's text, which verify", () => {
    for (let to = 0; to <= MAX; to++) {
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(from, to, nodes);
        expect(hexes(proof)).toEqual(from === 0 ? [] : hexes(reference.consistency(from, to)));
        verifyConsistency({ from, to, fromRoot: reference.root(from), toRoot: reference.root(to), proof });
      }
    }
  });
});

describe("trees of any size", () => {
  /** A tree whose leaves are all alike: one hash a level, so that even 2^53 − 1 leaves cost nothing. */
  const alike: Bytes[] = [leafHash(utf8("x"))];
  for (let level = 1; level < 54; level++) alike.push(nodeHash(alike[level - 1]!, alike[level - 1]!));
  const uniform: NodeReader = (level) => alike[level]!;
  const sizes = fc.oneof(
    fc.maxSafeNat(),
    fc.integer({ min: 0, max: 52 }).chain((bit) => fc.constantFrom(2 ** bit, 2 ** bit - 1, 2 ** bit + 1)),
    fc.constant(Number.MAX_SAFE_INTEGER),
  );

  it("prove inclusion and consistency past 2^32", () => {
    fc.assert(
      fc.property(sizes, sizes, (a, b) => {
        const size = Math.max(a, b, 1);
        const index = Math.min(a, b, size - 1);
        const root = rootOf(size, uniform);
        const proof = inclusionProof(index, size, uniform);
        verifyInclusion({ leaf: alike[0]!, index, size, proof, root });
        const older = consistencyProof(index, size, uniform);
        verifyConsistency({ from: index, to: size, fromRoot: rootOf(index, uniform), toRoot: root, proof: older });
        expect(proof.length).toBeLessThanOrEqual(53);
        expect(older.length).toBeLessThanOrEqual(54);
        if (index === 0) return;
        for (const drop of older.keys()) {
          const cut = older.toSpliced(drop, 1);
          const claim = { from: index, to: size, fromRoot: rootOf(index, uniform), toRoot: root, proof: cut };
          expect(refusalOf(() => verifyConsistency(claim))).toBe("checkpoint_inconsistent");
        }
      }),
      { numRuns: 40 },
    );
  });

  it("are refused where an index cannot be held exactly", () => {
    for (const [index, size] of [
      [-1, 5],
      [5, 5],
      [0, 0],
      [0.5, 5],
      [Number.NaN, 5],
      [0, 2 ** 53],
      [1, Number.POSITIVE_INFINITY],
    ] as const) {
      expect(refusalOf(() => inclusionProof(index, size, uniform))).toBe("invalid_field");
      expect(refusalOf(() => verifyInclusion({ leaf: alike[0]!, index, size, proof: [], root: alike[0]! }))).toBe(
        "proof_invalid",
      );
    }
    expect(refusalOf(() => rootOf(-1, uniform))).toBe("invalid_field");
    expect(refusalOf(() => consistencyProof(6, 5, uniform))).toBe("invalid_field");
    expect(refusalOf(() => consistencyProof(1, 2 ** 53, uniform))).toBe("invalid_field");
    const full = { size: MAX_LOG_SIZE, hashes: alike.slice(0, 53) };
    expect(refusalOf(() => appendLeaf(full, alike[0]!))).toBe("invalid_field");
    const last = { size: MAX_LOG_SIZE - 1, hashes: alike.slice(1, 53) };
    expect(appendLeaf(last, alike[0]!).size).toBe(MAX_LOG_SIZE);
  });

  it("of size 0 give a root of their own, not one to spoil for others", () => {
    rootOf(0, uniform).fill(7);
    frontierRoot(EMPTY_FRONTIER).fill(7);
    expect(toHex(EMPTY_ROOT)).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });
});

describe("hostile proofs", () => {
  const size = fc.integer({ min: 2, max: MAX });
  const flip = (hash: Uint8Array, bit: number) => {
    const out = hash.slice();
    out[(bit >> 3) % 32]! ^= 1 << (bit & 7);
    return out;
  };
  /** Every way to spoil a list of hashes by one change. */
  const spoilt = (proof: readonly Uint8Array[], at: number, bit: number): Uint8Array[][] => [
    [...proof, leaves[0]!],
    [leaves[0]!, ...proof],
    [...proof, new Uint8Array()],
    ...(proof.length === 0
      ? []
      : [
          proof.slice(1),
          proof.slice(0, -1),
          proof.with(at % proof.length, flip(proof[at % proof.length]!, bit)),
          proof.with(at % proof.length, proof[at % proof.length]!.slice(1)),
          [...proof, proof.at(-1)!],
        ]),
    ...(proof.length < 2 ? [] : [[...proof].reverse()]),
  ];

  it("of inclusion fail after any one change", () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(), (n, which, at, bit) => {
        const index = which % n;
        const claim = {
          leaf: leaves[index]!,
          index,
          size: n,
          proof: inclusionProof(index, n, nodes) as Uint8Array[],
          root: reference.root(n),
        };
        const wrong = [
          ...spoilt(claim.proof, at, bit).map((proof) => ({ ...claim, proof })),
          { ...claim, leaf: flip(claim.leaf, bit) },
          { ...claim, root: flip(claim.root, bit) },
          { ...claim, root: new Uint8Array() },
          { ...claim, leaf: contents[index]! },
          { ...claim, index: n },
          { ...claim, index: (index + 1 + (at % (n - 1))) % n },
          { ...claim, index: index + 2 ** 32 },
        ];
        for (const bad of wrong) expect(refusalOf(() => verifyInclusion(bad))).toBe("proof_invalid");
      }),
    );
  });

  it("of inclusion fail for another size, unless the path has the same shape there", () => {
    for (let n = 1; n <= 24; n++) {
      for (let index = 0; index < n; index++) {
        const proof = inclusionProof(index, n, nodes);
        for (let claimed = 1; claimed <= 48; claimed++) {
          const bad = { leaf: leaves[index]!, index, size: claimed, proof, root: reference.root(n) };
          // A path says on which side each sibling is, no more: it may hold for other sizes. That is why a size is only
          // ever believed from a signed checkpoint.
          if (refusalOf(() => verifyInclusion(bad)) === "accepted") {
            expect(sides(index, claimed)).toEqual(sides(index, n));
          } else expect(claimed).not.toBe(n);
        }
      }
    }
  });

  it("of consistency fail after any one change", () => {
    fc.assert(
      fc.property(size, fc.nat(), fc.nat(), fc.nat(), (to, which, at, bit) => {
        const from = 1 + (which % to);
        const claim = {
          from,
          to,
          fromRoot: reference.root(from),
          toRoot: reference.root(to),
          proof: consistencyProof(from, to, nodes) as Uint8Array[],
        };
        const wrong = [
          ...spoilt(claim.proof, at, bit).map((proof) => ({ ...claim, proof })),
          { ...claim, fromRoot: flip(claim.fromRoot, bit) },
          { ...claim, toRoot: flip(claim.toRoot, bit) },
          { ...claim, fromRoot: new Uint8Array() },
          ...(from === to
            ? []
            : [
                { ...claim, fromRoot: claim.toRoot, toRoot: claim.fromRoot },
                { ...claim, proof: [] },
                // Equal sizes need equal roots and nothing else, so only unequal ones are tied to their sizes.
                { ...claim, from: from + 2 ** 32, to: to + 2 ** 32 },
              ]),
          { ...claim, from: to + 1 },
          { ...claim, from: -1 },
          { ...claim, from: 0 },
        ];
        for (const bad of wrong) expect(refusalOf(() => verifyConsistency(bad))).toBe("checkpoint_inconsistent");
      }),
      // Equal sizes, where one change more than others is none.
      { examples: [[2, 296_364_099, 0, 0]] },
    );
  });

  it("of a fork fail: two logs that differ in one old leaf", () => {
    const forked = referenceTree(contents.with(3, utf8("another")));
    const read: NodeReader = (level, index) => forked.subtree(level, index) as Bytes;
    for (let from = 4; from <= 64; from++) {
      for (const to of [from, from + 1, 64, 100]) {
        for (const source of [nodes, read]) {
          const proof = consistencyProof(from, Math.max(from, to), source);
          const claim = {
            from,
            to: Math.max(from, to),
            fromRoot: reference.root(from),
            toRoot: forked.root(Math.max(from, to)),
            proof,
          };
          expect(refusalOf(() => verifyConsistency(claim))).toBe("checkpoint_inconsistent");
        }
      }
    }
  });

  it("from the empty tree need its root and nothing else", () => {
    const claim = { from: 0, to: 5, fromRoot: EMPTY_ROOT, toRoot: reference.root(5), proof: [] };
    verifyConsistency(claim);
    verifyConsistency({ ...claim, to: 0, toRoot: EMPTY_ROOT });
    for (const bad of [
      { ...claim, fromRoot: reference.root(5) },
      { ...claim, proof: [EMPTY_ROOT] },
      { ...claim, to: 0 },
    ]) {
      expect(refusalOf(() => verifyConsistency(bad))).toBe("checkpoint_inconsistent");
    }
  });
});

/** On which side the sibling stands at each step from a leaf to the root. */
function sides(index: number, size: number): string[] {
  if (size === 1) return [];
  let split = 1;
  while (split * 2 < size) split *= 2;
  return index < split ? [...sides(index, split), "right"] : [...sides(index - split, size - split), "left"];
}
