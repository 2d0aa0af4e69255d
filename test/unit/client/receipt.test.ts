/** What proves itself: receipts and the chain of keys, checked without an authority. */

import { beforeAll, describe, expect, test } from "vitest";
import { type Trust, verifyKeys, verifyReceipt } from "../../../src/client/index.ts";
import { toBase64, utf8 } from "../../../src/core/bytes.ts";
import { canonicalBytes } from "../../../src/core/canonical-json.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../../src/core/json.ts";
import type { Receipt } from "../../../src/protocol/answers.ts";
import { rejectionOf } from "../core/refusal.ts";
import { makeRegistry, type TestRegistry } from "./registry.ts";

let registry: TestRegistry;
let trust: Trust;
let receipt: Receipt;

const BODY = {
  type: "entity.declared",
  entity: "global:main",
  version: "1.2.3",
  strategy: "independent",
  parent: null,
  files: [],
} as const;

/** As it arrives: JSON text. */
const wire = (value: unknown): JsonValue => parseJson(utf8(JSON.stringify(value)));
const trustIn = async (of: TestRegistry, name = "default") =>
  verifyKeys(wire(await of.keys()), { registry: name, genesis: of.genesis });

beforeAll(async () => {
  registry = await makeRegistry("receipt");
  for (let i = 0; i < 6; i++) registry.add({ ...BODY, entity: `a:n${i}`, files: [] });
  trust = await trustIn(registry);
  receipt = await registry.receipt(3);
});

describe("verifyReceipt", () => {
  test("gives the statement, the head it was proved under, and the receipt to keep", async () => {
    const verified = await verifyReceipt(wire(receipt), trust);
    expect(verified.statement).toEqual(registry.statements[3]);
    expect(verified.checkpoint).toMatchObject({ origin: "tes.test/default", size: 7 });
    expect(verified.receipt).toEqual(receipt);
    // What was kept proves the same again.
    expect((await verifyReceipt(wire(verified.receipt), trust)).statement).toEqual(verified.statement);
  });

  test("holds for every statement in every tree that has it", async () => {
    for (let size = 1; size <= 7; size++) {
      for (let seq = 0; seq < size; seq++) {
        const { statement } = await verifyReceipt(wire(await registry.receipt(seq, size)), trust);
        expect(statement.seq).toBe(seq);
      }
    }
  });

  test("reads the statement by its bytes: the order of its members means nothing", async () => {
    const turned = Object.fromEntries(Object.entries(receipt.statement).reverse());
    expect((await verifyReceipt(wire({ ...receipt, statement: turned }), trust)).statement.seq).toBe(3);
  });

  const statementWith = (change: object) => ({ ...receipt, statement: { ...receipt.statement, ...change } });
  const inclusionWith = (change: object) => ({ ...receipt, inclusion: { ...receipt.inclusion, ...change } });
  test.each<[string, () => unknown, string]>([
    ["another version", () => statementWith({ version: "1.2.4" }), "proof_invalid"],
    ["a member more", () => statementWith({ note: "x" }), "proof_invalid"],
    ["another index", () => inclusionWith({ index: 2 }), "proof_invalid"],
    ["an index outside the tree", () => inclusionWith({ index: 7 }), "proof_invalid"],
    ["another size", () => inclusionWith({ size: 8 }), "proof_invalid"],
    ["a shorter proof", () => inclusionWith({ proof: receipt.inclusion.proof.slice(1) }), "proof_invalid"],
    [
      "a longer proof",
      () => inclusionWith({ proof: [...receipt.inclusion.proof, toBase64(sha256(utf8("x")))] }),
      "proof_invalid",
    ],
    ["its proof turned round", () => inclusionWith({ proof: receipt.inclusion.proof.toReversed() }), "proof_invalid"],
    ["a proof of texts", () => inclusionWith({ proof: ["x"] }), "answer_malformed"],
    ["a checkpoint of another size", async () => ({ ...receipt, checkpoint: await registry.note(6) }), "proof_invalid"],
    [
      "a checkpoint with another root",
      () => ({
        ...receipt,
        checkpoint: receipt.checkpoint.replace(/\n7\n[^\n]*/, `\n7\n${toBase64(sha256(utf8("x")))}`),
      }),
      "note_invalid",
    ],
    ["a checkpoint that is no note", () => ({ ...receipt, checkpoint: "tes.test/default\n7\n" }), "note_invalid"],
    ["no checkpoint", () => ({ statement: receipt.statement, inclusion: receipt.inclusion }), "answer_malformed"],
    ["a statement that is text", () => ({ ...receipt, statement: "x" }), "answer_malformed"],
  ])("refuses one with %s", async (_, change, code) => {
    expect(await rejectionOf(verifyReceipt(wire(await change()), trust))).toBe(code);
  });

  test("refuses a stranger's, though it proves itself to those who trust the stranger", async () => {
    const stranger = await makeRegistry("stranger");
    const theirs = wire(await stranger.receipt(0));
    expect(await rejectionOf(verifyReceipt(theirs, trust))).toBe("note_invalid");
    expect(await rejectionOf(verifyReceipt(theirs, await trustIn(stranger)))).toBe("accepted");
  });

  test("refuses a statement of another registry or for another place, even under this log's key", async () => {
    const log = await makeRegistry("receipt");
    log.add({ ...BODY, files: [] }, { registry: "other" });
    log.add({ ...BODY, files: [] }, { seq: 7 });
    const known = await trustIn(log);
    expect(await rejectionOf(verifyReceipt(wire(await log.receipt(1)), known))).toBe("proof_invalid");
    expect(await rejectionOf(verifyReceipt(wire(await log.receipt(2)), known))).toBe("proof_invalid");
  });

  test("says of a proved statement of a later release that it is unknown, not that it is false", async () => {
    const log = await makeRegistry("receipt");
    log.add({ type: "channel.moved", anything: { at: "all" } } as never);
    expect(await rejectionOf(verifyReceipt(wire(await log.receipt(1)), await trustIn(log)))).toBe("statement_unknown");
  });
});

describe("verifyKeys", () => {
  const keysWith = async (change: (genesis: JsonObject) => object) => {
    const answer = (await registry.keys()) as unknown as { genesis: JsonObject };
    return wire({ ...answer, genesis: { ...answer.genesis, ...change(answer.genesis) } });
  };

  test("believes what the pinned genesis says, and nothing that stands beside it", async () => {
    const answer = { ...(await registry.keys()), keys: [{ kid: "x", use: "y", alg: "z", status: "active" }] };
    const believed = await verifyKeys(wire(answer), { registry: "default", genesis: registry.genesis });
    expect(believed).toMatchObject({
      registry: "default",
      genesis: registry.genesis,
      origin: "tes.test/default",
      visibility: "public",
      recovery: registry.recovery,
    });
    expect(believed.responseKeys.map(({ kid }) => kid)).toEqual([registry.signers[1]!.keyid]);
  });

  test("without a pin gives the hash to compare", async () => {
    expect((await verifyKeys(wire(await registry.keys()), { registry: "default" })).genesis).toBe(registry.genesis);
  });

  test.each<[string, (genesis: JsonObject) => object]>([
    ["another origin", () => ({ origin: "evil.test/default" })],
    [
      "another key",
      ({ keys }) => ({ keys: { ...(keys as object), "log-ed25519": (keys as JsonObject)["response-ed25519"] } }),
    ],
    ["another recovery key", ({ keys }) => ({ recovery: (keys as JsonObject)["log-ed25519"] })],
    ["another visibility", () => ({ visibility: "private" })],
    ["a later time", ({ at }) => ({ at: Number(at) + 1 })],
  ])("a genesis with %s is not the pinned one", async (_, change) => {
    const answer = await keysWith(change);
    expect(await rejectionOf(verifyKeys(answer, { registry: "default", genesis: registry.genesis }))).toBe(
      "genesis_mismatch",
    );
  });

  test("a foreign registry's keys are refused, by pin and by name", async () => {
    const other = await makeRegistry("receipt", "other");
    const theirs = wire(await other.keys());
    expect(await rejectionOf(verifyKeys(theirs, { registry: "default", genesis: registry.genesis }))).toBe(
      "genesis_mismatch",
    );
    expect(await rejectionOf(verifyKeys(theirs, { registry: "default", genesis: other.genesis }))).toBe(
      "genesis_mismatch",
    );
    expect(await rejectionOf(verifyKeys(theirs, { registry: "other", genesis: other.genesis }))).toBe("accepted");
  });

  test.each(["log-ed25519", "response-ed25519", "recovery"])(
    "a key id of %s that is not its key's is refused",
    async (use) => {
      const answer = await keysWith(({ keys, recovery }) => {
        const kid = toBase64(sha256(utf8("x")))
          .replaceAll("+", "-")
          .replaceAll("/", "_")
          .replace("=", "");
        if (use === "recovery") return { recovery: { ...(recovery as object), kid } };
        return { keys: { ...(keys as object), [use]: { ...((keys as JsonObject)[use] as object), kid } } };
      });
      expect(await rejectionOf(verifyKeys(answer, { registry: "default" }))).toBe("key_unknown");
    },
  );

  test.each<[string, () => Promise<JsonValue>]>([
    ["no genesis", async () => wire({ ...(await registry.keys()), genesis: undefined })],
    ["a genesis that is text", async () => wire({ ...(await registry.keys()), genesis: "x" })],
    [
      "another statement for a genesis",
      async () => wire({ ...(await registry.keys()), genesis: registry.statements[1] }),
    ],
    ["a genesis that is not statement 0", () => keysWith(() => ({ seq: 1 }))],
    ["a genesis of a later format", () => keysWith(() => ({ v: 2 }))],
    ["a genesis with a member more", () => keysWith(() => ({ more: 1 }))],
    ["a genesis without keys", () => keysWith(() => ({ keys: {} }))],
    ["a list", async () => []],
  ])("refuses %s as malformed", async (_, answer) => {
    expect(await rejectionOf(verifyKeys(await answer(), { registry: "default" }))).toBe("answer_malformed");
  });

  test("hashes the genesis as it came: the pin is of its bytes", async () => {
    const { genesis } = (await registry.keys()) as { genesis: JsonValue };
    const leaf = sha256(new Uint8Array([0, ...canonicalBytes(genesis)]));
    expect(toBase64(leaf)).toBe(Buffer.from(registry.genesis, "hex").toString("base64"));
  });
});
