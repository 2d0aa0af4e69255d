/** Every named limit has a test: this one reads the others. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as limits from "../../../src/core/limits.ts";

const root = join(import.meta.dirname, "../../..");
const LIMITS = Object.entries(limits) as [keyof typeof limits, number][];

/** Every test's text but this one's, numbers without their separators. */
const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts") && !path.endsWith("limits.test.ts"))
  .map((path) => [path, readFileSync(join(root, "test", path), "utf8").replaceAll(/(?<=\d)_(?=\d)/g, "")] as const);

/** A test names the limit, or has its number and the one beyond it: what passes, and what breaks it. */
function testsOf(name: string, value: number): string[] {
  const beyond = name.startsWith("MIN_") ? value - 1 : value + 1;
  const has = (text: string, word: string | number) => new RegExp(`(?<![\\w.])${word}(?![\\w.])`).test(text);
  return tests.filter(([, text]) => has(text, name) || (has(text, value) && has(text, beyond))).map(([path]) => path);
}

/** Limits of the command line whose test is still to come; said aloud on every run until it is there. */
const WAITING: readonly (keyof typeof limits)[] = ["MAX_GIT_OUTPUT_BYTES", "GIT_READ_TIMEOUT_MS"];

describe("every limit", () => {
  test.each(LIMITS)("%s is tested", (name, value) => {
    const found = testsOf(name, value);
    if (found.length === 0 && WAITING.includes(name)) console.warn(`${name} has no test yet.`);
    else expect(found).not.toEqual([]);
  });

  test.each(LIMITS)("%s is a whole number above zero", (_, value) => {
    expect(Number.isSafeInteger(value) && value > 0).toBe(true);
  });

  test("has its reason beside it, alone or with the one it belongs to", () => {
    const source = readFileSync(join(root, "src/core/limits.ts"), "utf8");
    const blocks = source.split(/^\/\*\*/m).slice(2);
    const named = blocks.flatMap((block) => [...block.matchAll(/^export const (\w+)/gm)].map(([, name]) => name));
    expect(named).toEqual(LIMITS.map(([name]) => name));
  });
});

test("the reader of tests sees a name, and both sides of a number, and is not content with one", () => {
  expect(testsOf("MAX_JSON_DEPTH", limits.MAX_JSON_DEPTH)).toContain("unit/core/json.test.ts");
  expect(testsOf("MAX_OF_NOTHING", 987_654_321)).toEqual([]);
});
