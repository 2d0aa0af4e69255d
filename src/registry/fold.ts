/**
 * From statements to rows. Uses nothing but the statement and the rows before it, so that a log always folds to the
 * same state. Limits are not checked here: a log that a release wrote under other limits stays readable.
 */
import { toHex } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { leafHash } from "../core/merkle.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";
import {
  type BlobErased,
  type EntityDeclared,
  type EntityRetired,
  type Genesis,
  type RegistryDelisted,
  type RegistryListed,
  type RegistryMoved,
  type RegistryRestored,
  type Statement,
  statementBytes,
  type TokenRevoked,
  type VersionBumped,
} from "../protocol/statements.ts";
import { checkDeclared } from "./declare.ts";
import { foldPublishers } from "./publishers.ts";
import { foldRelease } from "./release.ts";
import { checkEpoch, raiseToFloor } from "./restore.ts";
import type { EntityRow, Patch, RegistryRow, Rows } from "./rows.ts";

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
    case "entity.retired":
      return foldRetired(rows, statement);
    case "token.revoked":
      return foldRevoked(rows, statement);
    case "registry.listed":
      return foldListed(rows, statement);
    case "registry.delisted":
      return foldDelisted(rows, statement);
    case "blob.erased":
      return foldErased(rows, statement);
    case "registry.moved":
      return foldMoved(registry, statement);
    case "registry.restored":
      return foldRestored(rows, registry, statement);
    case "publishers.set":
      return sound(statement, () => foldPublishers(rows, registry, statement));
    case "release.published":
    case "release.attested":
    case "release.yanked":
    case "release.unyanked":
      return sound(statement, () => foldRelease(rows, statement));
    default:
      throw new TesError("statement_unknown", { detail: `type ${(statement as { type: string }).type}` });
  }
}

/** What breaks a rule here was never decided: the log is damaged. */
function sound(statement: Statement, work: () => Patch[]): Patch[] {
  try {
    return work();
  } catch (cause) {
    throw corrupt(statement, cause instanceof TesError ? (cause.detail ?? cause.code) : "a rule that it breaks", cause);
  }
}

function foldGenesis(statement: Genesis): Patch[] {
  const { registry, visibility, origin, keys, recovery, at } = statement;
  const genesis = toHex(leafHash(statementBytes(statement)));
  return [{ table: "registry", key: registry, value: { registry, visibility, origin, keys, recovery, genesis, at } }];
}

function foldDeclared(rows: Rows, statement: EntityDeclared): Patch[] {
  const { entity, version, strategy, parent, files, metadata, seq, at } = statement;
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
  const labels = metadata === undefined ? {} : { metadata };
  const value: EntityRow = { entity, version, strategy, parent, files, ...labels, declared: seq, seq, at };
  const patches: Patch[] = [{ table: "entity", key: entity, value }];
  if (rows.floor(entity) !== undefined) patches.push({ table: "floor", key: entity, value: null });
  return patches;
}

function foldBumped(rows: Rows, statement: VersionBumped): Patch[] {
  const { seq, at } = statement;
  const moved = new Map<string, string>();
  const patches: Patch[] = [];
  for (const { entity, from, to } of statement.changes) {
    const row = rows.entity(entity);
    if (row === undefined) throw corrupt(statement, `it bumps ${entity}, which does not exist`);
    if (row.retired === true) throw corrupt(statement, `it bumps ${entity}, which is retired`);
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
  patches.push(...referenceIn(statement));
  return patches;
}

/** A text that a statement refers to has a row, whether or not it is still kept. */
function referenceIn({ reason, seq }: VersionBumped | EntityRetired): Patch[] {
  if (reason === undefined) return [];
  return [{ table: "blob", key: reason.digest, value: { digest: reason.digest, seq, erased: false } }];
}

function foldRetired(rows: Rows, statement: EntityRetired): Patch[] {
  const { entity, seq, at } = statement;
  const row = rows.entity(entity);
  if (row === undefined || row.retired === true) {
    throw corrupt(statement, `it retires ${entity}, which is not in use`);
  }
  const [child] = rows.children(entity);
  if (child !== undefined) throw corrupt(statement, `it retires ${entity}, which ${child.entity} follows`);
  checkOrder(row, statement);
  const retired: Patch = { table: "entity", key: entity, value: { ...row, retired: true, seq, at } };
  return [retired, ...referenceIn(statement)];
}

function foldRevoked(rows: Rows, statement: TokenRevoked): Patch[] {
  const { token, exp, seq, at } = statement;
  if (rows.revoked(token) !== undefined) throw corrupt(statement, `it revokes ${token} twice`);
  // What would have expired by now is refused for that: the list stays as short as the lives of tokens are.
  const forgotten = Array.from(rows.revocations()).filter((row) => row.exp * 1000 < at);
  const gone = forgotten.map((row): Patch => ({ table: "revoked", key: row.token, value: null }));
  return [...gone, { table: "revoked", key: token, value: { token, exp, seq } }];
}

function foldListed(rows: Rows, statement: RegistryListed): Patch[] {
  const { registry, name, genesis, seq, at } = statement;
  if (registry !== "default" || name === "default") throw corrupt(statement, "default lists the others");
  if (rows.listing(name) !== undefined) throw corrupt(statement, `it lists ${name} twice`);
  return [{ table: "listing", key: name, value: { name, genesis, seq, at } }];
}

function foldDelisted(rows: Rows, statement: RegistryDelisted): Patch[] {
  const { name, seq, at } = statement;
  const row = rows.listing(name);
  if (row === undefined || row.delisted === true) throw corrupt(statement, `it delists ${name}, which is not listed`);
  return [{ table: "listing", key: name, value: { ...row, seq, at, delisted: true } }];
}

function foldErased(rows: Rows, statement: BlobErased): Patch[] {
  const row = rows.blob(statement.digest);
  if (row === undefined) throw corrupt(statement, "it erases a text that no statement refers to");
  return [{ table: "blob", key: row.digest, value: { ...row, erased: true } }];
}

const registryPatch = (value: RegistryRow, announced: number): Patch => ({
  table: "registry",
  key: value.registry,
  value: { ...value, announced: [...(value.announced ?? []), announced] },
});

function foldMoved(registry: RegistryRow, { to, seq }: RegistryMoved): Patch[] {
  const moved = { seq, url: to.url, from: registry.keys };
  return [registryPatch({ ...registry, keys: to.keys, moved }, seq)];
}

/** The signature is checked by whoever can wait: the authority that takes it, and each client. */
function foldRestored(rows: Rows, registry: RegistryRow, statement: RegistryRestored): Patch[] {
  const { epoch, origin, floor, keys, seq, at } = statement;
  try {
    checkEpoch(registry, statement);
  } catch (cause) {
    throw corrupt(statement, cause instanceof TesError ? (cause.detail ?? cause.code) : "a restore that fails", cause);
  }
  const { entities, floors } = raiseToFloor(rows, floor);
  return [
    registryPatch({ ...registry, epoch, origin, keys }, seq),
    ...entities.map((row): Patch => ({ table: "entity", key: row.entity, value: { ...row, seq, at } })),
    ...floors.map((row): Patch => ({ table: "floor", key: row.entity, value: row })),
  ];
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
