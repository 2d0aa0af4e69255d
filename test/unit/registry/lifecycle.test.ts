/** Retiring, revoking, listing, texts beside the log, moving and restoring: decided, folded, and refused. */
import { expect, test } from "vitest";
import { MAX_ENTITIES } from "../../../src/core/limits.ts";
import type { Statement } from "../../../src/protocol/statements.ts";
import type { RestoreCommand } from "../../../src/registry/decide.ts";
import { fold } from "../../../src/registry/fold.ts";
import {
  BUMPED,
  DELISTED,
  ERASED,
  GENESIS,
  LATER_KEYS,
  LISTED,
  MOVED,
  RESTORED,
  RETIRED,
  REVOKED,
  refusal,
  TOKEN_ID,
  thrownBy,
} from "../protocol/samples.ts";
import { createSmallLog, type SmallLog, snapshot } from "./small-log.ts";

/** Root and two children, at 4. */
const base = () =>
  createSmallLog(
    { entity: "a:root", version: "1.0.0" },
    { entity: "a:link", version: "1.0.0", parent: "a:root", strategy: "linked" },
    { entity: "a:step", parent: "a:root", strategy: "lockstep" },
  );
const digest = BUMPED.reason!.digest;

test("a retired entity keeps its version, leaves every cascade and takes nothing more", () => {
  const log = base();
  expect(log.run({ kind: "retire", entity: "a:link" })).toMatchObject({ type: "entity.retired", entity: "a:link" });
  expect(log.bump({ entity: "a:root", scope: "minor" })).toEqual(["a:root 1.0.0→1.1.0", "a:step 1.0.0→1.1.0"]);
  expect(log.bump({ entity: "*", scope: "patch" })).toEqual(["a:root 1.1.0→1.1.1", "a:step 1.1.0→1.1.1"]);
  expect(log.rows.entity("a:link")).toMatchObject({ version: "1.0.0", retired: true, parent: "a:root" });
  const before = snapshot(log.rows);
  expect(refusal(() => log.bump({ entity: "a:link", scope: "minor" }))).toBe("entity_retired");
  expect(refusal(() => log.declare({ entity: "a:link", strategy: "independent" }))).toBe("entity_retired /entity");
  expect(refusal(() => log.declare({ entity: "a:new", parent: "a:link" }))).toBe("entity_retired /parent");
  expect(log.run({ kind: "retire", entity: "a:link" })).toBeNull();
  expect(snapshot(log.rows)).toEqual(before);
});

test("an entity with children in use cannot be retired, and can once they are", () => {
  const log = base();
  const error = thrownBy(() => log.run({ kind: "retire", entity: "a:root" }));
  expect(error).toMatchObject({ code: "entity_has_children", facts: { child: "a:link" } });
  for (const entity of ["a:link", "a:step", "a:root"]) log.run({ kind: "retire", entity });
  expect(log.rows.entityCount()).toBe(0);
  expect(refusal(() => log.bump({ entity: "*", scope: "minor" }))).toBe("nothing_to_bump");
  expect(refusal(() => log.run({ kind: "retire", entity: "a:none" }))).toBe("entity_unknown");
});

test("a retired entity makes room for another", () => {
  const log = createSmallLog();
  for (let i = 0; i < MAX_ENTITIES; i++) log.declare({ entity: `a:n${i}` });
  expect(refusal(() => log.declare({ entity: "a:more" }))).toBe("entity_limit");
  log.run({ kind: "retire", entity: "a:n0" });
  expect(refusal(() => log.declare({ entity: "a:more" }))).toBe("accepted");
});

test("labels are declared, kept when left out, and taken away by an empty set", () => {
  const log = createSmallLog({ entity: "a:b", metadata: { team: "core" } });
  expect(log.declare({ entity: "a:b" })).toBeNull();
  expect(log.declare({ entity: "a:b", metadata: { team: "core" } })).toBeNull();
  log.bump({ entity: "a:b", scope: "minor" });
  expect(log.rows.entity("a:b")).toMatchObject({ metadata: { team: "core" }, declared: 1, seq: 2 });
  expect(log.declare({ entity: "a:b", files: [{ path: "x" }] })).toMatchObject({ metadata: { team: "core" } });
  expect(log.declare({ entity: "a:b", metadata: {} })).not.toHaveProperty("metadata");
  expect(log.rows.entity("a:b")).not.toHaveProperty("metadata");
});

test("a token is revoked once, and forgotten when it would have expired", () => {
  const log = createSmallLog();
  const exp = Math.floor(GENESIS.at / 1000);
  expect(log.run({ kind: "revoke", token: TOKEN_ID, exp })).toMatchObject({ type: "token.revoked", exp });
  expect(log.run({ kind: "revoke", token: TOKEN_ID, exp })).toBeNull();
  log.run({ kind: "revoke", token: `${TOKEN_ID.slice(0, -1)}A`, exp: exp + 1000 });
  expect(Array.from(log.rows.revocations(), (row) => row.exp)).toEqual([exp + 1000]);
  expect(refusal(() => fold(log.rows, { ...REVOKED, token: `${TOKEN_ID.slice(0, -1)}A` }))).toBe("internal");
});

test("default lists other registries, and a name that is gone is not given again", () => {
  const log = createSmallLog();
  const list = { kind: "list", name: "other", genesis: LISTED.genesis } as const;
  expect(log.run(list)).toMatchObject({ type: "registry.listed", name: "other" });
  expect(log.run(list)).toBeNull();
  expect(refusal(() => log.run({ ...list, genesis: "b".repeat(64) }))).toBe("genesis_exists");
  expect(refusal(() => log.run({ ...list, name: "default" }))).toBe("invalid_field /name");
  expect(log.run({ kind: "delist", name: "other" })).toMatchObject({ type: "registry.delisted" });
  expect(log.run({ kind: "delist", name: "other" })).toBeNull();
  expect(refusal(() => log.run(list))).toBe("genesis_exists");
  expect(refusal(() => log.run({ kind: "delist", name: "none" }))).toBe("registry_unknown");
  expect(log.rows.listing("other")).toMatchObject({ delisted: true, genesis: LISTED.genesis });
});

test("a text is referred to by its digest, and erased once", () => {
  const log = base();
  log.run({ kind: "bump", request: { entity: "a:root", scope: "minor" }, reason: { digest } });
  expect(log.rows.blob(digest)).toEqual({ digest, seq: 4, erased: false });
  expect(log.run({ kind: "erase", digest })).toMatchObject({ type: "blob.erased", digest });
  expect(log.rows.blob(digest)?.erased).toBe(true);
  expect(log.run({ kind: "erase", digest })).toBeNull();
  expect(refusal(() => log.run({ kind: "erase", digest: "0".repeat(64) }))).toBe("blob_unknown");
  const reason = { digest: "1".repeat(64) };
  expect(log.run({ kind: "retire", entity: "a:link", reason })).toMatchObject({ reason });
});

test("a move hands over to the keys it names", () => {
  const log = base();
  log.run({ kind: "move", to: MOVED.to });
  expect(log.rows.registry()).toMatchObject({
    keys: LATER_KEYS,
    origin: GENESIS.origin,
    moved: { seq: 4, url: "https://tes.example", from: GENESIS.keys },
    announced: [4],
  });
  // The target goes on in the same log.
  expect(log.bump({ entity: "a:link", scope: "minor" })).toEqual(["a:link 1.0.0→1.1.0"]);
});

const restore = (log: SmallLog, floor: { entity: string; version: string }[], epoch = 2) =>
  log.run({
    kind: "restore",
    epoch,
    origin: `${GENESIS.origin}/epoch-${epoch}`,
    lost: RESTORED.lost,
    floor,
    keys: LATER_KEYS,
    recovery: RESTORED.recovery,
  });

test("a restore opens the next epoch, whose origin says so", () => {
  const log = base();
  restore(log, []);
  expect(log.rows.registry()).toMatchObject({ epoch: 2, origin: "tes.local/default/epoch-2", keys: LATER_KEYS });
  restore(log, [], 3);
  expect(log.rows.registry()).toMatchObject({ epoch: 3, origin: "tes.local/default/epoch-3", announced: [4, 5] });
  expect(refusal(() => restore(log, [], 3))).toBe("epoch_invalid /epoch");
  const { lost, keys } = RESTORED;
  const command: Omit<RestoreCommand, "recovery" | "origin"> = { kind: "restore", epoch: 4, lost, floor: [], keys };
  const origin = `${GENESIS.origin}/epoch-4`;
  expect(refusal(() => log.run({ ...command, recovery: RESTORED.recovery, origin: `${GENESIS.origin}/epoch-5` }))).toBe(
    "epoch_invalid /origin",
  );
  const stranger = { ...RESTORED.recovery, kid: LATER_KEYS["log-ed25519"].kid };
  expect(refusal(() => log.run({ ...command, origin, recovery: stranger }))).toBe("epoch_invalid /recovery/kid");
});

test("a floor raises, never lowers, and lockstep stays lockstep", () => {
  const log = base();
  restore(log, [
    { entity: "a:step", version: "3.0.0" },
    { entity: "a:link", version: "0.5.0" },
  ]);
  expect(["a:root", "a:step", "a:link"].map(log.version)).toEqual(["3.0.0", "3.0.0", "1.0.0"]);
  expect(log.rows.entity("a:step")).toMatchObject({ seq: 4, declared: 3 });
});

test("a name that only the lost log knew starts at its floor", () => {
  const log = base();
  restore(log, [{ entity: "a:late", version: "4.0.0" }]);
  expect(refusal(() => log.declare({ entity: "a:late", version: "3.9.9" }))).toBe("invalid_field /version");
  log.declare({ entity: "a:late" });
  expect(log.version("a:late")).toBe("4.0.0");
  expect(log.rows.floor("a:late")).toBeUndefined();
});

const at = { seq: 4, at: GENESIS.at + 4 };
test.each<[string, Statement, RegExp]>([
  ["retiring what is not there", { ...RETIRED, ...at, entity: "a:none" }, /not in use/],
  ["retiring a parent", { ...RETIRED, ...at, entity: "a:root" }, /follows/],
  ["delisting what is not listed", { ...DELISTED, ...at }, /not listed/],
  ["listing default", { ...LISTED, ...at, name: "default" }, /default lists/],
  ["erasing what nothing refers to", { ...ERASED, ...at }, /no statement refers/],
  ["an epoch that skips one", { ...RESTORED, ...at, epoch: 3, origin: `${GENESIS.origin}/epoch-3` }, /next is 2/],
])("a log cannot hold %s", (_, statement, problem) => {
  const log = base();
  const before = snapshot(log.rows);
  expect(thrownBy(() => fold(log.rows, statement))).toMatchObject({
    code: "internal",
    detail: expect.stringMatching(problem),
  });
  expect(snapshot(log.rows)).toEqual(before);
});

test("a log cannot bump what was retired", () => {
  const log = base();
  log.run({ kind: "retire", entity: "a:link" });
  const changes = [{ entity: "a:link", from: "1.0.0", to: "1.1.0" }];
  const bump: Statement = { ...BUMPED, seq: 5, at: GENESIS.at + 5, entity: "a:link", changes };
  expect(thrownBy(() => fold(log.rows, bump))?.detail).toMatch(/retired/);
});
