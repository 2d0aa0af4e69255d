/** 64 clients at once, 12,800 versions of one entity: distinct, consecutive, and each of them proved. */

import { expect, test } from "vitest";
import { parseJson, verifyKeys, verifyReceipt } from "../../src/client/index.ts";
import type { JsonValue } from "../../src/core/json.ts";
import { checkReceipt, leafOf, noteChecker, type ReceiptJson, Tree } from "../independent/log.ts";
import { prepareData, serve } from "./support/authority.ts";
import { declaration, ENTITY, sendWrite, startLoad } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";

const CLIENTS = 64;
const EACH = 200;
const BUMPS = CLIENTS * EACH;

test("64 clients × 200 bumps give 12,800 distinct consecutive versions, and every receipt proves", async () => {
  await using place = await makePlace();
  const signing = keyOf("load");
  await prepareData(place, { signing, recovery: keyOf("load recovery") });
  const authority = await serve(place);
  using wire = openWire(authority.url);
  const token = mintToken(signing, { scope: ["admin"] });

  const declared = await sendWrite(wire, token, declaration("declare"));
  const load = startLoad(wire, { token, clients: CLIENTS, each: EACH, name: "load" });
  await load.done;
  const receipts = load.writes.map(({ receipt }) => receipt!);
  expect(receipts).toHaveLength(BUMPS);
  expect(receipts).not.toContain(undefined);

  // 0.1.0 was declared; each bump is the patch after the one before it.
  const bySeq = receipts.toSorted((a, b) => a.statement.seq - b.statement.seq);
  const changes = bySeq.map(({ statement }) => statement.changes);
  const expected = Array.from({ length: BUMPS }, (_, n) => [{ entity: ENTITY, from: `0.1.${n}`, to: `0.1.${n + 1}` }]);
  expect(changes).toEqual(expected);
  expect(new Set(bySeq.map(({ statement }) => keyHashOf(statement))).size).toBe(BUMPS);

  // The tree, computed once more from the statements alone.
  const keys = (await wire.send("/v1/default/keys")).text;
  const { genesis, checkpoint } = JSON.parse(keys) as KeysJson;
  const tree = new Tree();
  for (const statement of [genesis, declared.statement, ...bySeq.map((receipt) => receipt.statement)]) {
    expect(statement.seq).toBe(tree.size);
    tree.push(leafOf(statement));
  }
  const checkNote = noteChecker(genesis.origin, genesis.keys["log-ed25519"].x);
  const head = checkNote(checkpoint);
  expect(head.size).toBe(BUMPS + 2);
  expect(head.root).toEqual(tree.root());

  // Every receipt, by the other implementation; and the head it names is one that this very log had.
  const sizes = new Map(receipts.map((receipt) => checkReceipt(receipt, checkNote)).map((seen) => [seen.size, seen]));
  for (const seen of sizes.values()) expect(seen.root).toEqual(tree.root(seen.size));
  // Commits group: far fewer checkpoints than bumps.
  expect(sizes.size).toBeLessThan(BUMPS / 4);

  // Every receipt, by our own client.
  const trust = await verifyKeys(parseJson(new TextEncoder().encode(keys)), { registry: "default" });
  // As many at a time as there were clients: signatures are checked beside the JavaScript.
  for (let from = 0; from < BUMPS; from += CLIENTS) {
    const some = receipts.slice(from, from + CLIENTS);
    const verified = await Promise.all(some.map((receipt) => verifyReceipt(receipt as unknown as JsonValue, trust)));
    expect(verified.map(({ checkpoint: { size } }) => size)).toEqual(some.map(({ inclusion }) => inclusion.size));
  }
  expect(await authority.stop()).toBe(0);
});

interface KeysJson {
  readonly genesis: ReceiptJson["statement"] & {
    readonly origin: string;
    readonly keys: { readonly "log-ed25519": { readonly x: string } };
  };
  readonly checkpoint: string;
}

const keyHashOf = (statement: ReceiptJson["statement"]): string =>
  (statement.idempotency as { readonly key: string }).key;
