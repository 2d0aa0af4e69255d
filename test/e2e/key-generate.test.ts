/** `tes key generate` and `tes key scan` as processes: where a key goes, and where it never does. */

import { execFileSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MAX_KEY_INPUT_BYTES } from "../../src/core/limits.ts";
import { failure } from "./support/authority.ts";
import { makePlace, type Place } from "./support/place.ts";
import { noTerminal, openTerminal } from "./support/terminal.ts";

const KEY = /^[0-9a-f]{64}\n$/;
const done = async (place: Place, args: readonly string[], input?: string) => {
  const run = place.tes(args, input === undefined ? {} : { input });
  return { exit: await run.exited, stdout: run.stdout, stderr: run.stderr };
};

test("into a new file of mode 0600 that is never overwritten, or into a pipe; never the same twice", async () => {
  await using place = await makePlace();
  const made = await done(place, ["key", "generate", "--out", "a.key"]);
  const text = await readFile(join(place.dir, "a.key"), "utf8");
  expect([made.exit, KEY.test(text)]).toEqual([0, true]);
  expect(made.stdout + made.stderr).not.toContain(text.trim());
  expect((await stat(join(place.dir, "a.key"))).mode & 0o777).toBe(0o600);
  expect(await failure(place.tes(["key", "generate", "--out", "a.key", "--json"]))).toMatchObject({
    exit: 1,
    code: "file_exists",
  });
  expect(await readFile(join(place.dir, "a.key"), "utf8")).toBe(text);
  const [one, two] = await Promise.all([done(place, ["key", "generate"]), done(place, ["key", "generate"])]);
  expect(one.stdout).toMatch(KEY);
  expect(two.stdout).toMatch(KEY);
  expect(one.stdout).not.toBe(two.stdout);
});

test.skipIf(noTerminal() !== null)("not onto a terminal, unless that is asked for", async () => {
  await using place = await makePlace();
  const launcher = join(import.meta.dirname, "..", "..", "bin", "tes.mjs");
  const sit = (...args: string[]) =>
    openTerminal([process.execPath, launcher, "key", "generate", ...args], {
      cwd: place.dir,
      env: { PATH: process.env.PATH, HOME: place.dir },
    });
  const refused = sit();
  expect(await refused.exited).toBe(2);
  expect(refused.shown).not.toMatch(/[0-9a-f]{64}/);
  const shown = sit("--show");
  expect(await shown.exited).toBe(0);
  expect(shown.shown).toMatch(/[0-9a-f]{64}/);
});

test("keys by openssl and node pass the check; a weak one is a finding; none of them is repeated", async () => {
  await using place = await makePlace();
  const keys = [
    execFileSync("openssl", ["rand", "-hex", "32"], { encoding: "utf8" }),
    execFileSync(process.execPath, ["-e", "console.log(require('crypto').randomBytes(32).toString('hex'))"], {
      encoding: "utf8",
    }),
  ];
  for (const key of keys) {
    const good = await done(place, ["key", "generate", "--check", "--json"], key);
    expect([good.exit, JSON.parse(good.stdout)]).toEqual([0, { ok: true, findings: [] }]);
  }
  await writeFile(join(place.dir, "weak.key"), `${"ab".repeat(32)}\n`);
  const weak = await done(place, ["key", "generate", "--check", "weak.key"]);
  expect(weak.exit).toBe(1);
  expect(weak.stdout).toContain("repeated-bytes");
  expect(weak.stdout + weak.stderr).not.toContain("abab");
  expect(await failure(place.tes(["key", "generate", "--check", "--json"], { input: "" }))).toMatchObject({
    code: "input_missing",
  });
});

test("no more than a key with blanks around it is read from a pipe", async () => {
  await using place = await makePlace();
  const of = (length: number) =>
    failure(place.tes(["key", "verify", "--url", "http://127.0.0.1:1", "--json"], { input: "a".repeat(length) }));
  expect(await of(MAX_KEY_INPUT_BYTES)).toMatchObject({
    code: "key_format",
    detail: expect.stringContaining(`${MAX_KEY_INPUT_BYTES} characters`),
  });
  expect(await of(MAX_KEY_INPUT_BYTES + 1)).toMatchObject({
    code: "key_format",
    detail: expect.stringContaining("More than"),
  });
});

test("the scan exits with 1 for a live key, says where, and never shows it", async () => {
  await using place = await makePlace();
  await done(place, ["key", "generate", "--out", "live.key"]);
  const key = (await readFile(join(place.dir, "live.key"), "utf8")).trim();
  await writeFile(join(place.dir, "notes.md"), `# notes\n\nthe key is ${key}\n`);
  const found = await done(place, ["key", "scan", "notes.md", "--key-file", "live.key"]);
  expect(found.exit).toBe(1);
  expect(found.stdout).toContain("notes.md:3: this holds your live key");
  expect(found.stdout + found.stderr).not.toContain(key);
  const nothing = await done(place, ["key", "scan", "notes.md", "--keyid", "0123456789abcdef", "--json"]);
  expect([nothing.exit, JSON.parse(nothing.stdout)]).toMatchObject([0, { findings: [], others: 1 }]);
});
