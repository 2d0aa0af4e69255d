/** A scratch directory and the processes that work in it. Both are gone when it is disposed of, whatever happened. */

import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

const LAUNCHER = join(import.meta.dirname, "..", "..", "..", "bin", "tes.mjs");
const POLL_MS = 10;
/** How long a process may take to vanish after SIGKILL, and to end by itself after a polite signal. */
const GONE_LIMIT_MS = 10_000;

export interface RunOptions {
  /** Added to an environment that holds nothing but PATH, HOME and TMPDIR, the last two inside the place. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard input; without it there is none. */
  readonly input?: string;
}

/** One run of `tes`. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** The first line of stdout. Rejects with everything that was said when the process ends without one. */
  firstLine(): Promise<string>;
  /**
   * Exit code, or 128 and the signal's number. Resolves when its output has been read too; rejects when something that
   * it started still holds that open long after.
   */
  readonly exited: Promise<number>;
}

export interface Place extends AsyncDisposable {
  readonly dir: string;
  /** Everything that was run here, for tests that search what was printed. */
  readonly runs: readonly Running[];
  tes(args: readonly string[], options?: RunOptions): Running;
}

const places = new Set<Place>();

export async function makePlace(): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), "tes-e2e-"));
  await Promise.all(["home", "tmp"].map((name) => mkdir(join(dir, name))));
  const runs: Running[] = [];
  const place: Place = {
    dir,
    runs,
    tes(args, options = {}) {
      const run = start(dir, args, options);
      runs.push(run);
      return run;
    },
    async [Symbol.asyncDispose]() {
      places.delete(place);
      await endProcesses(dir);
      await Promise.allSettled(runs.map((run) => run.exited));
      // A test may have taken its own permissions away.
      await chmod(dir, 0o700);
      const leaks = await keysPrinted(dir, runs);
      await rm(dir, { recursive: true, force: true });
      if (leaks.length > 0) throw new Error(`a key that lies in a file was printed by: ${leaks.join("; ")}`);
    },
  };
  places.add(place);
  return place;
}

/** Every run of every test is searched for the keys that lie in its place. What prints one on purpose says `--show`. */
async function keysPrinted(dir: string, runs: readonly Running[]): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const keys: string[] = [];
  for (const name of names.filter((path) => path.endsWith(".key") && !path.includes("node_modules"))) {
    const text = await readFile(join(dir, name), "utf8").catch(() => "");
    keys.push(...(text.match(/^[0-9a-fA-F]{64}$/gm) ?? []));
  }
  return runs
    .filter(({ child: { spawnargs } }) => !spawnargs.includes("--show"))
    .filter(({ stdout, stderr }) => keys.some((key) => `${stdout}${stderr}`.toLowerCase().includes(key.toLowerCase())))
    .map(({ child: { spawnargs } }) => spawnargs.slice(2).join(" "));
}

/** Disposes of the places that a test left when it was cut off by its time limit. */
export async function clearPlaces(): Promise<void> {
  for (const place of places) await place[Symbol.asyncDispose]();
}

function start(dir: string, args: readonly string[], options: RunOptions): Running {
  const home = { PATH: process.env.PATH, HOME: join(dir, "home"), TMPDIR: join(dir, "tmp") };
  const child = spawn(process.execPath, [LAUNCHER, ...args], {
    cwd: options.cwd ?? dir,
    env: { ...home, ...options.env },
    stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  }) as ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };
  // It may end before it has read all of it.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(options.input);
  let [stdout, stderr] = ["", ""];
  let tell: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    tell();
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  const exited = new Promise<number>((resolve, reject) => {
    let limit: NodeJS.Timeout | undefined;
    child.once("exit", () => {
      const left = () => reject(new Error(`tes ${args.join(" ")} ended, and what it started did not`));
      limit = setTimeout(left, GONE_LIMIT_MS);
    });
    child.once("close", (code, signal) => {
      clearTimeout(limit);
      resolve(code ?? 128 + constants.signals[signal!]);
      tell();
    });
  });
  // It is for whoever waits for the end to hear of it.
  exited.catch(() => undefined);
  return {
    child,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    firstLine: () =>
      new Promise((resolve, reject) => {
        tell = () => {
          const end = stdout.indexOf("\n");
          if (end >= 0) resolve(stdout.slice(0, end));
          else if (child.exitCode !== null || child.signalCode !== null) {
            reject(new Error(`tes ${args.join(" ")} ended with ${child.exitCode ?? child.signalCode}:\n${stderr}`));
          }
        };
        tell();
      }),
    exited,
  };
}

/** Processes whose arguments name something in a directory. Where there is no /proc nothing is found. */
export async function processesIn(dir: string): Promise<number[]> {
  if (process.platform !== "linux") return [];
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const args = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (args.includes(dir)) found.push(Number(name));
  }
  return found;
}

/** Resolves when no process works in a directory any more. Nobody is told of a stranger's end, so it looks again. */
export async function noneLeftIn(dir: string): Promise<void> {
  for (let waited = 0; waited < GONE_LIMIT_MS; waited += POLL_MS) {
    if ((await processesIn(dir)).length === 0) return;
    await sleep(POLL_MS);
  }
  throw new Error(`still running: ${await processesIn(dir)}`);
}

async function endProcesses(dir: string): Promise<void> {
  for (const pid of await processesIn(dir)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended in between, which is what was wanted.
    }
  }
  await noneLeftIn(dir);
}
