/** Opening a registry: its keys are known only after the write, so what believes them is the recovery key asked for. */

import { beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, memoryPins, openImport } from "../../../src/client/index.ts";
import type { ErrorCode } from "../../../src/core/errors.ts";
import { makeRegistry, NOW_S, type TestRegistry } from "./registry.ts";
import { clientOf, type Responder, URL_OF_TEST } from "./setup.ts";

const PATH = "/v1/default";

let registry: TestRegistry;
const request = () => ({ visibility: "public", recovery: { x: registry.recovery } }) as const;

beforeEach(async () => {
  registry = await makeRegistry("founding");
});

/** A client without any pin, whose authority answers the founding with a 201 unless told otherwise. */
function founder(options: Partial<ClientOptions> = {}, respond?: Responder) {
  const made = clientOf(registry, { genesis: undefined, token: "a.b.c", ...options });
  made.on(
    PATH,
    respond ??
      (async (asked) =>
        registry.answer(asked, {
          status: 201,
          body: { genesis: registry.genesis, receipt: await registry.receipt(0) },
        })),
  );
  return made;
}

test("needs no pin, and leaves one", async () => {
  const made = founder();
  const { statement } = await made.client.createRegistry(request());
  expect(statement).toMatchObject({ type: "registry.genesis", recovery: { x: registry.recovery } });
  expect(await made.store.load(`${URL_OF_TEST}/default`)).toMatchObject({ genesis: registry.genesis, size: 1 });
  // The keys are known now: nothing is asked for twice.
  expect((await made.client.trust()).genesis).toBe(registry.genesis);
  expect(made.sent.map(({ method, url }) => `${method} ${new URL(url).pathname}`)).toEqual([
    "POST /v1/default",
    "GET /v1/default/keys",
  ]);
});

test("sends its token, its key and its digest", async () => {
  const made = founder();
  await made.client.createRegistry(request(), { idempotencyKey: "first" });
  const { headers } = made.sent[0]!;
  expect(headers.get("authorization")).toBe("Bearer a.b.c");
  expect(headers.get("idempotency-key")).toBe("first");
  expect(headers.get("content-digest")).toMatch(/^sha-256=:/);
});

test("a cut connection is asked again with the same key", async () => {
  let tries = 0;
  const made = founder();
  const answer = made.answering(PATH);
  made.on(PATH, (asked) => (tries++ === 0 ? Promise.reject(new TypeError("fetch failed")) : answer(asked)));
  await made.client.createRegistry(request());
  const keys = made.sent.slice(0, 2).map(({ headers }) => headers.get("idempotency-key"));
  expect(keys[0]).toBe(keys[1]);
});

describe("beside a registry that is pinned", () => {
  const TEAM = "/v1/team";
  let team: TestRegistry;

  /** A client that knows `default` of this authority, or believes so, and asks for `team`. */
  async function beside(knows: TestRegistry, options: Partial<ClientOptions> = {}) {
    const store = memoryPins();
    await clientOf(knows, { store }).client.trust();
    team = await makeRegistry("team", "team");
    const made = clientOf(registry, { registry: "team", genesis: undefined, token: "a.b.c", store, ...options });
    made.on(`${TEAM}/keys`, async (asked) => team.answer(asked, { body: await team.keys() }));
    made.on(TEAM, async (asked) =>
      team.answer(asked, { status: 201, body: { genesis: team.genesis, receipt: await team.receipt(0) } }),
    );
    return made;
  }
  const sentBy = ({ sent }: { readonly sent: readonly Request[] }) =>
    sent.map(({ method, url, headers }) => [method, new URL(url).pathname, headers.has("authorization")]);

  test("its token leaves once that one has proved whose authority this is", async () => {
    const made = await beside(registry);
    await made.client.createRegistry({ visibility: "public", recovery: { x: team.recovery } });
    expect(sentBy(made)).toEqual([
      ["GET", "/v1/default/keys", false],
      ["POST", TEAM, true],
      ["GET", `${TEAM}/keys`, false],
    ]);
  });

  test("where it does not, neither a founding nor an import sends a token", async () => {
    const made = await beside(await makeRegistry("another authority"));
    const founding = made.client.createRegistry({ visibility: "public", recovery: { x: team.recovery } });
    await expect(founding).rejects.toMatchObject({ code: "genesis_mismatch" });
    const target = openImport({
      url: URL_OF_TEST,
      registry: "team",
      token: "a.b.c",
      store: made.store,
      fetch: made.fetch,
      now: () => NOW_S * 1000,
    });
    await expect(target.state()).rejects.toMatchObject({ code: "genesis_mismatch" });
    expect(sentBy(made)).toEqual([
      ["GET", "/v1/default/keys", false],
      ["GET", "/v1/default/keys", false],
    ]);
  });

  test("a registry that only its admins see is asked for with the token, and only there", async () => {
    const delisted: Responder = async (asked) =>
      asked.headers.has("authorization")
        ? team.answer(asked, { body: await team.keys() })
        : Response.json({ code: "registry_unknown" }, { status: 404 });
    const known = await beside(registry, { trustFirst: true });
    known.on(`${TEAM}/keys`, delisted);
    expect((await known.client.trust()).genesis).toBe(team.genesis);
    const stranger = await beside(await makeRegistry("another authority"), { trustFirst: true });
    stranger.on(`${TEAM}/keys`, delisted);
    await expect(stranger.client.trust()).rejects.toMatchObject({ code: "genesis_mismatch" });
    const nobody = await beside(registry, { trustFirst: true, store: memoryPins() });
    nobody.on(`${TEAM}/keys`, delisted);
    await expect(nobody.client.trust()).rejects.toMatchObject({ code: "answer_unsigned" });
    for (const { sent } of [stranger, nobody])
      expect(sent.some(({ headers }) => headers.has("authorization"))).toBe(false);
  });
});

describe("refused", () => {
  test("another's registry: it has another recovery key than was asked for", async () => {
    const made = founder();
    const mine = await makeRegistry("mine");
    const attempt = made.client.createRegistry({ ...request(), recovery: { x: mine.recovery } });
    await expect(attempt).rejects.toMatchObject({ code: "proof_invalid" });
    expect(await made.store.load(`${URL_OF_TEST}/default`)).toBeUndefined();
    await expect(made.client.state()).rejects.toMatchObject({ code: "genesis_unpinned" });
  });

  test("a registry of another visibility than was asked for", async () => {
    const attempt = founder().client.createRegistry({ ...request(), visibility: "private" });
    await expect(attempt).rejects.toMatchObject({ code: "proof_invalid" });
  });

  test("a registry whose genesis is not the one expected", async () => {
    const mine = await makeRegistry("mine");
    const attempt = founder({ genesis: mine.genesis }).client.createRegistry(request());
    await expect(attempt).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test.each<[string, (asked: Request) => Promise<Response> | Response, ErrorCode]>([
    ["an unsigned refusal", () => Response.json({}, { status: 404 }), "answer_unsigned"],
    ["an unsigned success", () => Response.json({}, { status: 201 }), "answer_unsigned"],
    [
      "a success that a stranger signed",
      async (asked) => {
        const stranger = await makeRegistry("stranger");
        const body = { genesis: registry.genesis, receipt: await registry.receipt(0) };
        return stranger.answer(asked, { status: 201, body });
      },
      "key_unknown",
    ],
    [
      "a success that names another genesis",
      async (asked) =>
        registry.answer(asked, { status: 201, body: { genesis: "0".repeat(64), receipt: await registry.receipt(0) } }),
      "proof_invalid",
    ],
    [
      "a success with another statement's receipt",
      async (asked) => {
        registry.add({
          type: "entity.declared",
          entity: "a:b",
          version: "1.0.0",
          strategy: "independent",
          parent: null,
          files: [],
        });
        const body = { genesis: registry.genesis, receipt: await registry.receipt(1) };
        return registry.answer(asked, { status: 201, body });
      },
      "proof_invalid",
    ],
  ])("%s", async (_, respond, code) => {
    await expect(founder({}, respond).client.createRegistry(request())).rejects.toMatchObject({ code });
  });

  test("one that exists: told to whoever knows it, and to nobody on its word alone", async () => {
    const exists: Responder = (asked) =>
      registry.answer(asked, {
        status: 409,
        type: "application/problem+json",
        body: { code: "genesis_exists", facts: { genesis: registry.genesis } },
      });
    const known = founder({ genesis: registry.genesis }, exists);
    await expect(known.client.createRegistry(request())).rejects.toMatchObject({ code: "genesis_exists" });
    const unknown = founder({}, exists);
    await expect(unknown.client.createRegistry(request())).rejects.toMatchObject({ code: "genesis_unpinned" });
  });
});
