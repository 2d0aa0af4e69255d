import { reset } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ed25519Kid } from "../../src/core/keys.ts";
import { MAX_ENTITIES } from "../../src/core/limits.ts";
import { MAX_DECLARATIONS } from "../../src/protocol/requests.ts";
import {
  ask,
  codeOf,
  configure,
  declare,
  isSigned,
  jsonOf,
  MASTER,
  openRegistry,
  post,
  restart,
  snapshot,
  textOf,
} from "./authority.ts";
import { expectHeaders } from "./refusals.ts";

beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER }));
afterEach(() => reset());

describe("entities", () => {
  test("are declared all or none, parents first, and shown as they were declared", async () => {
    const token = await openRegistry("acme");
    const files = [{ path: "package.json" }, { path: "src/version.ts", pattern: 'VERSION = "([^"]+)"' }];
    const declared = await declare("acme", token, [
      { entity: "component:widget", parent: "component:dash", strategy: "linked" },
      { entity: "component:dash", parent: "global:main", strategy: "lockstep" },
      { entity: "global:main", version: "1.2.3", files },
    ]);
    const statements = jsonOf(declared).receipts.map(({ statement }: { statement: object }) => statement);
    expect(statements).toMatchObject([
      {
        type: "entity.declared",
        seq: 1,
        entity: "global:main",
        version: "1.2.3",
        strategy: "independent",
        parent: null,
        files,
      },
      { seq: 2, entity: "component:dash", version: "1.2.3", strategy: "lockstep", parent: "global:main", files: [] },
      { seq: 3, entity: "component:widget", version: "0.1.0", strategy: "linked", parent: "component:dash" },
    ]);
    expect(jsonOf(declared).unchanged).toEqual([]);
    const { entities } = jsonOf(await ask("/v1/acme/entities"));
    expect(entities.map(({ entity }: { entity: string }) => entity)).toEqual([
      "component:dash",
      "component:widget",
      "global:main",
    ]);
    const one = jsonOf(await ask("/v1/acme/entities/global:main"));
    expect(one).toEqual({
      registry: "acme",
      size: 4,
      entity: {
        entity: "global:main",
        version: "1.2.3",
        strategy: "independent",
        parent: null,
        files,
        seq: 1,
        at: statements[0].at,
      },
    });
    expect(entities[2]).toEqual(one.entity);
  });

  test("that already are as asked write nothing, and what is left out stays", async () => {
    const token = await openRegistry("acme");
    const list = [{ entity: "global:main", version: "1.0.0", files: [{ path: "VERSION" }] }, { entity: "component:a" }];
    await declare("acme", token, list);
    const again = jsonOf(await declare("acme", token, list));
    expect(again).toEqual({ receipts: [], unchanged: ["global:main", "component:a"] });
    const changed = jsonOf(
      await declare("acme", token, [{ entity: "component:a", parent: "global:main" }, { entity: "global:main" }]),
    );
    expect(changed.unchanged).toEqual(["global:main"]);
    expect(changed.receipts).toHaveLength(1);
    expect(jsonOf(await ask("/v1/acme/entities/global:main")).entity.files).toEqual([{ path: "VERSION" }]);
    expect(jsonOf(await ask("/v1/acme")).size).toBe(4);
  });
});

describe("a registry", () => {
  test("holds as many entities as it may, and refuses one more whole", async () => {
    const token = await openRegistry("acme");
    const batch = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ entity: `many:e${from + i}` }));
    const half = MAX_DECLARATIONS / 2;
    for (let from = 0; from < MAX_ENTITIES - half; from += half) await declare("acme", token, batch(from, half));
    const before = await snapshot("acme");
    const refused = await post("/v1/acme/entities", { entities: batch(MAX_ENTITIES - half, half + 1) }, { token });
    expect([refused.status, codeOf(refused), jsonOf(refused).facts]).toEqual([
      422,
      "entity_limit",
      { limit: MAX_ENTITIES },
    ]);
    expect(await snapshot("acme")).toEqual(before);
    await declare("acme", token, batch(MAX_ENTITIES - half, half));
    await restart("acme");
    expect(jsonOf(await ask("/v1/acme")).entities).toHaveLength(MAX_ENTITIES);
    const bumped = await post("/v1/acme/bump", { entity: "many:e999", scope: "patch" }, { token });
    expect(bumped.status).toBe(200);
  });
});

describe("health", () => {
  test("says that the Worker runs, signs nothing and starts no object", async () => {
    configure({ VERSION_SIGNING_KEY: undefined, TES_KEY_FALLBACK: "deny" });
    for (const method of ["GET", "HEAD"]) {
      const answer = await ask("/healthz", { method });
      expect([answer.status, answer.headers["content-type"], isSigned(answer)]).toEqual([
        200,
        "application/json",
        false,
      ]);
      expectHeaders(answer);
      expect(textOf(answer)).toBe(method === "GET" ? '{"ok":true}' : "");
    }
    configure({ TES_KEY_FALLBACK: undefined });
  });
});

describe("keys", () => {
  test("are the genesis, its keys by their names, and the head of the log", async () => {
    const token = await openRegistry("acme");
    const { genesis, announcements, keys, checkpoint, registry } = jsonOf(await ask("/v1/acme/keys"));
    expect([registry, announcements]).toEqual(["acme", []]);
    expect(genesis).toMatchObject({ type: "registry.genesis", seq: 0 });
    expect(keys.map(({ use, alg, status }: Record<string, string>) => [use, alg, status])).toEqual([
      ["log-ed25519", "ed25519", "active"],
      ["response-ed25519", "ed25519", "active"],
      ["response-hmac", "hmac-sha256", "active"],
      ["token-hs256", "hmac-sha256", "active"],
    ]);
    for (const { kid, x } of keys.slice(0, 2)) expect(kid).toBe(ed25519Kid(x));
    for (const { kid, x } of keys.slice(2))
      expect([kid, x]).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/), undefined]);
    expect(checkpoint).toBe(textOf(await ask("/v1/acme/log/checkpoint")));
    expect(JSON.parse(atob(token.split(".")[0]!)).kid).toBe(keys[3].kid);
  });
});
