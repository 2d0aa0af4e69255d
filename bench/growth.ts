/** What an append takes on a long log and on a short one. Counted, not timed. */

import { join } from "node:path";
import type { BunPlugin } from "bun";
import type { Bench, Line } from "./bench.ts";
import { startBenchWorker } from "./workerd.ts";

const SMALL = 1_000;
const LARGE = 1_000_000;
const LARGE_QUICK = 70_000;
/** Two sealed tiles, wherever one begins. */
const APPENDS = 512;
const FILL_STEP = 25_000;
const MAX_GROWTH = 1.2;
const COUNTED = join(import.meta.dirname, "workers/counted-sha2.ts");

/** Every hash of the bundle passes through bench/workers/counted-sha2.ts. */
const countHashes: BunPlugin = {
  name: "count-hashes",
  setup(build) {
    build.onResolve({ filter: /^@noble\/hashes\/sha2\.js$/ }, ({ importer }) =>
      importer === COUNTED ? undefined : { path: COUNTED },
    );
  },
};

interface Count {
  readonly read: number;
  readonly written: number;
  readonly hashes: number;
  readonly hashedBytes: number;
}

type Counts = Readonly<Record<"append" | "proof", Count>>;

const each = (sum: number): number => sum / APPENDS;

function compare(what: string, small: number, large: number, aimed: boolean): Line {
  const growth = small === 0 && large === 0 ? 1 : large / small;
  return {
    what,
    value: `${growth.toFixed(2)} times`,
    ...(aimed ? { aim: `≤ ${MAX_GROWTH} times`, met: growth <= MAX_GROWTH } : {}),
    beside: `${each(small).toFixed(2)}, then ${each(large).toFixed(2)} each`,
  };
}

export const growth: Bench = {
  name: "growth",
  title: "Growth",
  method: `Rows and hashes of ${APPENDS} bumps, one a turn, on a log of 10^3 statements and then on one of 10^6, as SQLite and a counting SHA-256 count them in a Durable Object on disk. An append is the look-up of its key, the statement, the tiles it seals and the rows it changes. The receipt's proof and the root under its checkpoint are hashed beside it, once for all that share a turn.`,
  async run({ effort, note }) {
    await using worker = await startBenchWorker({ entry: "growth.ts", object: true, plugins: [countHashes] });
    const counts = async (size: number): Promise<Counts> => {
      let filled = 0;
      while (filled < size) {
        const next = Math.min(size, filled + FILL_STEP);
        filled = Number(await worker.get(`/fill/${next}`));
        if (filled % (10 * FILL_STEP) === 0) note(`growth, ${filled} statements`);
      }
      return JSON.parse(await worker.get(`/append/${APPENDS}`)) as Counts;
    };
    const small = await counts(SMALL);
    const large = await counts(effort.quick ? LARGE_QUICK : LARGE);
    return [
      compare("rows written by an append", small.append.written, large.append.written, true),
      compare("rows read by an append", small.append.read, large.append.read, true),
      compare("hashes of an append", small.append.hashes, large.append.hashes, true),
      compare("bytes hashed by an append", small.append.hashedBytes, large.append.hashedBytes, true),
      compare("hashes of a turn's proof and root", small.proof.hashes, large.proof.hashes, false),
      compare("rows read for a turn's proof and root", small.proof.read, large.proof.read, false),
    ];
  },
};
