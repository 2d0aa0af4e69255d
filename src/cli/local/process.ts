/** Processes by more than their number: pids are reused, so each is told apart by when it began. */

import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** A process, for as long as it lives. */
export interface ProcessId {
  readonly pid: number;
  /** When it began: boot id and clock ticks where there is /proc, else what `ps` says; "" where neither is. */
  readonly started: string;
}

const POLL_MS = 10;
/** How long a process may take to end by itself after SIGTERM. Acknowledged writes are durable by then in any case. */
const TERM_WAIT_MS = 3_000;
const KILL_WAIT_MS = 5_000;

/** The identity of a running process; null when there is none (a zombie counts as none). */
export async function identify(pid: number): Promise<ProcessId | null> {
  if (!isSignalable(pid)) return null;
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
    if (stat === null) return null;
    // proc(5): the second field, the name in parentheses, may hold anything. State is field 3, starttime field 22.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (fields[0] === "Z" || fields[0] === "X") return null;
    const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
    return { pid, started: `${boot.trim()}:${fields[19]}` };
  }
  const ps = await promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)]).catch(() => null);
  return { pid, started: ps?.stdout.trim() ?? "" };
}

/** Whether this very process, not another under its number, still runs. */
export async function isRunning(id: ProcessId): Promise<boolean> {
  const found = await identify(id.pid);
  return found !== null && found.started === id.started;
}

/** Ends a process, first politely. Does nothing to another process that got its number. */
export async function endProcess(id: ProcessId): Promise<void> {
  await signalAndWait(id, "SIGTERM", TERM_WAIT_MS);
  await signalAndWait(id, "SIGKILL", KILL_WAIT_MS);
}

async function signalAndWait(id: ProcessId, signal: NodeJS.Signals, limitMs: number): Promise<void> {
  if (!(await isRunning(id))) return;
  try {
    process.kill(id.pid, signal);
  } catch {
    return; // It ended in between, or belongs to somebody else: the caller looks again.
  }
  // Nobody is told when a process ends that is not a child: look again until it has.
  for (let waited = 0; waited < limitMs && (await isRunning(id)); waited += POLL_MS) await sleep(POLL_MS);
}

/**
 * Processes whose arguments hold `serve` and this very configuration file: a workerd that outlived a tes which was
 * killed before it could write down what it had started. Only where there is /proc.
 */
export async function findServing(configPath: string): Promise<ProcessId[]> {
  if (process.platform !== "linux") return [];
  const found: ProcessId[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const args = (await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (args[1] !== "serve" || !args.includes(configPath)) continue;
    const id = await identify(Number(name));
    if (id !== null) found.push(id);
  }
  return found;
}

function isSignalable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // EPERM: it runs, under another user.
    return thrown instanceof Error && "code" in thrown && thrown.code === "EPERM";
  }
}
