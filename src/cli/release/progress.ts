/** A bar for what takes long. It is drawn on a terminal only, and never where JSON is asked for. */

import { type CommandIo, paint } from "../output.ts";

/** What is over sooner needs no bar. */
const QUIET_MS = 300;
/** Often enough to look alive. */
const REDRAW_MS = 100;
const BAR_CELLS = 24;
const CLEAR_LINE = "\r\u001b[K";

export interface Progress {
  /** That many bytes more are done. */
  add(bytes: number): void;
  /** Takes the bar away. To be called however the work ended. */
  end(): void;
}

/**
 * Opens a bar.
 *
 * @param total bytes that there are to do; 0 when nobody knows
 * @example
 * const bar = openProgress(io, "hashing", size);
 * try { await hashFile(path, bar.add); } finally { bar.end(); }
 */
export function openProgress(io: CommandIo, label: string, total: number): Progress {
  if (io.json || !io.terminal) return { add: () => undefined, end: () => undefined };
  const begun = io.now();
  let [done, drawnAt, drawn] = [0, 0, false];
  return {
    add(bytes) {
      done += bytes;
      const now = io.now();
      if (now - begun < QUIET_MS || now - drawnAt < REDRAW_MS) return;
      drawnAt = now;
      drawn = true;
      io.stderr(`${CLEAR_LINE}${renderProgress(io, label, done, total, now - begun)}`);
    },
    end() {
      if (drawn) io.stderr(CLEAR_LINE);
    },
  };
}

/** One line: the label, a bar, how much of how much, and how fast. */
export function renderProgress(
  io: Pick<CommandIo, "color">,
  label: string,
  done: number,
  total: number,
  elapsedMs: number,
): string {
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const full = Math.round(share * BAR_CELLS);
  const bar = paint(io).green("█".repeat(full)) + "░".repeat(BAR_CELLS - full);
  const rate = elapsedMs === 0 ? "" : `  ${showBytes((done * 1_000) / elapsedMs)}/s`;
  return `${label} ${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${showBytes(done)} of ${showBytes(total)}${rate}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** A number of bytes for people: `512 B`, `1.5 MiB`. */
export function showBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1_024 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}
