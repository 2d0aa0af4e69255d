/** What was: history, the state at any size, differences; and what is said about entities beside their versions. */

import { reset, runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { concat, fromBase64, utf8 } from "../../src/core/bytes.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE } from "../../src/core/limits.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  jsonOf,
  MASTER,
  openRegistry,
  post,
  randomKey,
  restart,
  rowsOf,
  stubOf,
  textOf,
} from "./authority.ts";
import { testRefusals } from "./refusals.ts";

let token: string;
/** What the registry said of itself at each size. */
const seen: string[] = [];

const look = async () => {
  const state = jsonOf(await ask("/v1/acme"));
  seen[state.size] = JSON.stringify(state);
};
const write = async (path: string, json: object, key?: string) => {
  const answer = await post(`/v1/acme${path}`, json, { token, ...(key === undefined ? {} : { key }) });
  expect(answer.status, textOf(answer)).toBe(200);
  await look();
  return jsonOf(answer);
};
const bump = (entity: string, scope: string, more: object = {}) => write("/bump", { entity, scope, ...more });

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  await look();
  for (const entity of [
    { entity: "a:root", version: "1.0.0", metadata: { team: "core" } },
    { entity: "a:link", version: "2.0.0", parent: "a:root", strategy: "linked", files: [{ path: "package.json" }] },
    { entity: "b:alone" },
  ]) {
    await write("/entities", { entities: [entity] });
  }
  await bump("a:root", "minor");
  await bump("a:link", "patch");
  await write("/entities", { entities: [{ entity: "a:link", files: [], metadata: { team: "edge" } }] });
  await bump("*", "major", { reason: "everything" });
  await write("/entities/a:link/retire", { reason: "nobody uses it" });
  await bump("a:root", "prerelease", { preid: "rc" });
});
afterAll(() => reset());

test("the state at any size is what it was then, word for word, also after a restart", async () => {
  expect(seen.filter(Boolean)).toHaveLength(10);
  for (const again of [false, true]) {
    if (again) await restart("acme");
    for (const [size, state] of seen.entries()) {
      if (state !== undefined) expect(JSON.stringify(jsonOf(await ask(`/v1/acme?size=${size}`)))).toBe(state);
    }
  }
  expect(jsonOf(await ask("/v1/acme?size=0")).entities).toEqual([]);
});

test("one entity at any size", async () => {
  const at = async (size: number) => ask(`/v1/acme/entities/a:link?size=${size}`);
  expect(codeOf(await at(2))).toBe("entity_unknown");
  const early = jsonOf(await at(3));
  expect(early).toMatchObject({ size: 3, entity: { version: "2.0.0", files: [{ path: "package.json" }] } });
  expect(early.entity).not.toHaveProperty("metadata");
  expect(jsonOf(await at(7)).entity).toMatchObject({ version: "2.1.1", files: [], metadata: { team: "edge" } });
  expect(jsonOf(await at(9)).entity).toMatchObject({ version: "3.0.0", retired: true, seq: 8 });
});

test("history, newest first, each entry with what it did to this entity", async () => {
  const { entries, next, entity, size } = jsonOf(await ask("/v1/acme/entities/a:link/history"));
  expect([entity, size, next]).toEqual(["a:link", 10, null]);
  const marks = entries.map(({ seq, type, version, from, asked, scope }: Record<string, unknown>) =>
    [seq, type, version, from, asked, scope].filter((value) => value !== undefined).join(" "),
  );
  expect(marks).toEqual([
    "8 entity.retired 3.0.0",
    "7 version.bumped 3.0.0 2.1.1 * major",
    "6 entity.declared 2.1.1",
    "5 version.bumped 2.1.1 2.1.0 a:link patch",
    "4 version.bumped 2.1.0 2.0.0 a:root minor",
    "2 entity.declared 2.0.0",
  ]);
  for (const { seq, at, by } of entries) {
    expect(jsonOf(await ask(`/v1/acme/log/proof?seq=${seq}`)).statement).toMatchObject({ seq, at, by });
  }
  expect(entries[0].reason.digest).toMatch(/^[0-9a-f]{64}$/);
});

test("pages hold together while the log goes on", async () => {
  const seqs: number[] = [];
  let cursor: string | null = null;
  let pages = 0;
  do {
    const query: string = cursor === null ? "" : `&cursor=${cursor}`;
    const page = jsonOf(await ask(`/v1/acme/entities/a:link/history?limit=4${query}`));
    seqs.push(...page.entries.map(({ seq }: { seq: number }) => seq));
    cursor = page.next;
    pages++;
    await write("/entities", { entities: [{ entity: `z:n${pages}` }] });
  } while (cursor !== null);
  expect([pages, seqs]).toEqual([2, [8, 7, 6, 5, 4, 2]]);
});

test("a page holds 50 unless asked for another number, and at most 100", async () => {
  await write("/entities", { entities: [{ entity: "y:long" }] });
  for (let i = 0; i < MAX_PAGE_SIZE; i++) await post("/v1/acme/bump", { entity: "y:long", scope: "patch" }, { token });
  await look();
  const page = async (query = "") => jsonOf(await ask(`/v1/acme/entities/y:long/history${query}`));
  expect((await page()).entries).toHaveLength(DEFAULT_PAGE_SIZE);
  const { entries, next } = await page(`?limit=${MAX_PAGE_SIZE}`);
  expect(entries).toHaveLength(MAX_PAGE_SIZE);
  expect((await page(`?limit=1&cursor=${next}`)).entries[0].type).toBe("entity.declared");
});

test("the difference of two sizes is what is not the same", async () => {
  const { changes, from, to } = jsonOf(await ask("/v1/acme/diff?from=7&to=9"));
  expect([from, to]).toEqual([7, 9]);
  expect(changes.map(({ entity }: { entity: string }) => entity)).toEqual(["a:link", "a:root", "b:alone"]);
  for (const { entity, before, after } of changes) {
    const at = async (size: number) => jsonOf(await ask(`/v1/acme/entities/${entity}?size=${size}`)).entity;
    expect([before, after]).toEqual([await at(7), await at(9)]);
  }
  expect(jsonOf(await ask("/v1/acme/diff?from=9&to=9")).changes).toEqual([]);
  const all = jsonOf(await ask("/v1/acme/diff?from=0"));
  expect(all.changes.every(({ before }: { before: unknown }) => before === null)).toBe(true);
});

test("entities of one type", async () => {
  const ids = async (query: string) =>
    jsonOf(await ask(`/v1/acme/entities${query}`)).entities.map(({ entity }: { entity: string }) => entity);
  expect(await ids("?type=a")).toEqual(["a:link", "a:root"]);
  expect(await ids("?type=c")).toEqual([]);
});

describe("refused", () => {
  testRefusals("acme", [
    ["a size above the log", () => ask("/v1/acme?size=999"), 422, "invalid_field"],
    ["a size that is none", () => ask("/v1/acme?size=-1"), 422, "invalid_field"],
    ["a size with a sign", () => ask("/v1/acme?size=%2B1"), 422, "invalid_field"],
    ["a type that is none", () => ask("/v1/acme/entities?type=A"), 422, "invalid_field"],
    ["a page of 101", () => ask("/v1/acme/entities/a:root/history?limit=101"), 422, "invalid_field"],
    ["a page of none", () => ask("/v1/acme/entities/a:root/history?limit=0"), 422, "invalid_field"],
    ["a cursor that is none", () => ask("/v1/acme/entities/a:root/history?cursor=x"), 422, "invalid_field"],
    ["a difference backwards", () => ask("/v1/acme/diff?from=5&to=4"), 422, "invalid_field"],
    ["a bump of what is retired", () => sent("/bump", { entity: "a:link", scope: "minor" }), 409, "entity_retired"],
    ["a child of what is retired", () => child("a:link"), 409, "entity_retired"],
    ["retiring a parent", () => sent("/entities/p:p/retire", {}), 409, "entity_has_children"],
    ["17 labels", () => labelled(17), 422, "invalid_field"],
    ["a reason of 8193 bytes", () => reasoned("x".repeat(8_193)), 422, "invalid_field"],
    ["a reason that is empty", () => reasoned(""), 422, "invalid_field"],
  ]);
  const sent = (path: string, json: object) => post(`/v1/acme${path}`, json, { token });
  const child = (parent: string) => sent("/entities", { entities: [{ entity: "c:c", parent }] });
  const labelled = (count: number) => {
    const metadata = Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, "x"]));
    return sent("/entities", { entities: [{ entity: "c:c", metadata }] });
  };
  const reasoned = (reason: string) => sent("/bump", { entity: "a:root", scope: "patch", reason });

  beforeAll(async () => {
    await declare("acme", token, ["p:p", { entity: "p:c", parent: "p:p" }]);
  });

  test("and what is just allowed is taken", async () => {
    expect((await labelled(16)).status).toBe(200);
    expect((await reasoned("x".repeat(8_192))).status).toBe(200);
  });
});

describe("a text beside the log", () => {
  test("is read by its digest, which it proves; erased, it is gone for good and the log is whole", async () => {
    const text = "Ünïcode, and a line\nbreak";
    const { receipt } = await bump("b:alone", "patch", { reason: text });
    const { digest } = receipt.statement.reason;
    const blob = jsonOf(await ask(`/v1/acme/blobs/${digest}`));
    expect(blob.text).toBe(text);
    expect(sha256Hex(concat(fromBase64(blob.salt)!, utf8(text)))).toBe(digest);
    expect(JSON.stringify((await rowsOf("acme")).statement)).not.toContain("Ünïcode");
    const key = randomKey();
    const erased = await write(`/blobs/${digest}/erase`, {}, key);
    expect(erased.receipt.statement).toMatchObject({ type: "blob.erased", digest });
    expect(await write(`/blobs/${digest}/erase`, {}, key)).toEqual(
      expect.objectContaining({ receipt: expect.objectContaining({ statement: erased.receipt.statement }) }),
    );
    expect((await write(`/blobs/${digest}/erase`, {})).receipt).toBeNull();
    await restart("acme");
    const gone = await ask(`/v1/acme/blobs/${digest}`);
    expect([gone.status, codeOf(gone)]).toEqual([410, "blob_erased"]);
    const rows = await rowsOf("acme");
    expect(JSON.stringify(rows)).not.toContain("Ünïcode");
    expect(rows.blob).toContainEqual(expect.objectContaining({ digest, erased: 1, salt: null, text: null }));
    expect(jsonOf(await ask(`/v1/acme/log/proof?seq=${receipt.statement.seq}`)).statement).toEqual(receipt.statement);
  });

  test("a bump sent again keeps its first salt", async () => {
    const key = randomKey();
    const request = { entity: "b:alone", scope: "patch", reason: "twice" };
    const first = await write("/bump", request, key);
    const again = await write("/bump", request, key);
    expect(again.receipt.statement).toEqual(first.receipt.statement);
    const texts = (await rowsOf("acme")).blob!.filter((row) => JSON.stringify(row).includes("twice"));
    expect(texts).toHaveLength(1);
  });
});

test("a registry that an earlier release stored opens as it is, and has its history", async () => {
  const before = await rowsOf("acme");
  const states = [4, 8, 10].map((size) => seen[size]);
  await runInDurableObject(stubOf("acme"), (_object, { storage: { sql } }) => {
    // As the first release left it: without the tables of the second, and without what rows say since.
    for (const table of ["touch", "blob", "announcement", "meta"]) sql.exec(`DROP TABLE ${table}`);
    sql.exec(`DELETE FROM migration WHERE id = 2`);
    sql.exec(`UPDATE state SET value = json_remove(value, '$.declared') WHERE tbl = 'entity'`);
  });
  await restart("acme");
  expect(await Promise.all([4, 8, 10].map(async (size) => textOf(await ask(`/v1/acme?size=${size}`))))).toEqual(states);
  const after = await rowsOf("acme");
  for (const table of ["statement", "tile", "state", "touch"]) expect(after[table], table).toEqual(before[table]);
  expect((await post("/v1/acme/bump", { entity: "a:root", scope: "major" }, { token })).status).toBe(200);
});
