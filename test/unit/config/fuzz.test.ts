import { applyPatch } from "diff";
import { describe, expect, test } from "vitest";
import { auditConfig } from "../../../src/cli/config/audit.ts";
import { diffTexts } from "../../../src/cli/config/diff.ts";
import { fixConfig } from "../../../src/cli/config/fix/fix.ts";
import { parseConfig } from "../../../src/cli/config/parse.ts";
import { RULES } from "../../../src/cli/config/rules.ts";
import { readCorpus } from "./corpus.ts";
import { meaningFault, meaningOf } from "./meaning.ts";
import { mutate } from "./mutations.ts";

/** `npm run fuzz:config` runs 10,000; TES_FUZZ_SEED starts elsewhere. */
const RUNS = Number(process.env.TES_FUZZ_RUNS ?? 4_000);
const SEED = Number(process.env.TES_FUZZ_SEED ?? 1);
const EXPORTED = { "../src/classes.ts": ["Counter", "Room", "Lobby", "VersionManagementDO", "default"] };

const corpus = readCorpus();
const texts = {
  "wrangler.toml": corpus.filter(({ file }) => file.endsWith(".toml")).map(({ text }) => text),
  "wrangler.jsonc": corpus.filter(({ file }) => !file.endsWith(".toml")).map(({ text }) => text),
};

interface Tally {
  parsed: number;
  mended: number;
  compared: number;
}

/** One mutation: audited, fixed, and everything checked that a fix promises. Throws with the seed. */
function run(path: keyof typeof texts, seed: number, tally: Tally): void {
  const text = mutate(texts[path], seed);
  const findings = auditConfig({ path, text, exportedClasses: EXPORTED });
  const lines = text.split(/\r\n|\n|\r/).length;
  for (const { rule, line, column, endLine = line } of findings) {
    expect(Object.hasOwn(RULES, rule) && line >= 1 && column >= 1 && line <= endLine && endLine <= lines).toBe(true);
  }
  const result = fixConfig(path, text, EXPORTED);
  const before = parseConfig(path, text);
  if (!before.ok) {
    expect(findings.map(({ rule }) => rule)).toEqual(["parse"]);
    expect(result).toEqual({ text, done: [], refused: [] });
    return;
  }
  tally.parsed++;
  if (result.text === text) {
    expect(result.done).toEqual([]);
    return;
  }
  tally.mended++;
  const after = parseConfig(path, result.text);
  if (!after.ok) throw new Error(after.message);
  expect(after.comments.map((comment) => comment.text.trim()).sort()).toEqual(
    before.comments.map((comment) => comment.text.trim()).sort(),
  );
  expect(fixConfig(path, result.text, EXPORTED)).toEqual({ text: result.text, done: [], refused: result.refused });
  const patch = diffTexts(text, result.text, path).map((line) => `${line.text}\n`);
  expect(applyPatch(text, patch.join(""), { autoConvertLineEndings: false })).toBe(result.text);
  const meaning = independent(path, text);
  if (meaning === null) return;
  tally.compared++;
  expect(meaningFault(meaning, meaningOf(path, result.text))).toBeNull();
}

/** What the other parser makes of it; null where that one refuses a text that ours takes. */
function independent(path: string, text: string): ReturnType<typeof meaningOf> | null {
  try {
    return meaningOf(path, text);
  } catch {
    return null;
  }
}

describe.each(["wrangler.toml", "wrangler.jsonc"] as const)("%s with seeded damage", (path) => {
  test(`${RUNS / 2} mutations from seed ${SEED}: no crash, and every fix keeps its promises`, {
    timeout: 600_000,
  }, () => {
    const tally: Tally = { parsed: 0, mended: 0, compared: 0 };
    for (let seed = SEED; seed < SEED + RUNS / 2; seed++) {
      try {
        run(path, seed, tally);
      } catch (thrown) {
        throw new Error(`seed ${seed} (${path}): ${(thrown as Error).message}\n${mutate(texts[path], seed)}`, {
          cause: thrown,
        });
      }
    }
    // The damage leaves enough that parses and can be mended for the test to say something.
    expect(tally.parsed).toBeGreaterThan(RUNS / 20);
    expect(tally.mended).toBeGreaterThan(RUNS / 100);
    expect(tally.compared).toBeGreaterThan(tally.mended * 0.9);
  });
});
