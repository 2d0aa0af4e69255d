/** Durable Object classes by `exports`, the declarative form: does every bound class have a live entry? */

import { isLiveExport, ownBindings, type Worker } from "../model.ts";
import type { Replay } from "../replay.ts";
import { asString, type Entry, entryOf, type Span } from "../tree.ts";
import { checkExported, type ExportedClasses, exportsMention, reportUnliving } from "./classes.ts";
import { type AuditContext, quote } from "./context.ts";

export function checkDeclared(
  context: AuditContext,
  worker: Worker,
  exports: readonly Entry[],
  replay: Replay,
  exported: ExportedClasses,
): void {
  const live = exports.filter(isLiveExport);
  const liveNames = live.map((entry) => entry.key);
  checkTargets(context, worker, exports, liveNames);
  const bindings = ownBindings(worker);
  const places = new Map<string, Span>(bindings.map((binding) => [binding.className, binding.place]));
  for (const binding of bindings) {
    const { className } = binding;
    if (liveNames.includes(className) || replay.live.has(className) || exportsMention(worker, className)) continue;
    const entry = exports.find((candidate) => candidate.key === className);
    const state = asString(entryOf(entry?.node, "state")?.node);
    const certain = reportUnliving(context, worker, binding, {
      deleted: state === "deleted",
      movedTo:
        state === "renamed"
          ? asString(entryOf(entry?.node, "renamed_to")?.node)
          : state === "transferred"
            ? null
            : undefined,
      by: "by exports",
      liveNames,
      uncovered: "exports has no live entry for",
    });
    if (!certain) places.delete(className);
  }
  for (const entry of live) places.set(entry.key, entry.span);
  checkExported(context, worker, places, exported);
}

/** Whether each renamed class goes to one that is declared live. */
function checkTargets(
  context: AuditContext,
  { env }: Worker,
  exports: readonly Entry[],
  liveNames: readonly string[],
): void {
  for (const entry of exports) {
    const renamedTo = entryOf(entry.node, "renamed_to");
    const target = asString(renamedTo?.node);
    if (asString(entryOf(entry.node, "state")?.node) !== "renamed" || target === undefined) continue;
    if (liveNames.includes(target)) continue;
    const message = `${quote(entry.key)} is renamed to ${quote(target)}, which exports does not declare live.`;
    context.report("exports-target-missing", renamedTo!.node, message, { env });
  }
}
