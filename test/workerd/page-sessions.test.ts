/** Sessions of pages: what opens one, what its halves are worth, when it ends, and whom it never serves. */

import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import FORMATS from "../../docs/formats.md?raw";
import { fromBase64Url, toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { sha256 } from "../../src/core/hash.ts";
import { deriveHmacKey } from "../../src/core/keys.ts";
import { MAX_ENDED_SESSIONS, MAX_SESSION_CHARS, SESSION_LIFETIME_S } from "../../src/core/limits.ts";
import { Secret } from "../../src/core/secret.ts";
import { sessionCookie } from "../../src/protocol/page-session.ts";
import type { Ask } from "../../src/worker/ask.ts";
import { createSessions } from "../../src/worker/sessions.ts";
import { VersionManagementDO } from "../../src/worker/version-management-do.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  derived,
  type Exchange,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  ORIGIN,
  openRegistry,
  post,
  randomKey,
  restart,
  rowsOf,
  stubOf,
  textOf,
} from "./authority.ts";
import { cookieOf, halves, PAGE, type SignedIn, signIn } from "./page.ts";
import { testRefusals } from "./refusals.ts";
import { connect } from "./socket-client.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let admin: string;
let stranger: string;
const now = () => Math.floor(Date.now() / 1000);
const LIFETIME_MS = SESSION_LIFETIME_S * 1000;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry("acme");
  stranger = await openRegistry("other");
  await openRegistry("hidden", "private");
  await declare("acme", admin, ["global:main"]);
});
afterEach(() => {
  vi.useRealTimers();
  configure({ TES_READ_CACHE: "off" });
});

const bumpBy = (headers: Record<string, string>, registry = "acme") =>
  post(`/v1/${registry}/bump`, { entity: "global:main", scope: "patch" }, { headers });
const readBy = (headers: Record<string, string>, path = "/v1/acme/session") => ask(path, { headers });

describe("a session from sign-in to sign-out", () => {
  test("a token becomes a cookie that no script, other site or other host gets, and the half that a page holds", async () => {
    const token = await mint("acme", ["bump:*", "watch"], { claims: { sub: "a person" } });
    const before = Date.now();
    const { exchange, answer, name, attributes } = await signIn(token);
    await expectSigned(exchange, await keysOf("acme"));
    expect(answer).toEqual({
      csrf: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      expires: expect.any(Number),
      jti: expect.any(String),
      scope: ["bump:*", "watch"],
      sub: "a person",
    });
    expect(name).toBe("__Host-tes-acme");
    expect([...attributes].sort()).toEqual([
      "HttpOnly",
      expect.stringMatching(/^Max-Age=\d+$/),
      "Path=/",
      "SameSite=Strict",
      "Secure",
    ]);
    // The token lives for 10 minutes here: a session never lives longer than its token.
    expect(answer.expires).toBeLessThanOrEqual(before + 600_000 + 1000);
    expect(exchange.headers["cache-control"]).toMatch(/no-store/);
    expect(exchange.headers).not.toHaveProperty("access-control-allow-origin");
  });

  test("it does what its token may do, under that token's name, and nothing more", async () => {
    const session = await signIn(await mint("acme", ["bump:global:*"]));
    const bumped = await bumpBy(halves(session));
    expect(bumped.status, textOf(bumped)).toBe(200);
    await expectSigned(bumped, await keysOf("acme"));
    expect(jsonOf(bumped).receipt.statement.by).toBe(session.answer.jti);
    const refused = await post("/v1/acme/entities", { entities: [] }, { headers: halves(session) });
    expect([refused.status, codeOf(refused)]).toEqual([403, "forbidden"]);
  });

  test("it lives for 15 minutes, more after a renewal under the same id, and never past its token", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const token = await mint("acme", ["bump:*"], { claims: { exp: now() + 25 * 60 } });
    const session = await signIn(token);
    expect(session.answer.expires).toBe(Date.now() + LIFETIME_MS);
    vi.setSystemTime(Date.now() + LIFETIME_MS - 1000);
    expect((await readBy(halves(session))).status).toBe(200);
    const renewed = await post("/v1/acme/session/renew", {}, { headers: halves(session), key: null });
    const again = { ...session, ...cookieOf(renewed) };
    expect(jsonOf(renewed)).toMatchObject({ csrf: session.answer.csrf, expires: (now() + 10 * 60 + 1) * 1000 });
    vi.setSystemTime(Date.now() + 1000);
    const late = await readBy(halves(session));
    expect([late.status, codeOf(late)]).toEqual([401, "session_expired"]);
    expect((await bumpBy(halves(again))).status).toBe(200);
    vi.setSystemTime(Date.now() + 10 * 60_000);
    for (const after of [await bumpBy(halves(again)), await readBy(halves(again), "/v1/acme")]) {
      expect([after.status, codeOf(after)]).toEqual([401, "session_expired"]);
    }
  });

  test("revoking the token ends its sessions with the very next request", async () => {
    const session = await signIn(await mint("acme", ["bump:*"]));
    expect((await bumpBy(halves(session))).status).toBe(200);
    await post(`/v1/acme/tokens/${session.answer.jti}/revoke`, {}, { token: admin });
    for (const after of [await bumpBy(halves(session)), await readBy(halves(session))]) {
      expect([after.status, codeOf(after)]).toEqual([401, "token_revoked"]);
    }
    const back = await post("/v1/acme/session/renew", {}, { headers: halves(session) });
    expect(codeOf(back)).toBe("token_revoked");
  });

  test("signing out clears the cookie, and a copy of both halves is worth nothing, after a restart too", async () => {
    const session = await signIn(await mint("acme", ["bump:*"]));
    const renewed = await post("/v1/acme/session/renew", {}, { headers: halves(session) });
    const copies = [session, { ...session, ...cookieOf(renewed) }];
    const other = await signIn(await mint("acme", ["bump:*"]));
    const ended = await post("/v1/acme/session/end", {}, { headers: halves(session), key: null });
    expect(jsonOf(ended)).toEqual({ ended: true });
    const cleared = cookieOf(ended);
    expect([cleared.name, cleared.value]).toEqual([session.name, ""]);
    expect(cleared.attributes).toEqual(expect.arrayContaining(["Max-Age=0", "Path=/", "Secure"]));
    for (const when of ["at once", "after a restart"]) {
      if (when !== "at once") await restart("acme");
      for (const copy of copies) {
        const after = await bumpBy(halves(copy));
        expect([after.status, codeOf(after)], when).toEqual([401, "session_expired"]);
      }
      expect((await readBy(halves(other))).status).toBe(200);
    }
  });

  test("signing out takes the session's sockets along, and its tickets that wait, and nobody else's", async () => {
    const token = await mint("hidden", ["watch", "read"]);
    const [mine, other] = [await signIn(token, "hidden"), await signIn(token, "hidden")];
    const ticketOf = async (session: SignedIn) =>
      jsonOf(await post("/v1/hidden/tickets", { origin: ORIGIN }, { headers: halves(session) })).ticket as string;
    const use = async (ticket: string) => {
      const socket = await connect("hidden", { headers: { origin: ORIGIN } });
      socket.send({ type: "ticket", ticket });
      return socket;
    };
    const open = [await use(await ticketOf(mine)), await use(await ticketOf(other))];
    for (const socket of open) expect(await socket.next()).toEqual({ type: "welcome" });
    const waiting = [await ticketOf(mine), await ticketOf(other)];
    await restart("hidden");
    expect((await post("/v1/hidden/session/end", {}, { headers: halves(mine) })).status).toBe(200);
    expect((await open[0]!.closed).reason).toBe("session_expired");
    expect((await (await use(waiting[0]!)).closed).reason).toBe("ticket_invalid");
    expect(await (await use(waiting[1]!)).next()).toEqual({ type: "welcome" });
    open[1]!.send({ type: "ping" });
    expect(await open[1]!.next()).toEqual({ type: "pong" });
  });

  test("of sessions that were ended so many are remembered, each until no copy could live", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const kept = (count: number) =>
      runInDurableObject(stubOf("acme"), (_object, { storage: { kv } }) => {
        for (let i = 0; i < count; i++) kv.put(`ended/filler ${i}`, Date.now() + 1000);
      });
    const out = async () => {
      const session = await signIn(await mint("acme", ["read"]));
      return post("/v1/acme/session/end", {}, { headers: halves(session) });
    };
    vi.setSystemTime(Date.now() + LIFETIME_MS);
    await kept(MAX_ENDED_SESSIONS - 1);
    expect((await out()).status).toBe(200);
    const refused = await out();
    expect([refused.status, codeOf(refused)]).toEqual([429, "rate_limited"]);
    vi.setSystemTime(Date.now() + 1000);
    expect((await out()).status).toBe(200);
  });

  test("a session writes nothing into the log or the tables", async () => {
    const before = await rowsOf("acme");
    const session = await signIn(await mint("acme", ["bump:*"]));
    await post("/v1/acme/session/renew", {}, { headers: halves(session) });
    await post("/v1/acme/session/end", {}, { headers: halves(session) });
    const { _cf_KV: _after, ...after } = await rowsOf("acme");
    const { _cf_KV: _before, ...same } = before;
    expect(after).toEqual(same);
  });
});

test("the session of docs/formats.md is one, by the keys of its examples", async () => {
  const [, , cookie, csrf] = /```text demo-session\n(.*)\n(.*)\n(.*)\n```/.exec(FORMATS)!;
  const master = new Secret(sha256(utf8("TES demo key")));
  const [session, half] = await Promise.all(
    (["session", "csrf"] as const).map((name) => deriveHmacKey(master, name, "default")),
  );
  const sessions = createSessions({ session: session!, csrf: half! }, { has: () => false, end: () => undefined });
  const page = { own: ORIGIN, origin: ORIGIN, site: null, cookie: cookie! };
  const request: Ask = {
    method: "POST",
    authority: "tes.test",
    path: "/v1/default/bump",
    query: "",
    headers: { "tes-csrf": csrf! },
    body: new Uint8Array(0),
    page,
    fault: null,
  };
  const read = await sessions.verify(request, 1_800_000_899_999);
  expect(JSON.stringify(read)).toBe(/```text demo-session\n(.*)\n/.exec(FORMATS)![1]);
  await expect(sessions.verify(request, 1_800_000_900_000)).rejects.toMatchObject({ code: "session_expired" });
});

describe("fixation", () => {
  test("what the browser held before sign-in is never adopted: the id is new, and the old value is what it was", async () => {
    const token = await mint("acme", ["bump:*"]);
    const [planted, chosen] = [await signIn(await mint("acme", ["read"])), "chosen-by-somebody-else"];
    const idOf = (value: string) => JSON.parse(new TextDecoder().decode(fromBase64Url(value.split(".")[0]!)!)).sid;
    for (const value of [planted.value, chosen]) {
      const session = await signIn(token, "acme", {
        cookie: `${planted.name}=${value}`,
        "tes-csrf": planted.answer.csrf,
      });
      expect(session.value).not.toBe(value);
      expect(idOf(session.value)).not.toBe(idOf(planted.value));
      expect(session.answer.csrf).not.toBe(planted.answer.csrf);
    }
    const twice = [await signIn(token), await signIn(token)];
    expect(twice[0]!.answer.csrf).not.toBe(twice[1]!.answer.csrf);
    const bumped = await bumpBy(halves(planted));
    expect(codeOf(bumped)).toBe("forbidden");
  });
});

describe("requests that a page of this origin did not make", () => {
  let session: SignedIn;
  let another: SignedIn;
  beforeAll(async () => {
    session = await signIn(await mint("acme", ["admin"]));
    another = await signIn(await mint("acme", ["admin"]));
  });
  const without = (name: string) => Object.fromEntries(Object.entries(halves(session)).filter(([key]) => key !== name));
  const written = (change: Record<string, string>) => () => bumpBy({ ...halves(session), ...change });
  const read = (change: Record<string, string>) => () => readBy({ ...halves(session), ...change }, "/v1/acme");
  const csrfRows = [
    ["a write without its second half", () => bumpBy(without("tes-csrf"))],
    ["a write with another session's half", () => bumpBy({ ...halves(session), "tes-csrf": another.answer.csrf })],
    ["a write with a half that is none", written({ "tes-csrf": "x" })],
    ["a write with an empty half", written({ "tes-csrf": "" })],
    ["a write without Origin", () => bumpBy(without("origin"))],
    ["a write from another origin", written({ origin: "https://evil.test" })],
    ["a write from another port", written({ origin: `${ORIGIN}:8443` })],
    ["a write from another scheme", written({ origin: ORIGIN.replace("https", "http") })],
    ["a write from a name that begins like ours", written({ origin: `${ORIGIN}.evil.test` })],
    ["a write from a sandboxed page", written({ origin: "null" })],
    ["a write from another site, by what the browser says", written({ "sec-fetch-site": "cross-site" })],
    ["a write from a sibling, by what the browser says", written({ "sec-fetch-site": "same-site" })],
    ["a write that a person typed, by what the browser says", written({ "sec-fetch-site": "none" })],
    ["a read from another origin", read({ origin: "https://evil.test" })],
    ["a read from another site, by what the browser says", read({ "sec-fetch-site": "cross-site" })],
    ["a read from a sibling, by what the browser says", read({ "sec-fetch-site": "same-site" })],
    [
      "a read with another session's half",
      () => readBy({ ...halves(session), "tes-csrf": another.answer.csrf }, "/v1/acme"),
    ],
    [
      "a sign-out from another origin",
      () => post("/v1/acme/session/end", {}, { headers: { ...halves(session), origin: "https://evil.test" } }),
    ],
    ["a sign-in without Origin", () => post("/v1/acme/session", {}, { token: admin })],
    [
      "a sign-in from another origin",
      () => post("/v1/acme/session", {}, { token: admin, headers: { origin: "https://evil.test" } }),
    ],
    [
      "a sign-in from a sibling",
      () => post("/v1/acme/session", {}, { token: admin, headers: { ...PAGE, "sec-fetch-site": "same-site" } }),
    ],
  ] as const;
  testRefusals(
    "acme",
    csrfRows.map(([name, send]) => [name, send, 403, "csrf_refused"]),
  );

  test("a read without the second half is anyone's, whatever cookie comes along", async () => {
    const read = await readBy(without("tes-csrf"), "/v1/acme");
    expect(read.status).toBe(200);
    expect(read.headers["access-control-allow-origin"]).toBe("*");
    const metrics = await readBy(without("tes-csrf"), "/v1/acme/metrics");
    expect(codeOf(metrics)).toBe("token_missing");
  });

  test("a browser that says nothing of the page is taken at its Origin", async () => {
    expect((await bumpBy(without("sec-fetch-site"))).status).toBe(200);
    expect((await readBy(without("origin"), "/v1/acme/metrics")).status).toBe(200);
  });

  test("a preflight allows neither half", async () => {
    const headers = {
      "access-control-request-method": "GET",
      "access-control-request-headers": "tes-csrf",
      origin: "https://evil.test",
    };
    const preflight = await ask("/v1/acme", { method: "OPTIONS", headers });
    expect(preflight.headers["access-control-allow-headers"]).toBe("tes-min-size, tes-nonce");
    expect(preflight.headers).not.toHaveProperty("access-control-allow-credentials");
  });
});

describe("cookies that are worth nothing", () => {
  let session: SignedIn;
  beforeAll(async () => {
    session = await signIn(await mint("acme", ["admin"]));
  });
  const carrying = (make: (value: string, name: string) => string) => () =>
    bumpBy({ ...halves(session), cookie: make(session.value, session.name) });
  const resealed = async (change: object, purpose: string, registry: string) => {
    const claims = JSON.parse(new TextDecoder().decode(fromBase64Url(session.value.split(".")[0]!)!));
    const content = toBase64Url(utf8(JSON.stringify({ ...claims, ...change })));
    const bytes = await derived(MASTER, `tes/v1/${purpose}/${registry}`);
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return `${content}.${toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(content))))}`;
  };
  const sealed =
    (change: object, purpose = "session", registry = "acme") =>
    async () =>
      bumpBy({ ...halves(session), cookie: `${session.name}=${await resealed(change, purpose, registry)}` });
  testRefusals("acme", [
    ["none", () => bumpBy({ ...PAGE, "tes-csrf": session.answer.csrf }), 401, "session_missing"],
    ["none, for what only a session gets", () => readBy(PAGE), 401, "session_missing"],
    [
      "none, with a token, for what only a session gets",
      () => readBy({ authorization: `Bearer ${admin}` }),
      401,
      "session_missing",
    ],
    ["under another name", carrying((value) => `tes-acme=${value}`), 401, "session_missing"],
    ["under another registry's name", carrying((value) => `__Host-tes-other=${value}`), 401, "session_missing"],
    [
      "one bit of its content changed",
      carrying((value, name) => `${name}=${value[0] === "e" ? "f" : "e"}${value.slice(1)}`),
      401,
      "session_missing",
    ],
    ["its seal cut short", carrying((value, name) => `${name}=${value.slice(0, -4)}`), 401, "session_missing"],
    ["without a seal", carrying((value, name) => `${name}=${value.split(".")[0]}`), 401, "session_missing"],
    ["with an empty seal", carrying((value, name) => `${name}=${value.split(".")[0]}.`), 401, "session_missing"],
    ["with a third part", carrying((value, name) => `${name}=${value}.x`), 401, "session_missing"],
    ["empty", carrying((_, name) => `${name}=`), 401, "session_missing"],
    ["too long", carrying((value, name) => `${name}=${value}${"A".repeat(MAX_SESSION_CHARS)}`), 401, "session_missing"],
    ["twice", carrying((value, name) => `${name}=${value}; ${name}=${value}`), 401, "session_missing"],
    ["in quotes", carrying((value, name) => `${name}="${value}"`), 401, "session_missing"],
    ["a token in its place", carrying((_, name) => `${name}=${admin}`), 401, "session_missing"],
    ["sealed by another purpose's key", sealed({}, "token-hs256"), 401, "session_missing"],
    ["sealed by another registry's key", sealed({}, "session", "other"), 401, "session_missing"],
    ["sealed, with a member too many", sealed({ more: 1 }), 401, "session_missing"],
    ["sealed, and over", sealed({ exp: Date.now() - 1 }), 401, "session_expired"],
    ["sealed, with another id", sealed({ sid: randomKey() }), 403, "csrf_refused"],
  ]);

  test("resealed by hand as it was, it is the same session: the rows above fail for what they change", async () => {
    const same = await sealed({})();
    expect(same.status, textOf(same)).toBe(200);
  });

  test("registry A's session is nobody at registry B, under either name", async () => {
    const theirs = await signIn(stranger, "other");
    for (const name of [theirs.name, session.name]) {
      const crossed = await bumpBy({ ...halves(theirs), cookie: `${name}=${theirs.value}` });
      expect([crossed.status, codeOf(crossed)]).toEqual([401, "session_missing"]);
    }
    const both = `${theirs.name}=${theirs.value}; ${session.name}=${session.value}`;
    expect((await bumpBy({ ...halves(session), cookie: both })).status).toBe(200);
    const wrongHalf = await bumpBy({ ...halves(theirs), cookie: both });
    expect(codeOf(wrongHalf)).toBe("csrf_refused");
  });

  test("two authorities on one host have cookies of two names", () => {
    expect(sessionCookie("acme", "tes.test:8443")).toBe("__Host-tes-acme.8443");
    expect(sessionCookie("acme", "[::1]:8787")).toBe("__Host-tes-acme.8787");
  });

  test("a token whose session no browser would keep is told so", async () => {
    const scopes = (count: number) =>
      Array.from({ length: count }, (_, i) => `bump:component:${"x".repeat(82)}${i + 10}`);
    expect((await signIn(await mint("acme", scopes(20)))).value.length).toBeLessThanOrEqual(MAX_SESSION_CHARS);
    const token = await mint("acme", scopes(28));
    const refused = await post("/v1/acme/session", {}, { token, headers: PAGE });
    expect([refused.status, codeOf(refused)]).toEqual([422, "invalid_field"]);
    expect(refused.headers).not.toHaveProperty("set-cookie");
  });
});

describe("what is answered to a session stays with it", () => {
  test("a token goes before a session: the cookie changes nothing", async () => {
    const session = await signIn(await mint("acme", ["admin"]));
    const reader = await mint("acme", ["read"]);
    const refused = await bumpBy({ ...halves(session), authorization: `Bearer ${reader}` });
    expect(codeOf(refused)).toBe("forbidden");
    const spoilt = await bumpBy({ ...halves(session), "tes-csrf": "x", authorization: `Bearer ${admin}` });
    expect(spoilt.status).toBe(200);
  });

  test("reads of a session are neither kept nor joined, and never for other sites", async () => {
    const session = await signIn(await mint("acme", ["read"]));
    configure({ TES_READ_CACHE: undefined });
    const asked = vi.spyOn(VersionManagementDO.prototype, "answer");
    try {
      const isOpen = ({ headers }: Exchange) => headers["access-control-allow-origin"] === "*";
      const anyone = () => ask("/v1/acme/entities");
      const mine = () => readBy(halves(session), "/v1/acme/entities");
      expect([await mine(), await anyone(), await anyone(), await mine()].map(isOpen)).toEqual([
        false,
        true,
        true,
        false,
      ]);
      // What anyone was answered was kept for anyone; the session's were asked for, each by itself.
      expect(asked).toHaveBeenCalledTimes(3);
      const joined = await Promise.all([mine(), ask("/v1/acme/diff?from=1"), mine(), ask("/v1/acme/diff?from=1")]);
      expect(joined.map(isOpen)).toEqual([false, true, false, true]);
      expect(asked).toHaveBeenCalledTimes(6);
      expect(joined[0]!.headers["cache-control"]).toMatch(/no-store/);
    } finally {
      asked.mockRestore();
    }
  });

  test("a private registry is read by its session only, and no answer may be stored", async () => {
    const session = await signIn(await mint("hidden", ["read"]), "hidden");
    configure({ TES_READ_CACHE: undefined });
    const mine = await readBy(halves(session), "/v1/hidden");
    expect([mine.status, isSigned(mine)]).toEqual([200, true]);
    expect(mine.headers["cache-control"]).toMatch(/no-store/);
    for (const { status } of [
      await ask("/v1/hidden"),
      await readBy({ ...PAGE, cookie: halves(session).cookie! }, "/v1/hidden"),
    ]) {
      expect(status).toBe(401);
    }
  });

  test("a ticket is for the session's own origin and no other", async () => {
    const session = await signIn(await mint("acme", ["watch"]));
    const own = await post("/v1/acme/tickets", { origin: ORIGIN }, { headers: halves(session) });
    expect(own.status).toBe(200);
    const other = await post("/v1/acme/tickets", { origin: "https://evil.test" }, { headers: halves(session) });
    expect([other.status, codeOf(other)]).toEqual([422, "invalid_field"]);
  });

  test("neither half is in any other answer", async () => {
    const session = await signIn(await mint("acme", ["admin"]));
    for (const path of ["/v1/acme", "/v1/acme/metrics", "/v1/acme/session", "/v1/acme/nothing"]) {
      const { body, headers } = await readBy(halves(session), path);
      const said = `${new TextDecoder().decode(body)}${JSON.stringify(headers)}`;
      expect(said).not.toContain(session.value);
      if (path !== "/v1/acme/session") expect(said).not.toContain(session.answer.csrf);
    }
  });
});
