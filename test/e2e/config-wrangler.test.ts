/**
 * The corpus before the real wrangler: what it says of each case is on record, and what a fix wrote leaves it nothing
 * to say about migrations.
 *
 * A dry run takes a second, so `npm test` runs a handful; `npm run test:wrangler` runs them all.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { fixConfig } from "../../src/cli/config/fix/fix.ts";
import { readEntryPoints } from "../../src/cli/config/load.ts";
import { parseConfig } from "../../src/cli/config/parse.ts";
import { type CorpusCase, readCorpus } from "../unit/config/corpus.ts";
import { isSaid, readSays, SAYS_FILE, type Said, said } from "../unit/config/says.ts";
import { dryRunText, lanes } from "./config-dry-runs.ts";

const ALL = process.env.TES_WRANGLER === "all" || process.env.TES_WRANGLER === "record";
/** The rest of them differ in how they are written, which the unit tests hold against a parser of TOML and JSON. */
const HANDFUL = [
  "toml/combined-founding",
  "toml/lifecycle-missing-everywhere",
  "json/own-comments",
  "json/nested-migrations-env",
];
/** Of one that deploys in silence, one that stops, one that warns. */
const SAID_HANDFUL = ["toml/class-uncovered", "toml/exports-and-migrations-env", "toml/secrets-not-inherited"];
const TIMEOUT_MS = 120_000;

const corpus = readCorpus();
const mend = ({ file, text }: CorpusCase) => fixConfig(file, text, readEntryPoints(file, parseConfig(file, text)));
const fixable = corpus
  .map((each) => ({ ...each, result: mend(each) }))
  .filter(({ text, result }) => result.text !== text);
const chosen = <T extends CorpusCase>(cases: readonly T[], handful: readonly string[]) =>
  cases.filter(({ name }) => ALL || handful.includes(name)).map((each) => [each.name, each] as const);

const inLane = lanes();
if (!ALL) {
  const left = fixable.length - HANDFUL.length + corpus.filter(isSaid).length - SAID_HANDFUL.length;
  console.warn(`Not run: ${left} of the cases before the real wrangler; npm run test:wrangler runs them all.`);
}

describe.concurrent("after a fix, the dry run of every environment says nothing about migrations or secrets", () => {
  test.each(chosen(fixable, HANDFUL))("%s", { timeout: fixable.length * TIMEOUT_MS }, async (_, each) => {
    const runs = await inLane(() => dryRunText(each, each.result.text));
    expect(runs.length).toBeGreaterThan(0);
    for (const { env, exit, warnings, errors } of runs) {
      const output = [...errors, ...warnings].join("\n");
      expect(output, `--env=${env ?? ""}`).not.toMatch(
        /Unexpected fields found in \S*(?:durable_objects|migrations) field/,
      );
      expect(output).not.toContain("no live `exports` entry");
      expect(output).not.toMatch(/mutually exclusive|Cannot apply/);
      expect(output).not.toContain('"secrets" exists at the top level');
      // What is planted beside the mended faults may still stop it.
      if (each.name !== "toml/combined-envs" && each.name !== "json/combined-envs") expect(exit, output).toBe(0);
    }
  });
});

describe.concurrent("what wrangler says of a case is what docs/config-rules.md shows", () => {
  const recorded: Record<string, readonly Said[]> = {};

  test.each(chosen(corpus.filter(isSaid), SAID_HANDFUL))(
    "%s",
    { timeout: corpus.length * TIMEOUT_MS },
    async (_, each) => {
      const runs = (await inLane(() => dryRunText(each, each.text))).map(said);
      recorded[each.name] = runs;
      if (process.env.TES_WRANGLER !== "record") expect(runs).toEqual(readSays().cases[each.name]);
    },
  );

  /** TES_WRANGLER=record writes the answers down: when the pinned wrangler changes, or the corpus grows. */
  afterAll(() => {
    if (process.env.TES_WRANGLER !== "record") return;
    const pinned = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const { wrangler } = pinned.devDependencies;
    const cases = Object.fromEntries(Object.entries(recorded).sort(([a], [b]) => (a < b ? -1 : 1)));
    writeFileSync(SAYS_FILE, `${JSON.stringify({ wrangler, cases }, null, 1)}\n`);
  });
});
