import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { utf8 } from "../../src/core/bytes.ts";
import { signAnswer } from "../../src/core/http-signatures.ts";
import { deriveEd25519, deriveHmacKey, parseMasterKey } from "../../src/core/keys.ts";
import { ask, configure, declare, type Exchange, MASTER, openRegistry, post, randomKey } from "./authority.ts";
import { digestOf, type Keys, keysOf, LABELS, parameterOf, VERIFIERS, type Verify } from "./verifiers.ts";

/** One case for each verifier under each label. */
const MATRIX = Object.entries(VERIFIERS).flatMap(([name, verify]) => LABELS.map((label) => ({ name, label, verify })));

const answers: Record<string, Exchange> = {};
let keys: Keys;
let strangers: Keys;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  const token = await openRegistry("acme");
  await openRegistry("other");
  await declare("acme", token, ["global:main"]);
  keys = await keysOf("acme");
  strangers = await keysOf("other");
  const nonce = { "tes-nonce": randomKey() };
  const bump = { entity: "global:main", scope: "minor" };
  Object.assign(answers, {
    state: await ask("/v1/acme"),
    "state with a nonce": await ask("/v1/acme", { headers: nonce }),
    "a checkpoint, which is text": await ask("/v1/acme/log/checkpoint"),
    "HEAD, which has no content": await ask("/v1/acme", { method: "HEAD" }),
    "a proof, by query": await ask("/v1/acme/log/proof?seq=0"),
    bump: await post("/v1/acme/bump", bump, { token }),
    "a bump without nonce and digest": await ask("/v1/acme/bump", {
      body: JSON.stringify(bump),
      headers: { "content-type": "application/json", "idempotency-key": "one", authorization: `Bearer ${token}` },
    }),
    "404 of a read": await ask("/v1/acme/entities/global:absent", { headers: nonce }),
    "404 of a path": await ask("/v1/acme/nothing"),
    "409 of a write": await post("/v1/acme/bump", { ...bump, expected: "9.9.9" }, { token }),
    "405 of PUT": await ask("/v1/acme/bump", { method: "PUT", body: "x" }),
    "401 without a token": await post("/v1/acme/bump", bump),
    "400 of bytes that are not JSON": await ask("/v1/acme/bump", {
      body: utf8("{"),
      headers: {
        "content-type": "application/json",
        "content-digest": await digestOf("{"),
        "idempotency-key": randomKey(),
        authorization: `Bearer ${token}`,
      },
    }),
    "a header sent twice": await post("/v1/acme/bump", bump, { token, headers: { "idempotency-key": "a, b" } }),
    "a header too long": await post("/v1/acme/bump", bump, {
      token,
      headers: { "idempotency-key": "a".repeat(8_193) },
    }),
    "a body too large": await post("/v1/acme/bump", { x: "x".repeat(1_048_576) }, { token }),
    "another port": await ask("https://tes.test:8443/v1/acme"),
    "the same request to another registry": await ask("/v1/other"),
  });
});

afterEach(() => void vi.useRealTimers());

describe("both libraries accept both labels", () => {
  const signed: [string, number][] = [
    ["state", 200],
    ["state with a nonce", 200],
    ["a checkpoint, which is text", 200],
    ["HEAD, which has no content", 200],
    ["a proof, by query", 200],
    ["bump", 200],
    ["a bump without nonce and digest", 200],
    ["404 of a read", 404],
    ["404 of a path", 404],
    ["409 of a write", 409],
    ["405 of PUT", 405],
    ["401 without a token", 401],
    ["400 of bytes that are not JSON", 400],
    ["a header sent twice", 400],
    ["a header too long", 431],
    ["a body too large", 413],
    ["another port", 200],
  ];
  test.each(signed)("%s", async (name, status) => {
    const answer = answers[name]!;
    expect(answer.status).toBe(status);
    for (const { label, verify } of MATRIX) await verify(answer, label, keys);
    for (const label of LABELS) {
      expect(parameterOf(answer, label, "nonce")).toBe(answer.request.headers["tes-nonce"]);
      const created = Number(parameterOf(answer, label, "created"));
      expect(Number(parameterOf(answer, label, "expires"))).toBe(created + 300);
      expect(parameterOf(answer, label, "keyid")).toBe(keys[label].keyid);
    }
  });

  test("every answer above is in the table", () => {
    expect(signed.map(([name]) => name)).toEqual(
      Object.keys(answers).filter((name) => !name.includes("another registry")),
    );
  });
});

const withHeader = (exchange: Exchange, name: string, value: string): Exchange => ({
  ...exchange,
  headers: { ...exchange.headers, [name]: value },
});

const withRequest = (exchange: Exchange, change: Partial<Exchange["request"]>): Exchange => ({
  ...exchange,
  request: { ...exchange.request, ...change },
});

const withUrl = (exchange: Exchange, change: (url: URL) => void): Exchange => {
  const url = new URL(exchange.request.url);
  change(url);
  return withRequest(exchange, { url: url.href });
};

const withSent = (exchange: Exchange, name: string, value: string | undefined): Exchange => {
  const { [name]: _old, ...rest } = exchange.request.headers;
  return withRequest(exchange, { headers: value === undefined ? rest : { ...rest, [name]: value } });
};

const replaced = (exchange: Exchange, header: string, pattern: RegExp | string, by: string): Exchange => {
  const value = exchange.headers[header]!.replaceAll(pattern, by);
  expect(value).not.toBe(exchange.headers[header]);
  return withHeader(exchange, header, value);
};

/** Signatures of one answer, put on another. */
const graft = (exchange: Exchange, donor: Exchange): Exchange => ({
  ...exchange,
  headers: {
    ...exchange.headers,
    signature: donor.headers.signature!,
    "signature-input": donor.headers["signature-input"]!,
  },
});

/** The answer signed anew by another registry's keys, under the names of ours. */
async function forged(exchange: Exchange): Promise<Exchange> {
  const { request, status, headers } = exchange;
  const url = new URL(request.url);
  const master = parseMasterKey(MASTER);
  const { privateKey } = await deriveEd25519(master, "response-ed25519", "other");
  const created = Math.floor(Date.now() / 1000);
  const signature = await signAnswer(
    { status, header: (name) => headers[name] ?? null },
    {
      method: request.method,
      authority: url.host,
      path: url.pathname,
      query: url.search,
      header: (name) => request.headers[name] ?? null,
    },
    [
      {
        label: "tes-hmac",
        alg: "hmac-sha256",
        keyid: keys["tes-hmac"].keyid,
        key: await deriveHmacKey(master, "response-hmac", "other"),
      },
      { label: "tes-ed25519", alg: "ed25519", keyid: keys["tes-ed25519"].keyid, key: privateKey },
    ],
    { created, expires: created + 300 },
  );
  return { ...exchange, headers: { ...headers, ...signature } };
}

type Spoil = (exchange: Exchange) => Exchange | Promise<Exchange>;

/** What must not go unnoticed. */
const SPOILED: Readonly<Record<string, Spoil>> = {
  status: (answer) => ({ ...answer, status: answer.status === 200 ? 201 : 200 }),
  body: (answer) => ({ ...answer, body: utf8(`${new TextDecoder().decode(answer.body)} `) }),
  "body, with a digest that fits": async (answer) =>
    withHeader({ ...answer, body: utf8("{}") }, "content-digest", await digestOf("{}")),
  "content type": (answer) => withHeader(answer, "content-type", "text/html"),
  "provenance: log size": (answer) => replaced(answer, "tes-provenance", /size=\d+/g, "size=999"),
  "provenance: source": (answer) => replaced(answer, "tes-provenance", "source=env", "source=storage"),
  method: (answer) => withRequest(answer, { method: "PATCH" }),
  path: (answer) => withUrl(answer, (url) => (url.pathname = "/v1/acme/entities")),
  "path: upper case": (answer) => withUrl(answer, (url) => (url.pathname = url.pathname.toUpperCase())),
  query: (answer) => withUrl(answer, (url) => (url.search = "?from=0")),
  "authority: host": (answer) => withUrl(answer, (url) => (url.host = "evil.test")),
  "authority: port": (answer) => withUrl(answer, (url) => (url.port = "8443")),
  "the request's body digest": async (answer) => withSent(answer, "content-digest", await digestOf("other")),
  "the request's body digest, left out": (answer) => withSent(answer, "content-digest", undefined),
  "idempotency key": (answer) => withSent(answer, "idempotency-key", randomKey()),
  "idempotency key, left out": (answer) => withSent(answer, "idempotency-key", undefined),
  nonce: (answer) => replaced(answer, "signature-input", /nonce="[^"]*"/g, `nonce="${randomKey()}"`),
  tag: (answer) => replaced(answer, "signature-input", /tag="tes-v1"/g, 'tag="tes-v2"'),
  "a later end": (answer) => replaced(answer, "signature-input", /expires=\d+/g, "expires=4102444800"),
  "a component fewer": (answer) => replaced(answer, "signature-input", / "@query";req/g, ""),
  "swapped labels: the signatures": (answer) => withHeader(answer, "signature", swapLabels(answer.headers.signature!)),
  "swapped labels: the inputs": (answer) =>
    withHeader(answer, "signature-input", swapLabels(answer.headers["signature-input"]!)),
  "another answer's signature": (answer) =>
    graft(answer, answers[answer === answers.bump ? "409 of a write" : "bump"]!),
  "another registry's signature": (answer) => graft(answer, answers["the same request to another registry"]!),
  "another registry's signature, under our names": forged,
  "no signature": ({ headers: { signature: _1, "signature-input": _2, ...headers }, ...answer }) => ({
    ...answer,
    headers,
  }),
};

const swapLabels = (text: string): string =>
  text.replaceAll("tes-hmac", "#").replaceAll("tes-ed25519", "tes-hmac").replaceAll("#", "tes-ed25519");

describe("both libraries refuse what was changed, under both labels", () => {
  describe.each(["bump", "409 of a write"])("in an answer to %s", (from) => {
    test.each(Object.entries(SPOILED))("%s", async (_name, spoil) => {
      const answer = await spoil(answers[from]!);
      for (const { name, label, verify } of MATRIX) {
        await expect(verify(answer, label, keys), `${name} accepts ${label}`).rejects.toThrow();
      }
    });

    test.each([
      ["expired", 301],
      ["from the future", -1],
    ])("%s", async (_name, seconds) => {
      const answer = answers[from]!;
      const created = Number(parameterOf(answer, "tes-hmac", "created"));
      const at = (time: number) => vi.setSystemTime(time * 1000);
      vi.useFakeTimers({ toFake: ["Date"] });
      for (const { name, label, verify } of MATRIX) {
        at(created + 300);
        await verify(answer, label, keys);
        at(created + seconds);
        await expect(verify(answer, label, keys), `${name} accepts ${label}`).rejects.toThrow();
      }
    });
  });

  test("a whole answer of another registry, unchanged", async () => {
    const answer = answers["the same request to another registry"]!;
    for (const { name, label, verify } of MATRIX) {
      await verify(answer, label, strangers);
      await expect(verify(answer, label, keys), `${name} accepts ${label}`).rejects.toThrow();
    }
  });

  test("both labels exchanged throughout: the library that knows labels holds each to its algorithm", async () => {
    const { signature, "signature-input": input } = answers.bump!.headers;
    const headers = {
      ...answers.bump!.headers,
      signature: swapLabels(signature!),
      "signature-input": swapLabels(input!),
    };
    const verify = VERIFIERS["http-message-sig"] as Verify;
    for (const label of LABELS) await expect(verify({ ...answers.bump!, headers }, label, keys)).rejects.toThrow();
  });
});

test("the two labels sign the same components, in the documented order", () => {
  const list =
    '("@status" "content-digest" "content-type" "tes-provenance" "@method";req "@authority";req "@path";req "@query";req';
  const lists = (name: string) =>
    [...answers[name]!.headers["signature-input"]!.matchAll(/=(\([^)]*\))/g)].map((found) => found[1]);
  expect(lists("state")).toEqual([`${list})`, `${list})`]);
  const both = `${list} "content-digest";req "idempotency-key";req)`;
  expect(lists("bump")).toEqual([both, both]);
  const one = `${list} "idempotency-key";req)`;
  expect(lists("a bump without nonce and digest")).toEqual([one, one]);
});
