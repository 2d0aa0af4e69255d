/**
 * A large file up and down through an authority of its own, killed and damaged on the way. Run: bun
 * scripts/soak-artifacts.ts [--gigabytes 5] [--minutes 20] [--seed SEED]; Bun, since the command line runs on it.
 *
 * The file is sparse: it takes no room, but every byte of it is sent. Prints workerd's and this process's memory above
 * idle, and stops with 1 at the first thing that is not as promised, or when the time is over.
 */

import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, readdir, readFile, statfs } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient, type TesClient, TesError } from "../src/client/index.ts";
import { ARTIFACT_PART_BYTES } from "../src/core/limits.ts";
import { prepareData, type Served, serve } from "../test/e2e/support/authority.ts";
import { rollDice } from "../test/e2e/support/dice.ts";
import { keyOf, mintToken } from "../test/e2e/support/keys.ts";
import { makePlace, noneLeftIn } from "../test/e2e/support/place.ts";

const { values } = parseArgs({
  options: {
    gigabytes: { type: "string", default: "5" },
    minutes: { type: "string", default: "20" },
    seed: { type: "string" },
  },
});
const seed = values.seed ?? randomBytes(4).toString("hex");
const [GIGABYTES, MINUTES] = [Number(values.gigabytes), Number(values.minutes)];
if (!(GIGABYTES > 0) || !(MINUTES > 0)) throw new Error("--gigabytes and --minutes take numbers above 0");
/** Not a whole number of parts. */
const SIZE = Math.floor(GIGABYTES * 1e9) + 12_345;
const MIB = 1_048_576;
const MAX_ABOVE_IDLE = 128 * MIB;
/** Places in the file that are not zero. */
const MARKS = 1_000;

const limit = setTimeout(() => {
  console.error(`not done after ${MINUTES} minutes (seed ${seed})`);
  process.exit(1);
}, MINUTES * 60_000);
const dice = rollDice(seed);
console.log(`seed ${seed}, ${SIZE} bytes`);

async function rssOf(pid: number | "self"): Promise<number> {
  return Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(`${what} (seed ${seed})`);
}

async function sparse(path: string): Promise<{ file: FileHandle; sha256: string }> {
  const file = await open(path, "wx+");
  await file.truncate(SIZE);
  for (let i = 0; i < MARKS; i++) {
    await file.write(Uint8Array.of(dice.between(1, 255)), 0, 1, dice.between(0, SIZE - 1));
  }
  const hash = createHash("sha256");
  for await (const chunk of file.createReadStream({ autoClose: false, start: 0, highWaterMark: MIB })) {
    hash.update(chunk as Uint8Array);
  }
  return { file, sha256: hash.digest("hex") };
}

/** Watches how far memory rises above where it was. */
function watchMemory(pid: () => number, idle: Record<"workerd" | "client", number>) {
  const above = { workerd: 0, client: 0 };
  const timer = setInterval(async () => {
    const [workerd, client] = await Promise.all([rssOf(pid()).catch(() => 0), rssOf("self")]);
    above.workerd = Math.max(above.workerd, workerd - idle.workerd);
    above.client = Math.max(above.client, client - idle.client);
  }, 50);
  return { above, stop: () => clearInterval(timer) };
}

await using place = await makePlace();
const room = await statfs(place.dir);
const free = room.bavail * room.bsize;
expect(free > SIZE + 256 * MIB, `${SIZE} bytes do not fit: ${free} are free at ${place.dir}`);
const signing = keyOf(`${seed} soak artifacts`);
await prepareData(place, { signing, recovery: keyOf(`${seed} soak artifacts recovery`) });
const token = mintToken(signing);
let authority: Served;
let client: TesClient;
const start = async (): Promise<void> => {
  authority = await serve(place);
  client = createClient({ url: authority.url, token, trustFirst: true, attempts: 1 });
  await client.trust();
};
await start();
try {
  const { file, sha256 } = await sparse(join(place.dir, "large.bin"));
  const parts = Math.ceil(SIZE / ARTIFACT_PART_BYTES);
  const killAt = dice.between(2, parts);
  const idle = { workerd: await rssOf(authority!.pids.workerd), client: await rssOf("self") };
  const memory = watchMemory(() => authority.pids.workerd, idle);
  const reads = new Set<number>();
  const buffer = new Uint8Array(ARTIFACT_PART_BYTES);
  const source = (onPart: (n: number) => void) => ({
    sha256,
    size: SIZE,
    read: async (from: number, to: number) => {
      const n = from / ARTIFACT_PART_BYTES + 1;
      onPart(n);
      const bytes = buffer.subarray(0, to - from);
      await file.read(bytes, 0, bytes.length, from);
      return bytes;
    },
  });
  const began = performance.now();
  const cut = await client!
    .upload(
      source((n) => {
        reads.add(n);
        if (n === killAt) authority.kill("workerd");
      }),
    )
    .catch((thrown: unknown) => thrown);
  expect(cut instanceof TesError && cut.code === "authority_unreachable", `killed at part ${killAt}, and it went on`);
  await authority!.run.exited;
  await noneLeftIn(place.dir);
  await start();
  const again: number[] = [];
  const done = await client!.upload(source((n) => void again.push(n)));
  expect(done.state === "stored", "the file is not stored");
  expect(Math.min(...again) === killAt, `part ${Math.min(...again)} was sent again, killed at ${killAt}`);
  console.log(`up, killed at part ${killAt} of ${parts}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  const hasher = () => {
    const hash = createHash("sha256");
    return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
  };
  const down = performance.now();
  let got = 0;
  for await (const piece of client!.download(sha256, SIZE, { hasher })) got += piece.length;
  expect(got === SIZE, `${got} bytes came down`);
  console.log(`down: ${((performance.now() - down) / 1000).toFixed(1)} s`);
  memory.stop();
  for (const [who, bytes] of Object.entries(memory.above)) {
    console.log(`${who}: ${(bytes / MIB).toFixed(0)} MiB above idle`);
    expect(bytes < MAX_ABOVE_IDLE, `${who} took more than ${MAX_ABOVE_IDLE / MIB} MiB`);
  }
  const root = join(place.dir, "data/artifacts");
  const stored = (await readdir(root, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  expect(stored.length === parts, `${stored.length} files lie in storage`);
  const victim = stored[dice.between(0, stored.length - 1)]!;
  const damaged = await open(join(victim.parentPath, victim.name), "r+");
  const at = dice.between(0, (await damaged.stat()).size - 1);
  const byte = new Uint8Array(1);
  await damaged.read(byte, 0, 1, at);
  await damaged.write(Uint8Array.of(byte[0]! ^ 1), 0, 1, at);
  await damaged.close();
  let passed = 0;
  const spoiled = await (async () => {
    for await (const piece of client!.download(sha256, SIZE, { hasher })) passed += piece.length;
  })().catch((thrown: unknown) => thrown);
  expect(spoiled instanceof TesError && passed < SIZE, `${passed} of ${SIZE} bytes came of a damaged file`);
  console.log(`damaged at byte ${at} of a part: it broke off`);
  await file.close();
} finally {
  await authority!.stop();
  clearTimeout(limit);
}
