import { beforeAll, describe, expect, test } from "vitest";
import { exchange } from "../../../src/client/transport.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { contentDigest } from "../../../src/core/digest.ts";
import { entityView, makeRegistry, NOW_S, type Say, type TestRegistry } from "./registry.ts";
import { changed, clientOf, URL_OF_TEST } from "./setup.ts";

const ENTITY = "/v1/default/entities/global:main";
let registry: TestRegistry;
let stranger: TestRegistry;
let other: TestRegistry;

beforeAll(async () => {
  registry = await makeRegistry("answers");
  stranger = await makeRegistry("somebody else");
  other = await makeRegistry("answers", "other");
});

const good = (): Say => ({
  body: { registry: "default", size: registry.statements.length, entity: entityView("1.2.3") },
});

/** Asks for an entity, and gives what came back. */
async function ask(respond: (request: Request) => Promise<Response>) {
  const made = clientOf(registry);
  made.on(ENTITY, respond);
  return { ...made, entity: await made.client.entity("global:main") };
}

test("an answer that holds is believed, and each request carries a nonce of its own and the size that was seen", async () => {
  const { entity, sent, client } = await ask((request) => registry.answer(request, good()));
  expect(entity.version).toBe("1.2.3");
  await client.entity("global:main");
  const nonces = sent.map(({ headers }) => headers.get("tes-nonce"));
  expect(new Set(nonces).size).toBe(3);
  expect(nonces.every((nonce) => /^[\w-]{22}$/.test(nonce!))).toBe(true);
  expect(sent.map(({ headers }) => headers.get("tes-min-size"))).toEqual([null, "1", "1"]);
});

test("hot reads send neither nonce nor token, writes still do, and so does what a token is trusted to: a fresh answer", async () => {
  const made = clientOf(registry, { hotReads: true, token: "a.b.c" });
  made.on(ENTITY, (request) => registry.answer(request, good()));
  made.on("/v1/default/bump", (request) =>
    registry.answer(request, { status: 403, type: "application/problem+json", body: { code: "forbidden" } }),
  );
  await made.client.entity("global:main");
  await expect(made.client.bump({ entity: "global:main", scope: "minor" })).rejects.toMatchObject({
    code: "forbidden",
  });
  expect(made.sent.map(({ headers }) => [headers.has("tes-nonce"), headers.has("authorization")])).toEqual([
    [true, false],
    [false, false],
    [true, true],
  ]);
});

describe("refused", () => {
  const swapped = "1.2.4";
  const cases: [string, string, (request: Request) => Promise<Response>][] = [
    [
      "one changed byte",
      "digest_mismatch",
      async (request) =>
        changed(await registry.answer(request, good()), { body: (text) => text.replace("1.2.3", swapped) }),
    ],
    [
      "a changed byte with a digest to match",
      "signature_invalid",
      async (request) => {
        const answer = await registry.answer(request, good());
        const text = (await answer.clone().text()).replace("1.2.3", swapped);
        return changed(answer, { body: () => text, headers: { "content-digest": contentDigest(utf8(text)) } });
      },
    ],
    [
      "another status",
      "signature_invalid",
      async (request) => changed(await registry.answer(request, good()), { status: 201 }),
    ],
    [
      "another content type",
      "signature_invalid",
      async (request) => changed(await registry.answer(request, good()), { headers: { "content-type": "text/html" } }),
    ],
    [
      "another provenance",
      "signature_invalid",
      async (request) =>
        changed(await registry.answer(request, good()), {
          headers: { "tes-provenance": 'source=env, slot="VERSION_SIGNING_KEY", registry="default", size=9' },
        }),
    ],
    [
      "an answer to another path",
      "signature_invalid",
      (request) => registry.answer(new Request(`${URL_OF_TEST}/v1/default/entities/global:old`, request), good()),
    ],
    [
      "an answer of another authority",
      "signature_invalid",
      (request) => registry.answer(new Request(`https://elsewhere.test${ENTITY}`, request), good()),
    ],
    [
      "an answer to another method",
      "signature_invalid",
      (request) => registry.answer(new Request(request.url, { method: "POST", headers: request.headers }), good()),
    ],
    [
      "a replay, made for another nonce",
      "signature_invalid",
      (request) => registry.answer(request, { ...good(), nonce: "A".repeat(22) }),
    ],
    ["an expired one", "answer_expired", (request) => registry.answer(request, { ...good(), created: NOW_S - 361 })],
    [
      "one from the future",
      "answer_expired",
      (request) => registry.answer(request, { ...good(), created: NOW_S + 61 }),
    ],
    ["a stranger's", "key_unknown", (request) => stranger.answer(request, good())],
    ["another registry's, of the same key", "key_unknown", (request) => other.answer(request, good())],
    [
      "a provenance that names another registry",
      "provenance_invalid",
      (request) => registry.answer(request, { ...good(), registry: "other" }),
    ],
    [
      "only the HMAC, which a client cannot check",
      "answer_unsigned",
      (request) => registry.answer(request, { ...good(), signers: registry.signers.slice(0, 1) }),
    ],
    [
      "no signature",
      "answer_unsigned",
      async (request) =>
        changed(await registry.answer(request, good()), { headers: { signature: null, "signature-input": null } }),
    ],
    ["a page of a proxy", "answer_unsigned", async () => new Response("<h1>It works</h1>")],
    [
      "a redirect",
      "answer_unsigned",
      async () => new Response(null, { status: 302, headers: { location: "https://elsewhere.test/" } }),
    ],
    [
      "signed, with a key twice in its JSON",
      "answer_malformed",
      (request) => registry.answer(request, { body: '{"size":1,"size":1}' }),
    ],
    ["signed, of another shape", "answer_malformed", (request) => registry.answer(request, { body: { size: 1 } })],
    [
      "signed, about another entity",
      "answer_malformed",
      (request) =>
        registry.answer(request, {
          body: { registry: "default", size: 1, entity: { ...entityView("1.0.0"), entity: "global:old" } },
        }),
    ],
    [
      "signed, of another type",
      "answer_content_type",
      (request) => registry.answer(request, { ...good(), type: "text/plain" }),
    ],
    ["no answer at all", "authority_unreachable", async () => Promise.reject(new TypeError("fetch failed"))],
  ];
  test.each(cases)("%s", async (_name, code, respond) => {
    await expect(ask(respond)).rejects.toMatchObject({ code });
  });
});

describe("the clock", () => {
  test.each([NOW_S - 360, NOW_S + 60])("an answer made at %d is still believed", async (created) => {
    expect((await ask((request) => registry.answer(request, { ...good(), created }))).entity.version).toBe("1.2.3");
  });
});

describe("errors", () => {
  const problem = { code: "entity_unknown", detail: "no such thing", field: "/entity", facts: { near: "global:mine" } };

  test("a signed problem is the authority's own error, with what it says", async () => {
    const refused = ask((request) =>
      registry.answer(request, { status: 404, type: "application/problem+json", body: problem }),
    );
    await expect(refused).rejects.toMatchObject(problem);
  });

  test("an unsigned one is an outage, and its code no more than a claim", async () => {
    const refused = ask(async () =>
      Response.json(problem, { status: 404, headers: { "content-type": "application/problem+json" } }),
    );
    await expect(refused).rejects.toMatchObject({
      code: "answer_unsigned",
      facts: { status: 404, claim: "entity_unknown" },
    });
  });

  test.each(["null", "[]", '"forbidden"', "{}", "not JSON", '{"code":7}'])(
    "a signed problem that is %s names no error",
    async (body) => {
      const refused = ask((request) =>
        registry.answer(request, { status: 403, type: "application/problem+json", body }),
      );
      await expect(refused).rejects.toMatchObject({ code: "answer_malformed" });
    },
  );

  test.each(["null", "[]", "not JSON"])("an unsigned problem that is %s claims nothing", async (body) => {
    const headers = { "content-type": "application/problem+json" };
    const refused = ask(async () => new Response(body, { status: 404, headers }));
    await expect(refused).rejects.toMatchObject({ code: "answer_unsigned", facts: { status: 404 } });
  });

  test.each([300, 404])("JSON with the status %d is no answer to read", async (status) => {
    const answered = ask((request) => registry.answer(request, { ...good(), status }));
    const code = status === 404 ? "answer_content_type" : "answer_unsigned";
    await expect(answered).rejects.toMatchObject({ code });
  });

  test("a code of a later release is not guessed at", async () => {
    const refused = ask((request) =>
      registry.answer(request, { status: 418, type: "application/problem+json", body: { code: "constructor" } }),
    );
    await expect(refused).rejects.toMatchObject({ code: "answer_malformed" });
  });
});

describe("size", () => {
  const sending = { method: "GET", url: new URL(`${URL_OF_TEST}/`), headers: {} } as const;
  const stream = (chunks: number) => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => (pulled++ < chunks ? controller.enqueue(new Uint8Array(1_000)) : controller.close()),
    });
    return { response: new Response(body), pulled: () => pulled };
  };

  test("as much as is allowed is read; one byte more is refused, and reading stops there", async () => {
    const fits = stream(10);
    const answer = await exchange(sending, { fetch: async () => fits.response, maxBytes: 10_000 });
    expect(answer.body.length).toBe(10_000);
    const endless = stream(1_000_000);
    const refused = exchange(sending, { fetch: async () => endless.response, maxBytes: 9_999 });
    await expect(refused).rejects.toMatchObject({ code: "answer_too_large" });
    expect(endless.pulled()).toBeLessThan(15);
  });

  test("an answer that never comes ends with the limit of time", async () => {
    const fetch = (_url: string, init: RequestInit) =>
      new Promise<Response>((_, reject) => init.signal!.addEventListener("abort", () => reject(init.signal!.reason)));
    await expect(exchange(sending, { fetch, timeoutMs: 1 })).rejects.toMatchObject({ code: "authority_unreachable" });
  });
});
