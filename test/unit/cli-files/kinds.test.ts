import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { pythonDoubt } from "../../../src/cli/files/python.ts";
import { hasKind } from "../../../src/cli/files.ts";
import { change, Directory } from "./checkout.ts";

let directory: Directory;
beforeEach(async () => {
  directory = await Directory.create();
});
afterEach(() => directory.remove());

async function bumped(path: string, text: string): Promise<string> {
  await directory.put(path, text);
  await directory.write([change("global:main", [path])]);
  return directory.read(path);
}

async function refusal(path: string, text: string): Promise<unknown> {
  await directory.put(path, text);
  return directory.plan([change("global:main", [path])]).then(
    () => "accepted",
    (error: { code: string; detail: string }) => (error.code === "file_pattern" ? error.detail : error),
  );
}

describe("plain files", () => {
  test.each([
    ["VERSION", "1.0.0\n", "1.1.0\n"],
    ["VERSION", "1.0.0", "1.1.0"],
    ["VERSION", "v1.0.0\r\n", "v1.1.0\r\n"],
    ["version.txt", "\uFEFF\n 1.0.0 \n\n", "\uFEFF\n 1.1.0 \n\n"],
    [".version", "dev", "1.1.0"],
    ["sub/VERSION.txt", "vnext\n", "1.1.0\n"],
  ])("%s %j: %j", async (path, before, after) => {
    expect(await bumped(path, before)).toBe(after);
  });

  test.each(["", " \n", "1.0.0 beta", "version: 1.0.0", "1.0.0\n1.0.1\n", "ü", "1".repeat(129)])(
    "%j is refused",
    async (text) => {
      expect(await refusal("VERSION", text)).toContain("it needs a pattern");
    },
  );

  test("the longest word", async () => {
    expect(await bumped("VERSION", "1".repeat(128))).toBe("1.1.0");
  });
});

describe("pyproject.toml", () => {
  test.each([
    ['[project]\nname = "x"\nversion = "1.0.0"\n[tool.x]\nversion = "1.0.0"\n', 1],
    ["[tool.poetry]\r\nversion = '1.0.0'\r\n", 1],
    ['[project]\ndynamic = ["version"]\n[tool.poetry]\nversion = "1.0.0"\n', 1],
    ['[project]\nversion = "1.0.0"\n[tool.poetry]\nversion = "1.0.0"\n', 2],
    ['project = { version = "1.0.0" }\n', 1],
  ])("%j", async (text, places) => {
    let expected = text;
    for (let i = 0; i < places; i++) expected = expected.replace("1.0.0", "1.1.0");
    expect(await bumped("pyproject.toml", text)).toBe(expected);
  });

  test.each([
    ['[project]\nversion = "1.0.0"\n[tool.poetry]\nversion = "1.0.1"\n', "say with a pattern"],
    ['[project]\nname = "x"\n', "has no version"],
    ["[project]\nversion = 1\n", "not a string"],
    ['[project]\ndynamic = ["version"]\n', "list the file that holds it"],
    [
      '[project]\ndynamic = ["version"]\n[tool.hatch.version]\npath = "src/x/about.py"\n',
      "list src/x/about.py instead",
    ],
    ['[project]\ndynamic = ["version"]\n[tool.setuptools.dynamic]\nversion = {file = ["V"]}\n', "list V instead"],
    ['[project]\ndynamic = ["version"]\n[tool.setuptools_scm]\n', "git tags"],
    ['[project]\ndynamic = ["version"]\n[tool.hatch.version]\nsource = "vcs"\n', "git tags"],
    ["[project", "is not TOML"],
  ])("refused: %j, %s", async (text, says) => {
    expect(await refusal("pyproject.toml", text)).toContain(says);
  });

  test("a version that Python would read otherwise is reported", async () => {
    await directory.put("pyproject.toml", '[project]\nversion = "1.0.0"\n');
    const plan = await directory.plan([change("global:main", ["pyproject.toml"], "1.0.0", "1.0.1-0")]);
    expect(plan.warnings).toEqual([expect.stringContaining("post-release of 1.0.1")]);
    for (const fine of ["1.0.0", "1.0.0-rc.1", "1.0.0-alpha.0", "1.0.0-beta", "1.0.0-dev.3", "1.0.0+b-0"]) {
      expect(pythonDoubt(fine)).toBe(null);
    }
    for (const other of ["1.0.0-0", "1.0.0-canary.1", "1.0.0-rc.1.2"]) expect(pythonDoubt(other)).not.toBe(null);
  });
});

describe("JSON of other tools", () => {
  test.each([
    ["jsr.json", '{ // @scope\n  "name": "@a/b", "version": "1.0.0", }'],
    ["deno.json", '{ "version": "1.0.0", /* x */ "imports": { "@a/b": "jsr:@a/b@^1.0.0" } }'],
    ["deno.jsonc", '// x\n{ "version": "1.0.0" }'],
    ["lerna.json", '{ "version": "1.0.0" }'],
    ["src/tauri.conf.json", '{ "version": "1.0.0" }'],
  ])("%s", async (path, text) => {
    expect(await bumped(path, text)).toBe(text.replace('"1.0.0"', '"1.1.0"'));
  });

  test.each(['{ "version": "1.0.0", }', '{ "version": "1.0.0" // x\n}'])(
    "npm takes no %j, and so do we not",
    async (text) => {
      expect(await refusal("package.json", text)).toContain("is not JSON");
    },
  );

  test("deep nesting is refused, not fatal", async () => {
    expect(
      await refusal("package.json", `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)},"version":"1.0.0"}`),
    ).toContain("not JSON");
  });
});

test("which files need no pattern", () => {
  const without = [
    "package.json",
    "a/Cargo.toml",
    "Cargo.lock",
    "pyproject.toml",
    "VERSION",
    ".version",
    "x.json",
    "deno.jsonc",
  ];
  expect(without.filter(hasKind)).toEqual(without);
  const patterns = [
    "wrangler.toml",
    "wrangler.json",
    "wrangler.jsonc",
    "x.toml",
    "VERSION.md",
    "src/version.ts",
    "yarn.lock",
  ];
  expect(patterns.filter(hasKind)).toEqual([]);
});
