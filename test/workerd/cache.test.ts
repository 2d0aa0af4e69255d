/** Answers from the Worker's memory: when, for whom, how old; and who may read them from another site. */

import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { VersionManagementDO } from "../../src/worker/version-management-do.ts";
import {
  type Asking,
  ask,
  configure,
  declare,
  type Exchange,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  openRegistry,
  post,
  randomKey,
  textOf,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let token: string;
/** Each test has a registry of its own: what the Worker remembers outlives a test. */
let name: string;
let path: string;
const answer = VersionManagementDO.prototype.answer;
let asked = 0;

beforeEach(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER, TES_READ_CACHE: "off" });
  name = `r${randomKey()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, "")}`;
  path = `/v1/${name}`;
  token = await openRegistry(name);
  await declare(name, token, ["a:b"]);
  configure({ TES_READ_CACHE: undefined });
  vi.useFakeTimers({ toFake: ["Date"] });
  asked = 0;
  vi.spyOn(VersionManagementDO.prototype, "answer").mockImplementation(function (this: VersionManagementDO, ...args) {
    asked++;
    return answer.apply(this, args);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  configure({ TES_READ_CACHE: "off" });
  await reset();
});

const versionIn = (exchange: Exchange) => jsonOf(exchange).entities[0].version;
const bump = () => post(`${path}/bump`, { entity: "a:b", scope: "minor" }, { token });

test("a public read is answered from memory, byte for byte, and its signatures hold", async () => {
  const first = await ask(path);
  const second = await ask(path);
  expect(asked).toBe(1);
  expect(second.headers).toEqual(first.headers);
  expect(textOf(second)).toBe(textOf(first));
  await expectSigned(second, await keysOf(name));
});

test("for less than a second, then no more", async () => {
  expect(versionIn(await ask(path))).toBe("1.0.0");
  await bump();
  expect(versionIn(await ask(path))).toBe("1.0.0");
  vi.setSystemTime(Date.now() + 1_000);
  expect(versionIn(await ask(path))).toBe("1.1.0");
});

test("from half a second on one request brings a fresh answer for all", async () => {
  await ask(path);
  await bump();
  asked = 0;
  vi.setSystemTime(Date.now() + 500);
  expect(versionIn(await ask(path))).toBe("1.1.0");
  for (let i = 0; i < 5; i++) expect(versionIn(await ask(path))).toBe("1.1.0");
  expect(asked).toBe(1);
});

test("many that come at once ask once", async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => ask(path)));
  expect(asked).toBe(1);
  expect(new Set(answers.map(textOf)).size).toBe(1);
  for (const one of answers.slice(0, 3)) await expectSigned(one, await keysOf(name));
});

test("who has seen more gets it from the object", async () => {
  await ask(path);
  await bump();
  const { size } = jsonOf(await ask(path, { headers: { "tes-min-size": "2" } }));
  expect(size).toBe(2);
  expect(jsonOf(await ask(path, { headers: { "tes-min-size": "3" } })).size).toBe(3);
});

describe("never from memory", () => {
  test.each<[string, () => Asking | Promise<Asking>]>([
    ["with a nonce", () => ({ headers: { "tes-nonce": randomKey() } })],
    ["with a token", () => ({ headers: { authorization: `Bearer ${token}` } })],
    ["with a token that is none", () => ({ headers: { authorization: "Basic eDp5" } })],
    ["with a key, which its signature covers", () => ({ headers: { "idempotency-key": "k" } })],
    ["with a digest, which its signature covers", () => ({ headers: { "content-digest": "sha-256=:AAAA:" } })],
    ["HEAD", () => ({ method: "HEAD" })],
    ["with a least size that is none", () => ({ headers: { "tes-min-size": "x" } })],
  ])("%s", async (_name, asking) => {
    await ask(path);
    const sent = await asking();
    for (let i = 0; i < 2; i++) {
      const exchange = await ask(path, sent);
      await expectSigned(exchange, await keysOf(name));
    }
    // keysOf asks too, and is remembered.
    expect(asked).toBeGreaterThanOrEqual(3);
    // Nor is it kept for anyone else.
    expect(JSON.stringify((await ask(path)).headers)).not.toContain("nonce=");
  });

  test("an error, a route with a token, a private registry", async () => {
    const secret = `${name}p`;
    configure({ TES_READ_CACHE: "off" });
    const own = await openRegistry(secret, "private");
    configure({ TES_READ_CACHE: undefined });
    for (const [url, headers] of [
      [`${path}/entities/a:none`, {}],
      [`${path}?x=1`, {}],
      [`${path}/metrics`, { authorization: `Bearer ${token}` }],
      [`/v1/${secret}`, { authorization: `Bearer ${own}` }],
      [`/v1/${secret}`, {}],
    ] as const) {
      asked = 0;
      await ask(url, { headers });
      await ask(url, { headers });
      expect(asked, url).toBe(2);
    }
    asked = 0;
    // A name that nobody opened does not even reach an object of its own.
    for (let i = 0; i < 2; i++) expect((await ask("/v1/nobody-here")).status).toBe(404);
    expect(asked).toBe(0);
    // A reader's answer is nobody else's.
    expect((await ask(`/v1/${secret}`)).status).toBe(401);
  });
});

describe("poisoning", () => {
  test.each<[string, (good: string) => readonly [string, Asking]]>([
    ["another query", (good) => [`${good}?size=1`, {}]],
    ["an empty query", (good) => [`${good}?`, {}]],
    ["another port", (good) => [`https://tes.test:8443${good}`, {}]],
    ["X-Forwarded-Host", (good) => [good, { headers: { "x-forwarded-host": "evil.test" } }]],
    [
      "X-Forwarded-Proto and -For",
      (good) => [good, { headers: { "x-forwarded-proto": "http", "x-forwarded-for": "1" } }],
    ],
    ["X-Original-URL", (good) => [good, { headers: { "x-original-url": "/v1/other", "x-rewrite-url": "/v1/other" } }]],
    ["X-HTTP-Method-Override", (good) => [good, { headers: { "x-http-method-override": "POST" } }]],
    ["an Origin", (good) => [good, { headers: { origin: "https://evil.test" } }]],
    [
      "Accept and its like",
      (good) => [good, { headers: { accept: "text/html", "accept-encoding": "br", range: "bytes=0-1" } }],
    ],
  ])("%s changes nothing for whoever comes next", async (_name, poisoned) => {
    const [url, asking] = poisoned(path);
    const bad = await ask(url, asking);
    await expectSigned(bad, await keysOf(name));
    const good = await ask(path);
    await expectSigned(good, await keysOf(name));
    expect(good.status).toBe(200);
    expect(textOf(good) + JSON.stringify(good.headers)).not.toMatch(/evil/);
    expect(good.headers["access-control-allow-origin"]).toBe("*");
  });

  test("another host is refused and kept by nobody", async () => {
    const evil = await ask(`https://evil.test${path}`);
    expect([evil.status, isSigned(evil)]).toEqual([421, false]);
    expect(asked).toBe(0);
  });
});

describe("other sites", () => {
  test("may read what everyone may, errors too, and see what proves it", async () => {
    for (const exchange of [
      await ask(path),
      await ask(path, { method: "HEAD" }),
      await ask(`${path}/entities/a:none`),
      await ask(`${path}/nothing`),
    ]) {
      expect(exchange.headers["access-control-allow-origin"]).toBe("*");
      for (const field of ["signature", "signature-input", "content-digest", "tes-provenance"]) {
        expect(exchange.headers["access-control-expose-headers"]!.split(", ")).toContain(field);
      }
      expect(exchange.headers).not.toHaveProperty("access-control-allow-credentials");
    }
  });

  test("may not write, nor read what takes a token", async () => {
    configure({ TES_READ_CACHE: "off" });
    const own = await openRegistry(`${name}p`, "private");
    const authorization = `Bearer ${own}`;
    for (const exchange of [
      await bump(),
      await post(`${path}/bump`, {}),
      await ask(`${path}/metrics`),
      await ask(`${path}/export`, { headers: { authorization: `Bearer ${token}` } }),
      await ask(`/v1/${name}p`, { headers: { authorization } }),
      await ask(`/v1/${name}p`),
    ]) {
      expect(Object.keys(exchange.headers).filter((header) => header.startsWith("access-control"))).toEqual([]);
    }
  });

  test("a preflight allows reads and what they may carry, and asks no object", async () => {
    const preflight = (url: string, method: string) =>
      ask(url, { method: "OPTIONS", headers: { origin: "https://a.test", "access-control-request-method": method } });
    const read = await preflight(path, "GET");
    expect([read.status, read.body.length, isSigned(read)]).toEqual([200, 0, false]);
    expect(read.headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, HEAD",
      "access-control-allow-headers": "tes-min-size, tes-nonce",
    });
    for (const method of ["POST", "PUT", "DELETE"]) {
      const write = await preflight(`${path}/bump`, method);
      expect(Object.keys(write.headers).filter((header) => header.startsWith("access-control"))).toEqual([]);
    }
    expect(asked).toBe(0);
  });
});

test("/openapi.json is there for everyone, and names every route", async () => {
  const document = await ask("/openapi.json");
  expect([document.status, isSigned(document)]).toEqual([200, false]);
  expect(document.headers["access-control-allow-origin"]).toBe("*");
  expect(jsonOf(document).paths["/v1/{registry}/bump"].post.operationId).toBe("bump");
});

test("metrics are OpenMetrics, for whoever may read them, and count what happens", async () => {
  const reader = await mint(name, ["read"]);
  const metrics = async () => textOf(await ask(`${path}/metrics`, { headers: { authorization: `Bearer ${reader}` } }));
  const value = (text: string, sample: string) =>
    Number(
      text
        .split("\n")
        .find((line) => line.startsWith(sample))
        ?.split(" ")
        .at(-1) ?? 0,
    );
  const before = await metrics();
  expect(before.endsWith("\n# EOF\n")).toBe(true);
  await bump();
  await ask(`${path}?again`);
  const after = await metrics();
  const grown = (sample: string) => value(after, sample) - value(before, sample);
  const labels = `registry="${name}"`;
  expect(grown(`tes_statements_total{${labels},type="version.bumped"}`)).toBe(1);
  expect(grown(`tes_log_size{${labels}}`)).toBe(1);
  // The bump, the read that was refused, and the metrics before.
  expect(grown(`tes_signatures_total{${labels},alg="hmac-sha256",use="answer"}`)).toBe(3);
  expect(grown(`tes_signatures_total{${labels},alg="ed25519",use="answer"}`)).toBe(3);
  expect(grown(`tes_signatures_total{${labels},alg="ed25519",use="checkpoint"}`)).toBe(1);
  expect(grown(`tes_key_cache_total{${labels},result="hit"}`)).toBe(3);
  expect(grown(`tes_key_cache_total{${labels},result="miss"}`)).toBe(0);
  expect(grown(`tes_answers_total{${labels},route="bump",status="200"}`)).toBe(1);
  expect(grown(`tes_answers_total{${labels},route="state",status="400"}`)).toBe(1);
  expect(grown(`tes_answer_duration_seconds_count{${labels},route="bump"}`)).toBe(1);
  // Every sample belongs to a family that was declared, and buckets only grow.
  const families = new Set([...after.matchAll(/^# TYPE (\S+)/gm)].map((found) => found[1]!));
  for (const line of after.split("\n").filter((text) => text !== "" && !text.startsWith("#"))) {
    const base = line.split("{")[0]!.replace(/_(?:total|bucket|sum|count)$/, "");
    expect(families.has(base), line).toBe(true);
  }
});
