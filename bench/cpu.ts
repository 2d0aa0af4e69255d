/** CPU time of a process, as Linux counts it. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Clock ticks of user and system time together, all threads, out of the text of /proc/PID/stat (proc(5)). */
export function parseCpuTicks(stat: string): number {
  // The second field, the name in parentheses, may hold anything: count from the last parenthesis. utime is field 14,
  // stime 15, and what follows the name begins with field 3.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!stat.includes(")") || !Number.isSafeInteger(ticks)) throw new Error(`not a line of /proc/PID/stat: ${stat}`);
  return ticks;
}

let ticksPerSecond: number | undefined;

/** Seconds of CPU time that a running process has spent, in steps of a tick (10 ms on Linux). */
export function cpuSeconds(pid: number): number {
  ticksPerSecond ??= Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return parseCpuTicks(readFileSync(`/proc/${pid}/stat`, "utf8")) / ticksPerSecond;
}
