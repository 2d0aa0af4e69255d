/** A receipt taken apart, for people: every step from a statement to the key that vouches for it, each checked anew. */

import { type Bytes, toHex } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { TesError, toTesError } from "../core/errors.ts";
import { EMPTY_ROOT, leafHash, nodeHash, verifyInclusion } from "../core/merkle.ts";
import type { Receipt } from "../protocol/answers.ts";
import { parseStatement } from "../protocol/statements.ts";
import { hashesOf, verifyNote } from "./receipt.ts";
import type { Trust, TrustedKey } from "./trust.ts";

/** One node on the way from a leaf to the root. Hashes are hex. */
export interface AuditNode {
  readonly sibling: string;
  /** On which side of the way the sibling stands. */
  readonly side: "left" | "right";
  /** The hash of both. */
  readonly node: string;
}

/** What each step came to: nothing for one that holds, or why it does not. */
export interface ReceiptEvidence {
  /** RFC 8785, as it is hashed. */
  readonly canonical: string;
  /** Hex. */
  readonly leaf: string;
  readonly path: readonly AuditNode[];
  /** Where the path leads, hex. */
  readonly root: string;
  /** Root of the log just before this statement, hex: what stands on the left of the way is all of it. */
  readonly before: string;
  /** The signed note; undefined when its signature does not hold. */
  readonly checkpoint: Checkpoint | undefined;
  /** The key that vouches for this size of the log. */
  readonly logKey: TrustedKey;
  readonly refused: Readonly<Partial<Record<"statement" | "inclusion" | "checkpoint", TesError>>>;
}

/**
 * Checks a receipt step by step, and goes on after a step that fails, so that a page can show all of them. Whoever only
 * wants to know takes `verifyReceipt`.
 *
 * @throws answer_malformed, proof_invalid when it is not even of the shape
 */
export async function explainReceipt(receipt: Receipt, trust: Trust): Promise<ReceiptEvidence> {
  const { statement, inclusion } = receipt;
  const bytes = canonicalBytes(statement);
  const leaf = leafHash(bytes);
  const proof = hashesOf(inclusion.proof);
  const { path, root, before } = walk(leaf, inclusion.index, inclusion.size, proof);
  const refused: Partial<Record<"statement" | "inclusion" | "checkpoint", TesError>> = {};
  const attempt = async <T>(step: keyof typeof refused, work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      refused[step] = toTesError(thrown);
      return undefined;
    }
  };
  await attempt("statement", () => {
    if (statement.seq !== inclusion.index || statement.registry !== trust.registry) {
      throw new TesError("proof_invalid", { detail: "It is of another registry, or stands elsewhere in the log." });
    }
    parseStatement(statement);
  });
  const checkpoint = await attempt("checkpoint", () => verifyNote(receipt.checkpoint, trust));
  await attempt("inclusion", () => {
    if (checkpoint === undefined) throw new TesError("proof_invalid", { detail: "There is no root to lead to." });
    if (checkpoint.size !== inclusion.size) throw new TesError("proof_invalid", { detail: "It is for another size." });
    verifyInclusion({ leaf, index: inclusion.index, size: inclusion.size, proof, root: checkpoint.root });
  });
  return {
    canonical: new TextDecoder().decode(bytes),
    leaf: toHex(leaf),
    path,
    root: toHex(root),
    before: toHex(before ?? EMPTY_ROOT),
    checkpoint,
    logKey: checkpoint === undefined ? trust.logKey : await signerOf(receipt.checkpoint, trust),
    refused,
  };
}

/** The one key of the chain whose signature the note carries. */
async function signerOf(note: string, trust: Trust): Promise<TrustedKey> {
  for (const { origin, logKey } of trust.earlier) {
    const alone = await verifyNote(note, { origin, logKey, earlier: [] }).catch(() => undefined);
    if (alone !== undefined) return logKey;
  }
  return trust.logKey;
}

/** The audit path as it is climbed (RFC 9162 section 2.1.3.2). Whether it leads anywhere is checked elsewhere. */
function walk(
  leaf: Bytes,
  index: number,
  size: number,
  proof: readonly Bytes[],
): { path: AuditNode[]; root: Bytes; before: Bytes | undefined } {
  const path: AuditNode[] = [];
  let before: Bytes | undefined;
  let [at, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    const left = at % 2 === 1 || at === last;
    hash = left ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
    if (left) before = before === undefined ? sibling : nodeHash(sibling, before);
    path.push({ sibling: toHex(sibling), side: left ? "left" : "right", node: toHex(hash) });
    while (left && at % 2 === 0 && at !== 0) {
      at /= 2;
      last = Math.floor(last / 2);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return { path, root: hash, before };
}
