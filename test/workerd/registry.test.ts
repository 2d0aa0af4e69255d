import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { utf8 } from "../../src/core/bytes.ts";
import { canonicalBytes } from "../../src/core/canonical-json.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { ed25519Kid } from "../../src/core/keys.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  GENESIS_REQUEST,
  isSigned,
  jsonOf,
  MASTER,
  masterOf,
  mint,
  openRegistry,
  post,
  RECOVERY,
  randomKey,
  restart,
  rowsOf,
  textOf,
  writing,
} from "./authority.ts";
import { expectHeaders } from "./refusals.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

beforeEach(() =>
  configure({ VERSION_SIGNING_KEY: MASTER, TES_GENESIS: "auto", TES_RECOVERY_KEY: RECOVERY, TES_ORIGIN: undefined }),
);
afterEach(() => reset());

const open = (registry: string, options: Parameters<typeof post>[2], request: object = GENESIS_REQUEST) =>
  post(`/v1/${registry}`, request, options);

describe("a genesis", () => {
  test("is written for whoever holds the master key, and says what the registry is for ever", async () => {
    const token = await mint("acme", ["admin"]);
    const key = randomKey();
    const answer = await open("acme", { token, key }, { ...GENESIS_REQUEST, origin: "log.example/acme" });
    expect(answer.status).toBe(201);
    const keys = await keysOf("acme");
    await expectSigned(answer, keys);
    const { genesis, receipt } = jsonOf(answer);
    const { statement } = receipt;
    expect(genesis).toBe(sha256Hex(new Uint8Array([0, ...canonicalBytes(statement)])));
    const body = utf8(JSON.stringify({ ...GENESIS_REQUEST, origin: "log.example/acme" }));
    expect(statement).toEqual({
      v: 1,
      type: "registry.genesis",
      registry: "acme",
      seq: 0,
      at: expect.any(Number),
      by: JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))).jti,
      idempotency: {
        key: sha256Hex(canonicalBytes([statement.by, "POST", "/v1/acme", key])),
        request: sha256Hex(body),
      },
      visibility: "public",
      origin: "log.example/acme",
      keys: expect.any(Object),
      recovery: { kid: ed25519Kid(RECOVERY), x: RECOVERY },
    });
    expect(statement.keys["response-ed25519"].kid).toBe(keys["tes-ed25519"].keyid);
    expect(statement.keys["response-hmac"].kid).toBe(keys["tes-hmac"].keyid);
    expect(receipt.inclusion).toEqual({ index: 0, size: 1, proof: [] });
    expect(receipt.checkpoint).toMatch(/^log\.example\/acme\n1\n/);
    const state = jsonOf(await ask("/v1/acme"));
    expect(state).toEqual({
      registry: "acme",
      visibility: "public",
      origin: "log.example/acme",
      genesis,
      size: 1,
      entities: [],
    });
  });

  test("takes its origin from TES_ORIGIN, and keeps it when that changes", async () => {
    configure({ TES_ORIGIN: "tes.example" });
    const opened = await open("acme", { token: await mint("acme", ["admin"]) });
    expect(jsonOf(opened).receipt.statement.origin).toBe("tes.example/acme");
    configure({ TES_ORIGIN: "elsewhere.example" });
    await restart("acme");
    expect(jsonOf(await ask("/v1/acme")).origin).toBe("tes.example/acme");
    expect(textOf(await ask("/v1/acme/log/checkpoint"))).toMatch(/^tes\.example\/acme\n/);
  });

  test("sent again gets its receipt again, also after a restart; any other finds that there is one", async () => {
    const token = await mint("acme", ["admin"]);
    const key = randomKey();
    const first = await open("acme", { token, key });
    await declare("acme", token, ["global:main"]);
    const again = await open("acme", { token, key });
    await restart("acme");
    const late = await open("acme", { token, key });
    for (const answer of [again, late]) {
      expect(answer.status).toBe(201);
      await expectSigned(answer, await keysOf("acme"));
      expect(JSON.stringify(jsonOf(answer).receipt.statement)).toBe(JSON.stringify(jsonOf(first).receipt.statement));
      expect(jsonOf(answer).receipt.inclusion).toMatchObject({ index: 0, size: 2 });
    }
    const rows = await rowsOf("acme");
    const others: [Promise<Exchange>, string][] = [
      [open("acme", { token }), "genesis_exists"],
      [open("acme", { token, key: null }), "genesis_exists"],
      [open("acme", {}), "genesis_exists"],
      [open("acme", { token, key }, { ...GENESIS_REQUEST, visibility: "private" }), "idempotency_key_reused"],
      [open("acme", { token: await mint("acme", ["admin"]), key }), "genesis_exists"],
      [open("acme", { token: await mint("other", ["admin"]), key }), "token_invalid"],
    ];
    for (const [asked, code] of others) {
      const answer = await asked;
      expect(codeOf(answer)).toBe(code);
      await expectSigned(answer, await keysOf("acme"));
    }
    expect(await rowsOf("acme")).toEqual(rows);
  });

  test("is written once, whoever asks at the same moment", async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, async (_, i) =>
        open(
          "acme",
          { token: await mint("acme", ["admin"]) },
          { ...GENESIS_REQUEST, visibility: i % 2 ? "private" : "public" },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    const token = await mint("acme", ["admin"]);
    for (const answer of answers) await expectSigned(answer, await keysOf("acme", { token }));
    expect((await rowsOf("acme")).statement).toHaveLength(1);
  });

  test("of default makes itself where that is allowed, and only there", async () => {
    configure({ TES_GENESIS: undefined });
    const refused = await ask("/v1/default");
    expect([refused.status, codeOf(refused), isSigned(refused)]).toEqual([404, "registry_unknown", false]);
    expect(await rowsOf("default")).toEqual({});
    configure({ TES_GENESIS: "auto", TES_RECOVERY_KEY: undefined });
    await restart("default");
    expect(codeOf(await ask("/v1/default"))).toBe("registry_unknown");
    configure({ TES_RECOVERY_KEY: RECOVERY });
    await restart("default");
    const state = await ask("/v1/default");
    expect(jsonOf(state)).toMatchObject({ registry: "default", visibility: "public", size: 1 });
    const { statement } = jsonOf(await ask("/v1/default/log/proof?seq=0"));
    expect(statement).toMatchObject({ by: "genesis", recovery: { x: RECOVERY } });
    expect(statement).not.toHaveProperty("idempotency");
  });
});

describe("a registry that nobody opened", () => {
  const refusals: [string, () => Promise<Exchange>, number, string][] = [
    ["a read", () => ask("/v1/nobody"), 404, "registry_unknown"],
    ["a read below", () => ask("/v1/nobody/log/checkpoint"), 404, "registry_unknown"],
    [
      "a bump",
      async () => post("/v1/nobody/bump", { entity: "*", scope: "minor" }, { token: await mint("nobody", ["admin"]) }),
      404,
      "registry_unknown",
    ],
    [
      "a declaration",
      async () => post("/v1/nobody/entities", { entities: [] }, { token: await mint("nobody", ["admin"]) }),
      404,
      "registry_unknown",
    ],
    [
      "a token",
      async () =>
        post("/v1/nobody/tokens", { scope: ["admin"], expiresIn: 60 }, { token: await mint("nobody", ["admin"]) }),
      404,
      "registry_unknown",
    ],
    ["a genesis by nobody", () => open("nobody", {}), 404, "registry_unknown"],
    [
      "a genesis with a trailing slash",
      async () => post("/v1/nobody/", GENESIS_REQUEST, { token: await mint("nobody", ["admin"]) }),
      404,
      "registry_unknown",
    ],
    ["a genesis by a reader", async () => open("nobody", { token: await mint("nobody", ["read"]) }), 403, "forbidden"],
    [
      "a genesis by another registry's admin",
      async () => open("nobody", { token: await mint("acme", ["admin"]) }),
      401,
      "token_invalid",
    ],
    [
      "a genesis by another master key",
      async () => open("nobody", { token: await mint("nobody", ["admin"], { master: masterOf("another") }) }),
      401,
      "token_invalid",
    ],
    [
      "a genesis by an expired token",
      async () => open("nobody", { token: await mint("nobody", ["admin"], { claims: { iat: 1, exp: 2 } }) }),
      401,
      "token_expired",
    ],
    ["a genesis with a bad nonce", () => admitted({ headers: { "tes-nonce": "short" } }), 400, "nonce_invalid"],
    ["a genesis with a bad key", () => admitted({ key: "a b" }), 400, "idempotency_key_invalid"],
    ["a genesis with a header twice", () => admitted({ headers: { "tes-nonce": "a, b" } }), 400, "header_repeated"],
    ["a genesis as text", () => admitted({ headers: { "content-type": "text/plain" } }), 415, "unsupported_media_type"],
    [
      "a genesis with another digest",
      () => admitted({ headers: { "content-digest": "sha-256=:AAAA:" } }),
      400,
      "content_digest_mismatch",
    ],
    ["a genesis with a query", () => admitted({}, GENESIS_REQUEST, "?force=1"), 400, "query_unknown"],
    ["a genesis without a recovery key", () => admitted({}, { visibility: "public" }), 422, "invalid_field"],
    [
      "a genesis with a recovery key of 31 bytes",
      () => admitted({}, { visibility: "public", recovery: { x: "A".repeat(42) } }),
      422,
      "invalid_field",
    ],
    [
      "a genesis with a word for visibility",
      () => admitted({}, { ...GENESIS_REQUEST, visibility: "secret" }),
      422,
      "invalid_field",
    ],
    [
      "a genesis with a URL for origin",
      () => admitted({}, { ...GENESIS_REQUEST, origin: "https://log.example" }),
      422,
      "invalid_field",
    ],
    ["a genesis with keys of its own", () => admitted({}, { ...GENESIS_REQUEST, keys: {} }), 422, "invalid_field"],
    [
      "a genesis of 2 MiB",
      () => admitted({}, { ...GENESIS_REQUEST, x: "x".repeat(2 * 1_048_576) }),
      413,
      "body_too_large",
    ],
  ];
  const admitted = async (options: Parameters<typeof writing>[1] = {}, request: object = GENESIS_REQUEST, query = "") =>
    ask(`/v1/nobody${query}`, writing(request, { token: await mint("nobody", ["admin"]), ...options }));

  test.each(refusals)("%s: unsigned, and nothing is stored", async (_name, send, status, code) => {
    const answer = await send();
    expect([answer.status, codeOf(answer), isSigned(answer)], textOf(answer)).toEqual([status, code, false]);
    expectHeaders(answer);
    expect(await rowsOf("nobody")).toEqual({});
    // And it can still be opened.
    await openRegistry("nobody");
  });

  test("without a key in place, nobody's genesis is still unknown, and an admin's waits for the key", async () => {
    configure({ VERSION_SIGNING_KEY: undefined });
    expect(codeOf(await open("nobody", {}))).toBe("registry_unknown");
    const answer = await open("nobody", { token: await mint("nobody", ["admin"]) });
    expect([answer.status, codeOf(answer), isSigned(answer)]).toEqual([503, "signing_key_missing", false]);
    expect(await rowsOf("nobody")).toEqual({});
    configure({ VERSION_SIGNING_KEY: MASTER });
    await openRegistry("nobody");
  });
});
