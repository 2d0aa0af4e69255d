import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { type Bytes, utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { ROUTES } from "../../src/worker/routes.ts";
import { VersionManagementDO } from "../../src/worker/version-management-do.ts";
import {
  type Asking,
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
  restart,
  stubOf,
  textOf,
  writing,
} from "./authority.ts";
import { halves, PAGE, signIn } from "./page.ts";
import { envelopeOf, payloadOf, publisherOf, setRequest } from "./publisher.ts";
import { expectHeaders } from "./refusals.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

let token: string;
/** Digest of a reason. */
let reason: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await mint("acme", ["admin"]);
  expect((await post("/v1/acme", GENESIS_REQUEST, { token, key: "genesis" })).status).toBe(201);
  await declare("acme", token, ["global:main", "global:old"]);
  const bump = { entity: "global:main", scope: "patch", reason: "because" };
  reason = jsonOf(await post("/v1/acme/bump", bump, { token })).receipt.statement.reason.digest;
});

afterEach(() => void vi.restoreAllMocks());

interface Walk {
  readonly ok: () => Promise<Exchange>;
  readonly refused: readonly (() => Promise<Exchange>)[];
  /** What a success alone may carry. */
  readonly sets?: "cookie";
  /** Of the success. Default 200. */
  readonly status?: number;
}

/** Routes that this registry cannot answer well: artifacts.test.ts, deployment.test.ts and transfer.test.ts have them. */
const ELSEWHERE = ["artifact", "registries", "delist", "move", "restore", "import", "importState"];

/** A file of a release. */
const FILE = { bytes: utf8("a file"), digest: sha256Hex(utf8("a file")) };

const partOf = (bytes: Bytes): Asking => ({
  body: bytes,
  headers: {
    authorization: `Bearer ${token}`,
    "content-type": "application/octet-stream",
    "content-digest": contentDigest(bytes),
  },
});

const scopeOf = async () => ({
  registry: "acme",
  genesis: String(jsonOf(await ask("/v1/acme")).genesis),
  entity: "global:main",
});
const publishersRequest = async () => setRequest(await scopeOf(), 1, [await publisherOf("ada")], 1);
const releaseEnvelope = async () => {
  const scope = { ...(await scopeOf()), version: "1.0.0" };
  return envelopeOf(payloadOf(scope, [{ name: "a.txt", text: "a" }]), [await publisherOf("ada")]);
};

/** One way to succeed and some to fail, for each route of a registry. A new route has to be added here. */
const WALKS: Readonly<Record<string, Walk>> = {
  state: {
    ok: () => ask("/v1/acme"),
    refused: [() => ask("/v1/acme?x=1"), () => ask("/v1/acme", { method: "DELETE" })],
  },
  entities: { ok: () => ask("/v1/acme/entities"), refused: [() => ask("/v1/acme/entities?x=1")] },
  entity: {
    ok: () => ask("/v1/acme/entities/global:main"),
    refused: [() => ask("/v1/acme/entities/global:absent"), () => ask("/v1/acme/entities/%00")],
  },
  keys: { ok: () => ask("/v1/acme/keys"), refused: [() => ask("/v1/acme/keys", { headers: { "tes-nonce": "x" } })] },
  keyProof: {
    ok: () => ask(`/v1/acme/key-proof?nonce=${"n".repeat(22)}`),
    refused: [() => ask("/v1/acme/key-proof?nonce=x")],
  },
  checkpoint: { ok: () => ask("/v1/acme/log/checkpoint"), refused: [() => ask("/v1/acme/log/checkpoint?x")] },
  consistency: {
    ok: () => ask("/v1/acme/log/consistency?from=1"),
    refused: [() => ask("/v1/acme/log/consistency?from=99")],
  },
  receipt: { ok: () => ask("/v1/acme/log/proof?seq=0"), refused: [() => ask("/v1/acme/log/proof?seq=99")] },
  bump: {
    ok: () => post("/v1/acme/bump", { entity: "global:main", scope: "patch" }, { token }),
    refused: [
      () => post("/v1/acme/bump", { entity: "global:main", scope: "patch" }),
      () => post("/v1/acme/bump", { entity: "global:main" }, { token }),
      () => ask("/v1/acme/bump"),
    ],
  },
  declare: {
    ok: () => post("/v1/acme/entities", { entities: [{ entity: "global:main" }] }, { token }),
    refused: [
      () => post("/v1/acme/entities", { entities: [] }, { token }),
      async () => post("/v1/acme/entities", { entities: [] }, { token: await mint("acme", ["read"]) }),
    ],
  },
  genesis: {
    status: 201,
    ok: () => post("/v1/acme", GENESIS_REQUEST, { token, key: "genesis" }),
    refused: [() => post("/v1/acme", GENESIS_REQUEST, { token })],
  },
  history: {
    ok: () => ask("/v1/acme/entities/global:main/history?limit=1"),
    refused: [
      () => ask("/v1/acme/entities/global:main/history?limit=101"),
      () => ask("/v1/acme/entities/global:main/history?limit=0"),
      () => ask("/v1/acme/entities/global:absent/history"),
    ],
  },
  diff: {
    ok: () => ask("/v1/acme/diff?from=1"),
    refused: [() => ask("/v1/acme/diff"), () => ask("/v1/acme/diff?from=99")],
  },
  retire: {
    ok: () => post("/v1/acme/entities/global:old/retire", { reason: "gone" }, { token }),
    refused: [
      () => post("/v1/acme/entities/global:absent/retire", {}, { token }),
      () => post("/v1/acme/entities/global:main/retire", {}),
      async () => post("/v1/acme/entities/global:main/retire", {}, { token: await mint("acme", ["bump:*"]) }),
    ],
  },
  blob: {
    ok: () => ask(`/v1/acme/blobs/${reason}`),
    refused: [() => ask(`/v1/acme/blobs/${"0".repeat(64)}`), () => ask("/v1/acme/blobs/x")],
  },
  eraseBlob: {
    ok: () => post(`/v1/acme/blobs/${reason}/erase`, {}, { token }),
    refused: [() => post(`/v1/acme/blobs/${"0".repeat(64)}/erase`, {}, { token })],
  },
  revoke: {
    ok: () => post(`/v1/acme/tokens/${"A".repeat(22)}/revoke`, {}, { token }),
    refused: [
      () => post("/v1/acme/tokens/short/revoke", {}, { token }),
      () => post(`/v1/acme/tokens/${"A".repeat(22)}/revoke`, {}),
    ],
  },
  metrics: {
    ok: () => ask("/v1/acme/metrics", { headers: { authorization: `Bearer ${token}` } }),
    refused: [() => ask("/v1/acme/metrics")],
  },
  export: {
    ok: () => ask("/v1/acme/export", { headers: { authorization: `Bearer ${token}` } }),
    refused: [() => ask("/v1/acme/export")],
  },
  exportStatements: {
    ok: () => ask("/v1/acme/export/statements?from=0&size=1", { headers: { authorization: `Bearer ${token}` } }),
    refused: [
      () => ask("/v1/acme/export/statements?from=0&size=1"),
      () => ask("/v1/acme/export/statements?from=2&size=1", { headers: { authorization: `Bearer ${token}` } }),
    ],
  },
  exportAnnouncements: {
    ok: () => ask("/v1/acme/export/announcements?size=1", { headers: { authorization: `Bearer ${token}` } }),
    refused: [() => ask("/v1/acme/export/announcements?size=1")],
  },
  exportBlobs: {
    ok: () => ask("/v1/acme/export/blobs?after=&size=1", { headers: { authorization: `Bearer ${token}` } }),
    refused: [() => ask("/v1/acme/export/blobs?after=x&size=1", { headers: { authorization: `Bearer ${token}` } })],
  },
  rebuild: {
    ok: () => post("/v1/acme/rebuild", {}, { token }),
    refused: [() => post("/v1/acme/rebuild", {})],
  },
  tokens: {
    ok: () => post("/v1/acme/tokens", { scope: ["read"], expiresIn: 60 }, { token }),
    refused: [() => post("/v1/acme/tokens", {}, { token }), () => post("/v1/acme/tokens", {})],
  },
  tickets: {
    ok: () => post("/v1/acme/tickets", { origin: "https://page.test" }, { token }),
    refused: [() => post("/v1/acme/tickets", {}, { token }), () => post("/v1/acme/tickets", {})],
  },
  publishers: {
    ok: () => ask("/v1/acme/publishers/global:main"),
    refused: [() => ask("/v1/acme/publishers/global:absent")],
  },
  setPublishers: {
    ok: async () => post("/v1/acme/publishers/global:main", await publishersRequest(), { token }),
    refused: [
      () => post("/v1/acme/publishers/global:main", {}, { token }),
      async () => post("/v1/acme/publishers/global:main", { ...(await publishersRequest()), revision: 7 }, { token }),
      async () => post("/v1/acme/publishers/global:main", await publishersRequest()),
    ],
  },
  releases: {
    ok: () => ask("/v1/acme/releases?entity=global:main&limit=1"),
    refused: [() => ask("/v1/acme/releases?limit=0"), () => ask("/v1/acme/releases?entity=x")],
  },
  publish: {
    ok: async () => post("/v1/acme/releases", { envelope: await releaseEnvelope() }, { token }),
    refused: [
      () => post("/v1/acme/releases", {}, { token }),
      () => post("/v1/acme/releases", { envelope: {} }, { token }),
      async () => post("/v1/acme/releases", { envelope: await releaseEnvelope() }),
    ],
  },
  release: {
    ok: () => ask("/v1/acme/releases/global:main/1.0.0"),
    refused: [() => ask("/v1/acme/releases/global:main/9.9.9")],
  },
  bundles: {
    ok: () => ask("/v1/acme/releases/global:main/1.0.0/bundle"),
    refused: [() => ask("/v1/acme/releases/global:main/9.9.9/bundle")],
  },
  yank: {
    ok: () => post("/v1/acme/releases/global:main/1.0.0/yank", { reason: "broken" }, { token }),
    refused: [() => post("/v1/acme/releases/global:main/9.9.9/yank", {}, { token })],
  },
  unyank: {
    ok: () => post("/v1/acme/releases/global:main/1.0.0/unyank", {}, { token }),
    refused: [() => post("/v1/acme/releases/global:main/9.9.9/unyank", {}, { token })],
  },
  beginArtifact: {
    ok: () => post(`/v1/acme/artifacts/${FILE.digest}`, { size: FILE.bytes.length }, { token }),
    refused: [
      () => post(`/v1/acme/artifacts/${FILE.digest}`, { size: -1 }, { token }),
      () => post("/v1/acme/artifacts/x", { size: 1 }, { token }),
      () => post(`/v1/acme/artifacts/${FILE.digest}`, { size: FILE.bytes.length }),
    ],
  },
  artifactPart: {
    ok: () => ask(`/v1/acme/artifacts/${FILE.digest}/parts/1`, partOf(FILE.bytes)),
    refused: [
      () => ask(`/v1/acme/artifacts/${FILE.digest}/parts/2`, partOf(FILE.bytes)),
      () => ask(`/v1/acme/artifacts/${FILE.digest}/parts/1`, partOf(FILE.bytes.slice(1))),
      () => ask(`/v1/acme/artifacts/${FILE.digest}/parts/0`, partOf(FILE.bytes)),
    ],
  },
  completeArtifact: {
    ok: () => post(`/v1/acme/artifacts/${FILE.digest}/complete`, {}, { token }),
    refused: [() => post(`/v1/acme/artifacts/${"0".repeat(64)}/complete`, {}, { token })],
  },
  trustedRoot: { ok: () => ask("/v1/acme/trusted-root"), refused: [() => ask("/v1/acme/trusted-root?x")] },
  openSession: {
    sets: "cookie",
    ok: () => post("/v1/acme/session", {}, { token, headers: PAGE }),
    refused: [
      () => post("/v1/acme/session", {}, { token }),
      () => post("/v1/acme/session", {}, { headers: PAGE }),
      () => post("/v1/acme/session", { more: 1 }, { token, headers: PAGE }),
    ],
  },
  session: {
    ok: async () => ask("/v1/acme/session", { headers: halves(await signIn(token)) }),
    refused: [
      () => ask("/v1/acme/session"),
      () => ask("/v1/acme/session", { headers: { authorization: `Bearer ${token}` } }),
    ],
  },
  renewSession: {
    sets: "cookie",
    ok: async () => post("/v1/acme/session/renew", {}, { headers: halves(await signIn(token)) }),
    refused: [
      () => post("/v1/acme/session/renew", {}, { token }),
      () => post("/v1/acme/session/renew", {}, { headers: PAGE }),
    ],
  },
  endSession: {
    sets: "cookie",
    ok: async () => post("/v1/acme/session/end", {}, { headers: halves(await signIn(token)) }),
    refused: [
      () => post("/v1/acme/session/end", {}, { token }),
      async () => post("/v1/acme/session/end", { more: 1 }, { headers: halves(await signIn(token)) }),
    ],
  },
  // Its success is a socket, which nobody signs: sockets.test.ts.
  watch: { ok: () => ask("/v1/acme/watch"), refused: [() => ask("/v1/acme/watch?x=1")], status: 426 },
};

describe("every route of a registry", () => {
  test("is walked below", () => {
    expect([...Object.keys(WALKS), ...ELSEWHERE].sort()).toEqual(ROUTES.map(({ name }) => name).sort());
  });

  test.each(Object.entries(WALKS))(
    "%s: signed when it succeeds, signed when it is refused",
    async (_name, { ok, refused, sets, status = 200 }) => {
      const keys = await keysOf("acme");
      const good = await ok();
      expect(good.status, textOf(good)).toBe(status);
      for (const answer of [good, ...(await Promise.all(refused.map((send) => send())))]) {
        await expectSigned(answer, keys);
        expectHeaders(answer, answer === good ? sets : undefined);
        if (answer === good) continue;
        expect(answer.status).toBeGreaterThanOrEqual(400);
        expect(jsonOf(answer)).toMatchObject({
          type: `urn:tes:error:${codeOf(answer)}`,
          title: expect.any(String),
          remedy: expect.any(String),
        });
      }
    },
  );

  const gets = ROUTES.filter(({ method, name }) => method === "GET" && !ELSEWHERE.includes(name));
  test.each(gets.filter(({ name }) => name !== "blob").map(({ name }) => name))(
    "HEAD of %s is signed for itself, over no content",
    async (name) => {
      const { ok, status = 200 } = WALKS[name]!;
      const { url, headers } = (await ok()).request;
      const answer = await ask(url, { method: "HEAD", headers });
      expect([answer.status, answer.body.length]).toEqual([status, 0]);
      expect(answer.headers["content-digest"]).toBe("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
      await expectSigned(answer, await keysOf("acme"));
      expectHeaders(answer);
    },
  );

  test.each([
    ["If-None-Match", { "if-none-match": "*" }],
    ["If-Modified-Since", { "if-modified-since": "Wed, 01 Jan 2200 00:00:00 GMT" }],
    ["Range", { range: "bytes=0-1" }],
    ["Accept", { accept: "text/html" }],
  ])("%s changes nothing: never 304, never a part", async (_name, headers) => {
    const answer = await ask("/v1/acme", { headers });
    expect(answer.status).toBe(200);
    await expectSigned(answer, await keysOf("acme"));
  });

  test("what nobody foresaw is signed as internal, and says nothing of what it was", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await openRegistry("broken");
    const keys = await keysOf("broken");
    await runInDurableObject(
      stubOf("broken"),
      (_object, { storage: { sql } }) => void sql.exec("DROP TABLE statement"),
    );
    const answer = await ask("/v1/broken/log/proof?seq=0");
    expect([answer.status, codeOf(answer)]).toEqual([500, "internal"]);
    await expectSigned(answer, keys);
    expectHeaders(answer);
    expect(textOf(answer)).not.toMatch(/SQL|no such table/i);
    expect(logged.mock.calls.flat().join()).toMatch(/no such table/);
  });
});

describe("the closed list of what nobody signs", () => {
  const UNSIGNED: readonly [string, () => Promise<Exchange>, number, string | null][] = [
    ["an unknown registry", () => ask("/v1/nobody"), 404, "registry_unknown"],
    ["a genesis that is refused", () => post("/v1/nobody", GENESIS_REQUEST), 404, "registry_unknown"],
    ["a name that no registry has", () => ask("/v1/NOBODY"), 404, "registry_unknown"],
    ["a path outside /v1/{registry}", () => ask("/nothing"), 404, "route_unknown"],
    ["the root", () => ask("/"), 404, "route_unknown"],
    ["the dashboard, where it is not built", () => ask("/dash"), 404, "route_unknown"],
    ["what is not of the dashboard", () => ask("/dash/index.html"), 404, "route_unknown"],
    ["a write to the dashboard", () => ask("/dash", { method: "POST", body: "x" }), 405, "method_not_allowed"],
    ["a question to the dashboard", () => ask("/dash?x=1"), 400, "query_unknown"],
    [
      "a report of another page",
      () => ask("/dash/csp-report", { body: "{}", headers: { "sec-fetch-site": "cross-site" } }),
      403,
      "csrf_refused",
    ],
    ["the health check", () => ask("/healthz"), 200, null],
    ["another host", () => ask("https://evil.test/v1/acme"), 421, "misdirected_request"],
    [
      "another host, as a write",
      () => ask("https://evil.test/v1/acme/bump", writing({ entity: "*", scope: "patch" }, { token })),
      421,
      "misdirected_request",
    ],
    [
      "no signing key",
      () => restarted({ VERSION_SIGNING_KEY: undefined, TES_KEY_FALLBACK: "deny" }),
      503,
      "signing_key_missing",
    ],
    ["another signing key", () => restarted({ VERSION_SIGNING_KEY: masterOf("another") }), 503, "signing_key_mismatch"],
  ];

  /** An answer of a registry that started under other bindings; the right ones are back afterwards. */
  const restarted = async (bindings: Parameters<typeof configure>[0]): Promise<Exchange> => {
    configure(bindings);
    await restart("acme");
    const answer = await ask("/v1/acme");
    configure({ VERSION_SIGNING_KEY: MASTER, TES_KEY_FALLBACK: undefined });
    expect((await ask("/v1/acme")).status).toBe(200);
    return answer;
  };

  test.each(UNSIGNED)("%s", async (_name, send, status, code) => {
    const answer = await send();
    expect([answer.status, code === null ? null : codeOf(answer)]).toEqual([status, code]);
    for (const name of ["signature", "signature-input", "tes-provenance", "content-digest"]) {
      expect(answer.headers).not.toHaveProperty(name);
    }
    expectHeaders(answer);
  });

  test("an object that cannot answer: the Worker says so in nobody's name", async () => {
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await openRegistry("dying");
    vi.spyOn(VersionManagementDO.prototype, "answer").mockRejectedValue(new Error("the object is gone"));
    const answer = await ask("/v1/dying");
    expect([answer.status, codeOf(answer), isSigned(answer)]).toEqual([500, "internal", false]);
    expectHeaders(answer);
    expect(textOf(answer)).not.toContain("gone");
    expect(logged).toHaveBeenCalledWith(expect.stringContaining("object.failed"));
  });
});
