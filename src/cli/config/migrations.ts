/** Which migrations a Worker has, which it was meant to have, and what they come to. */

import { durableExports, inherited, isLiveExport, migrationItems, nestedMigrations, type Worker } from "./model.ts";
import { type Replay, replayMigrations } from "./replay.ts";
import { type ConfigNode, type Entry, entryOf, valueKey } from "./tree.ts";

/** The migrations of one Worker, by where they stand. */
export interface Migrations {
  /** Its own `migrations`, which replaces an inherited list. */
  readonly own: Entry | undefined;
  /** Its own `durable_objects.migrations`, which wrangler ignores. */
  readonly nested: Entry | undefined;
  /** What wrangler applies: the own list, else the top level's. */
  readonly effective: readonly ConfigNode[];
  /** The same once the top level's nested ones are moved up, for an environment that inherits them. */
  readonly base: readonly ConfigNode[];
  /** The nested ones that `base` does not hold already, each once. */
  readonly missed: readonly ConfigNode[];
}

export function migrationsOf(worker: Worker): Migrations {
  const own = entryOf(worker.own, "migrations");
  const effective = migrationItems(inherited(worker, "migrations")?.node);
  const inherits = worker.env !== null && own === undefined;
  const base = inherits ? [...effective, ...notIn(topNested(worker), effective)] : effective;
  const nested = nestedMigrations(worker);
  return { own, nested, effective, base, missed: notIn(migrationItems(nested?.node), base) };
}

/** The migrations of `items` that are not in `others`; one that is written twice counts once. */
export function notIn(items: readonly ConfigNode[], others: readonly ConfigNode[]): ConfigNode[] {
  const seen = new Set(others.map(valueKey));
  return items.filter((item) => {
    const key = valueKey(item);
    return !seen.has(key) && seen.add(key) !== undefined;
  });
}

function topNested(worker: Worker): ConfigNode[] {
  return migrationItems(entryOf(entryOf(worker.top, "durable_objects")?.node, "migrations")?.node);
}

/** The replay of all that a Worker's author wrote down, wherever it stands. */
export function replayOf({ base, missed }: Migrations): Replay {
  return replayMigrations([...base, ...missed]);
}

/** The classes that a Worker implements in the end; null where it says nothing of them. */
export function liveClasses(worker: Worker): Set<string> | null {
  const migrations = migrationsOf(worker);
  const exports = durableExports(worker);
  if (migrations.base.length + migrations.missed.length + exports.length === 0) return null;
  const { live, mentioned } = replayOf(migrations);
  return new Set([...live.keys(), ...mentioned, ...exports.filter(isLiveExport).map((entry) => entry.key)]);
}
