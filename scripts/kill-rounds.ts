/**
 * Rounds of SIGKILL under load, as many as one likes. Run: npm run kill-rounds -- --rounds 50 --seed SEED
 *
 * The moments come from the seed; what is in flight then is up to the machine, so that a seed is tried again, not
 * replayed. Stops with 1 at the first thing that is not as promised.
 */

import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { playRounds } from "../test/e2e/support/crash.ts";

const { values } = parseArgs({ options: { seed: { type: "string" }, rounds: { type: "string", default: "50" } } });
const seed = values.seed ?? randomBytes(4).toString("hex");
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error("--rounds takes a whole number from 1");

console.log(`seed ${seed}, ${rounds} rounds`);
const began = performance.now();
const total = { sent: 0, acknowledged: 0, writtenUnheard: 0, heads: 0 };
try {
  await playRounds(seed, rounds, (round) => {
    const { number, victim, moment, sent, acknowledged, writtenUnheard, heads, size } = round;
    total.sent += sent;
    total.acknowledged += acknowledged;
    total.writtenUnheard += writtenUnheard;
    total.heads += heads;
    console.log(
      `${String(number + 1).padStart(3)}  ${victim.padEnd(8)}  at ${moment.padEnd(18)}  sent ${sent}, acknowledged ` +
        `${acknowledged}, written unheard ${writtenUnheard}, heads seen ${heads}, log ${size}`,
    );
  });
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `held: ${rounds} rounds in ${seconds} s, ${total.sent} writes, ${total.acknowledged} acknowledged before a kill, ` +
      `${total.writtenUnheard} written but unheard, ${total.heads} tree heads seen; none lost, none twice`,
  );
} catch (thrown) {
  console.error(`broken under the seed ${seed}:`, thrown);
  process.exitCode = 1;
}
