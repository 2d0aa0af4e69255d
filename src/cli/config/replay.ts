/** Migrations replayed in order, as wrangler and Cloudflare do: which classes exist in the end, and what cannot be. */

import type { RuleId } from "./rules.ts";
import { closest } from "./spelling.ts";
import {
  asArray,
  asObject,
  asString,
  type ConfigNode,
  entryOf,
  type ObjectNode,
  type Span,
  stringItems,
} from "./tree.ts";

export type Storage = "sqlite" | "kv" | "unknown";

/** A class that exists after the replay. */
export interface LiveClass {
  readonly storage: Storage;
  /** Where its name was given: created, renamed or transferred to. */
  readonly place: Span;
  /** Where it was first made, before any renaming. */
  readonly origin: Span;
}

export interface ReplayFault {
  readonly rule: RuleId;
  readonly place: Span;
  readonly message: string;
  /** What wrangler says, where it names what is at fault. */
  readonly answer?: string;
}

export interface Replay {
  readonly live: ReadonlyMap<string, LiveClass>;
  readonly deleted: ReadonlySet<string>;
  /** Old name to new name, or to null for a class that was transferred to another Worker. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Every class a field mentions that wrangler ignores: what it was for cannot be told, so they are not reported twice. */
  readonly mentioned: ReadonlySet<string>;
  readonly faults: readonly ReplayFault[];
}

/** The fields of a migration (wrangler 4.164, validateMigrations). */
export const MIGRATION_FIELDS = [
  "tag",
  "new_classes",
  "new_sqlite_classes",
  "renamed_classes",
  "deleted_classes",
  "transferred_classes",
] as const;

interface State {
  readonly live: Map<string, LiveClass>;
  readonly deleted: Set<string>;
  readonly renamed: Map<string, string>;
  readonly mentioned: Set<string>;
  readonly faults: ReplayFault[];
}

/** Replays migrations in their order; each step in wrangler's: deleted, renamed, transferred, new, new SQLite. */
export function replayMigrations(items: readonly ConfigNode[]): Replay {
  const state: State = { live: new Map(), deleted: new Set(), renamed: new Map(), mentioned: new Set(), faults: [] };
  const tags = new Set<string>();
  for (const item of items) {
    const migration = asObject(item);
    if (migration === undefined) continue;
    checkTag(migration, tags, state.faults);
    const fields = readFields(migration, state);
    for (const entry of stringItems(fields.get("deleted_classes"))) deleteClass(entry.text, entry.node, state);
    for (const pair of pairs(fields.get("renamed_classes"))) renameClass(pair.from, pair.to, pair.node, state);
    for (const pair of pairs(fields.get("transferred_classes"))) {
      createClass(pair.to, "unknown", pair.node, "transferred_classes", state);
    }
    for (const field of ["new_classes", "new_sqlite_classes"] as const) {
      const storage = field === "new_classes" ? "kv" : "sqlite";
      for (const entry of stringItems(fields.get(field))) createClass(entry.text, storage, entry.node, field, state);
    }
  }
  return state;
}

function checkTag(migration: ObjectNode, tags: Set<string>, faults: ReplayFault[]): void {
  const entry = migration.entries.get("tag");
  const tag = asString(entry?.node);
  if (entry === undefined) {
    // A misspelt tag is reported as the unknown field it is.
    if ([...migration.entries.keys()].some((key) => !isMigrationField(key) && closest(key, ["tag"]) !== undefined))
      return;
    faults.push({ rule: "migration-tag-missing", place: migration, message: "This migration has no tag." });
  } else if (tag !== undefined) {
    if (tags.has(tag)) {
      faults.push({
        rule: "migration-tag-duplicate",
        place: entry.node,
        message: `The tag ${JSON.stringify(tag)} is used by an earlier migration.`,
      });
    }
    tags.add(tag);
  }
}

/** The known fields; an unknown one that resembles a known one is taken for it, so that one slip is one finding. */
function readFields(migration: ObjectNode, state: State): Map<string, ConfigNode> {
  const fields = new Map<string, ConfigNode>();
  for (const [key, { node }] of migration.entries) {
    if (isMigrationField(key)) fields.set(key, node);
  }
  for (const [key, entry] of migration.entries) {
    if (isMigrationField(key)) continue;
    const free = MIGRATION_FIELDS.filter((field) => !migration.entries.has(field));
    const meant = closest(key, free);
    const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
    const message = `Migrations have no field ${JSON.stringify(key)}; wrangler ignores it.${hint}`;
    const answer = `Unexpected fields found in migrations field: ${JSON.stringify(key)}`;
    state.faults.push({ rule: "migration-field-unknown", place: entry.span, message, answer });
    for (const name of mentionedNames(entry.node)) state.mentioned.add(name);
    if (meant !== undefined && meant !== "tag") fields.set(meant, entry.node);
  }
  return fields;
}

function isMigrationField(key: string): boolean {
  return (MIGRATION_FIELDS as readonly string[]).includes(key);
}

function mentionedNames(node: ConfigNode): string[] {
  const own = asString(node);
  return own === undefined ? stringItems(node).map((item) => item.text) : [own];
}

function pairs(node: ConfigNode | undefined): { from: string; to: string; node: ConfigNode }[] {
  return (asArray(node)?.items ?? []).flatMap((item) => {
    const from = asString(entryOf(item, "from")?.node);
    const to = asString(entryOf(item, "to")?.node);
    return from === undefined || to === undefined ? [] : [{ from, to, node: item }];
  });
}

function deleteClass(name: string, place: Span, state: State): void {
  if (!takeClass(name, "deleted_classes", place, state)) return;
  state.live.delete(name);
  state.deleted.add(name);
}

function renameClass(from: string, to: string, place: Span, state: State): void {
  const known = takeClass(from, "renamed_classes", place, state);
  const { storage, origin } = state.live.get(from) ?? { storage: "unknown" as const, origin: place };
  if (known) {
    state.live.delete(from);
    state.renamed.set(from, to);
  }
  if (state.live.has(to)) {
    const message = `${JSON.stringify(from)} is renamed to ${JSON.stringify(to)}, which already exists.`;
    state.faults.push({ rule: "migration-class-existing", place, message });
  }
  setLive(to, { storage, place, origin }, state);
}

function createClass(name: string, storage: Storage, place: Span, field: string, state: State): void {
  const existing = state.live.get(name);
  if (existing !== undefined) {
    const switched = storage !== "unknown" && existing.storage !== "unknown" && storage !== existing.storage;
    const message = switched
      ? `${JSON.stringify(name)} was made ${shown(existing.storage)} by an earlier migration; ${field} would make it ${shown(storage)}.`
      : `${JSON.stringify(name)} already exists when ${field} would make it.`;
    const answer = `Cannot apply ${field} migration to existing class ${name}`;
    const rule = switched ? "migration-storage-switch" : "migration-class-existing";
    state.faults.push({ rule, place, message, answer });
    return;
  }
  setLive(name, { storage, place, origin: place }, state);
}

function shown(storage: Storage): string {
  return storage === "kv" ? "KV-backed" : "SQLite-backed";
}

function setLive(name: string, entry: LiveClass, state: State): void {
  state.live.set(name, entry);
  state.deleted.delete(name);
  state.renamed.delete(name);
}

/** Whether a class may be deleted or renamed now; says why not. */
function takeClass(name: string, field: string, place: Span, state: State): boolean {
  const answer = `Cannot apply ${field} migration to non-existent class ${name}`;
  const existing = state.live.get(name);
  if (existing !== undefined) {
    if (existing.storage === "unknown") {
      const message = `${field} names ${JSON.stringify(name)}, which came by transferred_classes; wrangler's replay does not count those.`;
      state.faults.push({ rule: "migration-class-missing", place, message, answer });
    }
    return true;
  }
  const guess = closest(name, [...state.live.keys()]);
  const moved = state.renamed.get(name);
  const hint =
    moved !== undefined
      ? ` It was renamed to ${JSON.stringify(moved)}.`
      : guess === undefined
        ? ""
        : ` Did you mean ${JSON.stringify(guess)}?`;
  const message = `${field} names ${JSON.stringify(name)}, which does not exist at this point.${hint}`;
  if (!state.mentioned.has(name)) state.faults.push({ rule: "migration-class-missing", place, message, answer });
  return false;
}
