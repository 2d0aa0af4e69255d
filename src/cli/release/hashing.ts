/** A file's size and digests, read once from beginning to end. However large it is, one buffer of it is in memory. */

import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import { type Bytes, toHex } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";

/** What is read at once: large enough that system calls do not count. */
const BUFFER_BYTES = 1_048_576;

/** What the formats beside an artifact are made from, so that nobody has to read it again. */
export interface FileDigests {
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Hex; what an SSH signature is over. */
  readonly sha512: string;
  /** 64 bytes; what a prehashed minisign signature is over. */
  readonly blake2b: Bytes;
}

export interface HashedFile extends FileDigests {
  readonly path: string;
  /** The last segment of the path. */
  readonly name: string;
  /** What it is a link to. */
  readonly target?: string;
}

/**
 * Opens an ordinary file. A pipe or a device is refused before it is opened: it could make us wait for ever.
 *
 * @throws {TesError} `file_unreadable`
 */
export async function openFile(path: string): Promise<{ readonly file: FileHandle; readonly size: number }> {
  const refuse = (detail: string, cause?: unknown) => new TesError("file_unreadable", { detail, cause });
  // Node throws where its arguments are checked, before there is a promise.
  const file = await (async () => open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)))().catch(
    (cause: unknown) => {
      throw refuse(
        `${clipPath(path)}: ${codeOf(cause) === "ENAMETOOLONG" ? "the path is too long" : reasonOf(cause)}`,
        cause,
      );
    },
  );
  try {
    const info = await file.stat();
    if (info.isDirectory()) {
      throw refuse(`${path} is a directory. Pack it into one file first (tar, zip, npm pack), and release that.`);
    }
    if (!info.isFile()) throw refuse(`${path} is no ordinary file.`);
    return { file, size: info.size };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/**
 * Reads a file through SHA-256, SHA-512 and BLAKE2b-512.
 *
 * @param onBytes told how many bytes were read, for a bar
 * @throws {TesError} `file_unreadable`; `file_changed` when it is not the same file, or not the same size or time, at the
 *   end as at the beginning
 */
export async function hashFile(path: string, onBytes: (bytes: number) => void = () => undefined): Promise<HashedFile> {
  const { file, size: expected } = await openFile(path);
  const [sha256, sha512, blake2b] = [createHash("sha256"), createHash("sha512"), createHash("blake2b512")];
  try {
    const before = await identityOf(file);
    const buffer = bufferFor(expected);
    let size = 0;
    for (;;) {
      const { bytesRead } = await readNext(file, buffer, path);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      for (const hash of [sha256, sha512, blake2b]) hash.update(chunk);
      size += bytesRead;
      onBytes(bytesRead);
    }
    const after = await identityOf(file);
    if (before !== after || BigInt(size) !== (await file.stat({ bigint: true })).size) throw changed(path);
    // Somebody may have put another file in its place meanwhile: then the name no longer means what was hashed.
    const named = await openFile(path);
    const same = await identityOf(named.file).finally(() => named.file.close());
    if (same !== before) throw changed(path);
    return {
      path,
      name: basename(path),
      size,
      sha256: toHex(sha256.digest()),
      sha512: toHex(sha512.digest()),
      blake2b: new Uint8Array(blake2b.digest()),
    };
  } finally {
    await file.close();
  }
}

/**
 * The same with SHA-256 alone, for a file that was hashed before.
 *
 * @returns its digest in hex
 * @throws {TesError} `file_unreadable`
 */
export async function sha256File(path: string, onBytes: (bytes: number) => void = () => undefined): Promise<string> {
  const { file, size } = await openFile(path);
  try {
    const hash = createHash("sha256");
    const buffer = bufferFor(size);
    for (;;) {
      const { bytesRead } = await readNext(file, buffer, path);
      if (bytesRead === 0) return toHex(hash.digest());
      hash.update(buffer.subarray(0, bytesRead));
      onBytes(bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** @throws {TesError} `file_changed` */
export function changed(path: string): TesError {
  return new TesError("file_changed", { detail: path });
}

/** Small for small files, of which there may be a thousand; one byte more than the file, so that its end shows at once. */
const bufferFor = (size: number): Uint8Array => new Uint8Array(Math.min(BUFFER_BYTES, size + 1));

function readNext(file: FileHandle, buffer: Uint8Array, path: string) {
  return file.read(buffer, 0, buffer.length, null).catch((cause: unknown) => {
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  });
}

/** Whatever is written to a file moves its times; another file in its place has another inode. */
async function identityOf(file: FileHandle): Promise<string> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await file.stat({ bigint: true });
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

/** A path of thousands of characters says nothing that its ends do not. */
function clipPath(path: string): string {
  return path.length <= 200 ? path : `${path.slice(0, 60)}…${path.slice(-60)}`;
}
