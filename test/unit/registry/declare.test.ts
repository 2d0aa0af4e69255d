import { expect, test } from "vitest";
import { MAX_ENTITIES } from "../../../src/core/limits.ts";
import type { Declaration } from "../../../src/protocol/requests.ts";
import { decide, declareCommands } from "../../../src/registry/decide.ts";
import { createMemoryRows } from "../../../src/registry/rows.ts";
import { refusal, thrownBy } from "../protocol/samples.ts";
import { createSmallLog, GENESIS_COMMAND, snapshot } from "./small-log.ts";

test("what a first declaration leaves out starts at its default", () => {
  const log = createSmallLog({ entity: "a:b" }, { entity: "a:c", parent: "a:b", strategy: "lockstep" });
  expect(log.rows.entity("a:b")).toMatchObject({ version: "0.1.0", strategy: "independent", parent: null, files: [] });
  expect(log.rows.entity("a:c")).toMatchObject({ version: "0.1.0", strategy: "lockstep", parent: "a:b" });
  log.bump({ entity: "a:b", scope: "major" });
  log.declare({ entity: "a:d", parent: "a:c", strategy: "lockstep" });
  expect(log.version("a:d")).toBe("1.0.0");
});

test("what a later declaration leaves out stays", () => {
  const files = [{ path: "package.json" }];
  const log = createSmallLog({ entity: "a:p" }, { entity: "a:b", parent: "a:p", strategy: "linked", files });
  log.bump({ entity: "a:b", scope: "major" });
  log.declare({ entity: "a:b", files: [] });
  expect(log.rows.entity("a:b")).toMatchObject({ version: "1.0.0", strategy: "linked", parent: "a:p", files: [] });
  log.declare({ entity: "a:b", parent: null });
  expect(log.rows.entity("a:b")).toMatchObject({ version: "1.0.0", strategy: "linked", parent: null });
  log.declare({ entity: "a:b", strategy: "independent", version: "1.0.0" });
  expect(log.rows.entity("a:b")).toMatchObject({ version: "1.0.0", strategy: "independent" });
});

test("a declaration that changes nothing writes nothing", () => {
  const whole: Declaration = {
    entity: "a:b",
    version: "1.0.0",
    strategy: "linked",
    parent: null,
    files: [{ path: "x", pattern: "(a)" }],
  };
  const log = createSmallLog(whole);
  for (const again of [whole, { entity: "a:b" }, { entity: "a:b", version: "1.0.0" }]) {
    expect(log.declare(again)).toBeNull();
  }
  expect(log.declare({ entity: "a:b", files: [{ path: "x" }] })).not.toBeNull();
  expect(log.declare({ entity: "a:b", files: [{ path: "x", pattern: "(a)" }] })).not.toBeNull();
});

test.each<[string, Declaration, string]>([
  ["another version", { entity: "a:b", version: "1.0.1" }, "invalid_field /version"],
  ["a parent that is not there", { entity: "a:b", parent: "a:none" }, "parent_unknown /parent"],
  ["itself as parent", { entity: "a:b", parent: "a:b" }, "cascade_cycle /parent"],
  ["itself as parent, when new", { entity: "a:new", parent: "a:new" }, "cascade_cycle /parent"],
  ["its child as parent", { entity: "a:b", parent: "a:c" }, "cascade_cycle /parent"],
  ["its grandchild as parent", { entity: "a:b", parent: "a:d" }, "cascade_cycle /parent"],
  ["its sibling as parent", { entity: "a:d", parent: "a:e" }, "accepted"],
  ["its grandparent as parent", { entity: "a:d", parent: "a:b" }, "accepted"],
  ["lockstep without a parent", { entity: "a:b", strategy: "lockstep" }, "invalid_field /strategy"],
  ["lockstep at another version", { entity: "a:e", strategy: "lockstep" }, "invalid_field /strategy"],
  ["lockstep at the same version", { entity: "a:c", strategy: "lockstep" }, "accepted"],
  [
    "a new lockstep one at another version",
    { entity: "a:new", version: "1.0.1", parent: "a:b", strategy: "lockstep" },
    "invalid_field /version",
  ],
  [
    "a new lockstep one whose build differs",
    { entity: "a:new", version: "1.0.0+x", parent: "a:b", strategy: "lockstep" },
    "invalid_field /version",
  ],
  [
    "a new lockstep one at the same version",
    { entity: "a:new", version: "1.0.0", parent: "a:b", strategy: "lockstep" },
    "accepted",
  ],
  ["a lockstep one that loses its parent", { entity: "a:step", parent: null }, "invalid_field /strategy"],
  ["a lockstep one that becomes independent", { entity: "a:step", parent: null, strategy: "independent" }, "accepted"],
  ["a lockstep one under another version", { entity: "a:step", parent: "a:e" }, "invalid_field /strategy"],
])("declaring %s", (_, declaration, expected) => {
  const log = createSmallLog(
    { entity: "a:b", version: "1.0.0" },
    { entity: "a:c", version: "1.0.0", parent: "a:b" },
    { entity: "a:d", version: "1.0.0", parent: "a:c" },
    { entity: "a:e", version: "2.0.0", parent: "a:c" },
    { entity: "a:step", parent: "a:b", strategy: "lockstep" },
  );
  const before = snapshot(log.rows);
  expect(refusal(() => log.declare(declaration))).toBe(expected);
  if (expected !== "accepted") expect(snapshot(log.rows)).toEqual(before);
});

test("the way out of a refused lockstep is in the detail", () => {
  const log = createSmallLog({ entity: "a:b", version: "1.2.3" });
  const error = thrownBy(() => log.declare({ entity: "a:c", version: "1.0.0", parent: "a:b", strategy: "lockstep" }));
  expect(error?.detail).toContain("1.2.3: leave version out");
});

test("errors name the field in the request", () => {
  const log = createSmallLog();
  const [, command] = declareCommands({ entities: [{ entity: "a:b" }, { entity: "a:c", parent: "a:none" }] });
  expect(refusal(() => log.run(command!))).toBe("parent_unknown /entities/1/parent");
});

test("a request's entities come parents first, otherwise in their order", () => {
  const order = (...entities: Declaration[]): string[] => declareCommands({ entities }).map(({ entity }) => entity);
  expect(order({ entity: "a:z" }, { entity: "a:y" })).toEqual(["a:z", "a:y"]);
  expect(
    order({ entity: "a:3", parent: "a:2" }, { entity: "a:x" }, { entity: "a:2", parent: "a:1" }, { entity: "a:1" }),
  ).toEqual(["a:1", "a:2", "a:3", "a:x"]);
  expect(order({ entity: "a:b", parent: "a:elsewhere" }, { entity: "a:c" })).toEqual(["a:b", "a:c"]);
});

test.each<[string, Declaration[], string]>([
  ["one", [{ entity: "a:1", parent: "a:1" }], "/entities/0/parent"],
  [
    "two",
    [
      { entity: "a:1", parent: "a:2" },
      { entity: "a:2", parent: "a:1" },
    ],
    "/entities/0/parent",
  ],
  [
    "three, below one that is sound",
    [
      { entity: "a:0", parent: "a:elsewhere" },
      { entity: "a:1", parent: "a:2" },
      { entity: "a:2", parent: "a:3" },
      { entity: "a:3", parent: "a:1" },
    ],
    "/entities/1/parent",
  ],
])("a cycle of %s inside one request is refused as one", (_name, entities, field) => {
  expect(refusal(() => declareCommands({ entities }))).toBe(`cascade_cycle ${field}`);
});

test("a registry holds entities up to its limit and not one more; those it has can still change", () => {
  const log = createSmallLog();
  for (let i = 0; i < MAX_ENTITIES; i++) log.declare({ entity: `a:n${i}` });
  expect(log.rows.entityCount()).toBe(MAX_ENTITIES);
  expect(refusal(() => log.declare({ entity: "a:more" }))).toBe("entity_limit");
  expect(log.declare({ entity: "a:n7", files: [{ path: "x" }] })).not.toBeNull();
});

test("genesis comes first and once", () => {
  const empty = createMemoryRows();
  expect(refusal(() => decide(empty, { kind: "declare", entity: "a:b" }))).toBe("registry_unknown");
  expect(refusal(() => decide(empty, { kind: "bump", request: { entity: "*", scope: "patch" } }))).toBe(
    "registry_unknown",
  );
  const log = createSmallLog();
  expect(refusal(() => log.run(GENESIS_COMMAND))).toBe("genesis_exists");
});
