/** A socket of tes-subproto-v1, from its negotiation to its end, with a client written from docs/protocol.md. */

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { toBase64Url } from "../../src/core/bytes.ts";
import {
  ACK_WAIT_MS,
  FIRST_FRAME_MS,
  MAX_EVENT_BYTES,
  MAX_FRAME_BYTES,
  MAX_JSON_DEPTH,
  MAX_SOCKETS,
  MAX_TICKETS,
  SOCKET_BURST_FRAMES,
  SOCKET_SILENCE_MS,
  TICKET_LIFETIME_MS,
} from "../../src/core/limits.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  ENTITY_ID,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  openRegistry,
  post,
  randomKey,
  stubOf,
} from "./authority.ts";
import {
  connect,
  ending,
  enter,
  enterAnonymous,
  type Frame,
  partsOf,
  proofFor,
  type Socket,
  type Twist,
  upgrade,
} from "./socket-client.ts";

const OPEN = "sockets";
const CLOSED = "sockets-private";
const WINDOW = 131_072;
let admin: string;
let hidden: string;

const bump = (registry: string, token: string, request: object = { entity: ENTITY_ID, scope: "patch" }) =>
  post(`/v1/${registry}/bump`, request, { token });

const subscribe = (since: number) => ({ type: "subscribe", since, window: WINDOW });
const sizeOf = async (): Promise<number> => jsonOf(await ask(`/v1/${OPEN}`)).size;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry(OPEN);
  await declare(OPEN, admin, [ENTITY_ID]);
  hidden = await openRegistry(CLOSED, "private");
});

afterEach(() => {
  vi.useRealTimers();
});

/** Lets so much time pass for the authority, and its alarm come. */
async function pass(ms: number, registry = OPEN): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ms });
  await runDurableObjectAlarm(stubOf(registry));
}

test("a proof, a subscription, what was and what comes, a bump, a ping", async () => {
  const socket = await enter(OPEN, admin);
  expect(socket.challenge).toMatchObject({ type: "challenge", registry: OPEN, authority: "tes.test" });
  await socket.sealed(subscribe(0));
  expect(await socket.next()).toEqual({ type: "subscribed", since: 0, size: 2, frontier: [] });
  const replay = await socket.next();
  expect(replay).toMatchObject({ type: "event", from: 0 });
  expect(replay.statements.map(({ type }: Frame) => type)).toEqual(["registry.genesis", "entity.declared"]);

  const request = { entity: ENTITY_ID, scope: "minor" };
  await socket.sealed({ type: "bump", id: "b1", key: randomKey(), request });
  const [one, two] = [await socket.next(), await socket.next()];
  const [receipt, event] = one.type === "receipt" ? [one, two] : [two, one];
  expect(receipt).toMatchObject({ type: "receipt", id: "b1", receipt: { statement: { seq: 2, entity: ENTITY_ID } } });
  expect(event).toMatchObject({ type: "event", from: 2, statements: [receipt.receipt.statement] });
  expect(event.checkpoint).toBe(receipt.receipt.checkpoint);

  socket.send({ type: "ping" });
  expect(await socket.next()).toEqual({ type: "pong" });
  socket.send('{ "type": "ping" }');
  expect(await socket.next()).toEqual({ type: "pong" });
});

describe("negotiation", () => {
  test.each([
    ["alone", "tes-subproto-v1"],
    ["among others", "graphql-ws, tes-subproto-v2,tes-subproto-v1"],
  ])("%s: echoed alone", async (_name, protocol) => {
    const answer = await upgrade(`/v1/${OPEN}/watch`, { protocol });
    expect([answer.status, answer.headers.get("sec-websocket-protocol")]).toEqual([101, "tes-subproto-v1"]);
    answer.webSocket!.accept();
    answer.webSocket!.close();
  });

  test.each<[string, string | null, string, string]>([
    ["missing", null, "400 subprotocol_unknown", "This route speaks: tes-subproto-v1."],
    ["unknown", "tes-subproto-v2", "400 subprotocol_unknown", "This route speaks: tes-subproto-v1."],
    ["spelt otherwise", "TES-Subproto-V1", "400 subprotocol_unknown", "tes-subproto-v1"],
    ["twice", "tes-subproto-v1, tes-subproto-v1", "400 bad_request", "at most once"],
    ["an empty name beside it", "tes-subproto-v1,", "400 bad_request", "Names are tokens"],
    ["not a token", "tes-subproto-v1;q=1", "400 bad_request", "Names are tokens"],
  ])("%s: refused and signed", async (_name, protocol, outcome, detail) => {
    const response = await upgrade(`/v1/${OPEN}/watch`, { protocol });
    const problem = (await response.json()) as Frame;
    expect(`${response.status} ${problem.code}`).toBe(outcome);
    expect(problem.detail).toContain(detail);
    expect(response.headers.has("signature")).toBe(true);
  });

  test("no upgrade, another method, a query, another path, an unknown registry", async () => {
    const plain = await ask(`/v1/${OPEN}/watch`);
    expect([plain.status, codeOf(plain), isSigned(plain)]).toEqual([426, "upgrade_required", true]);
    expect(plain.headers.upgrade).toBe("websocket");
    expect((await post(`/v1/${OPEN}/watch`, {}, { token: admin })).status).toBe(405);
    const queried = await upgrade(`/v1/${OPEN}/watch?token=x`);
    expect([queried.status, ((await queried.json()) as Frame).code]).toEqual([400, "query_unknown"]);
    expect((await upgrade(`/v1/${OPEN}/entities`)).status).toBe(200);
    const unknown = await upgrade("/v1/nobody/watch");
    expect([unknown.status, unknown.headers.has("signature")]).toEqual([404, false]);
    expect((await upgrade(`https://elsewhere.test/v1/${OPEN}/watch`)).status).toBe(421);
  });
});

describe("a proof that is refused", () => {
  const send = async (token: string, twist: Twist = {}, registry = OPEN): Promise<string> => {
    const socket = await connect(registry);
    socket.send((await proofFor(token, socket.challenge, twist)).frame);
    return ending(socket);
  };

  test.each<[string, () => Promise<string>, string]>([
    ["for another registry", () => send(admin, { registry: CLOSED }), "proof_refused"],
    ["for another authority", () => send(admin, { authority: "elsewhere.test" }), "proof_refused"],
    ["for another nonce", () => send(admin, { serverNonce: toBase64Url(new Uint8Array(32)) }), "proof_refused"],
    ["as a server makes it", () => send(admin, { side: "server" }), "proof_refused"],
    ["with a token of another registry", () => send(hidden), "proof_refused"],
    [
      "with a token of another key",
      async () => send(await mint(OPEN, ["admin"], { master: "ab".repeat(32) })),
      "proof_refused",
    ],
    ["with claims of another token", async () => send(admin, partsOf(await mint(OPEN, ["read"]))), "proof_refused"],
    [
      "with an expired token",
      async () => send(await mint(OPEN, ["admin"], { claims: { iat: 1, exp: 2 } })),
      "token_expired",
    ],
    [
      "with claims that are none",
      async () => send(await mint(OPEN, ["admin"], { claims: { scope: ["all"] } })),
      "token_invalid",
    ],
    ["of a token that may not watch", async () => send(await mint(CLOSED, ["read"]), {}, CLOSED), "forbidden"],
  ])("%s", async (_name, work, code) => {
    expect(await work()).toBe(`1008 ${code}`);
  });

  test("a proof replayed on another socket, and one whose nonce is the server's", async () => {
    const [first, second] = [await connect(OPEN), await connect(OPEN)];
    const { frame } = await proofFor(admin, first.challenge);
    first.send(frame);
    expect((await first.next()).type).toBe("welcome");
    second.send(frame);
    expect(await ending(second)).toBe("1008 proof_refused");
    const third = await connect(OPEN);
    third.send((await proofFor(admin, third.challenge, { clientNonce: third.challenge.nonce })).frame);
    expect(await ending(third)).toBe("1008 proof_refused");
  });

  test("a nonce used twice: a second proof ends the session, at once and later", async () => {
    const socket = await connect(OPEN);
    const { frame } = await proofFor(admin, socket.challenge);
    socket.send(frame);
    expect((await socket.next()).type).toBe("welcome");
    socket.send(frame);
    expect(await ending(socket)).toBe("1008 frame_unexpected");
    const hasty = await connect(OPEN);
    const proof = (await proofFor(admin, hasty.challenge)).frame;
    hasty.send(proof);
    hasty.send(proof);
    expect(await ending(hasty)).toBe("1008 frame_unexpected");
  });

  test("no nonce comes twice", async () => {
    const nonces = await Promise.all(Array.from({ length: 20 }, async () => (await connect(OPEN)).challenge.nonce));
    expect(new Set(nonces).size).toBe(20);
  });
});

describe("a relay after a good handshake", () => {
  const relay = async (twist: (frames: Frame[]) => unknown[]): Promise<string> => {
    const socket = await enter(OPEN, admin);
    const frames = [
      await socket.seal(subscribe(0)),
      await socket.seal({ type: "ack", index: 0 }),
      await socket.seal({ type: "bump", id: "1", key: randomKey(), request: { entity: ENTITY_ID, scope: "major" } }),
    ];
    for (const frame of twist(frames)) socket.send(frame);
    return ending(socket);
  };

  test.each<[string, (frames: Frame[]) => unknown[]]>([
    ["injects one", ([a, b]) => [a, { ...b, n: 2, mac: toBase64Url(new Uint8Array(32)) }]],
    ["injects one without a seal", ([a]) => [a, { type: "ack", index: 0 }]],
    ["changes one", ([a, b]) => [a, { ...b, index: 1 }]],
    ["changes the counter", ([a]) => [{ ...a, n: 2 }]],
    ["reorders", ([a, b, c]) => [a, c, b]],
    ["drops one", ([a, , c]) => [a, c]],
    ["repeats one", ([a, b]) => [a, b, b]],
  ])("%s", async (_name, twist) => {
    const before = await sizeOf();
    expect(await relay(twist)).toBe("1008 frame_forged");
    expect(await sizeOf()).toBe(before);
  });

  test("moves a frame from one session into another", async () => {
    const [one, two] = [await enter(OPEN, admin), await enter(OPEN, admin)];
    two.send(await one.seal(subscribe(0)));
    expect(await ending(two)).toBe("1008 frame_forged");
  });
});

describe("who may do what", () => {
  test("anyone reads a public registry, and only reads", async () => {
    const socket = await enterAnonymous(OPEN);
    socket.send({ type: "bump", id: "x", key: "k", request: { entity: ENTITY_ID, scope: "patch" } });
    expect(await socket.next()).toMatchObject({ type: "error", id: "x", code: "token_missing" });
    socket.send(subscribe(1));
    expect(await socket.next()).toMatchObject({ type: "subscribed", since: 1 });
    expect(await socket.next()).toMatchObject({ type: "event", from: 1 });
    socket.send({ type: "ack", index: 0, n: 1, mac: socket.challenge.nonce });
    expect(await ending(socket)).toBe("1008 frame_forged");
  });

  test("nobody reads a private one without a token that may watch", async () => {
    const socket = await connect(CLOSED);
    socket.send({ type: "anonymous" });
    expect(await ending(socket)).toBe("1008 token_missing");
    const watcher = await enter(CLOSED, await mint(CLOSED, ["watch"]));
    await watcher.sealed(subscribe(0));
    expect(await watcher.next()).toMatchObject({ type: "subscribed", size: 1 });
  });

  test("a bump is refused as over HTTP, and the session goes on", async () => {
    const socket = await enter(OPEN, await mint(OPEN, ["bump:component:*"]));
    const request = { entity: ENTITY_ID, scope: "patch" };
    await socket.sealed({ type: "bump", id: "a", key: "k1", request });
    expect(await socket.next()).toMatchObject({ type: "error", id: "a", code: "forbidden" });
    await socket.sealed({ type: "bump", id: "b", key: "k2", request: { ...request, entity: "component:none" } });
    expect(await socket.next()).toMatchObject({ type: "error", id: "b", code: "entity_unknown" });
    await socket.sealed({ type: "bump", id: "c", key: "k3", request: { ...request, expceted: "1.0.0" } });
    expect(await socket.next()).toMatchObject({ type: "error", id: "c", code: "invalid_field" });
    socket.send({ type: "ping" });
    expect(await socket.next()).toEqual({ type: "pong" });
  });

  test("a bump sent again, over either way, happens once; a dry run does not happen", async () => {
    const socket = await enter(OPEN, admin);
    const key = randomKey();
    const request = { entity: ENTITY_ID, scope: "patch" };
    await socket.sealed({ type: "bump", id: "1", key, request });
    const first = await socket.next();
    await socket.sealed({ type: "bump", id: "2", key, request });
    const second = await socket.next();
    const http = jsonOf(await post(`/v1/${OPEN}/bump`, request, { token: admin, key }));
    expect(second.receipt.statement).toEqual(first.receipt.statement);
    expect(http.receipt.statement).toEqual(first.receipt.statement);
    await socket.sealed({ type: "bump", id: "3", key, request: { ...request, scope: "major" } });
    expect(await socket.next()).toMatchObject({ type: "error", id: "3", code: "idempotency_key_reused" });
    const before = await sizeOf();
    await socket.sealed({ type: "bump", id: "4", key: randomKey(), request: { ...request, dryRun: true } });
    expect(await socket.next()).toMatchObject({ type: "plan", id: "4", changes: [{ entity: ENTITY_ID }] });
    expect(await sizeOf()).toBe(before);
  });
});

describe("tickets", () => {
  const PAGE = "https://page.test";
  const issue = async (token: string, registry = CLOSED, origin = PAGE) =>
    jsonOf(await post(`/v1/${registry}/tickets`, { origin }, { token, key: null })).ticket as string;
  const use = async (ticket: string, headers: Record<string, string> = { origin: PAGE }, registry = CLOSED) => {
    const socket = await connect(registry, { headers });
    socket.send({ type: "ticket", ticket });
    return socket;
  };

  test("open one socket of one page, once", async () => {
    const ticket = await issue(hidden);
    const socket = await use(ticket);
    expect(await socket.next()).toEqual({ type: "welcome" });
    socket.send(subscribe(0));
    expect(await socket.next()).toMatchObject({ type: "subscribed", size: 1 });
    expect(await ending(await use(ticket))).toBe("1008 ticket_invalid");
  });

  test("outlive the object, and not 30 seconds", async () => {
    const ticket = await issue(hidden);
    await evictDurableObject(stubOf(CLOSED));
    expect(await (await use(ticket)).next()).toEqual({ type: "welcome" });
    const late = await issue(hidden);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + TICKET_LIFETIME_MS });
    expect(await ending(await use(late))).toBe("1008 ticket_invalid");
  });

  test.each<[string, () => Promise<Socket>]>([
    ["of another page", async () => use(await issue(hidden), { origin: "https://elsewhere.test" })],
    ["of no page", async () => use(await issue(hidden), {})],
    ["of another registry", async () => use(await issue(admin, OPEN))],
    ["made up", () => use(toBase64Url(crypto.getRandomValues(new Uint8Array(32))))],
  ])("%s are refused", async (_name, work) => {
    expect(await ending(await work())).toBe("1008 ticket_invalid");
  });

  test(`wait in a number of at most ${MAX_TICKETS}, and those that nobody used are forgotten`, async () => {
    const registry = "sockets-tickets";
    const token = await openRegistry(registry);
    const path = `/v1/${registry}/tickets`;
    await runInDurableObject(stubOf(registry), (_object, { storage: { kv } }) => {
      const exp = Date.now() + TICKET_LIFETIME_MS;
      for (let i = 0; i < MAX_TICKETS - 1; i++) kv.put(`ticket/${i}`, { claims: {}, origin: PAGE, exp });
    });
    expect((await post(path, { origin: PAGE }, { token, key: null })).status).toBe(200);
    const refused = await post(path, { origin: PAGE }, { token, key: null });
    expect([refused.status, codeOf(refused)]).toEqual([429, "rate_limited"]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + TICKET_LIFETIME_MS });
    expect((await post(path, { origin: PAGE }, { token, key: null })).status).toBe(200);
  });

  test("need a token that may watch, and an origin", async () => {
    const path = `/v1/${CLOSED}/tickets`;
    expect(codeOf(await post(path, { origin: PAGE }))).toBe("token_missing");
    expect(codeOf(await post(path, { origin: PAGE }, { token: await mint(CLOSED, ["read"]) }))).toBe("forbidden");
    for (const origin of ["page.test", "https://page.test/", "https://Page.test", "null", "file://x"]) {
      expect(codeOf(await post(path, { origin }, { token: hidden })), origin).toBe("invalid_field");
    }
  });
});

test("a client's close is answered, with its own code", async () => {
  const socket = await enterAnonymous(OPEN);
  socket.ws.close(4001, "done");
  expect((await socket.closed).code).toBe(4001);
});

test("a token that is revoked takes its sessions along, those of its tickets too, and no other", async () => {
  const token = await mint(CLOSED, ["watch"]);
  const jti = JSON.parse(atob(token.split(".")[1]!)).jti as string;
  const origin = "https://page.test";
  const { ticket } = jsonOf(await post(`/v1/${CLOSED}/tickets`, { origin }, { token, key: null }));
  const [proved, other] = [await enter(CLOSED, token), await enter(CLOSED, hidden)];
  const page = await connect(CLOSED, { headers: { origin } });
  page.send({ type: "ticket", ticket });
  await page.next();
  await evictDurableObject(stubOf(CLOSED));
  expect((await post(`/v1/${CLOSED}/tokens/${jti}/revoke`, {}, { token: hidden })).status).toBe(200);
  expect(await ending(proved)).toBe("1008 token_revoked");
  expect(await ending(page)).toBe("1008 token_revoked");
  const late = await connect(CLOSED);
  late.send((await proofFor(token, late.challenge)).frame);
  expect(await ending(late)).toBe("1008 token_revoked");
  other.send({ type: "ping" });
  expect(await other.next()).toEqual({ type: "pong" });
});

describe("hostile frames end their own session only", () => {
  test.each<[string, (socket: Socket) => void, string]>([
    [
      "one byte more than 16 KiB",
      (s) => s.send(`{"type":"ping"}${" ".repeat(MAX_FRAME_BYTES - 14)}`),
      "1009 frame_too_large",
    ],
    ["a megabyte", (s) => s.send(`"${"x".repeat(1_000_000)}"`), "1009 frame_too_large"],
    ["bytes", (s) => s.ws.send(new Uint8Array([1, 2, 3])), "1003 frame_binary"],
    ["deep nesting", (s) => s.send("[".repeat(MAX_JSON_DEPTH + 1)), "1008 json_depth"],
    ["half a frame", (s) => s.send('{"type":'), "1008 json_invalid"],
    ["an unknown type", (s) => s.send({ type: "hello" }), "1008 frame_unexpected"],
    ["an ack before a subscription", (s) => s.send({ type: "ack", index: 0 }), "1008 frame_unexpected"],
    [
      "an ack of what was not sent",
      (s) => {
        s.send(subscribe(0));
        s.send({ type: "ack", index: 99_999 });
      },
      "1008 invalid_field",
    ],
    ["a subscription beyond the log", (s) => s.send(subscribe(99_999)), "1008 invalid_field"],
    [
      "a second subscription",
      (s) => {
        s.send(subscribe(0));
        s.send(subscribe(0));
      },
      "1008 frame_unexpected",
    ],
    [
      "1,000 frames in a burst",
      (s) => {
        for (let i = 0; i < 1_000; i++) s.send('{"type": "ping"}');
      },
      "1013 rate_limited",
    ],
  ])("%s", async (_name, attack, outcome) => {
    const bystander = await enterAnonymous(OPEN);
    bystander.send(subscribe(await sizeOf()));
    await bystander.next();
    const socket = await enterAnonymous(OPEN);
    attack(socket);
    expect(await ending(socket)).toBe(outcome);
    await bump(OPEN, admin);
    expect(await bystander.next()).toMatchObject({ type: "event" });
  });

  test("exactly 16 KiB, and as many frames as may come at once, are taken", async () => {
    const socket = await enterAnonymous(OPEN);
    socket.send(`{"type":"ping"}${" ".repeat(MAX_FRAME_BYTES - 15)}`);
    expect(await socket.next()).toEqual({ type: "pong" });
    for (let i = 0; i < SOCKET_BURST_FRAMES - 2; i++) socket.send('{"type": "ping"}');
    for (let i = 0; i < SOCKET_BURST_FRAMES - 2; i++) expect(await socket.next()).toEqual({ type: "pong" });
  });
});

test(`one registry has at most ${MAX_SOCKETS} sockets`, async () => {
  const registry = "sockets-many";
  await openRegistry(registry);
  const seen = await runInDurableObject(stubOf(registry), (_object, state) => {
    // So many real ones take half a minute; the count is the platform's own list.
    const real = state.getWebSockets.bind(state);
    const count = { of: MAX_SOCKETS - 1 };
    state.getWebSockets = (tag) => Array.from({ length: count.of }, (_, n) => real(tag)[n]!);
    return count;
  });
  expect((await upgrade(`/v1/${registry}/watch`)).status).toBe(101);
  seen.of = MAX_SOCKETS;
  const refused = await upgrade(`/v1/${registry}/watch`);
  expect([refused.status, ((await refused.json()) as Frame).code]).toEqual([429, "rate_limited"]);
});

describe("time", () => {
  test("a socket that says nothing is closed after 10 seconds, also when the object was away", async () => {
    const socket = await connect(OPEN);
    await evictDurableObject(stubOf(OPEN));
    await pass(FIRST_FRAME_MS - 1_000);
    await pass(1_000);
    expect(await ending(socket)).toBe("1008 handshake_timeout");
  });

  test("a token that expires takes its session along", async () => {
    const socket = await enter(OPEN, admin);
    await pass(600_000);
    expect(await ending(socket)).toBe("1008 token_expired");
  });

  test("a session is closed after 5 minutes without a sign of life, and not with one", async () => {
    const [silent, alive] = [await enterAnonymous(OPEN), await enterAnonymous(OPEN)];
    await pass(SOCKET_SILENCE_MS / 2);
    alive.send({ type: "ping" });
    await alive.next();
    await pass(SOCKET_SILENCE_MS / 2);
    expect(await ending(silent)).toBe("1008 session_silent");
    alive.send({ type: "ping" });
    expect(await alive.next()).toEqual({ type: "pong" });
  });
});

test("a reader that never acknowledges gets one window and is closed after 30 seconds; others get everything", async () => {
  const registry = "sockets-window";
  const token = await openRegistry(registry);
  const ids = Array.from({ length: 300 }, (_, n) => `component:${"x".repeat(100)}${n}`);
  for (let from = 0; from < ids.length; from += 100) await declare(registry, token, ids.slice(from, from + 100));
  // About 40 KB each: a change of every entity.
  for (let i = 0; i < 8; i++) await bump(registry, token, { entity: "*", scope: "patch" });
  const size = 301 + 8;

  const reader = await enterAnonymous(registry);
  reader.send(subscribe(0));
  let next = 0;
  let most = 0;
  await reader.next();
  while (next < size) {
    const event = await reader.next();
    expect(event.from).toBe(next);
    next += event.statements.length;
    most = Math.max(most, JSON.stringify(event).length);
    reader.send({ type: "ack", index: next - 1 });
  }
  expect(most).toBeLessThanOrEqual(MAX_EVENT_BYTES);
  // Not one statement each: as many as fit.
  expect(most).toBeGreaterThan(MAX_EVENT_BYTES / 3);

  const stuck = await enterAnonymous(registry);
  stuck.send(subscribe(0));
  stuck.send({ type: "ping" });
  await bump(registry, token, { entity: "*", scope: "patch" });
  expect((await reader.next()).from).toBe(size);
  const got = stuck.texts.slice(2).reduce((sum, text) => sum + text.length, 0);
  expect(got).toBeLessThanOrEqual(WINDOW + 1_000);
  expect(got).toBeGreaterThan(WINDOW / 4);
  reader.send({ type: "ack", index: size });
  await pass(ACK_WAIT_MS, registry);
  expect(await ending(stuck)).toBe("1008 ack_timeout");
  await bump(registry, token, { entity: "*", scope: "patch" });
  expect((await reader.next()).from).toBe(size + 1);
});

test("the object gone between any two frames changes nothing that a client sees", async () => {
  const leave = () => evictDurableObject(stubOf(OPEN));
  const socket = await connect(OPEN);
  await leave();
  const { frame } = await proofFor(admin, socket.challenge);
  socket.send(frame);
  expect((await socket.next()).type).toBe("welcome");
  socket.ws.close();

  const watcher = await enter(OPEN, admin);
  const size = await sizeOf();
  await leave();
  await watcher.sealed(subscribe(size));
  expect(await watcher.next()).toMatchObject({ type: "subscribed", since: size });
  for (let i = 0; i < 5; i++) {
    await leave();
    await bump(OPEN, admin);
    expect(await watcher.next()).toMatchObject({ type: "event", from: size + i });
    await leave();
    await watcher.sealed({ type: "ack", index: size + i });
    watcher.send({ type: "ping" });
    expect(await watcher.next()).toEqual({ type: "pong" });
  }
  await leave();
  await watcher.sealed({ type: "bump", id: "last", key: randomKey(), request: { entity: ENTITY_ID, scope: "patch" } });
  const types = [(await watcher.next()).type, (await watcher.next()).type];
  expect(types.sort()).toEqual(["event", "receipt"]);
});
