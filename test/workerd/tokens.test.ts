import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { MAX_TOKEN_CHARS, MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../../src/core/limits.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  MASTER,
  masterOf,
  mint,
  openRegistry,
  post,
  restart,
  type TokenParts,
} from "./authority.ts";
import { testRefusals } from "./refusals.ts";
import { keysOf } from "./verifiers.ts";

let admin: string;
let stranger: string;
const now = () => Math.floor(Date.now() / 1000);

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry("acme");
  stranger = await openRegistry("other");
  await openRegistry("hidden", "private");
  await declare("acme", admin, ["global:main", "component:a"]);
});

afterEach(() => void vi.useRealTimers());

const bumpWith = (token: string, entity = "global:main") =>
  post("/v1/acme/bump", { entity, scope: "minor" }, { token });
/** A bump whose token is an admin's but for what `change` spoils. */
const spoilt = (change: Partial<TokenParts>) => async (): Promise<Exchange> =>
  bumpWith(await mint("acme", ["admin"], change));
const claiming = (claims: Record<string, unknown>) => spoilt({ claims });
const heading = (header: Record<string, unknown>) => spoilt({ header });
const sending = (authorization: string | (() => string)) => () =>
  post(
    "/v1/acme/bump",
    { entity: "global:main", scope: "minor" },
    {
      headers: { authorization: typeof authorization === "string" ? authorization : authorization() },
    },
  );
const encode = (json: unknown) => toBase64Url(utf8(JSON.stringify(json)));
/** The parts of the admin's token, and what becomes of them. */
const cut = (make: (header: string, claims: string, signature: string) => string) =>
  sending(() => {
    const [header, claims, signature] = admin.split(".") as [string, string, string];
    return `Bearer ${make(header, claims, signature)}`;
  });

describe("tokens that are worth nothing", () => {
  testRefusals("acme", [
    ["none", () => post("/v1/acme/bump", { entity: "global:main", scope: "minor" }), 401, "token_missing"],
    [
      "none, for a declaration",
      () => post("/v1/acme/entities", { entities: [{ entity: "global:x" }] }),
      401,
      "token_missing",
    ],
    ["none, for a token", () => post("/v1/acme/tokens", { scope: ["admin"], expiresIn: 60 }), 401, "token_missing"],
    ["expired", claiming({ iat: now() - 600, exp: now() - 1 }), 401, "token_expired"],
    [
      "expired, on a public read",
      async () =>
        ask("/v1/acme", {
          headers: {
            authorization: `Bearer ${await mint("acme", ["read"], { claims: { iat: now() - 600, exp: now() - 1 } })}`,
          },
        }),
      401,
      "token_expired",
    ],
    ["expired in 1970", claiming({ iat: 0, exp: 1 }), 401, "token_expired"],
    ["of another registry", () => bumpWith(stranger), 401, "token_invalid"],
    [
      "of another registry, on a public read",
      () => ask("/v1/acme", { headers: { authorization: `Bearer ${stranger}` } }),
      401,
      "token_invalid",
    ],
    ["for another registry, under our key", claiming({ aud: "tes:other" }), 401, "token_invalid"],
    ["for several registries", claiming({ aud: ["tes:acme", "tes:other"] }), 401, "token_invalid"],
    ["for this registry's name without its prefix", claiming({ aud: "acme" }), 401, "token_invalid"],
    ["of another master key", spoilt({ master: masterOf("another") }), 401, "token_invalid"],
    [
      "of another master key, under our key's name",
      async () =>
        bumpWith(
          await mint("acme", ["admin"], {
            master: masterOf("another"),
            header: { kid: decodeProtectedHeader(admin).kid },
          }),
        ),
      401,
      "token_invalid",
    ],
    [
      "alg none",
      cut((_header, claims) => `${encode({ ...decodeProtectedHeader(admin), alg: "none" })}.${claims}.`),
      401,
      "token_invalid",
    ],
    [
      "alg none with the old signature",
      cut(
        (_header, claims, signature) =>
          `${encode({ ...decodeProtectedHeader(admin), alg: "none" })}.${claims}.${signature}`,
      ),
      401,
      "token_invalid",
    ],
    [
      "alg NONE",
      cut((_header, claims) => `${encode({ ...decodeProtectedHeader(admin), alg: "NONE" })}.${claims}.`),
      401,
      "token_invalid",
    ],
    ["alg HS512", heading({ alg: "HS512" }), 401, "token_invalid"],
    ["alg EdDSA, signed with HMAC by the published key", publishedKeyToken("EdDSA"), 401, "token_invalid"],
    ["alg HS256, signed with HMAC by the published key", publishedKeyToken("HS256"), 401, "token_invalid"],
    ["another type", heading({ typ: "JWT" }), 401, "token_invalid"],
    ["no type", heading({ typ: undefined }), 401, "token_invalid"],
    ["another key's name", heading({ kid: "0123456789abcdef" }), 401, "token_invalid"],
    ["no key's name", heading({ kid: undefined }), 401, "token_invalid"],
    ["a header more", heading({ jku: "https://evil.test/keys" }), 401, "token_invalid"],
    ["a critical header", heading({ crit: ["b64"], b64: true }), 401, "token_invalid"],
    [
      "spelt otherwise: bits after its signature's end, which a decoder drops",
      cut((header, claims, signature) => {
        // 32 bytes leave four bits in the last of 43 characters, and two of them unused.
        const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        const last = alphabet[alphabet.indexOf(signature.at(-1)!) + 1]!;
        return `${header}.${claims}.${signature.slice(0, -1)}${last}`;
      }),
      401,
      "token_invalid",
    ],
    ["truncated: no signature", cut((header, claims) => `${header}.${claims}.`), 401, "token_invalid"],
    ["truncated: two parts", cut((header, claims) => `${header}.${claims}`), 401, "token_invalid"],
    [
      "truncated: a character short",
      cut((header, claims, signature) => `${header}.${claims}.${signature.slice(0, -1)}`),
      401,
      "token_invalid",
    ],
    [
      "truncated: half the claims",
      cut((header, claims, signature) => `${header}.${claims.slice(0, claims.length / 2)}.${signature}`),
      401,
      "token_invalid",
    ],
    ["a part more", cut((header, claims, signature) => `${header}.${claims}.${signature}.x`), 401, "token_invalid"],
    [
      "another scope, under the old signature",
      cut(
        (header, _claims, signature) =>
          `${header}.${encode({ ...decodeJwt(admin), scope: ["admin", "bump:*"] })}.${signature}`,
      ),
      401,
      "token_invalid",
    ],
    [
      "a later end, under the old signature",
      cut(
        (header, _claims, signature) => `${header}.${encode({ ...decodeJwt(admin), exp: now() + 9_999 })}.${signature}`,
      ),
      401,
      "token_invalid",
    ],
    [
      "claims that are no JSON",
      cut((header, _claims, signature) => `${header}.${toBase64Url(utf8("admin"))}.${signature}`),
      401,
      "token_invalid",
    ],
    [
      "the last bits of its signature changed",
      cut(
        (header, claims, signature) =>
          `${header}.${claims}.${signature.slice(0, -1)}${signature.endsWith("A") ? "B" : "A"}`,
      ),
      401,
      "token_invalid",
    ],
    ["a claim that says it is revoked", claiming({ revoked: true }), 401, "token_invalid"],
    ["not valid yet", claiming({ nbf: now() + 300 }), 401, "token_invalid"],
    ["an issuer", claiming({ iss: "evil.test" }), 401, "token_invalid"],
    ["no id", claiming({ jti: undefined }), 401, "token_invalid"],
    ["an id that is not 16 bytes", claiming({ jti: "abc" }), 401, "token_invalid"],
    ["an id that is the genesis's", claiming({ jti: "genesis" }), 401, "token_invalid"],
    ["no end", claiming({ exp: undefined }), 401, "token_invalid"],
    ["no beginning", claiming({ iat: undefined }), 401, "token_invalid"],
    ["an end before its beginning", claiming({ iat: now() + 700, exp: now() + 600 }), 401, "token_invalid"],
    ["a longer life than there is", claiming({ exp: now() + MAX_TOKEN_LIFETIME_S + 60 }), 401, "token_invalid"],
    ["an end past 2^53", claiming({ exp: Number.MAX_SAFE_INTEGER + 1 }), 401, "token_invalid"],
    ["no scope", claiming({ scope: undefined }), 401, "token_invalid"],
    ["an empty scope", claiming({ scope: [] }), 401, "token_invalid"],
    ["a scope that is text", claiming({ scope: "admin" }), 401, "token_invalid"],
    ["an unknown scope", claiming({ scope: ["root"] }), 401, "token_invalid"],
    ["an unknown scope beside a known one", claiming({ scope: ["admin", "root"] }), 401, "token_invalid"],
    [
      "a scope more than it may have",
      claiming({ scope: Array.from({ length: MAX_TOKEN_SCOPES + 1 }, (_, i) => `bump:a:${i}`) }),
      401,
      "token_invalid",
    ],
    ["a label with a line break", claiming({ sub: "a\nb" }), 401, "token_invalid"],
    ["Basic", sending("Basic YWRtaW46YWRtaW4="), 401, "token_invalid"],
    ["Bearer alone", sending("Bearer "), 401, "token_invalid"],
    ["no Bearer", sending(() => admin), 401, "token_invalid"],
    ["two spaces", sending(() => `Bearer  ${admin}`), 401, "token_invalid"],
    ["a word", sending("Bearer admin"), 401, "token_invalid"],
    [
      "a character past the longest",
      sending(() => `Bearer ${admin}${"A".repeat(MAX_TOKEN_CHARS + 1 - admin.length)}`),
      401,
      "token_invalid",
    ],
  ]);

  test("a refusal says how to ask, and never repeats the token", async () => {
    const answer = await bumpWith(stranger);
    expect(answer.headers["www-authenticate"]).toBe('Bearer realm="tes"');
    const shown = new TextDecoder().decode(answer.body) + JSON.stringify(answer.headers);
    for (const part of stranger.split(".")) expect(shown).not.toContain(part);
  });

  test("a token is believed until its last second and not after, even when it is known", async () => {
    const exp = now() + 60;
    const token = await mint("acme", ["read"], { claims: { exp } });
    const read = () => ask("/v1/acme", { headers: { authorization: `Bearer ${token}` } });
    expect((await read()).status).toBe(200);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(exp * 1000 - 1);
    expect((await read()).status).toBe(200);
    vi.setSystemTime(exp * 1000);
    expect(codeOf(await read())).toBe("token_expired");
    await restart("acme");
    expect(codeOf(await read())).toBe("token_expired");
  });

  test("bearer is a word of either case", async () => {
    for (const word of ["bearer", "BEARER"]) {
      expect((await ask("/v1/acme", { headers: { authorization: `${word} ${admin}` } })).status).toBe(200);
    }
  });
});

/** A token whose HMAC key is what everybody can read: the oldest trick with two kinds of key. */
function publishedKeyToken(alg: string): () => Promise<Exchange> {
  return async () => {
    const { bytes } = (await keysOf("acme"))["tes-ed25519"];
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const text = `${encode({ ...decodeProtectedHeader(admin), alg })}.${admin.split(".")[1]}`;
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(text)));
    return bumpWith(`${text}.${toBase64Url(mac)}`);
  };
}
