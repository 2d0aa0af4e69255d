/** OpenMetrics text as the page reads it, and what is drawn out of it. */

import { expect, test } from "vitest";
import { parseOpenMetrics, quantile, rate, readingOf } from "../../../src/dashboard/model/openmetrics.ts";

const TEXT = `# TYPE tes_log_size gauge
# HELP tes_log_size Statements in the log.
tes_log_size{registry="default"} 3
tes_subscribers{registry="default"} 7
tes_statements_total{registry="default",type="version.bumped"} 1
tes_answers_total{registry="default",route="state",status="200"} 1
tes_answers_total{registry="default",route="state",status="500"} 1
tes_signatures_total{registry="default",alg="ed25519",use="answer"} 1
tes_signing_seconds_count{registry="default"} 1
tes_signing_seconds_sum{registry="default"} 0.001
tes_key_cache_total{registry="default",result="hit"} 9
tes_key_cache_total{registry="default",result="miss"} 1
tes_answer_duration_seconds_bucket{registry="default",route="state",le="0.0025"} 0
tes_answer_duration_seconds_bucket{registry="default",route="state",le="0.005"} 1
tes_answer_duration_seconds_bucket{registry="default",route="state",le="0.25"} 2
tes_answer_duration_seconds_bucket{registry="default",route="state",le="+Inf"} 2
tes_answer_duration_seconds_sum{registry="default",route="state"} 0.204
tes_answer_duration_seconds_count{registry="default",route="state"} 2
# EOF
`;

test("what the authority writes is read", () => {
  const reading = readingOf(parseOpenMetrics(TEXT), 1);
  expect(reading).toMatchObject({
    answers: 2,
    failures: 1,
    signatures: 1,
    signing: 0.001,
    signedAnswers: 1,
    cacheHits: 9,
    cacheMisses: 1,
    statements: 1,
    subscribers: 7,
    timed: 2,
  });
  expect(quantile(reading.buckets, 0.5)).toBe(0.005);
  expect(quantile(new Map(), 0.5)).toBeUndefined();
});

test("labels may hold anything, and what is no sample is passed over", () => {
  expect(parseOpenMetrics('# TYPE a gauge\na{b="c\\"d\\\\,e=\\"",f="g"} 1\nnonsense\n# EOF\n')).toEqual([
    { name: "a", labels: { b: 'c"d\\,e="', f: "g" }, value: 1 },
  ]);
});

test("a counter that began anew has only what it counted since", () => {
  expect(rate(10, 30, 2_000)).toBe(10);
  expect(rate(30, 4, 2_000)).toBe(2);
});
