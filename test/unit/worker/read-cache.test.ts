import { expect, test } from "vitest";
import { utf8 } from "../../../src/core/bytes.ts";
import type { Answer } from "../../../src/worker/ask.ts";
import {
  CACHE_LIFETIME_MS,
  CACHE_REFRESH_MS,
  createReadCache,
  MAX_CACHED_ANSWERS,
  MAX_CACHED_BYTES,
} from "../../../src/worker/read-cache.ts";

const answer = (body: string, size = 1): Answer => ({
  status: 200,
  headers: { "content-type": "application/json", signature: "s" },
  body: utf8(body),
  shared: { size },
});
const URL_A = "https://tes.test/v1/default";

test("an answer is given out byte for byte, with its headers, until it is a second old", async () => {
  const cache = createReadCache();
  cache.keep("GET", URL_A, answer("one"), 0);
  const kept = cache.find("GET", URL_A, 0, CACHE_REFRESH_MS - 1)!;
  expect([kept.status, await kept.text(), kept.headers.get("signature")]).toEqual([200, "one", "s"]);
  expect(cache.find("GET", URL_A, 0, CACHE_LIFETIME_MS)).toBeUndefined();
  expect([cache.count, cache.bytes]).toEqual([0, 0]);
});

test("from half its life on one request fetches a fresh one, and the others still get the old", () => {
  const cache = createReadCache();
  cache.keep("GET", URL_A, answer("one"), 0);
  const found = [0, 1, 2].map(() => cache.find("GET", URL_A, 0, CACHE_REFRESH_MS) !== undefined);
  expect(found).toEqual([false, true, true]);
  cache.keep("GET", URL_A, answer("two"), CACHE_REFRESH_MS + 1);
  expect(cache.find("GET", URL_A, 0, CACHE_LIFETIME_MS)).toBeDefined();
  expect(cache.count).toBe(1);
});

test("method, host, path and query are all part of the key", () => {
  const cache = createReadCache();
  cache.keep("GET", URL_A, answer("one"), 0);
  for (const [method, url] of [
    ["HEAD", URL_A],
    ["GET", `${URL_A}?`],
    ["GET", `${URL_A}?size=1`],
    ["GET", URL_A.replace("tes.test", "evil.test")],
    ["GET", URL_A.replace("https", "http")],
    ["GET", `${URL_A}/`],
  ] as const) {
    expect(cache.find(method, url, 0, 0), `${method} ${url}`).toBeUndefined();
  }
});

test("who has seen more gets no older answer, and a clock that goes back makes none younger", () => {
  const cache = createReadCache();
  cache.keep("GET", URL_A, answer("one", 5), 100);
  expect(cache.find("GET", URL_A, 6, 100)).toBeUndefined();
  expect(cache.find("GET", URL_A, 5, 100)).toBeDefined();
  expect(cache.find("GET", URL_A, 0, 99)).toBeUndefined();
});

test("what is not for everyone is not kept", () => {
  const cache = createReadCache();
  const { shared: _, ...own } = answer("mine");
  cache.keep("GET", URL_A, own, 0);
  cache.keep("GET", `${URL_A}/big`, answer("x".repeat(MAX_CACHED_BYTES / 8 + 1)), 0);
  expect(cache.count).toBe(0);
  cache.keep("GET", `${URL_A}/big`, answer("x".repeat(MAX_CACHED_BYTES / 8)), 0);
  expect(cache.count).toBe(1);
});

test("it holds so many answers and so many bytes, and lets go of the oldest", () => {
  const many = createReadCache();
  for (let i = 0; i <= MAX_CACHED_ANSWERS; i++) many.keep("GET", `${URL_A}/${i}`, answer("x"), 0);
  expect(many.count).toBe(MAX_CACHED_ANSWERS);
  expect(many.find("GET", `${URL_A}/0`, 0, 0)).toBeUndefined();
  expect(many.find("GET", `${URL_A}/1`, 0, 0)).toBeDefined();
  const large = createReadCache();
  const body = "x".repeat(MAX_CACHED_BYTES / 8);
  for (let i = 0; i < 9; i++) large.keep("GET", `${URL_A}/${i}`, answer(body), 0);
  expect([large.count, large.bytes]).toEqual([8, MAX_CACHED_BYTES]);
});
