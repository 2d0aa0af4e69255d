/** Syntax, fields and values: what wrangler's schema says, and what a deploy needs. */

import { inherited, isPagesProject, type Worker } from "../model.ts";
import { checkSchema, type SchemaFault } from "../schema.ts";
import { asString, entryOf, nodeAt, type ObjectNode } from "../tree.ts";
import { type AuditContext, quote, shownEnv } from "./context.ts";

const NAME = /^[a-z0-9_][a-z0-9-_]*$/;
const REMOVED: Readonly<Record<string, string>> = {
  legacy_env: "Every environment is its own Worker now; remove the field.",
  node_compat: 'Remove it and add "nodejs_compat" to compatibility_flags.',
};

export function checkFields(context: AuditContext): void {
  const { root } = context.config;
  for (const entry of context.config.duplicateKeys) {
    context.report("key-duplicate", entry.span, `${quote(entry.key)} stands here a second time; this one counts.`);
  }
  for (const fault of checkSchema(root)) reportSchemaFault(context, fault);
  if (isPagesProject(root)) {
    const place = entryOf(root, "pages_build_output_dir")!.span;
    context.report("pages-project", place, "A Pages project: only syntax, fields and secrets are checked.");
    return;
  }
  checkDeployFields(context);
  for (const worker of context.workers) checkNames(context, worker);
}

function reportSchemaFault(context: AuditContext, fault: SchemaFault): void {
  const inEnv = fault.path[0] === "env" && fault.path.length > 1;
  const env = inEnv ? String(fault.path[1]) : null;
  const path = inEnv ? fault.path.slice(2) : fault.path;
  const field = shownPath(fault.path);
  // The replay of the migrations reports these, with what follows from them.
  if (path[0] === "durable_objects" && path[1] === "migrations") return;
  if (path[0] === "migrations" && fault.kind === "unknown" && path.length === 3) return;
  if (path[0] === "migrations" && fault.kind === "missing" && path.length === 3) return;
  if (path[0] === "migrations" && path.length === 1 && nodeAt(ownerOf(context, env), "migrations")?.kind === "object")
    return;
  const last = String(fault.path.at(-1));
  if (fault.kind === "unknown" && path.length === 1 && Object.hasOwn(REMOVED, last)) {
    context.report("removed-field", fault.span, `${field} is gone from wrangler.`, { env, remedy: REMOVED[last]! });
  } else if (fault.kind === "unknown" && path[0] === "exports") {
    context.report("invalid-value", fault.span, `${field} is not allowed here.`, {
      env,
      remedy: "Remove it, or change state.",
    });
  } else if (fault.kind === "unknown") {
    const guess = fault.suggestion;
    const remedy = guess === undefined ? "Remove it, or correct its name." : `Write ${quote(guess)}.`;
    const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
    const parent = shownPath(fault.path.slice(0, -1)) || "top-level";
    const answer = `Unexpected fields found in ${parent} field: ${JSON.stringify(last)}`;
    context.report("unknown-field", fault.span, `wrangler knows no field ${field} and ignores it.${hint}`, {
      env,
      remedy,
      answer,
    });
  } else {
    const remedy = fault.suggestion === undefined ? {} : { remedy: `Write ${quote(fault.suggestion)}.` };
    context.report("invalid-value", fault.span, `${field} must be ${fault.expected}.`, { env, ...remedy });
  }
}

function ownerOf(context: AuditContext, env: string | null): ObjectNode | undefined {
  return context.workers.find((worker) => worker.env === env)?.own;
}

function shownPath(path: readonly (string | number)[]): string {
  let out = "";
  for (const part of path) {
    if (typeof part === "number") out += `[${part}]`;
    else out += `${out === "" ? "" : "."}${/^[\w-]+$/.test(part) ? part : quote(part)}`;
  }
  return out;
}

/** One finding for all of name, compatibility_date and main, if any Worker of the file lacks them. */
function checkDeployFields(context: AuditContext): void {
  const [top, ...envs] = context.workers;
  const missing = ["name", "compatibility_date", "main"].filter((field) => {
    const lacks = (worker: Worker): boolean =>
      field === "name"
        ? worker.name === undefined && inherited(worker, "name") === undefined
        : inherited(worker, field) === undefined && (field !== "main" || !hasAssets(worker));
    // Where environments are all complete, the top level may be one that nobody deploys.
    return lacks(top!) && (envs.length === 0 || envs.some(lacks));
  });
  if (missing.length === 0) return;
  context.report("deploy-field-missing", top!.place, `${missing.join(", ")} missing.`);
}

function hasAssets(worker: Worker): boolean {
  return (
    nodeAt(inherited(worker, "assets")?.node, "directory") !== undefined || entryOf(worker.top, "site") !== undefined
  );
}

function checkNames(context: AuditContext, worker: Worker): void {
  const { env } = worker;
  const name = entryOf(worker.own, "name");
  const text = asString(name?.node);
  if (name !== undefined && text !== undefined && text !== "" && !NAME.test(text)) {
    context.report("name-invalid", name.node, `${quote(text)} is not a Worker's name.`, { env });
  }
  const date = entryOf(worker.own, "compatibility_date");
  const written = asString(date?.node);
  if (date !== undefined && written !== undefined && !isDate(written)) {
    context.report("compatibility-date-invalid", date.node, `compatibility_date of ${shownEnv(env)} is not a date.`, {
      env,
    });
  }
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
