/** tes release killed at moments that are counts of events; then the same command again. And two publishers at once. */

import { spawn } from "node:child_process";
import { existsSync, renameSync, watch } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makePlace, type Place } from "./support/place.ts";
import { beginReleases, done, ELSEWHERE, ENTITY, json } from "./support/releases.ts";

const ROOT = join(import.meta.dirname, "..", "..");
/** Two parts. */
const FILE_BYTES = 20_000_000;
/** Which writes of the authority, and which changes to the folder that is being made, are the last that it sees. */
const MOMENTS: readonly (readonly [where: "authority" | "folder", count: number])[] = [
  ["authority", 1],
  ["authority", 20],
  ["folder", 1],
  ["folder", 4],
];

/** Bun itself, so that the kill meets the process that does the work. Resolves when it is gone. */
async function killedAt(
  place: Place,
  args: readonly string[],
  [where, count]: (typeof MOMENTS)[number],
): Promise<boolean> {
  const dirs =
    where === "folder"
      ? [join(place.dir, "release")]
      : ["do", "artifacts"].map((name) => join(place.dir, ".tes", name));
  const child = spawn(join(ROOT, "node_modules/.bin/bun"), [join(ROOT, "src/cli/entry.ts"), ...args], {
    cwd: place.dir,
    env: { PATH: process.env.PATH, HOME: join(place.dir, "home"), TMPDIR: join(place.dir, "tmp") },
    stdio: "ignore",
  });
  let [seen, killed] = [0, false];
  const watchers = dirs.map((dir) =>
    watch(dir, { recursive: true }, () => {
      if (++seen < count || killed) return;
      killed = child.kill("SIGKILL");
    }),
  );
  await new Promise((resolve) => child.once("exit", resolve));
  for (const watcher of watchers) watcher.close();
  return killed;
}

test("killed anywhere, it is whole or not there, and the same command ends it", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await mkdir(join(place.dir, "release"), { recursive: true });
  await mkdir(join(place.dir, ".tes/artifacts"), { recursive: true });
  const outcomes: string[] = [];
  for (const [i, moment] of MOMENTS.entries()) {
    await writeFile(join(place.dir, "dist/app.tgz"), Buffer.alloc(FILE_BYTES, i + 1));
    const bumped = await json<{ changes: { to: string }[] }>(place, ["bump", ENTITY, "minor", "--yes", "--no-files"]);
    const version = bumped.changes[0]!.to;
    const args = ["release", `${ENTITY}@${version}`, "dist/app.tgz", "dist/notes.txt", "--key", "alice.key"];
    const killed = await killedAt(place, args, moment);
    const folder = `release/component-app-${version}`;
    const published = await json<{ releases: { version: string; files: number; signers: string[] }[] }>(place, [
      ...["release", "list", ENTITY],
    ]);
    const there = published.releases.find((one) => one.version === version);
    if (there !== undefined) expect(there).toMatchObject({ files: 2, signers: [expect.any(String)] });
    // A folder that has its name is whole.
    const made = (await readdir(join(place.dir, "release"))).includes(`component-app-${version}`);
    if (made) await done(place, ["verify", `${folder}/release.tes.json`]);
    const again = await json<{ already: boolean }>(place, args);
    expect(again.already).toBe(there !== undefined);
    expect(await done(place, ["verify", `${folder}/app.tgz`])).toContain("proved  file");
    expect((await readdir(join(place.dir, "release"))).filter((name) => name.endsWith(".draft"))).toEqual([]);
    outcomes.push(
      `${moment.join(" ")}: ${killed ? "killed" : "ended before"}, ${there ? "published" : "not published"}`,
    );
  }
  console.info(outcomes.join("; "));
  // Which of them came too late depends on the machine; that a kill met something does not.
  expect(outcomes.filter((text) => text.includes("killed"))).not.toEqual([]);
});

test("two publishers release one version at once: one wins and the other is told; the same content is no quarrel", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await mkdir(join(place.dir, "other"));
  await writeFile(join(place.dir, "other/app.tgz"), "another build\n");
  const run = (file: string, out: string) =>
    place.tes(["release", `${ENTITY}@1.4.0`, file, "--key", "alice.key", "--out", out, "--json"]);
  const [one, other] = [run("dist/app.tgz", "a"), run("other/app.tgz", "b")];
  const exits = await Promise.all([one.exited, other.exited]);
  expect(exits.toSorted()).toEqual([0, 1]);
  const lost = exits[0] === 0 ? other : one;
  expect(JSON.parse(lost.stderr)).toMatchObject({ code: "release_exists" });
  const winner = exits[0] === 0 ? "dist/app.tgz" : "other/app.tgz";
  expect(
    await done(place, ["verify", winner, "--release", `${exits[0] === 0 ? "a" : "b"}/release.tes.json`]),
  ).toContain("proved");
  expect(await json(place, ["release", "list"])).toMatchObject({ releases: [{ files: 1 }] });

  await done(place, ["bump", ENTITY, "minor", "--yes", "--no-files"]);
  const same = (out: string) =>
    place.tes(["release", `${ENTITY}@1.5.0`, "dist/app.tgz", "--key", "alice.key", "--out", out, "--json"]);
  const runs = [same("c"), same("d")];
  expect(await Promise.all(runs.map(({ exited }) => exited))).toEqual([0, 0]);
  const seqs = runs.map(({ stdout }) => (JSON.parse(stdout) as { seq: number }).seq);
  expect(seqs[0]).toBe(seqs[1]);
  for (const out of ["c", "d"]) await done(place, ["verify", `${out}/release.tes.json`]);
});

test("a folder that another run of the same command finished first is this release's; any other one is not", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await writeFile(join(place.dir, "dist/app.tgz"), Buffer.alloc(FILE_BYTES, 1));
  const args = (file: string, out: string) => [
    "release",
    ENTITY,
    file,
    "--key",
    "alice.key",
    ...ELSEWHERE,
    "--out",
    out,
  ];
  await done(place, args("dist/app.tgz", "first/out"));
  await done(place, ["bump", ENTITY, "minor", "--yes", "--no-files"]);
  await done(place, args("dist/notes.txt", "other/out"));
  /** Runs the command; while it makes its folder, another one gets the name. */
  const overtaken = async (winner: string, out: string) => {
    await mkdir(join(place.dir, out));
    const watcher = watch(join(place.dir, out), () => {
      if (existsSync(join(place.dir, winner))) renameSync(join(place.dir, winner), join(place.dir, out, "out"));
    });
    const version = `${ENTITY}@1.4.0`;
    const run = place.tes([...args("dist/app.tgz", `${out}/out`), "--json"].with(1, version));
    const exit = await run.exited;
    watcher.close();
    expect(existsSync(join(place.dir, winner)), "nobody got in between").toBe(false);
    expect(await readdir(join(place.dir, out))).toEqual(["out"]);
    return { exit, said: JSON.parse(exit === 0 ? run.stdout : run.stderr) as unknown };
  };
  expect(await overtaken("first/out", "a")).toMatchObject({ exit: 0, said: { already: true, written: false } });
  expect(await overtaken("other/out", "b")).toMatchObject({
    exit: 1,
    said: { code: "file_exists", detail: expect.stringContaining("is published, its folder is not written") },
  });
});
