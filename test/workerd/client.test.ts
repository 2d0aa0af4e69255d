import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, memoryPins, TesError } from "../../src/client/index.ts";
import { ask, configure, jsonOf, MASTER, masterOf, mint, ORIGIN, RECOVERY, restart } from "./authority.ts";

/** Our own client against the real Worker: what one signs, the other has to believe. */
const over = (change: Partial<Parameters<typeof createClient>[0]> = {}) =>
  createClient({
    url: ORIGIN,
    registry: "acme",
    trustFirst: true,
    fetch: (url, init) => exports.default.fetch(url, init),
    delay: async () => undefined,
    ...change,
  });

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof TesError) return thrown.code;
  throw thrown ?? new Error("It was not refused.");
};

beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER }));
afterEach(() => reset());

const opened = async (change: Parameters<typeof over>[0] = {}) => {
  const client = over({ token: await mint("acme", ["admin"]), ...change });
  await client.createRegistry({ visibility: "public", recovery: { x: RECOVERY } });
  return client;
};

describe("the client and the Worker", () => {
  test("open a registry, declare, plan, bump, read: everything verified", async () => {
    const client = await opened();
    const { receipts } = await client.declare([
      { entity: "global:main", version: "1.0.0" },
      { entity: "component:a", parent: "global:main", strategy: "linked" },
    ]);
    expect(receipts.map(({ statement }) => statement.entity)).toEqual(["global:main", "component:a"]);
    const plan = await client.bump({ entity: "global:main", scope: "minor", dryRun: true });
    expect(plan.receipt).toBeNull();
    const bumped = await client.bump({ entity: "global:main", scope: "minor", expected: "1.0.0" });
    expect(bumped.changes).toEqual(plan.changes);
    expect(bumped.receipt?.checkpoint.size).toBe(4);
    expect((await client.entity("component:a")).version).toBe("0.2.0");
    expect((await client.state()).entities).toEqual(await client.entities());
    expect((await client.checkpoint()).size).toBe(4);
    expect((await client.receipt(3)).statement).toEqual(bumped.receipt?.statement);
    expect((await client.keys()).trust.genesis).toBe((await client.trust()).genesis);
  });

  test("a pinned genesis is held to, and a retry gets the receipt that was", async () => {
    const client = await opened();
    await client.declare([{ entity: "global:main" }]);
    const { genesis } = await client.trust();
    const pinned = over({ genesis, trustFirst: false, token: await mint("acme", ["admin"]) });
    const first = await pinned.bump({ entity: "global:main", scope: "patch" }, { idempotencyKey: "job-7" });
    await restart("acme");
    const again = await pinned.bump({ entity: "global:main", scope: "patch" }, { idempotencyKey: "job-7" });
    expect(again.receipt?.statement).toEqual(first.receipt?.statement);
    expect(await codeOf(over({ genesis: masterOf("no genesis"), trustFirst: false }).state())).toBe("genesis_mismatch");
  });

  test("the authority's own refusals arrive as what they are", async () => {
    const client = await opened();
    await client.declare([{ entity: "global:main" }]);
    expect(await codeOf(client.entity("global:absent"))).toBe("entity_unknown");
    expect(await codeOf(client.bump({ entity: "global:main", scope: "minor", expected: "9.9.9" }))).toBe(
      "version_conflict",
    );
    expect(await codeOf(over().bump({ entity: "global:main", scope: "minor" }))).toBe("token_missing");
    expect(await codeOf(client.createRegistry({ visibility: "public", recovery: { x: RECOVERY } }))).toBe(
      "genesis_exists",
    );
  });

  test("what nobody signs is an outage: an unknown registry, another host, a mismatched key", async () => {
    await opened();
    expect(await codeOf(over({ registry: "nobody" }).state())).toBe("answer_unsigned");
    expect(await codeOf(over({ url: "https://evil.test" }).state())).toBe("answer_unsigned");
    configure({ VERSION_SIGNING_KEY: masterOf("another") });
    await restart("acme");
    expect(await codeOf(over().state())).toBe("answer_unsigned");
  });

  test("a log that begins anew is refused by whoever saw it longer, even under the same key", async () => {
    const store = memoryPins();
    const client = await opened({ store });
    await client.declare([{ entity: "global:main" }]);
    await reset();
    configure({ VERSION_SIGNING_KEY: MASTER });
    const token = await mint("acme", ["admin"]);
    await over({ token }).createRegistry({ visibility: "public", recovery: { x: RECOVERY } });
    // Another genesis by another token at another time: the pin does not fit it.
    expect(await codeOf(over({ store }).state())).toBe("genesis_mismatch");
    // A client that has its keys sees the log fall back.
    expect(await codeOf(client.state())).toBe("checkpoint_stale");
  });

  test("an answer to one question is none to another", async () => {
    const client = await opened();
    await client.declare([{ entity: "global:main" }]);
    const { genesis } = await client.trust();
    const recorded = await ask("/v1/acme/entities");
    const replayed = over({
      genesis,
      attempts: 1,
      fetch: async (url, init) => {
        if (!url.endsWith("/entities")) return exports.default.fetch(url, init);
        return new Response(recorded.body, { status: recorded.status, headers: { ...recorded.headers } });
      },
    });
    // Signed, of the right path, and fresh; but not for the nonce that was sent.
    expect(jsonOf(recorded).entities).toHaveLength(1);
    expect(await codeOf(replayed.entities())).toBe("signature_invalid");
  });
});
