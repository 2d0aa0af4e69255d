import { expect, test } from "vitest";
import type { BumpRequest } from "../../../src/protocol/requests.ts";
import { planBump } from "../../../src/registry/decide.ts";
import { refusal, thrownBy } from "../protocol/samples.ts";
import { createSmallLog, showChanges, snapshot } from "./small-log.ts";

const patch = (entity: string): BumpRequest => ({ entity, scope: "patch" });

test.each([
  ["independent", ["a:root 1.0.0→2.0.0"]],
  ["linked", ["a:root 1.0.0→2.0.0", "a:child 0.3.1→1.0.0"]],
] as const)("an %s child", (strategy, expected) => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:child", version: "0.3.1", parent: "a:root", strategy },
  );
  expect(log.bump({ entity: "a:root", scope: "major" })).toEqual(expected);
});

test("a lockstep child takes the new version", () => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:child", parent: "a:root", strategy: "lockstep" },
  );
  expect(log.bump({ entity: "a:root", scope: "premajor", preid: "rc" })).toEqual([
    "a:root 1.0.0→2.0.0-rc.0",
    "a:child 1.0.0→2.0.0-rc.0",
  ]);
});

test("the cascade is transitive, breadth first, siblings by code unit", () => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "z:last", version: "1.0.0", parent: "a:root", strategy: "linked" },
    { entity: "b:x", version: "2.0.0", parent: "a:root", strategy: "linked" },
    { entity: "b-c:x", version: "3.0.0", parent: "a:root", strategy: "linked" },
    { entity: "a:deep", parent: "z:last", strategy: "lockstep" },
    { entity: "a:deeper", version: "9.9.9", parent: "a:deep", strategy: "linked" },
    { entity: "c:deep", version: "4.0.0", parent: "b:x", strategy: "linked" },
    { entity: "c:other", version: "5.0.0", parent: "b:x", strategy: "independent" },
    { entity: "c:below", parent: "c:other", strategy: "lockstep" },
  );
  expect(log.bump({ entity: "a:root", scope: "minor" })).toEqual([
    "a:root 1.0.0→1.1.0",
    "b-c:x 3.0.0→3.1.0",
    "b:x 2.0.0→2.1.0",
    "z:last 1.0.0→1.1.0",
    "c:deep 4.0.0→4.1.0",
    "a:deep 1.0.0→1.1.0",
    "a:deeper 9.9.9→9.10.0",
  ]);
  // A bump in the middle moves what is below it and nothing above or beside it.
  expect(log.bump(patch("b:x"))).toEqual(["b:x 2.1.0→2.1.1", "c:deep 4.1.0→4.1.1"]);
  expect(log.bump(patch("c:other"))).toEqual(["c:other 5.0.0→5.0.1", "c:below 5.0.0→5.0.1"]);
});

test("the preid goes down the cascade", () => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0-rc.3" },
    { entity: "a:child", version: "0.1.0", parent: "a:root", strategy: "linked" },
  );
  expect(log.bump({ entity: "a:root", scope: "prerelease", preid: "rc" })).toEqual([
    "a:root 1.0.0-rc.3→1.0.0-rc.4",
    "a:child 0.1.0→0.1.1-rc.0",
  ]);
});

test("a linked child that the scope does not lead up stays, and the cascade ends there", () => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0-rc.3" },
    { entity: "a:done", version: "1.0.0", parent: "a:root", strategy: "linked" },
    { entity: "a:below", version: "2.0.0-rc.1", parent: "a:done", strategy: "linked" },
    { entity: "a:same", parent: "a:done", strategy: "lockstep" },
    { entity: "a:ready", version: "3.0.0-rc.1", parent: "a:root", strategy: "linked" },
    { entity: "a:beta", version: "1.0.0-zeta.0", parent: "a:root", strategy: "linked" },
  );
  expect(showChanges(planBump(log.rows, { entity: "a:root", scope: "prerelease", preid: "rc" }))).toEqual([
    "a:root 1.0.0-rc.3→1.0.0-rc.4",
    "a:done 1.0.0→1.0.1-rc.0",
    "a:ready 3.0.0-rc.1→3.0.0-rc.2",
    "a:below 2.0.0-rc.1→2.0.0-rc.2",
    "a:same 1.0.0→1.0.1-rc.0",
  ]);
  expect(log.bump({ entity: "a:root", scope: "release" })).toEqual([
    "a:root 1.0.0-rc.3→1.0.0",
    "a:beta 1.0.0-zeta.0→1.0.0",
    "a:ready 3.0.0-rc.1→3.0.0",
  ]);
});

test("every entity is bumped once, roots first; lockstep ones follow", () => {
  const log = createSmallLog(
    { entity: "b:root", version: "2.0.0" },
    { entity: "a:root", version: "1.0.0-rc.0" },
    { entity: "z:of-a", version: "0.1.0", parent: "a:root", strategy: "independent" },
    { entity: "a:of-b", version: "0.2.0", parent: "b:root", strategy: "linked" },
    { entity: "c:step", parent: "z:of-a", strategy: "lockstep" },
    { entity: "c:below", version: "7.0.0", parent: "c:step", strategy: "linked" },
  );
  expect(showChanges(planBump(log.rows, { entity: "*", scope: "minor" }))).toEqual([
    "a:root 1.0.0-rc.0→1.0.0",
    "b:root 2.0.0→2.1.0",
    "z:of-a 0.1.0→0.2.0",
    "a:of-b 0.2.0→0.3.0",
    "c:step 0.1.0→0.2.0",
    "c:below 7.0.0→7.1.0",
  ]);
  // Only what has a prerelease takes a release.
  expect(log.bump({ entity: "*", scope: "release" })).toEqual(["a:root 1.0.0-rc.0→1.0.0"]);
});

test("the statement says what was asked for", () => {
  const log = createSmallLog({ entity: "a:b", version: "1.0.0" });
  const statement = log.run({
    kind: "bump",
    request: { entity: "a:b", scope: "prepatch", preid: "rc", expected: "1.0.0" },
  });
  expect(statement).toMatchObject({ type: "version.bumped", entity: "a:b", scope: "prepatch", preid: "rc" });
  expect(statement).not.toHaveProperty("expected");
  expect(log.run({ kind: "bump", request: { entity: "*", scope: "patch" } })).not.toHaveProperty("preid");
});

test("a plan changes nothing", () => {
  const log = createSmallLog({ entity: "a:b" });
  const before = snapshot(log.rows);
  planBump(log.rows, patch("a:b"));
  expect(snapshot(log.rows)).toEqual(before);
});

test.each<[string, BumpRequest, string]>([
  ["an entity that is not there", patch("a:none"), "entity_unknown"],
  ["a lockstep entity", patch("a:step"), "lockstep_follows_parent"],
  ["a lockstep entity, with a wrong expectation", { ...patch("a:step"), expected: "9.9.9" }, "lockstep_follows_parent"],
  ["another expectation", { ...patch("a:root"), expected: "1.0.1" }, "version_conflict /expected"],
  [
    "an expectation that differs by build only",
    { ...patch("a:root"), expected: "1.0.0+b" },
    "version_conflict /expected",
  ],
  ["the right expectation", { ...patch("a:root"), expected: "1.0.0" }, "accepted"],
  ["an expectation of all", { ...patch("*"), expected: "1.0.0" }, "invalid_field /expected"],
  ["a release of a release", { entity: "a:root", scope: "release" }, "nothing_to_bump"],
  ["a preid that leads down", { entity: "a:beta", scope: "prerelease", preid: "alpha" }, "nothing_to_bump"],
  ["a version at the end of numbers", patch("a:end"), "version_overflow"],
  ["the same with a preid", { entity: "a:end", scope: "prepatch", preid: "rc" }, "version_overflow"],
  ["all, one of them at the end of numbers", patch("*"), "version_overflow"],
  ["a version that would be too long", { entity: "a:long", scope: "prerelease" }, "semver_invalid"],
])("bumping %s", (_, request, expected) => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:step", parent: "a:root", strategy: "lockstep" },
    { entity: "a:beta", version: "1.0.0-beta.1" },
    { entity: "a:end", version: `1.0.${2 ** 53 - 1}` },
    { entity: "a:long", version: `1.0.0-${"a".repeat(56)}.9` },
  );
  const before = snapshot(log.rows);
  expect(refusal(() => planBump(log.rows, request))).toBe(expected);
  expect(snapshot(log.rows)).toEqual(before);
});

test("a conflict tells the current version", () => {
  const log = createSmallLog({ entity: "a:b", version: "1.0.0" });
  expect(thrownBy(() => log.bump({ ...patch("a:b"), expected: "0.9.0" }))?.facts).toEqual({ current: "1.0.0" });
});

test("without entities there is nothing to bump, and without a genesis no registry", () => {
  const log = createSmallLog();
  expect(refusal(() => log.bump(patch("*")))).toBe("nothing_to_bump");
});

test("a cascade that cannot be written is refused whole", () => {
  const log = createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:end", version: `1.0.${2 ** 53 - 1}`, parent: "a:root", strategy: "linked" },
  );
  expect(refusal(() => log.bump(patch("a:root")))).toBe("version_overflow");
  expect(log.bump({ entity: "a:root", scope: "minor" })).toHaveLength(2);
});
