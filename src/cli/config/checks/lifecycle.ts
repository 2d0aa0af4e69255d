/** Durable Object classes by migrations: does every bound class exist after they are replayed? */

import { type Migrations, migrationsOf, replayOf } from "../migrations.ts";
import { durableExports, migrationItems, ownBindings, type Worker } from "../model.ts";
import type { Replay } from "../replay.ts";
import { type Entry, entryOf, equalNodes, type Span } from "../tree.ts";
import { checkExported, type ExportedClasses, exportsMention, reportUnliving } from "./classes.ts";
import { type AuditContext, quote, shownEnv } from "./context.ts";
import { checkDeclared } from "./declared.ts";

export function checkLifecycle(context: AuditContext, exported: ExportedClasses): void {
  for (const worker of context.workers) {
    const migrations = migrationsOf(worker);
    reportNested(context, worker, migrations);
    if (migrations.own?.node.kind === "object") {
      const message = `migrations of ${shownEnv(worker.env)} is one table; wrangler takes a list.`;
      context.report("migrations-not-array", migrations.own.span, message, { env: worker.env });
    }
    const replay = replayOf(migrations);
    // What an environment inherits is the top level's fault, and is reported there.
    const env = migrations.own === undefined && migrations.base.length > 0 ? null : worker.env;
    for (const { rule, place, message, answer } of replay.faults) {
      context.report(rule, place, message, { env, ...(answer === undefined ? {} : { answer }) });
    }
    for (const [name, live] of replay.live) {
      if (live.storage === "kv") {
        context.report("new-classes-kv", live.origin, `${quote(name)} is KV-backed.`, { env, className: name });
      }
    }
    const exports = durableExports(worker);
    if (exports.length > 0 && migrations.effective.length > 0) reportBoth(context, worker, migrations, exports[0]!);
    else if (exports.length > 0) checkDeclared(context, worker, exports, replay, exported);
    else checkMigrations(context, worker, migrations, replay, exported);
  }
}

function reportNested(context: AuditContext, worker: Worker, { nested, effective }: Migrations): void {
  const { env } = worker;
  if (nested === undefined) return;
  const items = migrationItems(nested.node);
  if (effective.length > 0 && items.every((item) => effective.some((other) => equalNodes(item, other)))) {
    const message = "durable_objects.migrations repeats migrations that are in place.";
    context.report("migrations-nested-duplicate", nested.span, message, { env });
    return;
  }
  const path = env === null ? "[[migrations]]" : `[[env.${env}.migrations]]`;
  const bound = ownBindings(worker)[0]?.className;
  context.report("migrations-nested", nested.span, "Migrations under durable_objects are never applied.", {
    env,
    remedy: `Move them to ${path}: tes config fix.`,
    ...(bound === undefined ? {} : { className: bound }),
  });
}

function reportBoth(context: AuditContext, worker: Worker, migrations: Migrations, first: Entry): void {
  const place = entryOf(worker.own, "exports")?.span ?? migrations.own?.span ?? first.span;
  const message = "migrations and Durable Object exports are both declared for one Worker.";
  context.report("exports-and-migrations", place, message, { env: worker.env });
}

function checkMigrations(
  context: AuditContext,
  worker: Worker,
  migrations: Migrations,
  replay: Replay,
  exported: ExportedClasses,
): void {
  const bindings = ownBindings(worker).filter((binding) => !exportsMention(worker, binding.className));
  const { env } = worker;
  const places = new Map<string, Span>(bindings.map((binding) => [binding.className, binding.place]));
  if (migrations.base.length + migrations.missed.length === 0) {
    if (bindings.length > 0) {
      const names = [...places.keys()].map(quote).join(", ");
      context.report("lifecycle-missing", bindings[0]!.place, `${names} bound, with no migration at all.`, {
        env,
        className: bindings[0]!.className,
        remedy: `Add [[migrations]] with new_sqlite_classes = [${names}]: tes config fix.`,
      });
    }
  } else {
    for (const binding of bindings) {
      const { className } = binding;
      if (replay.live.has(className) || replay.mentioned.has(className)) continue;
      const certain = reportUnliving(context, worker, binding, {
        deleted: replay.deleted.has(className),
        movedTo: replay.renamed.get(className),
        by: "by a migration",
        liveNames: [...replay.live.keys()],
        uncovered: "No migration creates",
      });
      if (!certain) places.delete(className);
    }
    for (const [name, entry] of replay.live) places.set(name, entry.place);
  }
  checkExported(context, worker, places, exported);
}
