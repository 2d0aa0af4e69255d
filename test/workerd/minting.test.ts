import { decodeJwt, decodeProtectedHeader, SignJWT } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { fromBase64Url } from "../../src/core/bytes.ts";
import { MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../../src/core/limits.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  derived,
  jsonOf,
  MASTER,
  openRegistry,
  post,
  randomKey,
  restart,
  rowsOf,
  snapshot,
} from "./authority.ts";
import { testRefusals } from "./refusals.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let admin: string;
let stranger: string;
const now = () => Math.floor(Date.now() / 1000);

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry("acme");
  stranger = await openRegistry("other");
  await declare("acme", admin, ["global:main", "component:a"]);
});

const bumpWith = (token: string, entity = "global:main") =>
  post("/v1/acme/bump", { entity, scope: "minor" }, { token });

describe("minting", () => {
  const minted = (request: unknown, options: Parameters<typeof post>[2] = {}) =>
    post("/v1/acme/tokens", request, { token: admin, ...options });

  test("an admin mints a token that works, by the documented format", async () => {
    const before = await snapshot("acme");
    const answer = await minted({ scope: ["bump:component:*"], expiresIn: 3_600, label: "ci of the dashboard" });
    expect(answer.status).toBe(200);
    await expectSigned(answer, await keysOf("acme"));
    const { token, jti, exp, ...more } = jsonOf(answer);
    expect(more).toEqual({});
    expect(decodeProtectedHeader(token)).toEqual(decodeProtectedHeader(admin));
    const { iat, ...claims } = decodeJwt(token);
    expect(claims).toEqual({ aud: "tes:acme", jti, exp, scope: ["bump:component:*"], sub: "ci of the dashboard" });
    expect(exp - iat!).toBe(3_600);
    expect(Math.abs(iat! - now())).toBeLessThan(5);
    expect(fromBase64Url(jti)).toHaveLength(16);
    // Nothing of it is written: no statement, no row.
    expect(await snapshot("acme")).toEqual(before);

    expect((await bumpWith(token, "component:a")).status).toBe(200);
    expect(codeOf(await bumpWith(token))).toBe("forbidden");
    await restart("acme");
    const bumped = await bumpWith(token, "component:a");
    expect(jsonOf(bumped).receipt.statement.by).toBe(jti);
    expect(JSON.stringify(await rowsOf("acme"))).not.toContain(token.split(".")[2]);
  });

  test("two are never the same, and a label is optional", async () => {
    const key = randomKey();
    const [one, two] = [
      await minted({ scope: ["read"], expiresIn: 60 }, { key }),
      await minted({ scope: ["read"], expiresIn: 60 }, { key }),
    ];
    expect(jsonOf(one).jti).not.toBe(jsonOf(two).jti);
    expect(decodeJwt(jsonOf(one).token)).not.toHaveProperty("sub");
  });

  test("no idempotency key is needed", async () => {
    expect((await minted({ scope: ["read"], expiresIn: 60 }, { key: null })).status).toBe(200);
  });

  test("the longest life and the most scopes are given", async () => {
    const scope = Array.from({ length: MAX_TOKEN_SCOPES }, (_, i) => `bump:component:${i}`);
    const { token, exp } = jsonOf(await minted({ scope, expiresIn: MAX_TOKEN_LIFETIME_S }));
    expect(exp - decodeJwt(token).iat!).toBe(MAX_TOKEN_LIFETIME_S);
    expect((await ask("/v1/acme", { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
  });

  testRefusals("acme", [
    ["a second longer", () => minted({ scope: ["read"], expiresIn: MAX_TOKEN_LIFETIME_S + 1 }), 422, "invalid_field"],
    ["no life", () => minted({ scope: ["read"], expiresIn: 0 }), 422, "invalid_field"],
    ["a life backwards", () => minted({ scope: ["read"], expiresIn: -60 }), 422, "invalid_field"],
    ["no scope", () => minted({ scope: [], expiresIn: 60 }), 422, "invalid_field"],
    [
      "a scope more",
      () => minted({ scope: Array.from({ length: MAX_TOKEN_SCOPES + 1 }, (_, i) => `bump:a:${i}`), expiresIn: 60 }),
      422,
      "invalid_field",
    ],
    [
      "scopes that no token can hold",
      () =>
        minted({
          scope: Array.from({ length: MAX_TOKEN_SCOPES }, (_, i) => `bump:${"a".repeat(32)}:${"b".repeat(120)}${i}`),
          expiresIn: 60,
        }),
      422,
      "invalid_field",
    ],
    ["an unknown scope", () => minted({ scope: ["root"], expiresIn: 60 }), 422, "invalid_field"],
    [
      "a label with a line break",
      () => minted({ scope: ["read"], expiresIn: 60, label: "a\nb" }),
      422,
      "invalid_field",
    ],
    ["an id of one's own", () => minted({ scope: ["read"], expiresIn: 60, jti: "abc" }), 422, "invalid_field"],
    ["another registry", () => minted({ scope: ["read"], expiresIn: 60, aud: "tes:other" }), 422, "invalid_field"],
    [
      "a bad idempotency key",
      () => minted({ scope: ["read"], expiresIn: 60 }, { key: "a b" }),
      400,
      "idempotency_key_invalid",
    ],
    [
      "by another registry's admin",
      () => minted({ scope: ["read"], expiresIn: 60 }, { token: stranger }),
      401,
      "token_invalid",
    ],
    [
      "by no JSON",
      () =>
        ask("/v1/acme/tokens", {
          body: "{",
          headers: { "content-type": "application/json", authorization: `Bearer ${admin}` },
        }),
      400,
      "json_invalid",
    ],
  ]);

  test("a token of one registry is worth nothing in another, minted by either way", async () => {
    const { token } = jsonOf(await minted({ scope: ["admin"], expiresIn: 60 }));
    expect(codeOf(await post("/v1/other/bump", { entity: "*", scope: "minor" }, { token }))).toBe("token_invalid");
    const forged = await new SignJWT({ ...decodeJwt(token), aud: "tes:other" })
      .setProtectedHeader(decodeProtectedHeader(token) as { alg: string })
      .sign(await derived(MASTER, "tes/v1/token-hs256/acme"));
    expect(codeOf(await post("/v1/other/bump", { entity: "*", scope: "minor" }, { token: forged }))).toBe(
      "token_invalid",
    );
  });
});
