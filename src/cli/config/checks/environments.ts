/** Environments: what they do not inherit, and which Worker each one deploys to. */

import { NOT_INHERITED, type Worker } from "../model.ts";
import { asArray, asObject, asString, entryOf, nodeAt, type ObjectNode, type ScalarNode } from "../tree.ts";
import { type AuditContext, quote, shownEnv } from "./context.ts";
import { namedSecrets } from "./secrets.ts";

export function checkEnvironments(context: AuditContext): void {
  const [top, ...envs] = context.workers;
  // A secret that stands in vars has to go from there, and not to be repeated.
  const secrets = new Set(namedSecrets(context.workers).map(({ entry }) => entry.key));
  for (const worker of envs) {
    checkInheritance(context, top!.own, worker, secrets);
    checkCustomDomains(context, top!.own, worker);
    checkEnvName(context, worker, top!);
  }
  checkSharedNames(context);
}

function checkInheritance(context: AuditContext, top: ObjectNode, worker: Worker, secrets: ReadonlySet<string>): void {
  const env = worker.env!;
  for (const field of NOT_INHERITED) {
    const above = entryOf(top, field);
    if (above === undefined || isOnlyNestedMigrations(field, above.node)) continue;
    const names = namesIn(field, above.node);
    if (field === "vars" && names.length > 0 && names.every((name) => secrets.has(name))) continue;
    const own = entryOf(worker.own, field);
    if (own === undefined) {
      const rule = field === "secrets" ? "secrets-not-inherited" : "env-not-inherited";
      const remedy = field === "secrets" ? "Repeat it there: tes config fix." : `Repeat ${field} in env.${env}.`;
      const answer = `"${field}" exists at the top level, but not on "env.${env}".`;
      context.report(rule, worker.place, `${field} is not inherited, and env.${env} has none.`, {
        env,
        remedy,
        answer,
      });
      continue;
    }
    const missing = names.filter(
      (name) => !namesIn(field, own.node).includes(name) && !(field === "vars" && secrets.has(name)),
    );
    if (missing.length > 0) {
      const message = `${field} of env.${env} lacks ${missing.map(quote).join(", ")}, which the top level has.`;
      const what = field === "durable_objects" ? "bindings are" : `${field} exist`;
      const where = field === "durable_objects" ? `env.${env}` : `env.${env}.${field}`;
      const answer = `The following ${what} at the top level, but not on "${where}": ${missing.join(", ")}`;
      const remedy = `Repeat ${missing.map(quote).join(", ")} in env.${env}.`;
      context.report("env-not-inherited", own.span, message, { env, answer, remedy });
    }
  }
}

/** wrangler's validateRoutes (4.164): an environment without routes of its own gets the top level's. */
function checkCustomDomains(context: AuditContext, top: ObjectNode, worker: Worker): void {
  if (entryOf(worker.own, "routes") !== undefined) return;
  const domains = (asArray(nodeAt(top, "routes"))?.items ?? [])
    .filter((route) => (nodeAt(route, "custom_domain") as ScalarNode | undefined)?.value === true)
    .flatMap((route) => asString(nodeAt(route, "pattern")) ?? []);
  if (domains.length === 0) return;
  const message = `env.${worker.env} inherits ${domains.map(quote).join(", ")}.`;
  context.report("custom-domain-inherited", worker.place, message, { env: worker.env });
}

/** What `[[durable_objects.migrations]]` alone leaves behind is no field that an environment could lack. */
function isOnlyNestedMigrations(field: string, node: ObjectNode | unknown): boolean {
  const keys = [...(asObject(node as ObjectNode)?.entries.keys() ?? [])];
  return field === "durable_objects" && keys.length > 0 && keys.every((key) => key === "migrations");
}

/** The names that wrangler compares one by one: those of vars, define and Durable Object bindings. */
function namesIn(field: string, node: Parameters<typeof nodeAt>[0]): string[] {
  if (field === "vars" || field === "define") return [...(asObject(node)?.entries.keys() ?? [])];
  if (field !== "durable_objects") return [];
  return (asArray(nodeAt(node, "bindings"))?.items ?? []).flatMap(
    (item) => asString(entryOf(item, "name")?.node) ?? [],
  );
}

function checkEnvName(context: AuditContext, worker: Worker, top: Worker): void {
  const env = worker.env!;
  if (env === "") {
    context.report("env-name-invalid", worker.place, "An environment with an empty name can never be targeted.", {
      env,
    });
  } else if (!/^[a-z0-9-_]+$/.test(env) && entryOf(worker.own, "name") === undefined && top.name !== undefined) {
    const message = `env.${env} deploys to a Worker called ${quote(worker.name ?? env)}, which is no valid name.`;
    context.report("env-name-invalid", worker.place, message, { env });
  }
}

function checkSharedNames(context: AuditContext): void {
  const first = new Map<string, Worker>();
  for (const worker of context.workers) {
    if (worker.name === undefined || worker.name === "") continue;
    const other = first.get(worker.name);
    if (other === undefined) {
      first.set(worker.name, worker);
      continue;
    }
    const place = entryOf(worker.own, "name")?.node ?? worker.place;
    const message = `${shownEnv(worker.env)} deploys to ${quote(worker.name)}, and so does ${shownEnv(other.env)}.`;
    context.report("worker-name-shared", place, message, { env: worker.env });
  }
}
