/** What processes hold in memory, by the kernel's own count. Linux only. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Place } from "./place.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
/** How often it is looked at; the figure itself is the kernel's highest, so that nothing is missed in between. */
const LOOK_MS = 10;

/** The most memory that a process has held, bytes; 0 for one that is gone. */
export function peakOf(pid: number): number {
  try {
    return 1_024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Runs the command line in Bun itself. @returns the most memory it held, and what it printed */
export async function measured(
  place: Place,
  args: readonly string[],
): Promise<{ readonly peak: number; readonly stdout: string }> {
  const child = spawn(join(ROOT, "node_modules/.bin/bun"), [join(ROOT, "src/cli/entry.ts"), ...args], {
    cwd: place.dir,
    env: { PATH: process.env.PATH, HOME: join(place.dir, "home"), TMPDIR: join(place.dir, "tmp") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let peak = 0;
  const look = setInterval(() => {
    peak = Math.max(peak, peakOf(child.pid!));
  }, LOOK_MS);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const stdout = await text(child.stdout);
  const code = await exited;
  if (code !== 0) throw new Error(`tes ${args.join(" ")} ended with ${String(code)}`);
  clearInterval(look);
  return { peak, stdout };
}
