/**
 * From statements to rows. Uses nothing but the statement and the rows before it, so that a log always folds to the
 * same state. Limits are not checked here: a log that a release wrote under other limits stays readable.
 */
import { toHex } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { leafHash } from "../core/merkle.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";
import {
  type EntityDeclared,
  type Genesis,
  type Statement,
  statementBytes,
  type VersionBumped,
} from "../protocol/statements.ts";
import { checkDeclared } from "./declare.ts";
import type { EntityRow, Patch, Rows } from "./rows.ts";

/**
 * The patches that a statement makes. Checks what a sound log cannot break (first the genesis and only there, each
 * step from the version that is current and upwards, lockstep equal to its parent, no cycle), so that a damaged log
 * stops instead of turning into a state that nobody decided.
 *
 * @throws internal with a detail for a log that contradicts itself; statement_unknown for a type this does not know
 */
export function fold(rows: Rows, statement: Statement): Patch[] {
  const registry = rows.registry();
  if (statement.type === "registry.genesis") {
    if (registry !== undefined || statement.seq !== 0)
      throw corrupt(statement, "a genesis that is not the first statement");
    return foldGenesis(statement);
  }
  if (registry === undefined) throw corrupt(statement, "no genesis before it");
  if (registry.registry !== statement.registry) throw corrupt(statement, "it is another registry's");
  switch (statement.type) {
    case "entity.declared":
      return foldDeclared(rows, statement);
    case "version.bumped":
      return foldBumped(rows, statement);
    default:
      throw new TesError("statement_unknown", { detail: `type ${(statement as { type: string }).type}` });
  }
}

function foldGenesis(statement: Genesis): Patch[] {
  const { registry, visibility, origin, keys, recovery, at } = statement;
  const genesis = toHex(leafHash(statementBytes(statement)));
  return [{ table: "registry", key: registry, value: { registry, visibility, origin, keys, recovery, genesis, at } }];
}

function foldDeclared(rows: Rows, statement: EntityDeclared): Patch[] {
  const { entity, version, strategy, parent, files, seq, at } = statement;
  try {
    checkDeclared(rows, statement);
  } catch (cause) {
    throw corrupt(
      statement,
      cause instanceof TesError ? (cause.detail ?? cause.code) : "a declaration that fails",
      cause,
    );
  }
  checkOrder(rows.entity(entity), statement);
  return [{ table: "entity", key: entity, value: { entity, version, strategy, parent, files, seq, at } }];
}

function foldBumped(rows: Rows, statement: VersionBumped): Patch[] {
  const { seq, at } = statement;
  const moved = new Map<string, string>();
  const patches: Patch[] = [];
  for (const { entity, from, to } of statement.changes) {
    const row = rows.entity(entity);
    if (row === undefined) throw corrupt(statement, `it bumps ${entity}, which does not exist`);
    if (moved.has(entity)) throw corrupt(statement, `it bumps ${entity} twice`);
    if (row.version !== from)
      throw corrupt(statement, `it bumps ${entity} from ${from}, but that is at ${row.version}`);
    if (compareSemver(parseSemver(to), parseSemver(from)) <= 0)
      throw corrupt(statement, `it takes ${entity} from ${from} down to ${to}`);
    checkOrder(row, statement);
    moved.set(entity, to);
    patches.push({ table: "entity", key: entity, value: { ...row, version: to, seq, at } });
  }
  for (const { entity, to } of statement.changes) checkLockstep(rows, statement, entity, to, moved);
  return patches;
}

/** A changed lockstep entity goes where its parent goes, and takes its own lockstep children along. */
function checkLockstep(
  rows: Rows,
  statement: VersionBumped,
  entity: string,
  to: string,
  moved: ReadonlyMap<string, string>,
): void {
  const { strategy, parent } = rows.entity(entity)!;
  if (strategy === "lockstep" && moved.get(parent ?? "") !== to)
    throw corrupt(statement, `${entity} leaves its parent behind`);
  for (const child of rows.children(entity)) {
    if (child.strategy === "lockstep" && moved.get(child.entity) !== to) {
      throw corrupt(statement, `${child.entity} is left behind by its parent`);
    }
  }
}

/** Statements touch an entity in the order of the log, each once. */
function checkOrder(row: EntityRow | undefined, statement: Statement): void {
  if (row !== undefined && (statement.seq <= row.seq || statement.at < row.at)) {
    throw corrupt(statement, `${row.entity} was touched later, at ${row.seq}`);
  }
}

function corrupt(statement: Statement, detail: string, cause?: unknown): TesError {
  return new TesError("internal", { detail: `The log contradicts itself at ${statement.seq}: ${detail}.`, cause });
}
