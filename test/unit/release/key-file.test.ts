import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandIo } from "../../../src/cli/output.ts";
import {
  defaultKeyPath,
  ensurePublisherKey,
  readPublisherKey,
  readPublisherKeys,
} from "../../../src/cli/release/key-file.ts";
import { readPublicKey } from "../../../src/cli/release/public-key.ts";
import { isInstalled } from "../../verifiers/programs.ts";

let dir: string;
let said: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-key-"));
  said = "";
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const PASSPHRASE = "correct horse battery staple";
const ioWith = (env: Record<string, string> = {}): CommandIo => ({
  stdout: () => undefined,
  stderr: (text) => {
    said += text;
  },
  color: false,
  json: false,
  terminal: false,
  interactive: false,
  cwd: dir,
  env: { HOME: dir, ...env },
  now: () => 1_800_000_000_000,
});
const io = () => ioWith({ TES_PUBLISHER_PASSPHRASE: PASSPHRASE });
const PLAIN = { key: ["p.key"], passphrase: false };

describe("a publisher's key", () => {
  test("is made once, 0600, locked, with its public half beside it, and opens with its passphrase alone", async () => {
    const made = await ensurePublisherKey(io(), { key: ["keys/p.key"] });
    const path = join(dir, "keys/p.key");
    expect(made).toMatchObject({ made: true, path });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(dir, "keys"))).mode & 0o777).toBe(0o700);
    expect(await readPublicKey(`${path}.pub`)).toEqual({ kid: made.key.kid, x: made.key.x });
    await expect(readPublisherKey(ioWith(), { key: [path] })).rejects.toMatchObject({ code: "input_missing" });
    // A file, whose line end is none of it.
    await writeFile(join(dir, "b"), `${PASSPHRASE}\r\n`);
    expect(await readPublisherKey(ioWith(), { key: [path], passphraseFile: ["b"] })).toMatchObject({
      kid: made.key.kid,
    });
  });

  test("that is there is kept", async () => {
    const { key } = await ensurePublisherKey(ioWith(), PLAIN);
    const text = await readFile(join(dir, "p.key"), "utf8");
    expect(await ensurePublisherKey(ioWith(), PLAIN)).toMatchObject({ made: false, key: { kid: key.kid } });
    expect(await readFile(join(dir, "p.key"), "utf8")).toBe(text);
  });

  test("without a passphrase only where that was asked for", async () => {
    await expect(ensurePublisherKey(ioWith(), { key: ["p.key"] })).rejects.toMatchObject({ code: "input_missing" });
    expect(await readdir(dir)).toEqual([]);
    const { key } = await ensurePublisherKey(ioWith(), PLAIN);
    expect(await readPublisherKey(ioWith(), PLAIN)).toMatchObject({ kid: key.kid });
  });

  test("that others may read is used with a warning", async () => {
    await ensurePublisherKey(ioWith(), PLAIN);
    await chmod(join(dir, "p.key"), 0o644);
    await readPublisherKey(ioWith(), PLAIN);
    expect(said).toContain("chmod 600");
  });

  test.each([
    ["nothing", ""],
    ["a public key", "untrusted comment: x\nRWQ=\n"],
    ["a master key", "ab".repeat(32)],
    ["noise", "\0\0\0\n\0"],
  ])("%s in its file is refused, and quoted nowhere", async (_, text) => {
    await writeFile(join(dir, "p.key"), text);
    const refused = readPublisherKey(io(), { key: ["p.key"] });
    await expect(refused).rejects.toMatchObject({ code: "key_file_invalid" });
    await refused.catch((thrown: Error) => {
      if (text.trim() !== "") expect(thrown.message).not.toContain(text.trim());
    });
  });

  test("named twice counts once; two files with one key are told", async () => {
    await ensurePublisherKey(ioWith(), PLAIN);
    await writeFile(join(dir, "copy.key"), await readFile(join(dir, "p.key")), { mode: 0o600 });
    expect(await readPublisherKeys(ioWith(), { key: ["p.key", "./p.key"] })).toHaveLength(1);
    await expect(readPublisherKeys(ioWith(), { key: ["p.key", "copy.key"] })).rejects.toMatchObject({ code: "usage" });
  });

  test.each([
    ["nothing", ""],
    ["two lines", "a\nb"],
    ["1,025 bytes", "a".repeat(1_025)],
  ])("a passphrase of %s is none", async (_, passphrase) => {
    await writeFile(join(dir, "pass"), passphrase);
    const asked = ensurePublisherKey(ioWith(), { key: ["p.key"], passphraseFile: ["pass"] });
    await expect(asked).rejects.toMatchObject({ code: expect.stringMatching(/^(passphrase_wrong|file_unreadable)$/) });
    expect(await readdir(dir)).toEqual(["pass"]);
  });

  test("lies where the user's configuration does, unless another place is named", () => {
    expect(defaultKeyPath(ioWith())).toBe(join(dir, ".config/tes/publisher.key"));
    expect(defaultKeyPath(ioWith({ XDG_CONFIG_HOME: "/x" }))).toBe("/x/tes/publisher.key");
    expect(defaultKeyPath(ioWith({ TES_PUBLISHER_KEY: "mine.key" }))).toBe(join(dir, "mine.key"));
  });
});

describe.runIf(isInstalled("minisign"))("the real minisign", () => {
  test("signs with a key that was made here, by its passphrase", async () => {
    await ensurePublisherKey(io(), { key: ["p.key"] });
    await writeFile(join(dir, "file"), "x");
    const signed = spawnSync("minisign", ["-S", "-s", "p.key", "-m", "file"], { cwd: dir, input: `${PASSPHRASE}\n` });
    expect(signed.status, String(signed.stderr)).toBe(0);
    execFileSync("minisign", ["-V", "-p", "p.key.pub", "-m", "file"], { cwd: dir });
  });

  test("makes keys that are read here", async () => {
    execFileSync("minisign", ["-G", "-W", "-p", "m.pub", "-s", "m.key"], { cwd: dir });
    const { kid, x } = await readPublisherKey(ioWith(), { key: ["m.key"] });
    expect(await readPublicKey(join(dir, "m.pub"))).toEqual({ kid, x });
  });
});

describe("public keys", () => {
  test("are read as minisign, PEM and SSH write them, and a secret one is told apart", async () => {
    const { key } = await ensurePublisherKey(ioWith(), PLAIN);
    const { publicKeyFiles } = await import("../../../src/cli/release/public-key.ts");
    const files = new Map(publicKeyFiles(key));
    await writeFile(join(dir, "p.pem"), files.get("pem")!);
    await writeFile(join(dir, "p.ssh"), files.get("allowed_signers")!.replace(/^.*?(ssh-ed25519 )/, "$1"));
    for (const name of ["p.key.pub", "p.pem", "p.ssh"])
      expect((await readPublicKey(join(dir, name))).kid).toBe(key.kid);
    await expect(readPublicKey(join(dir, "p.key"))).rejects.toMatchObject({
      code: "key_file_invalid",
      detail: expect.stringContaining("Its public half lies in the .pub"),
    });
  });
});
