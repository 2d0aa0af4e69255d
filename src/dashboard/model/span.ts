/** The part of time that a chart shows. */

/** The least that is shown, seconds. */
const SPAN_S = 120;

/**
 * From the first reading to the last, and at least {@link SPAN_S}. Taken from the readings themselves: of a single one the
 * chart library makes a day.
 *
 * @param times seconds, oldest first
 */
export function spanOf(times: readonly number[]): [from: number, to: number] {
  const [first = 0, last = first] = [times[0], times.at(-1)];
  return [Math.min(first, last - SPAN_S), last];
}
