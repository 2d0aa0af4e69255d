/** Declaring entities: what a declaration leaves out, and what it must not do. */
import { compareCodeUnits } from "../core/bytes.ts";
import { canonicalize } from "../core/canonical-json.ts";
import { type ErrorCode, type ErrorExtra, TesError } from "../core/errors.ts";
import { MAX_ENTITIES } from "../core/limits.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";
import type { EntityFile } from "../protocol/files.ts";
import type { Declaration, DeclareRequest } from "../protocol/requests.ts";
import type { EntityDeclared } from "../protocol/statements.ts";
import type { EntityRow, Rows } from "./rows.ts";

/** Where an entity starts when nobody says. */
export const INITIAL_VERSION = "0.1.0";

/** One declaration; `field` is its JSON pointer in the request, which the errors' fields extend. */
export interface DeclareCommand extends Declaration {
  readonly kind: "declare";
  readonly field?: string;
}

export type DeclaredBody = Pick<
  EntityDeclared,
  "type" | "entity" | "version" | "strategy" | "parent" | "files" | "metadata"
>;

/**
 * The commands of a request, parents before their children, otherwise as the request has them.
 *
 * @throws cascade_cycle when the entities of the request are each other's ancestors
 */
export function declareCommands({ entities }: DeclareRequest): DeclareCommand[] {
  const commands = entities.map(
    (entity, i): DeclareCommand => ({ ...entity, kind: "declare", field: `/entities/${i}` }),
  );
  const byEntity = new Map(commands.map((command) => [command.entity, command]));
  const ordered = new Set<DeclareCommand>();
  for (const command of commands) {
    const path: DeclareCommand[] = [];
    let at: DeclareCommand | undefined = command;
    while (at !== undefined && !ordered.has(at)) {
      // Deciding them one by one would only find that the first one's parent is not there yet.
      if (path.includes(at)) {
        throw new TesError("cascade_cycle", {
          field: `${at.field}/parent`,
          detail: `${at.entity} would be its own ancestor`,
        });
      }
      path.push(at);
      at = at.parent == null ? undefined : byEntity.get(at.parent);
    }
    for (const step of path.reverse()) ordered.add(step);
  }
  return [...ordered];
}

/**
 * What a declaration comes to: members left out keep their value, or start at their default. Null: already so.
 *
 * @throws parent_unknown, cascade_cycle, entity_limit, entity_retired, invalid_field
 */
export function decideDeclare(rows: Rows, command: DeclareCommand): DeclaredBody | null {
  const { entity } = command;
  const current = rows.entity(entity);
  const strategy = command.strategy ?? current?.strategy ?? "independent";
  const parent = command.parent === undefined ? (current?.parent ?? null) : command.parent;
  const inherited = strategy === "lockstep" && parent !== null ? rows.entity(parent)?.version : undefined;
  const metadata = command.metadata ?? current?.metadata;
  const body: DeclaredBody = {
    type: "entity.declared",
    entity,
    version: command.version ?? current?.version ?? inherited ?? rows.floor(entity) ?? INITIAL_VERSION,
    strategy,
    parent,
    files: command.files ?? current?.files.map((file) => ({ ...file })) ?? [],
    ...(metadata === undefined || Object.keys(metadata).length === 0 ? {} : { metadata: inOrder(metadata) }),
  };
  checkDeclared(rows, body, command.field ?? "");
  if (current === undefined && rows.entityCount() >= MAX_ENTITIES) {
    throw new TesError("entity_limit", { detail: `at most ${MAX_ENTITIES}`, facts: { limit: MAX_ENTITIES } });
  }
  return current !== undefined && isSame(current, body) ? null : body;
}

/**
 * The rules that hold for every declaration in a log, whatever the limits of the release that wrote it.
 *
 * @throws parent_unknown, cascade_cycle, entity_retired, invalid_field
 */
export function checkDeclared(rows: Rows, body: DeclaredBody, field = ""): void {
  const refuse = (code: ErrorCode, member: string, detail: string, facts?: ErrorExtra["facts"]): TesError =>
    new TesError(code, { field: `${field}/${member}`, detail, ...(facts === undefined ? {} : { facts }) });
  const { entity, version, strategy, parent } = body;
  const current = rows.entity(entity);
  if (current?.retired === true) throw refuse("entity_retired", "entity", `${entity} is retired`);
  const floor = current === undefined ? rows.floor(entity) : undefined;
  if (floor !== undefined && compareSemver(parseSemver(version), parseSemver(floor)) < 0) {
    throw refuse("invalid_field", "version", `${entity} was at ${floor} in a log that is lost: start there or above`, {
      floor,
    });
  }
  if (current !== undefined && version !== current.version) {
    const detail = `versions change by bumps only, and ${entity} is at ${current.version}: leave version out`;
    throw refuse("invalid_field", "version", detail, { current: current.version });
  }
  if (parent === null) {
    if (strategy !== "lockstep") return;
    throw refuse("invalid_field", "strategy", `${entity} has no parent, and lockstep follows one`);
  }
  if (parent === entity || isAncestor(rows, entity, parent)) {
    throw refuse("cascade_cycle", "parent", `${entity} would be its own ancestor`);
  }
  const above = rows.entity(parent);
  if (above === undefined) throw refuse("parent_unknown", "parent", `there is no ${parent}`);
  if (above.retired === true) throw refuse("entity_retired", "parent", `${parent} is retired`);
  if (strategy !== "lockstep" || version === above.version) return;
  const rule = `a lockstep entity is at its parent's version, ${above.version}`;
  throw current === undefined
    ? refuse("invalid_field", "version", `${rule}: leave version out`, { parent: above.version })
    : refuse("invalid_field", "strategy", `${rule}, and ${entity} is at ${version}: bump until they are equal`, {
        current: version,
        parent: above.version,
      });
}

/** Labels in the order of their keys, as the statement's bytes have them: rows look the same when they are read again. */
function inOrder(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => compareCodeUnits(a, b)));
}

/** Whether walking up from an entity meets the ancestor. There is no cycle in the rows, so the walk ends. */
function isAncestor(rows: Rows, ancestor: string, from: string): boolean {
  for (let at = rows.entity(from); at !== undefined && at.parent !== null; at = rows.entity(at.parent)) {
    if (at.parent === ancestor) return true;
  }
  return false;
}

function isSame(row: EntityRow, body: DeclaredBody): boolean {
  return (
    row.version === body.version &&
    row.strategy === body.strategy &&
    row.parent === body.parent &&
    filesText(row.files) === filesText(body.files) &&
    canonicalize(row.metadata ?? {}) === canonicalize(body.metadata ?? {})
  );
}

function filesText(files: readonly EntityFile[]): string {
  return JSON.stringify(files.map(({ path, pattern }) => [path, pattern]));
}
