import fc from "fast-check";
import * as v from "valibot";
import { expect, test } from "vitest";
import { MAX_ENTITY_FILES, MAX_FILE_PATH_CHARS, MAX_FILE_PATTERN_CHARS } from "../../../src/core/limits.ts";
import {
  compilePattern,
  DeclaredFiles,
  EntityFiles,
  isFilePath,
  isFilePattern,
  isKeptOut,
} from "../../../src/protocol/files.ts";

test("paths below a checkout are accepted, up to the limit", () => {
  const longest = "p".repeat(MAX_FILE_PATH_CHARS);
  for (const path of ["package.json", "src/a b/ü.ts", ".github/x.yml", "a/...", "a..b", longest]) {
    expect(isFilePath(path), path).toBe(true);
  }
});

test.each([
  [""],
  ["/etc/passwd"],
  ["../x"],
  ["a/../b"],
  ["a/.."],
  ["./a"],
  ["a/./b"],
  ["a//b"],
  ["a/"],
  ["a\\b"],
  ["..\\a"],
  ["C:/x"],
  ["c:x"],
  ["a\0b"],
  ["a\nb"],
  ["a\u007f"],
  ["\ud800"],
  ["p".repeat(MAX_FILE_PATH_CHARS + 1)],
])("refuses the path %j", (path) => {
  expect(isFilePath(path)).toBe(false);
});

test.each([
  [".git/hooks/pre-commit"],
  [".git"],
  ["a/.GIT/config"],
  [".Git./config"],
  [".git /config"],
  ["git~1/config"],
  [".git::$INDEX_ALLOCATION/config"],
  [".g\u200cit/config"],
  [".tes/signing.key"],
  ["packages/.TES/x"],
])("%j is not declared, and a log that holds it is read all the same", (path) => {
  expect(isKeptOut(path)).toBe(true);
  expect(v.is(DeclaredFiles, [{ path }])).toBe(false);
  expect(v.is(EntityFiles, [{ path }])).toBe(true);
});

test.each([[".github/x.yml"], [".gitignore"], ["git/x"], ["tes/.tesrc"], ["tes.registry.json"], ["a.git/x"]])(
  "%j is declared",
  (path) => {
    expect(v.is(DeclaredFiles, [{ path }])).toBe(true);
  },
);

test("an accepted path never leads out of its root", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "..", ".", "", "b.c"), { minLength: 1, maxLength: 6 }), (parts) => {
      const path = parts.join("/");
      fc.pre(isFilePath(path));
      expect(new URL(path, "file:///root/").pathname).toBe(`/root/${path}`);
    }),
  );
});

test.each([
  ['"version": "([^"]+)"', true],
  ["^version = (.+)$", true],
  ["(?:a|b)(c)", true],
  ["(?<version>\\d+)", true],
  ["(?<=v)(\\d+)(?!x)", true],
  ["[(](\\d+)", true],
  ["[\\](](a)", true],
  ["\\((a)\\)", true],
  ["version", false],
  ["(a)(b)", false],
  ["((a))", false],
  ["(?:a)", false],
  ["(?<!a)b", false],
  ["[(a)]", false],
  ["\\(a\\)", false],
  ["(a", false],
  ["(a)\\", false],
  ["(a){2,1}", false],
  ['\\"(a)', false],
  ["(\ud800)", false],
  ["", false],
])("the pattern %j is taken: %s", (pattern, taken) => {
  expect(isFilePattern(pattern)).toBe(taken);
});

test("patterns hold up to their limit", () => {
  const pattern = (length: number): string => `(${"a".repeat(length - 2)})`;
  expect(isFilePattern(pattern(MAX_FILE_PATTERN_CHARS))).toBe(true);
  expect(isFilePattern(pattern(MAX_FILE_PATTERN_CHARS + 1))).toBe(false);
});

test("groups are counted as the engine counts them", () => {
  const piece = fc.constantFrom(
    "(",
    ")",
    "(?:",
    "(?<n>",
    "(?<=",
    "(?!",
    "[",
    "]",
    "\\(",
    "\\[",
    "\\]",
    "\\\\",
    "a",
    "|",
  );
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 10 }), (pieces) => {
      const pattern = pieces.join("");
      let expected = -1;
      try {
        // The first alternative matches at once, so the pattern itself never runs.
        expected = new RegExp(`(?:)|${pattern}`, "mu").exec("")!.length - 1;
        new RegExp(pattern, "mu");
      } catch {
        expected = -1;
      }
      expect(isFilePattern(pattern)).toBe(expected === 1);
    }),
    { numRuns: 3_000 },
  );
});

test("a pattern that would run for ever is only parsed", () => {
  expect(isFilePattern("((?:(?:(?:a?){1000}){1000}){1000})")).toBe(true);
  expect(isFilePattern("((?:a+)+)+$")).toBe(true);
});

test("a compiled pattern gives the place of its group, line by line", () => {
  const found = [..."name = x\nversion = 1.2.3\n".matchAll(compilePattern("^version = (.+)$"))];
  expect(found).toHaveLength(1);
  expect(found[0]!.indices![1]).toEqual([19, 24]);
});

test("an entity has at most so many files, each place once", () => {
  const files = (count: number): unknown => Array.from({ length: count }, (_, i) => ({ path: `f${i}` }));
  expect(v.is(EntityFiles, files(MAX_ENTITY_FILES))).toBe(true);
  expect(v.is(EntityFiles, files(MAX_ENTITY_FILES + 1))).toBe(false);
  expect(v.is(EntityFiles, [{ path: "a" }, { path: "a", pattern: "(a)" }])).toBe(true);
  expect(v.is(EntityFiles, [{ path: "a" }, { path: "a" }])).toBe(false);
  expect(v.is(EntityFiles, [{ path: "a", mode: 7 }])).toBe(false);
});
