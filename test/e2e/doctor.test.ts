/** `tes doctor` where somebody put another key in the place of the signing key. */

import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { serve } from "./support/authority.ts";
import { keyOf } from "./support/keys.ts";
import { makePlace, type Place } from "./support/place.ts";
import { done } from "./support/releases.ts";

describe("tes doctor and the signing key", () => {
  const wrong =
    /^error +signing key: .*signing\.key is not the key of (\S+): it makes the log key \S+, and the log names/gm;
  const look = async (place: Place) => {
    const run = place.tes(["doctor"]);
    const exit = await run.exited;
    return { exit, said: run.stdout, wrong: [...run.stdout.matchAll(wrong)].map(([, registry]) => registry) };
  };

  test("another key in its place is noticed, whether the authority runs or not, before anything fails", async () => {
    await using place = await makePlace();
    await writeFile(join(place.dir, "package.json"), '{"version":"1.4.0"}');
    await done(place, ["init"]);
    const file = join(place.dir, ".tes/signing.key");
    const first = await serve(place, { data: ".tes" });
    await done(place, ["registry", "create", "mobile"]);
    expect(await look(place)).toMatchObject({ exit: 0, wrong: [] });
    const own = await readFile(file, "utf8");
    await writeFile(file, `${keyOf("another").hex}\n`);
    const running = await look(place);
    expect(running).toMatchObject({ exit: 1, wrong: ["default"] });
    expect(running.said).toMatch(/What runs still holds the right one/);
    expect(running.said).toContain("(signing_key_mismatch)");
    // What only the journal has when it is killed counts as well, and looking leaves everything as it lies.
    const { tes, workerd } = JSON.parse(await readFile(join(place.dir, ".tes/lock"), "utf8")) as Record<
      "tes" | "workerd",
      { pid: number }
    >;
    for (const { pid } of [tes, workerd]) process.kill(pid, "SIGKILL");
    await first.run.exited;
    const objects = join(place.dir, ".tes/do/tes-VersionManagementDO");
    const before = await readdir(objects);
    const journals = before.filter((name) => name.endsWith("-wal")).map((name) => stat(join(objects, name)));
    expect(Math.max(...(await Promise.all(journals)).map(({ size }) => size))).toBeGreaterThan(0);
    expect(await look(place)).toMatchObject({ exit: 1, wrong: ["default", "mobile"] });
    expect(await readdir(objects)).toEqual(before);
    const rotated = place.tes(["doctor"], { env: { VERSION_SIGNING_KEY_V2: own.trim() } });
    expect(await rotated.exited, rotated.stdout).toBe(0);
    const second = await serve(place, { data: ".tes" });
    expect(await look(place)).toMatchObject({ exit: 1, wrong: ["default", "mobile"] });
    await second.stop();
    await writeFile(file, own);
    const after = await look(place);
    expect(after).toMatchObject({ exit: 0, wrong: [] });
    expect(after.said).toContain("is the one that the log of mobile names");
  });
});
