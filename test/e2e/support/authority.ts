/** An authority as a user runs it: `tes serve` in a process of its own. */

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestKey } from "./keys.ts";
import type { Place, Running, RunOptions } from "./place.ts";

/** Who can be killed: the launcher (node), the command line (Bun), or workerd. */
export type Victim = "launcher" | "tes" | "workerd";

export interface Served {
  readonly url: string;
  readonly pids: Readonly<Record<Victim, number>>;
  readonly run: Running;
  /** The first line of its output, as it was. */
  readonly announced: string;
  kill(victim: Victim, signal?: NodeJS.Signals): void;
  /** SIGTERM, as a supervisor sends it. @returns the exit code */
  stop(): Promise<number>;
}

export interface ServeArgs extends RunOptions {
  /** Name of the data directory in the place. Default `data`. */
  readonly data?: string;
  readonly args?: readonly string[];
}

/** Starts `tes serve --json` on a free port and waits until it says that it accepts connections. */
export async function serve(place: Place, { data = "data", args = [], ...options }: ServeArgs = {}): Promise<Served> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const run = place.tes(["serve", "--json", "--data", join(place.dir, data), ...port, ...args], options);
  const announced = await run.firstLine();
  const { url, pid, workerdPid } = JSON.parse(announced) as { url: string; pid: number; workerdPid: number };
  const pids = { launcher: run.child.pid!, tes: pid, workerd: workerdPid };
  return {
    url,
    pids,
    run,
    announced,
    kill: (victim, signal = "SIGKILL") => void process.kill(pids[victim], signal),
    stop() {
      run.child.kill("SIGTERM");
      return run.exited;
    },
  };
}

/** What `tes init` leaves in a data directory: the signing key, and the public half of the recovery key. */
export async function prepareData(
  place: Place,
  { data = "data", signing, recovery }: { data?: string; signing?: TestKey; recovery: TestKey },
): Promise<string> {
  const dir = join(place.dir, data);
  await mkdir(dir, { mode: 0o700 });
  await writeFile(join(dir, "recovery.pub"), `${recovery.x}\n`);
  if (signing !== undefined) await writeFile(join(dir, "signing.key"), `${signing.hex}\n`, { mode: 0o600 });
  return dir;
}
