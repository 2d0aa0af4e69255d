import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MAX_NPM_LOCK_BYTES } from "../../../src/cli/files/open.ts";
import { change, Directory } from "./checkout.ts";
import { hasProgram, run } from "./program.ts";

const LOCK = `{
\t"name": "root",
\t"version": "1.0.0",
\t"lockfileVersion": 3,
\t"packages": {
\t\t"": { "name": "root", "version": "1.0.0", "workspaces": ["packages/*"], "devDependencies": { "@x/a": "1.0.0" } },
\t\t"node_modules/@x/a": { "resolved": "packages/a", "link": true },
\t\t"node_modules/@x/b": { "resolved": "packages/b", "link": true },
\t\t"node_modules/one": { "version": "1.0.0", "dependencies": { "@x/a": "^1.0.0" } },
\t\t"packages/a": { "name": "@x/a", "version": "1.0.0" },
\t\t"packages/b": { "name": "@x/b", "version": "1.0.0", "dependencies": { "@x/a": "^1.0.0" } }
\t}
}
`;
const ROOT =
  '{"name":"root","version":"1.0.0","private":true,"workspaces":["packages/*"],"devDependencies":{"@x/a":"1.0.0"}}';
const B =
  '{"name":"@x/b","version":"1.0.0","dependencies":{"@x/a":"^1.0.0"},"peerDependencies":{"@x/a":"workspace:~1.0.0"}}';

let directory: Directory;
beforeEach(async () => {
  directory = await Directory.create({
    "package.json": ROOT,
    "package-lock.json": LOCK,
    "packages/a/package.json": '{"name":"@x/a","version":"1.0.0"}',
    "packages/b/package.json": B,
  });
});
afterEach(() => directory.remove());

describe("a lock file in a workspace", () => {
  test("holds each package under its directory", async () => {
    const plan = await directory.write([change("component:a", ["package-lock.json", "packages/a/package.json"])]);
    expect(plan.warnings).toEqual([]);
    const lock = await directory.read("package-lock.json");
    expect(lock).toBe(
      LOCK.replace(
        '"packages/a": { "name": "@x/a", "version": "1.0.0"',
        '"packages/a": { "name": "@x/a", "version": "1.1.0"',
      ),
    );
  });

  test("the root is the root, with or without its package.json in the list", async () => {
    const both = LOCK.replaceAll('"name": "root", "version": "1.0.0"', '"name": "root", "version": "1.1.0"').replace(
      '\t"version": "1.0.0"',
      '\t"version": "1.1.0"',
    );
    await directory.write([change("global:main", ["package-lock.json"])]);
    expect(await directory.read("package-lock.json")).toBe(both);
    await directory.put("package-lock.json", LOCK);
    await directory.write([change("global:main", ["package.json", "package-lock.json"])]);
    expect(await directory.read("package-lock.json")).toBe(both);
  });

  test("a lock file in a directory of its own counts from there", async () => {
    await directory.put("web/package.json", '{"version":"1.0.0"}');
    await directory.put("web/npm-shrinkwrap.json", '{"version":"1.0.0","packages":{"":{"version":"1.0.0"}}}');
    await directory.write([
      change("component:web", ["web/package.json", "web/npm-shrinkwrap.json", "packages/a/package.json"]),
    ]);
    expect(await directory.read("web/npm-shrinkwrap.json")).toBe(
      '{"version":"1.1.0","packages":{"":{"version":"1.1.0"}}}',
    );
  });

  test("refused when it knows none of the entity's packages", async () => {
    await directory.put("packages/new/package.json", '{"version":"1.0.0"}');
    const plan = directory.plan([change("component:new", ["packages/new/package.json", "package-lock.json"])]);
    await expect(plan).rejects.toMatchObject({
      code: "file_pattern",
      field: "package-lock.json",
      detail: expect.stringContaining("npm install --package-lock-only"),
    });
  });

  test("it may be larger than what patterns run over, up to its own limit", async () => {
    const sized = (bytes: number) => `${'{"version":"1.0.0","x":"'.padEnd(bytes - 2, "x")}"}`;
    await directory.put("package-lock.json", sized(MAX_NPM_LOCK_BYTES));
    expect((await directory.plan([change("global:main", ["package-lock.json"])])).edits).toHaveLength(1);
    await directory.put("package-lock.json", sized(MAX_NPM_LOCK_BYTES + 1));
    await expect(directory.plan([change("global:main", ["package-lock.json"])])).rejects.toMatchObject({
      code: "file_unreadable",
    });
  });
});

describe("what packages ask of each other", () => {
  const a = change("component:a", ["packages/a/package.json"]);
  const b = change("component:b", ["packages/b/package.json"]);

  test("follows in every package that is written too, and in the lock file", async () => {
    const plan = await directory.write([
      change("global:main", ["package.json", "package-lock.json"], "1.0.0", "2.0.0"),
      change("component:a", ["packages/a/package.json", "package-lock.json"], "1.0.0", "2.0.0"),
      change("component:b", ["packages/b/package.json", "package-lock.json"], "1.0.0", "2.0.0"),
    ]);
    expect(await directory.read("packages/b/package.json")).toBe(B.replaceAll("1.0.0", "2.0.0"));
    expect(await directory.read("package.json")).toBe(ROOT.replaceAll("1.0.0", "2.0.0"));
    const one = '"node_modules/one": { "version": "1.0.0", "dependencies": { "@x/a": "^1.0.0" } }';
    expect(await directory.read("package-lock.json")).toBe(
      LOCK.replaceAll("1.0.0", "2.0.0").replace(one.replaceAll("1.0.0", "2.0.0"), one),
    );
    expect(plan.edits.find(({ path }) => path === "packages/b/package.json")?.changes).toEqual([
      { entity: "component:b", found: "1.0.0", to: "2.0.0", kind: "version" },
      { entity: "component:a", found: "1.0.0", to: "2.0.0", kind: "range" },
      { entity: "component:a", found: "1.0.0", to: "2.0.0", kind: "range" },
    ]);
    expect([plan.warnings, plan.notes]).toEqual([[], []]);
  });

  test("a package that keeps its version is not touched; what falls out of its range is reported", async () => {
    const others = [{ path: "packages/b/package.json" }, { path: "packages/gone/package.json" }, { path: "x.rs" }];
    const plan = await directory.write([a], { others });
    expect(await directory.read("packages/b/package.json")).toBe(B);
    expect(plan.warnings).toEqual([
      expect.stringMatching(
        /^packages\/b\/package\.json asks for @x\/a workspace:~1\.0\.0, and component:a 1\.1\.0 is out/,
      ),
    ]);
  });

  test("a major bump names every package that it leaves behind, and what to do", async () => {
    await directory.put("packages/a/package.json", '{"name":"@x/a","version":"2.3.4"}');
    await directory.put(
      "packages/b/package.json",
      '{"name":"@x/b","version":"1.0.0","dependencies":{"@x/a":"^2.3.4"}}',
    );
    const b = await directory.read("packages/b/package.json");
    const others = [{ path: "packages/b/package.json" }];
    const change = (to: string) => ({
      entity: "component:a",
      from: "2.3.4",
      to,
      files: [{ path: "packages/a/package.json" }],
    });
    expect((await directory.plan([change("2.4.0")], { others })).warnings).toEqual([]);
    expect((await directory.write([change("3.0.0")], { others })).warnings).toEqual([
      "packages/b/package.json asks for @x/a ^2.3.4, and component:a 3.0.0 is out of that range: write one that takes " +
        "it, and give that package a version of its own.",
    ]);
    expect(await directory.read("packages/b/package.json")).toBe(b);
  });

  test("an entry with a pattern says that it has to follow all the same", async () => {
    await directory.put(
      "packages/b/package.json",
      '{"name":"@x/b","version":"1.0.0","dependencies":{"@x/a":">=1.0.0"}}',
    );
    const files = ["packages/a/package.json", 'packages/b/package.json :: "@x/a":">=([^"]+)"', "package-lock.json"];
    await directory.write([change("component:a", files)]);
    expect(await directory.read("packages/b/package.json")).toBe(
      '{"name":"@x/b","version":"1.0.0","dependencies":{"@x/a":">=1.1.0"}}',
    );
    const { packages } = JSON.parse(await directory.read("package-lock.json"));
    expect([packages["packages/a"].version, packages["packages/b"].version]).toEqual(["1.1.0", "1.0.0"]);
  });

  test("two entities with one place for the range", async () => {
    const pattern = 'packages/b/package.json :: "dependencies":[{]"@x/a":"[^]([^"]+)"';
    await directory.write([change("component:a", ["packages/a/package.json", pattern]), b]);
    expect(await directory.read("packages/b/package.json")).toBe(B.replaceAll("1.0.0", "1.1.0"));
  });

  test("lock files of other tools that are left behind are named", async () => {
    await directory.put("pnpm-lock.yaml", "");
    expect((await directory.plan([a])).notes).toEqual([]);
    expect((await directory.plan([a, b])).notes).toEqual([
      "pnpm-lock.yaml still holds what was before: list it, or run pnpm install --lockfile-only.",
      "package-lock.json still holds what was before: list it, or run npm install --package-lock-only.",
    ]);
  });

  test("a broken package.json elsewhere is no concern of this bump", async () => {
    await directory.put("packages/b/package.json", "{");
    const plan = await directory.plan([a], { others: [{ path: "packages/b/package.json" }] });
    expect(plan.warnings).toEqual([]);
  });
});

test.skipIf(!hasProgram("npm"))("npm itself finds its lock file up to date afterwards", async () => {
  await directory.put("packages/b/package.json", '{"name":"@x/b","version":"1.0.0","dependencies":{"@x/a":"^1.0.0"}}');
  const npm = (...args: string[]) => run(directory.root, "npm", ...args, "--offline", "--no-audit", "--no-fund");
  npm("install", "--package-lock-only");
  await directory.write([
    change("global:main", ["package.json", "package-lock.json"], "1.0.0", "2.0.0"),
    change("component:a", ["packages/a/package.json", "package-lock.json"], "1.0.0", "2.0.0-rc.0"),
    change("component:b", ["packages/b/package.json", "package-lock.json"], "1.0.0", "1.0.1"),
  ]);
  const written = await directory.read("package-lock.json");
  npm("install", "--package-lock-only");
  expect(await directory.read("package-lock.json")).toBe(written);
  expect(JSON.parse(written).packages["packages/b"].dependencies).toEqual({ "@x/a": "^2.0.0-rc.0" });
});
