/** Durable Object classes: does every bound class exist after the migrations, or live in `exports`, and does the code export it? */

import {
  durableExports,
  inherited,
  isLiveExport,
  migrationItems,
  nestedMigrations,
  ownBindings,
  type Worker,
} from "../model.ts";
import { type Replay, replayMigrations } from "../replay.ts";
import { closest } from "../spelling.ts";
import { asObject, asString, type ConfigNode, type Entry, entryOf, equalNodes, type Span } from "../tree.ts";
import { type AuditContext, quote } from "./context.ts";

/** Names exported by entry points, by the text of `main`; null where they cannot be known. */
export type ExportedClasses = Readonly<Record<string, readonly string[] | null>>;

type Binding = ReturnType<typeof ownBindings>[number];

export function checkLifecycle(context: AuditContext, exported: ExportedClasses): void {
  for (const worker of context.workers) {
    const nested = nestedMigrations(worker);
    const own = inherited(worker, "migrations");
    const effective = migrationItems(own?.node);
    const missed = missedMigrations(nested, effective);
    reportNested(context, worker, nested, missed);
    if (own?.node.kind === "object") {
      context.report("migrations-not-array", own.span, "migrations is one table; wrangler takes a list.", {
        env: worker.env,
      });
    }
    const items = [...effective, ...missed];
    const replay = replayMigrations(items);
    for (const fault of replay.faults) context.report(fault.rule, fault.place, fault.message);
    for (const [name, live] of replay.live) {
      if (live.storage === "kv") {
        context.report("new-classes-kv", live.origin, `${quote(name)} is KV-backed.`, { className: name });
      }
    }
    const exports = durableExports(worker);
    if (exports.length > 0 && effective.length > 0) reportBoth(context, worker, exports[0]!);
    else if (exports.length > 0) checkExports(context, worker, exports, replay, exported);
    else checkMigrations(context, worker, items.length > 0, replay, exported);
  }
}

/** The nested migrations that the effective ones do not already hold. */
function missedMigrations(nested: Entry | undefined, effective: readonly ConfigNode[]): ConfigNode[] {
  return migrationItems(nested?.node).filter((item) => !effective.some((other) => equalNodes(item, other)));
}

function reportNested(
  context: AuditContext,
  worker: Worker,
  nested: Entry | undefined,
  missed: readonly ConfigNode[],
): void {
  if (nested === undefined) return;
  const { env } = worker;
  const place = nested.span;
  if (missed.length === 0 && inherited(worker, "migrations") !== undefined) {
    context.report(
      "migrations-nested-duplicate",
      place,
      "durable_objects.migrations repeats migrations that are in place.",
      { env },
    );
    return;
  }
  const path = env === null ? "[[migrations]]" : `[[env.${env}.migrations]]`;
  const bound = ownBindings(worker)[0]?.className;
  context.report("migrations-nested", place, "durable_objects.migrations is never applied.", {
    env,
    remedy: `Move them to ${path}: tes config fix.`,
    ...(bound === undefined ? {} : { className: bound }),
  });
}

function reportBoth(context: AuditContext, worker: Worker, first: Entry): void {
  const ownExports = entryOf(worker.own, "exports");
  const place = ownExports?.span ?? entryOf(worker.own, "migrations")?.span ?? first.span;
  context.report(
    "exports-and-migrations",
    place,
    "migrations and Durable Object exports are both declared for one Worker.",
    {
      env: worker.env,
    },
  );
}

function checkMigrations(
  context: AuditContext,
  worker: Worker,
  any: boolean,
  replay: Replay,
  exported: ExportedClasses,
): void {
  const bindings = ownBindings(worker).filter((binding) => !exportsMention(worker, binding.className));
  const { env } = worker;
  if (!any && bindings.length > 0) {
    const names = [...new Set(bindings.map((binding) => binding.className))];
    context.report(
      "lifecycle-missing",
      bindings[0]!.place,
      `${names.map(quote).join(", ")} bound, with no migration at all.`,
      {
        env,
        className: names[0]!,
        remedy: `Add [[migrations]] with new_sqlite_classes = [${names.map(quote).join(", ")}]: tes config fix.`,
      },
    );
  }
  const live = [...replay.live.keys()];
  const uncertain = new Set<string>();
  for (const binding of any ? bindings : []) {
    const { className, place } = binding;
    if (replay.live.has(className) || replay.mentioned.has(className)) continue;
    const moved = replay.renamed.get(className);
    if (replay.deleted.has(className)) {
      context.report("class-deleted-bound", place, `${quote(className)} is deleted by a migration and still bound.`, {
        env,
        className,
      });
    } else if (moved !== undefined) {
      const remedy = `Bind ${quote(moved)} instead.`;
      context.report("class-renamed-bound", place, `${quote(className)} was renamed to ${quote(moved)}.`, {
        env,
        className,
        remedy,
      });
    } else {
      const guess = closest(className, live);
      reportUncovered(context, binding, guess, "No migration creates", env);
      if (guess === undefined) continue;
    }
    uncertain.add(className);
  }
  const places = new Map<string, Span>(bindings.map((binding) => [binding.className, binding.place]));
  for (const [name, entry] of replay.live) places.set(name, entry.place);
  checkExported(context, worker, places, uncertain, exported);
}

function checkExports(
  context: AuditContext,
  worker: Worker,
  exports: readonly Entry[],
  replay: Replay,
  exported: ExportedClasses,
): void {
  const { env } = worker;
  const byName = new Map(exports.map((entry) => [entry.key, entry]));
  const live = exports.filter(isLiveExport);
  const liveNames = live.map((entry) => entry.key);
  for (const entry of exports) {
    const target = asString(entryOf(entry.node, "renamed_to")?.node);
    if (asString(entryOf(entry.node, "state")?.node) !== "renamed" || target === undefined) continue;
    if (liveNames.includes(target)) continue;
    const place = entryOf(entry.node, "renamed_to")!.node;
    context.report(
      "exports-target-missing",
      place,
      `${quote(entry.key)} is renamed to ${quote(target)}, which exports does not declare live.`,
    );
  }
  const uncertain = new Set<string>();
  for (const binding of ownBindings(worker)) {
    const { className, place } = binding;
    if (liveNames.includes(className) || replay.live.has(className) || exportsMention(worker, className)) continue;
    const entry = byName.get(className);
    const state = asString(entryOf(entry?.node, "state")?.node);
    const target = asString(entryOf(entry?.node, "renamed_to")?.node);
    if (state === "deleted") {
      context.report(
        "class-deleted-bound",
        place,
        `exports declares ${quote(className)} deleted, and it is still bound.`,
        { env, className },
      );
    } else if (state === "renamed" && target !== undefined) {
      const remedy = `Bind ${quote(target)} instead.`;
      context.report("class-renamed-bound", place, `exports renames ${quote(className)} to ${quote(target)}.`, {
        env,
        className,
        remedy,
      });
    } else if (state === "transferred") {
      context.report("class-renamed-bound", place, `exports transfers ${quote(className)} to another Worker.`, {
        env,
        className,
        remedy: "Bind it with the script_name of the Worker that has it now.",
      });
    } else {
      const guess = closest(className, liveNames);
      reportUncovered(context, binding, guess, "exports has no live entry for", env);
      if (guess === undefined) continue;
    }
    uncertain.add(className);
  }
  const places = new Map<string, Span>(ownBindings(worker).map((binding) => [binding.className, binding.place]));
  for (const entry of live) places.set(entry.key, entry.span);
  checkExported(context, worker, places, uncertain, exported);
}

function reportUncovered(
  context: AuditContext,
  binding: Binding,
  guess: string | undefined,
  lead: string,
  env: string | null,
): void {
  const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
  const { className } = binding;
  context.report("class-uncovered", binding.place, `${lead} ${quote(className)}.${hint}`, { env, className });
}

/** An `exports` entry of that name whose type nobody knows: reported as a wrong value, and not a second time. */
function exportsMention(worker: Worker, className: string): boolean {
  const entry = asObject(inherited(worker, "exports")?.node)?.entries.get(className);
  if (entry === undefined) return false;
  const type = asString(entryOf(entry.node, "type")?.node);
  return type !== "durable-object" && type !== "worker" && type !== "workflow";
}

function checkExported(
  context: AuditContext,
  worker: Worker,
  places: ReadonlyMap<string, Span>,
  uncertain: ReadonlySet<string>,
  exported: ExportedClasses,
): void {
  const main = asString(inherited(worker, "main")?.node);
  const names = main === undefined || !Object.hasOwn(exported, main) ? null : exported[main];
  if (names === null || names === undefined || main === undefined) return;
  for (const [className, place] of places) {
    if (names.includes(className) || uncertain.has(className)) continue;
    const guess = closest(className, names);
    const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
    context.report("class-not-exported", place, `${main} does not export ${quote(className)}.${hint}`, { className });
  }
}
