/** The scan against real git repositories: tree, history, what was amended away, messages; and what it leaves out. */

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { keyidsOfMaster, type ScanResult, scanKeys } from "../../../src/cli/keys/scan.ts";
import { deriveEd25519, importEd25519Seed, parseMasterKey, symmetricKid } from "../../../src/core/keys.ts";
import { MAX_SCAN_FILE_BYTES } from "../../../src/core/limits.ts";

const hexOf = (label: string): string => createHash("sha256").update(`scan ${label}`).digest("hex");
const LIVE = hexOf("live");
const OTHER = hexOf("other");
const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };

const made: string[] = [];
afterEach(() => {
  for (const dir of made.splice(0)) rmSync(dir, { recursive: true });
});

function makeDir(): string {
  const dir = mkdtempSync(join(tmpdir(), "tes-scan-"));
  made.push(dir);
  return dir;
}

function makeRepository() {
  const dir = makeDir();
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.invalid", ...args], {
      cwd: dir,
      encoding: "utf8",
      env,
    }).trim();
  git("init", "-q");
  const commit = (message: string): string => {
    git("add", "-A");
    git("commit", "-q", "--allow-empty", "-m", message);
    return git("rev-parse", "HEAD");
  };
  return { dir, git, commit, write: (name: string, text: string | Buffer) => writeFileSync(join(dir, name), text) };
}

async function scan(root: string, keyids?: Iterable<string>): Promise<ScanResult> {
  const ids = keyids ?? (await keyidsOfMaster(parseMasterKey(LIVE), ["default"]));
  return scanKeys({ root, env, keyids: new Set(ids), registries: ["default"] });
}
const placesOf = ({ sightings }: ScanResult, kind: string) =>
  sightings.filter((one) => one.kind === kind).map(({ where }) => where);

test("a live key in the tree and in every commit that ever held it, with file, line and commit", async () => {
  const { dir, git, commit, write } = makeRepository();
  write("notes.txt", `one\n# ${OTHER}\nkey=${LIVE}\n`);
  const first = commit("one");
  write("notes.txt", "clean\n");
  commit("two");
  write(".env", `A=1\r\nVERSION_SIGNING_KEY=${LIVE.toUpperCase()}\r\n`);
  const third = commit("three");
  const message = commit(`four\n\nthe key is ${LIVE}`);
  const result = await scan(dir);
  expect(placesOf(result, "live").sort()).toEqual(
    [".env:2", `${first}:notes.txt:3`, `${third}:.env:2`, `commit ${message}:3`].sort(),
  );
  expect(placesOf(result, "other")).toEqual([`${first}:notes.txt:2`]);
  expect(result.objects).toBeGreaterThan(5);
  // Amended away, and still in the object store.
  write("gone.txt", LIVE);
  commit("five");
  git("reset", "-q", "--hard", "HEAD~1");
  git("reflog", "expire", "--expire=now", "--all");
  const again = placesOf(await scan(dir), "live");
  expect(again.some((where) => /^(unreachable object )?[0-9a-f]{40}(:gone\.txt)?:1$/.test(where))).toBe(true);
});

test("every keyid that an authority shows leads to the key, and the recovery key's to its seed", async () => {
  const dir = makeDir();
  writeFileSync(join(dir, "a"), `${LIVE}\n${OTHER}\n`);
  const master = parseMasterKey(LIVE);
  const keyids = [
    await symmetricKid(master, "response-hmac", "default"),
    await symmetricKid(master, "token-hs256", "default"),
    (await deriveEd25519(master, "response-ed25519", "default")).kid,
    (await deriveEd25519(master, "log-ed25519", "default")).kid,
    (await importEd25519Seed(master)).kid,
  ];
  for (const keyid of keyids) {
    const result = await scan(dir, [keyid]);
    expect(result.sightings.filter(({ kind }) => kind === "live")).toEqual([{ kind: "live", keyid, where: "a:1" }]);
    expect(placesOf(result, "other")).toEqual(["a:2"]);
  }
  // Of another registry it is another key.
  expect(placesOf(await scan(dir, [await symmetricKid(master, "response-hmac", "elsewhere")]), "live")).toEqual([]);
});

test("longer strings are no keys; large and binary files are counted and left out", async () => {
  const dir = makeDir();
  writeFileSync(join(dir, "long"), `${LIVE}0 ${LIVE}${OTHER} x${LIVE}`);
  writeFileSync(join(dir, "binary"), Buffer.concat([Buffer.from([0]), Buffer.from(LIVE)]));
  writeFileSync(join(dir, "large"), Buffer.alloc(MAX_SCAN_FILE_BYTES + 1, `${LIVE}\n`));
  const result = await scan(dir);
  expect(placesOf(result, "live")).toEqual(["long:1"]);
  expect(result).toMatchObject({ files: 2, binary: 1, large: 1, history: false });
  writeFileSync(join(dir, "large"), Buffer.alloc(MAX_SCAN_FILE_BYTES, `${LIVE}\n`));
  expect(placesOf(await scan(dir), "live").length).toBeGreaterThan(1);
});

test("a live key in a file that git ignores and only its owner reads is where it belongs", async () => {
  const { dir, commit, write } = makeRepository();
  write(".gitignore", "*.key\n");
  commit("one");
  write("signing.key", LIVE);
  chmodSync(join(dir, "signing.key"), 0o600);
  expect((await scan(dir)).sightings).toMatchObject([{ kind: "live", kept: true, where: "signing.key:1" }]);
  chmodSync(join(dir, "signing.key"), 0o644);
  expect((await scan(dir)).sightings[0]).not.toHaveProperty("kept");
  chmodSync(join(dir, "signing.key"), 0o600);
  write(".gitignore", "");
  expect((await scan(dir)).sightings[0]).not.toHaveProperty("kept");
});
