import { diffLines } from "diff";
import { describe, expect, test } from "vitest";
import { fixConfig } from "../../../src/cli/config/fix/fix.ts";
import { readEntryPoints } from "../../../src/cli/config/load.ts";
import { parseConfig } from "../../../src/cli/config/parse.ts";
import { MAX_MENDS } from "../../../src/core/limits.ts";
import { auditCase, type CorpusCase, readCorpus } from "./corpus.ts";
import { meaningFault, meaningOf } from "./meaning.ts";

const corpus = readCorpus();
const fix = ({ file, text }: CorpusCase) => fixConfig(file, text, readEntryPoints(file, parseConfig(file, text)));
const fixed = corpus.map((each) => ({ ...each, result: fix(each) }));
const changed = fixed.filter(({ text, result }) => result.text !== text);
const named = <T extends CorpusCase>(cases: readonly T[]) => cases.map((each) => [each.name, each] as const);
const commentsOf = (file: string, text: string): string[] => {
  const config = parseConfig(file, text);
  return config.ok ? config.comments.map((comment) => comment.text.trim()).sort() : [];
};

describe("what is written", () => {
  test("changes a good part of the corpus", () => expect(changed.length).toBeGreaterThan(60));

  test.each(named(changed))(
    "%s parses, says the same apart from the mend, keeps every comment, and is stable",
    (_, each) => {
      const { file, text, result } = each;
      expect(meaningFault(meaningOf(file, text), meaningOf(file, result.text))).toBeNull();
      expect(commentsOf(file, result.text)).toEqual(commentsOf(file, text));
      expect(fix({ ...each, text: result.text })).toEqual({ text: result.text, done: [], refused: result.refused });
    },
  );

  test.each(named(changed))("%s equals the original outside the edit, byte for byte", (_, { text, result }) => {
    const gone = diffLines(text, result.text).filter(({ removed }) => removed);
    const after = result.text.split("\n");
    for (const line of gone.flatMap(({ value }) => value.split("\n").slice(0, value.endsWith("\n") ? -1 : undefined))) {
      const bare = line.trim().replace(/,$/, "");
      // A line that goes speaks of migrations, is empty, or is still there with an item or a comma behind it.
      const speaks = /migrations|tag|classes|"?from"?|"?to"?\b|^[\]}[{]*$|Counter|Room/.test(bare);
      const extended = after.some((other) =>
        other.includes(bare.replace(/\s*(?:\/\/.*|\]|\}|\})$/, "").replace(/[\]} ]+$/, "")),
      );
      expect(speaks || extended, line).toBe(true);
    }
    if (text.includes("\r\n")) expect(result.text).not.toMatch(/(?<!\r)\n/);
    else expect(result.text).not.toContain("\r");
    expect(result.text.startsWith("\uFEFF")).toBe(text.startsWith("\uFEFF"));
  });

  test.each(named(changed))("%s is free of the faults that were mended, and has no new ones", (_, each) => {
    const count = (text: string) => {
      const rules = auditCase({ ...each, text }).map(({ rule }) => rule);
      return Object.fromEntries(
        [...new Set(rules)].map((rule) => [rule, rules.filter((other) => other === rule).length]),
      );
    };
    const before = count(each.text);
    const after = count(each.result.text);
    for (const [rule, number] of Object.entries(after)) expect(before[rule] ?? 0).toBeGreaterThanOrEqual(number);
    for (const { rule, env } of each.result.done) {
      const same = auditCase({ ...each, text: each.result.text }).filter(
        (left) => left.rule === rule && (left.env ?? null) === env,
      );
      expect(same).toEqual([]);
    }
  });
});

describe("what is refused stays as it is", () => {
  const refused = fixed.filter(({ result }) => result.refused.length > 0);

  test.each(named(refused))("%s", (_, { text, result }) => {
    for (const { reason } of result.refused) expect(reason).toMatch(/^[a-z"./].{20,}/);
    if (result.done.length === 0) expect(result.text).toBe(text);
  });

  test("for these reasons, of this corpus", () => {
    const reasons = new Set(
      refused.flatMap(({ result }) => result.refused.map(({ reason }) => reason.replace(/"[^"]+"|\S+\.ts/g, "…"))),
    );
    expect([...reasons].sort()).toMatchInlineSnapshot(`
      [
        "a key stands twice in the file, and which one is meant would have to be guessed",
        "exports declares Durable Objects for the top level, and the two exclude each other",
        "migrations stands beside them and is not a list; correct that first",
        "the environments have different entry points and bind different classes",
        "the tag … stands for two different migrations",
        "they differ from the ones env.staging inherits: they may belong at the top level, or in a list of its own",
        "they do not fit behind the migrations that are in place, so their order cannot be told",
        "… does not export …; correct the name or the code first",
        "… is something else there already",
      ]
    `);
  });
});

describe("a text that does not parse comes back unchanged", () => {
  test.each(named(fixed.filter(({ file, text }) => !parseConfig(file, text).ok)))("%s", (_, { text, result }) => {
    expect(result).toEqual({ text, done: [], refused: [] });
  });
});

test("more mends than anybody needs are none", () => {
  const text = (envs: number) =>
    `secrets = { required = ["K"] }\n${Array.from({ length: envs }, (_, i) => `[env.e${i}]\n`).join("")}`;
  const full = fixConfig("wrangler.toml", text(MAX_MENDS));
  expect([full.done.length, full.refused.length]).toEqual([MAX_MENDS, 0]);
  const over = fixConfig("wrangler.toml", text(MAX_MENDS + 1));
  expect([over.text, over.done.length, over.refused.length]).toEqual([text(MAX_MENDS + 1), 0, MAX_MENDS + 1]);
});

describe("by example", () => {
  const HEAD = 'name = "app"\nmain = "index.ts"\n\n';
  const toml = (text: string) => fixConfig("wrangler.toml", text).text;
  const json = (text: string) => fixConfig("wrangler.jsonc", text).text;

  test("the founding document's configuration: one header changes, and new_classes stays new_classes", () => {
    const before = '[[durable_objects.migrations]]  # nested\ntag = "v1"\nnew_classes = ["VersionManagementDO"]\n';
    expect(toml(before)).toBe(before.replace("durable_objects.", ""));
  });

  test("an inline list becomes tables, with its comments", () => {
    expect(
      toml(
        `${HEAD}[durable_objects]\nbindings = []\n# why\nmigrations = [\n  # a\n  { tag = "v1", new_sqlite_classes = [\n    "A", # inside\n  ] }, # b\n  { tag = "v2" },\n] # c\n\n[vars]\n`,
      ),
    ).toBe(
      `${HEAD}[durable_objects]\nbindings = []\n\n# why\n# a\n[[migrations]] # b\ntag = "v1"\nnew_sqlite_classes = [\n    "A", # inside\n  ]\n\n[[migrations]]\ntag = "v2"\n# c\n\n[vars]\n`,
    );
  });

  test("a first migration goes behind the objects it is for", () => {
    const before = `${HEAD}[[durable_objects.bindings]]\nname = "A"\nclass_name = "A"\n\n[vars]\n`;
    const added = '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["A"]\n\n';
    expect(toml(before)).toBe(before.replace("[vars]", `${added}[vars]`));
  });

  test("JSON: out of its object, behind it, with the comments that speak of it", () => {
    const before = `{
  "durable_objects": {
    "bindings": [], // kept
    // moves along
    "migrations": [
      { "tag": "v1", "new_classes": ["A"] } // first
    ] // behind
  } // stays
}
`;
    expect(json(before)).toBe(`{
  "durable_objects": {
    "bindings": [] // kept
  }, // stays
  // moves along
  "migrations": [
    { "tag": "v1", "new_classes": ["A"] } // first
  ] // behind
}
`);
  });

  test("secrets in an environment that is an inline table, a dotted key, an empty object", () => {
    expect(toml('secrets = { required = ["K"] }\nenv = { a = {} }\n')).toBe(
      'secrets = { required = ["K"] }\nenv = { a = { secrets = { required = ["K"] } } }\n',
    );
    expect(toml('secrets = { required = ["K"] }\n[env]\na.name = "x"\n')).toBe(
      'secrets = { required = ["K"] }\n[env]\na.name = "x"\n\n[env.a.secrets]\nrequired = ["K"]\n',
    );
    expect(json('{ "secrets": { "required": ["K"] }, "env": { "a": {} } }')).toBe(
      '{ "secrets": { "required": ["K"] }, "env": { "a": { "secrets": { "required": ["K"] } } } }',
    );
  });
});
