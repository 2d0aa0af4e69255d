/** A registry that moves to another authority with another key, and one that comes back from a backup. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { failure, type Served, serve } from "./support/authority.ts";
import { keyOf } from "./support/keys.ts";
import { makePlace, type Place } from "./support/place.ts";

async function done(place: Place, ...args: string[]): Promise<string> {
  const run = place.tes(args);
  const code = await run.exited;
  if (code !== 0) throw new Error(`tes ${args.join(" ")} ended with ${code}:\n${run.stdout}${run.stderr}`);
  return run.stdout;
}

const json = async <T>(place: Place, ...args: string[]): Promise<T> =>
  JSON.parse(await done(place, ...args, "--json")) as T;

interface Verified {
  readonly genesis: string;
  readonly origin: string;
  readonly size: number;
}

/** An authority with a key of its own and no registry. */
async function emptyAuthority(place: Place, name: string): Promise<Served> {
  await writeFile(join(place.dir, `${name}.key`), `${keyOf(name).hex}\n`, { mode: 0o600 });
  await done(place, "token", "mint", "--key-file", `${name}.key`, "--scope", "admin", "--out", `${name}.token`);
  return serve(place, { data: name, args: ["--key-file", join(place.dir, `${name}.key`)] });
}

test("it moves with its history; clients verify on both sides, and the source takes no more writes", async () => {
  await using place = await makePlace();
  await writeFile(join(place.dir, "package.json"), '{"version":"1.0.0"}');
  await done(place, "init");
  const source = await serve(place, { data: ".tes" });
  const target = await emptyAuthority(place, "target");
  await done(place, "bump", "global:main", "minor", "--receipt", "r.json");
  const before = await json<Verified>(place, "verify");
  const from = ["--url", source.url, "--genesis", before.genesis, "--pins", "pins"];
  const at = ["--url", target.url, "--genesis", before.genesis, "--pins", "pins"];
  await done(place, "verify", ...from);

  await done(place, "registry", "move", "default", "--to", target.url, "--to-token-file", "target.token", "--yes");
  const after = await json<Verified>(place, "verify", ...at);
  expect(after).toMatchObject({ genesis: before.genesis, origin: before.origin, size: before.size + 1 });
  // The source still answers, under its own keys, with the same tree.
  expect(await json<Verified>(place, "verify", ...from)).toMatchObject({ size: after.size });
  const refused = await failure(place.tes(["bump", "global:main", "patch", "--json"]));
  expect(refused).toMatchObject({ code: "registry_read_only" });
  const told = place.tes(["verify", ...from]);
  expect(await told.exited).toBe(0);
  expect(told.stderr).toContain(`it has moved to ${target.url}`);
  // A receipt of before proves after.
  await done(place, "verify", "r.json", ...at);
  const bumped = await json<{ changes: unknown }>(
    place,
    "bump",
    "global:main",
    "patch",
    ...at,
    "--token-file",
    "target.token",
  );
  expect(bumped.changes).toEqual([{ entity: "global:main", from: "1.1.0", to: "1.1.1" }]);
  // A second run of the move finds nothing left to do, and nothing is written twice.
  expect((await json<Verified>(place, "verify", ...at)).size).toBe(after.size + 1);
});

test("yesterday's backup: who saw more refuses it, accepts the epoch that the recovery key signed, and no version comes twice", async () => {
  await using place = await makePlace();
  await writeFile(join(place.dir, "package.json"), '{"version":"1.0.0"}');
  await done(place, "init");
  const lost = await serve(place, { data: ".tes" });
  await done(place, "bump", "global:main", "minor");
  await done(place, "export", "backup.jsonl");
  await done(place, "bump", "global:main", "minor");
  const { genesis, size } = await json<Verified>(place, "verify");
  await writeFile(join(place.dir, "last.checkpoint"), await done(place, "log", "checkpoint"));
  await done(place, "verify", "--url", lost.url, "--genesis", genesis, "--pins", "pins");
  const { port } = new URL(lost.url);
  await lost.stop();

  // The same key on the same address, with the backup: to whoever saw more it was set back.
  await writeFile(join(place.dir, "same.key"), await readFile(join(place.dir, ".tes/signing.key")), { mode: 0o600 });
  await done(place, "token", "mint", "--key-file", "same.key", "--scope", "admin", "--out", "same.token");
  const again = await serve(place, {
    data: "again",
    port: Number(port),
    args: ["--key-file", join(place.dir, "same.key")],
  });
  await done(place, "import", "backup.jsonl", "--url", again.url, "--token-file", "same.token");
  const at = ["--url", again.url, "--genesis", genesis, "--pins", "pins"];
  const refused = await failure(place.tes(["verify", ...at, "--json"]));
  expect(refused.code).toBe("checkpoint_stale");
  expect(refused.exit).toBe(1);
  await again.stop();

  const fresh = await serve(place, {
    data: "fresh",
    port: Number(port),
    args: ["--key-file", join(place.dir, "same.key")],
  });
  const words = ["registry", "restore", "backup.jsonl", "--url", fresh.url, "--token-file", "same.token"];
  await done(
    place,
    ...words,
    "--recovery-key",
    ".tes/recovery.key",
    "--lost",
    "last.checkpoint",
    "--floor",
    "global:main=1.2.0",
  );
  const restored = await json<Verified>(place, "verify", ...at);
  expect(restored.origin).toBe("tes.local/default/epoch-2");
  expect(restored.size).toBeLessThanOrEqual(size);
  const next = await json<{ changes: unknown }>(
    place,
    "bump",
    "global:main",
    "minor",
    ...at,
    "--token-file",
    "same.token",
    "--no-files",
  );
  expect(next.changes).toEqual([{ entity: "global:main", from: "1.2.0", to: "1.3.0" }]);
});
