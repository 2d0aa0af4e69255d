/** C2SP checkpoints (c2sp.org/tlog-checkpoint): the signed head of a log. */

import { type Bytes, equalBytes, fromBase64, toBase64 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { EMPTY_ROOT, HASH_BYTES } from "./merkle.ts";
import { type NoteVerifier, signNote, verifyNote } from "./notes.ts";

/** The head of a log. */
export interface Checkpoint {
  /** Which log: a schemeless path such as `tes.local/default`. */
  readonly origin: string;
  /** Leaves in the log. */
  readonly size: number;
  /** RFC 6962 root at that size, 32 bytes. */
  readonly root: Bytes;
  /** Further lines of the note. Ours have none; others' are kept, and mean nothing here. */
  readonly extensions?: readonly string[];
}

/** The log's key; `raw` is its public half. An `Ed25519Pair` fits. */
export interface CheckpointSigner {
  readonly privateKey: CryptoKey;
  readonly raw: Uint8Array;
}

/** The log's identity as the verifier trusts it. */
export interface CheckpointVerifier {
  readonly origin: string;
  readonly publicKey: CryptoKey;
  readonly raw: Uint8Array;
}

function invalid(detail: string): TesError {
  return new TesError("note_invalid", { detail });
}

/**
 * The text that gets signed: origin, size and root, a line each.
 *
 * @throws note_invalid for what would not read back
 * @example
 * renderCheckpointBody({ origin: "tes.local/default", size: 0, root: EMPTY_ROOT });
 * // "tes.local/default\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
 */
export function renderCheckpointBody({ origin, size, root, extensions = [] }: Checkpoint): string {
  const body = [origin, size, toBase64(root), ...extensions].map((line) => `${line}\n`).join("");
  const lines = 3 + extensions.length;
  const read = parseCheckpointBody(body);
  if (read.origin !== origin || body.split("\n").length !== lines + 1) throw invalid("A line holds a line break.");
  return body;
}

/**
 * Reads the text of a checkpoint. Verifies nothing.
 *
 * @throws note_invalid
 */
export function parseCheckpointBody(text: string): Checkpoint {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.length < 3 || lines.includes("")) {
    throw invalid("A checkpoint has at least three lines, none of them empty.");
  }
  const [origin, digits, encoded, ...extensions] = lines as [string, string, string, ...string[]];
  const size = /^(?:0|[1-9][0-9]*)$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw invalid("The tree size is not an integer up to 2^53 − 1.");
  const root = fromBase64(encoded);
  if (root?.length !== HASH_BYTES) throw invalid("The root is not 32 bytes of base64.");
  // An empty tree has one root only, so that this needs no proof.
  if (size === 0 && !equalBytes(root, EMPTY_ROOT)) throw invalid("The root is not that of the empty tree.");
  return { origin, size, root, ...(extensions.length === 0 ? {} : { extensions }) };
}

/**
 * Signs a checkpoint as a note whose key name is the origin, with one line for each key.
 *
 * @throws note_invalid when the origin cannot be a key name
 */
export function signCheckpoint(checkpoint: Checkpoint, ...signers: readonly CheckpointSigner[]): Promise<string> {
  return signNote(
    renderCheckpointBody(checkpoint),
    signers.map(({ privateKey, raw }) => ({
      name: checkpoint.origin,
      publicKey: raw,
      sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes)),
    })),
  );
}

/**
 * Verifies a checkpoint of one log. Says that the log's key signed this head, not that it extends another: that takes
 * `verifyConsistency`.
 *
 * @throws note_invalid
 * @example
 * const { size, root } = await verifyCheckpoint(note, { origin, publicKey, raw });
 */
export async function verifyCheckpoint(note: string, log: CheckpointVerifier): Promise<Checkpoint> {
  const verifier: NoteVerifier = { name: log.origin, publicKey: log.publicKey, raw: log.raw };
  const checkpoint = parseCheckpointBody((await verifyNote(note, [verifier])).text);
  if (checkpoint.origin !== log.origin) throw invalid("It is of another log.");
  return checkpoint;
}
