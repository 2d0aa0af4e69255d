import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { MAX_HEADER_BYTES } from "../../src/core/limits.ts";
import worker from "../../src/worker/worker.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  isSigned,
  jsonOf,
  MASTER,
  ORIGIN,
  openRegistry,
  post,
  randomKey,
  snapshot,
  writing,
} from "./authority.ts";
import { expectHeaders, type Refusal, testRefusals } from "./refusals.ts";
import { digestOf } from "./verifiers.ts";

let token: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  await declare("acme", token, ["global:main"]);
});

const MAIN = { entity: "global:main", scope: "minor" };
const bump = (headers: Record<string, string>, key?: string | null) =>
  post("/v1/acme/bump", MAIN, { token, headers, ...(key === undefined ? {} : { key }) });
const read = (headers: Record<string, string>) => ask("/v1/acme", { headers });

/** A write without one of its headers. */
const without = (name: string): Promise<Exchange> => {
  const asking = writing(MAIN, { token });
  const { [name]: _gone, ...headers } = asking.headers!;
  return ask("/v1/acme/bump", { ...asking, headers });
};

describe("headers", () => {
  testRefusals("acme", [
    ["a second Idempotency-Key", () => bump({ "idempotency-key": "one, two" }), 400, "header_repeated"],
    [
      "a second Authorization",
      () => bump({ authorization: `Bearer ${token}, Bearer ${token}` }),
      400,
      "header_repeated",
    ],
    [
      "a second Content-Type",
      () => bump({ "content-type": "application/json, application/json" }),
      400,
      "header_repeated",
    ],
    ["a second TES-Nonce", () => bump({ "tes-nonce": `${randomKey()}, ${randomKey()}` }), 400, "header_repeated"],
    [
      "a second TES-Nonce on a read",
      () => read({ "tes-nonce": `${randomKey()}, ${randomKey()}` }),
      400,
      "header_repeated",
    ],
    ["a second TES-Min-Size", () => read({ "tes-min-size": "1, 2" }), 400, "header_repeated"],
    ["no Idempotency-Key", () => bump({}, null), 400, "idempotency_key_required"],
    [
      "no Idempotency-Key on a declaration",
      () => post("/v1/acme/entities", { entities: [{ entity: "global:new" }] }, { token, key: null }),
      400,
      "idempotency_key_required",
    ],
    ["an empty Idempotency-Key", () => bump({}, ""), 400, "idempotency_key_invalid"],
    ["an Idempotency-Key of 65", () => bump({}, "k".repeat(65)), 400, "idempotency_key_invalid"],
    ["an Idempotency-Key with a space", () => bump({}, "a b"), 400, "idempotency_key_invalid"],
    ["a nonce of 21", () => read({ "tes-nonce": "n".repeat(21) }), 400, "nonce_invalid"],
    ["a nonce of 65", () => read({ "tes-nonce": "n".repeat(65) }), 400, "nonce_invalid"],
    ["a nonce in base64 with padding", () => read({ "tes-nonce": `${"n".repeat(22)}==` }), 400, "nonce_invalid"],
    ["a nonce on a write", () => bump({ "tes-nonce": "short" }), 400, "nonce_invalid"],
    ["no Content-Type", () => without("content-type"), 415, "unsupported_media_type"],
    ["text", () => bump({ "content-type": "text/plain" }), 415, "unsupported_media_type"],
    ["a form", () => bump({ "content-type": "application/x-www-form-urlencoded" }), 415, "unsupported_media_type"],
    [
      "JSON in another character set",
      () => bump({ "content-type": "application/json; charset=utf-16" }),
      415,
      "unsupported_media_type",
    ],
    [
      "JSON of another kind",
      () => bump({ "content-type": "application/merge-patch+json" }),
      415,
      "unsupported_media_type",
    ],
    ...["gzip", "br", "identity", "gzip, br"].map(
      (coding): Refusal => [
        `a body in the coding ${coding}`,
        () => bump({ "content-encoding": coding }),
        415,
        "unsupported_media_type",
      ],
    ),
    [
      "a digest of something else",
      async () => bump({ "content-digest": await digestOf("something else") }),
      400,
      "content_digest_mismatch",
    ],
    ["a digest that is none", () => bump({ "content-digest": "sha-256=abc" }), 400, "content_digest_mismatch"],
    [
      "a digest by another algorithm alone",
      () => bump({ "content-digest": "sha-512=:AAAA:" }),
      400,
      "content_digest_mismatch",
    ],
    ...["authorization", "content-type", "content-digest", "idempotency-key", "tes-nonce"].map(
      (name): Refusal => [
        `${name} of ${MAX_HEADER_BYTES + 1}`,
        () => bump({ [name]: "x".repeat(MAX_HEADER_BYTES + 1) }),
        431,
        "headers_too_large",
      ],
    ),
    [
      "TES-Nonce too long on a read",
      () => read({ "tes-nonce": "x".repeat(MAX_HEADER_BYTES + 1) }),
      431,
      "headers_too_large",
    ],
  ]);

  test.each([
    ["a key of 64", { "idempotency-key": "k".repeat(64) }],
    ["a key of one character", { "idempotency-key": "!" }],
    ["a nonce of 22", { "tes-nonce": "n".repeat(22) }],
    ["a nonce of 64", { "tes-nonce": "-_".repeat(32) }],
    ["a character set", { "content-type": "application/json; charset=UTF-8" }],
    ["digests of several algorithms", {}],
  ])("%s is taken", async (name, headers) => {
    const asking = writing({ ...MAIN, dryRun: true }, { token, headers });
    const digest = asking.headers!["content-digest"]!;
    const more = name.startsWith("digests") ? { "content-digest": `sha-512=:AAAA:, ${digest}` } : {};
    const answer = await ask("/v1/acme/bump", { ...asking, headers: { ...asking.headers, ...more } });
    expect(answer.status).toBe(200);
  });

  test("a header as long as it may be is judged by what it says", async () => {
    const answer = await bump({}, "k".repeat(MAX_HEADER_BYTES));
    expect(codeOf(answer)).toBe("idempotency_key_invalid");
  });
});

describe("idempotency keys", () => {
  test("with another body, another version or another entity: refused, and nothing is written", async () => {
    const key = randomKey();
    const first = await post("/v1/acme/bump", MAIN, { token, key });
    expect(first.status).toBe(200);
    const before = await snapshot("acme");
    for (const other of [
      { ...MAIN, scope: "major" },
      { ...MAIN, expected: "1.0.0" },
      { ...MAIN, entity: "*" },
    ]) {
      const answer = await post("/v1/acme/bump", other, { token, key });
      expect([answer.status, codeOf(answer)]).toEqual([422, "idempotency_key_reused"]);
    }
    expect(await snapshot("acme")).toEqual(before);
  });
});

describe("paths", () => {
  const get =
    (path: string): (() => Promise<Exchange>) =>
    () =>
      ask(path);
  testRefusals("acme", [
    ["a trailing slash", get("/v1/acme/"), 404, "route_unknown"],
    ["a trailing slash below", get("/v1/acme/entities/"), 404, "route_unknown"],
    ["a double slash", get("/v1/acme//entities"), 404, "route_unknown"],
    ["a double slash at the end", get("/v1/acme//"), 404, "route_unknown"],
    ["upper case below", get("/v1/acme/Entities"), 404, "route_unknown"],
    ["an encoded letter", get("/v1/acme/%65ntities"), 404, "route_unknown"],
    ["an encoded slash in an id", get("/v1/acme/entities/global%2Fmain"), 422, "invalid_field"],
    ["an encoded slash between id and more", get("/v1/acme/entities/global:main%2Fhistory"), 422, "invalid_field"],
    ["an encoded NUL in an id", get("/v1/acme/entities/global:main%00"), 422, "invalid_field"],
    ["half an encoding", get("/v1/acme/entities/global:main%"), 422, "invalid_field"],
    ["an encoding that is not UTF-8", get("/v1/acme/entities/global:%FF"), 422, "invalid_field"],
    ["an encoded Cyrillic a", get("/v1/acme/entities/global:m%D0%B0in"), 422, "invalid_field"],
    ["an id of 10,000 characters", get(`/v1/acme/entities/global:${"a".repeat(10_000)}`), 422, "invalid_field"],
    ["an unknown entity", get("/v1/acme/entities/global:absent"), 404, "entity_unknown"],
    ["an unknown route", get("/v1/acme/nothing"), 404, "route_unknown"],
    ["a route of the authority under a registry", get("/v1/acme/healthz"), 404, "route_unknown"],
    ["a matrix parameter", get("/v1/acme/entities;v=1"), 404, "route_unknown"],
    ["an unknown parameter", get("/v1/acme?verbose=1"), 400, "query_unknown"],
    ["an unknown parameter of a write", () => post("/v1/acme/bump?dryRun=true", MAIN, { token }), 400, "query_unknown"],
    ["a parameter that every object has", get("/v1/acme/log/proof?constructor=1"), 400, "query_unknown"],
    ["a parameter twice", get("/v1/acme/log/proof?seq=0&seq=1"), 400, "query_unknown"],
    ["an unknown parameter beside a known one", get("/v1/acme/log/proof?seq=0&x"), 400, "query_unknown"],
    ["no parameter where one is needed", get("/v1/acme/log/proof"), 422, "invalid_field"],
    ...["-1", "1.5", "1e0", "01", "+1", "0x1", " 0", "", "99", "9007199254740993", "NaN"].flatMap((n): Refusal[] => [
      [`seq ${JSON.stringify(n)}`, get(`/v1/acme/log/proof?seq=${encodeURIComponent(n)}`), 422, "invalid_field"],
      [
        `from ${JSON.stringify(n)}`,
        get(`/v1/acme/log/consistency?from=${encodeURIComponent(n)}`),
        422,
        "invalid_field",
      ],
    ]),
    ["from past to", get("/v1/acme/log/consistency?from=2&to=1"), 422, "invalid_field"],
    ["a second genesis, by nobody", () => post("/v1/acme", {}), 409, "genesis_exists"],
  ]);

  describe("that lead to no registry are answered by nobody's key", () => {
    testRefusals(
      "acme",
      [
        ["an upper-case registry", get("/v1/ACME"), 404, "registry_unknown"],
        ["an encoded letter in the registry", get("/v1/%61cme"), 404, "registry_unknown"],
        ["an encoded slash after it", get("/v1/acme%2Fentities"), 404, "registry_unknown"],
        ["a registry that starts with a dash", get("/v1/-acme"), 404, "registry_unknown"],
        ["a registry of 64", get(`/v1/${"a".repeat(64)}`), 404, "registry_unknown"],
        ["a registry that nobody opened", get("/v1/nobody"), 404, "registry_unknown"],
        ["a write to it", () => post("/v1/nobody/bump", MAIN, { token }), 404, "registry_unknown"],
        ["no registry", get("/v1/"), 404, "route_unknown"],
        ["v1 alone", get("/v1"), 404, "route_unknown"],
        ["an upper-case V1", get("/V1/acme"), 404, "route_unknown"],
        ["v2", get("/v2/acme"), 404, "route_unknown"],
        ["a double slash before", get("//v1/acme"), 404, "route_unknown"],
        ["a double slash between", get("/v1//acme"), 404, "route_unknown"],
        ["the root", get("/"), 404, "route_unknown"],
        ["the alias with a slash", get("/bump/"), 404, "route_unknown"],
        ["the alias with an encoded letter", get("/%62ump"), 404, "route_unknown"],
        ["the alias with an encoded letter, as a write", () => post("/%62ump", MAIN, { token }), 404, "route_unknown"],
        ["the health check with a slash", get("/healthz/"), 404, "route_unknown"],
        ["a foreign host", get("https://evil.test/v1/acme"), 421, "misdirected_request"],
        ["a foreign port", get("https://tes.test:444/v1/acme"), 421, "misdirected_request"],
        ["a host above ours", get("https://a.tes.test/v1/acme"), 421, "misdirected_request"],
        ["our host with a dot", get("https://tes.test./v1/acme"), 421, "misdirected_request"],
        [
          "a foreign host that names ours elsewhere",
          () => ask("https://evil.test/v1/acme", { headers: { "x-forwarded-host": "tes.test" } }),
          421,
          "misdirected_request",
        ],
        ["a foreign host, for the health check", get("https://evil.test/healthz"), 421, "misdirected_request"],
      ],
      { signed: false },
    );
  });

  // A URL object resolves dot segments before anything is sent; a socket does not. What workerd hands to the Worker is
  // the text from the wire, so the text is put back here.
  test.each([
    "/v1/acme/../acme",
    "/v1/acme/./entities",
    "/v1/other/../acme",
    "/v1/acme/%2e%2e/acme",
    "/v1/%2E/acme",
    "/v1/acme/entities/..",
    "/v1/acme/entities/a b",
    "/v1\\acme",
  ])("%s stands for itself, and for nothing else", async (path) => {
    const request = new Proxy(new Request<unknown, IncomingRequestCfProperties>(`${ORIGIN}/v1/acme`), {
      get: (target, name) => (name === "url" ? `${ORIGIN}${path}` : Reflect.get(target, name, target)),
    });
    const response = await worker.fetch(request, env, createExecutionContext());
    const body = await response.json<{ code: string }>();
    expect([response.status, body.code, response.headers.has("signature")]).toEqual([400, "bad_request", false]);
  });

  test("an encoded colon is the same entity, signed for the path that was asked", async () => {
    const [plain, encoded] = [await ask("/v1/acme/entities/global:main"), await ask("/v1/acme/entities/global%3Amain")];
    expect(jsonOf(encoded)).toEqual(jsonOf(plain));
    expect(encoded.headers.signature).not.toBe(plain.headers.signature);
  });

  test("X-Forwarded-* changes nothing", async () => {
    const headers = { "x-forwarded-host": "evil.test", "x-forwarded-proto": "http", forwarded: "host=evil.test" };
    const answer = await ask("/v1/acme", { headers });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual((await ask("/v1/acme")).body);
  });
});

describe("methods", () => {
  const ALLOW: Readonly<Record<string, string>> = {
    "/v1/acme/bump": "POST",
    "/v1/acme/tokens": "POST",
    "/v1/acme/entities": "GET, HEAD, POST",
    "/v1/acme/entities/global:main": "GET, HEAD",
    "/v1/acme/keys": "GET, HEAD",
    "/v1/acme/log/checkpoint": "GET, HEAD",
    "/v1/acme/log/consistency": "GET, HEAD",
    "/v1/acme/log/proof": "GET, HEAD",
  };
  const cases = Object.entries(ALLOW).flatMap(([path, allow]) =>
    ["GET", "POST", "PUT", "PATCH", "DELETE"]
      .filter((method) => !allow.includes(method))
      .map((method) => ({ method, path, allow })),
  );
  test.each(cases)("$method $path", async ({ method, path, allow }) => {
    const before = await snapshot("acme");
    const answer = await ask(path, { method, headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, codeOf(answer), answer.headers.allow, isSigned(answer)]).toEqual([
      405,
      "method_not_allowed",
      allow,
      true,
    ]);
    expectHeaders(answer);
    expect(await snapshot("acme")).toEqual(before);
  });

  test.each(["PUT", "PATCH", "DELETE"])("%s on a registry, which POST opened once and for all", async (method) => {
    const answer = await ask("/v1/acme", { method, headers: { authorization: `Bearer ${token}` } });
    expect([answer.status, codeOf(answer), answer.headers.allow]).toEqual([405, "method_not_allowed", "GET, HEAD"]);
  });
});
