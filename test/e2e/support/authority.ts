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
  /** Default 0, a free one; `usual` leaves the choice to the command. */
  readonly port?: number | "usual";
  readonly args?: readonly string[];
}

/** Begins `tes serve --json`. */
export function beginServe(place: Place, { data = "data", port = 0, args = [], ...options }: ServeArgs = {}): Running {
  const asked = port === "usual" ? [] : ["--port", String(port)];
  return place.tes(["serve", "--json", "--data", join(place.dir, data), ...asked, ...args], options);
}

/** Starts `tes serve` and waits until it says that it accepts connections. */
export async function serve(place: Place, args: ServeArgs = {}): Promise<Served> {
  return served(beginServe(place, args));
}

/** Waits until a run of `tes serve --json` accepts connections. @throws with what it said, when it ends instead */
export async function served(run: Running): Promise<Served> {
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

/** The problem (RFC 9457) that a run which must fail wrote to stderr, and its exit code. */
export async function failure(run: Running): Promise<{ exit: number; code: string; [member: string]: unknown }> {
  const exit = await run.exited;
  const line = run.stderr.split("\n").findLast((text) => text.startsWith("{"));
  if (line === undefined) throw new Error(`no problem on stderr, exit ${exit}:\n${run.stdout}${run.stderr}`);
  return { exit, ...(JSON.parse(line) as { code: string }) };
}

/** What `tes init` leaves in a data directory: the signing key, and the public half of the recovery key. */
export async function prepareData(
  place: Pick<Place, "dir">,
  { data = "data", signing, recovery }: { data?: string; signing?: TestKey; recovery: TestKey },
): Promise<string> {
  const dir = join(place.dir, data);
  await mkdir(dir, { mode: 0o700 });
  await writeFile(join(dir, "recovery.pub"), `${recovery.x}\n`);
  if (signing !== undefined) await writeFile(join(dir, "signing.key"), `${signing.hex}\n`, { mode: 0o600 });
  return dir;
}
