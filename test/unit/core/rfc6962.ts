import { hash as digest } from "node:crypto";

/**
 * RFC 6962 section 2.1 as its text has it: recursive, over a list of leaf contents, with Node's hash. The tests hold the
 * product's trees against this, so it shares no code with them.
 */
const hash = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(digest("sha256", Buffer.concat(parts), "buffer"));

const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);

/** The largest power of two smaller than n. */
function k(n: number): number {
  let power = 1;
  while (power << 1 < n) power <<= 1;
  return power;
}

/** MTH(D[n]). Subtrees are remembered by their range, or the tests would take minutes. */
export function referenceTree(contents: readonly Uint8Array[]) {
  const seen = new Map<number, Uint8Array>();
  const mth = (start: number, end: number): Uint8Array => {
    const id = start * (contents.length + 1) + end;
    const known = seen.get(id);
    if (known !== undefined) return known;
    const n = end - start;
    let root: Uint8Array;
    if (n === 0) root = hash();
    else if (n === 1) root = hash(ZERO, contents[start]!);
    else root = hash(ONE, mth(start, start + k(n)), mth(start + k(n), end));
    seen.set(id, root);
    return root;
  };

  /** PATH(m, D[n]) */
  const path = (m: number, start: number, end: number): Uint8Array[] => {
    const n = end - start;
    if (n === 1) return [];
    const split = start + k(n);
    if (m < k(n)) return [...path(m, start, split), mth(split, end)];
    return [...path(m - k(n), split, end), mth(start, split)];
  };

  /** SUBPROOF(m, D[n], b) */
  const subproof = (m: number, start: number, end: number, b: boolean): Uint8Array[] => {
    const n = end - start;
    if (m === n) return b ? [] : [mth(start, end)];
    const split = start + k(n);
    if (m <= k(n)) return [...subproof(m, start, split, b), mth(split, end)];
    return [...subproof(m - k(n), split, end, false), mth(start, split)];
  };

  return {
    root: (size: number) => mth(0, size),
    subtree: (level: number, index: number) => mth(index * 2 ** level, (index + 1) * 2 ** level),
    inclusion: (index: number, size: number) => path(index, 0, size),
    consistency: (from: number, to: number) => subproof(from, 0, to, true),
  };
}
