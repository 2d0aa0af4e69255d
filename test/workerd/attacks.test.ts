/** Attacks on the whole authority, each of them tried: what they get is refused, and nothing is changed by it. */

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type ClientOptions, createClient } from "../../src/client/index.ts";
import { VersionManagementDO } from "../../src/worker/version-management-do.ts";
import {
  type Asking,
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  isSigned,
  jsonOf,
  MASTER,
  mint,
  ORIGIN,
  openRegistry,
  post,
  snapshot,
  textOf,
  writing,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let token: string;
let other: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  other = await openRegistry("other");
  for (const [name, admin] of [
    ["acme", token],
    ["other", other],
  ] as const) {
    await declare(name, admin, ["a:b"]);
  }
});
afterEach(() => void vi.restoreAllMocks());
afterAll(() => reset());

/** Sends, and finds the registry as it was. */
async function unchanged<T>(attack: () => Promise<T>): Promise<T> {
  const before = await snapshot("acme");
  const result = await attack();
  expect(await snapshot("acme")).toEqual(before);
  return result;
}

const fetch: NonNullable<ClientOptions["fetch"]> = (url, init) => exports.default.fetch(new Request(url, init));
const clientOf = (options: Partial<ClientOptions> = {}) =>
  createClient({ url: ORIGIN, registry: "acme", trustFirst: true, token, fetch, attempts: 1, ...options });

describe("answers of somebody else, or of another time", () => {
  test("another registry's answer, token and statement are worth nothing, though one key made both", async () => {
    const client = clientOf();
    await client.trust();
    const swapped = clientOf({
      genesis: (await client.trust()).genesis,
      fetch: (url, init) =>
        fetch(url.includes("/keys") || url.includes("/consistency") ? url : url.replace("/v1/acme", "/v1/other"), init),
    });
    await expect(swapped.state()).rejects.toMatchObject({ code: "key_unknown" });
    await expect(swapped.receipt(1)).rejects.toMatchObject({ code: "key_unknown" });
    await unchanged(async () => {
      const answer = await post("/v1/acme/bump", { entity: "a:b", scope: "minor" }, { token: other });
      expect(codeOf(answer)).toBe("token_invalid");
    });
  });

  test("the answer of one write does not do for another, nor for the same one sent again", async () => {
    let kept: Response | undefined;
    const keep: typeof fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (url.endsWith("/bump")) kept ??= answer.clone();
      return answer;
    };
    const honest = clientOf({ fetch: keep });
    const key = "the-same-key";
    await honest.bump({ entity: "a:b", scope: "minor" }, { idempotencyKey: key });
    const replaying = clientOf({
      genesis: (await honest.trust()).genesis,
      fetch: (url, init) => (url.endsWith("/bump") ? Promise.resolve(kept!.clone()) : fetch(url, init)),
    });
    for (const idempotencyKey of [key, "another-key"]) {
      const refused = replaying.bump({ entity: "a:b", scope: "minor" }, { idempotencyKey });
      await expect(refused).rejects.toMatchObject({ code: "signature_invalid" });
    }
  });

  test("a private registry's answer is never given to whoever asks without its token, though it was just made", async () => {
    configure({ TES_READ_CACHE: undefined });
    const own = await openRegistry("secret", "private");
    await declare("secret", own, ["a:hidden"]);
    const authorization = `Bearer ${own}`;
    for (const path of ["", "/entities", "/entities/a:hidden", "/log/checkpoint", "/log/proof?seq=1", "/diff?from=0"]) {
      const inside = await ask(`/v1/secret${path}`, { headers: { authorization } });
      expect(inside.status, path).toBe(200);
      for (const headers of [{}, { authorization: `Bearer ${token}` }, { authorization: "Bearer x.y.z" }]) {
        const outside = await ask(`/v1/secret${path}`, { headers });
        expect(outside.status, path).toBe(401);
        expect(textOf(outside)).not.toContain("hidden");
        expect(outside.headers).not.toHaveProperty("access-control-allow-origin");
      }
    }
    configure({ TES_READ_CACHE: "off" });
  });
});

describe("paths", () => {
  const paths = [
    "/v1/acme//entities",
    "/v1//acme",
    "//v1/acme",
    "/v1/acme/entities//history",
    "/v1/acme/entities/a:b//history",
    "/v1/acme/entities/a:b/history/",
    "/v1/acme/entities/a:b%2Fhistory",
    "/v1/acme/entities/a%253Ab",
    "/v1/acme/entities/a:b;v=1",
    "/v1/acme/entities/a:b%5C..%5Cc",
    "/v1/acme/%65xport",
    "/v1/acme/export%2Fstatements?from=0&size=1",
    "/v1/acme/registries",
    "/v1/acme/registries/other/delist",
    "/v1/default/registries/..%2Facme/delist",
    "/v1/acme/blobs/..%2F..%2Fkeys",
    "/v1/acme/blobs/%00",
    "/v1/acme/tokens/..%2Fbump/revoke",
    "/v1/acme/entities/a:%D0%B2",
    "/v1/acme/entities/a:b%E2%80%8B",
    "/v1/acme/entities/%EF%BD%81:b",
    "/v1/acme/entities/a:b%C3",
    "/v1/%D0%B0cme",
    "/v1/acme%00",
    "/v1/acme%20",
    "/v1/ACME",
    "/V1/acme",
    "/v1/acme.",
    "/v1/xn--acme/keys%23",
    "/v1/acme/constructor",
    "/v1/acme/__proto__",
    "/v1/__proto__",
    "/v1/constructor/keys",
  ];
  test.each(paths)(
    "%s leads nowhere: refused to readers and writers, by nobody or by the registry asked",
    async (path) => {
      const url = `${ORIGIN}${path}`;
      const admin = await mint("default", ["admin"]);
      const tries: Asking[] = [
        {},
        { method: "HEAD" },
        { headers: { authorization: `Bearer ${token}` } },
        writing({}, { token }),
        writing({ entity: "a:b", scope: "minor" }, { token: admin }),
      ];
      await unchanged(async () => {
        for (const asking of tries) {
          const answer = await ask(url, asking);
          expect(answer.status, `${asking.method ?? "GET"} ${answer.status}`).toBeGreaterThanOrEqual(400);
          expect(answer.status).toBeLessThan(500);
          if (asking.method === "HEAD") continue;
          codeOf(answer);
          if (isSigned(answer)) {
            const name = /registry="([a-z-]+)"/.exec(answer.headers["tes-provenance"]!)![1]!;
            expect(path.replace(/^\/+v1\/+/, "").startsWith(name)).toBe(true);
            await expectSigned(answer, await keysOf(name));
          }
        }
      });
    },
  );
});

describe("prototype pollution", () => {
  const POISON = [
    '{"__proto__":{"polluted":1}',
    '{"constructor":{"prototype":{"polluted":1}}',
    '{"prototype":{"polluted":1}',
  ];
  const bodies: readonly [string, string][] = [
    ["/bump", '"entity":"a:b","scope":"minor"}'],
    ["/entities", '"entities":[]}'],
    ["/tokens", '"scope":["read"],"expiresIn":60}'],
    ["/entities/a:b/retire", '"reason":"x"}'],
    [`/tokens/${"A".repeat(22)}/revoke`, '"exp":1}'],
    ["/move", '"to":{}}'],
    ["/restore", '"epoch":2}'],
    ["/rebuild", '"x":1}'],
  ];
  test.each(bodies)("%s takes no member that is not its own", async (path, rest) => {
    await unchanged(async () => {
      for (const poison of POISON) {
        const answer = await ask(`/v1/acme${path}`, { ...writing({}, { token }), ...bodyOf(`${poison},${rest}`) });
        expect([400, 422], textOf(answer)).toContain(answer.status);
      }
    });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
  const bodyOf = (body: string) => ({
    body,
    headers: { "content-type": "application/json", "idempotency-key": "k", authorization: `Bearer ${token}` },
  });

  test.each(["__proto__", "constructor", "hasOwnProperty", "toString"])("a query of %s is unknown", async (name) => {
    for (const path of ["", "/entities", "/entities/a:b/history", "/diff", "/log/proof"]) {
      expect(codeOf(await ask(`/v1/acme${path}?${name}=1`))).toBe("query_unknown");
    }
  });

  test("names that every object has are names like any other: labels, entities, registries", async () => {
    const metadata = { constructor: "c", prototype: "p", valueof: "v" };
    await declare("other", other, [{ entity: "constructor:prototype", metadata }]);
    expect(jsonOf(await ask("/v1/other/entities/constructor:prototype")).entity.metadata).toEqual(metadata);
    expect((await ask("/v1/other/entities/constructor:tostring")).status).toBe(404);
    for (const name of ["constructor", "prototype", "valueof"]) expect((await ask(`/v1/${name}`)).status).toBe(404);
  });
});

describe("guessing tokens", () => {
  test("one bit, one claim, one algorithm off: all the same answer, and nothing in the log", async () => {
    const logged = vi.spyOn(console, "error");
    const [head, claims, signature] = token.split(".") as [string, string, string];
    const enc = (value: object) =>
      btoa(JSON.stringify(value)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    const dec = (text: string) => JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
    const guesses = [
      ...Array.from({ length: 40 }, (_, i) => {
        const at = signature[i]!;
        return `${head}.${claims}.${signature.slice(0, i)}${at === "A" ? "B" : "A"}${signature.slice(i + 1)}`;
      }),
      `${enc({ ...dec(head), alg: "none" })}.${claims}.`,
      `${enc({ alg: "none" })}.${claims}.`,
      `${enc({ ...dec(head), alg: "HS512" })}.${claims}.${signature}`,
      `${enc({ ...dec(head), kid: "0".repeat(16) })}.${claims}.${signature}`,
      `${enc({ ...dec(head), jwk: { kty: "oct", k: "AA" } })}.${claims}.${signature}`,
      `${enc({ ...dec(head), crit: ["exp"] })}.${claims}.${signature}`,
      `${head}.${enc({ ...dec(claims), scope: ["admin"], aud: ["tes:acme", "tes:other"] })}.${signature}`,
      `${head}.${enc({ ...dec(claims), exp: 9_999_999_999 })}.${signature}`,
      `${head}.${claims}.`,
      `${head}.${claims}`,
      "..",
      "a.b.c",
    ];
    await unchanged(async () => {
      const answers = await Promise.all(
        guesses.map((guess) => post("/v1/acme/bump", { entity: "a:b", scope: "minor" }, { token: guess })),
      );
      for (const answer of answers) {
        expect([answer.status, codeOf(answer)]).toEqual([401, "token_invalid"]);
        expect(textOf(answer)).not.toContain(signature.slice(0, 12));
      }
      // What is wrong is not said, so that no guess is warmer than another.
      const details = new Set(answers.slice(0, 40).map(textOf));
      expect(details.size).toBe(1);
    });
    expect(logged).not.toHaveBeenCalled();
  });
});

describe("the log of the Worker", () => {
  test("what a request holds cannot make up a line of it", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "error").mockImplementation((...args: unknown[]) => void lines.push(args.join(" ")));
    vi.spyOn(VersionManagementDO.prototype, "answer").mockRejectedValue(
      new Error('gone\n{"event":"all_is_well"}\u001b[2J\u2028'),
    );
    const path = "/v1/acme/entities/%0A%7B%22event%22%3A%22forged%22%7D";
    const headers = { "user-agent": "x%0Aforged", referer: "https://evil.test/%0d%0aforged", "tes-nonce": "{forged}" };
    const answer = await ask(path, { headers });
    expect(answer.status).toBe(500);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/\n|forged/);
    expect(lines[0]).not.toContain("\u001b");
    expect(JSON.parse(lines[0]!)).toMatchObject({ type: "object.failed", registry: "acme" });
  });

  test("what a publisher writes comes back as data: line feeds, quotes and escapes in reasons and labels", async () => {
    const text = 'x\n{"seq":99}\r\n\u001b[31m"\\\u0000\u2028</script>';
    await declare("other", other, [{ entity: "n:l", metadata: { note: text } }]);
    const bumped = await post("/v1/other/bump", { entity: "n:l", scope: "patch", reason: text }, { token: other });
    const { digest } = jsonOf(bumped).receipt.statement.reason;
    expect(jsonOf(await ask(`/v1/other/blobs/${digest}`)).text).toBe(text);
    expect(jsonOf(await ask("/v1/other/entities/n:l")).entity.metadata.note).toBe(text);
    const authorization = `Bearer ${other}`;
    const page = await ask(
      "/v1/other/export/blobs?after=&size=99".replace("99", String(jsonOf(await ask("/v1/other")).size)),
      {
        headers: { authorization },
      },
    );
    // One line each, whatever is in them.
    const parsed = textOf(page)
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(parsed.map(({ text: kept }) => kept)).toContain(text);
    const metrics: Exchange = await ask("/v1/other/metrics", { headers: { authorization } });
    expect(textOf(metrics)).not.toContain("script");
  });
});
