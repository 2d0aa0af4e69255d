/** Every object of a git repository, reachable or not: what was committed once stays readable until it is pruned. */

import { spawn } from "node:child_process";
import { TesError } from "../../core/errors.ts";
import { MAX_SCAN_FILE_BYTES } from "../../core/limits.ts";
import { type Environment, gitEnvironment, runGit } from "../git/run.ts";

export interface GitObject {
  readonly id: string;
  readonly type: "blob" | "commit" | "tag";
  readonly bytes: Buffer;
}

/** Where an object entered the history. */
export interface Entered {
  readonly commit: string;
  readonly path: string;
}

/** The ids of all blobs, commits and tags that are small enough, and how many blobs are not. */
export async function listObjects(dir: string, env: Environment): Promise<{ ids: string[]; large: number }> {
  const format = "--batch-check=%(objectname) %(objecttype) %(objectsize)";
  const { stdout } = await runGit(dir, env, ["cat-file", "--batch-all-objects", "--unordered", format], {
    timeoutMs: 600_000,
  });
  const ids: string[] = [];
  let large = 0;
  for (const line of stdout.split("\n")) {
    const [id, type, size] = line.split(" ");
    if (id === undefined || type === undefined || type === "tree") continue;
    if (Number(size) > MAX_SCAN_FILE_BYTES) large++;
    else ids.push(id);
  }
  return { ids, large };
}

/** Reads objects one after another. @throws {TesError} `git_failed` */
export async function* readObjects(dir: string, env: Environment, ids: readonly string[]): AsyncGenerator<GitObject> {
  const child = spawn("git", ["cat-file", "--batch"], {
    cwd: dir,
    env: gitEnvironment(env, false),
    stdio: ["pipe", "pipe", "ignore"],
  });
  const ended = new Promise<number | null>((done, fail) => {
    child.once("error", fail);
    child.once("exit", done);
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${ids.join("\n")}\n`);
  let held: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      for (;;) {
        const end = held.indexOf(10);
        if (end < 0) break;
        const [id, type, size] = held.toString("latin1", 0, end).split(" ");
        const length = Number(size);
        if (held.length < end + 1 + length + 1) break;
        yield { id: id!, type: type as GitObject["type"], bytes: held.subarray(end + 1, end + 1 + length) };
        held = held.subarray(end + 1 + length + 1);
      }
    }
    if ((await ended) !== 0) throw new TesError("git_failed", { detail: "git cat-file ended early." });
  } finally {
    child.kill("SIGKILL");
  }
}

/** The first commit and path of each blob asked for, oldest first. Blobs that no reference reaches are left out. */
export async function findEntries(
  dir: string,
  env: Environment,
  blobs: ReadonlySet<string>,
): Promise<Map<string, Entered>> {
  const args = [
    "log",
    "--all",
    "--reflog",
    "--reverse",
    "--topo-order",
    "-m",
    "--root",
    "--raw",
    "--no-renames",
    "--no-abbrev",
    "-z",
    "--format=%x00commit %H",
  ];
  const { stdout } = await runGit(dir, env, args, { timeoutMs: 600_000 });
  const found = new Map<string, Entered>();
  let commit = "";
  const parts = stdout.split("\0");
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i]!.replace(/^\n+/, "");
    const header = /^commit ([0-9a-f]{40,64})/.exec(part);
    if (header !== null) commit = header[1]!;
    const change = /:\d+ \d+ [0-9a-f]+ ([0-9a-f]+) [A-Z]\d*$/.exec(part);
    if (change === null) continue;
    const path = parts[++i] ?? "";
    if (blobs.has(change[1]!) && !found.has(change[1]!)) found.set(change[1]!, { commit, path });
  }
  return found;
}
