import { beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { MAX_BATCH_COMMANDS } from "../../src/core/limits.ts";
import {
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
  randomKey,
  restart,
  rowsOf,
  snapshot,
  stubOf,
  writing,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

/** A fresh registry for each test. */
let registry: string;
let token: string;
let count = 0;

beforeAll(() => configure({ VERSION_SIGNING_KEY: MASTER }));
beforeEach(async () => {
  registry = `bump-${++count}`;
  token = await openRegistry(registry);
});

const bump = (request: object, options: Parameters<typeof post>[2] = {}) =>
  post(`/v1/${registry}/bump`, request, { token, ...options });
const declared = (...entities: (string | object)[]) => declare(registry, token, entities);
const versions = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (jsonOf(await ask(`/v1/${registry}`)).entities as { entity: string; version: string }[]).map((row) => [
      row.entity,
      row.version,
    ]),
  );

/** More than one turn of the object takes. */
const WRITERS = MAX_BATCH_COMMANDS + 22;

describe("writers at once", () => {
  test("get consecutive versions, each once, under receipts of one log", async () => {
    await declared("global:main");
    const answers = await Promise.all(
      Array.from({ length: WRITERS }, () => bump({ entity: "global:main", scope: "patch" })),
    );
    const to = answers.map((answer) => jsonOf(answer).changes[0].to as string);
    expect(new Set(to)).toEqual(new Set(Array.from({ length: WRITERS }, (_, i) => `1.0.${i + 1}`)));
    for (const answer of answers) {
      const { statement, inclusion } = jsonOf(answer).receipt;
      expect(statement.changes[0].to).toBe(`1.0.${statement.seq - 1}`);
      expect(inclusion.index).toBe(statement.seq);
      expect(inclusion.size).toBeGreaterThan(statement.seq);
    }
  });

  test("a refused one between them takes nothing of the others back", async () => {
    await declared("global:main", "component:a");
    const requests = Array.from({ length: 30 }, (_, i) =>
      i % 3 === 2
        ? { entity: "global:absent", scope: "patch" }
        : { entity: i % 3 ? "component:a" : "global:main", scope: "patch" },
    );
    const answers = await Promise.all(requests.map((request) => bump(request)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
    const after = await snapshot(registry);
    expect(await versions()).toEqual({ "component:a": "1.0.10", "global:main": "1.0.10" });
    await restart(registry);
    expect(await snapshot(registry)).toEqual(after);
  });
});

describe("a retry", () => {
  const request = { entity: "global:main", scope: "minor" };
  const statementText = (answer: Exchange) => JSON.stringify(jsonOf(answer).receipt.statement);

  test("gets the original receipt, byte for byte, and the version is not handed out twice", async () => {
    await declared("global:main");
    const key = randomKey();
    const first = await bump(request, { key });
    await bump(request);
    const again = await bump(request, { key });
    await restart(registry);
    const late = await bump(request, { key });
    for (const answer of [again, late]) {
      expect(answer.status).toBe(200);
      expect(statementText(answer)).toBe(statementText(first));
      expect(jsonOf(answer).changes).toEqual(jsonOf(first).changes);
      expect(jsonOf(answer).receipt.inclusion).toMatchObject({ index: jsonOf(first).receipt.statement.seq, size: 4 });
      await expectSigned(answer, await keysOf(registry));
    }
    expect((await rowsOf(registry)).statement).toHaveLength(4);
  });

  test("of a compare-and-swap gets it too, although the version has moved on", async () => {
    await declared("global:main");
    const key = randomKey();
    const first = await bump({ ...request, expected: "1.0.0" }, { key });
    expect(statementText(await bump({ ...request, expected: "1.0.0" }, { key }))).toBe(statementText(first));
  });

  test("at the same moment is one write", async () => {
    await declared("global:main");
    const key = randomKey();
    const answers = await Promise.all(Array.from({ length: 8 }, () => bump(request, { key })));
    expect(new Set(answers.map(statementText)).size).toBe(1);
    expect(await versions()).toEqual({ "global:main": "1.1.0" });
  });

  test("of a refused write is decided anew", async () => {
    const key = randomKey();
    expect(codeOf(await bump(request, { key }))).toBe("entity_unknown");
    await declared("global:main");
    expect((await bump(request, { key })).status).toBe(200);
  });

  test("with another token or on another route is another write", async () => {
    await declared("global:main");
    const key = randomKey();
    await bump(request, { key });
    await bump(request, { key, token: await mint(registry, ["admin"]) });
    const other = await post(`/v1/${registry}/entities`, { entities: [{ entity: "global:other" }] }, { token, key });
    expect(other.status).toBe(200);
    expect(await versions()).toEqual({ "global:main": "1.2.0", "global:other": "0.1.0" });
  });

  test("of a declaration gets all its receipts, parents first", async () => {
    const key = randomKey();
    const entities = [{ entity: "component:a", parent: "global:main" }, { entity: "global:main" }];
    const send = () => post(`/v1/${registry}/entities`, { entities }, { token, key });
    const statements = (answer: Exchange) =>
      jsonOf(answer).receipts.map(({ statement }: { statement: object }) => statement);
    const first = statements(await send());
    expect(first.map(({ entity }: { entity: string }) => entity)).toEqual(["global:main", "component:a"]);
    await restart(registry);
    expect(statements(await send())).toEqual(first);
  });
});

describe("the alias for default", () => {
  test("POST /bump is signed for its own path, and one write with /v1/default/bump", async () => {
    await ask("/v1/default");
    const admin = await mint("default", ["admin"]);
    await declare("default", admin, ["global:main"]);
    const key = randomKey();
    const asking = writing({ entity: "global:main", scope: "minor" }, { token: admin, key });
    const answer = await ask("/bump", asking);
    expect(answer.status).toBe(200);
    await expectSigned(answer, await keysOf("default"));
    await expect(
      expectSigned(
        { ...answer, request: { ...answer.request, url: `${ORIGIN}/v1/default/bump` } },
        await keysOf("default"),
      ),
    ).rejects.toThrow();
    const again = await ask("/v1/default/bump", asking);
    expect(jsonOf(again).receipt.statement).toEqual(jsonOf(answer).receipt.statement);

    // The object by itself, over its own fetch, says the same and signs it too.
    const direct = await ask("/bump", asking, (request) => stubOf("default").fetch(request));
    expect(jsonOf(direct).receipt.statement).toEqual(jsonOf(answer).receipt.statement);
    await expectSigned(direct, await keysOf("default"));
    for (const [path, code] of [
      ["/bump", "method_not_allowed"],
      ["/%62ump", "route_unknown"],
      // As long as its own path: what comes behind it is a route of another registry.
      ["/v1/another/keys", "route_unknown"],
    ] as const) {
      const refused = await ask(path, {}, (request) => stubOf("default").fetch(request));
      expect(codeOf(refused)).toBe(code);
      await expectSigned(refused, await keysOf("default"));
    }
    const elsewhere = await ask("/bump", asking, (request) => stubOf(registry).fetch(request));
    expect([codeOf(elsewhere), isSigned(elsewhere)]).toEqual(["route_unknown", true]);
  });
});

describe("time", () => {
  test("at never goes back, whatever the clock does, and not over a restart", async () => {
    await declared("global:main");
    const start = Date.now();
    const at: number[] = [];
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      for (const offset of [60_000, -3_600_000, 30_000, 120_000]) {
        vi.setSystemTime(start + offset);
        const fresh = await mint(registry, ["admin"], { claims: { exp: Math.floor(start / 1000) + 7_200 } });
        at.push(jsonOf(await bump({ entity: "global:main", scope: "patch" }, { token: fresh })).receipt.statement.at);
        await restart(registry);
      }
    } finally {
      vi.useRealTimers();
    }
    expect(at).toEqual([start + 60_000, start + 60_000, start + 60_000, start + 120_000]);
  });
});
