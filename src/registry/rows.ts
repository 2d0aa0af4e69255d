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
  readonly metadata?: Readonly<Record<string, string>>;
  /** Takes no new version and no declaration, and is nobody's child any more. */
  readonly retired?: true;
  /** Index of the declaration that holds: where strategy, parent, files and metadata come from. */
  readonly declared: number;
  /** Index of the last statement that touched the entity. */
  readonly seq: number;
  /** Time of that statement, milliseconds. */
  readonly at: number;
}

/** What the genesis said, and what followed of it. There is one such row. */
export interface RegistryRow {
  readonly registry: string;
  readonly visibility: Visibility;
  /** Of the log as it is now: a restore gives it another. */
  readonly origin: string;
  /** The keys that sign from here on. */
  readonly keys: GenesisKeys;
  readonly recovery: PublicKey;
  /** The genesis hash, which clients pin: hex of the leaf hash of statement 0. */
  readonly genesis: string;
  readonly at: number;
  /** Counts the restores: absent in the first epoch, then from 2. */
  readonly epoch?: number;
  /** Index and target of the last move, and the keys that signed before it. */
  readonly moved?: { readonly seq: number; readonly url: string; readonly from: GenesisKeys };
  /** Indexes of the statements that changed who signs, in order. */
  readonly announced?: readonly number[];
}

/** A token that is worth nothing any more. Forgotten once it would have expired anyway. */
export interface RevokedRow {
  readonly token: string;
  /** Seconds. */
  readonly exp: number;
  readonly seq: number;
}

/** Another registry of the deployment, as `default` lists it. A delisted one keeps its name. */
export interface ListingRow {
  readonly name: string;
  readonly genesis: string;
  readonly seq: number;
  readonly at: number;
  readonly delisted?: true;
}

/** A text that a statement refers to. What it says lies beside the log. */
export interface BlobRow {
  readonly digest: string;
  /** Of the statement that refers to it. */
  readonly seq: number;
  readonly erased: boolean;
}

/** A version that was handed out in a log that is lost: the entity starts there when it is declared again. */
export interface FloorRow {
  readonly entity: string;
  readonly version: string;
}

/** Who publishes an entity. */
export interface PublishersRow {
  readonly entity: string;
  readonly revision: number;
  /** By kid. */
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
  readonly seq: number;
  readonly at: number;
  /** Indexes of the statements of all revisions, in order. */
  readonly revisions: readonly number[];
}

/** A released version. */
export interface ReleaseRow {
  readonly entity: string;
  readonly version: string;
  readonly content: string;
  /** Digest of the payload's text. */
  readonly payload: string;
  readonly publishers: { readonly revision: number; readonly seq: number };
  readonly files: number;
  /** How many statements make it; the row of a release that is whole has as many. */
  readonly of: number;
  readonly signers: readonly string[];
  readonly statements: readonly number[];
  readonly attested: readonly number[];
  /** Of its first statement. */
  readonly seq: number;
  readonly at: number;
  /** Index of the last statement that touched it. */
  readonly last: number;
  readonly yanked?: { readonly seq: number; readonly at: number; readonly reason?: string };
}

/** Read access. What it hands out is valid until the next patch; nobody writes to it. */
export interface Rows {
  registry(): RegistryRow | undefined;
  entity(id: string): EntityRow | undefined;
  entities(): Iterable<EntityRow>;
  /** The entities in use whose parent this is (null: those without one), by id in code unit order. */
  children(id: string | null): readonly EntityRow[];
  /** Entities in use: retired ones do not count. */
  entityCount(): number;
  revoked(token: string): RevokedRow | undefined;
  revocations(): Iterable<RevokedRow>;
  listing(name: string): ListingRow | undefined;
  listings(): Iterable<ListingRow>;
  publishers(entity: string): PublishersRow | undefined;
  release(entity: string, version: string): ReleaseRow | undefined;
  blob(digest: string): BlobRow | undefined;
  floor(entity: string): string | undefined;
}

/** One row's new value; null deletes it. The registry's row has its name as key, an entity's its id. */
export type Patch =
  | { readonly table: "registry"; readonly key: string; readonly value: RegistryRow | null }
  | { readonly table: "entity"; readonly key: string; readonly value: EntityRow | null }
  | { readonly table: "revoked"; readonly key: string; readonly value: RevokedRow | null }
  | { readonly table: "listing"; readonly key: string; readonly value: ListingRow | null }
  | { readonly table: "publishers"; readonly key: string; readonly value: PublishersRow | null }
  | { readonly table: "release"; readonly key: string; readonly value: ReleaseRow | null }
  | { readonly table: "floor"; readonly key: string; readonly value: FloorRow | null }
  | { readonly table: "blob"; readonly key: string; readonly value: BlobRow | null };

export interface MemoryRows extends Rows {
  apply(patch: Patch): void;
}

const NONE: readonly EntityRow[] = [];

/** What a store keeps out of memory and is asked for: there are as many references to texts as bumps, and releases. */
export interface Lookup {
  readonly blob: (digest: string) => BlobRow | undefined;
  readonly release: (entity: string, version: string) => ReleaseRow | undefined;
}

/** Whether rows of this table are the store's alone. */
export const isLookedUp = (table: Patch["table"]): boolean => table === "blob" || table === "release";

/**
 * Rows in memory, from patches that a store kept or from nothing. A patch costs one binary search.
 *
 * @param lookup given: texts and releases are asked for there, and patches of them are the store's alone
 */
export function createMemoryRows(patches: Iterable<Patch> = [], lookup?: Lookup): MemoryRows {
  let registry: RegistryRow | undefined;
  const entities = new Map<string, EntityRow>();
  const children = new Map<string | null, EntityRow[]>();
  const revoked = new Map<string, RevokedRow>();
  const listings = new Map<string, ListingRow>();
  const floors = new Map<string, FloorRow>();
  const publishers = new Map<string, PublishersRow>();
  const releases = new Map<string, ReleaseRow>();
  const blobs = new Map<string, BlobRow>();
  let inUse = 0;

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
    const was = before !== undefined && before.retired !== true;
    const is = row !== null && row.retired !== true;
    inUse += Number(is) - Number(was);
    if (was && is && before.parent === row.parent) {
      const siblings = children.get(row.parent)!;
      siblings[placeOf(siblings, id)] = row;
    } else {
      if (was) unlink(before);
      if (is) link(row);
    }
    if (row === null) entities.delete(id);
    else entities.set(id, row);
  }

  const rows: MemoryRows = {
    registry: () => registry,
    entity: (id) => entities.get(id),
    entities: () => entities.values(),
    children: (id) => children.get(id) ?? NONE,
    entityCount: () => inUse,
    revoked: (token) => revoked.get(token),
    revocations: () => revoked.values(),
    listing: (name) => listings.get(name),
    listings: () => listings.values(),
    publishers: (entity) => publishers.get(entity),
    release: lookup?.release ?? ((entity, version) => releases.get(`${entity}@${version}`)),
    blob: lookup?.blob ?? ((digest) => blobs.get(digest)),
    floor: (entity) => floors.get(entity)?.version,
    apply(patch) {
      switch (patch.table) {
        case "registry":
          registry = patch.value ?? undefined;
          return;
        case "entity":
          return putEntity(patch.key, patch.value);
        case "revoked":
          return put(revoked, patch.key, patch.value);
        case "listing":
          return put(listings, patch.key, patch.value);
        case "floor":
          return put(floors, patch.key, patch.value);
        case "publishers":
          return put(publishers, patch.key, patch.value);
        case "release":
          if (lookup === undefined) put(releases, patch.key, patch.value);
          return;
        case "blob":
          if (lookup === undefined) put(blobs, patch.key, patch.value);
      }
    },
  };
  for (const patch of patches) rows.apply(patch);
  return rows;
}

function put<T>(table: Map<string, T>, key: string, value: T | null): void {
  if (value === null) table.delete(key);
  else table.set(key, value);
}

/** The patch that takes `patch` back. */
export function inverseOf(rows: Rows, { table, key }: Patch): Patch {
  switch (table) {
    case "registry":
      return { table, key, value: rows.registry() ?? null };
    case "entity":
      return { table, key, value: rows.entity(key) ?? null };
    case "revoked":
      return { table, key, value: rows.revoked(key) ?? null };
    case "listing":
      return { table, key, value: rows.listing(key) ?? null };
    case "floor": {
      const version = rows.floor(key);
      return { table, key, value: version === undefined ? null : { entity: key, version } };
    }
    case "publishers":
      return { table, key, value: rows.publishers(key) ?? null };
    case "release": {
      const at = key.lastIndexOf("@");
      return { table, key, value: rows.release(key.slice(0, at), key.slice(at + 1)) ?? null };
    }
    case "blob":
      return { table, key, value: rows.blob(key) ?? null };
  }
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
