/** Streams that are hashed as they pass: what does not match never looks whole at the other end. */

import { equalBytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";

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

/** Piece by piece: workerd 1.20261117.1 never ends a pipeTo from one of its own streams into a FixedLengthStream. */
async function carry(source: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const out = writable.getWriter();
  const reader = source.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      await out.write(value);
    }
    await out.close();
  } catch (thrown) {
    await Promise.allSettled([out.abort(thrown), reader.cancel(thrown)]);
  }
}

/** SHA-256 and length of what a stream gives. */
export async function matchesWhole(
  source: ReadableStream<Uint8Array>,
  length: number,
  sha256: Uint8Array,
): Promise<boolean> {
  const digest = new crypto.DigestStream("SHA-256");
  await source.pipeTo(digest);
  return Number(digest.bytesWritten) === length && equalBytes(new Uint8Array(await digest.digest), sha256);
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
  const reader = source.getReader();
  let seen = 0;
  let held: Uint8Array | undefined;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (value.length === 0) continue;
      seen += value.length;
      if (seen > length) break;
      await hash.write(value);
      if (!holds) await out.write(value);
      else {
        if (held !== undefined) await out.write(held);
        held = value;
      }
    }
    await hash.close();
    const matches = seen === length && equalBytes(new Uint8Array(await digest.digest), sha256);
    if (matches) {
      if (held !== undefined) await out.write(held);
      await out.close();
    } else if (holds || seen !== length) {
      await out.abort(new TesError("artifact_damaged"));
      await reader.cancel().catch(() => undefined);
    } else await out.close();
    return matches;
  } catch (thrown) {
    await Promise.allSettled([out.abort(thrown), hash.abort(thrown), reader.cancel(thrown), digest.digest]);
    return false;
  }
}
