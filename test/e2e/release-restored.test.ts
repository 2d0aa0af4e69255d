/** Releases of a registry that was set back by a restore: what it still has verifies, and what was cut off does not. */

import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serve } from "./support/authority.ts";
import { makePlace } from "./support/place.ts";
import { beginReleases, done, ENTITY, fails, makeKey } from "./support/releases.ts";

test("a trust file from after a restore decides which of two logs counts, whatever keys a document brings", async () => {
  await using place = await makePlace();
  const { genesis, authority } = await beginReleases(place);
  const release = (out: string, ...at: string[]) =>
    done(place, ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", "--out", out, ...at]);
  await release("kept");
  await done(place, ["export", "backup.jsonl"]);
  await done(place, ["bump", ENTITY, "minor", "--yes", "--no-files"]);
  await release("lost");
  await writeFile(join(place.dir, "last.checkpoint"), await done(place, ["log", "checkpoint"]));
  await writeFile(join(place.dir, "same.key"), await readFile(join(place.dir, ".tes/signing.key")), { mode: 0o600 });
  await authority.stop();
  await done(place, ["token", "mint", "--key-file", "same.key", "--scope", "admin", "--out", "same.token"]);
  const { url } = await serve(place, { data: "fresh", args: ["--key-file", join(place.dir, "same.key")] });
  const at = ["--url", url, "--token-file", "same.token"];
  const recovery = ["--recovery-key", ".tes/recovery.key", "--lost", "last.checkpoint", "--floor", `${ENTITY}=1.4.5`];
  await done(place, ["registry", "restore", "backup.jsonl", ...at, ...recovery]);
  const there = [...at, "--genesis", genesis];
  // The same version again, with other files.
  await done(place, ["bump", ENTITY, "minor", "--yes", "--no-files", ...there]);
  await writeFile(join(place.dir, "dist/app.tgz"), "another app\n");
  await release("after", ...there);
  await done(place, ["trust", "export", "--out", "trust.json", ...there]);
  const trusted = ["--trust", "trust.json", "--expect", `${ENTITY}@1.5.0`];
  expect(await done(place, ["verify", "after", ...trusted])).toContain("epoch-2");
  expect(await fails(place, ["verify", "lost", ...trusted])).toMatchObject({
    code: "note_invalid",
    exit: 1,
    detail: expect.stringContaining("no longer counts"),
  });
  // Of one who knows nothing of the restore it is what it was.
  expect(await done(place, ["verify", "lost", "--genesis", genesis])).toContain(`${ENTITY}@1.5.0`);

  // What lies before the cut holds in both, when the publishers changed since, too.
  await makeKey(place, "bob");
  await done(place, ["publisher", "propose", ENTITY, "--add", "bob.key.pub", "--out", "next.json", ...there]);
  for (const name of ["alice", "bob"]) {
    await done(place, ["publisher", "sign", "next.json", "--key", `${name}.key`]);
  }
  await done(place, ["publisher", "apply", "next.json", ...there]);
  await rm(join(place.dir, "trust.json"));
  await done(place, ["trust", "export", "--out", "trust.json", ...there]);
  expect(await done(place, ["verify", "kept", "--trust", "trust.json"])).toContain(`${ENTITY}@1.4.0`);
  expect(
    await done(place, [
      "verify",
      "kept",
      "--trust",
      "trust.json",
      "--online",
      "--url",
      url,
      "--token-file",
      "same.token",
    ]),
  ).toContain("proved  in force");
});

test("a receipt is none under the name of a file, and a folder is one whatever lies beside it", async () => {
  await using place = await makePlace();
  const { genesis, authority } = await beginReleases(place);
  await done(place, ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", "--out", "rel"]);
  const pinned = ["--genesis", genesis, "--url", authority.url];
  const receipt = await done(place, ["log", "show", "1"]);
  await writeFile(join(place.dir, "got.tgz"), receipt);
  expect(await fails(place, ["verify", "got.tgz", ...pinned])).toMatchObject({ code: "proof_missing", exit: 1 });
  await writeFile(join(place.dir, "got.json"), receipt);
  await done(place, ["verify", "got.json", ...pinned]);
  expect(await fails(place, ["verify", "", ...pinned])).toMatchObject({ code: "usage", exit: 2 });
  await writeFile(join(place.dir, "release.tes.json"), await readFile(join(place.dir, "rel/release.tes.json")));
  expect(await done(place, ["verify", "rel", ...pinned])).toContain("proved  file");
  expect(await done(place, ["verify", ".", ...pinned], { cwd: join(place.dir, "rel") })).toContain("proved  file");
});

test("a download with a registry file of its own is not believed, before any contact and after", async () => {
  await using theirs = await makePlace();
  const { genesis, authority } = await beginReleases(theirs);
  await done(theirs, ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", "--out", "rel"]);
  await using place = await makePlace();
  await cp(join(theirs.dir, "rel"), place.dir, { recursive: true });
  const file = { registry: "default", authority: { url: authority.url, genesis }, entities: [] };
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify(file));
  const unpinned = { code: "genesis_unpinned", detail: expect.stringContaining("--file tes.registry.json") };
  expect(await fails(place, ["verify", "app.tgz"])).toMatchObject(unpinned);
  expect(await fails(place, ["release", "fetch", `${ENTITY}@1.4.0`, "--out", "more.tes.json"])).toMatchObject(unpinned);
  await done(place, ["verify"]);
  await done(place, ["release", "list"]);
  expect(await fails(place, ["verify", "app.tgz"])).toMatchObject(unpinned);
  expect(await fails(place, ["verify", "app.tgz", "--online", "--expect", `${ENTITY}@1.4.0`])).toMatchObject(unpinned);
  expect(await done(place, ["verify", "app.tgz", "--file", "tes.registry.json"])).toContain("proved  file");
});
