import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Files, VersionFile } from "../../../src/cli/files/open.ts";
import { applyEdits, planEdits } from "../../../src/cli/files.ts";
import { openCheckout } from "../../../src/cli/git.ts";
import type { Proposal } from "../../../src/cli/manifests/propose.ts";
import { MAX_MANIFESTS, readPackages } from "../../../src/cli/manifests/read.ts";
import { proposeFromGit } from "../../../src/cli/manifests.ts";
import { parseRegistryFile } from "../../../src/protocol/registry-file.ts";
import { Repository } from "../cli-git/repository.ts";

let repository: Repository;
beforeEach(async () => {
  repository = await Repository.create();
});
afterEach(() => repository.remove());

/** Commits the files, makes the tags, and proposes. Every proposed file must take a bump as it is. */
async function proposal(files: Record<string, string>, tags: string[] = [], below = ""): Promise<Proposal> {
  await repository.commit("all", files);
  for (const tag of tags) await repository.git("tag", tag);
  const checkout = await openCheckout(join(repository.dir, below), repository.env);
  const proposed = await proposeFromGit(checkout);
  expect(parseRegistryFile(JSON.parse(JSON.stringify(proposed.file)))).toEqual(proposed.file);
  const changes = proposed.file.entities.map(({ id, files: listed = [] }) => ({
    entity: id,
    to: "77.0.0",
    files: listed,
  }));
  const plan = await planEdits(checkout.dir, changes);
  expect([plan.warnings, plan.notes]).toEqual([[], []]);
  return proposed;
}

/** The entities in short: `id version strategy<parent: files`. */
function brief({ file }: Proposal): string[] {
  return file.entities.map(({ id, version, strategy, parent, files = [] }) => {
    const follows = strategy === undefined ? "" : ` ${strategy} of ${parent}`;
    return `${id} ${version ?? "-"}${follows}: ${files.map(({ path, pattern }) => (pattern ? `${path} ${pattern}` : path)).join(", ")}`;
  });
}

const json = (value: object) => JSON.stringify(value, null, 2);
const pkg = (name: string, version: string, more: object = {}) => json({ name, version, ...more });

describe("one package", () => {
  test("package.json with its lock file", async () => {
    const found = await proposal(
      {
        "package.json": pkg("x", "1.2.3"),
        "package-lock.json": json({ version: "1.2.3", packages: { "": { version: "1.2.3" } } }),
      },
      ["v1.2.3", "v1.2.2"],
    );
    expect(brief(found)).toEqual(["global:main 1.2.3: package.json, package-lock.json"]);
    expect(found.lines).toEqual(["global:main starts at 1.2.3: package.json and the tag v1.2.3 agree."]);
  });

  test("several manifests at one version; the ones behind are left out", async () => {
    const found = await proposal({
      "package.json": pkg("x", "0.0.1"),
      "Cargo.toml": '[package]\nname = "x"\nversion = "1.2.0"\n',
      "pyproject.toml": '[project]\nname = "x"\nversion = "1.2"\n',
      VERSION: "1.2.0\n",
      "wrangler.toml": 'name = "x"\n[vars]\nNODE_VERSION = "20.0.0"\nAPP_VERSION = "1.2.0"\n',
      "deno.json": "{}",
    });
    expect(brief(found)).toEqual([
      'global:main 1.2.0: Cargo.toml, pyproject.toml, VERSION, wrangler.toml ^APP_VERSION = "([^"]+)"',
    ]);
    expect(found.lines).toEqual([
      "package.json is left out: at 0.0.1, while Cargo.toml beside it is at 1.2.0.",
      "global:main starts at 1.2.0, the version of Cargo.toml; it has no tag.",
    ]);
  });

  test("a tag that is ahead counts: no version comes twice", async () => {
    const found = await proposal({ "package.json": pkg("x", "1.0.0") }, ["v1.4.0", "v1.3.0", "other-v9.0.0", "v2"]);
    expect(found.lines).toEqual([
      "global:main starts at 1.4.0: the tag v1.4.0 is ahead of package.json (1.0.0), and no version may come twice.",
    ]);
    expect(found.file.entities[0]?.version).toBe("1.4.0");
  });

  test("nothing but tags, and nothing at all", async () => {
    expect(brief(await proposal({ "main.c": "" }))).toEqual(["global:main 0.1.0: "]);
    const tagged = await proposal({}, ["1.5.0-rc.1"]);
    expect(tagged.lines).toEqual(["global:main starts at 1.5.0-rc.1, the version of the tag 1.5.0-rc.1."]);
  });

  test("a private 0.0.0 is a version when there is no other", async () => {
    expect(brief(await proposal({ "package.json": pkg("app", "0.0.0", { private: true }) }))).toEqual([
      "global:main 0.0.0: package.json",
    ]);
  });

  test("Python: a version in a file of its own, found where its builder looks", async () => {
    const found = await proposal(
      {
        "pyproject.toml":
          '[project]\nname = "x"\ndynamic = ["version"]\n[tool.hatch.version]\npath = "src/x/about.py"\n',
        "src/x/about.py": '# x\n__version__: str = "2.0.0"\n',
      },
      ["x-v2.0.0"],
    );
    expect(brief(found)).toEqual(['global:main 2.0.0: src/x/about.py ^__version__: str = "([^"]+)"']);
    expect(found.lines).toEqual(["global:main starts at 2.0.0: src/x/about.py and the tag x-v2.0.0 agree."]);
  });

  test.each([
    ["1.2.0rc1", "1.2.0-rc.1"],
    ["3", "3.0.0"],
    ["1.0.0.post1", null],
    ["1.2.3.4", null],
  ])("Python's %s is %s", async (written, version) => {
    const found = await proposal({ "pyproject.toml": `[project]\nname = "x"\nversion = "${written}"\n` });
    expect(found.file.entities[0]?.version).toBe(version ?? "0.1.0");
    if (version === null)
      expect(found.lines.join()).toContain(`pyproject.toml holds "${written}", which is no SemVer version`);
  });
});

describe("npm workspaces", () => {
  const root = { name: "root", workspaces: ["packages/*", "!packages/skip"] };
  const lock = (...packages: [string, string][]) =>
    json({ version: "1.0.0", packages: Object.fromEntries(packages.map(([key, version]) => [key, { version }])) });

  test("all at the root's version: they follow it", async () => {
    const found = await proposal(
      {
        "package.json": json({ ...root, version: "1.0.0" }),
        "package-lock.json": lock(["", "1.0.0"], ["packages/a", "1.0.0"]),
        "packages/a/package.json": pkg("@x/a", "1.0.0"),
        "packages/b/package.json": pkg("@x/b", "1.0.0"),
        "packages/none/package.json": json({ name: "none" }),
        "packages/skip/package.json": pkg("skip", "3.0.0"),
        "packages/a/test/fixture/package.json": pkg("fixture", "9.0.0"),
      },
      ["v1.0.0"],
    );
    expect(brief(found)).toEqual([
      "global:main 1.0.0: package.json, package-lock.json",
      "component:a - lockstep of global:main: packages/a/package.json, package-lock.json",
      "component:b - lockstep of global:main: packages/b/package.json",
    ]);
    expect(found.lines).toEqual([
      "global:main starts at 1.0.0: package.json and the tag v1.0.0 agree.",
      "All 2 packages below it are at its version, and follow it (lockstep).",
      "packages/a/test/fixture/package.json and 1 more are left out: not named by package.json, which names the packages of the workspace.",
      'packages/none/package.json is left out: packages/none/package.json has no "version" at its top level.',
    ]);
  });

  test("versions of their own, and which tag disagrees", async () => {
    const found = await proposal(
      {
        "package.json": json({ ...root, version: "1.0.0" }),
        "packages/a/package.json": pkg("@x/a", "1.0.0"),
        "packages/b/package.json": pkg("@x/b", "2.0.0"),
      },
      ["@x/a@1.1.0", "@x/b@1.9.0", "v1.0.0"],
    );
    expect(brief(found)).toEqual([
      "global:main 1.0.0: package.json",
      "component:a 1.1.0 independent of global:main: packages/a/package.json",
      "component:b 2.0.0 independent of global:main: packages/b/package.json",
    ]);
    expect(found.lines.slice(1)).toEqual([
      "Packages have versions of their own (packages/b is at 2.0.0): each is bumped by itself (independent).",
      "component:a starts at 1.1.0: the tag @x/a@1.1.0 is ahead of packages/a/package.json (1.0.0), and no version may come twice.",
      "component:b starts at 2.0.0, the version of packages/b/package.json; its newest tag is @x/b@1.9.0.",
    ]);
  });

  test("equal versions, but a tag is ahead: not lockstep", async () => {
    const found = await proposal(
      { "package.json": json({ ...root, version: "1.0.0" }), "packages/a/package.json": pkg("@x/a", "1.0.0") },
      ["@x/a@1.1.0"],
    );
    expect(brief(found)[1]).toBe("component:a 1.1.0 independent of global:main: packages/a/package.json");
    expect(found.lines[1]).toContain("the tag @x/a@1.1.0 is ahead of 1.0.0");
  });

  test("a root without a version takes the one its packages share, or its tag's", async () => {
    const packages = { "packages/a/package.json": pkg("a", "1.0.0"), "packages/b/package.json": pkg("b", "1.0.0") };
    expect(brief(await proposal({ "package.json": json(root), ...packages }))).toEqual([
      "global:main 1.0.0: ",
      "component:a - lockstep of global:main: packages/a/package.json",
      "component:b - lockstep of global:main: packages/b/package.json",
    ]);
    expect(brief(await proposal({}, ["a-v1.0.0"]))[1]).toContain("lockstep");
    const apart = await proposal({ "packages/b/package.json": pkg("b", "2.0.0") }, ["v0.9.0"]);
    expect(brief(apart)[0]).toBe("global:main 0.9.0: ");
  });

  test("one package whose tags are not the root's goes its own way", async () => {
    const files = { "package.json": json(root), "packages/a/package.json": pkg("a", "2.0.0") };
    expect(brief(await proposal(files, ["a-v2.0.0"]))[1]).toContain("component:a - lockstep");
    expect(brief(await proposal({}, ["root-v1.0.0"]))).toEqual([
      "global:main 1.0.0: ",
      "component:a 2.0.0 independent of global:main: packages/a/package.json",
    ]);
  });

  test("pnpm, lerna and private packages that nobody moves", async () => {
    const found = await proposal({
      "package.json": pkg("root", "0.0.0", { private: true }),
      "lerna.json": json({ version: "3.0.0" }),
      "pnpm-workspace.yaml":
        "# x\npackages:\n  # all\n  - 'libs/**'\n  - \"apps/web\" # one\n\n  - '!**/e2e'\ncatalog:\n  - x\n",
      "libs/ui/core/package.json": pkg("core", "3.0.0"),
      "libs/ui/e2e/package.json": pkg("e2e", "3.0.0"),
      "libs/__fixtures__/x/package.json": pkg("x", "3.0.0"),
      "apps/web/package.json": pkg("web", "0.0.0", { private: true }),
    });
    expect(brief(found)).toEqual([
      "global:main 3.0.0: lerna.json",
      "component:core - lockstep of global:main: libs/ui/core/package.json",
    ]);
    expect(found.lines).toContain("apps/web/package.json is left out: private, and at 0.0.0.");
  });

  test("a workspace among the fixtures names nothing", async () => {
    const found = await proposal({
      "package.json": pkg("x", "1.0.0"),
      "test/fixture/package.json": pkg("inner", "1.0.0", { workspaces: ["a"] }),
      "test/fixture/a/package.json": pkg("a", "1.0.0"),
    });
    expect(brief(found)).toEqual(["global:main 1.0.0: package.json"]);
    expect(found.lines.at(-1)).toBe("test/fixture/a/package.json and 1 more are left out: in test.");
  });
});

describe("Cargo workspaces", () => {
  test("members that inherit follow the workspace, the others go their own way", async () => {
    const found = await proposal(
      {
        "Cargo.toml": '[workspace]\nmembers = ["crates/*"]\n[workspace.package]\nversion = "1.0.0"\n',
        "Cargo.lock": '[[package]]\nname = "a"\nversion = "1.0.0"\n[[package]]\nname = "b"\nversion = "0.3.0"\n',
        "crates/a/Cargo.toml": '[package]\nname = "a"\nversion.workspace = true\n',
        "crates/b/Cargo.toml": '[package]\nname = "b"\nversion = "0.3.0"\n',
        "crates/bench/Cargo.toml": '[package]\nname = "bench"\nversion = "0.0.0"\npublish = false\n',
        "fuzz/Cargo.toml": '[package]\nname = "fuzz"\nversion = "1.0.0"\n',
      },
      ["b-0.3.0"],
    );
    expect(brief(found)).toEqual([
      "global:main 1.0.0: Cargo.toml, Cargo.lock",
      "component:a - lockstep of global:main: ",
      "component:b 0.3.0 independent of global:main: crates/b/Cargo.toml, Cargo.lock",
    ]);
    expect(found.lines).toContain(
      "component:a takes its version from the Cargo workspace, and so follows global:main.",
    );
    expect(found.lines).toContain("component:b starts at 0.3.0: crates/b/Cargo.toml and the tag b-0.3.0 agree.");
  });

  test("a workspace below the root is the parent of its members; without its Cargo.toml they have none", async () => {
    const cargo = {
      "rust/Cargo.toml": '[workspace]\nmembers = ["a"]\n[workspace.package]\nversion = "2.0.0"\n',
      "rust/a/Cargo.toml": '[package]\nname = "a"\nversion.workspace = true\n',
    };
    expect(brief(await proposal({ ...cargo, "package.json": pkg("x", "1.0.0") }))).toEqual([
      "global:main 1.0.0: package.json",
      "component:rust 2.0.0 independent of global:main: rust/Cargo.toml",
      "component:a - lockstep of component:rust: ",
    ]);
    const behind = await proposal({ "rust/package.json": pkg("rust", "3.0.0") });
    expect(brief(behind)[1]).toBe("component:rust 3.0.0 independent of global:main: rust/package.json");
    expect(behind.lines).toContain("rust/a is left out: so is the Cargo.toml of its workspace.");
  });
});

describe("other repositories", () => {
  test("several ecosystems without a workspace, down to two directories", async () => {
    const found = await proposal({
      "web/package.json": pkg("@acme/web", "1.0.0"),
      "services/api/pyproject.toml": '[tool.poetry]\nname = "api"\nversion = "0.2.0"\n',
      "services/api/deep/Cargo.toml": '[package]\nname = "deep"\nversion = "1.0.0"\n',
      "edge/wrangler.jsonc": '{\n  // x\n  "name": "edge-worker",\n  "vars": { "VERSION": "0.4.0" }\n}\n',
      "tool/VERSION": "v5.0.0\n",
      "vendor/x/package.json": pkg("x", "1.0.0"),
      "lib/jsr.json": '{ "name": "@acme/lib", "version": "0.1.0" }',
    });
    expect(brief(found)).toEqual([
      "global:main 0.1.0: ",
      'component:edge-worker 0.4.0 independent of global:main: edge/wrangler.jsonc "VERSION": "([^"]+)"',
      "component:lib 0.1.0 independent of global:main: lib/jsr.json",
      "component:api 0.2.0 independent of global:main: services/api/pyproject.toml",
      "component:tool 5.0.0 independent of global:main: tool/VERSION",
      "component:web 1.0.0 independent of global:main: web/package.json",
    ]);
    expect(found.lines).toContain("services/api/deep/Cargo.toml is left out: named by no workspace.");
    expect(found.lines).toContain("vendor/x/package.json is left out: in vendor.");
  });

  test("deno's and uv's workspaces", async () => {
    const found = await proposal({
      "deno.json": '{ "workspace": ["./mods/a/b/c"] }',
      "mods/a/b/c/deno.jsonc": '{ "name": "@d/c", "version": "1.0.0" }',
      "pyproject.toml": '[project]\nname = "top"\nversion = "2.0.0"\n[tool.uv.workspace]\nmembers = ["py/x/*"]\n',
      "py/x/y/pyproject.toml": '[project]\nname = "y"\nversion = "2.0.0"\n',
    });
    expect(brief(found)).toEqual([
      "global:main 2.0.0: pyproject.toml",
      "component:c 1.0.0 independent of global:main: mods/a/b/c/deno.jsonc",
      "component:y 2.0.0 independent of global:main: py/x/y/pyproject.toml",
    ]);
  });

  test("a variable that stands in several environments cannot be told apart", async () => {
    const found = await proposal({ "wrangler.toml": '[vars]\nVERSION = "1.0.0"\n[env.x.vars]\nVERSION = "1.0.0"\n' });
    expect(brief(found)).toEqual(["global:main 0.1.0: "]);
    expect(found.lines.join()).toContain("wrangler.toml holds VERSION more than once");
  });

  test("what git does not track, broken files and symbolic links are no packages", async () => {
    await repository.put(".gitignore", "ignored/\nout.json\n");
    await repository.put("ignored/package.json", pkg("ignored", "1.0.0"));
    await repository.put("real/package.json", pkg("real", "1.0.0"));
    await repository.put("broken/package.json", "{");
    await symlink("real", join(repository.dir, "linked"));
    await repository.put("file/x", "");
    await symlink("../real/package.json", join(repository.dir, "file/package.json"));
    const found = await proposal({});
    expect(brief(found)).toEqual([
      "global:main 1.0.0: ",
      "component:real - lockstep of global:main: real/package.json",
    ]);
    expect(found.lines).toContain("file/package.json is left out: a symbolic link.");
    expect(found.lines.join()).toContain("broken/package.json is not JSON");
  });

  test("from a directory below the root of the checkout", async () => {
    const found = await proposal(
      { "package.json": pkg("x", "1.0.0"), "sub/dir/package.json": pkg("y", "2.0.0") },
      [],
      "sub/dir",
    );
    expect(brief(found)).toEqual(["global:main 2.0.0: package.json"]);
  });

  test("names that say the same, and names that are no ids", async () => {
    const found = await proposal({
      "package.json": json({ workspaces: ["p/*"], name: "r", version: "1.0.0" }),
      "p/a/package.json": pkg("@one/ui", "1.0.1"),
      "p/b/package.json": pkg("@two/ui", "1.0.2"),
      "p/c/package.json": pkg("ui", "1.0.3"),
      "p/d/package.json": pkg("Ünïcode Näme..", "1.0.4"),
      "p/e/package.json": pkg("日本", "1.0.5"),
      "p/f/package.json": pkg("日本", "1.0.6"),
    });
    expect(found.file.entities.map(({ id }) => id)).toEqual([
      "global:main",
      "component:one-ui",
      "component:two-ui",
      "component:ui",
      "component:unicode-name",
      "component:package",
      "component:p-f",
    ]);
  });

  test("the proposal takes a real bump of everything", async () => {
    const { file } = await proposal({
      "package.json": json({ name: "r", version: "1.0.0", workspaces: ["p/*"] }),
      "p/a/package.json": pkg("a", "1.0.0"),
      "p/b/package.json": pkg("b", "1.0.0", { dependencies: { a: "^1.0.0" } }),
    });
    const changes = file.entities.map(({ id, files = [] }) => ({ entity: id, from: "1.0.0", to: "2.0.0", files }));
    const plan = await planEdits(repository.dir, changes);
    expect(plan.warnings).toEqual([]);
    await applyEdits(plan.edits);
    expect(await repository.git("diff", "--numstat")).toBe(
      "1\t1\tp/a/package.json\n2\t2\tp/b/package.json\n1\t1\tpackage.json",
    );
  });
});

test("so many manifests are looked at, and no more", async () => {
  const file = (path: string): VersionFile => ({
    path,
    target: path,
    absolute: path,
    bytes: new Uint8Array(),
    text: "1.0.0",
  });
  const checkout: Files = { base: "/", open: async (path) => file(path) };
  const paths = Array.from({ length: MAX_MANIFESTS }, (_, i) => `d${i}/VERSION`);
  expect(await readPackages(checkout, paths)).toMatchObject({ packages: { length: MAX_MANIFESTS }, left: [] });
  expect(await readPackages(checkout, [...paths, "last/VERSION"])).toMatchObject({
    packages: { length: MAX_MANIFESTS },
    left: [`Only the first ${MAX_MANIFESTS} of ${MAX_MANIFESTS + 1} manifests were looked at.`],
  });
});
