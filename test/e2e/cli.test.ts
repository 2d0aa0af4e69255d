/** The command line as its users run it: init, entity, bump, verify, token, doctor, start. */

import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { failure, serve } from "./support/authority.ts";
import { keyOf } from "./support/keys.ts";
import { makePlace, type Place } from "./support/place.ts";

const REGISTRY_FILE = {
  entities: [
    { id: "global:main", version: "1.4.0", files: [{ path: "package.json" }] },
    {
      id: "component:app",
      strategy: "lockstep",
      parent: "global:main",
      files: [{ path: "app/version.ts", pattern: 'V = "([^"]+)"' }],
    },
  ],
};

async function done(place: Place, ...args: string[]): Promise<string> {
  const run = place.tes(args);
  const code = await run.exited;
  if (code !== 0) throw new Error(`tes ${args.join(" ")} ended with ${code}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

const json = async <T>(place: Place, ...args: string[]): Promise<T> =>
  JSON.parse(await done(place, ...args, "--json")) as T;

/** A checkout with an authority in it, after `tes init`. */
async function makeCheckout(place: Place): Promise<void> {
  await mkdir(join(place.dir, "app"));
  await writeFile(join(place.dir, "package.json"), '{\n  "name": "x",\n  "version": "1.4.0"\n}\n');
  await writeFile(join(place.dir, "app/version.ts"), 'export const V = "1.4.0"; // kept\r\n');
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify(REGISTRY_FILE));
  await done(place, "init");
}

const read = (place: Place, path: string) => readFile(join(place.dir, path), "utf8");
const modeOf = async (place: Place, path: string) => (await stat(join(place.dir, path))).mode & 0o777;

describe("tes init", () => {
  test("makes keys for their owner only, declares what the file lists, and can be run again", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    for (const name of ["signing.key", "recovery.key", "admin.token"])
      expect(await modeOf(place, `.tes/${name}`)).toBe(0o600);
    const before = await read(place, ".tes/signing.key");
    const again = await json<{ declared: string[]; unchanged: string[]; genesis: string }>(place, "init");
    expect(again).toMatchObject({ declared: [], unchanged: ["global:main", "component:app"] });
    expect(again.genesis).toMatch(/^[0-9a-f]{64}$/);
    expect(await read(place, ".tes/signing.key")).toBe(before);
  });

  test("says how to keep the recovery key, and works on after it was moved away", async () => {
    await using place = await makePlace();
    await writeFile(join(place.dir, "package.json"), '{"version":"0.3.0"}');
    const run = place.tes(["init"]);
    expect(await run.exited).toBe(0);
    expect(run.stderr).toContain("recovery.key offline");
    expect(JSON.parse(await read(place, "tes.registry.json"))).toEqual({
      registry: "default",
      entities: [{ id: "global:main", version: "0.3.0", files: [{ path: "package.json" }] }],
    });
    const { rename } = await import("node:fs/promises");
    await rename(join(place.dir, ".tes/recovery.key"), join(place.dir, "elsewhere"));
    await done(place, "init");
  });

  test("opens another registry, private, which a stranger cannot read", async () => {
    await using place = await makePlace();
    await done(place, "init", "--registry", "inner", "--private");
    const authority = await serve(place, { data: ".tes" });
    expect((await fetch(`${authority.url}/v1/inner`)).status).toBe(401);
    const list = await json<{ entities: unknown[] }>(place, "entity", "list", "--registry", "inner");
    expect(list.entities).toHaveLength(1);
  });
});

describe("a data directory in a checkout", () => {
  test("git ignores all of it, and doctor names what was committed all the same", async () => {
    await using place = await makePlace();
    const git = (...args: string[]) => execFileSync("git", args, { cwd: place.dir, encoding: "utf8" });
    git("init", "-q");
    await makeCheckout(place);
    git("add", "-A", ".");
    expect(
      git("ls-files")
        .split("\n")
        .filter((path) => path.startsWith(".tes/")),
    ).toEqual([]);
    git("add", "-f", ".tes/signing.key");
    const run = place.tes(["doctor"]);
    expect(await run.exited).toBe(1);
    expect(run.stdout).toMatch(/error +git: .*signing\.key is tracked by git/);
  });

  test("a serve before init says so, and init after it works", async () => {
    await using place = await makePlace();
    const authority = await serve(place, { data: ".tes" });
    expect((await fetch(`${authority.url}/v1/default`)).status).toBe(404);
    await expect.poll(() => authority.run.stderr).toContain("run tes init");
    expect((await failure(place.tes(["init", "--json"]))).code).toBe("data_dir_in_use");
    await authority.stop();
    await done(place, "init");
    await serve(place, { data: ".tes" });
    expect(await done(place, "entity", "list")).toContain("global:main");
  });
});

describe("tes bump", () => {
  test("shows the plan, takes the version, writes its files and nothing else, and leaves a receipt that proves", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    const plan = await done(place, "bump", "global:main", "minor", "--dry-run");
    expect(plan).toContain("global:main    1.4.0  1.5.0  package.json");
    expect(await read(place, "package.json")).toContain("1.4.0");
    const out = await done(place, "bump", "global:main", "minor", "--receipt", "r.json");
    expect(out).toContain("component:app  1.4.0  1.5.0  app/version.ts");
    expect(out).toMatch(/proved statement 3 under a checkpoint of size 4, 2 files written/);
    expect(await read(place, "package.json")).toBe('{\n  "name": "x",\n  "version": "1.5.0"\n}\n');
    expect(await read(place, "app/version.ts")).toBe('export const V = "1.5.0"; // kept\r\n');

    expect(await done(place, "verify", "r.json")).toContain("still holds it");
    expect(await done(place, "verify")).toContain("is the pinned one");
    const forged = (await read(place, "r.json")).replace('"to":"1.5.0"', '"to":"1.5.1"');
    await writeFile(join(place.dir, "forged.json"), forged);
    // It is no release, so nothing that is said of one may pass; and what holds a receipt and more is none.
    for (const option of [["--expect", "component:app@9.9.9"], ["--trust", "trust.json"], ["--online"]]) {
      const misused = await failure(place.tes(["verify", "r.json", ...option, "--json"]));
      expect(misused, option[0]).toMatchObject({ code: "usage", exit: 2 });
    }
    const receipt = await readFile(join(place.dir, "r.json"), "utf8");
    await writeFile(join(place.dir, "more.json"), receipt.replace("{", '{"run":"curl",'));
    expect(await failure(place.tes(["verify", "more.json", "--json"]))).toMatchObject({ code: "proof_missing" });
    expect(await failure(place.tes(["verify", "forged.json", "--json"]))).toMatchObject({
      exit: 1,
      code: "proof_invalid",
    });
  });

  test("the same idempotency key gives the same version, not another one", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    const args = ["bump", "global:main", "patch", "--idempotency-key", "job-17"];
    const first = await json<{ seq: number; changes: unknown }>(place, ...args);
    const again = await json<{ seq: number; changes: unknown; files: string[] }>(place, ...args);
    expect(again).toMatchObject({ seq: first.seq, changes: first.changes });
    expect(await read(place, "package.json")).toContain("1.4.1");
  });

  test("a receipt that has no place stops it before a version is taken", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await writeFile(join(place.dir, "there.json"), "kept");
    const bump = (receipt: string) =>
      failure(place.tes(["bump", "global:main", "minor", "--receipt", receipt, "--json"]));
    expect(await bump("there.json")).toMatchObject({
      code: "file_exists",
      detail: expect.stringMatching(/there\.json\. .*name a new one with --receipt.* No version was taken\./),
    });
    expect((await bump("none/r.json")).code).toBe("file_unwritable");
    expect((await json<{ version: string }>(place, "entity", "show", "global:main")).version).toBe("1.4.0");
    expect(await read(place, "there.json")).toBe("kept");
  });

  test("--finish takes no entity, and does not bring files back to an older version", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await done(place, "bump", "global:main", "minor");
    await done(place, "bump", "global:main", "minor");
    expect((await failure(place.tes(["bump", "--finish", "3", "--json"]))).code).toBe("version_conflict");
    expect((await failure(place.tes(["bump", "global:main", "minor", "--finish", "4", "--json"]))).code).toBe("usage");
    expect(await read(place, "package.json")).toContain("1.6.0");
  });

  test("a file without its version stops it before a version is taken", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await writeFile(join(place.dir, "app/version.ts"), "nothing here\n");
    const refused = await failure(place.tes(["bump", "global:main", "minor", "--json"]));
    expect(refused).toMatchObject({ exit: 1, code: "file_pattern" });
    const { version } = await json<{ version: string }>(place, "entity", "show", "global:main");
    expect(version).toBe("1.4.0");
  });

  test("says how to finish when files could not be written after the version was taken, and that finishes it", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    // A directory that takes no new file: staging the new contents beside the old ones fails, also for root.
    const immutable = () => execFileSync("chattr", ["+i", join(place.dir, "app")], { stdio: "ignore" });
    let held = "chattr";
    try {
      immutable();
    } catch {
      held = "mode";
      await chmod(join(place.dir, "app"), 0o500);
    }
    if (held === "mode" && process.getuid?.() === 0) {
      console.warn("Not run: this user writes everywhere, and chattr does not work here.");
      return;
    }
    const refused = await failure(place.tes(["bump", "global:main", "minor", "--json"]));
    if (held === "chattr") execFileSync("chattr", ["-i", join(place.dir, "app")]);
    else await chmod(join(place.dir, "app"), 0o700);
    expect(refused).toMatchObject({ exit: 1, code: "file_unwritable" });
    expect(refused.detail).toContain("tes bump --finish 3");
    expect(await read(place, "package.json")).toContain("1.4.0");
    await done(place, "bump", "--finish", "3");
    expect(await read(place, "package.json")).toContain("1.5.0");
    expect(await read(place, "app/version.ts")).toContain("1.5.0");
    // Once more changes nothing.
    expect(await done(place, "bump", "--finish", "3")).toContain("0 files written");
  });

  test("refusals of the authority come with their code and leave the checkout alone", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    const cases: [string[], string, number][] = [
      [["bump", "component:none", "minor"], "entity_unknown", 1],
      [["bump", "component:app", "minor"], "lockstep_follows_parent", 1],
      [["bump", "global:main", "minor", "--expected", "9.9.9"], "version_conflict", 1],
      [["bump", "Global:Main", "minor"], "invalid_field", 1],
      [["bump", "global:main", "big"], "usage", 2],
      [["bump"], "usage", 2],
      [["bump", "--finish", "0"], "usage", 2],
      [["verify", "--offline"], "usage", 2],
      [["verify", "--expect", "component:app@1.0.0"], "usage", 2],
      [["nonsense"], "usage", 2],
      [["entity", "show", "component:none"], "entity_unknown", 1],
      [["verify", "absent.json"], "file_unreadable", 1],
      [["entity", "list", "--url", "http://127.0.0.1:1"], "genesis_unpinned", 1],
    ];
    for (const [args, code, exit] of cases) {
      expect(await failure(place.tes([...args, "--json"])), args.join(" ")).toMatchObject({ code, exit });
    }
    expect(await read(place, "package.json")).toContain("1.4.0");
  });
});

describe("tes entity", () => {
  test("labels and types are shown, a retired one says so, and a reason can be read back from the history", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await done(
      place,
      "entity",
      "declare",
      "api:v1",
      "--parent",
      "global:main",
      "--label",
      "owner=core",
      "--label",
      "tier=1",
    );
    expect(await json(place, "entity", "show", "api:v1")).toMatchObject({ metadata: { owner: "core", tier: "1" } });
    expect(await done(place, "entity", "list", "--type", "api")).toMatch(/^entity.*\napi:v1 +0\.1\.0/);
    await done(place, "bump", "api:v1", "minor", "--reason", "because", "--no-files");
    const { entries } = await json<{ entries: { reason?: { digest: string } }[] }>(place, "history", "api:v1");
    expect(entries[0]!.reason!.digest).toMatch(/^[0-9a-f]{64}$/);
    await done(place, "entity", "retire", "api:v1");
    expect(await done(place, "entity", "show", "api:v1")).toContain("retired");
    expect((await failure(place.tes(["bump", "api:v1", "minor", "--json"]))).code).toBe("entity_retired");
  });
});

describe("tes token", () => {
  test("a token bumps what its scope covers and nothing else; a foreign one does nothing", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await done(place, "token", "mint", "--scope", "bump:component:*", "--out", "ci.token");
    expect(await modeOf(place, "ci.token")).toBe(0o600);
    const refused = await failure(place.tes(["bump", "global:main", "patch", "--token-file", "ci.token", "--json"]));
    expect(refused).toMatchObject({ code: "forbidden" });
    await writeFile(join(place.dir, "other.key"), `${keyOf("another authority").hex}\n`, { mode: 0o600 });
    await done(place, "token", "mint", "--scope", "admin", "--key-file", "other.key", "--out", "other.token");
    const foreign = await failure(place.tes(["bump", "global:main", "patch", "--token-file", "other.token", "--json"]));
    expect(foreign).toMatchObject({ code: "token_invalid" });
    expect(
      await failure(place.tes(["token", "mint", "--scope", "admin", "--out", "ci.token", "--json"])),
    ).toMatchObject({
      code: "file_exists",
    });
    expect(await done(place, "token", "inspect", "ci.token", "--key-file", ".tes/signing.key")).toContain("holds");
    expect(await place.tes(["token", "inspect", "ci.token", "--key-file", "other.key"]).exited).toBe(1);
    for (const bad of [["--scope", "root"], ["--scope", "read", "--expires-in", "367d"], []]) {
      expect(await failure(place.tes(["token", "mint", ...bad, "--json"]))).toMatchObject({ code: "usage", exit: 2 });
    }
  });
});

describe("tes doctor", () => {
  test("is content after init, and names a key that others can read, a file that lags and an entity that is missing", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    await done(place, "doctor");
    await chmod(join(place.dir, ".tes/signing.key"), 0o644);
    await writeFile(join(place.dir, "package.json"), '{"version":"1.3.9"}');
    await writeFile(
      join(place.dir, "tes.registry.json"),
      JSON.stringify({ entities: [...REGISTRY_FILE.entities, { id: "api:new" }] }),
    );
    const run = place.tes(["doctor"]);
    expect(await run.exited).toBe(1);
    expect(run.stdout).toMatch(/error +signing key: .*can be read by others \(mode 644\)/);
    expect(run.stdout).toContain("package.json holds 1.3.9 where global:main was 1.4.0");
    expect(run.stdout).toContain("api:new: is not declared yet");
  });
});

describe("tes registry", () => {
  test("a name that was deleted stays taken, and a recovery key that is there is explained and kept", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    await serve(place, { data: ".tes" });
    const create = (...args: string[]) => failure(place.tes(["registry", "create", "mobile", ...args, "--json"]));
    await done(place, "registry", "create", "mobile");
    const key = await read(place, ".tes/mobile.recovery.key");
    expect(await create("--recovery-key", "x.key")).toMatchObject({
      code: "genesis_exists",
      detail: expect.stringContaining("tes registry list"),
    });
    await done(place, "registry", "delete", "mobile", "--yes");
    const there = await create();
    expect(there).toMatchObject({ code: "file_exists", exit: 1 });
    const x = /--recovery-public (\S+)\)/.exec(String(there.detail))![1]!;
    expect(there.detail).toMatch(/is a recovery key: of a registry mobile .* deleted.*Keep it/);
    expect(await read(place, ".tes/mobile.recovery.key")).toBe(key);
    // Each way out that it names says in its turn that the name is taken.
    const other = await create("--recovery-key", "x.key");
    expect(other).toMatchObject({ code: "genesis_exists" });
    expect(other.detail).toMatch(/mobile was deleted: .* Choose another name\.\n\S+x\.key was made for it just now/);
    expect((await create("--recovery-public", x)).detail).toMatch(/Choose another name\.$/);
    // Where the making broke off, the key that is there goes on.
    await writeFile(join(place.dir, ".tes/next.recovery.key"), key);
    await done(place, "registry", "create", "next", "--recovery-public", x);
    await writeFile(join(place.dir, ".tes/third.recovery.key"), "no key");
    const noKey = await failure(place.tes(["registry", "create", "third", "--json"]));
    expect(noKey.detail).toMatch(/third\.recovery\.key is there already, and is no recovery key\./);
  });
});

describe("tes start", () => {
  test("does the main job, ends with 0, goes on from where it was, and leaves the checkout as it is", async () => {
    await using place = await makePlace();
    await mkdir(join(place.dir, "app"));
    await writeFile(join(place.dir, "package.json"), '{"version":"1.4.0"}\n');
    await writeFile(join(place.dir, "app/version.ts"), 'V = "1.4.0"\n');
    await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify(REGISTRY_FILE));
    const first = await done(place, "start", "--exit", "--port", "0");
    expect(first).toMatch(/bump global:main +\d+ ms {2}global:main 1\.4\.0 → 1\.5\.0, component:app 1\.4\.0 → 1\.5\.0/);
    expect(first).toMatch(/nothing was lost +\d+ ms {2}same size 4, same root/);
    const second = await done(place, "start", "--exit", "--port", "0");
    expect(second).toMatch(/signing key kept, recovery key kept/);
    expect(second).toMatch(/bump global:main +\d+ ms {2}global:main 1\.5\.0 → 1\.6\.0/);
    expect(await read(place, "package.json")).toBe('{"version":"1.4.0"}\n');
    expect(await read(place, ".tes/checkout/package.json")).toBe('{"version":"1.6.0"}\n');
  });

  test("keeps serving without --exit, until it is told to stop", async () => {
    await using place = await makePlace();
    const run = place.tes(["start", "--port", "0", "--json"]);
    const lines: Record<string, unknown>[] = [];
    for await (const chunk of run.child.stdout!) {
      lines.push(
        ...String(chunk)
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, unknown>),
      );
      if (lines.some((line) => "url" in line)) break;
    }
    const { url } = lines.at(-1)! as { url: string };
    expect((await fetch(`${url}/v1/default`)).status).toBe(200);
    run.child.kill("SIGTERM");
    expect(await run.exited).toBe(0);
  });
});

describe("a reader that has read enough", () => {
  test("a closed pipe is no crash", async () => {
    await using place = await makePlace();
    await makeCheckout(place);
    const launcher = join(import.meta.dirname, "..", "..", "bin", "tes.mjs");
    const out = execFileSync("sh", ["-c", `"${process.execPath}" "${launcher}" doctor 2>&1 | head -1`], {
      cwd: place.dir,
      encoding: "utf8",
    });
    expect(out.split("\n")).toHaveLength(2);
  });
});

describe("help", () => {
  const commands = [
    "start",
    "serve",
    "init",
    "entity list",
    "entity declare",
    "entity sync",
    "bump",
    "verify",
    "token mint",
    "doctor",
  ];
  test.each(commands)("tes %s --help shows an example and --json, and ends with 0", async (command) => {
    await using place = await makePlace();
    const out = await done(place, ...command.split(" "), "--help");
    expect(out).toContain("Example");
    expect(out).toContain("--json");
  });

  test("tes alone shows the commands and ends with 2", async () => {
    await using place = await makePlace();
    expect(await place.tes([]).exited).toBe(2);
  });
});
