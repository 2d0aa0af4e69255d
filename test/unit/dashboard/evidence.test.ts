/** A receipt taken apart: each step is checked anew, and a step that fails is the one that is shown. */

import { beforeAll, describe, expect, test } from "vitest";
import { explainReceipt, type Trust, verifyKeys } from "../../../src/client/index.ts";
import { toHex, utf8 } from "../../../src/core/bytes.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { compare, foldInto } from "../../../src/dashboard/model/audit.ts";
import type { Receipt } from "../../../src/protocol/answers.ts";
import type { Statement } from "../../../src/protocol/statements.ts";
import { makeRegistry, type TestRegistry } from "../client/registry.ts";

const wire = <T>(value: T): T => parseJson(utf8(JSON.stringify(value))) as T;

let registry: TestRegistry;
let trust: Trust;
beforeAll(async () => {
  registry = await makeRegistry("evidence");
  for (let n = 0; n < 6; n++) {
    registry.add({
      type: "entity.declared",
      entity: `a:n${n}`,
      version: "1.2.3",
      strategy: "independent",
      parent: null,
      files: [],
    });
  }
  trust = await verifyKeys(wire((await registry.keys()) as unknown as JsonValue), {
    registry: "default",
    genesis: registry.genesis,
  });
});

describe("explainReceipt", () => {
  test("the way leads to the root of the checkpoint, in every tree", async () => {
    for (let size = 1; size <= 7; size++) {
      for (let seq = 0; seq < size; seq++) {
        const found = await explainReceipt(wire(await registry.receipt(seq, size)) as Receipt, trust);
        expect(found.refused).toEqual({});
        expect(found.root).toBe(toHex(found.checkpoint!.root));
        expect(found.path.at(-1)?.node ?? found.leaf).toBe(found.root);
        expect(found.logKey.kid).toBe(trust.logKey.kid);
      }
    }
  });

  test("another statement breaks the inclusion, another note the checkpoint, each by name", async () => {
    const receipt = (await registry.receipt(3)) as Receipt;
    const other = wire({ ...receipt, statement: { ...receipt.statement, version: "9.9.9" } }) as Receipt;
    expect(Object.keys((await explainReceipt(other, trust)).refused)).toEqual(["inclusion"]);
    const forged = wire({ ...receipt, checkpoint: receipt.checkpoint.replace("\n7\n", "\n8\n") }) as Receipt;
    expect(Object.keys((await explainReceipt(forged, trust)).refused)).toEqual(["checkpoint", "inclusion"]);
    const moved = wire({ ...receipt, statement: { ...receipt.statement, seq: 4 } }) as Receipt;
    expect(Object.keys((await explainReceipt(moved, trust)).refused)).toEqual(["statement", "inclusion"]);
  });
});

describe("reading the whole log", () => {
  test("an answer that says something else than the log differs, both ways", () => {
    const fold = { versions: new Map<string, string>(), unknown: 0, restored: false };
    for (const statement of registry.statements as readonly Statement[]) foldInto(fold, { statement });
    foldInto(fold, { statement: undefined });
    const answer = [0, 1, 2, 3, 4].map((n) => ({
      entity: `a:n${n}`,
      version: n === 2 ? "1.2.4" : "1.2.3",
      strategy: "independent" as const,
      parent: null,
      files: [],
      seq: 1,
      at: 0,
    }));
    expect(compare(fold, answer)).toEqual([
      { entity: "a:n2", log: "1.2.3", answer: "1.2.4" },
      { entity: "a:n5", log: "1.2.3", answer: undefined },
    ]);
    expect(fold.unknown).toBe(1);
  });
});
