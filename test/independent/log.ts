/**
 * The log once more, written from the texts of RFC 8785, RFC 6962 and C2SP signed-note, with Node's own cryptography.
 * Tests hold the product against it, so it shares no line with src/.
 */

import { createPublicKey, hash, type KeyObject, verify } from "node:crypto";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

/** A receipt as it comes out of `JSON.parse`. */
export interface ReceiptJson {
  readonly statement: { readonly seq: number; readonly [member: string]: Json };
  readonly inclusion: { readonly index: number; readonly size: number; readonly proof: readonly string[] };
  readonly checkpoint: string;
}

export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

const sha256 = (...parts: readonly Uint8Array[]): Buffer => hash("sha256", Buffer.concat(parts), "buffer");
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);
/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to its 32 bytes. */
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** RFC 8785 section 3.2: members sorted by UTF-16 code units, which is what `sort` without a comparison does. */
export function jcs(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jcs).join()}]`;
  const members = value as { readonly [member: string]: Json };
  return `{${Object.keys(members)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${jcs(members[name]!)}`)
    .join()}}`;
}

/** RFC 6962 section 2.1, the hash of one leaf. */
export function leafOf(statement: Json): Buffer {
  return sha256(LEAF, Buffer.from(jcs(statement), "utf8"));
}

/** The largest power of two smaller than n, as RFC 6962 section 2.1 names it. */
function k(n: number): number {
  let power = 1;
  while (2 * power < n) power *= 2;
  return power;
}

/**
 * MTH(D[n]) of RFC 6962 section 2.1 over leaf hashes, for many sizes of one growing list. Whole subtrees never change,
 * so they are kept; everything else is computed anew.
 */
export class Tree {
  readonly #leaves: Buffer[] = [];
  readonly #whole = new Map<number, Buffer>();

  get size(): number {
    return this.#leaves.length;
  }

  push(leaf: Buffer): void {
    this.#leaves.push(leaf);
  }

  leaf(index: number): Buffer | undefined {
    return this.#leaves[index];
  }

  root(size = this.size): Buffer {
    if (size > this.size) throw new Error(`the tree has ${this.size} leaves, not ${size}`);
    return size === 0 ? sha256() : this.#mth(0, size);
  }

  #mth(start: number, n: number): Buffer {
    if (n === 1) return this.#leaves[start]!;
    const left = k(n);
    const whole = n === 2 * left;
    // The start is a multiple of n, so 2 * start + n is an odd multiple of it: no other subtree has this number.
    const id = 2 * start + n;
    const known = whole ? this.#whole.get(id) : undefined;
    if (known !== undefined) return known;
    const node = sha256(NODE, this.#mth(start, left), this.#mth(start + left, n - left));
    if (whole) this.#whole.set(id, node);
    return node;
  }
}

/** The root that PATH(m, D[n]) of RFC 6962 section 2.1.1 leads to. */
export function rootFromPath(index: number, size: number, leaf: Buffer, path: readonly Buffer[]): Buffer {
  if (size === 1) {
    if (path.length > 0) throw new Error("the audit path is too long");
    return leaf;
  }
  const sibling = path.at(-1);
  if (sibling === undefined) throw new Error("the audit path is too short");
  const left = k(size);
  const rest = path.slice(0, -1);
  return index < left
    ? sha256(NODE, rootFromPath(index, left, leaf, rest), sibling)
    : sha256(NODE, sibling, rootFromPath(index - left, size - left, leaf, rest));
}

/** A checker of signed notes by one log: its origin, and its Ed25519 key as base64url. */
export function noteChecker(origin: string, x: string): (note: string) => TreeHead {
  const raw = Buffer.from(x, "base64url");
  const key: KeyObject = createPublicKey({ key: Buffer.concat([ED25519_SPKI, raw]), format: "der", type: "spki" });
  // C2SP signed-note: the key hash is the start of SHA-256(name ‖ "\n" ‖ 0x01 ‖ key).
  const keyHash = sha256(Buffer.from(`${origin}\n`), Buffer.of(1), raw).subarray(0, 4);
  const checked = new Map<string, TreeHead>();

  return (note) => {
    const known = checked.get(note);
    if (known !== undefined) return known;
    const found = /^((.+)\n(0|[1-9]\d*)\n([A-Za-z0-9+/=]{44})\n)\n\u2014 (\S+) (\S+)\n$/.exec(note);
    if (found === null) throw new Error(`not a checkpoint with one signature:\n${note}`);
    const [, text, name, size, root, signer, blob] = found as unknown as string[];
    const signature = Buffer.from(blob!, "base64");
    if (name !== origin || signer !== origin || !signature.subarray(0, 4).equals(keyHash)) {
      throw new Error(`a checkpoint of ${name}, signed by ${signer}, not of ${origin}`);
    }
    if (!verify(null, Buffer.from(text!, "utf8"), key, signature.subarray(4))) {
      throw new Error(`the signature does not hold:\n${note}`);
    }
    const head = { origin, size: Number(size), root: Buffer.from(root!, "base64") };
    checked.set(note, head);
    return head;
  };
}

/** Checks that a receipt proves itself. @returns the tree head it was proved under */
export function checkReceipt(receipt: ReceiptJson, checkNote: (note: string) => TreeHead): TreeHead {
  const { statement, inclusion } = receipt;
  const head = checkNote(receipt.checkpoint);
  const path = inclusion.proof.map((text) => Buffer.from(text, "base64"));
  if (inclusion.size !== head.size || inclusion.index >= head.size || statement.seq !== inclusion.index) {
    throw new Error(`statement ${statement.seq} at ${inclusion.index} of ${inclusion.size} under size ${head.size}`);
  }
  if (!rootFromPath(inclusion.index, inclusion.size, leafOf(statement), path).equals(head.root)) {
    throw new Error(`the receipt of statement ${statement.seq} does not lead to the root of size ${head.size}`);
  }
  return head;
}
