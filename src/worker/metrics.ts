/** Counters since the object started, as OpenMetrics text (openmetrics.io, 1.0). */

import { utf8 } from "../core/bytes.ts";
import type { Saying } from "./sign-response.ts";

export const METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Upper bounds in seconds. A deployed Worker's clock stands still between I/O, so the small ones fill up there. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** What is true now and not counted here. */
export interface Gauges {
  readonly registry: string;
  readonly size: number;
  readonly entities: number;
  /** Open sockets. */
  readonly subscribers: number;
  readonly keyCache: { readonly hits: number; readonly misses: number };
  readonly rows: { readonly read: number; readonly written: number };
}

export interface Metrics {
  answered(route: string, status: number, seconds: number): void;
  signed(algorithm: "hmac-sha256" | "ed25519", use: "answer" | "checkpoint"): void;
  /** How long both signatures of an answer took together. */
  took(seconds: number): void;
  wrote(type: string): void;
  say(gauges: Gauges): Saying;
}

export function createMetrics(): Metrics {
  const answers = new Map<string, number>();
  const durations = new Map<string, Histogram>();
  const signatures = new Map<string, number>();
  const statements = new Map<string, number>();
  const signing = { sum: 0, count: 0 };
  const add = (map: Map<string, number>, labels: string) => map.set(labels, (map.get(labels) ?? 0) + 1);

  return {
    answered(route, status, seconds) {
      add(answers, `route="${route}",status="${status}"`);
      const labels = `route="${route}"`;
      const histogram = durations.get(labels) ?? { counts: BUCKETS_S.map(() => 0), sum: 0, count: 0 };
      durations.set(labels, histogram);
      const bucket = BUCKETS_S.findIndex((bound) => seconds <= bound);
      if (bucket >= 0) histogram.counts[bucket]!++;
      histogram.sum += seconds;
      histogram.count++;
    },
    signed: (algorithm, use) => void add(signatures, `alg="${algorithm}",use="${use}"`),
    took(seconds) {
      signing.sum += seconds;
      signing.count++;
    },
    wrote: (type) => void add(statements, `type="${type}"`),
    say({ registry, size, entities, subscribers, keyCache, rows }) {
      const lines: string[] = [];
      const family = (name: string, type: string, help: string) =>
        lines.push(`# TYPE ${name} ${type}`, `# HELP ${name} ${help}`);
      const sample = (name: string, labels: string, value: number) =>
        lines.push(`${name}{registry="${registry}"${labels === "" ? "" : `,${labels}`}} ${value}`);
      const counters = (name: string, map: ReadonlyMap<string, number>) => {
        for (const [labels, value] of map) sample(`${name}_total`, labels, value);
      };
      family("tes_log_size", "gauge", "Statements in the log.");
      sample("tes_log_size", "", size);
      family("tes_entities", "gauge", "Entities in use.");
      sample("tes_entities", "", entities);
      family("tes_subscribers", "gauge", "Open sockets.");
      sample("tes_subscribers", "", subscribers);
      family("tes_statements", "counter", "Statements written.");
      counters("tes_statements", statements);
      family("tes_answers", "counter", "Signed answers.");
      counters("tes_answers", answers);
      family("tes_signatures", "counter", "Signatures made.");
      counters("tes_signatures", signatures);
      family("tes_signing_seconds", "summary", "Both signatures of an answer together.");
      sample("tes_signing_seconds_count", "", signing.count);
      sample("tes_signing_seconds_sum", "", signing.sum);
      family("tes_key_cache", "counter", "Requests for the signing key, by whether it was in memory.");
      sample("tes_key_cache_total", 'result="hit"', keyCache.hits);
      sample("tes_key_cache_total", 'result="miss"', keyCache.misses);
      family("tes_rows", "counter", "Rows of storage read and written.");
      sample("tes_rows_total", 'kind="read"', rows.read);
      sample("tes_rows_total", 'kind="written"', rows.written);
      family("tes_answer_duration_seconds", "histogram", "From the request's arrival at the object to its answer.");
      for (const [labels, { counts, sum, count }] of durations) {
        let upTo = 0;
        for (const [i, bound] of BUCKETS_S.entries()) {
          upTo += counts[i]!;
          sample("tes_answer_duration_seconds_bucket", `${labels},le="${bound}"`, upTo);
        }
        sample("tes_answer_duration_seconds_bucket", `${labels},le="+Inf"`, count);
        sample("tes_answer_duration_seconds_sum", labels, sum);
        sample("tes_answer_duration_seconds_count", labels, count);
      }
      lines.push("# EOF");
      return { status: 200, type: METRICS_TYPE, body: utf8(`${lines.join("\n")}\n`) };
    },
  };
}
