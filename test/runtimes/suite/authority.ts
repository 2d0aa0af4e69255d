/** A client and an authority: first contact, reading, writing. */

import { equal, ok, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

export function authoritySuite({ test, client, url, genesis, token, name }: SuiteOptions): void {
  const { createClient, memoryPins } = client;
  const [parent, child] = [`global:${name}`, `component:${name}`];
  const reader = createClient({ url, genesis });
  const writer = createClient({ url, genesis, token });
  const versionOf = async (id: string) => (await reader.entity(id)).version;

  test("first contact: without a pin nothing is believed", async () => {
    await refused(createClient({ url }).state(), "genesis_unpinned");
  });

  test("first contact: taken on trust, it is told and remembered", async () => {
    const told: string[] = [];
    const store = memoryPins();
    const first = createClient({ url, trustFirst: true, store, onFirstTrust: (found) => told.push(found) });
    equal((await first.trust()).genesis, genesis);
    equal(told, [genesis]);
    equal((await createClient({ url, store }).state()).genesis, genesis);
    equal((await store.load(`${new URL(url).origin}/default`))?.genesis, genesis);
  });

  test("first contact: a pin that fits is held to, and a wrong one refuses everything", async () => {
    const { registry, responseKeys } = await reader.trust();
    equal([registry, responseKeys.length], ["default", 1]);
    const wrong = `${genesis[0] === "0" ? "1" : "0"}${genesis.slice(1)}`;
    for (const trustFirst of [false, true]) {
      await refused(createClient({ url, genesis: wrong, trustFirst }).state(), "genesis_mismatch");
    }
  });

  test("state, entities and entity agree", async () => {
    const { entities, size, visibility } = await reader.state();
    ok(size > 2 && visibility === "public", `size ${size}, ${visibility}`);
    const mine = entities.find(({ entity }) => entity === parent);
    equal(await reader.entity(parent), mine);
    equal(
      (await reader.entities()).find(({ entity }) => entity === parent),
      mine,
    );
    equal(mine?.version, "1.0.0");
  });

  test("reads from the authority's memory are verified too", async () => {
    equal((await createClient({ url, genesis, hotReads: true }).entity(parent)).version, "1.0.0");
  });

  test("an error of the authority arrives as its own", async () => {
    await refused(reader.entity(`global:${name}-absent`), "entity_unknown");
    const thrown = await reader.entity(`global:${name}-absent`).catch((error: unknown) => error);
    ok(thrown instanceof client.TesError && thrown instanceof Error, "it is a TesError");
    equal(thrown.status, 404);
  });

  test("a write without a token, and with one that is not of here", async () => {
    await refused(reader.bump({ entity: parent, scope: "patch" }), "token_missing");
    const stranger = createClient({ url, genesis, token: `${token.slice(0, -4)}AAAA` });
    await refused(stranger.bump({ entity: parent, scope: "patch" }), "token_invalid");
    equal(await versionOf(parent), "1.0.0");
  });

  test("an entity is declared once", async () => {
    const declaration = { entity: `api:${name}`, version: "2.0.0" };
    const { receipts } = await writer.declare([declaration]);
    equal(
      receipts.map(({ statement }) => [statement.type, statement.entity]),
      [["entity.declared", `api:${name}`]],
    );
    const again = await writer.declare([declaration]);
    equal([again.receipts, again.unchanged], [[], [`api:${name}`]]);
  });

  test("a dry run shows the plan and writes nothing", async () => {
    const before = await reader.checkpoint();
    const plan = await writer.bump({ entity: parent, scope: "minor", dryRun: true });
    equal([plan.dryRun, plan.receipt], [true, null]);
    equal(plan.changes, [
      { entity: parent, from: "1.0.0", to: "1.1.0" },
      { entity: child, from: "1.0.0", to: "1.1.0" },
    ]);
    equal(await versionOf(parent), "1.0.0");
    ok((await reader.checkpoint()).size >= before.size, "the log did not shrink");
  });

  test("a bump with its cascade and its receipt", async () => {
    const { changes, receipt } = await writer.bump({ entity: parent, scope: "minor", expected: "1.0.0" });
    equal(
      changes.map(({ entity, to }) => [entity, to]),
      [
        [parent, "1.1.0"],
        [child, "1.1.0"],
      ],
    );
    equal(receipt?.statement.changes, changes);
    equal([await versionOf(parent), await versionOf(child)], ["1.1.0", "1.1.0"]);
  });

  test("a bump that expects another version is a version_conflict, and says what is", async () => {
    const outdated = { entity: parent, scope: "minor", expected: "1.0.0" } as const;
    await refused(writer.bump(outdated), "version_conflict");
    const thrown = await writer.bump(outdated).catch((error: unknown) => error);
    ok(thrown instanceof client.TesError, "it is a TesError");
    equal(thrown.facts?.current, "1.1.0");
    equal(await versionOf(parent), "1.1.0");
  });

  test("the same request under the same key happens once", async () => {
    const request = { entity: parent, scope: "patch" } as const;
    const key = { idempotencyKey: `${name}-once` };
    const first = await writer.bump(request, key);
    const again = await createClient({ url, genesis, token }).bump(request, key);
    equal(again.receipt?.statement, first.receipt?.statement);
    equal(await versionOf(parent), "1.1.1");
    await refused(writer.bump({ entity: parent, scope: "major" }, key), "idempotency_key_reused");
  });

  test("a write whose answer is lost is sent again by itself, and happens once", async () => {
    let lost = 0;
    const client = createClient({
      url,
      genesis,
      token,
      delay: async () => undefined,
      fetch: async (target, init) => {
        const answer = await fetch(target, init);
        if (init.method !== "POST" || lost++ > 0) return answer;
        await answer.body?.cancel();
        throw new TypeError("the connection broke");
      },
    });
    equal((await client.bump({ entity: parent, scope: "patch" })).changes[0]?.to, "1.1.2");
    equal([lost, await versionOf(parent)], [2, "1.1.2"]);
  });

  test("eight bumps at once are eight versions", async () => {
    const bumps = await Promise.all(Array.from({ length: 8 }, () => writer.bump({ entity: child, scope: "patch" })));
    const wanted = Array.from({ length: 8 }, (_, i) => `1.1.${i + 3}`);
    equal(new Set(bumps.map(({ changes }) => changes[0]?.to)).size, 8);
    equal(
      bumps.map(({ changes }) => changes[0]!.to).sort((a, b) => a.localeCompare(b, "en", { numeric: true })),
      wanted,
    );
  });
}
