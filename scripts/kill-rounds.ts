/**
 * Rounds of SIGKILL under mixed load, as many as one likes. Run: npm run kill-rounds -- --rounds 50 --seed SEED
 *
 * The moments come from the seed; what is in flight then is up to the machine, so that a seed is tried again, not
 * replayed. Stops with 1 at the first thing that is not as promised.
 */

import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { playRounds, ROUNDS_PER_LOG } from "../test/e2e/support/crash.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, rounds: { type: "string", default: "50" } } });
const seed = values.seed ?? randomBytes(4).toString("hex");
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1");

console.log(`seed ${seed}, ${rounds} rounds`);
const began = performance.now();
const total = { sent: 0, answered: 0, writtenUnheard: 0, heads: 0 };
/** What came of all calls, by kind: of the last round on each data directory, which counts those before it. */
const kinds = new Map<string, number>();
let lastSeen: ReadonlyMap<string, number> = new Map();
let lastSize = 0;
let statements = 0;
const addUp = () => {
  statements += lastSize;
  for (const [kind, count] of lastSeen) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
};
try {
  await playRounds(seed, rounds, (round) => {
    const { number, victim, moment, clients, sent, answered, writtenUnheard, heads, registries, size, seen } = round;
    if (number > 0 && number % ROUNDS_PER_LOG === 0) addUp();
    lastSize = size;
    lastSeen = seen.counts;
    total.sent += sent;
    total.answered += answered;
    total.writtenUnheard += writtenUnheard;
    total.heads += heads;
    console.log(
      `${String(number + 1).padStart(3)}  ${victim.padEnd(8)}  at ${moment.padEnd(18)}  ${clients} clients, sent ${sent}, ` +
        `answered ${answered}, written unheard ${writtenUnheard}, heads seen ${heads}, registries ${registries}, ` +
        `statements ${size}`,
    );
  });
  addUp();
  for (const kind of [...kinds.keys()].sort()) console.log(`${String(kinds.get(kind)).padStart(8)}  ${kind}`);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `held: ${rounds} rounds in ${seconds} s, ${total.sent} calls under load, ${total.answered} answered before a kill, ` +
      `${statements} statements, ${total.writtenUnheard} of them written but unheard, ${total.heads} tree heads seen; ` +
      "every history is linearizable, nothing lost, nothing twice",
  );
} catch (thrown) {
  console.error(`broken under the seed ${seed}:`, thrown);
  process.exitCode = 1;
}
