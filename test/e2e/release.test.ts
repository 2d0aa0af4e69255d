/** Releases as their publishers make them: keys, the command, what is refused, and runs that are broken off. */

import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makePlace } from "./support/place.ts";
import {
  beginReleases,
  changePublishers,
  done,
  ELSEWHERE,
  ENTITY,
  FOLDER,
  fails,
  json,
  makeKey,
  release,
  sha256,
  VERSION,
} from "./support/releases.ts";

describe("tes publisher", () => {
  test("a key is made once, locked, for its owner only; the authority gets its public half", async () => {
    await using place = await makePlace();
    await beginReleases(place, { publisher: false });
    const env = { TES_PUBLISHER_PASSPHRASE: "correct horse" };
    const init = ["publisher", "init", "--entity", ENTITY, "--key", "keys/p.key"];
    expect((await fails(place, init)).code).toBe("input_missing");
    const first = await json<{ kid: string; made: boolean }>(place, init, { env });
    expect(first).toMatchObject({ made: true, entities: [{ entity: ENTITY, outcome: "named", revision: 1 }] });
    expect((await stat(join(place.dir, "keys/p.key"))).mode & 0o777).toBe(0o600);
    const text = await readFile(join(place.dir, "keys/p.key"), "utf8");
    expect(await json(place, init, { env })).toMatchObject({ made: false, entities: [{ outcome: "already" }] });
    expect(await readFile(join(place.dir, "keys/p.key"), "utf8")).toBe(text);
    const wrong = { env: { TES_PUBLISHER_PASSPHRASE: "battery staple" } };
    expect(await fails(place, init, wrong)).toMatchObject({ code: "passphrase_wrong", exit: 1 });
    await writeFile(join(place.dir, "pass.txt"), "correct horse\n");
    expect(await json(place, [...init, "--passphrase-file", "pass.txt"])).toMatchObject({ kid: first.kid });
    const shown = await json<{ keys: { kid: string }[] }>(place, ["publisher", "list", ENTITY]);
    expect(shown.keys.map(({ kid }) => kid)).toEqual([first.kid]);
    for (const run of place.runs) expect(run.stdout + run.stderr).not.toMatch(/correct horse|battery staple/);
  });

  test("a second publisher is proposed by the one and needs the other; nobody names a key that they do not hold", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    const bob = await makeKey(place, "bob");
    const proposed = await json<{ newMissing: string[] }>(place, [
      ...["publisher", "propose", ENTITY, "--add", "bob.key.pub", "--threshold", "2", "--out", "next.json"],
      ...["--sign", "--key", "alice.key"],
    ]);
    expect(proposed).toMatchObject({ newMissing: [bob], agreed: 1, needed: 1 });
    expect((await fails(place, ["publisher", "apply", "next.json"])).code).toBe("signatures_insufficient");
    await done(place, ["publisher", "sign", "next.json", "--key", "bob.key"]);
    const applied = place.tes(["publisher", "apply", "next.json"]);
    expect(await applied.exited).toBe(0);
    expect(applied.stdout).toContain("2 of 2 sign a release");
    // Who brings it sees who comes, who goes, and how many sign, before anything is written.
    expect(applied.stderr).toMatch(/^revision 2 of the publishers of component:app, registry default, genesis /m);
    expect(applied.stderr).toMatch(new RegExp(`^  \\+ [0-9a-f]{8}  ${bob}$`, "m"));
    expect(applied.stderr).toContain("2 of 2 sign a release, before 1 of 1\n");
    expect(await done(place, ["publisher", "apply", "next.json"])).toContain("already");
    // An admin's token alone: a set that only the newcomer signed.
    await makeKey(place, "eve");
    await done(place, [
      "publisher",
      "propose",
      ENTITY,
      "--add",
      "eve.key.pub",
      "--threshold",
      "1",
      "--out",
      "evil.json",
    ]);
    await done(place, ["publisher", "sign", "evil.json", "--key", "eve.key"]);
    expect((await fails(place, ["publisher", "apply", "evil.json"])).code).toBe("signatures_insufficient");
    expect((await fails(place, ["publisher", "propose", ENTITY, "--add", "bob.key", "--out", "x.json"])).code).toBe(
      "key_file_invalid",
    );
  });

  test("the recovery key stands for publishers who lost their keys, and the list says so", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    const { keys } = await json<{ keys: { kid: string }[] }>(place, ["publisher", "list", ENTITY]);
    await makeKey(place, "new");
    await changePublishers(
      place,
      ["--add", "new.key.pub", "--remove", keys[0]!.kid],
      [
        ["--key", "new.key"],
        ["--recovery-key", ".tes/recovery.key"],
      ],
    );
    const listed = place.tes(["publisher", "list", ENTITY]);
    expect(await listed.exited).toBe(0);
    expect(listed.stderr).toContain("revision 2 was named by the registry's recovery key");
    expect(await fails(place, ["release", ENTITY, "dist/app.tgz", "--key", "alice.key"])).toMatchObject({
      code: "signatures_insufficient",
    });
    await done(place, ["release", ENTITY, "dist/app.tgz", "--key", "new.key", ...ELSEWHERE]);
    expect(await done(place, ["verify", `${FOLDER}/app.tgz`])).toContain("recovery key took part");
    // Who comes back is a publisher since then, and not since they were one before.
    const back = [
      ["--key", "alice.key"],
      ["--key", "new.key"],
    ];
    await changePublishers(place, ["--add", "alice.key.pub"], back);
    expect(await done(place, ["publisher", "list", ENTITY])).toMatch(new RegExp(`${keys[0]!.kid} +3$`, "m"));
  });
});

describe("tes release", () => {
  test("from files to a folder; the same again changes nothing and says so", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await writeFile(join(place.dir, "bom.json"), JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6" }));
    expect(await release(place, "--sbom", "bom.json")).toContain(`${ENTITY}@${VERSION} is released: 2 files`);
    const names = (await readdir(join(place.dir, FOLDER))).map((name) => name.replace(/[0-9a-f]{8}/, "PUBLISHER"));
    expect(names.sort()).toEqual(
      [
        ...["app.tgz", "app.tgz.minisig", "app.tgz.sig", "notes.txt", "notes.txt.minisig", "notes.txt.sig"],
        ...["SHA256SUMS", "SHA256SUMS.ed25519", "SHA256SUMS.signify", "release.tes.json", "trusted_root.json"],
        ...["PUBLISHER.sigstore.json", "PUBLISHER.sbom.sigstore.json"],
        ...["publisher-PUBLISHER.minisign.pub", "publisher-PUBLISHER.pem", "publisher-PUBLISHER.allowed_signers"],
      ].sort(),
    );
    const sums = await readFile(join(place.dir, FOLDER, "SHA256SUMS"), "utf8");
    expect(sums).toBe(`${sha256("the app\n")}  app.tgz\n${sha256("what is new\n")}  notes.txt\n`);
    const log = await json<{ size: number }>(place, ["verify"]);
    const again = [
      "release",
      `${ENTITY}@${VERSION}`,
      "dist/notes.txt",
      "dist/app.tgz",
      "--key",
      "alice.key",
      ...ELSEWHERE,
    ];
    expect(await json(place, again)).toMatchObject({ already: true, written: false });
    expect(await done(place, again)).toContain("was released with this very content before");
    expect(await json(place, ["verify"])).toMatchObject({ size: log.size });
    // The folder is made again where it is gone.
    await rm(join(place.dir, FOLDER), { recursive: true });
    expect(await json(place, again)).toMatchObject({ already: true, written: true });
    expect(await done(place, ["verify", `${FOLDER}/release.tes.json`])).toContain("proved  attested");
  });

  test("other content under a version that was released is refused, and the files are named", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await release(place);
    await writeFile(join(place.dir, "dist/app.tgz"), "another app\n");
    await writeFile(join(place.dir, "dist/new.txt"), "");
    const refused = await fails(place, ["release", ENTITY, "dist/app.tgz", "dist/new.txt", "--key", "alice.key"]);
    expect(refused).toMatchObject({ code: "release_exists", exit: 1 });
    expect(refused.detail).toMatch(/other content: app\.tgz; only there: notes\.txt; only here: new\.txt/);
    expect(
      await fails(place, ["release", `${ENTITY}@9.9.9`, "dist/app.tgz", "--key", "alice.key", ...ELSEWHERE]),
    ).toMatchObject({ code: "version_unknown" });
    await makeKey(place, "eve");
    expect((await fails(place, ["release", ENTITY, "dist/app.tgz", "--key", "eve.key"])).code).toBe(
      "signatures_insufficient",
    );
  });

  test("a folder that is something else is left alone, and nothing is published", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await mkdir(join(place.dir, FOLDER), { recursive: true });
    await writeFile(join(place.dir, FOLDER, "mine"), "");
    const args = ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", ...ELSEWHERE];
    expect((await fails(place, args)).code).toBe("file_exists");
    await writeFile(join(place.dir, FOLDER, "release.tes.json"), "{");
    expect((await fails(place, args)).detail).toContain("its release.tes.json proves nothing");
    await rm(join(place.dir, FOLDER, "release.tes.json"));
    expect(await json(place, ["release", "list"])).toMatchObject({ releases: [] });
    expect(await done(place, ["release", "list", ENTITY])).toBe("nothing was released yet\n");
    expect(await fails(place, ["release", "list", "component:ap"])).toMatchObject({
      code: "entity_unknown",
      exit: 1,
      detail: "There is no component:ap.",
      remedy: expect.stringContaining("tes entity list"),
    });
    await done(place, [...args, "--out", "elsewhere", "--no-copy"]);
    expect(await readdir(join(place.dir, "elsewhere"))).not.toContain("app.tgz");
    expect(await readdir(join(place.dir, FOLDER))).toEqual(["mine"]);
  });

  test("a dry run checks everything and writes nothing", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    const args = ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", "--dry-run"];
    const before = await readdir(place.dir);
    expect(await json(place, [...args, ...ELSEWHERE])).toMatchObject({ dryRun: true, uploads: false });
    expect(await json(place, args)).toMatchObject({ uploads: true });
    expect((await fails(place, [...args.with(1, `${ENTITY}@9.9.9`), ...ELSEWHERE])).code).toBe("version_unknown");
    expect(await json(place, ["release", "list"])).toMatchObject({ releases: [] });
    expect(await readdir(place.dir)).toEqual(before);
  });

  test("names that some system could not write, or takes for another, are refused before anything is sent", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await cp(join(place.dir, "dist"), join(place.dir, "other"), { recursive: true });
    for (const name of ["app.tgz.minisig", "APP.tgz"]) await writeFile(join(place.dir, "other", name), "x");
    const hostile: [code: string, files: string[]][] = [
      ["artifact_name_collision", ["dist/app.tgz", "other/app.tgz"]],
      ["artifact_name_collision", ["dist/app.tgz", "other/app.tgz.minisig"]],
      ["artifact_name_collision", ["dist/app.tgz", "other/APP.tgz"]],
      ["file_unreadable", ["dist"]],
      ["artifact_name", ["a".repeat(4_096)]],
      ["artifact_limit", Array.from({ length: 10_000 }, (_, i) => `f${i}`)],
    ];
    const codes = await Promise.all(
      hostile.map(([, files]) => fails(place, ["release", ENTITY, ...files, "--key", "alice.key", ...ELSEWHERE])),
    );
    expect(codes.map(({ code }) => code)).toEqual(hostile.map(([code]) => code));
    expect(await json(place, ["release", "list"])).toMatchObject({ releases: [] });
  });
});
