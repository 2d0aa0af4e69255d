import { expect, test } from "vitest";
import { ADDRESS_RATE, addressOf, createBuckets, MAX_BUCKETS, parseRate } from "../../../src/worker/bucket.ts";

test("a bucket gives its burst at once, then so many a second, and says how long to wait", () => {
  const buckets = createBuckets({ burst: 3, perSecond: 2 });
  const take = (now: number) => buckets.take("a", now);
  expect([take(0), take(0), take(0)]).toEqual([0, 0, 0]);
  expect(take(0)).toBe(1);
  expect(take(499)).toBe(1);
  expect(take(500)).toBe(0);
  expect(take(500)).toBe(1);
  // Never more than the burst, however long it was quiet.
  expect([1, 2, 3, 4].map(() => take(1_000_000))).toEqual([0, 0, 0, 1]);
  // Another one has its own.
  expect(buckets.take("b", 1_000_000)).toBe(0);
});

test("a slow bucket says whole seconds, and a clock that goes back gives nothing", () => {
  const buckets = createBuckets({ burst: 1, perSecond: 1 });
  expect(buckets.take("a", 10_000)).toBe(0);
  expect(buckets.take("a", 0)).toBe(1);
  expect(createBuckets(null).take("a", 0)).toBe(0);
});

test("so many are remembered and not one more: the one seen longest ago is forgotten", () => {
  const buckets = createBuckets({ burst: 1, perSecond: 1 });
  for (let i = 0; i < MAX_BUCKETS; i++) buckets.take(`k${i}`, 0);
  expect(buckets.take("k0", 0)).toBe(1);
  buckets.take("one more", 0);
  // k1 was the oldest by then; k0 has just been seen.
  expect(buckets.take("k1", 0)).toBe(0);
  expect(buckets.take("k0", 0)).toBe(1);
});

test.each([
  ["400/100", { burst: 400, perSecond: 100 }],
  ["off", null],
  [undefined, ADDRESS_RATE],
  ["", ADDRESS_RATE],
  ["0/1", ADDRESS_RATE],
  ["1/0", ADDRESS_RATE],
  ["-1/5", ADDRESS_RATE],
  ["1e9/1", ADDRESS_RATE],
  ["OFF", ADDRESS_RATE],
])("the rate %s", (text, expected) => {
  expect(parseRate(text, ADDRESS_RATE)).toEqual(expected);
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::", "2001:db8:1:2::/64"],
  ["::1", "0:0:0:0::/64"],
  ["2001:db8::1", "2001:db8:0:0::/64"],
  ["x".repeat(1_000), "x".repeat(64)],
])("the address %s counts as %s", (text, expected) => {
  expect(addressOf(text)).toBe(expected);
});
