/**
 * The folder of a release: its files, and beside them what proves them. It is made under another name and then renamed,
 * so that it is there whole or not at all, whatever is killed when.
 */

import { constants } from "node:fs";
import { chmod, copyFile, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";
import { changed, type FileDigests, sha256File } from "./hashing.ts";

const DRAFT = /^\.(.+)\.(\d+)\.draft$/;
const READABLE_FILE = 0o644;

/** An artifact as it goes into the folder. */
export interface Copied extends Pick<FileDigests, "sha256"> {
  readonly path: string;
  readonly name: string;
}

export interface FolderContents {
  /** Files to copy; none when they stay where they are. */
  readonly artifacts: readonly Copied[];
  /** What is written beside them, by name. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
}

/** What stands where the folder is to be: nothing (or an empty directory), or something. */
export async function folderState(dir: string): Promise<"free" | "taken"> {
  try {
    return (await readdir(dir)).length === 0 ? "free" : "taken";
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return "free";
    if (codeOf(thrown) === "ENOTDIR") return "taken";
    throw new TesError("file_unreadable", { detail: `${dir}: ${reasonOf(thrown)}`, cause: thrown });
  }
}

/**
 * Writes the folder. Every copy of an artifact is read back: what lies in the folder is what was signed.
 *
 * @param onBytes told how many bytes were read back, for a bar
 * @throws {TesError} `file_exists` when something is there already; `file_changed` when an artifact is no longer what was
 *   hashed; `file_unwritable`
 */
export async function writeFolder(
  dir: string,
  { artifacts, files }: FolderContents,
  onBytes: (bytes: number) => void = () => undefined,
): Promise<void> {
  for (const name of [...artifacts.map((one) => one.name), ...files.keys()]) requirePlain(name);
  const parent = dirname(dir);
  const draft = join(parent, `.${basename(dir)}.${process.pid}.draft`);
  try {
    await mkdir(parent, { recursive: true });
    await clearDrafts(parent, basename(dir));
    await mkdir(draft);
    for (const { path, name, sha256 } of artifacts) {
      const copy = join(draft, name);
      // A copy that shares its blocks where the file system can; never a link, which a later build would write into.
      await copyFile(path, copy, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE).catch((cause: unknown) => {
        if (codeOf(cause) === "ENOENT") throw changed(path);
        throw cause;
      });
      if ((await sha256File(copy, onBytes)) !== sha256) throw changed(path);
      await settle(copy);
    }
    for (const [name, content] of files) {
      const path = join(draft, name);
      const file = await open(path, "wx", READABLE_FILE);
      try {
        await file.writeFile(content);
      } finally {
        await file.close();
      }
      await chmod(path, READABLE_FILE);
      await settle(path);
    }
    await settle(draft);
    await publish(draft, dir);
    await settle(parent);
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    throw new TesError("file_unwritable", { detail: `${dir}: ${reasonOf(cause)}`, cause });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Whoever made the names: nothing is written anywhere but into the folder. */
function requirePlain(name: string): void {
  if (name === basename(name) && !/[/\\\0]/.test(name) && name !== "." && name !== ".." && name !== "") return;
  throw new TesError("artifact_name", { detail: JSON.stringify(name) });
}

async function publish(draft: string, dir: string): Promise<void> {
  try {
    // POSIX rename replaces an empty directory; Windows does not.
    if (process.platform === "win32") await rmdir(dir).catch(() => undefined);
    await rename(draft, dir);
  } catch (cause) {
    if (/^(ENOTEMPTY|EEXIST|ENOTDIR)$/.test(codeOf(cause) ?? "")) {
      throw new TesError("file_exists", { detail: dir, cause });
    }
    throw cause;
  }
}

/** Drafts that a killed run left. One of a run that lives is its own. */
async function clearDrafts(parent: string, base: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const [, of, pid] = DRAFT.exec(name) ?? [];
    if (of !== base || isAlive(Number(pid))) continue;
    await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return codeOf(thrown) === "EPERM";
  }
}

/** On disk before it gets its name: a folder that a power cut empties would pass for whole. */
async function settle(path: string): Promise<void> {
  // Windows opens no directories, and not every file system syncs one.
  const file = await open(path, "r").catch((thrown: unknown) => {
    if (process.platform === "win32") return null;
    throw thrown;
  });
  try {
    await file?.sync();
  } catch (thrown) {
    if (!/^(EINVAL|EISDIR|EPERM|ENOTSUP)$/.test(codeOf(thrown) ?? "")) throw thrown;
  } finally {
    await file?.close();
  }
}
