/**
 * SIGKILL under mixed load: nothing acknowledged is lost, nothing is written twice, no seen tree head is taken back, and
 * all that clients saw may have come of an authority that does one thing at a time.
 */

import { expect, test } from "vitest";
import { playRounds, type Round } from "./support/crash.ts";

/** Another seed is another five moments: TES_SEED=… npm test. The script kill-rounds plays many more. */
const SEED = process.env.TES_SEED ?? "suite";
const ROUNDS = 5;
/** What has to have happened, whatever the seed, for the rounds to say something. */
const KINDS = ["bump", "bump version_conflict", "declare", "mint", "revoke", "create", "state", "entity", "history"];

test(`${ROUNDS} rounds of SIGKILL at moments drawn from the seed ${JSON.stringify(SEED)}`, async () => {
  const played: Round[] = [];
  await playRounds(SEED, ROUNDS, (round) => void played.push(round));
  expect(played).toHaveLength(ROUNDS);
  // Each kind of process was killed, and somewhere an answer was on its way.
  expect(new Set(played.map(({ victim }) => victim)).size).toBe(3);
  expect(played.some(({ sent, answered }) => answered < sent)).toBe(true);
  const { seen, registries } = played.at(-1)!;
  expect(KINDS.filter((kind) => !seen.counts.has(kind))).toEqual([]);
  expect(registries).toBeGreaterThan(1);
});
