/** Durable Object classes against what is bound, what lives in the end, and what the code exports. */

import { inherited, type ownBindings, type Worker } from "../model.ts";
import { closest } from "../spelling.ts";
import { asObject, asString, entryOf, type Span } from "../tree.ts";
import { type AuditContext, quote } from "./context.ts";

/** Names exported by entry points, by the text of `main`; null where they cannot be known. */
export type ExportedClasses = Readonly<Record<string, readonly string[] | null>>;

export type Binding = ReturnType<typeof ownBindings>[number];

/** What is known of a class that is bound and does not live in the end. */
export interface Fate {
  readonly deleted: boolean;
  /** Its new name; null when it went to another Worker. */
  readonly movedTo: string | null | undefined;
  /** How the declaration says so: "by a migration", "by exports". */
  readonly by: string;
  readonly liveNames: readonly string[];
  /** Begins the message where nothing is known of it: "No migration creates". */
  readonly uncovered: string;
}

/** Reports a bound class that does not live; returns whether its name is beyond doubt. */
export function reportUnliving(context: AuditContext, { env }: Worker, binding: Binding, fate: Fate): boolean {
  const { className, place } = binding;
  const name = quote(className);
  if (fate.deleted) {
    context.report("class-deleted-bound", place, `${name} is deleted ${fate.by} and still bound.`, { env, className });
  } else if (fate.movedTo === null) {
    const remedy = "Bind it with the script_name of the Worker that has it now.";
    const message = `${name} is transferred to another Worker ${fate.by}.`;
    context.report("class-renamed-bound", place, message, { env, className, remedy });
  } else if (fate.movedTo !== undefined) {
    const remedy = `Bind ${quote(fate.movedTo)} instead.`;
    const message = `${name} is renamed to ${quote(fate.movedTo)} ${fate.by}.`;
    context.report("class-renamed-bound", place, message, { env, className, remedy });
  } else {
    const guess = closest(className, fate.liveNames);
    const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
    context.report("class-uncovered", place, `${fate.uncovered} ${name}.${hint}`, { env, className });
    return guess === undefined;
  }
  return false;
}

/** An `exports` entry of that name whose type nobody knows: reported as a wrong value, and not a second time. */
export function exportsMention(worker: Worker, className: string): boolean {
  const entry = asObject(inherited(worker, "exports")?.node)?.entries.get(className);
  if (entry === undefined) return false;
  const type = asString(entryOf(entry.node, "type")?.node);
  return type !== "durable-object" && type !== "worker" && type !== "workflow";
}

/** Holds class names, with their places, against what the Worker's entry point exports. */
export function checkExported(
  context: AuditContext,
  worker: Worker,
  places: ReadonlyMap<string, Span>,
  exported: ExportedClasses,
): void {
  const main = inherited(worker, "main");
  const path = asString(main?.node);
  if (main === undefined || path === undefined || places.size === 0 || !Object.hasOwn(exported, path)) return;
  const names = exported[path];
  if (names === null || names === undefined) {
    const message = `What ${quote(path)} exports cannot be read, so its Durable Object classes are not checked against it.`;
    context.report("entry-unread", main.node, message);
    return;
  }
  for (const [className, place] of places) {
    if (names.includes(className)) continue;
    const guess = closest(className, names);
    const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
    context.report("class-not-exported", place, `${path} does not export ${quote(className)}.${hint}`, { className });
  }
}
