/** Files on their way to the authority's store: what is there already is not sent again. */

import type { TesClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import type { Subject } from "../../protocol/intoto.ts";
import { reasonOf } from "../local/data.ts";
import type { CommandIo } from "../output.ts";
import { changed, type HashedFile, openFile } from "./hashing.ts";
import { openProgress } from "./progress.ts";

/**
 * Uploads the files that the release gives no address for, one after the other, in parts. Broken off, the next run goes
 * on with the parts that are missing.
 *
 * @returns bytes that went over the wire
 * @throws {TesError} `artifact_store_missing`, `file_changed`, and what the client throws
 */
export async function uploadFiles(
  io: CommandIo,
  client: TesClient,
  files: readonly HashedFile[],
  subjects: readonly Subject[],
): Promise<number> {
  const elsewhere = new Set(subjects.filter(({ downloadLocation }) => downloadLocation !== undefined).map(nameOf));
  const wanted = files.filter(({ name }) => !elsewhere.has(name));
  const bar = openProgress(
    io,
    "uploading",
    wanted.reduce((sum, { size }) => sum + size, 0),
  );
  let sent = 0;
  try {
    for (const file of wanted) sent += await uploadFile(client, file, bar.add);
  } finally {
    bar.end();
  }
  return sent;
}

const nameOf = ({ name }: Subject): string => name;

async function uploadFile(client: TesClient, hashed: HashedFile, onBytes: (bytes: number) => void): Promise<number> {
  const { path, sha256, size } = hashed;
  const { file } = await openFile(path);
  let [there, sent] = [0, 0];
  // One buffer for all parts: a new one for each would pile up faster than it is collected.
  let buffer = new Uint8Array(0);
  try {
    await client.upload({
      sha256,
      size,
      async read(from, to) {
        if (buffer.length < to - from) buffer = new Uint8Array(to - from);
        const bytes = buffer.subarray(0, to - from);
        await fill(file, bytes, from, path);
        sent += bytes.length;
        return bytes;
      },
      onProgress(bytes) {
        onBytes(bytes - there);
        there = bytes;
      },
    });
    return sent;
  } catch (thrown) {
    // What was hashed and what was sent are the same only while nobody writes to the file.
    if (thrown instanceof TesError && thrown.code === "artifact_corrupt") throw changed(path);
    throw thrown;
  } finally {
    await file.close();
  }
}

async function fill(
  file: Awaited<ReturnType<typeof openFile>>["file"],
  into: Uint8Array,
  from: number,
  path: string,
): Promise<void> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await file.read(into, at, into.length - at, from + at).catch((cause: unknown) => {
      throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
    });
    if (bytesRead === 0) throw changed(path);
    at += bytesRead;
  }
}
