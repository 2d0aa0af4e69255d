/** The Workers that one configuration describes: the top level and each environment, with wrangler's inheritance. */

import {
  asArray,
  asObject,
  asString,
  type ConfigNode,
  type Entry,
  entryOf,
  nodeAt,
  type ObjectNode,
  type Span,
} from "./tree.ts";

/** The top level or one environment. */
export interface Worker {
  /** null for the top level. */
  readonly env: string | null;
  /** What it says itself. */
  readonly own: ObjectNode;
  readonly top: ObjectNode;
  /** Where it is named: the key of the environment; for the top level the first character. */
  readonly place: Span;
  /** The name it deploys under, or undefined when none is given. */
  readonly name: string | undefined;
}

/** A Durable Object binding. */
export interface DurableBinding {
  readonly name: string | undefined;
  readonly className: string | undefined;
  readonly scriptName: string | undefined;
  readonly node: ObjectNode;
  /** Where the class is named, else the whole binding. */
  readonly place: Span;
}

/** Fields that wrangler's `notInheritable` covers (wrangler 4.164, normalizeAndValidateEnvironment). */
export const NOT_INHERITED = [
  "vars",
  "secrets",
  "define",
  "durable_objects",
  "workflows",
  "kv_namespaces",
  "cloudchamber",
  "containers",
  "send_email",
  "queues",
  "connect",
  "r2_buckets",
  "d1_databases",
  "vectorize",
  "ai_search_namespaces",
  "ai_search",
  "agent_memory",
  "hyperdrive",
  "services",
  "analytics_engine_datasets",
  "dispatch_namespaces",
  "mtls_certificates",
  "tail_consumers",
  "streaming_tail_consumers",
  "unsafe",
  "browser",
  "analytics",
  "ai",
  "images",
  "stream",
  "media",
  "pipelines",
  "k2",
  "secrets_store_secrets",
  "artifacts",
  "unsafe_hello_world",
  "flagship",
  "worker_loaders",
  "ratelimits",
  "vpc_services",
  "vpc_networks",
  "version_metadata",
] as const;

/** The top level first, then the environments in their order. */
export function readWorkers(root: ObjectNode): Worker[] {
  const topName = asString(entryOf(root, "name")?.node);
  const workers: Worker[] = [{ env: null, own: root, top: root, place: { start: 0, end: 0 }, name: topName }];
  for (const [env, entry] of asObject(entryOf(root, "env")?.node)?.entries ?? []) {
    const own = asObject(entry.node);
    if (own === undefined) continue;
    const ownName = asString(entryOf(own, "name")?.node);
    const name = ownName ?? (topName === undefined ? undefined : `${topName}-${env}`);
    workers.push({ env, own, top: root, place: entry.span, name });
  }
  return workers;
}

/** A field that environments inherit: its own entry, else the top level's. */
export function inherited(worker: Worker, field: string): Entry | undefined {
  return entryOf(worker.own, field) ?? entryOf(worker.top, field);
}

/** The Durable Object bindings of one Worker, whatever is wrong with them. */
export function durableBindings(worker: Worker): DurableBinding[] {
  const bindings: DurableBinding[] = [];
  for (const node of asArray(nodeAt(worker.own, "durable_objects", "bindings"))?.items ?? []) {
    const object = asObject(node);
    if (object === undefined) continue;
    const classEntry = entryOf(object, "class_name");
    bindings.push({
      name: asString(entryOf(object, "name")?.node),
      className: asString(classEntry?.node),
      scriptName: asString(entryOf(object, "script_name")?.node) || undefined,
      node: object,
      place: classEntry?.node ?? object,
    });
  }
  return bindings;
}

/** The classes this Worker must implement itself: bound without a script_name, or with its own. */
export function ownBindings(worker: Worker): (DurableBinding & { readonly className: string })[] {
  return durableBindings(worker).filter(
    (binding): binding is DurableBinding & { readonly className: string } =>
      binding.className !== undefined && (binding.scriptName === undefined || binding.scriptName === worker.name),
  );
}

/** The entries of `exports` that declare Durable Objects. */
export function durableExports(worker: Worker): Entry[] {
  const exports = asObject(inherited(worker, "exports")?.node);
  return [...(exports?.entries.values() ?? [])].filter(
    (entry) => asString(entryOf(entry.node, "type")?.node) === "durable-object",
  );
}

/** wrangler's isLiveDurableObjectExport: created (the default), or expecting a transfer. */
export function isLiveExport(entry: Entry): boolean {
  const state = entryOf(entry.node, "state");
  return state === undefined || ["created", "expecting-transfer"].includes(asString(state.node) ?? "");
}

/** `durable_objects.migrations` of one Worker's own section. */
export function nestedMigrations(worker: Worker): Entry | undefined {
  return entryOf(entryOf(worker.own, "durable_objects")?.node, "migrations");
}

/** The migrations in a node: a list, or one table where a list was meant. */
export function migrationItems(node: ConfigNode | undefined): ConfigNode[] {
  if (node === undefined) return [];
  return node.kind === "array" ? node.items : node.kind === "object" ? [node] : [];
}

export function isPagesProject(root: ObjectNode): boolean {
  return entryOf(root, "pages_build_output_dir") !== undefined;
}
