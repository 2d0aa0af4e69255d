/** Receipts prove themselves: a statement, where its leaf stands, and the signed checkpoint above it. Works offline. */

import { type Bytes, fromBase64, fromBase64Url } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { type Checkpoint, verifyCheckpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { leafHash, verifyInclusion } from "../core/merkle.ts";
import { parseAnswer, type Receipt } from "../protocol/answers.ts";
import { parseStatement, type Statement } from "../protocol/statements.ts";
import type { Trust, TrustedKey } from "./trust.ts";

/** What a receipt is checked against. */
export interface LogTrust extends Pick<Trust, "registry" | "origin" | "logKey"> {
  /** Keys that the registry had before, for receipts from then. */
  readonly earlier?: Trust["earlier"];
}

/** A receipt that holds. */
export interface VerifiedReceipt<S extends Statement = Statement> {
  /** What the log says, for ever. */
  readonly statement: S;
  /** The tree head that it was proved under. */
  readonly checkpoint: Checkpoint;
  /** The receipt itself, to be kept: it proves the same to anyone else. */
  readonly receipt: Receipt;
}

/**
 * Checks a signed note as a checkpoint of this log: by the key that signs now, or by one before it if the head is not
 * beyond what that one spoke of.
 *
 * @throws note_invalid
 */
export async function verifyNote(
  note: string,
  { origin, logKey, earlier = [] }: Omit<LogTrust, "registry">,
): Promise<Checkpoint> {
  let refusal: unknown;
  for (const by of [{ origin, logKey, until: Number.POSITIVE_INFINITY }, ...earlier.toReversed()]) {
    try {
      const verifier = { origin: by.origin, publicKey: by.logKey.key, raw: rawKey(by.logKey) };
      const checkpoint = await verifyCheckpoint(note, verifier);
      if (checkpoint.size <= by.until) return checkpoint;
    } catch (thrown) {
      refusal ??= thrown;
    }
  }
  throw refusal ?? new TesError("note_invalid", { detail: "Its key has signed for nothing this large." });
}

/**
 * Checks a receipt offline: the checkpoint's signature, the inclusion proof, and that the statement is this registry's
 * and says of itself where it stands. It trusts the log key alone, not how the receipt was brought.
 *
 * It does not tell whether the authority shows others another log: compare checkpoints for that (`createClient` does).
 *
 * @param receipt the JSON of a receipt
 * @returns the statement that is proved, never a boolean
 * @throws answer_malformed, note_invalid, proof_invalid; statement_unknown for one that is proved and newer than this
 *   release
 * @example
 * const { statement } = await verifyReceipt(parseJson(bytes), trust);
 */
export async function verifyReceipt(receipt: JsonValue, trust: LogTrust): Promise<VerifiedReceipt> {
  const parsed = parseAnswer("receipt", receipt, "answer_malformed");
  const { statement, inclusion } = parsed;
  const checkpoint = await verifyNote(parsed.checkpoint, trust);
  if (inclusion.size !== checkpoint.size) {
    throw new TesError("proof_invalid", { detail: "The proof is for a tree of another size than the checkpoint's." });
  }
  verifyInclusion({
    leaf: leafHash(canonicalBytes(statement)),
    index: inclusion.index,
    size: inclusion.size,
    proof: hashesOf(inclusion.proof),
    root: checkpoint.root,
  });
  if (statement.seq !== inclusion.index || statement.registry !== trust.registry) {
    throw new TesError("proof_invalid", {
      detail: "The statement is of another registry, or stands elsewhere in the log.",
    });
  }
  return { statement: parseStatement(statement), checkpoint, receipt: parsed };
}

/** Hashes out of base64. @throws proof_invalid */
export function hashesOf(proof: readonly string[]): Bytes[] {
  return proof.map((text) => {
    const hash = fromBase64(text);
    if (hash === null) throw new TesError("proof_invalid", { detail: "A hash is not base64." });
    return hash;
  });
}

function rawKey({ x }: TrustedKey): Bytes {
  const raw = fromBase64Url(x);
  if (raw === null) throw new TesError("key_unknown");
  return raw;
}
