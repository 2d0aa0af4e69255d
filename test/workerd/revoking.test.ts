/** Tokens that are worth nothing any more, and how much one may ask for. */

import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ask,
  codeOf,
  configure,
  declare,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  openRegistry,
  post,
  restart,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER, TES_TOKEN_RATE: "off", TES_ADDRESS_RATE: undefined }));
afterEach(async () => {
  configure({ TES_TOKEN_RATE: "off", TES_ADDRESS_RATE: undefined });
  await reset();
});

const claimsOf = (token: string): { jti: string; exp: number } =>
  JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/")));
const bump = (token: string) => post("/v1/acme/bump", { entity: "a:b", scope: "patch" }, { token });

test("a revoked token is refused from the next request on, everywhere, and after a restart", async () => {
  const admin = await openRegistry("acme", "private");
  await declare("acme", admin, ["a:b"]);
  const token = await mint("acme", ["bump:*", "read"]);
  const other = await mint("acme", ["bump:*", "read"]);
  expect((await bump(token)).status).toBe(200);
  const { jti, exp } = claimsOf(token);
  const revoked = jsonOf(await post(`/v1/acme/tokens/${jti}/revoke`, { exp }, { token: admin }));
  expect(revoked.receipt.statement).toMatchObject({ type: "token.revoked", token: jti, exp });
  for (const again of [false, true]) {
    if (again) await restart("acme");
    for (const answer of [
      await bump(token),
      await ask("/v1/acme", { headers: { authorization: `Bearer ${token}` } }),
    ]) {
      expect([answer.status, codeOf(answer)]).toEqual([401, "token_revoked"]);
      await expectSigned(answer, await keysOf("acme", { token: admin }));
    }
    expect((await bump(other)).status).toBe(200);
  }
  expect(jsonOf(await post(`/v1/acme/tokens/${jti}/revoke`, {}, { token: admin })).receipt).toBeNull();
});

test("an admin may revoke the token that asks, and then is out", async () => {
  const admin = await openRegistry("acme");
  await post(`/v1/acme/tokens/${claimsOf(admin).jti}/revoke`, {}, { token: admin });
  expect(codeOf(await post("/v1/acme/tokens", { scope: ["read"], expiresIn: 60 }, { token: admin }))).toBe(
    "token_revoked",
  );
});

test.each([
  ["bump:*", {}, "A".repeat(22), "forbidden"],
  ["admin", {}, "short", "invalid_field"],
  ["admin", {}, "%2F".repeat(22), "invalid_field"],
  ["admin", { exp: -1 }, "A".repeat(22), "invalid_field"],
  ["admin", { extra: 1 }, "A".repeat(22), "invalid_field"],
])("with %s, %o for %s: %s", async (scope, json, jti, code) => {
  await openRegistry("acme");
  const answer = await post(`/v1/acme/tokens/${jti}/revoke`, json, { token: await mint("acme", [scope]) });
  expect(codeOf(answer)).toBe(code);
  expect(jsonOf(await ask("/v1/acme")).size).toBe(1);
});

describe("quotas", () => {
  test("one token gets its burst, then a signed 429 that says how long; another has its own", async () => {
    configure({ TES_TOKEN_RATE: "3/1" });
    const token = await openRegistry("acme");
    await declare("acme", token, ["a:b"]);
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await bump(token));
    const refused = answers.find(({ status }) => status === 429)!;
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(codeOf(refused)).toBe("rate_limited");
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(jsonOf(refused).facts).toEqual({ retryAfter: Number(refused.headers["retry-after"]) });
    await expectSigned(refused, await keysOf("acme"));
    expect((await bump(await mint("acme", ["bump:*"]))).status).toBe(200);
  });

  test("guessing tokens costs nobody else anything", async () => {
    configure({ TES_TOKEN_RATE: "2/1" });
    await openRegistry("acme");
    for (let i = 0; i < 20; i++) {
      const token = await mint("acme", ["admin"], { master: "ab".repeat(32) });
      expect(codeOf(await bump(token))).toBe("token_invalid");
    }
    expect((await ask("/v1/acme")).status).toBe(200);
  });

  test("one address gets its burst, then an unsigned 429 before any object is asked", async () => {
    await openRegistry("acme");
    configure({ TES_ADDRESS_RATE: "2/1" });
    const from = (address: string) => ask("/v1/acme", { headers: { "cf-connecting-ip": address } });
    expect((await from("2001:db8::1")).status).toBe(200);
    expect((await from("2001:db8::2")).status).toBe(200);
    const refused = await from("2001:db8::3");
    expect([refused.status, codeOf(refused), isSigned(refused)]).toEqual([429, "rate_limited", false]);
    expect(refused.headers["retry-after"]).toBe("1");
    expect((await from("2001:db8:0:1::1")).status).toBe(200);
    // What anyone may write says nothing.
    const forged = { "cf-connecting-ip": "2001:db8::4", "x-forwarded-for": "192.0.2.1", "x-real-ip": "192.0.2.1" };
    expect((await ask("/v1/acme", { headers: forged })).status).toBe(429);
    expect((await ask("/healthz", { headers: forged })).status).toBe(200);
  });

  test("where nobody names an address there is no limit, unless one is set for all", async () => {
    await openRegistry("acme");
    for (let i = 0; i < 10; i++) expect((await ask("/v1/acme")).status).toBe(200);
    configure({ TES_ADDRESS_RATE: "1/1" });
    expect((await ask("/v1/acme")).status).toBe(200);
    expect((await ask("/v1/acme")).status).toBe(429);
  });
});
