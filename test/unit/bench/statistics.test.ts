/** The arithmetic behind every measured figure. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { figure, shareOf, spreadOf, withSpread } from "../../../bench/statistics.ts";

describe("a spread", () => {
  test("of an odd and an even number of rounds", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, low: 1.5, high: 2.5, count: 3 });
    expect(spreadOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25, count: 4 });
    expect(spreadOf([5])).toEqual({ median: 5, low: 5, high: 5, count: 1 });
  });

  test("sorts by size, not as text, and leaves its input as it was", () => {
    const values = [100, 9, 20];
    expect(spreadOf(values).median).toBe(20);
    expect(values).toEqual([100, 9, 20]);
  });

  test("one round that went wrong moves the median by no more than a neighbour", () => {
    expect(spreadOf([1, 1, 1, 1, 1, 1, 1_000]).median).toBe(1);
  });

  test("of nothing, or of what is no number, is refused", () => {
    for (const values of [[], [1, Number.NaN], [Number.POSITIVE_INFINITY]]) {
      expect(() => spreadOf(values)).toThrow(RangeError);
    }
  });

  test("the quartiles hold the median, and all lie within the values", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 }), (values) => {
        const { low, median, high } = spreadOf(values);
        expect(Math.min(...values)).toBeLessThanOrEqual(low);
        expect(low).toBeLessThanOrEqual(median);
        expect(median).toBeLessThanOrEqual(high);
        expect(high).toBeLessThanOrEqual(Math.max(...values));
      }),
      { numRuns: 200 },
    );
  });
});

describe("a share of the baseline", () => {
  test("is taken round by round: a slow round slows both", () => {
    // Twice the cost in each round; a machine that got ten times busier in between changes nothing.
    expect(shareOf([1, 10, 1], [2, 20, 2])).toEqual({ median: 0.5, low: 0.5, high: 0.5, count: 3 });
  });

  test("needs as many rounds of both", () => {
    expect(() => shareOf([1, 2], [1])).toThrow(RangeError);
  });
});

test("figures keep two or three digits", () => {
  expect([0.014, 0.8149, 9.999, 12.34, 99.96, 1234.5].map(figure)).toEqual([
    "0.01",
    "0.81",
    "10.00",
    "12.3",
    "100.0",
    "1,235",
  ]);
  expect(withSpread({ median: 0.8, low: 0.75, high: 0.9, count: 7 })).toBe("0.80 (0.75–0.90)");
});
