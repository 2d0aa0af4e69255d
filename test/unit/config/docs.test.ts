import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RULES_DOC, renderConfigRules } from "../../../scripts/config-rules.ts";
import { RULES } from "../../../src/cli/config/rules.ts";
import { readCorpus } from "./corpus.ts";
import { isSaid, readSays } from "./says.ts";

const doc = readFileSync(RULES_DOC, "utf8");

test("docs/config-rules.md is what the rules, the corpus and wrangler's answers make of it: npm run config-rules", () => {
  expect(doc).toBe(renderConfigRules());
});

test("every rule has its section", () => {
  for (const [id, { severity }] of Object.entries(RULES)) expect(doc).toContain(`### \`${id}\`\n\n**${severity}**`);
});

test("what wrangler said is on record for every case, by the pinned wrangler", () => {
  const { wrangler, cases } = readSays();
  const pinned = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
  expect(wrangler).toBe(pinned.devDependencies.wrangler);
  expect(Object.keys(cases).sort()).toEqual(
    readCorpus()
      .filter(isSaid)
      .map(({ name }) => name)
      .sort(),
  );
});
