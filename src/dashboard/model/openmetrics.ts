/** OpenMetrics text, as far as an authority writes it (openmetrics.io, 1.0). */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:\\.|[^"\\])*)"/g;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", '"': '"', "\\": "\\" };

/** Lines that are no sample are passed over. */
export function parseOpenMetrics(text: string): Sample[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = LINE.exec(line) ?? [];
    if (name === undefined || line.startsWith("#")) return [];
    const found: Record<string, string> = Object.create(null);
    for (const [, label, raw] of labels.matchAll(LABEL)) {
      found[label!] = raw!.replaceAll(/\\(.)/g, (_, char: string) => ESCAPES[char] ?? char);
    }
    return [{ name, labels: found, value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) }];
  });
}

/** One moment, boiled down to what is drawn. Counters count since the object started. */
export interface Reading {
  /** Milliseconds. */
  readonly at: number;
  readonly answers: number;
  readonly failures: number;
  readonly signatures: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly statements: number;
  /** Seconds in all signatures of answers together, and how many answers that were. */
  readonly signing: number;
  readonly signedAnswers: number;
  /** Seconds in all answers together, and how many they were. */
  readonly seconds: number;
  readonly timed: number;
  readonly subscribers: number | undefined;
  /** Upper bound in seconds to how many answers took no longer. */
  readonly buckets: ReadonlyMap<number, number>;
}

export function readingOf(samples: readonly Sample[], at: number): Reading {
  const sum = (name: string, fits: (labels: Sample["labels"]) => boolean = () => true): number =>
    samples.filter((one) => one.name === name && fits(one.labels)).reduce((total, { value }) => total + value, 0);
  const buckets = new Map<number, number>();
  for (const { name, labels, value } of samples) {
    if (name !== "tes_answer_duration_seconds_bucket" || labels.le === undefined) continue;
    const bound = labels.le === "+Inf" ? Number.POSITIVE_INFINITY : Number(labels.le);
    buckets.set(bound, (buckets.get(bound) ?? 0) + value);
  }
  const subscribers = samples.filter(({ name }) => name === "tes_subscribers");
  return {
    at,
    answers: sum("tes_answers_total"),
    failures: sum("tes_answers_total", ({ status }) => (status ?? "").startsWith("5")),
    signatures: sum("tes_signatures_total"),
    cacheHits: sum("tes_key_cache_total", ({ result }) => result === "hit"),
    cacheMisses: sum("tes_key_cache_total", ({ result }) => result === "miss"),
    statements: sum("tes_statements_total"),
    signing: sum("tes_signing_seconds_sum"),
    signedAnswers: sum("tes_signing_seconds_count"),
    seconds: sum("tes_answer_duration_seconds_sum"),
    timed: sum("tes_answer_duration_seconds_count"),
    subscribers: subscribers.length === 0 ? undefined : subscribers[0]!.value,
    buckets,
  };
}

/** What happened between two readings, each second. A counter that fell began anew: then all of it is new. */
export function rate(before: number, after: number, ms: number): number {
  return ((after >= before ? after - before : after) * 1000) / Math.max(1, ms);
}

/**
 * The time within which a share of the answers came, out of a histogram; straight between its bounds.
 *
 * @returns seconds, or undefined when there was none
 */
export function quantile(buckets: ReadonlyMap<number, number>, share: number): number | undefined {
  const bounds = [...buckets].sort(([a], [b]) => a - b);
  const total = bounds.at(-1)?.[1] ?? 0;
  if (total === 0) return undefined;
  let [lower, below] = [0, 0];
  for (const [bound, upTo] of bounds) {
    if (upTo >= share * total) {
      if (bound === Number.POSITIVE_INFINITY) return lower;
      return lower + ((bound - lower) * (share * total - below)) / Math.max(1, upTo - below);
    }
    [lower, below] = [bound, upTo];
  }
  return lower;
}
