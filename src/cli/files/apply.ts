/** Writing a plan: all files or none. */

import { randomBytes } from "node:crypto";
import { type FileHandle, lstat, open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { equalBytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { errnoOf } from "./open.ts";

/** One version in a file, and what it becomes. */
export interface FileChange {
  readonly entity: string;
  readonly found: string;
  readonly to: string;
  /** `range`: what another package asks of this one. */
  readonly kind: "version" | "range";
}

/** What will happen to one file. */
export interface FileEdit {
  /** As the entity names it. */
  readonly path: string;
  /** Where it really is, from the root of the checkout, symbolic links resolved: what git has to commit. */
  readonly target: string;
  readonly absolute: string;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly changes: readonly FileChange[];
}

export interface ApplyOptions {
  /** The command that finishes the work after a failure. */
  readonly finish?: string | undefined;
  /** For tests: something to do between two files. */
  readonly beforeRename?: ((absolute: string) => Promise<void>) | undefined;
}

/**
 * Writes a plan: all files or none. New contents are staged beside the files and renamed over them; when one rename
 * fails, the files that were already replaced get their old bytes back.
 *
 * @returns the paths that were written
 * @throws conflict when a file changed since the plan was made, file_unwritable
 */
export async function applyEdits(edits: readonly FileEdit[], options: ApplyOptions = {}): Promise<string[]> {
  const due = edits.filter(({ before, after }) => !equalBytes(before, after));
  const finish = options.finish === undefined ? "" : ` Finish with: ${options.finish}`;
  const staged: { edit: FileEdit; temporary: string }[] = [];
  const done: FileEdit[] = [];
  try {
    for (const edit of due) {
      const temporary = await stage(edit.absolute, edit.after).catch((cause: unknown) => {
        throw unwritable(edit, cause, `No file was changed.${finish}`);
      });
      staged.push({ edit, temporary });
    }
    for (const edit of due) {
      const now = await readFile(edit.absolute).catch(() => undefined);
      if (now === undefined || !equalBytes(now, edit.before)) {
        const detail = `${edit.path} changed while its new version was prepared. No file was changed.${finish}`;
        throw new TesError("conflict", { field: edit.path, detail });
      }
    }
    for (const { edit, temporary } of staged) {
      try {
        await options.beforeRename?.(edit.absolute);
        await rename(temporary, edit.absolute);
      } catch (cause) {
        throw unwritable(edit, cause, `${await putBack(done)}${finish}`);
      }
      done.push(edit);
    }
  } finally {
    await Promise.all(staged.map(({ temporary }) => rm(temporary, { force: true })));
  }
  return due.map(({ path }) => path);
}

function unwritable(edit: FileEdit, cause: unknown, then: string): TesError {
  const detail = `${edit.path} could not be written (${errnoOf(cause)}). ${then}`;
  return new TesError("file_unwritable", { field: edit.path, detail, cause });
}

/** Gives files their old bytes back, and says in words how that went. */
async function putBack(done: readonly FileEdit[]): Promise<string> {
  const lost: string[] = [];
  for (const edit of done) {
    try {
      await rename(await stage(edit.absolute, edit.before), edit.absolute);
    } catch {
      lost.push(edit.path);
    }
  }
  if (lost.length > 0) return `These files hold the new version and could not be put back: ${lost.join(", ")}.`;
  return done.length === 0 ? "No file was changed." : `The files already written were put back (${done.length}).`;
}

/** Writes bytes to a new file beside `absolute`, with its mode, and on the disk before it is renamed. */
async function stage(absolute: string, bytes: Uint8Array): Promise<string> {
  const { mode } = await lstat(absolute);
  const temporary = join(dirname(absolute), `.${basename(absolute)}.tes-${randomBytes(6).toString("hex")}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx", mode & 0o777);
    await handle.chmod(mode & 0o777);
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle?.close();
  }
  return temporary;
}
