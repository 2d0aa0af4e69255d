/** Releases as their publishers make them and others verify them: one publisher, everything on the command line. */

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { failure, serve } from "./support/authority.ts";
import { makePlace, type Place, type RunOptions } from "./support/place.ts";
import { beginReleases, done, json, PASSPHRASE, sha256 } from "./support/releases.ts";

const fails = async (place: Place, args: readonly string[], options: RunOptions = {}) =>
  failure(place.tes([...args, "--json"], options));

describe("one publisher", () => {
  test("from a key to a folder that verifies offline, and again without change", async () => {
    await using place = await makePlace();
    const { genesis } = await beginReleases(place);
    expect((await stat(join(place.dir, "p.key"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(place.dir, "p.key"), "utf8")).toMatch(/^untrusted comment: /);
    const shown = await done(place, ["release", "component:app", "dist/app.tgz", "dist/notes.txt", "--key", "p.key"]);
    expect(shown).toContain("component:app@1.4.0 is released: 2 files");
    const folder = join(place.dir, "release/component-app-1.4.0");
    const names = await readdir(folder);
    expect(names).toEqual(
      expect.arrayContaining(["app.tgz", "notes.txt", "release.tes.json", "SHA256SUMS", "trusted_root.json"]),
    );
    const again = await json<{ already: boolean; written: boolean }>(place, [
      "release",
      "component:app@1.4.0",
      "dist/notes.txt",
      "dist/app.tgz",
      "--key",
      "p.key",
    ]);
    expect(again).toMatchObject({ already: true, written: false });
    // Elsewhere, with nothing but the folder and the pin.
    await using other = await makePlace();
    await cp(folder, join(other.dir, "got"), { recursive: true });
    const verified = await json<{ verified: boolean; files: { name: string }[]; release: object }>(other, [
      "verify",
      "got/app.tgz",
      "--genesis",
      genesis,
      "--expect",
      "component:app@1.4.0",
    ]);
    expect(verified).toMatchObject({
      verified: true,
      files: [{ name: "app.tgz", sha256: sha256("the app\n") }],
      release: { entity: "component:app", version: "1.4.0", genesis },
    });
    const all = await done(other, ["verify", "got/release.tes.json", "--genesis", genesis]);
    expect(all).toMatch(/proved {2}file +notes\.txt/);
    expect(all).toMatch(/not proved {2}that it was not withdrawn/);
    expect((await fails(other, ["verify", "got/app.tgz"])).code).toBe("genesis_unpinned");
  });

  test("other content under a version that was released is refused before anything is uploaded", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await done(place, ["release", "component:app", "dist/app.tgz", "--key", "p.key"]);
    await writeFile(join(place.dir, "dist/app.tgz"), "another app\n");
    const refused = await fails(place, [
      "release",
      "component:app@1.4.0",
      "dist/app.tgz",
      "--key",
      "p.key",
      "--out",
      "x",
    ]);
    expect(refused).toMatchObject({
      code: "release_exists",
      exit: 1,
      detail: expect.stringContaining("other content: app.tgz"),
    });
    const unknown = await fails(place, ["release", "component:app@9.9.9", "dist/app.tgz", "--key", "p.key"]);
    expect(unknown.code).toBe("version_unknown");
  });
});
