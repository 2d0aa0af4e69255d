import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { applyEdits, MAX_VERSION_FILE_BYTES, planEdits, type VersionChange } from "../../../src/cli/files.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "tes-files-"));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const put = (path: string, text: string | Uint8Array) => writeFile(join(root, path), text);
const read = (path: string) => readFile(join(root, path), "utf8");
const main = (files: VersionChange["files"], from = "1.0.0", to = "1.1.0"): VersionChange[] => [
  { entity: "global:main", from, to, files },
];

async function write(changes: VersionChange[]): Promise<string[]> {
  return applyEdits((await planEdits(root, changes)).edits);
}

describe("JSON files", () => {
  test("only the top-level version's characters change: CRLF, tabs, order, BOM and other versions stay", async () => {
    const text =
      '\uFEFF{\r\n\t"name" : "x",\r\n\t"deep": { "version": "1.0.0" },\r\n\t"version":"1.0.0" ,\r\n\t"é": "\\u00e9"\r\n}';
    await put("package.json", text);
    expect(await write(main([{ path: "package.json" }]))).toEqual(["package.json"]);
    expect(await read("package.json")).toBe(text.replace('"version":"1.0.0" ,', '"version":"1.1.0" ,'));
  });

  test("whatever stands around it, every other byte survives", async () => {
    const other = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(other, other, fc.constantFrom(undefined, 1, 2, "\t"), async (before, after, indent) => {
        const text = (version: string) => {
          const { version: _one, ...head } = before;
          const { version: _two, ...tail } = after;
          return JSON.stringify({ ...head, version, ...tail }, null, indent);
        };
        await put("any.json", text("1.0.0"));
        await write(main([{ path: "any.json" }]));
        expect(await read("any.json")).toBe(text("1.1.0"));
      }),
      { numRuns: 40 },
    );
  });

  test("a lock file that is listed changes in both its places, and not when it is not listed", async () => {
    const lock = '{"version": "1.0.0", "packages": {"": {"version": "1.0.0"}, "node_modules/a": {"version": "1.0.0"}}}';
    await put("package.json", '{"version": "1.0.0"}');
    await put("package-lock.json", lock);
    await write(main([{ path: "package.json" }]));
    expect(await read("package-lock.json")).toBe(lock);
    await write(main([{ path: "package-lock.json" }]));
    expect(JSON.parse(await read("package-lock.json"))).toEqual({
      version: "1.1.0",
      packages: { "": { version: "1.1.0" }, "node_modules/a": { version: "1.0.0" } },
    });
  });

  test.each([
    ["no version", '{"name": "x"}'],
    ["a version that is no string", '{"version": 1}'],
    ["two versions", '{"version": "1.0.0", "version": "1.0.0"}'],
    ["an array", '["version"]'],
    ["broken JSON", '{"version": "1.0.0"'],
    ["a comment", '{"version": "1.0.0" /* here */}'],
  ])("refused: %s", async (_name, text) => {
    await put("package.json", text);
    await expect(planEdits(root, main([{ path: "package.json" }]))).rejects.toMatchObject({ code: "file_pattern" });
  });
});

describe("patterns", () => {
  test("the one capture group changes, line anchors work and line ends stay", async () => {
    await put(
      "Cargo.toml",
      '[package]\r\nname = "x"\r\nversion = "1.0.0"\r\n[dependencies]\r\ny = { version = "1.0.0" }\r\n',
    );
    await write(main([{ path: "Cargo.toml", pattern: '^version = "(.*)"$' }]));
    expect(await read("Cargo.toml")).toBe(
      '[package]\r\nname = "x"\r\nversion = "1.1.0"\r\n[dependencies]\r\ny = { version = "1.0.0" }\r\n',
    );
  });

  test.each([
    ["no group", 'version = ".*"', "one capture group"],
    ["two groups", '(version) = "(.*)"', "one capture group"],
    ["two matches", "v(.)", "more than once"],
    ["no match", "release (.*)", "does not match"],
    ["a match without its group", "v=|version = (no)?", "without its group"],
    ["no expression", "(", "one capture group"],
  ])("refused: %s", async (_name, pattern, says) => {
    await put("V", 'v\nversion = "1.0.0"\nv1');
    await expect(planEdits(root, main([{ path: "V", pattern }]))).rejects.toMatchObject({
      code: "file_pattern",
      detail: expect.stringContaining(says),
    });
  });

  test.each([
    ["main.c", 'VERSION = "([^"]+)"'],
    ["wrangler.toml", '^VERSION = "([^"]+)"'],
    ["wrangler.jsonc", '"VERSION": "([^"]+)"'],
    ["pkg.py", '^__version__ = "([^"]+)"'],
  ])("a file of no known kind needs one, and gets an example: %s", async (path, example) => {
    await put(path, '{"version": "1.0.0"}');
    await expect(planEdits(root, main([{ path }]))).rejects.toMatchObject({
      code: "file_pattern",
      detail: expect.stringContaining(example),
    });
  });

  test("two entities in one file: each its own place; one place for two versions is refused", async () => {
    await put("versions.ini", "a=1.0.0\nb=2.0.0\n");
    const a = {
      entity: "component:a",
      from: "1.0.0",
      to: "1.0.1",
      files: [{ path: "versions.ini", pattern: "^a=(.*)$" }],
    };
    const b = {
      entity: "component:b",
      from: "2.0.0",
      to: "2.10.0",
      files: [{ path: "./versions.ini", pattern: "^b=(.*)$" }],
    };
    await write([b, a]);
    expect(await read("versions.ini")).toBe("a=1.0.1\nb=2.10.0\n");
    await expect(planEdits(root, [a, { ...b, files: a.files }])).rejects.toMatchObject({ code: "file_pattern" });
    expect((await planEdits(root, [a, { ...a, entity: "component:c" }])).edits[0]?.changes).toHaveLength(1);
  });
});

describe("what may be touched", () => {
  test.each(["../outside.json", "/etc/hostname", "a/../../outside.json", "", ".", "missing.json", "folder"])(
    "%j is refused",
    async (path) => {
      await mkdir(join(root, "folder"));
      await expect(planEdits(root, main([{ path, pattern: "(x)" }]))).rejects.toMatchObject({
        code: "file_unreadable",
      });
    },
  );

  test("a symbolic link is followed inside the checkout, and refused when it leads out", async () => {
    const outside = await mkdtemp(join(tmpdir(), "tes-outside-"));
    try {
      await writeFile(join(outside, "package.json"), '{"version":"1.0.0"}');
      await symlink(join(outside, "package.json"), join(root, "out.json"));
      await expect(planEdits(root, main([{ path: "out.json" }]))).rejects.toMatchObject({ code: "file_unreadable" });
      await put("real.json", '{"version":"1.0.0"}');
      await symlink("real.json", join(root, "in.json"));
      await write(main([{ path: "in.json" }]));
      expect(await read("real.json")).toBe('{"version":"1.1.0"}');
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  test("what git and TES keep is never written, whatever the authority lists and wherever a link leads", async () => {
    for (const folder of [".git", "a/.tes"]) await mkdir(join(root, folder), { recursive: true });
    await put(".git/config.json", '{"version":"1.0.0"}');
    await put("a/.tes/x.json", '{"version":"1.0.0"}');
    await symlink(join(root, ".git"), join(root, "link"));
    for (const path of [".git/config.json", "a/.tes/x.json", "link/config.json"]) {
      await expect(planEdits(root, main([{ path }])), path).rejects.toMatchObject({
        code: "file_unreadable",
        detail: expect.stringContaining("in .git or .tes"),
      });
    }
  });

  test("not UTF-8 and too large are refused, the largest size is taken", async () => {
    await put("latin1.json", new Uint8Array([0x7b, 0xe9, 0x7d]));
    await expect(planEdits(root, main([{ path: "latin1.json" }]))).rejects.toMatchObject({ code: "file_unreadable" });
    const sized = (bytes: number) => '{"version":"1.0.0"}'.padEnd(bytes, " ");
    await put("big.json", sized(MAX_VERSION_FILE_BYTES));
    expect((await planEdits(root, main([{ path: "big.json" }]))).edits).toHaveLength(1);
    await put("big.json", sized(MAX_VERSION_FILE_BYTES + 1));
    await expect(planEdits(root, main([{ path: "big.json" }]))).rejects.toMatchObject({ code: "file_unreadable" });
  });

  test("a version that is not the authority's is reported, a file that is already there is not written", async () => {
    await put("a.json", '{"version":"0.9.0"}');
    await put("b.json", '{"version":"1.1.0"}');
    const plan = await planEdits(root, main([{ path: "a.json" }, { path: "b.json" }]));
    expect(plan.warnings).toEqual([
      "a.json holds 0.9.0 where global:main was 1.0.0.",
      "b.json holds 1.1.0 where global:main was 1.0.0.",
    ]);
    expect(await applyEdits(plan.edits)).toEqual(["a.json"]);
  });
});

describe("all files or none", () => {
  const three = [{ path: "a.json" }, { path: "b.json" }, { path: "c.json" }];
  const old = '{\r\n  "version": "1.0.0"\r\n}\r\n';

  beforeEach(async () => {
    for (const { path } of three) await put(path, old);
  });

  test("the mode stays and nothing is left beside the files", async () => {
    await writeFile(join(root, "a.json"), old, { mode: 0o755 });
    const { mode } = await stat(join(root, "a.json"));
    await write(main(three));
    expect((await stat(join(root, "a.json"))).mode).toBe(mode);
    expect((await readdir(root)).sort()).toEqual(["a.json", "b.json", "c.json"]);
  });

  test("when the second of three cannot be replaced, the first gets its old bytes back", async () => {
    const { edits } = await planEdits(root, main(three));
    // A directory in its place makes the real rename fail.
    const beforeRename = async (absolute: string) => {
      if (!absolute.endsWith("b.json")) return;
      expect(await read("a.json")).toContain("1.1.0");
      await rm(absolute);
      await mkdir(absolute);
    };
    await expect(applyEdits(edits, { beforeRename, finish: "tes entity write global:main" })).rejects.toMatchObject({
      code: "file_unwritable",
      field: "b.json",
      detail: expect.stringMatching(/put back \(1\)\. Finish with: tes entity write global:main$/),
    });
    expect(await read("a.json")).toBe(old);
    expect(await read("c.json")).toBe(old);
    expect((await readdir(root)).sort()).toEqual(["a.json", "b.json", "c.json"]);
  });

  test("a file that somebody changes after the plan stops everything", async () => {
    const { edits } = await planEdits(root, main(three));
    await put("c.json", '{"version": "1.0.0", "new": true}');
    await expect(applyEdits(edits)).rejects.toMatchObject({ code: "conflict", field: "c.json" });
    expect(await read("a.json")).toBe(old);
    expect((await readdir(root)).sort()).toEqual(["a.json", "b.json", "c.json"]);
  });
});
