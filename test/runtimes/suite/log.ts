/** The log: receipts that prove themselves, checkpoints that extend each other, and an authority that was set back. */

import { toBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { equal, ok, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

export function logSuite({ test, client, url, genesis, token, name }: SuiteOptions): void {
  const { createClient, memoryPins, parseJson, verifyKeys, verifyReceipt } = client;
  const entity = `global:${name}`;
  const pinKey = `suite/${name}`;
  const writer = createClient({ url, genesis, token });

  test("every statement has its receipt, and receipt 0 is the genesis that is pinned", async () => {
    const reader = createClient({ url, genesis });
    const { statement } = await reader.receipt(0);
    equal([statement.type, statement.seq], ["registry.genesis", 0]);
    const { answer, trust } = await reader.keys();
    equal([answer.genesis, trust.genesis], [statement, genesis]);
    const { size } = await reader.checkpoint();
    equal((await reader.receipt(size - 1)).statement.seq, size - 1);
  });

  test("two clients see one log grow, and the second size is proved to extend the first", async () => {
    const asked: string[] = [];
    const store = memoryPins();
    const watcher = createClient({
      url,
      genesis,
      store,
      pinKey,
      fetch: (target, init) => {
        asked.push(new URL(target).pathname);
        return fetch(target, init);
      },
    });
    const before = await watcher.checkpoint();
    const { receipt } = await writer.bump({ entity, scope: "patch" });
    ok(receipt !== null && receipt.checkpoint.size > before.size, "the other client wrote");
    equal(asked.includes("/v1/default/log/consistency"), false, "a proof was asked for before");
    const after = await watcher.checkpoint();
    ok(after.size >= receipt.checkpoint.size, "the first one sees it");
    equal(asked.includes("/v1/default/log/consistency"), true, "a proof was asked for after");
    equal((await store.load(pinKey))?.root, toBase64(after.root));
    equal((await watcher.receipt(receipt.statement.seq)).statement, receipt.statement);
  });

  test("a receipt proves itself without the network, and to nobody else's key", async () => {
    const { answer } = await writer.keys();
    const { receipt, statement } = await writer.receipt(1);
    const trust = await verifyKeys(parseJson(utf8(JSON.stringify(answer))), { registry: "default", genesis });
    const kept = parseJson(utf8(JSON.stringify(receipt)));
    equal((await verifyReceipt(kept, trust)).statement, statement);
    const changed = parseJson(utf8(JSON.stringify({ ...receipt, statement: { ...receipt.statement, at: 1 } })));
    await refused(verifyReceipt(changed, trust), "proof_invalid");
    const moved = { ...receipt, inclusion: { ...receipt.inclusion, index: 0 } };
    await refused(verifyReceipt(parseJson(utf8(JSON.stringify(moved))), trust), "proof_invalid");
    await refused(verifyReceipt(kept, { ...trust, logKey: trust.responseKeys[0]! }), "note_invalid");
  });

  test("an authority that is behind what was seen is refused", async () => {
    const store = memoryPins();
    await createClient({ url, genesis, store, pinKey }).checkpoint();
    const seen = (await store.load(pinKey))!;
    await store.save(pinKey, { ...seen, size: seen.size + 1_000_000 });
    const later = createClient({ url, genesis, store, pinKey });
    await refused(later.state(), "checkpoint_stale");
    await refused(later.checkpoint(), "checkpoint_stale");
    await refused(
      createClient({ url, genesis, token, store, pinKey }).bump({ entity, scope: "patch" }),
      "checkpoint_stale",
    );
    equal((await store.load(pinKey))?.size, seen.size + 1_000_000);
  });

  test("an authority whose log is another than the one seen is refused", async () => {
    const store = memoryPins();
    const first = createClient({ url, genesis, store, pinKey });
    const { size } = await first.checkpoint();
    const seen = (await store.load(pinKey))!;
    const root = toBase64((await first.checkpoint()).root.map((byte) => byte ^ 1));
    await store.save(pinKey, { ...seen, root });
    await writer.bump({ entity, scope: "patch" });
    await refused(createClient({ url, genesis, store, pinKey }).checkpoint(), "checkpoint_inconsistent");
    equal(await store.load(pinKey), { ...seen, size, root }, "what was seen is kept");
    ok(toHex((await writer.checkpoint()).root).length === 64, "the true log is still believed");
  });
}
