/** Medians and spreads, of a handful of rounds. */

export interface Spread {
  readonly median: number;
  /** First and third quartile: half of the rounds lie between them. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** The value below which a share of the sorted values lies, between neighbours in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)]!;
  const above = sorted[Math.ceil(at)]!;
  return below + (above - below) * (at - Math.floor(at));
}

/** @throws RangeError for no values, or one that is no number: a median of those would look like a measurement */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0 || !values.every(Number.isFinite)) throw new RangeError(`no spread of [${values}]`);
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    count: sorted.length,
  };
}

/** The same round's baseline over each subject's cost: 1 is as cheap as the baseline, 0.5 costs twice as much. */
export function shareOf(baseline: readonly number[], subject: readonly number[]): Spread {
  if (baseline.length !== subject.length) throw new RangeError("rounds come in pairs");
  return spreadOf(baseline.map((cost, round) => cost / subject[round]!));
}

/** Two or three significant digits: more would be noise. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** `0.81 (0.79–0.84)`. */
export const withSpread = ({ median, low, high }: Spread): string =>
  `${figure(median)} (${figure(low)}–${figure(high)})`;
