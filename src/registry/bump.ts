/** Planning a bump: which entities move, in which order, to which versions. */
import { TesError } from "../core/errors.ts";
import { incrementSemver, parseSemver } from "../core/semver.ts";
import { EVERY_ENTITY } from "../protocol/ids.ts";
import type { BumpRequest } from "../protocol/requests.ts";
import type { Change } from "../protocol/statements.ts";
import type { EntityRow, Rows } from "./rows.ts";

/** How a bump increments. */
type Step = Pick<BumpRequest, "scope" | "preid">;

/**
 * The whole plan of a bump, for a dry run and for the statement alike.
 *
 * One entity: it is incremented, then its cascade, breadth first, siblings by id: a linked child is incremented by the
 * same scope, a lockstep child takes the new version, an independent child stays, and so does all below it. A linked
 * child that the scope cannot move up (`release` where there is no prerelease, or a preid that sorts below the present
 * one) stays too, and the cascade ends there.
 *
 * Every entity (`*`): each one that is not lockstep is incremented once by itself, whatever its strategy; lockstep ones
 * take their parent's version. Breadth first from the roots by id; those that the scope cannot move up stay.
 *
 * A version that cannot be written (a part past 2^53 − 1, a text past 64 characters) refuses the whole bump.
 *
 * @throws entity_unknown, entity_retired, lockstep_follows_parent, version_conflict (facts: current), nothing_to_bump,
 * version_overflow, semver_invalid, invalid_field
 */
export function planBump(rows: Rows, request: BumpRequest): Change[] {
  const changes = request.entity === EVERY_ENTITY ? planEvery(rows, request) : planOne(rows, request);
  if (changes.length > 0) return changes;
  throw new TesError("nothing_to_bump", {
    detail: rows.entityCount() === 0 ? "there are no entities" : `no version here goes up by ${nameOf(request)}`,
  });
}

function planOne(rows: Rows, request: BumpRequest): Change[] {
  const row = rows.entity(request.entity);
  if (row === undefined) throw new TesError("entity_unknown", { detail: `there is no ${request.entity}` });
  if (row.retired === true) {
    throw new TesError("entity_retired", {
      detail: `${row.entity} stays at ${row.version}`,
      facts: { current: row.version },
    });
  }
  if (row.strategy === "lockstep") {
    throw new TesError("lockstep_follows_parent", {
      detail: `${row.entity} follows ${row.parent}`,
      facts: { parent: row.parent ?? "" },
    });
  }
  if (request.expected !== undefined && request.expected !== row.version) {
    throw new TesError("version_conflict", {
      detail: `${row.entity} is at ${row.version}`,
      field: "/expected",
      facts: { current: row.version },
    });
  }
  const to = next(row.version, request);
  if (to === null) return [];
  const changes: Change[] = [{ entity: row.entity, from: row.version, to }];
  // The list is its own queue: what stands behind the index waits for its children to be looked at.
  for (let i = 0; i < changes.length; i++) {
    const above = changes[i]!;
    for (const child of rows.children(above.entity)) {
      const version = follow(child, above.to, request);
      if (version !== null) changes.push({ entity: child.entity, from: child.version, to: version });
    }
  }
  return changes;
}

function planEvery(rows: Rows, request: BumpRequest): Change[] {
  if (request.expected !== undefined) {
    throw new TesError("invalid_field", { field: "/expected", detail: "expected names the version of one entity" });
  }
  const changes: Change[] = [];
  const moved = new Map<string, string>();
  const queue: EntityRow[] = [...rows.children(null)];
  for (let i = 0; i < queue.length; i++) {
    const row = queue[i]!;
    const to = row.strategy === "lockstep" ? (moved.get(row.parent ?? "") ?? null) : next(row.version, request);
    if (to !== null) {
      moved.set(row.entity, to);
      changes.push({ entity: row.entity, from: row.version, to });
    }
    queue.push(...rows.children(row.entity));
  }
  return changes;
}

/** Where a child goes when its parent moves; null: it stays. */
function follow(child: EntityRow, parentVersion: string, step: Step): string | null {
  switch (child.strategy) {
    case "independent":
      return null;
    case "linked":
      return next(child.version, step);
    case "lockstep":
      return parentVersion;
  }
}

/** The next version; null where the scope does not lead up from this one, so that no version comes twice. */
function next(version: string, { scope, preid }: Step): string | null {
  if (scope === "release" && parseSemver(version).prerelease.length === 0) return null;
  try {
    return incrementSemver(version, scope, preid);
  } catch (error) {
    // The scope and the preid were checked with the request: what is left is a preid that sorts below the present one.
    if (preid !== undefined && error instanceof TesError && error.code === "invalid_field") return null;
    throw error;
  }
}

function nameOf({ scope, preid }: Step): string {
  return preid === undefined ? scope : `${scope} with the preid ${preid}`;
}
