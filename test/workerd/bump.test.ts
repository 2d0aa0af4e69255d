import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Change } from "../../src/protocol/statements.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  type Exchange,
  jsonOf,
  MASTER,
  openRegistry,
  post,
  randomKey,
  restart,
  snapshot,
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
const changesOf = (answer: Exchange): string[] =>
  (jsonOf(answer).changes as Change[]).map(({ entity, from, to }) => `${entity} ${from} ${to}`);
const versions = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    (jsonOf(await ask(`/v1/${registry}`)).entities as { entity: string; version: string }[]).map((row) => [
      row.entity,
      row.version,
    ]),
  );

/** main ← (dash: linked ← (widget: linked, theme: lockstep), api: lockstep ← client: lockstep, docs: independent ← guide: linked). */
const TREE = [
  { entity: "global:main", version: "1.4.2" },
  { entity: "component:dash", version: "0.3.1", parent: "global:main", strategy: "linked" },
  { entity: "component:theme", parent: "component:dash", strategy: "lockstep" },
  { entity: "component:widget", version: "2.0.9", parent: "component:dash", strategy: "linked" },
  { entity: "api:versions", parent: "global:main", strategy: "lockstep" },
  { entity: "api:client", parent: "api:versions", strategy: "lockstep" },
  { entity: "docs:site", version: "5.0.0", parent: "global:main" },
  { entity: "docs:guide", version: "5.1.0", parent: "docs:site", strategy: "linked" },
];

describe("the cascade", () => {
  test("goes through all three strategies, breadth first, siblings by id", async () => {
    await declared(...TREE);
    const answer = await bump({ entity: "global:main", scope: "minor" });
    expect(changesOf(answer)).toEqual([
      "global:main 1.4.2 1.5.0",
      "api:versions 1.4.2 1.5.0",
      "component:dash 0.3.1 0.4.0",
      "api:client 1.4.2 1.5.0",
      "component:theme 0.3.1 0.4.0",
      "component:widget 2.0.9 2.1.0",
    ]);
    const { statement } = jsonOf(answer).receipt;
    expect(statement).toMatchObject({ type: "version.bumped", entity: "global:main", scope: "minor", seq: 9 });
    expect(statement.changes).toEqual(jsonOf(answer).changes);
    expect(await versions()).toEqual({
      "api:client": "1.5.0",
      "api:versions": "1.5.0",
      "component:dash": "0.4.0",
      "component:theme": "0.4.0",
      "component:widget": "2.1.0",
      "docs:guide": "5.1.0",
      "docs:site": "5.0.0",
      "global:main": "1.5.0",
    });
  });

  test("starts where it is asked, and stops at what is independent", async () => {
    await declared(...TREE);
    expect(changesOf(await bump({ entity: "component:dash", scope: "patch" }))).toEqual([
      "component:dash 0.3.1 0.3.2",
      "component:theme 0.3.1 0.3.2",
      "component:widget 2.0.9 2.0.10",
    ]);
    expect(changesOf(await bump({ entity: "docs:site", scope: "major" }))).toEqual([
      "docs:site 5.0.0 6.0.0",
      "docs:guide 5.1.0 6.0.0",
    ]);
  });

  test("* is every entity, each once, lockstep ones with their parents", async () => {
    await declared(...TREE);
    expect(changesOf(await bump({ entity: "*", scope: "patch" }))).toEqual([
      "global:main 1.4.2 1.4.3",
      "api:versions 1.4.2 1.4.3",
      "component:dash 0.3.1 0.3.2",
      "docs:site 5.0.0 5.0.1",
      "api:client 1.4.2 1.4.3",
      "component:theme 0.3.1 0.3.2",
      "component:widget 2.0.9 2.0.10",
      "docs:guide 5.1.0 5.1.1",
    ]);
  });

  test("a lockstep entity is never bumped by itself", async () => {
    await declared(...TREE);
    const before = await snapshot(registry);
    const answer = await bump({ entity: "api:versions", scope: "minor" });
    expect([answer.status, codeOf(answer), jsonOf(answer).facts]).toEqual([
      409,
      "lockstep_follows_parent",
      { parent: "global:main" },
    ]);
    expect(await snapshot(registry)).toEqual(before);
  });

  test("a moved entity follows its new parent from then on", async () => {
    await declared(...TREE);
    await declared({ entity: "docs:site", parent: "component:dash", strategy: "linked" });
    expect(changesOf(await bump({ entity: "component:dash", scope: "patch" }))).toContain("docs:guide 5.1.0 5.1.1");
    expect(changesOf(await bump({ entity: "global:main", scope: "patch" }))).toContain("docs:guide 5.1.1 5.1.2");
  });

  test("of a registry without entities: there is nothing to bump", async () => {
    const answer = await bump({ entity: "*", scope: "patch" });
    expect([answer.status, codeOf(answer)]).toEqual([409, "nothing_to_bump"]);
  });

  test("that no statement can hold is refused whole", async () => {
    const name = "n".repeat(120);
    for (let batch = 0; batch < 3; batch++) {
      await declared(
        ...Array.from({ length: 100 }, (_, i) => ({
          entity: `t:${name}-${batch}-${i}`,
          version: `1.0.0-${"a".repeat(50)}.0`,
        })),
      );
    }
    const before = await snapshot(registry);
    const answer = await bump({ entity: "*", scope: "prerelease" });
    expect([answer.status, codeOf(answer)]).toEqual([422, "statement_too_large"]);
    expect(await snapshot(registry)).toEqual(before);
    expect((await bump({ entity: `t:${name}-0-0`, scope: "patch" })).status).toBe(200);
  });
});

describe("scopes", () => {
  test.each([
    ["1.2.3", { scope: "major" }, "2.0.0"],
    ["1.2.3", { scope: "minor" }, "1.3.0"],
    ["1.2.3", { scope: "patch" }, "1.2.4"],
    ["1.2.3", { scope: "premajor", preid: "rc" }, "2.0.0-rc.0"],
    ["1.2.3", { scope: "preminor" }, "1.3.0-0"],
    ["1.2.3", { scope: "prepatch", preid: "beta" }, "1.2.4-beta.0"],
    ["1.2.3", { scope: "prerelease", preid: "rc" }, "1.2.4-rc.0"],
    ["1.3.0-rc.1", { scope: "prerelease" }, "1.3.0-rc.2"],
    ["1.3.0-beta.4", { scope: "prerelease", preid: "rc" }, "1.3.0-rc.0"],
    ["1.3.0-rc.1", { scope: "release" }, "1.3.0"],
    ["1.3.0-rc.1", { scope: "minor" }, "1.3.0"],
    ["1.3.0+build.7", { scope: "patch" }, "1.3.1"],
  ])("%s by %o is %s", async (version, request, to) => {
    await declared({ entity: "global:main", version });
    const answer = await bump({ entity: "global:main", ...request });
    expect(changesOf(answer)).toEqual([`global:main ${version} ${to}`]);
    expect(jsonOf(answer).receipt.statement.preid).toBe("preid" in request ? request.preid : undefined);
  });

  test("a preid that sorts below the present one leads nowhere", async () => {
    await declared({ entity: "global:main", version: "1.3.0-rc.1" });
    expect(codeOf(await bump({ entity: "global:main", scope: "prerelease", preid: "alpha" }))).toBe("nothing_to_bump");
  });
});

describe("a dry run", () => {
  test("is the plan that the bump then carries out, and writes nothing", async () => {
    await declared(...TREE);
    const before = await snapshot(registry);
    const plan = await bump({ entity: "global:main", scope: "minor", dryRun: true });
    expect(jsonOf(plan)).toMatchObject({ dryRun: true, entity: "global:main", scope: "minor", receipt: null });
    expect(await snapshot(registry)).toEqual(before);
    await restart(registry);
    expect(await snapshot(registry)).toEqual(before);
    expect(changesOf(await bump({ entity: "global:main", scope: "minor" }))).toEqual(changesOf(plan));
  });

  test("takes no idempotency key: the same key writes afterwards", async () => {
    await declared("global:main");
    const key = randomKey();
    expect((await bump({ entity: "global:main", scope: "minor", dryRun: true }, { key })).status).toBe(200);
    expect((await bump({ entity: "global:main", scope: "minor", dryRun: true }, { key: null })).status).toBe(200);
    expect(changesOf(await bump({ entity: "global:main", scope: "minor" }, { key }))).toEqual([
      "global:main 1.0.0 1.1.0",
    ]);
  });
});

describe("expected", () => {
  test("lets one of several writers through, and tells the others where it is now", async () => {
    await declared("global:main");
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => bump({ entity: "global:main", scope: "minor", expected: "1.0.0" })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expect(jsonOf(answer)).toMatchObject({
        code: "version_conflict",
        field: "/expected",
        facts: { current: "1.1.0" },
      });
      await expectSigned(answer, await keysOf(registry));
    }
    expect(await versions()).toEqual({ "global:main": "1.1.0" });
  });
});
