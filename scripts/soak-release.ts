/**
 * A large file released and verified by the command line. Run: bun scripts/soak-release.ts [--gigabytes 5]
 *
 * The file is sparse: it takes no room, but every byte of it is hashed and sent. Prints what the command line and workerd
 * held above idle, and stops with 1 when it was more than 128 MiB.
 */

import { open } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { measured, peakOf } from "../test/e2e/support/memory.ts";
import { makePlace } from "../test/e2e/support/place.ts";
import { beginReleases, ENTITY } from "../test/e2e/support/releases.ts";

const { values } = parseArgs({ options: { gigabytes: { type: "string", default: "5" } } });
const size = Math.floor(Number(values.gigabytes) * 1e9) + 12_345;
const MIB = 1_048_576;
const MAX_ABOVE_IDLE = 128 * MIB;

await using place = await makePlace();
const { authority } = await beginReleases(place);
const path = join(place.dir, "dist/large.bin");
const file = await open(path, "w");
await file.truncate(size);
await file.write(Buffer.from("the end"), 0, 7, size - 7);
await file.close();

const idle = (await measured(place, ["release", "list"])).peak;
const idleWorkerd = peakOf(authority.pids.workerd);
const released = await measured(place, ["release", ENTITY, path, "--key", "alice.key", "--no-copy", "--out", "out"]);
const verified = await measured(place, ["verify", path, "--release", "out/release.tes.json"]);
const above = {
  release: released.peak - idle,
  verify: verified.peak - idle,
  workerd: peakOf(authority.pids.workerd) - idleWorkerd,
};
for (const [name, bytes] of Object.entries(above)) {
  console.log(`${name} of ${size} bytes: ${Math.round(bytes / MIB)} MiB above idle`);
  if (bytes > MAX_ABOVE_IDLE) process.exitCode = 1;
}
await authority.stop();
