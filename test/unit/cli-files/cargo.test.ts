import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findMembers, MAX_WALKED_DIRECTORIES } from "../../../src/cli/files/members.ts";
import { openFiles } from "../../../src/cli/files/open.ts";
import { change, Directory } from "./checkout.ts";
import { hasProgram, run } from "./program.ts";

const ROOT = `[workspace]
members = ["crates/*"]
exclude = ["crates/old"]
resolver = "2"

[workspace.package]
version = "1.0.0" # for all
edition = "2021"

[workspace.dependencies]
acme-core = { path = "crates/core", version = "1.0.0" }

[package]
name = "acme"
version.workspace = true
edition = "2021"

[lib]
path = "lib.rs"

[dependencies]
acme-core.workspace = true
gen = { path = "tools/gen" }
`;
const LOCK = `version = 4

[[package]]
name = "acme"
version = "1.0.0"
dependencies = [
 "acme-core 1.0.0",
 "gen",
]

[[package]]
name = "acme-cli"
version = "0.3.0"
dependencies = [
 "acme-core 0.9.0",
 "acme-core 1.0.0",
]

[[package]]
name = "acme-core"
version = "0.9.0"
source = "registry+https://github.com/rust-lang/crates.io-index"

[[package]]
name = "acme-core"
version = "1.0.0"

[[package]]
name = "gen"
version = "1.0.0"

[[package]]
name = "old"
version = "1.0.0"
`;
const CLI = `[package]
name = 'acme-cli'
version = '0.3.0'
edition.workspace = true

[dependencies.acme-core]
path = "../core"
version = "1.0"
`;
const inherits = (name: string) => `[package]\nname = "${name}"\nversion.workspace = true\nedition = "2021"\n`;

let directory: Directory;
beforeEach(async () => {
  directory = await Directory.create({
    "Cargo.toml": ROOT,
    "Cargo.lock": LOCK,
    "lib.rs": "",
    "crates/core/Cargo.toml": '[package]\nname = "acme-core"\nversion = { workspace = true }\nedition = "2021"\n',
    "crates/core/src/lib.rs": "",
    "crates/cli/Cargo.toml": CLI,
    "crates/cli/src/lib.rs": "",
    "crates/old/Cargo.toml": inherits("old"),
    "tools/gen/Cargo.toml": inherits("gen"),
    "tools/gen/src/lib.rs": "",
    "target/package/Cargo.toml": inherits("target"),
  });
});
afterEach(() => directory.remove());

const main = (to: string) => change("global:main", ["Cargo.toml", "Cargo.lock"], "1.0.0", to);
const cli = (to: string) => change("component:cli", ["crates/cli/Cargo.toml", "Cargo.lock"], "0.3.0", to);

describe("the version", () => {
  test("of a crate, byte for byte, in any way TOML has to write it", async () => {
    for (const [text, version] of [
      ['\uFEFF# [package]\r\n[package]\r\nname="x"\r\n  version\t= "1.0.0"\t# version = "1.0.0"\r\n', '"1.0.0"\t#'],
      ["package = { version = '1.0.0', name = 'x' }\n[dependencies]\ny = \"1.0.0\"\n", "'1.0.0'"],
      ['package.name = "x"\npackage."version" = """1.0.0"""\n', '"""1.0.0"""'],
      ['[dependencies.x]\nversion = "1.0.0"\n[ package ]\nname = "x"\nversion = "1.0.0" #', '"1.0.0" #'],
    ] as const) {
      await directory.put("Cargo.toml", text);
      await directory.write([change("global:main", ["Cargo.toml"])]);
      expect(await directory.read("Cargo.toml")).toBe(text.replace(version, version.replace("1.0.0", "1.1.0")));
    }
  });

  test.each([
    ["crates/core/Cargo.toml", "list the workspace's Cargo.toml"],
    ["both.toml", "needs a pattern"],
    ["none/Cargo.toml", "has no version"],
    ["number/Cargo.toml", "not a string"],
    ["broken/Cargo.toml", "is not TOML"],
    ["both/Cargo.toml", "has two versions"],
    ["twice/Cargo.toml", "is not TOML"],
  ])("refused: %s %s", async (path, says) => {
    await directory.put("both.toml", "");
    await directory.put("none/Cargo.toml", "[package]\nname = 'x'\n");
    await directory.put("number/Cargo.toml", "[package]\nversion = 1.0\n");
    await directory.put("broken/Cargo.toml", "[package\n");
    await directory.put("both/Cargo.toml", "[package]\nversion = '1.0.0'\n[workspace.package]\nversion = '1.0.0'\n");
    await directory.put("twice/Cargo.toml", "[package]\nversion = '1.0.0'\nversion = '1.0.0'\n");
    await expect(directory.plan([change("component:x", [path])])).rejects.toMatchObject({
      code: "file_pattern",
      field: path,
      detail: expect.stringContaining(says),
    });
  });

  test("a member that inherits may be listed beside its workspace, and has nothing to write but what it asks for", async () => {
    const text = `${inherits("acme-core")}[dependencies]\ngen = { path = "../../tools/gen", version = "=1.0.0" }\n`;
    await directory.put("crates/core/Cargo.toml", text);
    await directory.write([
      change("global:main", ["Cargo.toml"]),
      change("component:core", ["crates/core/Cargo.toml"]),
    ]);
    expect(await directory.read("crates/core/Cargo.toml")).toBe(text.replace("=1.0.0", "=1.1.0"));
  });
});

describe("a workspace", () => {
  test("the lock file's entries of all members that inherit follow, and no others", async () => {
    const { warnings, notes } = await directory.write([main("1.1.0")]);
    expect(await directory.read("Cargo.toml")).toBe(ROOT.replaceAll("1.0.0", "1.1.0"));
    const old = 'name = "old"\nversion = "1.0.0"';
    expect(await directory.read("Cargo.lock")).toBe(
      LOCK.replaceAll("1.0.0", "1.1.0").replace('name = "old"\nversion = "1.1.0"', old),
    );
    expect([warnings, notes]).toEqual([[], []]);
  });

  test("what is asked of a crate follows where it is written too, and is reported where it is not", async () => {
    const alone = await directory.plan([main("2.0.0")], { others: [{ path: "crates/cli/Cargo.toml" }] });
    expect(alone.warnings).toEqual([
      expect.stringMatching(/^crates\/cli\/Cargo\.toml asks for acme-core 1\.0, and global:main 2\.0\.0 is out/),
    ]);
    await directory.write([main("2.0.0"), cli("0.4.0")]);
    expect(await directory.read("crates/cli/Cargo.toml")).toBe(CLI.replace("0.3.0", "0.4.0").replace('"1.0"', '"2.0"'));
  });

  test("a lock file that is there and not listed is named", async () => {
    expect((await directory.plan([change("global:main", ["Cargo.toml"])])).notes).toEqual([
      "Cargo.lock still holds what was before: list it, or run cargo update --workspace.",
    ]);
  });

  test("by a pattern: the lock file follows the place that the pattern says", async () => {
    await directory.put(
      "Cargo.toml",
      '[package]\nname = "acme"\nversion = "1.0.0"\n[workspace]\nmembers = ["crates/*"]\n[workspace.package]\nversion = "1.0.0"\n',
    );
    const files = ['Cargo.toml :: ^name = .*\nversion = "(.*)"', "Cargo.lock"];
    await directory.write([change("global:main", files)]);
    expect(await directory.read("Cargo.lock")).toBe(
      LOCK.replace('"acme"\nversion = "1.0.0"', '"acme"\nversion = "1.1.0"'),
    );
  });

  test("a lock file without a manifest, and one that does not know the crate, are refused", async () => {
    await expect(directory.plan([change("global:main", ["Cargo.lock"])])).rejects.toMatchObject({
      detail: expect.stringContaining("needs the crate's Cargo.toml"),
    });
    await directory.put("new/Cargo.toml", '[package]\nname = "new"\nversion = "1.0.0"\n');
    await expect(directory.plan([change("c:new", ["new/Cargo.toml", "Cargo.lock"])])).rejects.toMatchObject({
      detail: expect.stringContaining("cargo update --workspace"),
    });
  });
});

describe("members", () => {
  const workspace = (members: string[]) =>
    `[workspace]\nmembers = ${JSON.stringify(members)}\n[workspace.package]\nversion = "1.0.0"\n`;
  const lock = (names: string[], version: string) =>
    names.map((name) => `[[package]]\nname = "${name}"\nversion = "${version}"\n`).join("");

  test.each([
    [
      ["crates/core", "tools/*"],
      ["acme-core", "gen"],
    ],
    [["./crates/c*/"], ["acme-core"]],
    [["**/core"], ["acme-core"]],
    [["*/{core,gen}"], []],
    [["*/*"], ["acme-core", "gen", "old"]],
    [["missing", "crates/[cd]ore"], ["acme-core"]],
  ])("%j: %j", async (members, expected) => {
    await directory.put("Cargo.toml", `${workspace(members)}[package]\nname = "acme"\nversion.workspace = true\n`);
    await directory.put("Cargo.lock", lock(["acme", "acme-core", "gen", "old", "target"], "1.0.0"));
    await directory.write([main("2.0.0")]);
    const text = await directory.read("Cargo.lock");
    expect([...text.matchAll(/name = "(.*)"\nversion = "2.0.0"/g)].map(([, name]) => name)).toEqual([
      "acme",
      ...expected,
    ]);
  });

  test("a glob may look into so many directories, and no more", async () => {
    await directory.put("Cargo.toml", workspace(["many/**"]));
    for (const name of ["a", "b", "c"]) await directory.put(`many/${name}/Cargo.toml`, inherits(name));
    const files = await openFiles(directory.root);
    const root = await files.open("Cargo.toml");
    // The root, many, and three below it.
    expect(await findMembers(files, root, [], 5)).toHaveLength(3);
    await expect(findMembers(files, root, [], 4)).rejects.toMatchObject({ code: "file_pattern", field: "Cargo.toml" });
    expect(MAX_WALKED_DIRECTORIES).toBeGreaterThan(1_000);
  });
});

test.skipIf(!hasProgram("cargo"))("cargo itself finds its lock file up to date afterwards", async () => {
  await mkdir(join(directory.root, "src"));
  await directory.put("crates/old/src/lib.rs", "");
  run(directory.root, "cargo", "generate-lockfile", "--offline");
  await directory.write([main("2.0.0"), cli("0.4.0")]);
  const { packages } = JSON.parse(
    run(directory.root, "cargo", "metadata", "--locked", "--offline", "--format-version=1"),
  );
  expect(packages.map(({ name, version }: { name: string; version: string }) => `${name} ${version}`).sort()).toEqual([
    "acme 2.0.0",
    "acme-cli 0.4.0",
    "acme-core 2.0.0",
    "gen 2.0.0",
  ]);
});
