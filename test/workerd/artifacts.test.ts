/** Files of releases in R2: the same promises as on disk, and what nobody publishes goes away. */

import { reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, openImport, TesError } from "../../src/client/index.ts";
import { fromHex, toBase64, utf8 } from "../../src/core/bytes.ts";
import { sha256, sha256Hex } from "../../src/core/hash.ts";
import {
  ARTIFACT_PART_BYTES,
  ARTIFACT_TIMEOUT_MS,
  CLIENT_TIMEOUT_MS,
  COLLECT_RETRY_MS,
  MAX_ARTIFACT_BYTES,
  MAX_OPEN_UPLOADS,
  UPLOAD_GRACE_MS,
} from "../../src/core/limits.ts";
import { createShelf } from "../../src/worker/artifacts/shelf.ts";
import type { WorkerEnv } from "../../src/worker/env.ts";
import {
  ask,
  codeOf,
  configure,
  jsonOf,
  MASTER,
  mint,
  ORIGIN,
  post,
  RECOVERY,
  restart,
  stubOf,
  textOf,
} from "./authority.ts";
import { halves, signIn } from "./page.ts";
import { envelopeOf, type Publisher, payloadOf, publisherOf, setRequest } from "./publisher.ts";

const ENTITY = "global:main";
const bucket = (env as unknown as WorkerEnv).TES_BUNDLE_BUCKET!;

const clientWith = async (registry: string, scope: readonly string[]) =>
  createClient({
    url: ORIGIN,
    registry,
    trustFirst: true,
    fetch: (url, init) => exports.default.fetch(url, init),
    delay: async () => undefined,
    token: await mint(registry, scope),
  });

const keysInBucket = async (): Promise<string[]> => (await bucket.list()).objects.map(({ key }) => key);

const refused = async (work: Promise<unknown>): Promise<string> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof TesError) return thrown.code;
  throw thrown ?? new Error("It was not refused.");
};

const hasher = () => {
  const parts: Uint8Array[] = [];
  return {
    update: (bytes: Uint8Array) => void parts.push(bytes.slice()),
    digest: () => sha256(new Uint8Array(parts.flatMap((part) => [...part]))),
  };
};

async function all<T>(given: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of given) found.push(one);
  return found;
}

const sourceOf = (bytes: Uint8Array<ArrayBuffer>, digest = sha256Hex(bytes)) => ({
  sha256: digest,
  size: bytes.length,
  read: async (from: number, to: number) => bytes.slice(from, to),
});

let client: Awaited<ReturnType<typeof clientWith>>;
let ada: Publisher;
let scope: { registry: string; genesis: string; entity: string };

async function openedAs(registry: string, visibility: "public" | "private" = "public") {
  client = await clientWith(registry, ["admin"]);
  await client.createRegistry({ visibility, recovery: { x: RECOVERY } });
  await client.declare([{ entity: ENTITY, version: "1.0.0" }]);
  scope = { registry, genesis: (await client.trust()).genesis, entity: ENTITY };
  ada = await publisherOf("ada");
  await client.setPublishers(ENTITY, await setRequest(scope, 1, [ada], 1));
}

const released = async (text: string, name = "a.txt"): Promise<string> => {
  const bytes = utf8(text);
  await client.upload(sourceOf(bytes));
  const payload = payloadOf({ ...scope, version: "1.0.0" }, [{ name, text, url: "" }]);
  await client.release({ envelope: await envelopeOf(payload, [ada]) });
  return sha256Hex(bytes);
};

beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER, TES_UPLOAD_GRACE_S: undefined }));
afterEach(() => reset());

describe("in R2", () => {
  beforeEach(() => openedAs("acme"));

  test("a file goes up and comes back, whole and in part, and is one object under its digest", async () => {
    const digest = await released("the very file");
    const answer = await ask(`/v1/acme/artifacts/${digest}`);
    expect([answer.status, textOf(answer)]).toEqual([200, "the very file"]);
    expect(answer.headers["repr-digest"]).toBe(`sha-256=:${toBase64(fromHex(digest)!)}:`);
    const part = await ask(`/v1/acme/artifacts/${digest}`, { headers: { range: "bytes=4-7" } });
    expect([part.status, textOf(part), part.headers["content-range"]]).toEqual([206, "very", "bytes 4-7/13"]);
    expect(await keysInBucket()).toEqual([expect.stringContaining(`acme/${digest}/`)]);
    const pieces = await all(client.download(digest, 13, { hasher }));
    expect(new TextDecoder().decode(pieces[0])).toBe("the very file");
    expect(await client.upload(sourceOf(utf8("the very file")))).toMatchObject({ state: "stored" });
  });

  test("more than one part is put together, and what was complete before stays so", { timeout: 30_000 }, async () => {
    const bytes = new Uint8Array(ARTIFACT_PART_BYTES + 5).fill(7);
    const done = await client.upload(sourceOf(bytes));
    expect(done).toMatchObject({ state: "stored", parts: [1, 2] });
    const token = await mint("acme", ["release:*"]);
    const again = await post(`/v1/acme/artifacts/${done.digest}/complete`, {}, { token });
    expect([again.status, jsonOf(again).state]).toEqual([200, "stored"]);
    const headers = {
      authorization: `Bearer ${token}`,
      range: `bytes=${ARTIFACT_PART_BYTES - 1}-${ARTIFACT_PART_BYTES}`,
    };
    expect((await ask(`/v1/acme/artifacts/${done.digest}`, { headers })).body).toEqual(new Uint8Array([7, 7]));
  });

  test("what is not its digest is taken away, and leaves no object", async () => {
    expect(await refused(client.upload(sourceOf(utf8("something"), sha256Hex(utf8("else")))))).toBe("artifact_corrupt");
    expect((await bucket.list()).objects).toEqual([]);
  });

  test("an object that was changed behind its back is never given out whole", async () => {
    const digest = await released("the very file");
    const [key] = await keysInBucket();
    await bucket.put(key!, "THE very file");
    await expect(ask(`/v1/acme/artifacts/${digest}`)).rejects.toThrow();
    await bucket.delete(key!);
    const gone = await ask(`/v1/acme/artifacts/${digest}`);
    expect([gone.status, codeOf(gone)]).toEqual([500, "artifact_damaged"]);
  });

  test("a file is no longer than a file may be", async () => {
    const token = await mint("acme", ["release:*"]);
    const begin = async (size: number): Promise<number | string> => {
      const answer = await post(`/v1/acme/artifacts/${sha256Hex(utf8(`${size}`))}`, { size }, { token });
      return answer.status === 200 ? 200 : codeOf(answer);
    };
    expect(await begin(MAX_ARTIFACT_BYTES)).toBe(200);
    expect(await begin(MAX_ARTIFACT_BYTES + 1)).toBe("artifact_limit");
  });

  test("a token that names another size breaks off nobody's upload, unless that came to a halt", async () => {
    const digest = sha256Hex(utf8("shared"));
    const begin = async (token: string, size: number): Promise<number | string> => {
      const answer = await post(`/v1/acme/artifacts/${digest}`, { size }, { token });
      return answer.status === 200 ? jsonOf(answer).size : codeOf(answer);
    };
    const [mine, other] = [await mint("acme", ["release:*"]), await mint("acme", ["release:component:x"])];
    expect(await begin(mine, 6)).toBe(6);
    expect(await begin(other, 5)).toBe("upload_invalid");
    // The same size goes on with it: a job that is started again has another token.
    expect(await begin(other, 6)).toBe(6);
    expect(await begin(mine, 7)).toBe(7);
    await runInDurableObject(stubOf("acme"), (_, { storage }) => {
      storage.sql.exec("UPDATE artifact SET at = at - ?", ARTIFACT_TIMEOUT_MS);
    });
    expect(await begin(other, 6)).toBe(6);
  });
});

describe("what nobody publishes", () => {
  beforeEach(async () => {
    configure({ TES_UPLOAD_GRACE_S: "0" });
    await openedAs("acme");
  });

  test("is collected, with its object; what is published stays, and goes when its text is erased", async () => {
    const digest = await released("kept");
    const { digest: other } = await client.upload(sourceOf(utf8("not kept")));
    await post(`/v1/acme/artifacts/${sha256Hex(utf8("begun"))}`, { size: 9 }, { token: await mint("acme", ["admin"]) });
    expect(await runDurableObjectAlarm(stubOf("acme"))).toBe(true);
    expect(await keysInBucket()).toEqual([expect.stringContaining(`acme/${digest}/`)]);
    expect((await ask(`/v1/acme/artifacts/${digest}`)).status).toBe(200);
    expect(codeOf(await ask(`/v1/acme/artifacts/${other}`))).toBe("artifact_unknown");

    const { receipts } = await client.releaseAnswer(ENTITY, "1.0.0");
    const { payload } = receipts[0]!.statement as unknown as { payload: { digest: string } };
    await client.eraseBlob(payload.digest);
    expect(codeOf(await ask(`/v1/acme/artifacts/${digest}`))).toBe("artifact_unknown");
    await client.upload(sourceOf(utf8("wakes it")));
    await runDurableObjectAlarm(stubOf("acme"));
    expect((await bucket.list()).objects).toEqual([]);
  });

  test("cannot be published any more once it is being taken away", async () => {
    await client.upload(sourceOf(utf8("late")));
    await runDurableObjectAlarm(stubOf("acme"));
    const payload = payloadOf({ ...scope, version: "1.0.0" }, [{ name: "a.txt", text: "late", url: "" }]);
    expect(await refused(client.release({ envelope: await envelopeOf(payload, [ada]) }))).toBe("artifact_missing");
  });
});

test("without a word about it, what nobody publishes is kept for a day", async () => {
  const woken: number[] = [];
  const rows = new Map<string, { digest: string; size: number; state: "open"; upload: string; at: number }>();
  const artifacts = {
    get: (digest: string) => rows.get(digest),
    put: (row: never) => void rows.set("x", row),
    parts: () => [],
    openCount: () => 0,
    unreferredCount: () => count,
  };
  let count = MAX_OPEN_UPLOADS - 1;
  const shelf = createShelf({
    env: { TES_BUNDLE_BUCKET: bucket } as never,
    store: { artifacts } as never,
    registry: () => "acme",
    opened: async () => new TesError("internal"),
    claimsOf: async () => undefined,
    askerOf: async () => ({ claims: undefined }),
    report: () => new TesError("internal"),
    emit: () => undefined,
    wakeAt: async (at) => void woken.push(at),
  });
  const claims = { scope: ["release:*"] } as never;
  await shelf.begin(claims, sha256Hex(utf8("one")), 1, 1_000);
  expect(woken).toEqual([1_000 + UPLOAD_GRACE_MS]);
  count = MAX_OPEN_UPLOADS;
  rows.clear();
  expect(await refused(shelf.begin(claims, sha256Hex(utf8("two")), 1, 1_000))).toBe("artifact_limit");
});

test("what storage could not take away is tried again a while later", async () => {
  const row = { digest: sha256Hex(utf8("x")), size: 1, state: "collecting", upload: "u", at: 0, by: "t" };
  const said: string[] = [];
  const failing = { fetch: async () => new Response("no", { status: 500 }) };
  const shelf = createShelf({
    env: { TES_BUNDLE_DISK: failing } as never,
    store: {
      exists: () => true,
      size: () => 1,
      outdated: () => false,
      artifacts: { collectable: () => [row], put: () => undefined, get: () => row, parts: () => [] },
    } as never,
    registry: () => "acme",
    opened: async () => new TesError("internal"),
    claimsOf: async () => undefined,
    askerOf: async () => ({ claims: undefined }),
    report: () => new TesError("internal"),
    emit: (_scope, type) => void said.push(type),
    wakeAt: async () => undefined,
  });
  expect(await shelf.collect(5_000)).toBe(5_000 + COLLECT_RETRY_MS);
  expect(said).toEqual(["artifact.collect_failed"]);
});

test("a part may be on its way for longer than any other request", async () => {
  await openedAs("acme");
  const token = await mint("acme", ["release:*"]);
  const slow = (path: RegExp) =>
    createClient({
      url: ORIGIN,
      registry: "acme",
      trustFirst: true,
      token,
      attempts: 1,
      timeoutMs: 1_000,
      fetch: async (url, init) => {
        const answer = await exports.default.fetch(url, init);
        // As long as a client waits otherwise, and a little more.
        if (path.test(url)) await scheduler.wait(1_200);
        if (init.signal?.aborted) throw init.signal.reason;
        return answer;
      },
    });
  expect(ARTIFACT_TIMEOUT_MS).toBeGreaterThan(CLIENT_TIMEOUT_MS);
  expect(await slow(/parts/).upload(sourceOf(utf8("slow")))).toMatchObject({ state: "stored" });
  expect(await refused(slow(/artifacts\/[^/]+$/).upload(sourceOf(utf8("slower"))))).toBe("authority_unreachable");
});

test("a private registry shows its files to readers only, and nobody keeps them", async () => {
  await openedAs("secret", "private");
  const digest = await released("confidential");
  expect(codeOf(await ask(`/v1/secret/artifacts/${digest}`))).toBe("token_missing");
  const other = { authorization: `Bearer ${await mint("secret", ["watch"])}` };
  expect(codeOf(await ask(`/v1/secret/artifacts/${digest}`, { headers: other }))).toBe("forbidden");
  const reader = { authorization: `Bearer ${await mint("secret", ["read"])}` };
  const answer = await ask(`/v1/secret/artifacts/${digest}`, { headers: reader });
  expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-store, no-transform"]);
  expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
});

test("a page's session reads files as its token would, with both its halves, and what it gets is its own", async () => {
  await openedAs("secret", "private");
  const path = `/v1/secret/artifacts/${await released("confidential")}`;
  const reader = await signIn(await mint("secret", ["read"]), "secret");
  const answer = await ask(path, { headers: halves(reader) });
  expect([answer.status, textOf(answer)]).toEqual([200, "confidential"]);
  expect(answer.headers["cache-control"]).toBe("no-store, no-transform");
  const { "tes-csrf": _, ...cookie } = halves(reader);
  expect(codeOf(await ask(path, { headers: cookie }))).toBe("token_missing");
  const crossed = { ...halves(reader), "sec-fetch-site": "cross-site" };
  expect(codeOf(await ask(path, { headers: crossed }))).toBe("csrf_refused");
  const other = await signIn(await mint("secret", ["watch"]), "secret");
  expect(codeOf(await ask(path, { headers: halves(other) }))).toBe("forbidden");
  expect(codeOf(await ask(path, { headers: { ...halves(reader), "tes-csrf": other.answer.csrf } }))).toBe(
    "csrf_refused",
  );
});

test("of a public registry too: what a session is answered nobody is answered with again", async () => {
  await openedAs("acme");
  const path = `/v1/acme/artifacts/${await released("open")}`;
  const reader = await signIn(await mint("acme", ["read"]));
  const answer = await ask(path, { headers: halves(reader) });
  expect([answer.status, answer.headers["cache-control"]]).toEqual([200, "no-store, no-transform"]);
  expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
  expect((await ask(path)).headers["cache-control"]).toContain("immutable");
});

test("an imported registry knows which files its releases name: brought again, they are shown", async () => {
  await openedAs("acme");
  const digest = await released("carried");
  const lines = await all(client.exportLines());
  await reset();
  configure({ VERSION_SIGNING_KEY: MASTER });
  const target = openImport({
    url: ORIGIN,
    registry: "acme",
    token: await mint("acme", ["admin"]),
    fetch: (url, init) => exports.default.fetch(url, init),
  });
  await target.send(
    (async function* () {
      yield* lines;
    })(),
  );
  await restart("acme");
  expect(codeOf(await ask(`/v1/acme/artifacts/${digest}`))).toBe("artifact_unknown");
  const publisher = await clientWith("acme", ["release:*"]);
  await publisher.upload(sourceOf(utf8("carried")));
  expect(textOf(await ask(`/v1/acme/artifacts/${digest}`))).toBe("carried");
});

test("where there is no place for files, that is said, and addresses do", async () => {
  configure({ VERSION_SIGNING_KEY: MASTER, TES_BUNDLE_BUCKET: undefined });
  try {
    await openedAs("acme");
    expect(await refused(client.upload(sourceOf(utf8("x"))))).toBe("artifact_store_missing");
    const payload = payloadOf({ ...scope, version: "1.0.0" }, [{ name: "a.txt", text: "x" }]);
    expect(await client.release({ envelope: await envelopeOf(payload, [ada]) })).toMatchObject({ already: false });
  } finally {
    Reflect.set(env, "TES_BUNDLE_BUCKET", bucket);
  }
});
