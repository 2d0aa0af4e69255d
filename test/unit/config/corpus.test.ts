import { describe, expect, test } from "vitest";
import { GROUPS, RULES, type RuleId } from "../../../src/cli/config/rules.ts";
import { auditCase, expectedFindings, readCorpus, shownFindings } from "./corpus.ts";

const corpus = readCorpus();

describe("every planted fault is found where it was planted, and nothing else", () => {
  test.each(corpus.map((each) => [each.name, each] as const))("%s", (_, each) => {
    expect(shownFindings(auditCase(each))).toEqual(expectedFindings(each.text));
  });
});

describe("the corpus itself", () => {
  const planted = corpus.flatMap(({ name, text }) => expectedFindings(text).map((line) => ({ name, line })));
  const has = (folder: string, pattern: RegExp) =>
    planted.some(({ name, line }) => name.startsWith(folder) && pattern.test(line));
  /** Only one format can have it, or it is about what lies around the file. */
  const ELSEWHERE: readonly RuleId[] = ["key-duplicate", "files-side-by-side", "secret-not-ignored"];
  /** About the file as a whole, or about the very lists that environments have. */
  const TOP_ONLY: readonly RuleId[] = ["parse", "deploy-field-missing", "pages-project", "entry-unread"];
  const rules = (Object.keys(RULES) as RuleId[]).filter((id) => !ELSEWHERE.includes(id));

  test("is large, and a good part of it is clean", () => {
    expect(corpus.length).toBeGreaterThan(200);
    expect(corpus.filter(({ text }) => expectedFindings(text).length === 0).length).toBeGreaterThan(30);
  });

  test.each(rules)("plants %s in TOML and in JSON", (id) => {
    expect(has("toml/", new RegExp(` ${id}(?:@|$)`))).toBe(true);
    expect(has("json/", new RegExp(` ${id}(?:@|$)`))).toBe(true);
  });

  test("plants in an environment what an environment can have", () => {
    const without = rules.filter((id) => !TOP_ONLY.includes(id) && !has("", new RegExp(` ${id}@`)));
    // What is exported or declared is one list for all environments; the two comment rules and these have no environment.
    expect(without).toEqual([
      "migration-class-existing",
      "migration-storage-switch",
      "class-not-exported",
      "exports-target-missing",
      "binding-environment",
      "script-name-elsewhere",
      "secret-in-comment",
    ]);
  });

  test("groups cover the table of rules", () => {
    expect(Object.keys(RULES)[0]).toBe(Object.keys(GROUPS)[0]);
    for (const id of Object.keys(GROUPS)) expect(RULES).toHaveProperty(id);
  });
});
