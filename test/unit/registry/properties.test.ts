/** Any tree, any commands: what must hold whatever is asked for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { parseJson } from "../../../src/core/json.ts";
import { compareSemver, parseSemver, SCOPES } from "../../../src/core/semver.ts";
import type { EntityFile } from "../../../src/protocol/files.ts";
import { EVERY_ENTITY } from "../../../src/protocol/ids.ts";
import { parseStatement, statementBytes } from "../../../src/protocol/statements.ts";
import type { Command } from "../../../src/registry/decide.ts";
import { fold } from "../../../src/registry/fold.ts";
import { createMemoryRows, type Rows } from "../../../src/registry/rows.ts";
import { thrownBy } from "../protocol/samples.ts";
import { createSmallLog, type SmallLog, snapshot } from "./small-log.ts";

const IDS = ["a:root", "a:x", "a:y", "b:x", "b-c:x", "c:deep", "d:other"];
const id = fc.constantFrom(...IDS);
const version = fc.constantFrom("0.1.0", "1.0.0", "1.0.0-rc.1", "1.0.0-beta", "2.3.4-alpha.7", "1.0.0+build");
const strategy = fc.constantFrom("independent" as const, "linked" as const, "lockstep" as const);

/** A tree over all ids: each one's parent is one of those before it. A lockstep one leaves its version out. */
const tree: fc.Arbitrary<Command[]> = fc
  .tuple(...IDS.map((_, i) => fc.tuple(fc.option(fc.nat(Math.max(0, i - 1)), { freq: 4 }), strategy, version)))
  .map((nodes) =>
    nodes.map(([parent, follows, starts], i): Command => {
      const entity = IDS[i]!;
      if (i === 0 || parent === null) return { kind: "declare", entity, version: starts };
      const below = { kind: "declare", entity, parent: IDS[parent]!, strategy: follows } as const;
      return follows === "lockstep" ? below : { ...below, version: starts };
    }),
  );

const parent: fc.Arbitrary<string | null> = fc.option(id, { freq: 5 });
const declare: fc.Arbitrary<Command> = fc.record(
  {
    kind: fc.constant("declare" as const),
    entity: id,
    strategy,
    parent,
    files: fc.constant<EntityFile[]>([{ path: "package.json" }]),
  },
  { requiredKeys: ["kind", "entity"] },
);

const bump: fc.Arbitrary<Command> = fc
  .record({
    entity: fc.oneof({ weight: 6, arbitrary: id }, { weight: 1, arbitrary: fc.constant(EVERY_ENTITY) }),
    scope: fc.constantFrom(...SCOPES),
    preid: fc.constantFrom(undefined, "alpha", "rc"),
  })
  .map(({ entity, scope, preid }) => ({
    kind: "bump",
    request: { entity, scope, ...(preid !== undefined && scope.startsWith("pre") ? { preid } : {}) },
  }));

const retire: fc.Arbitrary<Command> = id.map((entity) => ({ kind: "retire", entity }));

const commands: fc.Arbitrary<Command[]> = fc
  .tuple(
    tree,
    fc.array(
      fc.oneof({ weight: 2, arbitrary: declare }, { weight: 10, arbitrary: bump }, { weight: 1, arbitrary: retire }),
      { maxLength: 40 },
    ),
  )
  .map(([first, then]) => [...first, ...then]);

const order = (a: string, b: string): number => compareSemver(parseSemver(a), parseSemver(b));

function expectSoundTree(rows: Rows): void {
  for (const row of rows.entities()) {
    const seen = new Set<string>();
    for (let at: string | null = row.entity; at !== null; at = rows.entity(at)!.parent) {
      expect(seen.has(at), `${row.entity} is its own ancestor`).toBe(false);
      seen.add(at);
    }
    if (row.strategy === "lockstep" && row.retired !== true)
      expect(row.version).toBe(rows.entity(row.parent!)!.version);
  }
}

/** Runs the commands; a refused one must leave all as it was. */
function runAll(log: SmallLog, list: readonly Command[], after: () => void): void {
  for (const command of list) {
    const before = log.statements.length;
    const refused = thrownBy(() => log.run(command));
    if (refused !== undefined) {
      expect(refused.code).not.toBe("internal");
      expect(log.statements.length).toBe(before);
    }
    after();
  }
}

test("lockstep equals the parent, there is no cycle, versions only grow, and none is handed out twice", () => {
  let bumps = 0;
  fc.assert(
    fc.property(commands, (list) => {
      const log = createSmallLog();
      const handedOut = new Map<string, string[]>();
      let seen = log.statements.length;
      runAll(log, list, () => {
        expectSoundTree(log.rows);
        for (const statement of log.statements.slice(seen)) {
          if (statement.type !== "version.bumped") continue;
          bumps++;
          const touched = statement.changes.map((change) => change.entity);
          expect(new Set(touched).size).toBe(touched.length);
          for (const { entity, from, to } of statement.changes) {
            const earlier = handedOut.get(entity) ?? [];
            expect(order(to, from)).toBeGreaterThan(0);
            expect(earlier.every((version) => order(to, version) > 0)).toBe(true);
            expect(log.version(entity)).toBe(to);
            handedOut.set(entity, [...earlier, to]);
          }
        }
        seen = log.statements.length;
      });
    }),
    { numRuns: 400 },
  );
  // The commands must really bump, or the property says nothing.
  expect(bumps).toBeGreaterThan(500);
});

test("a bump moves exactly what follows: the asked entity, and each child as its strategy says", () => {
  fc.assert(
    fc.property(commands, (list) => {
      const log = createSmallLog();
      runAll(log, list, () => {
        const last = log.statements.at(-1)!;
        if (last.type !== "version.bumped" || last.entity === EVERY_ENTITY) return;
        const moved = new Set(last.changes.map((change) => change.entity));
        expect(last.changes[0]!.entity).toBe(last.entity);
        for (const row of log.rows.entities()) {
          if (row.entity === last.entity) continue;
          const parentMoved = row.parent !== null && moved.has(row.parent);
          if (row.retired === true) expect(moved.has(row.entity)).toBe(false);
          else if (!parentMoved || row.strategy === "independent") expect(moved.has(row.entity)).toBe(false);
          else if (row.strategy === "lockstep") expect(moved.has(row.entity)).toBe(true);
          else if (!["release", "prerelease"].includes(last.scope)) expect(moved.has(row.entity)).toBe(true);
        }
      });
    }),
    { numRuns: 200 },
  );
});

test("replaying the statements from their bytes gives the same rows", () => {
  fc.assert(
    fc.property(commands, (list) => {
      const log = createSmallLog();
      runAll(log, list, () => {});
      const rows = createMemoryRows();
      for (const statement of log.statements) {
        const read = parseStatement(parseJson(statementBytes(statement)));
        for (const patch of fold(rows, read)) rows.apply(patch);
      }
      expect(snapshot(rows)).toEqual(snapshot(log.rows));
    }),
    { numRuns: 200 },
  );
});
