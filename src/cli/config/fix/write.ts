/** Replacing a file at once: a reader sees the old bytes or the new ones, also after a crash. */

import { randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { equalBytes } from "../../../core/bytes.ts";
import { TesError } from "../../../core/errors.ts";

/**
 * Writes `after` beside the file, onto the disk, and renames it over the file, whose mode it keeps. A symbolic link
 * stays one: the file it leads to is replaced.
 *
 * @param path how the file is called in errors
 * @throws {TesError} `conflict` when the file no longer holds `before`; `file_unwritable`
 */
export async function replaceFile(
  path: string,
  absolute: string,
  before: Uint8Array,
  after: Uint8Array,
): Promise<void> {
  let temporary: string | undefined;
  try {
    const target = await realpath(absolute);
    const mode = (await stat(target)).mode & 0o777;
    temporary = join(dirname(target), `.${basename(target)}.tes-${randomBytes(6).toString("hex")}`);
    const handle = await open(temporary, "wx", mode);
    try {
      // What open was given passes through the umask.
      await handle.chmod(mode);
      await handle.writeFile(after);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (!equalBytes(await readFile(target), before)) {
      throw new TesError("conflict", { field: path, detail: `${path} changed meanwhile. It was not written.` });
    }
    await rename(temporary, target);
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
    throw new TesError("file_unwritable", { field: path, detail: `${path} (${code}). It stays as it was.`, cause });
  } finally {
    if (temporary !== undefined) await rm(temporary, { force: true });
  }
}
