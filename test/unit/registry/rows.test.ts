import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryRows, type EntityRow } from "../../../src/registry/rows.ts";
import { createSmallLog, snapshot } from "./small-log.ts";

const row = (entity: string, parent: string | null): EntityRow => ({
  entity,
  parent,
  version: "0.1.0",
  strategy: "independent",
  files: [],
  declared: 1,
  seq: 1,
  at: 1,
});

test("children and count are what a search over all rows finds, after any patches", () => {
  const id = fc.constantFrom("a:1", "a:10", "a:2", "a-b:1", "b:1", "Z:1");
  const patch = fc.record({ key: id, parent: fc.option(id, { freq: 3 }), gone: fc.boolean() });
  fc.assert(
    fc.property(fc.array(patch, { maxLength: 40 }), (patches) => {
      const rows = createMemoryRows();
      const model = new Map<string, EntityRow>();
      for (const { key, parent, gone } of patches) {
        const value = gone ? null : row(key, parent);
        rows.apply({ table: "entity", key, value });
        if (value === null) model.delete(key);
        else model.set(key, value);
        expect(rows.entityCount()).toBe(model.size);
        for (const above of [null, "a:1", "a:10", "a:2", "a-b:1", "b:1", "Z:1"]) {
          const expected = [...model.values()].filter((child) => child.parent === above);
          // JavaScript's default order of texts is by code unit.
          const byId = new Map(expected.map((child) => [child.entity, child]));
          expect(rows.children(above)).toEqual([...byId.keys()].sort().map((key) => byId.get(key)));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("rows that a store kept come back as they were, in any order", () => {
  const log = createSmallLog({ entity: "a:b" }, { entity: "a:c", parent: "a:b" }, { entity: "a:a", parent: "a:b" });
  const registry = log.rows.registry()!;
  const kept = [...log.rows.entities()].map((value) => ({ table: "entity", key: value.entity, value }) as const);
  const again = createMemoryRows([...kept.reverse(), { table: "registry", key: registry.registry, value: registry }]);
  expect(snapshot(again)).toEqual(snapshot(log.rows));
});
