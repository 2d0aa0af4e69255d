/** Whether a text is fit to be a master key. No message repeats any of it. */

import { TesError } from "../../core/errors.ts";
import { isPublicKeyText, parseMasterKey } from "../../core/keys.ts";
import type { Secret } from "../../core/secret.ts";

/** error: refused. warning: it would work, and no random source made it. */
export interface KeyFinding {
  readonly rule: "length" | "hex" | "white-space" | "public" | "repeated-bytes" | "low-entropy" | "text";
  readonly severity: "error" | "warning";
  readonly message: string;
}

/**
 * 32 random bytes have 30.1 distinct values on average. Fewer than 22 come up about once in 10^8 keys, as do 4 equal
 * bytes in a row and a run of 8 bytes that each differ from the one before by the same amount.
 */
const MIN_DISTINCT_BYTES = 22;
const MAX_RUN = 4;
const MAX_STEPS = 8;
/** A random byte is printable ASCII in 95 of 256 cases: all 32 are in one of 10^13 keys. */
const PRINTABLE = /^[\x20-\x7e]{32}$/;

/**
 * Audits a key's text as it stands, with nothing around it.
 *
 * @example
 * auditKey(new Secret("00".repeat(32)))[0]?.rule; // "repeated-bytes"
 */
export function auditKey(key: Secret<string>): KeyFinding[] {
  const text = key.reveal();
  const found: KeyFinding[] = [];
  const error = (rule: KeyFinding["rule"], message: string): void =>
    void found.push({ rule, severity: "error", message });
  if (/^\s|\s$/.test(text)) error("white-space", "White space stands before or after it.");
  const bare = text.trim();
  if (bare.length !== 64) error("length", `It has ${bare.length} characters instead of 64.`);
  if (!/^[0-9a-fA-F]*$/.test(bare)) error("hex", "Not every character is hexadecimal (0-9, a-f).");
  if (isPublicKeyText(bare)) error("public", "It is the key that is printed in a public document: everybody has it.");
  if (found.some(({ rule }) => rule !== "white-space")) return found;
  const bytes = [...Buffer.from(bare, "hex")];
  const distinct = new Set(bytes).size;
  const weak = (rule: KeyFinding["rule"], message: string): void =>
    void found.push({ rule, severity: "error", message });
  if (longestRun(bytes, (a, b) => a === b) >= MAX_RUN || isPeriodic(bytes))
    weak("repeated-bytes", "Bytes repeat in it.");
  if (distinct < MIN_DISTINCT_BYTES)
    weak("low-entropy", `It has ${distinct} different bytes; 32 random ones have about 30.`);
  else if (longestSteps(bytes) >= MAX_STEPS) weak("low-entropy", "Its bytes count up or down.");
  if (PRINTABLE.test(Buffer.from(bytes).toString("latin1")))
    weak("text", "It is text written as hexadecimal, not random bytes.");
  return found;
}

/** @throws {TesError} `key_format` or `key_public` with the first thing that is wrong */
export function requireGoodKey(key: Secret<string>): ReturnType<typeof parseMasterKey> {
  const bad = auditKey(key).filter(({ severity }) => severity === "error");
  if (bad.some(({ rule }) => rule === "public")) throw new TesError("key_public");
  const [first] = bad;
  if (first !== undefined) throw new TesError("key_format", { detail: bad.map(({ message }) => message).join(" ") });
  return parseMasterKey(key.reveal());
}

function longestRun(bytes: readonly number[], same: (a: number, b: number) => boolean): number {
  let longest = 1;
  let run = 1;
  for (let i = 1; i < bytes.length; i++) {
    run = same(bytes[i - 1]!, bytes[i]!) ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** How many bytes in a row change by the same amount. */
function longestSteps(bytes: readonly number[]): number {
  const steps = bytes.slice(1).map((byte, i) => (byte - bytes[i]! + 256) % 256);
  return longestRun(steps, (a, b) => a === b) + 1;
}

function isPeriodic(bytes: readonly number[]): boolean {
  return [1, 2, 4, 8, 16].some((period) => bytes.every((byte, i) => byte === bytes[i % period]));
}
