/** Trust on first contact, retries, and what a write's answer has to prove. */

import { beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, memoryPins } from "../../../src/client/index.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { contentDigest } from "../../../src/core/digest.ts";
import { ERRORS, type ErrorCode } from "../../../src/core/errors.ts";
import { FIRST_RETRY_DELAY_MS, MAX_CLIENT_ATTEMPTS } from "../../../src/core/limits.ts";
import { bumpOf, entityView, makeRegistry, type TestRegistry } from "./registry.ts";
import { clientOf, type TestClient, URL_OF_TEST } from "./setup.ts";

const BUMP = "/v1/default/bump";
const STATE = "/v1/default";
const REQUEST = { entity: "global:main", scope: "minor" } as const;

let registry: TestRegistry;

beforeEach(async () => {
  registry = await makeRegistry("session");
});

/** The authority bumps: a statement and its receipt, the same one for the same key. */
function bumping(made: TestClient, change: (body: Record<string, unknown>) => unknown = (body) => body): void {
  const done = new Map<string, number>();
  made.on(BUMP, async (request) => {
    const key = request.headers.get("idempotency-key")!;
    const text = await request.clone().text();
    if (!done.has(key)) done.set(key, registry.add(...bumpOf("1.0.0", "1.1.0", text)).seq);
    const receipt = await registry.receipt(done.get(key)!);
    const { changes } = receipt.statement as unknown as { changes: unknown };
    return registry.answer(request, { body: change({ dryRun: false, ...REQUEST, changes, receipt }) });
  });
}

const problem = (code: ErrorCode) => ({
  status: ERRORS[code].status,
  type: "application/problem+json",
  body: { code },
});

const sentTo = (made: TestClient, path: string) => made.sent.filter(({ url }) => new URL(url).pathname === path);

describe("first contact", () => {
  test("a pinned genesis is held to, and the keys are asked for once", async () => {
    const made = clientOf(registry);
    const [trust, again] = await Promise.all([made.client.trust(), made.client.trust()]);
    expect(again).toBe(trust);
    expect(trust.genesis).toBe(registry.genesis);
    await made.client.checkpoint();
    expect(sentTo(made, "/v1/default/keys")).toHaveLength(1);
  });

  test("without a pin nothing is believed, and nothing asked", async () => {
    const made = clientOf(registry, { genesis: undefined });
    await expect(made.client.state()).rejects.toMatchObject({ code: "genesis_unpinned" });
    expect(made.sent).toEqual([]);
  });

  test("a stranger under the pinned name is refused", async () => {
    const stranger = await makeRegistry("stranger");
    const made = clientOf(stranger, { genesis: registry.genesis });
    await expect(made.client.state()).rejects.toMatchObject({ code: "genesis_mismatch" });
    expect(await made.store.load(`${URL_OF_TEST}/default`)).toBeUndefined();
  });

  test("trust on first use takes what comes, tells, and holds to it from then on", async () => {
    const store = memoryPins();
    const told: string[] = [];
    const options: Partial<ClientOptions> = {
      genesis: undefined,
      trustFirst: true,
      store,
      onFirstTrust: (genesis) => void told.push(genesis),
    };
    await clientOf(registry, options).client.checkpoint();
    await clientOf(registry, options).client.checkpoint();
    expect(told).toEqual([registry.genesis]);
    const stranger = await makeRegistry("stranger");
    await expect(clientOf(stranger, options).client.state()).rejects.toMatchObject({ code: "genesis_mismatch" });
    expect(told).toHaveLength(1);
  });

  test("a pin given by hand that contradicts the remembered one is refused before anything is sent", async () => {
    const store = memoryPins();
    await clientOf(registry, { store }).client.trust();
    const stranger = await makeRegistry("stranger");
    const made = clientOf(stranger, { store });
    await expect(made.client.trust()).rejects.toMatchObject({
      code: "genesis_mismatch",
      facts: { remembered: registry.genesis, given: stranger.genesis },
    });
    expect(made.sent).toEqual([]);
  });

  test("a failure is not remembered: the next call asks again", async () => {
    const made = clientOf(registry, { attempts: 1 });
    made.on("/v1/default/keys", () => new Response("busy", { status: 503 }));
    await expect(made.client.trust()).rejects.toMatchObject({ code: "answer_unsigned" });
    made.on("/v1/default/keys", async (request) => registry.answer(request, { body: await registry.keys() }));
    expect((await made.client.trust()).genesis).toBe(registry.genesis);
  });

  describe("with a token", () => {
    const withToken = (request: Request) => request.headers.has("authorization");
    const KEYS = "/v1/default/keys";
    const NOTE = "/v1/default/log/checkpoint";

    /** Nothing is public here: strangers see the keys, and holders of the token the head too. */
    const closed = (options: Partial<ClientOptions> = {}) => {
      const made = clientOf(registry, { token: "a.b.c", ...options });
      const [keys, note] = [made.answering(KEYS), made.answering(NOTE)];
      made.on(KEYS, async (request) => {
        const { checkpoint: _, ...shown } = await registry.keys();
        return withToken(request) ? keys(request) : registry.answer(request, { body: shown });
      });
      made.on(NOTE, (request) =>
        withToken(request) ? note(request) : registry.answer(request, problem("token_missing")),
      );
      return made;
    };

    test.each<[string, (request: Request) => Promise<Response> | Response]>([
      [
        "a stranger's keys",
        async (request) => {
          const stranger = await makeRegistry("stranger");
          return stranger.answer(request, { body: await stranger.keys() });
        },
      ],
      [
        "our keys, in a stranger's answer",
        async (request) => (await makeRegistry("stranger")).answer(request, { body: await registry.keys() }),
      ],
      [
        "our answer to somebody else",
        async (request) => {
          const { url } = request;
          const theirs = new Request(url, { headers: { "tes-nonce": "A".repeat(22) } });
          return registry.answer(theirs, { body: await registry.keys() });
        },
      ],
      [
        "an unsigned refusal",
        () =>
          Response.json(
            { code: "token_missing" },
            { status: 401, headers: { "content-type": "application/problem+json" } },
          ),
      ],
      [
        "a signed refusal, under keys that nothing vouches for yet",
        (request) => registry.answer(request, problem("token_missing")),
      ],
      ["an unsigned absence", () => Response.json({ code: "registry_unknown" }, { status: 404 })],
      ["a failure that passes", () => new Response("busy", { status: 503 })],
    ])("%s: the token never leaves", async (_, respond) => {
      for (const hotReads of [false, true]) {
        const made = clientOf(registry, { token: "a.b.c", hotReads });
        made.on(KEYS, respond);
        await expect(made.client.bump(REQUEST)).rejects.toMatchObject({ name: "TesError" });
        expect(made.sent.length).toBeGreaterThan(0);
        expect(made.sent.filter(withToken)).toEqual([]);
      }
    });

    test("the keys are asked for without it, and what comes after with it", async () => {
      const made = clientOf(registry, { token: "a.b.c" });
      made.on(STATE, (request) => registry.answer(request, problem("token_expired")));
      await expect(made.client.state()).rejects.toMatchObject({ code: "token_expired" });
      expect(made.sent.map((request) => [new URL(request.url).pathname, withToken(request)])).toEqual([
        [KEYS, false],
        [STATE, true],
      ]);
    });

    test("where nothing is public, the head is asked for with it, and held to", async () => {
      const made = closed();
      await made.client.trust();
      expect(made.sent.map((request) => [new URL(request.url).pathname, withToken(request)])).toEqual([
        [KEYS, false],
        [NOTE, true],
      ]);
      expect(await made.store.load(`${URL_OF_TEST}/default`)).toMatchObject({ size: registry.statements.length });
      expect((await made.client.keys()).answer.checkpoint).toBe(await registry.note());
    });

    test.each<ErrorCode>(["forbidden", "token_expired"])(
      "one that does not read (%s) trusts all the same, and sees no head",
      async (code) => {
        const made = closed();
        const keys = made.answering(KEYS);
        made.on(KEYS, (request) => (withToken(request) ? registry.answer(request, problem(code)) : keys(request)));
        made.on(NOTE, (request) => registry.answer(request, problem(code)));
        expect((await made.client.trust()).genesis).toBe(registry.genesis);
        expect((await made.client.keys()).answer).not.toHaveProperty("checkpoint");
        bumping(made);
        expect((await made.client.bump(REQUEST)).receipt!.statement.seq).toBe(1);
      },
    );

    test("an unproved absence says what to look at", async () => {
      const made = clientOf(registry, { token: "a.b.c" });
      const said = { status: 404, headers: { "content-type": "application/problem+json" } };
      made.on(KEYS, () => new Response(JSON.stringify({ code: "registry_unknown" }), said));
      await expect(made.client.state()).rejects.toMatchObject({
        code: "answer_unsigned",
        facts: { status: 404, claim: "registry_unknown" },
        detail: expect.stringMatching(/unproved: registry_unknown\. .*check the name/),
      });
    });
  });

  test("keys whose chain holds, in an answer that another key signed, are refused", async () => {
    const stranger = await makeRegistry("stranger");
    const made = clientOf(registry);
    made.on("/v1/default/keys", async (request) => stranger.answer(request, { body: await registry.keys() }));
    await expect(made.client.trust()).rejects.toMatchObject({ code: "key_unknown" });
  });

  test("keys fetched anew have to be the same registry's", async () => {
    const made = clientOf(registry);
    expect((await made.client.keys()).trust.genesis).toBe(registry.genesis);
    const stranger = await makeRegistry("stranger");
    made.on("/v1/default/keys", async (request) => stranger.answer(request, { body: await stranger.keys() }));
    await expect(made.client.keys()).rejects.toMatchObject({ code: "genesis_mismatch" });
  });
});

describe("a failure that may pass", () => {
  const passing: [string, (request: Request) => Promise<Response> | Response, ErrorCode][] = [
    ["a connection that fails", () => Promise.reject(new TypeError("fetch failed")), "authority_unreachable"],
    [
      "an answer that breaks off",
      () => new Response(new ReadableStream({ start: (c) => c.error(new TypeError("terminated")) })),
      "authority_unreachable",
    ],
    ["a gateway's page", () => new Response("<h1>502</h1>", { status: 502 }), "answer_unsigned"],
    [
      "an authority that failed inside, and says so",
      (request) => registry.answer(request, problem("internal")),
      "internal",
    ],
    ["an authority whose disk is full", (request) => registry.answer(request, problem("storage_full")), "storage_full"],
  ];

  test.each(passing)("%s is asked again, a little later each time, and in the end told", async (_, respond, code) => {
    const made = clientOf(registry);
    await made.client.trust();
    made.on(STATE, respond);
    await expect(made.client.state()).rejects.toMatchObject({ code });
    expect(sentTo(made, STATE)).toHaveLength(MAX_CLIENT_ATTEMPTS);
    expect(made.delays).toHaveLength(MAX_CLIENT_ATTEMPTS - 1);
    for (const [i, ms] of made.delays.entries()) {
      expect(Math.abs(ms / (FIRST_RETRY_DELAY_MS * 2 ** i) - 1)).toBeLessThanOrEqual(0.25);
    }
    const nonces = sentTo(made, STATE).map(({ headers }) => headers.get("tes-nonce"));
    expect(new Set(nonces).size).toBe(MAX_CLIENT_ATTEMPTS);
  });

  test.each(passing)("%s once only does no harm to a write: same key, same body, one statement", async (_, respond) => {
    const made = clientOf(registry);
    await made.client.trust();
    bumping(made);
    const bump = made.answering(BUMP);
    let tries = 0;
    made.on(BUMP, async (request) => {
      // The authority has written before the answer is lost.
      const answer = await bump(request.clone());
      return tries++ === 0 ? respond(request) : answer;
    });
    const { receipt, changes, idempotencyKey } = await made.client.bump(REQUEST);
    expect(changes).toEqual([{ entity: "global:main", from: "1.0.0", to: "1.1.0" }]);
    expect(receipt!.statement.seq).toBe(1);
    expect(registry.statements).toHaveLength(2);
    const sent = sentTo(made, BUMP);
    expect(sent).toHaveLength(2);
    const bodies = await Promise.all(sent.map((request) => request.text()));
    expect(bodies).toEqual([JSON.stringify(REQUEST), JSON.stringify(REQUEST)]);
    for (const { headers } of sent) {
      expect(headers.get("idempotency-key")).toBe(idempotencyKey);
      expect(headers.get("content-digest")).toBe(contentDigest(utf8(bodies[0]!)));
    }
    expect(sent[0]!.headers.get("tes-nonce")).not.toBe(sent[1]!.headers.get("tes-nonce"));
  });

  test("attempts are counted as asked for", async () => {
    const made = clientOf(registry, { attempts: 2 });
    await made.client.trust();
    made.on(STATE, () => Promise.reject(new TypeError("fetch failed")));
    await expect(made.client.state()).rejects.toMatchObject({ code: "authority_unreachable" });
    expect(sentTo(made, STATE)).toHaveLength(2);
  });
});

describe("a failure that stays is told at once", () => {
  test.each<[string, (request: Request) => Promise<Response> | Response, ErrorCode]>([
    ["an unsigned answer that is no failure", () => Response.json({ size: 9 }), "answer_unsigned"],
    ["an unsigned refusal", () => Response.json({}, { status: 403 }), "answer_unsigned"],
    [
      "a redirect",
      () => new Response(null, { status: 307, headers: { location: "https://b.test" } }),
      "answer_unsigned",
    ],
    ["a refusal", (request) => registry.answer(request, problem("token_expired")), "token_expired"],
    ["a limit of rate", (request) => registry.answer(request, problem("rate_limited")), "rate_limited"],
    ["a forged answer", async (request) => (await makeRegistry("x")).answer(request, { body: {} }), "key_unknown"],
  ])("%s", async (_, respond, code) => {
    const made = clientOf(registry);
    await made.client.trust();
    made.on(STATE, respond);
    await expect(made.client.state()).rejects.toMatchObject({ code });
    expect(sentTo(made, STATE)).toHaveLength(1);
    expect(made.delays).toEqual([]);
  });
});

describe("a bump", () => {
  test("is believed by its receipt, not by what the answer says beside it", async () => {
    const made = clientOf(registry);
    bumping(made, (body) => ({ ...body, changes: [{ entity: "global:main", from: "1.0.0", to: "9.9.9" }] }));
    const { changes, receipt } = await made.client.bump(REQUEST);
    expect(changes).toEqual([{ entity: "global:main", from: "1.0.0", to: "1.1.0" }]);
    expect(receipt!.statement.changes).toEqual(changes);
  });

  test("has a key of its own unless one is given", async () => {
    const made = clientOf(registry);
    bumping(made);
    const first = await made.client.bump(REQUEST);
    const second = await made.client.bump(REQUEST);
    expect(first.idempotencyKey).not.toBe(second.idempotencyKey);
    expect((await made.client.bump(REQUEST, { idempotencyKey: "ci-7" })).idempotencyKey).toBe("ci-7");
    const again = await made.client.bump(REQUEST, { idempotencyKey: "ci-7" });
    expect(again.receipt!.statement.seq).toBe(3);
  });

  test("two at once get a receipt each", async () => {
    const made = clientOf(registry);
    bumping(made);
    const results = await Promise.all([made.client.bump(REQUEST), made.client.bump(REQUEST)]);
    expect(new Set(results.map(({ receipt }) => receipt!.statement.seq)).size).toBe(2);
    expect(await made.store.load(`${URL_OF_TEST}/default`)).toMatchObject({ size: 3 });
  });

  test.each<[string, (body: Record<string, unknown>) => unknown, ErrorCode]>([
    ["without a receipt", (body) => ({ ...body, receipt: null }), "answer_malformed"],
    ["called a dry run", (body) => ({ ...body, dryRun: true }), "answer_malformed"],
    ["called a dry run, without a receipt", (body) => ({ ...body, dryRun: true, receipt: null }), "answer_malformed"],
  ])("%s is refused", async (_, change, code) => {
    const made = clientOf(registry);
    bumping(made, change);
    await expect(made.client.bump(REQUEST)).rejects.toMatchObject({ code });
  });

  test.each<[string, (text: string) => Parameters<TestRegistry["add"]>]>([
    ["for another request", () => bumpOf("1.0.0", "1.1.0", '{"entity":"global:main","scope":"major"}')],
    [
      "of another scope",
      (text) => {
        const [body, extra] = bumpOf("1.0.0", "1.1.0", text);
        return [{ ...body, scope: "major" } as typeof body, extra];
      },
    ],
    [
      "of another entity",
      (text) => {
        const [body, extra] = bumpOf("1.0.0", "1.1.0", text);
        return [{ ...body, entity: "*" } as typeof body, extra];
      },
    ],
    ["without the digest of any request", () => [bumpOf("1.0.0", "1.1.0", "")[0]]],
    [
      "for a declaration",
      (text) => [
        { type: "entity.declared", entity: "a:b", version: "1.0.0", strategy: "independent", parent: null, files: [] },
        bumpOf("1.0.0", "1.1.0", text)[1],
      ],
    ],
  ])("with a receipt %s is refused, though the receipt proves itself", async (_, statement) => {
    const made = clientOf(registry);
    made.on(BUMP, async (request) => {
      const { seq } = registry.add(...statement(await request.clone().text()));
      const receipt = await registry.receipt(seq);
      const changes = [{ entity: "global:main", from: "1.0.0", to: "1.1.0" }];
      return registry.answer(request, { body: { dryRun: false, ...REQUEST, changes, receipt } });
    });
    await expect(made.client.bump(REQUEST)).rejects.toMatchObject({ code: "proof_invalid" });
  });

  test("a dry run has a plan and no receipt", async () => {
    const made = clientOf(registry);
    const changes = [{ entity: "global:main", from: "1.0.0", to: "1.1.0" }];
    made.on(BUMP, (request) =>
      registry.answer(request, { body: { dryRun: true, ...REQUEST, changes, receipt: null } }),
    );
    const plan = await made.client.bump({ ...REQUEST, dryRun: true });
    expect(plan).toMatchObject({ dryRun: true, changes, receipt: null });
  });

  test("a conflict tells the current version", async () => {
    const made = clientOf(registry);
    made.on(BUMP, (request) =>
      registry.answer(request, {
        ...problem("version_conflict"),
        body: { code: "version_conflict", facts: { current: "1.1.0", nested: { no: 1 } } },
      }),
    );
    await expect(made.client.bump({ ...REQUEST, expected: "1.0.0" })).rejects.toMatchObject({
      code: "version_conflict",
      facts: { current: "1.1.0" },
    });
  });
});

describe("a declaration", () => {
  const declared = async (entity: string) => {
    const made = clientOf(registry);
    made.on("/v1/default/entities", async (request) => {
      const [, extra] = bumpOf("1.0.0", "1.1.0", await request.clone().text());
      const { seq } = registry.add(
        { type: "entity.declared", entity, version: "0.1.0", strategy: "independent", parent: null, files: [] },
        extra,
      );
      return registry.answer(request, { body: { receipts: [await registry.receipt(seq)], unchanged: ["a:old"] } });
    });
    return made.client.declare([{ entity: "a:new" }, { entity: "a:old" }]);
  };

  test("gives a receipt for what was written, and names what already was so", async () => {
    const { receipts, unchanged } = await declared("a:new");
    expect(receipts.map(({ statement }) => statement.entity)).toEqual(["a:new"]);
    expect(unchanged).toEqual(["a:old"]);
  });

  test("of something else than was asked for is refused", async () => {
    await expect(declared("a:other")).rejects.toMatchObject({ code: "proof_invalid" });
  });
});

describe("reads", () => {
  const state = () => ({
    registry: "default",
    origin: "tes.test/default",
    visibility: "public",
    size: registry.statements.length,
    genesis: registry.genesis,
    entities: [entityView("1.2.3")],
  });

  test("state and entities are read as they are signed", async () => {
    const made = clientOf(registry);
    made.on(STATE, (request) => registry.answer(request, { body: state() }));
    made.on("/v1/default/entities", (request) =>
      registry.answer(request, { body: { registry: "default", size: 1, entities: [entityView("1.2.3")] } }),
    );
    expect((await made.client.state()).entities[0]?.version).toBe("1.2.3");
    expect((await made.client.entities()).map(({ entity }) => entity)).toEqual(["global:main"]);
  });

  test.each([
    ["another genesis", { genesis: "0".repeat(64) }],
    ["another registry", { registry: "other" }],
  ])("a state that names %s is refused", async (_, change) => {
    const made = clientOf(registry);
    made.on(STATE, (request) => registry.answer(request, { body: { ...state(), ...change } }));
    await expect(made.client.state()).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test("an id that is none never becomes a path", async () => {
    const made = clientOf(registry);
    for (const id of ["../keys", "a:b/c", "a:b?x", ""]) {
      await expect(made.client.entity(id)).rejects.toMatchObject({ code: "invalid_field" });
    }
    expect(made.sent).toEqual([]);
  });

  test("a receipt of another place than asked for is refused", async () => {
    registry.add(...bumpOf("1.0.0", "1.1.0", "{}"));
    const made = clientOf(registry);
    made.on("/v1/default/log/proof", async (request) => registry.answer(request, { body: await registry.receipt(0) }));
    expect((await made.client.receipt(0)).statement.type).toBe("registry.genesis");
    await expect(made.client.receipt(1)).rejects.toMatchObject({ code: "proof_invalid" });
  });

  test("a checkpoint that is refused is refused by the authority's own code", async () => {
    const made = clientOf(registry);
    made.on("/v1/default/log/checkpoint", (request) => registry.answer(request, problem("forbidden")));
    await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "forbidden" });
  });

  test("a checkpoint in JSON is not the note that was asked for", async () => {
    const made = clientOf(registry);
    made.on("/v1/default/log/checkpoint", (request) => registry.answer(request, { body: {} }));
    await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "answer_content_type" });
  });
});
