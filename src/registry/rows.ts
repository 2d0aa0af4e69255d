/** The state that statements fold into, as keyed rows: what `decide` and `fold` read, and what a store keeps. */
import { compareCodeUnits } from "../core/bytes.ts";
import type { Strategy, Visibility } from "../protocol/fields.ts";
import type { EntityFile } from "../protocol/files.ts";
import type { GenesisKeys, PublicKey } from "../protocol/statements.ts";

export interface EntityRow {
  readonly entity: string;
  readonly version: string;
  readonly strategy: Strategy;
  readonly parent: string | null;
  readonly files: readonly EntityFile[];
  /** Index of the last statement that touched the entity. */
  readonly seq: number;
  /** Time of that statement, milliseconds. */
  readonly at: number;
}

/** What the genesis said. There is one such row, and it never changes. */
export interface RegistryRow {
  readonly registry: string;
  readonly visibility: Visibility;
  readonly origin: string;
  readonly keys: GenesisKeys;
  readonly recovery: PublicKey;
  /** The genesis hash, which clients pin: hex of the leaf hash of statement 0. */
  readonly genesis: string;
  readonly at: number;
}

/** Read access. What it hands out is valid until the next patch; nobody writes to it. */
export interface Rows {
  registry(): RegistryRow | undefined;
  entity(id: string): EntityRow | undefined;
  entities(): Iterable<EntityRow>;
  /** The entities whose parent this is (null: those without one), by id in code unit order. */
  children(id: string | null): readonly EntityRow[];
  entityCount(): number;
}

/** One row's new value; null deletes it. The registry's row has its name as key, an entity's its id. */
export type Patch =
  | { readonly table: "registry"; readonly key: string; readonly value: RegistryRow | null }
  | { readonly table: "entity"; readonly key: string; readonly value: EntityRow | null };

export interface MemoryRows extends Rows {
  apply(patch: Patch): void;
}

const NONE: readonly EntityRow[] = [];

/** Rows in memory, from patches that a store kept or from nothing. A patch costs one binary search. */
export function createMemoryRows(patches: Iterable<Patch> = []): MemoryRows {
  let registry: RegistryRow | undefined;
  const entities = new Map<string, EntityRow>();
  const children = new Map<string | null, EntityRow[]>();

  function unlink(row: EntityRow): void {
    const siblings = children.get(row.parent);
    if (siblings === undefined) return;
    siblings.splice(placeOf(siblings, row.entity), 1);
    if (siblings.length === 0) children.delete(row.parent);
  }

  function link(row: EntityRow): void {
    const siblings = children.get(row.parent);
    if (siblings === undefined) children.set(row.parent, [row]);
    else siblings.splice(placeOf(siblings, row.entity), 0, row);
  }

  function putEntity(id: string, row: EntityRow | null): void {
    const before = entities.get(id);
    if (before !== undefined && row !== null && before.parent === row.parent) {
      const siblings = children.get(row.parent)!;
      siblings[placeOf(siblings, id)] = row;
    } else {
      if (before !== undefined) unlink(before);
      if (row !== null) link(row);
    }
    if (row === null) entities.delete(id);
    else entities.set(id, row);
  }

  const rows: MemoryRows = {
    registry: () => registry,
    entity: (id) => entities.get(id),
    entities: () => entities.values(),
    children: (id) => children.get(id) ?? NONE,
    entityCount: () => entities.size,
    apply(patch) {
      if (patch.table === "registry") registry = patch.value ?? undefined;
      else putEntity(patch.key, patch.value);
    },
  };
  for (const patch of patches) rows.apply(patch);
  return rows;
}

/** Where an id stands, or would stand, among siblings in order. */
function placeOf(siblings: readonly EntityRow[], id: string): number {
  let low = 0;
  let high = siblings.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareCodeUnits(siblings[middle]!.entity, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
