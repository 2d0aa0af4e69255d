/** SIGKILL under load: nothing acknowledged is lost, nothing is written twice, and no seen tree head is taken back. */

import { expect, test } from "vitest";
import { playRounds, type Round } from "./support/crash.ts";

/** Another seed is another five moments: TES_SEED=… npm test. The script kill-rounds plays many more. */
const SEED = process.env.TES_SEED ?? "suite";
const ROUNDS = 5;

test(`${ROUNDS} rounds of SIGKILL at moments drawn from the seed ${JSON.stringify(SEED)}`, async () => {
  const played: Round[] = [];
  await playRounds(SEED, ROUNDS, (round) => void played.push(round));
  expect(played).toHaveLength(ROUNDS);
  // Each kind of process was killed, and somewhere an answer was on its way.
  expect(new Set(played.map(({ victim }) => victim)).size).toBe(3);
  expect(played.some(({ sent, acknowledged }) => acknowledged < sent)).toBe(true);
});
