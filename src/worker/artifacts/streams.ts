/** Streams that are hashed as they pass: what does not match never looks whole at the other end. */

import { equalBytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";

/** What is read at once. */
const PIECE_BYTES = 262_144;

/**
 * Passes a body on while it is hashed, and says afterwards whether it was what it should be.
 *
 * @returns the stream to store, and its end: true when length and digest match
 */
export function hashed(
  source: ReadableStream<Uint8Array>,
  length: number,
  sha256: Uint8Array,
): { readonly readable: ReadableStream; readonly matches: Promise<boolean> } {
  const { readable, writable } = new FixedLengthStream(length);
  const matches = pump(source, writable, length, sha256, false);
  return { readable, matches };
}

/**
 * Passes a stored file on, and holds its last piece back until the digest of the whole matches. Where it does not, the
 * stream breaks off: the other end never gets as many bytes as it was told.
 *
 * @param spoiled told when the file is not what it was
 */
export function checked(
  source: ReadableStream<Uint8Array>,
  length: number,
  sha256: Uint8Array,
  spoiled: () => void,
): { readonly readable: ReadableStream; readonly done: Promise<void> } {
  const { readable, writable } = new FixedLengthStream(length);
  const done = pump(source, writable, length, sha256, true).then((matches) => {
    if (!matches) spoiled();
  });
  return { readable, done };
}

/** Passes a range on, of which nothing can be checked here. Breaks off unless it is `length` bytes. */
export function passed(
  source: ReadableStream<Uint8Array>,
  length: number,
): { readonly readable: ReadableStream; readonly done: Promise<void> } {
  const { readable, writable } = new FixedLengthStream(length);
  return { readable, done: carry(source, writable) };
}

/**
 * Reads into two buffers in turn, so that a file of any length leaves no garbage: pieces of their own cost 170 MiB of
 * memory on 300 MiB of file, before anything collected them.
 *
 * @param take told each piece; it is good until the one after it has been read
 * @param most stops when more than this came
 * @returns how many bytes came
 */
async function eachPiece(
  source: ReadableStream<Uint8Array>,
  take: (piece: Uint8Array) => Promise<void>,
  most: number,
): Promise<number> {
  const reader = source.getReader({ mode: "byob" });
  const buffers = [new ArrayBuffer(PIECE_BYTES), new ArrayBuffer(PIECE_BYTES)] as [ArrayBuffer, ArrayBuffer];
  let seen = 0;
  try {
    for (let turn: 0 | 1 = 0; ; turn = turn === 0 ? 1 : 0) {
      const { done, value } = await reader.read(new Uint8Array(buffers[turn]));
      // A read takes its buffer away and gives it back with the piece.
      if (value !== undefined) buffers[turn] = value.buffer as ArrayBuffer;
      if (done) return seen;
      seen += value.length;
      if (seen > most) {
        await reader.cancel();
        return seen;
      }
      await take(value);
    }
  } catch (thrown) {
    await reader.cancel(thrown).catch(() => undefined);
    throw thrown;
  }
}

/** Piece by piece: workerd 1.20261117.1 never ends a pipeTo from one of its own streams into a FixedLengthStream. */
async function carry(source: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const out = writable.getWriter();
  try {
    await eachPiece(source, (piece) => out.write(piece), Number.POSITIVE_INFINITY);
    await out.close();
  } catch (thrown) {
    await out.abort(thrown).catch(() => undefined);
  }
}

/** Whether a stream gives so many bytes with this SHA-256. @throws what broke the stream off */
export async function matchesWhole(
  source: ReadableStream<Uint8Array>,
  length: number,
  sha256: Uint8Array,
): Promise<boolean> {
  const digest = new crypto.DigestStream("SHA-256");
  const hash = digest.getWriter();
  try {
    const seen = await eachPiece(source, (piece) => hash.write(piece), length);
    await hash.close();
    return seen === length && equalBytes(new Uint8Array(await digest.digest), sha256);
  } catch (thrown) {
    await Promise.allSettled([hash.abort(thrown), digest.digest]);
    throw thrown;
  }
}

async function pump(
  source: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  length: number,
  sha256: Uint8Array,
  holds: boolean,
): Promise<boolean> {
  const digest = new crypto.DigestStream("SHA-256");
  const hash = digest.getWriter();
  const out = writable.getWriter();
  let held: Uint8Array | undefined;
  try {
    const seen = await eachPiece(
      source,
      async (piece) => {
        await hash.write(piece);
        if (!holds) return out.write(piece);
        if (held !== undefined) await out.write(held);
        held = piece;
      },
      length,
    );
    await hash.close();
    const matches = seen === length && equalBytes(new Uint8Array(await digest.digest), sha256);
    if (matches && held !== undefined) await out.write(held);
    if (matches || (seen === length && !holds)) await out.close();
    else await out.abort(new TesError("artifact_damaged"));
    return matches;
  } catch (thrown) {
    await Promise.allSettled([out.abort(thrown), hash.abort(thrown), digest.digest]);
    return false;
  }
}
