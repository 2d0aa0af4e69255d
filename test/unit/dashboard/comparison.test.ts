/** A comparison of two sizes: each side is held against the log, and an authority that lies about either is refused. */

import { beforeAll, describe, expect, test } from "vitest";
import { type EntityView, TesError, type Trust, verifyKeys, verifyReceipt } from "../../../src/client/index.ts";
import { fromBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { EMPTY_ROOT } from "../../../src/core/merkle.ts";
import { type Changed, Compared, groundOf, rowOf } from "../../../src/dashboard/model/comparison.ts";
import type { Proof, Proofs } from "../../../src/dashboard/model/proofs.ts";
import { makeRegistry, type TestRegistry } from "../client/registry.ts";

const wire = (value: unknown): JsonValue => parseJson(utf8(JSON.stringify(value)));
const common = { strategy: "independent", parent: null } as const;

let registry: TestRegistry;
let trust: Trust;
let head: number;
/** What a page has proved, as it comes to it. */
let proved: Map<number, Proof>;
const receiptAt = async (seq: number, size = head) => verifyReceipt(wire(await registry.receipt(seq, size)), trust);

beforeAll(async () => {
  registry = await makeRegistry("comparison");
  const declare = (entity: string) =>
    registry.add({ type: "entity.declared", entity, version: "1.0.0", ...common, files: [] });
  const bump = (entity: string, from: string, to: string) =>
    registry.add({ type: "version.bumped", entity, scope: "patch", changes: [{ entity, from, to }] });
  declare("a:one"); // 1
  declare("a:two"); // 2
  bump("a:one", "1.0.0", "1.0.1"); // 3
  bump("a:two", "1.0.0", "1.0.1"); // 4
  bump("a:one", "1.0.1", "1.0.2"); // 5
  registry.add({ type: "entity.retired", entity: "a:two" }); // 6
  declare("a:new"); // 7
  head = registry.statements.length;
  trust = await verifyKeys(wire(await registry.keys()), { registry: "default", genesis: registry.genesis });
  proved = new Map();
  for (let seq = 0; seq < head; seq++) {
    proved.set(seq, { standing: "proven", statement: (await receiptAt(seq)).statement });
  }
});

const view = (entity: string, version: string, seq: number, more: Partial<EntityView> = {}): EntityView => ({
  entity,
  version,
  ...common,
  files: [],
  seq,
  at: 0,
  ...more,
});
const proofs = { of: (seq: number): Proof => proved.get(seq) ?? { standing: "unchecked" } };
const row = (before: EntityView | null, after: EntityView | null, entity = "a:one", by?: number) =>
  rowOf(proofs, { from: 4, to: 8 }, { entity, before, after }, () => by);

describe("a line of a comparison", () => {
  test("both sides are given by statements of the log: proven", () => {
    const { standing, before, after } = row(view("a:one", "1.0.1", 3), view("a:one", "1.0.2", 5));
    expect([standing, before.by, after.by]).toEqual(["proven", 3, 5]);
  });

  test.each<[string, EntityView | null, EntityView | null]>([
    ["another version before", view("a:one", "1.0.0", 3), view("a:one", "1.0.2", 5)],
    ["another version after", view("a:one", "1.0.1", 3), view("a:one", "1.0.3", 5)],
    ["a statement of another entity before", view("a:one", "1.0.0", 2), view("a:one", "1.0.2", 5)],
    ["a side that came after the size", view("a:one", "1.0.2", 5), view("a:one", "1.0.2", 5)],
    ["a change from before the first size", view("a:one", "1.0.1", 3), view("a:one", "1.0.0", 1)],
    ["a statement beyond the second size", view("a:one", "1.0.1", 3), view("a:one", "1.0.2", 8)],
    ["another entity on one side", view("a:two", "1.0.0", 2), view("a:one", "1.0.2", 5)],
    ["an entity that is gone", view("a:one", "1.0.1", 3), null],
  ])("%s: refused", (_, before, after) => {
    expect(row(before, after).standing).toBe("refused");
  });

  test("one side that is not proved leaves the line unproved", () => {
    const missing = (seq: number, standing: Proof["standing"]) => ({
      of: (at: number): Proof => (at === seq ? { standing } : proofs.of(at)),
    });
    const change = { entity: "a:one", before: view("a:one", "1.0.1", 3), after: view("a:one", "1.0.2", 5) };
    const standings = ([3, 5] as const).flatMap((seq) =>
      (["checking", "outage", "refused"] as const).map(
        (standing) => rowOf(missing(seq, standing), { from: 4, to: 8 }, change, () => undefined).standing,
      ),
    );
    expect(standings).toEqual(["checking", "outage", "refused", "checking", "outage", "refused"]);
  });

  test("a retired entity keeps the version that an earlier statement gave it, and that one is what counts", () => {
    const before = view("a:two", "1.0.0", 2);
    const retired = (version: string, seq = 6) => view("a:two", version, seq, { retired: true });
    expect(row(before, retired("1.0.1"), "a:two", 4).standing).toBe("proven");
    expect(row(before, retired("1.0.1"), "a:two").standing).toBe("checking");
    expect(row(before, retired("1.0.9"), "a:two", 4).standing).toBe("refused");
    expect(row(before, retired("1.0.0", 5), "a:two", 2).standing).toBe("refused");
  });

  test("what was not there yet has no side, and no proof is claimed for it", () => {
    const { standing, before } = row(null, view("a:new", "1.0.0", 7), "a:new");
    expect([standing, before.view]).toEqual(["proven", undefined]);
  });
});

describe("the ground of a comparison", () => {
  const client = () => ({
    trust: async () => trust,
    checkpoint: async () => (await receiptAt(head - 1)).checkpoint,
    history: async () => {
      throw new TesError("internal");
    },
  });

  test("the root at any size is found below a signed head, as the log had it then", async () => {
    const receipt = async (seq: number) => receiptAt(seq);
    for (let size = 0; size <= head; size++) {
      const ground = await groundOf(client(), { receipt }, size, head);
      const noted = size === 0 ? toHex(EMPTY_ROOT) : toHex(fromBase64((await registry.note(size)).split("\n")[2]!)!);
      expect(ground).toEqual({ size, root: noted, head });
    }
  });

  test("a line is proven with its ground, and a lie is told to the registry once", async () => {
    const told: string[] = [];
    const all = { ...proofs, want: () => undefined, receipt: receiptAt } as unknown as Proofs;
    const parts = {
      client: client(),
      proofs: all,
      size: head,
      failed: (thrown: unknown, what: string) => told.push(`${what}: ${(thrown as TesError).detail}`),
      tell: () => undefined,
    };
    const change: Changed = { entity: "a:one", before: view("a:one", "1.0.0", 3), after: view("a:one", "1.0.2", 5) };
    const right: Changed = { ...change, before: view("a:one", "1.0.1", 3) };
    const compared = new Compared(parts, { registry: "default", from: 4, to: 8, changes: [right, change] });
    expect(compared.row(right).standing).toBe("checking");
    await compared.prove();
    expect(compared.row(right).standing).toBe("proven");
    expect(told).toEqual([]);
    for (let drawn = 0; drawn < 3; drawn++) expect(compared.row(change).standing).toBe("refused");
    expect(told).toEqual([
      "the comparison of 4 with 8, a:one: The answer shows a:one at 1.0.0, and statement 3 says 1.0.1.",
    ]);
  });

  test("a receipt that does not hold leaves every line refused", async () => {
    const receipt = async () => {
      throw new TesError("proof_invalid");
    };
    const parts = { client: client(), proofs: { ...proofs, want: () => undefined, receipt } as unknown as Proofs };
    const change: Changed = { entity: "a:one", before: view("a:one", "1.0.1", 3), after: view("a:one", "1.0.2", 5) };
    const compared = new Compared(
      { ...parts, size: head, failed: () => undefined, tell: () => undefined },
      { registry: "default", from: 4, to: 8, changes: [change] },
    );
    await compared.prove();
    expect(compared.row(change).standing).toBe("refused");
  });
});
