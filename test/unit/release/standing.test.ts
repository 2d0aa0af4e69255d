/** People leave: a release stays good while enough of those who signed it are publishers still. */

import { expect, test } from "vitest";
import { standingOf } from "../../../src/client/standing.ts";

const signed = (threshold: number, ...kids: string[]) => ({
  signers: kids.map((kid, seq) => ({ kid, x: "", seq })),
  publishers: { revision: 1, threshold, keys: 3, recovered: false },
});

test.each([
  ["all are there", signed(2, "a", "b"), 2, ["a", "b", "c"], [], true],
  ["the only one has left", signed(1, "a"), 1, ["b"], ["a"], false],
  ["one of two has left, and both had to sign", signed(2, "a", "b"), 2, ["a", "c"], ["b"], false],
  ["one of two has left, and one is enough today", signed(2, "a", "b"), 1, ["a"], ["b"], true],
  ["one of two has left, and one was enough then", signed(1, "a", "b"), 2, ["a", "c"], ["b"], true],
  ["all have left, whatever is enough", signed(1, "a", "b"), 1, ["c"], ["a", "b"], false],
])("%s", (_, release, threshold, kids, removed, enough) => {
  const standing = standingOf(release, { revision: 2, threshold, kids });
  expect(standing.removed).toEqual(removed);
  expect(standing.remaining >= standing.required).toBe(enough);
});
