/** C2SP signed notes (c2sp.org/signed-note): a text and the signature lines of those who stand by it. */

import { type Bytes, concat, equalBytes, fromBase64, toBase64, utf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES } from "./limits.ts";

/** The signature type of Ed25519 keys. */
export const NOTE_ED25519 = 0x01;

const KEY_HASH_BYTES = 4;
const SIGNATURE_PREFIX = "— ";

/** Who signs: `sign` makes an Ed25519 signature of the bytes; `publicKey` is its 32-byte public key. */
export interface NoteSigner {
  readonly name: string;
  readonly publicKey: Uint8Array;
  sign(bytes: Bytes): Promise<Uint8Array>;
}

/** An Ed25519 key that is trusted under a name; `raw` are the 32 bytes of `publicKey`. */
export interface NoteVerifier {
  readonly name: string;
  readonly publicKey: CryptoKey;
  readonly raw: Uint8Array;
}

/** One signature line, not yet verified. */
export interface NoteSignature {
  readonly name: string;
  readonly keyHash: Bytes;
  readonly signature: Bytes;
}

/** A note as it was read. Nothing in it may be believed before {@link verifyNote}. */
export interface ParsedNote {
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

export interface VerifiedNote {
  readonly text: string;
  /** Names of the keys that signed, each once, in the order of their lines. */
  readonly verified: readonly string[];
}

function invalid(detail: string): TesError {
  return new TesError("note_invalid", { detail });
}

/** Key names are not empty and hold no Unicode space and no plus sign; a note holds no control character. */
function isKeyName(name: string): boolean {
  return name !== "" && !/[\p{White_Space}+]/u.test(name) && isNoteText(name);
}

function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text);
}

/** First four bytes of `SHA-256(name ‖ "\n" ‖ algorithm ‖ public key)`. Identifies a key, and proves nothing. */
export function noteKeyHash(name: string, algorithm: number, publicKey: Uint8Array): Bytes {
  return sha256(concat(utf8(`${name}\n`), Uint8Array.of(algorithm), publicKey)).slice(0, KEY_HASH_BYTES);
}

/**
 * Signs a text with Ed25519 keys and renders the note.
 *
 * @param text ends with a newline and holds no other control character
 * @throws note_invalid
 */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  if (!text.endsWith("\n") || !isNoteText(text)) throw invalid("The text must end with a newline.");
  if (signers.length === 0) throw invalid("It has no signer.");
  const bytes = utf8(text);
  let note = `${text}\n`;
  for (const signer of signers) {
    const { name, publicKey } = signer;
    if (!isKeyName(name)) throw invalid("A key name holds spaces or a plus sign.");
    const signature = concat(noteKeyHash(name, NOTE_ED25519, publicKey), await signer.sign(bytes));
    note += `${SIGNATURE_PREFIX}${name} ${toBase64(signature)}\n`;
  }
  return note;
}

/**
 * Takes a note apart. Verifies nothing.
 *
 * @throws note_invalid
 */
export function parseNote(note: string): ParsedNote {
  // Each character is at least one byte, so that the first test keeps the second cheap.
  if (note.length > MAX_NOTE_BYTES || utf8(note).length > MAX_NOTE_BYTES) throw invalid("It is too long.");
  if (!isNoteText(note)) throw invalid("It holds control characters.");
  const split = note.lastIndexOf("\n\n");
  if (split < 0) throw invalid("It has no empty line before signatures.");
  const lines = note.slice(split + 2).split("\n");
  if (lines.pop() !== "" || lines.length === 0) throw invalid("It does not end with signature lines.");
  if (lines.length > MAX_NOTE_SIGNATURES) throw invalid(`It has more than ${MAX_NOTE_SIGNATURES} signatures.`);
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

function parseSignature(line: string): NoteSignature {
  const [name, encoded, ...rest] = line.slice(SIGNATURE_PREFIX.length).split(" ");
  const bytes = fromBase64(encoded ?? "");
  if (
    !line.startsWith(SIGNATURE_PREFIX) ||
    !isKeyName(name!) ||
    rest.length > 0 ||
    bytes === null ||
    bytes.length <= KEY_HASH_BYTES
  ) {
    throw invalid("A signature line is malformed.");
  }
  return { name: name!, keyHash: bytes.slice(0, KEY_HASH_BYTES), signature: bytes.slice(KEY_HASH_BYTES) };
}

/**
 * Verifies a note against the keys that are trusted. Lines of other keys are ignored, as witnesses and rotation need;
 * a line that names a trusted key must verify, and there must be at least one.
 *
 * @throws note_invalid
 */
export async function verifyNote(note: string, verifiers: readonly NoteVerifier[]): Promise<VerifiedNote> {
  const { text, signatures } = parseNote(note);
  const bytes = utf8(text);
  const known = verifiers.map((verifier) => ({
    ...verifier,
    keyHash: noteKeyHash(verifier.name, NOTE_ED25519, verifier.raw),
  }));
  const verified = new Set<string>();
  for (const { name, keyHash, signature } of signatures) {
    const matching = known.filter((key) => key.name === name && equalBytes(key.keyHash, keyHash));
    if (matching.length > 1) throw invalid(`Two trusted keys of ${name} have one key hash.`);
    for (const { publicKey } of matching) {
      if (!(await crypto.subtle.verify("Ed25519", publicKey, signature, bytes))) {
        throw invalid(`The signature of ${name} does not verify.`);
      }
      verified.add(name);
    }
  }
  if (verified.size === 0) throw invalid("No trusted key signed it.");
  return { text, verified: [...verified] };
}
