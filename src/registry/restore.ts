/** Opening an old backup as a new epoch: what fits, and which versions it raises. */
import { TesError } from "../core/errors.ts";
import { compareSemver, parseSemver } from "../core/semver.ts";
import type { RegistryRestored } from "../protocol/statements.ts";
import type { EntityRow, FloorRow, RegistryRow, Rows } from "./rows.ts";

/** A restore whose signature the caller has checked: nothing here can, since that takes an await. */
export interface RestoreCommand
  extends Pick<RegistryRestored, "epoch" | "origin" | "lost" | "floor" | "keys" | "recovery"> {
  readonly kind: "restore";
}

/** The origin of an epoch: that of the genesis, and from the second epoch on a suffix. */
export function epochOrigin({ origin, epoch }: Pick<RegistryRow, "origin" | "epoch">, next: number): string {
  const first = epoch === undefined ? origin : origin.slice(0, -`/epoch-${epoch}`.length);
  return `${first}/epoch-${next}`;
}

/** @throws epoch_invalid with the epoch and origin that come next */
export function decideRestore(
  registry: RegistryRow,
  { epoch, origin, lost, floor, keys, recovery }: RestoreCommand,
): Omit<RegistryRestored, "v" | "registry" | "seq" | "at" | "by" | "idempotency"> {
  checkEpoch(registry, { epoch, origin, recovery });
  return { type: "registry.restored", epoch, origin, lost, floor, keys, recovery };
}

/** The rules that hold for every restore in a log. @throws epoch_invalid */
export function checkEpoch(
  registry: RegistryRow,
  { epoch, origin, recovery }: Pick<RegistryRestored, "epoch" | "origin" | "recovery">,
): void {
  const next = (registry.epoch ?? 1) + 1;
  if (epoch !== next) {
    throw new TesError("epoch_invalid", { field: "/epoch", detail: `the next is ${next}`, facts: { epoch: next } });
  }
  const expected = epochOrigin(registry, next);
  if (origin !== expected) {
    throw new TesError("epoch_invalid", { field: "/origin", detail: `it is ${expected}`, facts: { origin: expected } });
  }
  if (recovery.kid !== registry.recovery.kid) {
    throw new TesError("epoch_invalid", { field: "/recovery/kid", detail: "it is not the genesis' recovery key" });
  }
}

/**
 * What the floor changes. An entity below its floor is raised to it; a lockstep entity and its parent go to the higher
 * of the two, so that they stay equal. A name that this log does not know is remembered: it starts there if it is ever
 * declared, so that no version comes twice.
 */
export function raiseToFloor(
  rows: Rows,
  floor: RegistryRestored["floor"],
): { readonly entities: EntityRow[]; readonly floors: FloorRow[] } {
  const raised = new Map<string, string>();
  const floors: FloorRow[] = [];
  const versionOf = (row: EntityRow): string => raised.get(row.entity) ?? row.version;
  const raise = (row: EntityRow, version: string): void => {
    if (compareSemver(parseSemver(version), parseSemver(versionOf(row))) > 0) raised.set(row.entity, version);
  };
  for (const { entity, version } of floor) {
    const row = rows.entity(entity);
    if (row !== undefined) raise(row, version);
    else floors.push({ entity, version });
  }
  const order: EntityRow[] = [...rows.children(null)];
  for (let i = 0; i < order.length; i++) order.push(...rows.children(order[i]!.entity));
  for (const row of order.toReversed()) {
    if (row.strategy === "lockstep") raise(rows.entity(row.parent!)!, versionOf(row));
  }
  for (const row of order) {
    if (row.strategy === "lockstep") raise(row, versionOf(rows.entity(row.parent!)!));
  }
  const entities = [...raised].map(([entity, version]) => ({ ...rows.entity(entity)!, version }));
  return { entities, floors };
}
