/** A log without tree or storage: commands in, statements and rows out. */
import type { BumpRequest, Declaration } from "../../../src/protocol/requests.ts";
import type { Change, Statement, StatementBody } from "../../../src/protocol/statements.ts";
import { type Command, decide } from "../../../src/registry/decide.ts";
import { fold } from "../../../src/registry/fold.ts";
import { createMemoryRows, type MemoryRows, type Rows } from "../../../src/registry/rows.ts";
import { GENESIS, TOKEN_ID } from "../protocol/samples.ts";

export interface SmallLog {
  readonly rows: MemoryRows;
  readonly statements: Statement[];
  /** Decides, writes and folds; null: nothing to write. */
  run(command: Command): Statement | null;
  declare(declaration: Declaration): Statement | null;
  /** The changes as `id from→to`. */
  bump(request: BumpRequest): string[];
  version(id: string): string | undefined;
}

export const GENESIS_COMMAND: Command = {
  kind: "genesis",
  visibility: GENESIS.visibility,
  origin: GENESIS.origin,
  keys: GENESIS.keys,
  recovery: GENESIS.recovery,
};

export function statementOf(body: StatementBody, seq: number): Statement {
  return { v: 1, registry: "default", seq, at: GENESIS.at + seq, by: seq === 0 ? "genesis" : TOKEN_ID, ...body };
}

export function showChanges(changes: readonly Change[]): string[] {
  return changes.map(({ entity, from, to }) => `${entity} ${from}→${to}`);
}

/** Opens a registry and declares what is given. */
export function createSmallLog(...declarations: readonly Declaration[]): SmallLog {
  const rows = createMemoryRows();
  const statements: Statement[] = [];
  const log: SmallLog = {
    rows,
    statements,
    run(command) {
      const body = decide(rows, command);
      if (body === null) return null;
      const statement = statementOf(body, statements.length);
      for (const patch of fold(rows, statement)) rows.apply(patch);
      statements.push(statement);
      return statement;
    },
    declare: (declaration) => log.run({ kind: "declare", ...declaration }),
    bump(request) {
      const statement = log.run({ kind: "bump", request });
      if (statement?.type !== "version.bumped") throw new Error("a bump that writes no bump");
      return showChanges(statement.changes);
    },
    version: (id) => rows.entity(id)?.version,
  };
  log.run(GENESIS_COMMAND);
  for (const declaration of declarations) log.declare(declaration);
  return log;
}

/** Rows as one comparable value, with the children of each entity. */
export function snapshot(rows: Rows): unknown {
  const entities = [...rows.entities()].sort((a, b) => (a.entity < b.entity ? -1 : 1));
  return {
    registry: rows.registry(),
    count: rows.entityCount(),
    entities,
    children: [null, ...entities.map((row) => row.entity)].map((id) => [
      id,
      rows.children(id).map((row) => row.entity),
    ]),
  };
}
