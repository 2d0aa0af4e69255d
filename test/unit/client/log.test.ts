/** What a client remembers of the log, and the refusal of all that does not extend it. */

import { beforeEach, describe, expect, test } from "vitest";
import { createLogView } from "../../../src/client/log-view.ts";
import { advances, memoryPins, type Pin } from "../../../src/client/pins.ts";
import { fromBase64, toBase64, utf8 } from "../../../src/core/bytes.ts";
import { type Checkpoint, parseCheckpointBody } from "../../../src/core/checkpoint.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { parseNote } from "../../../src/core/notes.ts";
import { makeRegistry, type TestRegistry } from "./registry.ts";
import { clientOf, type TestClient, URL_OF_TEST } from "./setup.ts";

const CHECKPOINT = "/v1/default/log/checkpoint";
const CONSISTENCY = "/v1/default/log/consistency";
const PIN_KEY = `${URL_OF_TEST}/default`;

/** The registry, and another one with the same key, whose log says something else from statement 3 on. */
let registry: TestRegistry;
let fork: TestRegistry;

const grow = (log: TestRegistry, size: number, say = "honest") => {
  while (log.statements.length < size) {
    log.add({
      type: "entity.declared",
      entity: `a:${log.statements.length < 3 ? "shared" : say}-${log.statements.length}`,
      version: "0.1.0",
      strategy: "independent",
      parent: null,
      files: [],
    });
  }
};

beforeEach(async () => {
  registry = await makeRegistry("log");
  fork = await makeRegistry("log");
  grow(registry, 5);
  grow(fork, 5, "forked");
});

/** Answers the checkpoint of a log, in an answer that speaks of its size, or of the one given. */
function show(made: TestClient, log: TestRegistry, size = log.statements.length, answerSize = size): void {
  made.on(CHECKPOINT, async (request) =>
    log.answer(request, { type: "text/plain; charset=utf-8", body: await log.note(size), size: answerSize }),
  );
}

const pinOf = (made: TestClient) => made.store.load(PIN_KEY);
const headOf = async (log: TestRegistry, size?: number): Promise<Checkpoint> =>
  parseCheckpointBody(parseNote(await log.note(size)).text);

describe("a client", () => {
  test("takes a log that grows, with a proof each time, and none where nothing changed", async () => {
    const made = clientOf(registry);
    expect((await made.client.checkpoint()).size).toBe(5);
    grow(registry, 9);
    expect((await made.client.checkpoint()).size).toBe(9);
    expect((await made.client.checkpoint()).size).toBe(9);
    expect(made.sent.filter(({ url }) => url.includes(CONSISTENCY)).map(({ url }) => new URL(url).search)).toEqual([
      "?from=5&to=9",
    ]);
    expect(await pinOf(made)).toMatchObject({ size: 9, root: toBase64((await headOf(registry)).root) });
  });

  test("refuses an older checkpoint in a new answer", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    show(made, registry, 4, 5);
    await expect(made.client.checkpoint()).rejects.toMatchObject({
      code: "checkpoint_stale",
      facts: { size: 4, atLeast: 5 },
    });
    expect(await pinOf(made)).toMatchObject({ size: 5 });
  });

  test("asks once more when an answer is older than what it saw, and then refuses", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    show(made, registry, 4);
    await expect(made.client.checkpoint()).rejects.toMatchObject({
      code: "checkpoint_stale",
      facts: { size: 4, atLeast: 5 },
    });
    const asked = made.sent.filter(({ url }) => url.endsWith(CHECKPOINT));
    expect(asked.map(({ headers }) => headers.get("tes-min-size"))).toEqual(["5", "5", "5"]);

    let answers = 0;
    made.on(CHECKPOINT, async (request) => {
      const size = answers++ === 0 ? 4 : 5;
      return registry.answer(request, { type: "text/plain; charset=utf-8", body: await registry.note(size), size });
    });
    expect((await made.client.checkpoint()).size).toBe(5);
  });

  test("refuses a fork of the same size", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    show(made, fork);
    await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
    expect(await pinOf(made)).toMatchObject({ size: 5, root: toBase64((await headOf(registry)).root) });
  });

  test("refuses a larger fork, whichever log the proof is made from, and goes on with the true one", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    grow(registry, 9);
    grow(fork, 9, "forked");
    show(made, fork);
    for (const prover of [fork, registry]) {
      made.on(CONSISTENCY, async (request) => {
        const body = { from: 5, size: 9, proof: prover.proof(5, 9), checkpoint: await fork.note() };
        return fork.answer(request, { body });
      });
      await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
    }
    expect(await pinOf(made)).toMatchObject({ size: 5 });
    made.on(CONSISTENCY, async (request) => {
      const body = { from: 5, size: 9, proof: registry.proof(5, 9), checkpoint: await registry.note() };
      return registry.answer(request, { body });
    });
    show(made, registry);
    expect((await made.client.checkpoint()).size).toBe(9);
  });

  test("refuses a receipt under a fork, though the receipt proves itself", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    made.on("/v1/default/log/proof", async (request) => fork.answer(request, { body: await fork.receipt(4) }));
    await expect(made.client.receipt(4)).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
    made.on("/v1/default/log/proof", async (request) => registry.answer(request, { body: await registry.receipt(4) }));
    expect((await made.client.receipt(4)).statement.seq).toBe(4);
  });

  test.each<[string, (from: number, to: number) => object, string]>([
    ["between other sizes", (_, to) => ({ from: 4, size: to, proof: [] }), "answer_malformed"],
    ["that is empty", (from, to) => ({ from, size: to, proof: [] }), "checkpoint_inconsistent"],
    ["of garbage", (from, to) => ({ from, size: to, proof: ["AA=="] }), "answer_malformed"],
    [
      "with a hash more",
      (from, to) => ({ from, size: to, proof: [...registry.proof(from, to), registry.proof(from, to)[0]] }),
      "checkpoint_inconsistent",
    ],
  ])("refuses a proof %s", async (_, proof, code) => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    grow(registry, 8);
    made.on(CONSISTENCY, async (request) =>
      registry.answer(request, { body: { ...proof(5, 8), checkpoint: await registry.note() } }),
    );
    await expect(made.client.checkpoint()).rejects.toMatchObject({ code });
    expect(await pinOf(made)).toMatchObject({ size: 5 });
  });

  test.each<[string, (note: string) => string]>([
    ["under another origin", (note) => note.replaceAll("tes.test/default", "tes.test/other")],
    ["of another size than was signed", (note) => note.replace("\n5\n", "\n6\n")],
    ["without a signature", (note) => `${note.split("\n\n")[0]}\n`],
  ])("refuses a checkpoint %s", async (_, change) => {
    const made = clientOf(registry);
    await made.client.trust();
    made.on(CHECKPOINT, async (request) =>
      registry.answer(request, { type: "text/plain; charset=utf-8", body: change(await registry.note()) }),
    );
    await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "note_invalid" });
  });
});

describe("across clients that share a store", () => {
  test("the highest checkpoint is remembered, and sent along with the first question", async () => {
    const store = memoryPins();
    grow(registry, 7);
    await clientOf(registry, { store }).client.checkpoint();
    const next = clientOf(registry, { store, genesis: undefined });
    expect((await next.client.checkpoint()).size).toBe(7);
    expect(next.sent.map(({ headers }) => headers.get("tes-min-size"))).toEqual(["7", "7"]);
  });

  test("an authority that was set back is refused by the next one, before anything else is believed", async () => {
    const store = memoryPins();
    grow(registry, 7);
    await clientOf(registry, { store }).client.checkpoint();
    const restored = await makeRegistry("log");
    grow(restored, 6);
    await expect(clientOf(restored, { store }).client.state()).rejects.toMatchObject({ code: "checkpoint_stale" });
  });

  test("a fork is refused by the next one, of equal and of larger size", async () => {
    for (const size of [5, 8]) {
      const store = memoryPins();
      await clientOf(registry, { store }).client.checkpoint();
      grow(fork, size, "forked");
      const next = clientOf(fork, { store });
      await expect(next.client.checkpoint()).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
      expect(await store.load(PIN_KEY)).toMatchObject({ size: 5 });
    }
  });

  test("another registry's pin is another's", async () => {
    const store = memoryPins();
    await clientOf(registry, { store }).client.checkpoint();
    const elsewhere = await makeRegistry("elsewhere");
    const made = clientOf(elsewhere, { store, pinKey: "elsewhere" });
    expect((await made.client.checkpoint()).size).toBe(1);
    expect(await store.load(PIN_KEY)).toMatchObject({ size: 5 });
  });
});

describe("a log view", () => {
  /** Over a pin at size 5, proved from a log; `proving` counts the proofs asked for. */
  async function viewOf(log = registry) {
    const store = memoryPins();
    const { root } = await headOf(registry, 5);
    const pin: Pin = { genesis: registry.genesis, origin: "o", logKey: "k", size: 5, root: toBase64(root) };
    await store.save("pin", pin);
    const asked: string[] = [];
    const view = createLogView(store, "pin", async (from, to) => {
      asked.push(`${from}-${to}`);
      return log.proof(from, to).map((hash) => fromBase64(hash)!);
    });
    return { store, view, asked };
  }

  test("takes two answers that arrive together one after the other, in any order", async () => {
    grow(registry, 9);
    const { view, store, asked } = await viewOf();
    const heads = await Promise.all([9, 7, 8, 9].map((size) => headOf(registry, size)));
    await Promise.all(heads.map((head) => view.observe(head, 5)));
    // The later ones are older than what was just seen, though not than what was known when they were asked for.
    expect(asked).toEqual(["5-9", "7-9", "8-9"]);
    expect(await store.load("pin")).toMatchObject({ size: 9 });
    expect(await view.size()).toBe(9);
  });

  test("two that arrive together and contradict each other are not both taken", async () => {
    grow(registry, 8);
    grow(fork, 8, "forked");
    // Each extends the empty log that both began with.
    const store = memoryPins();
    const empty = toBase64(sha256(utf8("")));
    await store.save("pin", { genesis: "g", origin: "o", logKey: "k", size: 0, root: empty });
    const proofs = async (from: number, to: number) => registry.proof(from, to).map((hash) => fromBase64(hash)!);
    const view = createLogView(store, "pin", proofs);
    const settled = await Promise.allSettled([
      view.observe(await headOf(registry), 0),
      view.observe(await headOf(fork), 0),
      view.observe(await headOf(fork, 6), 0),
      view.observe(await headOf(registry, 6), 0),
    ]);
    expect(settled.map((one) => (one.status === "rejected" ? one.reason.code : "taken"))).toEqual([
      "taken",
      "checkpoint_inconsistent",
      "checkpoint_inconsistent",
      "taken",
    ]);
  });

  test("one that is refused does not stop the next", async () => {
    grow(registry, 6);
    const { view } = await viewOf();
    const stale = view.observe(await headOf(registry, 4), 5);
    const good = view.observe(await headOf(registry), 5);
    await expect(stale).rejects.toMatchObject({ code: "checkpoint_stale" });
    await good;
    expect(await view.size()).toBe(6);
  });

  test("a proof that cannot be had refuses the checkpoint", async () => {
    grow(registry, 6);
    const { store } = await viewOf();
    const view = createLogView(store, "pin", () => Promise.reject(new TypeError("gone")));
    await expect(view.observe(await headOf(registry), 5)).rejects.toThrow("gone");
    expect(await view.size()).toBe(5);
  });

  test("what a store cannot keep is not taken", async () => {
    grow(registry, 6);
    const { store } = await viewOf();
    const full = { load: store.load, save: () => Promise.reject(new Error("disk full")) };
    const view = createLogView(full, "pin", async (from, to) =>
      registry.proof(from, to).map((hash) => fromBase64(hash)!),
    );
    await expect(view.observe(await headOf(registry), 5)).rejects.toThrow("disk full");
  });

  test("nothing is observed without a pin", async () => {
    const view = createLogView(memoryPins(), "pin", async () => []);
    expect(await view.size()).toBe(0);
    await expect(view.observe(await headOf(registry), 0)).rejects.toMatchObject({ code: "genesis_unpinned" });
  });
});

describe("memoryPins", () => {
  const pin = (size: number, genesis = "g"): Pin => ({ genesis, origin: "o", logKey: "k", size, root: `root ${size}` });

  test("keeps the highest size of one genesis", async () => {
    const store = memoryPins();
    expect(await store.load("a")).toBeUndefined();
    for (const size of [0, 3, 2, 3]) await store.save("a", pin(size));
    expect(await store.load("a")).toEqual(pin(3));
    expect(await store.load("b")).toBeUndefined();
  });

  test("a pin gives way to a larger one, an equal one, or one of another genesis", () => {
    expect(advances(undefined, pin(0))).toBe(true);
    expect(advances(pin(3), pin(3))).toBe(true);
    expect(advances(pin(3), pin(4))).toBe(true);
    expect(advances(pin(3), pin(2))).toBe(false);
    expect(advances(pin(3), pin(2, "other"))).toBe(true);
    // A restore leads to the next epoch, and nothing leads back.
    expect(advances(pin(3), { ...pin(2), epoch: 2 })).toBe(true);
    expect(advances({ ...pin(2), epoch: 2 }, pin(3))).toBe(false);
    expect(advances({ ...pin(3), epoch: 2 }, { ...pin(2), epoch: 2 })).toBe(false);
  });
});
