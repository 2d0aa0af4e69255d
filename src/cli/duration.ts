/** Spans of time as people write them and as tables show them. */

import { TesError } from "../core/errors.ts";
import { MAX_TOKEN_LIFETIME_S } from "../core/limits.ts";

const UNIT_S: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * A token's life as somebody typed it: `90s`, `30m`, `12h`, `7d`.
 *
 * @returns seconds
 * @throws {TesError} `usage`
 */
export function parseLifetime(text: string): number {
  const found = /^([1-9]\d{0,8})([smhd])$/.exec(text);
  const seconds = found === null ? Number.NaN : Number(found[1]) * UNIT_S[found[2]!]!;
  if (seconds >= 1 && seconds <= MAX_TOKEN_LIFETIME_S) return seconds;
  throw new TesError("usage", { detail: "A lifetime is a number and s, m, h or d, at most 366d: 12h, for example." });
}

/**
 * How long to wait, as somebody typed it: `0`, `30s`, `2m`.
 *
 * @returns milliseconds
 * @throws {TesError} `usage`
 */
export function parseWait(text: string): number {
  return text === "0" ? 0 : parseLifetime(text) * 1_000;
}

/** A measured time: `8 ms`, `1.24 s`. */
export function showElapsed(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(2)} s`;
}
