/** How long it takes to make a key and to audit one: printed, and held only against a ceiling that no machine misses. */

import { expect, test } from "vitest";
import { auditKey } from "../../../src/cli/keys/audit.ts";
import { generateMasterKey } from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";

const ROUNDS = 2_000;

function secondsPer(work: () => unknown): number {
  const times = Array.from({ length: 5 }, () => {
    const start = performance.now();
    for (let i = 0; i < ROUNDS; i++) work();
    return (performance.now() - start) / ROUNDS / 1_000;
  });
  return times.sort((a, b) => a - b)[2]!;
}

test("making and auditing a key take microseconds", () => {
  const key = new Secret(generateMasterKey().reveal());
  const made = secondsPer(generateMasterKey);
  const audited = secondsPer(() => auditKey(key));
  console.log(`generate ${made.toExponential(1)} s, audit ${audited.toExponential(1)} s, median of 5 times ${ROUNDS}`);
  expect(made).toBeLessThan(0.01);
  expect(audited).toBeLessThan(0.01);
});
