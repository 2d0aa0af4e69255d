/** Files of releases in R2: what may meet at the same time, what is collected, and whose uploads count for whom. */

import { reset, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Bytes, toBase64, toHex, utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { ARTIFACT_PART_BYTES } from "../../src/core/limits.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  jsonOf,
  MASTER,
  mint,
  openRegistry,
  post,
  restart,
  stubOf,
  textOf,
} from "./authority.ts";
import { envelopeOf, payloadOf, publisherOf, setRequest } from "./publisher.ts";

const ENTITY = "global:main";
let admin: string;
let token: string;
let version: string;

beforeEach(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  admin = await openRegistry("acme");
  token = await mint("acme", [`release:${ENTITY}`]);
  await declare("acme", admin, [ENTITY]);
  version = "1.0.0";
});
afterEach(async () => {
  configure({ TES_UPLOAD_GRACE_S: undefined });
  await reset();
});

const pathOf = (digest: string, rest = ""): string => `/v1/acme/artifacts/${digest}${rest}`;
const begin = (digest: string, size: number, as = token) => post(pathOf(digest), { size }, { token: as });
const complete = (digest: string, as = token) => post(pathOf(digest, "/complete"), {}, { token: as });
const read = (digest: string, headers: Record<string, string> = {}) => ask(pathOf(digest), { headers });
const part = (digest: string, n: number, body: Bytes, as = token, field = contentDigest(body)): Promise<Exchange> =>
  ask(pathOf(digest, `/parts/${n}`), {
    body,
    headers: {
      authorization: `Bearer ${as}`,
      "content-type": "application/octet-stream",
      "content-digest": field,
    },
  });
const well = (exchange: Exchange) => {
  expect(exchange.status, textOf(exchange)).toBe(200);
  return jsonOf(exchange);
};
const upload = async (bytes: Bytes, as = token): Promise<string> => {
  const digest = sha256Hex(bytes);
  well(await begin(digest, bytes.length, as));
  for (let at = 0, n = 1; at < bytes.length; at += ARTIFACT_PART_BYTES, n++) {
    well(await part(digest, n, bytes.subarray(at, at + ARTIFACT_PART_BYTES), as));
  }
  well(await complete(digest, as));
  return digest;
};
/** Publishes a file that is stored; the authority's own answer. */
const publish = async (bytes: Bytes, text: string): Promise<Exchange> => {
  const ada = await publisherOf("ada");
  const scope = { registry: "acme", genesis: String(jsonOf(await ask("/v1/acme")).genesis), entity: ENTITY };
  if (version === "1.0.0") {
    const set = await post(`/v1/acme/publishers/${ENTITY}`, await setRequest(scope, 1, [ada], 1), { token: admin });
    if (set.status !== 409) well(set);
  }
  const payload = payloadOf({ ...scope, version }, [{ name: "file", text, url: "" }]);
  expect(sha256Hex(bytes)).toBe(sha256Hex(utf8(text)));
  return post("/v1/acme/releases", { envelope: await envelopeOf(payload, [ada]) }, { token });
};
/** What the Worker says to the object, so that two requests can be put in an order that rarely happens. */
// biome-ignore lint/suspicious/noExplicitAny: calls of every shape
const call = (name: string, ...args: unknown[]): Promise<any> =>
  (stubOf("acme") as unknown as { artifacts(...args: unknown[]): Promise<unknown> }).artifacts("acme", name, ...args);
const bearer = () => `Bearer ${token}`;
const stored = () => env.TES_BUNDLE_BUCKET!.list().then(({ objects }) => objects.map(({ key }) => key));
const rows = () =>
  runInDurableObject(stubOf("acme"), (_object, { storage }) =>
    storage.sql.exec(`SELECT digest, state FROM artifact ORDER BY digest`).toArray(),
  );

test("in R2, a file of several parts, out of order, comes back whole and in ranges", async () => {
  const bytes = new Uint8Array(ARTIFACT_PART_BYTES + 1_000);
  for (let at = 0; at < bytes.length; at += 4_096) bytes.set([at & 255, (at >> 8) & 255, (at >> 16) & 255], at);
  // By the platform: sixteen megabytes take our own code seconds.
  const hashOf = async (of: Bytes): Promise<Bytes> => new Uint8Array(await crypto.subtle.digest("SHA-256", of));
  const digest = toHex(await hashOf(bytes));
  const [first, second] = [bytes.slice(0, ARTIFACT_PART_BYTES), bytes.slice(ARTIFACT_PART_BYTES)];
  well(await begin(digest, bytes.length));
  expect(well(await part(digest, 2, second)).parts).toEqual([2]);
  expect(codeOf(await complete(digest))).toBe("upload_invalid");
  const field = `sha-256=:${toBase64(await hashOf(first))}:`;
  well(await part(digest, 1, first, token, field));
  expect(well(await begin(digest, bytes.length))).toMatchObject({ state: "open", parts: [1, 2] });
  expect(well(await complete(digest))).toMatchObject({ state: "stored" });
  expect(well(await complete(digest))).toMatchObject({ state: "stored" });
  const own = { authorization: bearer() };
  expect(toHex(await hashOf((await read(digest, own)).body))).toBe(digest);
  const over = await read(digest, { ...own, range: `bytes=${ARTIFACT_PART_BYTES - 2}-${ARTIFACT_PART_BYTES + 1}` });
  expect(over.status).toBe(206);
  expect(over.body).toEqual(bytes.slice(ARTIFACT_PART_BYTES - 2, ARTIFACT_PART_BYTES + 2));
}, 20_000);

test("one part brought by many at once is one part", async () => {
  const bytes = utf8("by many at once");
  const digest = sha256Hex(bytes);
  await Promise.all(Array.from({ length: 8 }, () => begin(digest, bytes.length)));
  const parts = await Promise.all(Array.from({ length: 8 }, () => part(digest, 1, bytes)));
  expect(parts.map(({ status }) => status)).toEqual(Array(8).fill(200));
  const done = await Promise.all(Array.from({ length: 4 }, () => complete(digest)));
  expect(done.map(({ status }) => status)).toEqual(Array(4).fill(200));
  expect(textOf(await read(digest, { authorization: bearer() }))).toBe("by many at once");
  expect(await stored()).toHaveLength(1);
});

test("what nobody published goes when its time is over, what was published stays", async () => {
  const [kept, lost] = [utf8("kept"), utf8("lost")];
  await upload(kept);
  well(await publish(kept, "kept"));
  const digest = await upload(lost);
  well(await begin(sha256Hex(utf8("never sent")), 9));
  await runDurableObjectAlarm(stubOf("acme"));
  expect(await rows()).toHaveLength(3);
  configure({ TES_UPLOAD_GRACE_S: "0" });
  // Nobody asks it anything: the alarm is the first that it hears of.
  await restart("acme");
  await runDurableObjectAlarm(stubOf("acme"));
  expect(await rows()).toEqual([{ digest: sha256Hex(kept), state: "stored" }]);
  expect(await stored()).toHaveLength(1);
  expect(textOf(await read(sha256Hex(kept)))).toBe("kept");
  expect(codeOf(await read(digest, { authorization: bearer() }))).toBe("artifact_unknown");
  configure({ TES_UPLOAD_GRACE_S: undefined });
  await restart("acme");
  expect(await upload(lost)).toBe(digest);
});

test("what is being collected when its last word comes is not stored again, and nobody publishes it", async () => {
  const bytes = utf8("late");
  const digest = sha256Hex(bytes);
  well(await begin(digest, bytes.length));
  well(await part(digest, 1, bytes));
  const found = (await call("wholeOf", bearer(), digest)).ok;
  await runInDurableObject(stubOf("acme"), (_object, { storage }) => {
    storage.sql.exec(`UPDATE artifact SET state = 'collecting'`);
  });
  expect(await call("settled", digest, found.upload, found.parts, "whole")).toMatchObject({ code: "upload_invalid" });
  expect((await rows())[0]).toMatchObject({ state: "collecting" });
  expect(codeOf(await publish(bytes, "late"))).toBe("artifact_missing");
  expect(codeOf(await begin(digest, bytes.length))).toBe("upload_invalid");
});

test("one who could not read the whole back takes nothing away from one who could", async () => {
  const bytes = utf8("twice");
  const digest = sha256Hex(bytes);
  well(await begin(digest, bytes.length));
  well(await part(digest, 1, bytes));
  const found = (await call("wholeOf", bearer(), digest)).ok;
  well(await complete(digest));
  well(await publish(bytes, "twice"));
  expect(await call("settled", digest, found.upload, found.parts, "other")).toHaveProperty("code");
  expect(await rows()).toEqual([{ digest, state: "stored" }]);
  expect(textOf(await read(digest))).toBe("twice");
});

test("a part that comes while the whole is read back is not taken for what was read", async () => {
  const bytes = utf8("a whole");
  const digest = sha256Hex(bytes);
  well(await begin(digest, bytes.length));
  well(await part(digest, 1, bytes));
  const found = (await call("wholeOf", bearer(), digest)).ok;
  await call("partStored", digest, found.upload, 1, "1.another");
  const told = await call("settled", digest, found.upload, found.parts, "whole");
  expect(told).toMatchObject({ code: "upload_invalid" });
  expect(await rows()).toEqual([{ digest, state: "open" }]);
});

test("who names another size never takes away what was stored meanwhile", async () => {
  const bytes = utf8("the right size");
  const digest = sha256Hex(bytes);
  well(await begin(digest, bytes.length));
  well(await part(digest, 1, bytes));
  // Both at once: the object begins the other upload while the first one ends.
  const [, done] = await Promise.all([begin(digest, 3), complete(digest)]);
  if (done.status === 200) {
    expect(await rows()).toEqual([{ digest, state: "stored" }]);
    expect(textOf(await read(digest, { authorization: bearer() }))).toBe("the right size");
  } else expect(await rows()).toEqual([{ digest, state: "open" }]);
});

test("on a private registry a publisher may ask whether a file is there, and reads it with the scope read", async () => {
  const bytes = utf8("private");
  const digest = sha256Hex(bytes);
  const path = `/v1/hidden/artifacts/${digest}`;
  await openRegistry("hidden", "private");
  const [release, reader, both] = await Promise.all(
    [["release:*"], ["read"], ["release:*", "read"]].map((scope) => mint("hidden", scope)),
  );
  const headers = (as: string | undefined): Record<string, string> =>
    as === undefined ? {} : { authorization: `Bearer ${as}` };
  well(await post(path, { size: bytes.length }, { token: release! }));
  const field = { "content-type": "application/octet-stream", "content-digest": contentDigest(bytes) };
  well(await ask(`${path}/parts/1`, { body: bytes, headers: { ...headers(release), ...field } }));
  well(await post(`${path}/complete`, {}, { token: release! }));
  const status = async (method: string, as: string | undefined) =>
    (await ask(path, { method, headers: headers(as) })).status;
  expect(await Promise.all([undefined, reader, release, both].map((as) => status("HEAD", as)))).toEqual([
    401, 404, 200, 200,
  ]);
  expect(await Promise.all([undefined, reader, release, both].map((as) => status("GET", as)))).toEqual([
    401, 404, 403, 200,
  ]);
  const { headers: said } = await ask(path, { headers: headers(both) });
  expect(said["cache-control"]).toContain("no-store");
  expect(said["access-control-allow-origin"]).toBeUndefined();
});
