/** A chain of keys that leads further explains why a log cannot be followed; one that does not hold is what is refused. */

import { expect, test } from "vitest";
import { type ErrorCode, type TesClient, TesError, type Trust } from "../../../src/client/index.ts";
import { handoverOf, notedIn } from "../../../src/dashboard/model/handover.ts";
import { type Incident, Registry } from "../../../src/dashboard/model/registry.ts";

const HERE = "http://127.0.0.1:9";
const keyed = (kid: string) => ({ kid, x: kid, key: {} as CryptoKey });
const first: Trust = {
  registry: "default",
  genesis: "ab".repeat(32),
  origin: "o",
  visibility: "public",
  responseKeys: [],
  logKey: keyed("one"),
  recovery: "r",
  earlier: [],
  announced: 0,
  epoch: 1,
  restores: [],
};
const earlier = { origin: "o", logKey: keyed("one"), responseKey: keyed("one"), until: 5 };
const head = { origin: "o", size: 6, root: new Uint8Array(32) };
const restored: Trust = {
  ...first,
  logKey: keyed("two"),
  earlier: [earlier],
  announced: 1,
  epoch: 2,
  restores: [{ epoch: 2, seq: 5, lost: { size: 9, root: "" }, head }],
};
const movedTo = (url: string): Trust => ({ ...first, earlier: [earlier], announced: 1, moved: { url, seq: 5 } });

test("what is told of a chain, until somebody has taken note", () => {
  expect(handoverOf(first, 0, HERE)).toBeUndefined();
  expect(handoverOf(restored, 0, HERE)).toEqual({ kind: "restored", epoch: 2, from: 5, lost: 9, otherKeys: true });
  expect(handoverOf({ ...restored, logKey: keyed("one") }, 0, HERE)).toMatchObject({ otherKeys: false });
  expect(handoverOf(restored, 1, HERE)).toBeUndefined();
  expect(handoverOf(movedTo(HERE), 0, HERE)).toEqual({ kind: "moved", here: true, url: HERE, seq: 5 });
  expect(handoverOf(movedTo(HERE), 1, HERE)).toBeUndefined();
  // Where it went away it takes nothing any more, whoever has read that.
  expect(handoverOf(movedTo("https://new.example"), 1, HERE)).toMatchObject({ here: false });
});

test("what was noted is read again, and anything else in its place is none", () => {
  const held = new Map<string, string>();
  const storage = {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
  } as unknown as Storage;
  const noted = notedIn(storage, "k");
  expect(noted.get()).toBeUndefined();
  noted.set(3);
  expect(notedIn(storage, "k").get()).toBe(3);
  held.set([...held.keys()][0]!, "many");
  expect(noted.get()).toBeUndefined();
});

/** A registry whose log can be followed no further, for a reason. */
async function broken(code: ErrorCode, keys: () => Promise<Trust>) {
  let trust = first;
  const client = {
    trust: async () => trust,
    state: async () => ({ registry: "default", genesis: first.genesis, size: 9, entities: [] }),
    async keys() {
      trust = await keys();
    },
    // biome-ignore lint/correctness/useYield: it ends before anything comes.
    async *watch() {
      throw new TesError(code);
    },
  } as unknown as TesClient;
  const refusals = new Map<string, Incident>();
  const registry = new Registry({
    name: "default",
    client,
    anyone: client,
    now: () => 5,
    refusals,
    key: "k",
    here: HERE,
    pinned: async () => ({ genesis: first.genesis, origin: "o", logKey: "one", size: 9, root: "" }),
    noted: { get: () => 0, set: () => undefined },
    mayWatch: () => true,
  });
  let events = 0;
  registry.addEventListener("restored", () => events++);
  await registry.open();
  await new Promise((resolve) => setImmediate(resolve));
  return { registry, restoredEvents: () => events };
}

const CODES: readonly ErrorCode[] = ["checkpoint_stale", "checkpoint_inconsistent", "key_unknown", "note_invalid"];

test.each(CODES)(
  "%s, and the chain tells of a restore that holds: no refusal, and the page begins anew",
  async (code) => {
    const { registry, restoredEvents } = await broken(code, async () => restored);
    expect(registry.refusal).toBeUndefined();
    expect(restoredEvents()).toBe(1);
    expect(registry.handover).toMatchObject({ kind: "restored", epoch: 2 });
    // What still comes in for the log that is gone is no finding.
    registry.failed(new TesError("proof_invalid"), "statement 8");
    expect(registry.refusal).toBeUndefined();
  },
);

test.each(CODES)("%s, and the chain leads nowhere else: refused", async (code) => {
  const { registry, restoredEvents } = await broken(code, async () => first);
  expect(registry.refusal?.error.code).toBe(code);
  expect([restoredEvents(), registry.handover]).toEqual([0, undefined]);
});

test.each<ErrorCode>(["signature_invalid", "epoch_invalid", "checkpoint_inconsistent", "genesis_mismatch"])(
  "the chain claims a restore, and that is %s: refused for that",
  async (code) => {
    const { registry, restoredEvents } = await broken("key_unknown", async () => {
      throw new TesError(code);
    });
    expect(registry.refusal?.error.code).toBe(code);
    expect([restoredEvents(), registry.handover]).toEqual([0, undefined]);
  },
);
