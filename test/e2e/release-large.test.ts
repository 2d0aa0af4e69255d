/** A file of 64 MiB, released and verified: neither the command line nor workerd holds it in memory. */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { measured, peakOf } from "./support/memory.ts";
import { makePlace } from "./support/place.ts";
import { beginReleases, done, ENTITY, FOLDER } from "./support/releases.ts";

const MIB = 1_048_576;
const FILE_BYTES = 64 * MIB;
const MOST_ABOVE_IDLE = 128 * MIB;
const noProc = process.platform === "linux" ? null : "there is no /proc here to read memory from";
if (noProc !== null) console.warn(`Not run: ${noProc}.`);

test.skipIf(noProc !== null)(
  "64 MiB are released and verified within 128 MiB above what an idle process holds",
  async () => {
    await using place = await makePlace();
    const { authority } = await beginReleases(place);
    const file = await open(join(place.dir, "dist/large.bin"), "w");
    // Not sparse, and no two pages the same: nothing may be saved on it.
    for (let i = 0; i < FILE_BYTES / MIB; i++) await file.write(Buffer.alloc(MIB, `page ${i} `));
    await file.close();
    const idle = (await measured(place, ["release", "list"])).peak;
    const workerd = authority.pids.workerd;
    const idleWorkerd = peakOf(workerd);
    const released = await measured(place, ["release", ENTITY, "dist/large.bin", "--key", "alice.key", "--json"]);
    expect(JSON.parse(released.stdout)).toMatchObject({ uploaded: FILE_BYTES });
    const verified = await measured(place, ["verify", `${FOLDER}/large.bin`]);
    expect(verified.stdout).toContain("64.0 MiB, is of this release");
    const above = (peak: number, before: number) => `${Math.round((peak - before) / MIB)} MiB above idle`;
    console.info(
      `release ${above(released.peak, idle)}, verify ${above(verified.peak, idle)}, workerd ${above(peakOf(workerd), idleWorkerd)}`,
    );
    expect(released.peak - idle).toBeLessThan(MOST_ABOVE_IDLE);
    expect(verified.peak - idle).toBeLessThan(MOST_ABOVE_IDLE);
    expect(peakOf(workerd) - idleWorkerd).toBeLessThan(MOST_ABOVE_IDLE);
    // A second run sends nothing.
    expect(await done(place, ["release", ENTITY, "dist/large.bin", "--key", "alice.key"])).toContain("before");
  },
);
