/**
 * One authority per data directory, also after a kill -9: the lock is a file that says who holds it, and a holder
 * that no longer runs holds nothing.
 *
 * Taking over a dead holder's lock must not be a race. Whoever wants to succeed the record R creates, exclusively, the
 * claim `lock.<hash of R>`; the last record of that chain is the holder. The winner then puts its own record in place
 * of `lock` and removes the claim. A loser who read R before that and creates the same claim after it finds, walking
 * from `lock` again, that the chain no longer ends in its own record.
 */

import { createHash, randomBytes } from "node:crypto";
import { link, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TesError } from "../../core/errors.ts";
import { codeOf, type DataPaths, reasonOf } from "./data.ts";
import { endProcess, findServing, identify, isRunning, type ProcessId } from "./process.ts";

/** What the lock file says. */
export interface LockRecord {
  readonly tes: ProcessId;
  readonly workerd?: ProcessId;
  /** Where it listens. */
  readonly url?: string;
  /** Random: no two records are alike, so no two claims are. */
  readonly nonce: string;
}

/** A held lock. */
export interface DirectoryLock {
  /** Writes down what is running under the lock, so that a successor can find it. */
  record(running: { readonly workerd: ProcessId; readonly url: string }): Promise<void>;
  /** Gives the directory back. Only for after workerd has ended. */
  release(): Promise<void>;
}

const PRIVATE_FILE = 0o600;
/** Each further turn means that another starter came and went in between. */
const MAX_TURNS = 16;

/**
 * Takes the directory, and first ends a workerd that a killed tes left running in it.
 *
 * @param note is told in a sentence when an orphan was ended
 * @throws {TesError} `data_dir_in_use`, whose facts name the pid, `file_unwritable`
 */
export async function acquireLock(
  paths: DataPaths,
  configPath: string,
  note: (text: string) => void = () => undefined,
): Promise<DirectoryLock> {
  const self = await identify(process.pid);
  if (self === null) throw new TesError("internal", { detail: "This process cannot see itself." });
  const mine: LockRecord = { tes: self, nonce: randomBytes(16).toString("hex") };
  const previous = await take(paths, mine);
  for (const orphan of await orphansOf(previous, configPath)) {
    await endProcess(orphan);
    if (await isRunning(orphan)) throw inUse(paths, orphan.pid);
    note(`ended workerd (pid ${orphan.pid}), which a killed authority had left running on ${paths.root}`);
  }
  return {
    record: (running) => replace(paths, { ...mine, ...running }),
    release: () => rm(paths.lock, { force: true }),
  };
}

/** What the lock says now and whether its holder runs; null when nobody holds the directory. */
export async function readLock(paths: DataPaths): Promise<{ record: LockRecord; running: boolean } | null> {
  const { last } = await walk(paths);
  if (last === null) return null;
  const record = parseRecord(last);
  return record === null ? null : { record, running: await isRunning(record.tes) };
}

/** @returns the dead holder's record, if there was one */
async function take(paths: DataPaths, mine: LockRecord): Promise<LockRecord | null> {
  const text = JSON.stringify(mine);
  const draft = `${paths.lock}-${mine.nonce}`;
  try {
    await writeFile(draft, text, { flag: "wx", mode: PRIVATE_FILE, flush: true });
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const { last, next } = await walk(paths);
      const holder = last === null ? null : parseRecord(last);
      if (holder !== null && (await isRunning(holder.tes))) throw inUse(paths, holder.tes.pid);
      if (!(await linkIfFree(draft, next))) continue;
      if ((await walk(paths)).last === text) {
        if (next !== paths.lock) await settle(paths, draft);
        return holder;
      }
      await rm(next, { force: true });
    }
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    throw new TesError("file_unwritable", { detail: `${paths.lock}: ${reasonOf(cause)}`, cause });
  } finally {
    await rm(draft, { force: true });
  }
  throw new TesError("data_dir_in_use", { detail: `${paths.root}: others are starting on it at this moment.` });
}

/** Follows the chain from `lock`: its last record, and the path that whoever succeeds it has to create. */
async function walk(paths: DataPaths): Promise<{ last: string | null; next: string }> {
  let last: string | null = null;
  let next = paths.lock;
  for (;;) {
    const text = await readFile(next, "utf8").catch((thrown) => {
      if (codeOf(thrown) === "ENOENT") return null;
      throw thrown;
    });
    if (text === null) return { last, next };
    last = text;
    next = `${paths.lock}.${createHash("sha256").update(text).digest("hex").slice(0, 32)}`;
  }
}

/** The winner's record takes the place of the dead one, then its claims go. */
async function settle(paths: DataPaths, draft: string): Promise<void> {
  await rename(draft, paths.lock);
  const prefix = `${basename(paths.lock)}.`;
  for (const name of await readdir(dirname(paths.lock))) {
    if (name.startsWith(prefix)) await rm(join(dirname(paths.lock), name), { force: true });
  }
}

async function replace(paths: DataPaths, record: LockRecord): Promise<void> {
  const draft = `${paths.lock}-${record.nonce}`;
  await writeFile(draft, JSON.stringify(record), { mode: PRIVATE_FILE, flush: true });
  await rename(draft, paths.lock);
}

async function linkIfFree(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) === "EEXIST") return false;
    throw thrown;
  }
}

async function orphansOf(previous: LockRecord | null, configPath: string): Promise<ProcessId[]> {
  const found = await findServing(configPath);
  const recorded = previous?.workerd;
  if (recorded === undefined || found.some((id) => id.pid === recorded.pid)) return found;
  return (await isRunning(recorded)) ? [...found, recorded] : found;
}

function parseRecord(text: string): LockRecord | null {
  try {
    const value = JSON.parse(text) as LockRecord;
    return Number.isSafeInteger(value.tes.pid) && typeof value.tes.started === "string" ? value : null;
  } catch {
    return null; // Half a record is a dead one's: a living one is linked or renamed into place, whole.
  }
}

function inUse(paths: DataPaths, pid: number): TesError {
  return new TesError("data_dir_in_use", {
    detail: `${paths.root} is held by process ${pid}.`,
    facts: { pid, directory: paths.root },
  });
}
