/** The chain of keys: each link believed by what came before it, a restore by the recovery key alone. */

import { beforeEach, describe, expect, test } from "vitest";
import { memoryPins, type Restored, type Trust, verifyKeys, verifyReceipt } from "../../../src/client/index.ts";
import { fromBase64, toBase64, toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { parseCheckpointBody, signCheckpoint } from "../../../src/core/checkpoint.ts";
import type { ErrorCode } from "../../../src/core/errors.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { deriveEd25519, importEd25519Seed } from "../../../src/core/keys.ts";
import { parseNote } from "../../../src/core/notes.ts";
import type { Receipt } from "../../../src/protocol/answers.ts";
import { type Genesis, type RegistryRestored, restoreBytes } from "../../../src/protocol/statements.ts";
import { rejectionOf } from "../core/refusal.ts";
import { makeRegistry, ORIGIN, seedOf, type TestRegistry } from "./registry.ts";
import { clientOf, URL_OF_TEST } from "./setup.ts";

const PIN_KEY = `${URL_OF_TEST}/default`;
const LABEL = "chain";

/** The registry, and the one whose keys follow. */
let registry: TestRegistry;
let next: TestRegistry;

const nextKeys = () => (next.statements[0] as Genesis).keys;
const fill = (log: TestRegistry, size: number, say = "e") => {
  while (log.statements.length < size) {
    const entity = `a:${say}${log.statements.length}`;
    log.add({ type: "entity.declared", entity, version: "0.1.0", strategy: "independent", parent: null, files: [] });
  }
};

beforeEach(async () => {
  registry = await makeRegistry(LABEL);
  next = await makeRegistry("the next key");
  fill(registry, 3);
});

const wire = (value: unknown): JsonValue => parseJson(utf8(JSON.stringify(value)));
const answerWith = async (announcements: readonly unknown[], log = registry) => ({
  ...(await log.keys()),
  announcements,
});
const trustIn = async (...announcements: readonly unknown[]): Promise<Trust> =>
  verifyKeys(wire(await answerWith(announcements)), { registry: "default", genesis: registry.genesis });
const rootAt = async (log: TestRegistry, size: number) =>
  parseCheckpointBody(parseNote(await log.note(size)).text).root;

/** The head of a log as another key signs it, under another origin. */
async function noteBy(label: string, log: TestRegistry, size: number, origin = ORIGIN): Promise<string> {
  const key = await deriveEd25519(seedOf(label), "log-ed25519", "default");
  return signCheckpoint({ origin, size, root: await rootAt(log, size) }, key);
}

async function move(change: object = {}): Promise<Receipt> {
  const to = { url: "https://elsewhere.test", keys: nextKeys() };
  const { seq } = registry.add({ type: "registry.moved", to, ...change } as never);
  return registry.receipt(seq);
}

describe("a move", () => {
  test("hands over to the keys that it names, and the ones before speak of what was", async () => {
    const trust = await trustIn(await move());
    expect(trust).toMatchObject({
      origin: ORIGIN,
      announced: 1,
      epoch: 1,
      moved: { url: "https://elsewhere.test", seq: 3 },
      logKey: { kid: nextKeys()["log-ed25519"].kid },
      responseKeys: [{ kid: nextKeys()["response-ed25519"].kid }],
      earlier: [{ origin: ORIGIN, until: 4 }],
    });
    // Under the old key up to the move; beyond it under the new one only.
    expect((await verifyReceipt(wire(await registry.receipt(2)), trust)).checkpoint.size).toBe(4);
    fill(registry, 6);
    const beyond = await registry.receipt(4);
    expect(await rejectionOf(verifyReceipt(wire(beyond), trust))).toBe("note_invalid");
    const carried = { ...beyond, checkpoint: await noteBy("the next key", registry, 6) };
    expect((await verifyReceipt(wire(carried), trust)).statement.seq).toBe(4);
  });

  test("and another move, each proved by the key before it", async () => {
    const third = await makeRegistry("the third key");
    const first = await move();
    const { seq } = registry.add({
      type: "registry.moved",
      to: { url: "https://third.test", keys: (third.statements[0] as Genesis).keys },
    });
    const second = { ...(await registry.receipt(seq)), checkpoint: await noteBy("the next key", registry, 5) };
    const trust = await trustIn(first, second);
    expect(trust.announced).toBe(2);
    expect(trust.earlier.map(({ until }) => until)).toEqual([4, 5]);
    expect(trust.moved).toEqual({ url: "https://third.test", seq: 4 });
    const byFirst = await registry.receipt(seq);
    await expect(trustIn(first, byFirst)).rejects.toMatchObject({ code: "note_invalid" });
    await expect(trustIn(second, first)).rejects.toMatchObject({ code: "note_invalid" });
  });

  test.each<[string, () => Promise<unknown>, ErrorCode]>([
    [
      "that the key it names signed, not the one it retires",
      async () => ({ ...(await move()), checkpoint: await noteBy("the next key", registry, 4) }),
      "note_invalid",
    ],
    [
      "that a stranger's log holds",
      async () => {
        const stranger = await makeRegistry("stranger");
        const { seq } = stranger.add({ type: "registry.moved", to: { url: "https://evil.test", keys: nextKeys() } });
        return stranger.receipt(seq);
      },
      "note_invalid",
    ],
    [
      "proved by a later head",
      async () => {
        const { statement } = await move();
        fill(registry, 6);
        return registry.receipt(Number(statement.seq));
      },
      "proof_invalid",
    ],
    [
      "to another place than was signed",
      async () => {
        const receipt = await move();
        return { ...receipt, statement: { ...receipt.statement, to: { url: "https://evil.test", keys: nextKeys() } } };
      },
      "proof_invalid",
    ],
    [
      "to a key that is not the one its id names",
      () =>
        move({
          to: {
            url: "https://a.test",
            keys: {
              ...nextKeys(),
              "log-ed25519": { ...nextKeys()["log-ed25519"], kid: nextKeys()["response-ed25519"].kid },
            },
          },
        }),
      "key_unknown",
    ],
    ["that is no announcement", () => registry.receipt(1), "answer_malformed"],
    ["that is no receipt", async () => ({}), "answer_malformed"],
  ])("%s is refused", async (_, announcement, code) => {
    expect(await rejectionOf(announcement().then((receipt) => trustIn(receipt)))).toBe(code);
  });

  test("said twice is refused: the second would have to be the new key's", async () => {
    const receipt = await move();
    expect(await rejectionOf(trustIn(receipt, receipt))).toBe("note_invalid");
  });

  test("is followed by a client in the middle of its work, and never taken back", async () => {
    const made = clientOf(registry);
    await made.client.checkpoint();
    const announcement = await move();
    const keys = await answerWith([announcement]);
    const note = await noteBy("the next key", registry, 4);
    made.on("/v1/default/keys", (request) =>
      registry.answer(request, { body: { ...keys, checkpoint: note }, signers: next.signers }),
    );
    made.on("/v1/default/log/checkpoint", (request) =>
      registry.answer(request, { type: "text/plain; charset=utf-8", body: note, signers: next.signers }),
    );
    made.on("/v1/default/log/consistency", (request) =>
      registry.answer(request, {
        body: { from: 3, size: 4, proof: registry.proof(3, 4), checkpoint: note },
        signers: next.signers,
      }),
    );
    expect((await made.client.checkpoint()).size).toBe(4);
    expect(await made.store.load(PIN_KEY)).toMatchObject({ size: 4, announced: 1 });
    // Who shows the chain without the move, shows less than was seen.
    const back = clientOf(registry, { store: made.store });
    await expect(back.client.trust()).rejects.toMatchObject({ code: "checkpoint_stale" });
  });

  test("leaves the old key no word on what came after", async () => {
    const announcement = await move();
    const keys = await answerWith([announcement]);
    const made = clientOf(registry);
    const state = {
      registry: "default",
      origin: ORIGIN,
      visibility: "public",
      size: 4,
      genesis: registry.genesis,
      entities: [],
    };
    made.on("/v1/default/keys", (request) => registry.answer(request, { body: keys }));
    made.on("/v1/default", (request) => registry.answer(request, { body: state, size: 4 }));
    expect((await made.client.state()).size).toBe(4);
    made.on("/v1/default", (request) => registry.answer(request, { body: state, size: 5 }));
    await expect(made.client.state()).rejects.toMatchObject({ code: "key_unknown" });
  });
});

const EPOCH_ORIGIN = `${ORIGIN}/epoch-2`;

/** What a restore says; `signs` is the label of the recovery key, and `claims` what is changed after signing. */
interface Restoring {
  readonly body?: Partial<RegistryRestored>;
  readonly scope?: Partial<Parameters<typeof restoreBytes>[0]>;
  readonly signs?: string;
  readonly claims?: Partial<RegistryRestored>;
  readonly head?: string;
}

/** A backup of the first three statements, opened again after the log had grown to `lost` in another one. */
async function restore(lost: { size: number; root: string }, restoring: Restoring = {}) {
  const { body = {}, scope = {}, signs = `${LABEL} recovery`, claims = {}, head = "the next key" } = restoring;
  const backup = await makeRegistry(LABEL);
  fill(backup, 3);
  const says = { epoch: 2, origin: EPOCH_ORIGIN, lost, floor: [], keys: nextKeys(), ...body };
  const place = {
    registry: "default",
    genesis: backup.genesis,
    size: 3,
    root: toBase64(await rootAt(backup, 3)),
    ...scope,
  };
  const recovery = await importEd25519Seed(seedOf(signs));
  const signature = await crypto.subtle.sign("Ed25519", recovery.privateKey, restoreBytes(place, says));
  const kid = (backup.statements[0] as Genesis).recovery.kid;
  const { seq } = backup.add({
    type: "registry.restored",
    ...says,
    recovery: { kid, signature: toBase64Url(new Uint8Array(signature)) },
    ...claims,
  } as never);
  const receipt = { ...(await backup.receipt(seq)), checkpoint: await noteBy(head, backup, seq + 1, EPOCH_ORIGIN) };
  return { backup, receipt };
}

describe("a restore", () => {
  const lostHead = async () => ({ size: 3, root: toBase64(await rootAt(registry, 3)) });

  test("opens the next epoch under the keys that it names", async () => {
    const { receipt } = await restore(await lostHead());
    const trust = await trustIn(receipt);
    expect(trust).toMatchObject({
      origin: EPOCH_ORIGIN,
      epoch: 2,
      announced: 1,
      logKey: { kid: nextKeys()["log-ed25519"].kid },
      restores: [{ epoch: 2, seq: 3, head: { size: 4 } }],
      earlier: [{ origin: ORIGIN, until: 3 }],
    });
    expect(trust.moved).toBeUndefined();
  });

  test.each<[string, Restoring, ErrorCode]>([
    ["that another key than the recovery key signed", { signs: "somebody" }, "signature_invalid"],
    ["that the log's own key signed", { signs: LABEL }, "signature_invalid"],
    ["signed for another registry", { scope: { registry: "other" } }, "signature_invalid"],
    ["signed for another genesis", { scope: { genesis: "0".repeat(64) } }, "signature_invalid"],
    ["signed for another size", { scope: { size: 4 } }, "signature_invalid"],
    ["signed for another tree", { scope: { root: toBase64(sha256(utf8("x"))) } }, "signature_invalid"],
    [
      "with another floor than was signed",
      { claims: { floor: [{ entity: "a:b", version: "9.0.0" }] } },
      "signature_invalid",
    ],
    [
      "with another lost head than was signed",
      { claims: { lost: { size: 99, root: toBase64(sha256(utf8("x"))) } } },
      "signature_invalid",
    ],
    ["of an epoch too far", { body: { epoch: 3, origin: `${ORIGIN}/epoch-3` } }, "epoch_invalid"],
    ["under an origin of its own", { body: { origin: "evil.test/epoch-2" } }, "epoch_invalid"],
    ["under the old origin", { body: { origin: ORIGIN } }, "epoch_invalid"],
    ["whose head the old key signed", { head: LABEL }, "note_invalid"],
  ])("%s is refused", async (_, restoring, code) => {
    const { receipt } = await restore(await lostHead(), restoring);
    expect(await rejectionOf(trustIn(receipt))).toBe(code);
  });

  describe("a client that saw more", () => {
    /** Saw the log at size 6; then the authority comes back restored at 3, knowing of `lost`. */
    async function meet(lost: (seen: { size: number; root: string }) => { size: number; root: string }) {
      fill(registry, 6, "lost");
      const store = memoryPins();
      await clientOf(registry, { store }).client.checkpoint();
      const { backup, receipt } = await restore(lost({ size: 6, root: toBase64(await rootAt(registry, 6)) }));
      const told: Restored[] = [];
      const made = clientOf(backup, { store, onRestored: (restored) => void told.push(restored) });
      const keys = await answerWith([receipt], backup);
      const note = receipt.checkpoint;
      const answer = (body: unknown, type?: string) => (request: Request) =>
        backup.answer(request, { body, signers: next.signers, ...(type === undefined ? {} : { type }) });
      made.on("/v1/default/keys", answer({ ...keys, checkpoint: note }));
      made.on("/v1/default/log/checkpoint", answer(note, "text/plain; charset=utf-8"));
      return { made, store, told, backup };
    }

    test("follows a restore that knew of all of it, says so once, and holds to it", async () => {
      const { made, store, told } = await meet((seen) => seen);
      expect((await made.client.checkpoint()).size).toBe(4);
      expect(told.map(({ epoch, seq }) => [epoch, seq])).toEqual([[2, 3]]);
      expect(await store.load(PIN_KEY)).toMatchObject({ size: 4, epoch: 2, announced: 1, origin: EPOCH_ORIGIN });
      expect((await made.client.checkpoint()).size).toBe(4);
      expect(told).toHaveLength(1);
      // The log that was lost is no longer believed.
      const old = clientOf(registry, { store });
      await expect(old.client.trust()).rejects.toMatchObject({ code: "checkpoint_stale" });
    });

    test.each<[string, (seen: { size: number; root: string }) => { size: number; root: string }]>([
      ["knew of less", ({ size, root }) => ({ size: size - 1, root })],
      ["knew of another log of that size", ({ size }) => ({ size, root: toBase64(sha256(utf8("another"))) })],
    ])("refuses one that %s", async (_, lost) => {
      const { made, store, told } = await meet(lost);
      await expect(made.client.checkpoint()).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
      expect(told).toEqual([]);
      const pin = await store.load(PIN_KEY);
      expect(pin).toMatchObject({ size: 6 });
      expect(fromBase64(pin!.root)).toEqual(await rootAt(registry, 6));
    });
  });
});
