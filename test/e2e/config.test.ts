/** `tes config` as its users run it: exit codes, formats, files that are mended, and the real wrangler's word on them. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, cp, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { applyPatch } from "diff";
import { describe, expect, test } from "vitest";
import { PLACEHOLDERS } from "../unit/config/corpus.ts";
import { makePlace, type Place } from "./support/place.ts";

const HEAD = 'name = "app"\nmain = "index.js"\ncompatibility_date = "2026-11-17"\n';
const OBJECTS = '\n[[durable_objects.bindings]]\nname = "COUNTER"\nclass_name = "Counter"\n';
const NESTED = `${HEAD}${OBJECTS}\n# The first one.\n[[durable_objects.migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Counter"]\n`;
const MENDED = NESTED.replace("durable_objects.migrations", "migrations");
const ENTRY = 'export class Counter {}\nexport default { fetch: () => new Response("") };\n';

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const write = (place: Place, path: string, text: string) => writeFile(join(place.dir, path), text);
const read = (place: Place, path: string) => readFile(join(place.dir, path), "utf8");

async function project(text: string, path = "wrangler.toml"): Promise<Place> {
  const place = await makePlace();
  await write(place, path, text);
  await write(place, "index.js", ENTRY);
  return place;
}

async function run(place: Place, ...args: string[]) {
  const { exited, ...rest } = place.tes(["config", ...args]);
  void rest;
  const running = place.runs.at(-1)!;
  return { code: await exited, stdout: running.stdout, stderr: running.stderr };
}

describe("tes config audit", () => {
  test("exits 0 on a clean file, and on one with notes only", async () => {
    await using place = await project(HEAD);
    expect(await run(place, "audit")).toEqual({
      code: 0,
      stdout: "clean   wrangler.toml  no environments\n",
      stderr: "",
    });
    await write(place, "wrangler.toml", `${HEAD}${OBJECTS}script_name = "other"\n`);
    const { code, stdout } = await run(place, "audit");
    expect([code, stdout.split("\n")[0]]).toEqual([0, "note    wrangler.toml:8:15  script-name-elsewhere"]);
  });

  test("exits 1 on findings, and shows where, what is answered and the way out", async () => {
    await using place = await project(NESTED);
    const { code, stdout, stderr } = await run(place, "audit", "wrangler.toml");
    expect([code, stderr]).toEqual([1, ""]);
    // The example in the documentation is this one.
    const doc = await readFile(join(import.meta.dirname, "..", "..", "docs", "config.md"), "utf8");
    expect(stdout).toBe(/```text\n\$ tes config audit\n([^`]*)```/.exec(doc)![1]);
  });

  test("exits 2 on arguments it cannot use, says why on stderr, and prints nothing", async () => {
    await using place = await makePlace();
    for (const [args, why] of [
      [["audit"], "There is no wrangler.json, wrangler.jsonc, wrangler.toml here or above"],
      [["audit", "absent.toml"], "absent.toml does not exist"],
      [["audit", "--format", "xml"], "xml"],
      [["audit", "--json", "--sarif"], "One format at a time"],
      [["audit", "--ignore", "unknown-fields"], "Did you mean unknown-field?"],
      [["fix", "home"], "home holds no wrangler.json"],
      [["fix", "a", "b"], "too many arguments"],
    ] as const) {
      const { code, stdout, stderr } = await run(place, ...args);
      expect([code, stdout], args.join(" ")).toEqual([2, ""]);
      expect(stderr).toContain(why);
    }
  });

  test("speaks JSON and SARIF on stdout, for several files at once", async () => {
    await using place = await project(NESTED);
    await mkdir(join(place.dir, "other"));
    await write(
      place,
      "other/wrangler.jsonc",
      '{ "name": "b", "main": "i.ts", "compatibility_date": "2026-11-17", "env": { "x": { "a": 1 } } }',
    );
    const json = JSON.parse((await run(place, "audit", ".", "other", "--json")).stdout);
    expect(json).toMatchObject({
      files: [
        { file: "wrangler.toml", environments: [] },
        { file: "other/wrangler.jsonc", environments: ["x"] },
      ],
      counts: { error: 1, warning: 1, note: 0 },
      findings: [
        { rule: "migrations-nested", file: "wrangler.toml", line: 10, column: 19, cloudflare: { code: 10061 } },
        { rule: "unknown-field", file: "other/wrangler.jsonc", env: "x" },
      ],
    });
    const sarif = JSON.parse((await run(place, "audit", ".", "other", "--format", "sarif")).stdout);
    expect(sarif.runs[0].results.map((result: { ruleId: string }) => result.ruleId)).toEqual(
      json.findings.map((finding: { rule: string }) => finding.rule),
    );
    expect((await run(place, "audit", ".", "other", "--ignore", "migrations-nested,unknown-field")).code).toBe(0);
  });

  test("a file that does not parse is a finding with its place, in every format", async () => {
    await using place = await project(`${HEAD}[vars]\nVERSION_SIGNING_KEY = "${PLACEHOLDERS.HEX64}\n`);
    for (const format of ["text", "json", "sarif"]) {
      const { code, stdout } = await run(place, "audit", "--format", format);
      expect(code).toBe(1);
      expect(stdout).toMatch(/wrangler\.toml:5:\d+|"line":5|"startLine":5/);
      expect(stdout).not.toContain(PLACEHOLDERS.HEX64);
    }
  });

  test("this project's own configuration is clean", async () => {
    await using place = await makePlace();
    const root = join(import.meta.dirname, "..", "..");
    const { exited } = place.tes(["config", "audit", "--json"], { cwd: root });
    expect(await exited).toBe(0);
    // The note: where a project has a build step, what the entry point exports is wrangler's dry run to check.
    expect(JSON.parse(place.runs[0]!.stdout)).toMatchObject({ counts: { error: 0, warning: 0, note: 1 } });
  });
});

describe("as a guard", () => {
  test("the pre-commit hook of the documentation stops a commit that would not deploy", async () => {
    const doc = await readFile(join(import.meta.dirname, "..", "..", "docs", "config.md"), "utf8");
    const hook = /```sh\n(git diff[^\n]*)\n```/.exec(doc)![1]!;
    await using place = await project(NESTED);
    const git = (...args: string[]) =>
      spawnSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], {
        cwd: place.dir,
        encoding: "utf8",
      });
    git("init", "--quiet");
    // As npm installs it.
    await mkdir(join(place.dir, "node_modules/.bin"), { recursive: true });
    await symlink(join(import.meta.dirname, "..", "..", "bin", "tes.mjs"), join(place.dir, "node_modules/.bin/tes"));
    await writeFile(join(place.dir, ".git/hooks/pre-commit"), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
    git("add", "wrangler.toml");
    const refused = git("commit", "--message", "nested");
    expect([refused.status, `${refused.stdout}${refused.stderr}`]).toEqual([
      1,
      expect.stringContaining("migrations-nested"),
    ]);
    await write(place, "wrangler.toml", MENDED);
    git("add", "wrangler.toml");
    expect(git("commit", "--message", "mended").status).toBe(0);
    // A commit that touches no configuration does not wait for the audit.
    await write(place, "wrangler.toml", "broken = ");
    git("add", "index.js");
    expect(git("commit", "--message", "code").status).toBe(0);
  });
});

describe("tes config fix", () => {
  test("writes the mend, shows it, and has it confirmed by wrangler for every environment", async () => {
    const text = `${NESTED}\n[secrets]\nrequired = ["TOKEN"]\n\n[env.staging]\n${OBJECTS.replace("durable", "env.staging.durable")}`;
    await using place = await project(text);
    const { code, stdout } = await run(place, "fix");
    const after = await read(place, "wrangler.toml");
    expect(after).toBe(
      `${text.replace("[[durable_objects.migrations]]", "[[migrations]]")}\n[env.staging.secrets]\nrequired = ["TOKEN"]\n`,
    );
    expect(code).toBe(0);
    expect(stdout).toContain("mended  moved 1 migration out of durable_objects");
    expect(stdout).toContain("-[[durable_objects.migrations]]\n+[[migrations]]\n");
    expect(stdout).toContain(`sha256 before  ${sha256(text)}\nsha256 after   ${sha256(after)}\n`);
    expect(stdout).toMatch(/top level +0 errors, 0 warnings\n +env\.staging +0 errors, 0 warnings\n/);
    expect(stdout).toContain("wrangler.toml  written, clean\n");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there is none is what is asked.
    expect(stdout).not.toMatch(/\u001b/);
    const again = await run(place, "fix");
    expect(again).toEqual({ code: 0, stdout: "wrangler.toml  nothing to mend, clean\n", stderr: "" });
    expect(await read(place, "wrangler.toml")).toBe(after);
  });

  test("--json says the same, and its diff leads from one file to the other", async () => {
    await using place = await project(NESTED.replace("new_sqlite_classes", "new_classes"));
    const before = await read(place, "wrangler.toml");
    const { code, stdout } = await run(place, "fix", "--json");
    const report = JSON.parse(stdout);
    const after = await read(place, "wrangler.toml");
    // It deploys only where KV-backed classes are allowed, and the storage is never changed by itself.
    expect([code, report.findings.map((finding: { rule: string }) => finding.rule)]).toEqual([1, ["new-classes-kv"]]);
    expect(applyPatch(before, report.diff)).toBe(after);
    expect(report).toMatchObject({
      file: "wrangler.toml",
      written: true,
      sha256: { before: sha256(before), after: sha256(after) },
      mends: [{ rule: "migrations-nested", env: null }],
      refused: [],
      validation: { wrangler: { from: "tes" }, runs: [{ env: null, exit: 0, errors: [], warnings: [] }] },
    });
  });

  test("--dry-run shows the same diff and writes nothing, nor does it run wrangler", async () => {
    await using place = await project(NESTED);
    const { stdout } = await run(place, "fix", "--dry-run", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ written: false, validation: null, sha256: { after: sha256(MENDED) } });
    expect(await read(place, "wrangler.toml")).toBe(NESTED);
    expect((await readdir(place.dir)).sort()).toEqual(["home", "index.js", "tmp", "wrangler.toml"]);
  });

  test("what has two answers is refused with its reason, and the file stays as it is", async () => {
    const text = `${MENDED}\n[[durable_objects.migrations]]\ntag = "v1"\nnew_sqlite_classes = ["Room"]\n`;
    await using place = await project(text);
    const { code, stdout } = await run(place, "fix");
    expect(code).toBe(1);
    expect(stdout).toContain('left as it is: the tag "v1" stands for two different migrations');
    expect(await read(place, "wrangler.toml")).toBe(text);
  });

  test("what does not parse is not touched", async () => {
    await using place = await project("name = ");
    const { code, stdout } = await run(place, "fix");
    expect([code, stdout.includes("not touched: only a file that parses can be mended")]).toEqual([1, true]);
    expect(await read(place, "wrangler.toml")).toBe("name = ");
  });

  test("keeps the file's mode and a symbolic link, and leaves nothing beside it", async () => {
    await using place = await makePlace();
    await mkdir(join(place.dir, "real"));
    await write(place, "real/config.toml", NESTED);
    await chmod(join(place.dir, "real/config.toml"), 0o640);
    await symlink(join(place.dir, "real/config.toml"), join(place.dir, "wrangler.toml"));
    expect((await run(place, "fix", "--no-validate")).code).toBe(0);
    expect(await read(place, "real/config.toml")).toBe(MENDED);
    expect((await lstat(join(place.dir, "wrangler.toml"))).isSymbolicLink()).toBe(true);
    expect((await stat(join(place.dir, "real/config.toml"))).mode & 0o777).toBe(0o640);
    expect(await readdir(join(place.dir, "real"))).toEqual(["config.toml"]);
  });

  test("a folder that cannot be written to is an error, and the file stays as it was", async () => {
    if (process.getuid?.() === 0) {
      console.warn("Not run: root may write everywhere.");
      return;
    }
    await using place = await project(NESTED);
    await chmod(place.dir, 0o500);
    const { code, stderr } = await run(place, "fix", "--no-validate");
    await chmod(place.dir, 0o700);
    expect([code, stderr.includes("file_unwritable")]).toEqual([1, true]);
    expect(await read(place, "wrangler.toml")).toBe(NESTED);
  });

  test("wrangler's errors are shown and count; a secret in them is not shown", async () => {
    const secret = "correct-horse-battery";
    await using place = await project(
      `${NESTED}\n[vars]\nTOKEN = "${secret}"\n[secrets]\nrequired = ["TOKEN"]\n[env.a]\nvars = { TOKEN = "${secret}" }\nsecrets = { required = ["TOKEN"] }\n`,
    );
    const { code, stdout } = await run(place, "fix");
    expect(code).toBe(1);
    expect(stdout).toContain("TOKEN assigned to Environment Variable and Secret bindings.");
    expect(stdout).toMatch(/env\.a +exit 1, 1 error/);
    expect(stdout).not.toContain(secret);
  });

  test("a top level that is only there to be inherited from is not held against wrangler", async () => {
    const top = 'main = "index.js"\ncompatibility_date = "2026-11-17"\n[secrets]\nrequired = ["TOKEN"]\n';
    await using place = await project(`${top}[env.production]\nname = "app"\n`);
    const { code, stdout } = await run(place, "fix", "--json");
    const { validation } = JSON.parse(stdout);
    expect([code, validation.runs]).toEqual([0, [{ env: "production", exit: 0, errors: [], warnings: [] }]]);
  });

  test("without a wrangler it says so, and mends all the same", async () => {
    await using place = await project(NESTED);
    // TES on its own, as somebody has it who installed the package without development tools.
    const copy = join(place.dir, "tes");
    const root = join(import.meta.dirname, "..", "..");
    for (const part of ["bin", "src", "package.json"])
      await cp(join(root, part), join(copy, part), { recursive: true });
    await mkdir(join(copy, "node_modules"));
    for (const name of await readdir(join(root, "node_modules"))) {
      if (name !== "wrangler" && !name.startsWith("."))
        await symlink(join(root, "node_modules", name), join(copy, "node_modules", name));
    }
    const { execFile } = await import("node:child_process");
    const result = await new Promise<{ stdout: string; stderr: string }>((done, fail) =>
      execFile(
        process.execPath,
        [join(copy, "bin/tes.mjs"), "config", "fix"],
        { cwd: place.dir },
        (error, stdout, stderr) => (error === null ? done({ stdout, stderr }) : fail(error)),
      ),
    );
    expect(result.stderr).toContain("no wrangler is installed in this project, so nothing was validated");
    expect(result.stdout).toContain("written, clean");
    expect(await read(place, "wrangler.toml")).toBe(MENDED);
  });
});
