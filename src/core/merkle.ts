/**
 * RFC 6962 Merkle trees with SHA-256, synchronous.
 *
 * Indexes and sizes go up to 2^53 − 1, so they are halved and compared as numbers: bit operators would cut them to 32
 * bits. Wherever a leaf is asked for, it is the leaf's hash, not its content.
 */

import { type Bytes, concat, equalBytes } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { MAX_LOG_SIZE } from "./limits.ts";

/** Length of a hash. */
export const HASH_BYTES = 32;

/** Root of the tree without leaves: SHA-256 of nothing (RFC 6962 section 2.1). */
export const EMPTY_ROOT: Bytes = sha256(new Uint8Array());

/** Hash of the perfect subtree number `index` among those of 2^`level` leaves. Asked only for subtrees that are full. */
export type NodeReader = (level: number, index: number) => Bytes;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** Hash of a leaf's content: `SHA-256(0x00 ‖ content)`. */
export function leafHash(bytes: Uint8Array): Bytes {
  return sha256(concat(LEAF_PREFIX, bytes));
}

/** Hash of an interior node: `SHA-256(0x01 ‖ left ‖ right)`. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  return sha256(concat(NODE_PREFIX, left, right));
}

/** Largest power of two below `size`, for `size` > 1: where RFC 6962 splits a tree. */
function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Level of a perfect subtree of `size` leaves, or -1 when `size` is no power of two. */
function perfectLevel(size: number): number {
  let level = 0;
  for (let rest = size; rest > 1; rest /= 2, level++) if (rest % 2 !== 0) return -1;
  return level;
}

/** Root of the leaves from `start` on; `start` is a multiple of the power of two that covers `size`. */
function subtree(start: number, size: number, nodes: NodeReader): Bytes {
  const level = perfectLevel(size);
  if (level >= 0) return nodes(level, start / size);
  const split = splitPoint(size);
  return nodeHash(subtree(start, split, nodes), subtree(start + split, size - split, nodes));
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= MAX_LOG_SIZE;
}

function outOfRange(detail: string): TesError {
  return new TesError("invalid_field", { detail });
}

/** Root of the first `size` leaves (RFC 6962 section 2.1). */
export function rootOf(size: number, nodes: NodeReader): Bytes {
  if (!isSize(size)) throw outOfRange("A tree size is an integer from 0.");
  return size === 0 ? EMPTY_ROOT.slice() : subtree(0, size, nodes);
}

/**
 * Audit path of leaf `index` in the tree of the first `size` leaves, from the leaf up (RFC 6962 section 2.1.1).
 *
 * @throws invalid_field unless 0 ≤ index < size
 */
export function inclusionProof(index: number, size: number, nodes: NodeReader): Bytes[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw outOfRange("The index is not below the tree size.");
  const path: Bytes[] = [];
  let start = 0;
  let rest = size;
  while (rest > 1) {
    const split = splitPoint(rest);
    if (index < start + split) {
      path.push(subtree(start + split, rest - split, nodes));
      rest = split;
    } else {
      path.push(subtree(start, split, nodes));
      start += split;
      rest -= split;
    }
  }
  return path.reverse();
}

/**
 * Proof that the first `from` leaves are a prefix of the first `to` (RFC 6962 section 2.1.2). Empty when `from` is 0
 * or equals `to`.
 *
 * @throws invalid_field unless 0 ≤ from ≤ to
 */
export function consistencyProof(from: number, to: number, nodes: NodeReader): Bytes[] {
  if (!isSize(from) || !isSize(to) || from > to) throw outOfRange("The first size is above the second.");
  if (from === 0 || from === to) return [];
  const path: Bytes[] = [];
  let start = 0;
  let old = from;
  let rest = to;
  while (old !== rest) {
    const split = splitPoint(rest);
    if (old <= split) {
      path.push(subtree(start + split, rest - split, nodes));
      rest = split;
    } else {
      path.push(subtree(start, split, nodes));
      start += split;
      old -= split;
      rest -= split;
    }
  }
  // At the left edge the old tree's own root is what remains, and the verifier has that.
  if (start > 0) path.push(subtree(start, old, nodes));
  return path.reverse();
}

/** What is claimed about one leaf. `leaf` and `root` are hashes. */
export interface InclusionClaim {
  readonly leaf: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/**
 * Checks an audit path (RFC 9162 section 2.1.3.2). Trusts `root` and `size`, which come from a verified checkpoint.
 *
 * @throws proof_invalid
 */
export function verifyInclusion({ leaf, index, size, proof, root }: InclusionClaim): void {
  const fail = (detail: string) => new TesError("proof_invalid", { detail });
  if (!isSize(index) || !isSize(size) || index >= size) throw fail("The index is not below the tree size.");
  if (![leaf, root, ...proof].every(isHash)) throw fail("A hash is not 32 bytes.");
  let at = index;
  let last = size - 1;
  let hash: Uint8Array = leaf;
  for (const sibling of proof) {
    if (last === 0) throw fail("The proof is too long.");
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else hash = nodeHash(hash, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw fail("The proof is too short.");
  if (!equalBytes(hash, root)) throw fail("It leads to another root.");
}

/**
 * Root of the tree without its last leaf, out of that leaf's audit path: its siblings are the subtrees to the left,
 * which are all there was before.
 *
 * @throws proof_invalid unless the path is as long as that of the last leaf of a tree of `size`
 */
export function rootBeforeLast(size: number, proof: readonly Uint8Array[]): Bytes {
  let bits = 0;
  for (let rest = size - 1; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  if (!isSize(size) || size < 1 || proof.length !== bits || !proof.every(isHash)) {
    throw new TesError("proof_invalid", { detail: "It is not the path of the last leaf." });
  }
  const [first, ...rest] = proof;
  if (first === undefined) return EMPTY_ROOT.slice();
  return rest.reduce<Uint8Array>((right, left) => nodeHash(left, right), first).slice() as Bytes;
}

/** What is claimed about two heads of one log. */
export interface ConsistencyClaim {
  readonly from: number;
  readonly to: number;
  readonly fromRoot: Uint8Array;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * Checks that the tree of size `from` is a prefix of the tree of size `to` (RFC 9162 section 2.1.4.2).
 *
 * Equal sizes need equal roots and an empty proof. The empty tree is a prefix of every tree: `from` 0 needs its own
 * root, {@link EMPTY_ROOT}, and an empty proof, and says nothing about `toRoot`. A `from` above `to` never holds.
 *
 * @throws checkpoint_inconsistent
 */
export function verifyConsistency({ from, to, fromRoot, toRoot, proof }: ConsistencyClaim): void {
  const fail = (detail: string) => new TesError("checkpoint_inconsistent", { detail });
  if (!isSize(from) || !isSize(to) || from > to) throw fail("The first size is above the second.");
  if (![fromRoot, toRoot, ...proof].every(isHash)) throw fail("A hash is not 32 bytes.");
  if (from === to || from === 0) {
    if (proof.length > 0) throw fail("The proof is too long.");
    if (!equalBytes(fromRoot, from === 0 ? EMPTY_ROOT : toRoot)) throw fail("Two roots for one size.");
    if (to === 0 && !equalBytes(toRoot, EMPTY_ROOT)) throw fail("Two roots for one size.");
    return;
  }
  const path = perfectLevel(from) >= 0 ? [fromRoot, ...proof] : proof;
  if (proof.length === 0) throw fail("The proof is too short.");
  let at = from - 1;
  let last = to - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  let older: Uint8Array = path[0]!;
  let newer: Uint8Array = path[0]!;
  for (const sibling of path.slice(1)) {
    if (last === 0) throw fail("The proof is too long.");
    if (at % 2 === 1 || at === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else newer = nodeHash(newer, sibling);
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  if (last !== 0) throw fail("The proof is too short.");
  if (!equalBytes(older, fromRoot)) throw fail("The proof does not lead to the first root.");
  if (!equalBytes(newer, toRoot)) throw fail("The proof does not lead to the second root.");
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES;
}

/** A tree as its perfect subtrees, largest first: all that appending and the root need. */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Bytes[];
}

export const EMPTY_FRONTIER: Frontier = { size: 0, hashes: [] };

/** The frontier after one more leaf hash; the given one is not changed. */
export function appendLeaf(frontier: Frontier, leaf: Bytes): Frontier {
  if (frontier.size >= MAX_LOG_SIZE) throw outOfRange("The log is full.");
  const hashes = [...frontier.hashes];
  let hash = leaf;
  for (let rest = frontier.size; rest % 2 === 1; rest = (rest - 1) / 2) hash = nodeHash(hashes.pop()!, hash);
  hashes.push(hash);
  return { size: frontier.size + 1, hashes };
}

/** Root of the tree that a frontier stands for. */
export function frontierRoot({ hashes }: Frontier): Bytes {
  const last = hashes.at(-1);
  if (last === undefined) return EMPTY_ROOT.slice();
  return hashes.slice(0, -1).reduceRight((right, left) => nodeHash(left, right), last);
}
