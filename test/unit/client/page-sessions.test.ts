/** A client of a page: what it sends in a session, what it never sends, and what it makes of the answers. */

import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, createClient } from "../../../src/client/index.ts";
import { ERRORS, type ErrorCode } from "../../../src/core/errors.ts";
import { refusalOf } from "../core/refusal.ts";
import { bumpOf, makeRegistry, type TestRegistry } from "./registry.ts";
import { clientOf, type TestClient, URL_OF_TEST } from "./setup.ts";
import { watchAuthority } from "./watch-authority.ts";

const HALF = "c".repeat(43);
const SESSION = "/v1/default/session";
const ANSWER = { csrf: HALF, expires: 1_800_000_900_000, jti: "x", scope: ["watch"] };

let registry: TestRegistry;
beforeEach(async () => {
  registry = await makeRegistry("page sessions");
});

const problem = (code: ErrorCode) => ({
  status: ERRORS[code].status,
  type: "application/problem+json",
  body: { code },
});
const sentTo = (made: TestClient, path: string) => made.sent.filter(({ url }) => new URL(url).pathname === path);
const signedIn = (options: Partial<ClientOptions> = {}) =>
  clientOf(registry, { session: { csrf: () => HALF }, ...options });

describe("what is sent", () => {
  test("reads and writes carry the half, with the cookies of the own origin; first contact carries neither", async () => {
    const made = signedIn();
    made.on("/v1/default/entities", (request) =>
      registry.answer(request, { body: { registry: "default", size: 1, entities: [] } }),
    );
    made.on("/v1/default/bump", async (request) => {
      const { seq } = registry.add(...bumpOf("1.0.0", "1.1.0", await request.clone().text()));
      const receipt = await registry.receipt(seq);
      const { changes } = receipt.statement as unknown as { changes: unknown };
      return registry.answer(request, {
        body: { dryRun: false, entity: "global:main", scope: "minor", changes, receipt },
      });
    });
    await made.client.entities();
    await made.client.bump({ entity: "global:main", scope: "minor" });
    for (const path of ["/v1/default/entities", "/v1/default/bump"]) {
      const [request] = sentTo(made, path);
      expect([request!.headers.get("tes-csrf"), request!.credentials], path).toEqual([HALF, "same-origin"]);
      expect(request!.headers.has("authorization")).toBe(false);
    }
    const [first] = sentTo(made, "/v1/default/keys");
    expect([first!.headers.get("tes-csrf"), first!.credentials]).toEqual([null, "omit"]);
  });

  test("it asks for the half each time, and is anyone while there is none", async () => {
    let half: string | undefined;
    const made = signedIn({ session: { csrf: () => half } });
    made.on("/v1/default/entities", (request) =>
      registry.answer(request, { body: { registry: "default", size: 1, entities: [] } }),
    );
    for (half of [undefined, HALF, undefined]) await made.client.entities();
    expect(
      sentTo(made, "/v1/default/entities").map((request) => [request.headers.get("tes-csrf"), request.credentials]),
    ).toEqual([
      [null, "omit"],
      [HALF, "same-origin"],
      [null, "omit"],
    ]);
  });

  test("clients without a session never say a word of credentials: some runtimes refuse it", async () => {
    const inits: (RequestInit | undefined)[] = [];
    const made = clientOf(registry);
    const client = createClient({
      url: URL_OF_TEST,
      genesis: registry.genesis,
      fetch: (url, init) => {
        inits.push(init);
        return made.fetch(url, init);
      },
      now: () => 1_800_000_000_000,
    });
    await client.checkpoint();
    expect(inits.length).toBeGreaterThan(0);
    for (const init of inits) expect(init).not.toHaveProperty("credentials");
  });

  test("a file is asked for with both halves, and hashed by the client itself when nobody else does", async () => {
    const made = signedIn();
    const digest = createHash("sha256").update("the file").digest("hex");
    const path = `/v1/default/artifacts/${digest}`;
    made.on(path, () => new Response("the file"));
    const pieces = await Array.fromAsync(made.client.download(digest, 8));
    expect(Buffer.concat(pieces).toString()).toBe("the file");
    const [request] = sentTo(made, path);
    expect([request!.headers.get("tes-csrf"), request!.credentials]).toEqual([HALF, "same-origin"]);
    made.on(path, () => new Response("the fi1e"));
    await expect(Array.fromAsync(made.client.download(digest, 8))).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("hot reads carry no half, and so may come from memory", async () => {
    const made = signedIn({ hotReads: true });
    made.on("/v1/default/entities", (request) =>
      registry.answer(request, { body: { registry: "default", size: 1, entities: [] } }),
    );
    await made.client.entities();
    expect(sentTo(made, "/v1/default/entities")[0]!.headers.has("tes-csrf")).toBe(false);
  });
});

test.each<[string, Partial<ClientOptions>, string]>([
  ["beside a token", { token: "a.b.c" }, "invalid_field"],
  ["over plain http to another machine", { url: "http://tes.test" }, "invalid_field"],
  ["over plain http to this machine", { url: "http://127.0.0.1:8787" }, "accepted"],
])("a session %s", (_name, options, expected) => {
  const all = { url: URL_OF_TEST, trustFirst: true, session: { csrf: () => HALF }, ...options };
  expect(refusalOf(() => createClient(all))).toBe(expected);
});

describe("signing in and out", () => {
  test("a token opens it, the answer is verified, and what comes of it is what the authority said", async () => {
    const made = clientOf(registry, { token: "a.b.c" });
    made.on(SESSION, (request) => registry.answer(request, { body: ANSWER }));
    expect(await made.client.openSession()).toEqual(ANSWER);
    const [request] = sentTo(made, SESSION);
    expect([request!.method, request!.headers.get("authorization")]).toEqual(["POST", "Bearer a.b.c"]);
    expect(await request!.text()).toBe("{}");
    made.on(SESSION, () => Response.json(ANSWER));
    await expect(made.client.openSession()).rejects.toMatchObject({ code: "answer_unsigned" });
  });

  test("it is read, renewed and ended by its halves", async () => {
    const made = signedIn();
    made.on(SESSION, (request) => registry.answer(request, { body: { ...ANSWER, sub: "a person" } }));
    made.on(`${SESSION}/renew`, (request) => registry.answer(request, { body: ANSWER }));
    made.on(`${SESSION}/end`, (request) => registry.answer(request, { body: { ended: true } }));
    expect(await made.client.readSession()).toEqual({ ...ANSWER, sub: "a person" });
    expect(await made.client.renewSession()).toEqual(ANSWER);
    expect(await made.client.endSession()).toBeUndefined();
    const sent = made.sent.filter(({ url }) => url.includes("/session"));
    expect(sent.map(({ method, headers }) => [method, headers.get("tes-csrf")])).toEqual([
      ["GET", HALF],
      ["POST", HALF],
      ["POST", HALF],
    ]);
    made.on(`${SESSION}/end`, (request) => registry.answer(request, { body: {} }));
    await expect(made.client.endSession()).rejects.toMatchObject({ code: "answer_malformed" });
  });

  test.each(["session_missing", "session_expired", "csrf_refused", "token_revoked"] as const)(
    "%s is the authority's own word, and nothing is sent again",
    async (code) => {
      const made = signedIn();
      made.on(SESSION, (request) => registry.answer(request, problem(code)));
      await expect(made.client.readSession()).rejects.toMatchObject({ code });
      expect(sentTo(made, SESSION)).toHaveLength(1);
    },
  );
});

describe("watching", () => {
  /** The first frame of a client that watches in a session. */
  const firstFrame = async (made: TestClient): Promise<unknown> => {
    const authority = watchAuthority({ registry });
    const watching = made.client.watch({ since: 1, makeSocket: authority.makeSocket });
    const next = watching.next();
    const { line } = await authority.subscription();
    await line.event(1);
    expect((await next).value).toMatchObject({ index: 1 });
    await watching.return();
    return line.received[0];
  };
  beforeEach(() => void registry.add(...bumpOf("1.0.0", "1.1.0", "bump")));

  test("a session gets itself a ticket for its own origin", async () => {
    const made = signedIn();
    const ticket = "A".repeat(43);
    made.on("/v1/default/tickets", (request) => registry.answer(request, { body: { ticket, exp: 1 } }));
    expect(await firstFrame(made)).toEqual({ type: "ticket", ticket });
    const [request] = sentTo(made, "/v1/default/tickets");
    expect(await request!.json()).toEqual({ origin: URL_OF_TEST });
    expect(request!.headers.get("tes-csrf")).toBe(HALF);
  });

  test("one that may not watch, and one that is over before it began, watch as anyone", async () => {
    const made = signedIn();
    made.on("/v1/default/tickets", (request) => registry.answer(request, problem("forbidden")));
    expect(await firstFrame(made)).toEqual({ type: "anonymous" });
    expect(await firstFrame(signedIn({ session: { csrf: () => undefined } }))).toEqual({ type: "anonymous" });
  });

  test("one that expired says so", async () => {
    const made = signedIn();
    made.on("/v1/default/tickets", (request) => registry.answer(request, problem("session_expired")));
    const watching = made.client.watch({ makeSocket: watchAuthority({ registry }).makeSocket });
    await expect(watching.next()).rejects.toMatchObject({ code: "session_expired" });
  });
});
