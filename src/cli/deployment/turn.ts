/** One run at a time for one Worker, on this machine: two would each make a key, and each undo the other. */

import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";
import { identify, isRunning, type ProcessId } from "../local/process.ts";

/**
 * Runs `work` while holding a file. One that a killed process left is taken over.
 *
 * @throws {TesError} `conflict` while another run holds it; what `work` throws
 */
export async function inTurn<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await take(path);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string): Promise<void> {
  const own = JSON.stringify(await identify(process.pid));
  for (let again = false; ; again = true) {
    try {
      const file = await open(path, "wx", 0o600);
      await file.writeFile(own);
      await file.close();
      return;
    } catch (cause) {
      if (codeOf(cause) !== "EEXIST")
        throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
    }
    const holder = await readHolder(path);
    if (again || holder === null || (await isRunning(holder))) {
      throw new TesError("conflict", {
        detail: `Another run holds ${path}${holder === null ? "" : ` (process ${holder.pid})`}.`,
      });
    }
    await rm(path, { force: true });
  }
}

async function readHolder(path: string): Promise<ProcessId | null> {
  try {
    const { pid, started } = JSON.parse(await readFile(path, "utf8")) as ProcessId;
    return { pid, started };
  } catch {
    // Just made and not yet written, or just gone: somebody is at it right now.
    return null;
  }
}
