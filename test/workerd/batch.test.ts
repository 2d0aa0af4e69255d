/** How many commands one turn takes: the writer over a ledger that only counts. */

import { expect, test } from "vitest";
import { MAX_BATCH_COMMANDS } from "../../src/core/limits.ts";
import { EMPTY_ROOT } from "../../src/core/merkle.ts";
import type { Ledger, Write } from "../../src/worker/ledger.ts";
import { createMetrics } from "../../src/worker/metrics.ts";
import type { SigningKeys } from "../../src/worker/signing-key.ts";
import { createWriter } from "../../src/worker/writer.ts";

/** Submits so many writes at once, and gives how many each turn took. */
async function turnsFor(writes: number): Promise<number[]> {
  const turns: number[] = [];
  const ledger = {
    size: 0,
    root: () => EMPTY_ROOT,
    append: () => {
      turns[turns.length - 1]! += 1;
      return [];
    },
  } as unknown as Ledger;
  const writer = createWriter(ledger, {} as SigningKeys, async () => void turns.push(0), createMetrics());
  await Promise.all(Array.from({ length: writes }, () => writer.submit({} as Write)));
  return turns;
}

test("as many as are allowed are decided in one turn, and one more waits for the next", async () => {
  expect(await turnsFor(MAX_BATCH_COMMANDS)).toEqual([MAX_BATCH_COMMANDS]);
  expect(await turnsFor(MAX_BATCH_COMMANDS + 1)).toEqual([MAX_BATCH_COMMANDS, 1]);
  expect(await turnsFor(2 * MAX_BATCH_COMMANDS + 3)).toEqual([MAX_BATCH_COMMANDS, MAX_BATCH_COMMANDS, 3]);
});
