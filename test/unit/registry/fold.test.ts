import { expect, test } from "vitest";
import { concat, toHex } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { MAX_ENTITIES } from "../../../src/core/limits.ts";
import { type Statement, statementBytes, type VersionBumped } from "../../../src/protocol/statements.ts";
import { fold } from "../../../src/registry/fold.ts";
import { createMemoryRows } from "../../../src/registry/rows.ts";
import { BUMPED, DECLARED, GENESIS, refusal, thrownBy } from "../protocol/samples.ts";
import { createSmallLog, snapshot } from "./small-log.ts";

test("the genesis row carries the hash that clients pin", () => {
  const [patch] = fold(createMemoryRows(), GENESIS);
  const hash = toHex(sha256(concat(new Uint8Array([0]), statementBytes(GENESIS))));
  expect(patch).toMatchObject({ table: "registry", key: "default", value: { genesis: hash, at: GENESIS.at } });
});

test("rows take seq and at of the statement that touched them last", () => {
  const log = createSmallLog(
    { entity: "a:root" },
    { entity: "a:child", parent: "a:root", strategy: "linked" },
    { entity: "a:other" },
  );
  log.bump({ entity: "a:root", scope: "patch" });
  expect(["a:root", "a:child", "a:other"].map((id) => log.rows.entity(id)?.seq)).toEqual([4, 4, 3]);
  expect(log.rows.entity("a:root")?.at).toBe(GENESIS.at + 4);
});

/** Root and two children, at 4. */
const base = () =>
  createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:link", version: "1.0.0", parent: "a:root", strategy: "linked" },
    { entity: "a:step", parent: "a:root", strategy: "lockstep" },
  );
const next = { seq: 4, at: GENESIS.at + 4 };
const declared = { ...DECLARED, ...next, entity: "a:new", version: "1.0.0" };
const root = { entity: "a:root", from: "1.0.0", to: "1.1.0" };
const step = { entity: "a:step", from: "1.0.0", to: "1.1.0" };
const bumped = (...changes: VersionBumped["changes"]): Statement => ({ ...BUMPED, ...next, entity: "a:root", changes });

test.each<[string, Statement, RegExp | null]>([
  ["a sound bump", bumped(root, step), null],
  ["a sound declaration", declared, null],
  ["a second genesis", { ...GENESIS, ...next }, /genesis/],
  ["another registry's statement", { ...declared, registry: "other" }, /another registry/],
  ["a bump of what is not there", bumped({ ...root, entity: "a:none" }), /does not exist/],
  ["a bump from another version", bumped({ ...root, from: "1.0.1" }), /from 1\.0\.1/],
  ["a bump down", bumped({ ...root, to: "0.9.0" }, { ...step, to: "0.9.0" }), /down/],
  ["a bump to the same", bumped({ ...root, to: "1.0.0" }), /down/],
  ["a bump that differs by build only", bumped({ ...root, to: "1.0.0+b" }), /down/],
  ["one entity twice", bumped(root, step, root), /twice/],
  ["a lockstep child left behind", bumped(root), /left behind/],
  ["a lockstep child that goes alone", bumped(step), /leaves its parent/],
  ["a lockstep child that goes elsewhere", bumped(root, { ...step, to: "1.2.0" }), /leaves its parent|left behind/],
  ["a declaration that changes the version", { ...declared, entity: "a:root", version: "3.0.0" }, /bumps only/],
  ["a declaration that makes a cycle", { ...declared, entity: "a:root", parent: "a:link" }, /ancestor/],
  ["a declaration under nothing", { ...declared, parent: "a:none" }, /no a:none/],
  [
    "a lockstep declaration at another version",
    { ...declared, version: "3.0.0", parent: "a:root", strategy: "lockstep" },
    /parent's version/,
  ],
  [
    "a statement that was folded before",
    { ...declared, entity: "a:step", strategy: "lockstep", parent: "a:root", seq: 3 },
    /touched later/,
  ],
  [
    "a time that runs back",
    { ...declared, entity: "a:step", strategy: "lockstep", parent: "a:root", at: GENESIS.at },
    /touched later/,
  ],
])("%s", (_, statement, problem) => {
  const log = base();
  const before = snapshot(log.rows);
  const error = thrownBy(() => fold(log.rows, statement));
  if (problem === null) expect(error).toBeUndefined();
  else {
    expect(error?.code).toBe("internal");
    expect(error?.detail).toMatch(problem);
    expect(error?.detail).toContain(`at ${statement.seq}`);
  }
  expect(snapshot(log.rows)).toEqual(before);
});

test("nothing comes before the genesis, and the genesis is statement 0", () => {
  expect(refusal(() => fold(createMemoryRows(), DECLARED))).toBe("internal");
  expect(refusal(() => fold(createMemoryRows(), { ...GENESIS, seq: 1 }))).toBe("internal");
});

test("a type of a later release stops the fold with its own code", () => {
  const later = { ...DECLARED, ...next, type: "channel.moved" } as unknown as Statement;
  expect(refusal(() => fold(base().rows, later))).toBe("statement_unknown");
});

test("limits of today do not stop a log of yesterday", () => {
  const log = createSmallLog();
  for (let i = 0; i < MAX_ENTITIES; i++) log.declare({ entity: `a:n${i}` });
  expect(refusal(() => fold(log.rows, { ...declared, seq: MAX_ENTITIES + 1, at: GENESIS.at * 2 }))).toBe("accepted");
});
