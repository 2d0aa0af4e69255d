/** Bindings: their names are one namespace per Worker, and a script_name says whose objects they reach. */

import { liveClasses } from "../migrations.ts";
import { type DurableBinding, durableBindings, inherited, type Worker } from "../model.ts";
import { closest } from "../spelling.ts";
import { asArray, asObject, asString, type ConfigNode, entryOf, nodeAt, stringItems } from "../tree.ts";
import { type AuditContext, quote, shownEnv } from "./context.ts";

/** wrangler's friendlyBindingNames (4.164): the fields whose bindings share one namespace. */
export const KINDS: Readonly<Record<string, string>> = {
  data_blobs: "Data Blob",
  durable_objects: "Durable Object",
  kv_namespaces: "KV Namespace",
  queues: "Queue",
  d1_databases: "D1 Database",
  vectorize: "Vectorize Index",
  ai_search_namespaces: "AI Search Namespace",
  ai_search: "AI Search Instance",
  agent_memory: "Agent Memory",
  hyperdrive: "Hyperdrive Config",
  r2_buckets: "R2 Bucket",
  logfwdr: "logfwdr",
  services: "Worker",
  analytics_engine_datasets: "Analytics Engine Dataset",
  text_blobs: "Text Blob",
  browser: "Browser Run",
  analytics: "Analytics SQL",
  ai: "AI",
  images: "Images",
  stream: "Stream",
  media: "Media",
  version_metadata: "Worker Version Metadata",
  unsafe: "Unsafe Metadata",
  vars: "Environment Variable",
  wasm_modules: "Wasm Module",
  dispatch_namespaces: "Dispatch Namespace",
  mtls_certificates: "mTLS Certificate",
  workflows: "Workflow",
  pipelines: "Pipeline",
  k2: "K2 Stream",
  secrets_store_secrets: "Secrets Store Secret",
  artifacts: "Artifacts",
  assets: "Assets",
  unsafe_hello_world: "Hello World",
  flagship: "Flagship",
  worker_loaders: "Worker Loader",
  vpc_services: "VPC Service",
  vpc_networks: "VPC Network",
};

/** Top-level module maps and logfwdr reach every environment. */
const SHARED = new Set(["data_blobs", "text_blobs", "wasm_modules", "logfwdr", "assets"]);

/** Shorter names resemble each other by accident. */
const MIN_GUESSED_CHARS = 6;

interface NamedBinding {
  readonly name: string;
  readonly kind: string;
  readonly node: ConfigNode;
}

export function checkBindings(context: AuditContext): void {
  for (const worker of context.workers) {
    checkDuplicates(context, worker);
    checkScripts(context, worker);
  }
}

/** Every binding of one Worker, in the order of the table above, then of the file. */
export function namedBindings(worker: Worker): NamedBinding[] {
  const out: NamedBinding[] = [];
  for (const [field, kind] of Object.entries(KINDS)) {
    const node = (SHARED.has(field) ? inherited(worker, field) : entryOf(worker.own, field))?.node;
    const list = field === "queues" ? nodeAt(node, "producers") : node;
    if (list !== undefined) out.push(...namesOf(list).map(({ name, node: place }) => ({ name, kind, node: place })));
  }
  for (const { text, node } of stringItems(nodeAt(worker.own, "secrets", "required"))) {
    out.push({ name: text, kind: "Secret", node });
  }
  return out;
}

/** wrangler's getBindingNames: a `bindings` list by name, a list by binding, an object by binding or by its keys. */
function namesOf(node: ConfigNode): { name: string; node: ConfigNode }[] {
  const list = asArray(node) ?? asArray(entryOf(node, "bindings")?.node);
  if (list !== undefined) {
    const key = node.kind === "array" ? "binding" : "name";
    return list.items.flatMap((item) => {
      const value = entryOf(item, key)?.node;
      const name = asString(value);
      return name === undefined || value === undefined ? [] : [{ name, node: value }];
    });
  }
  const binding = entryOf(node, "binding");
  const name = asString(binding?.node);
  if (binding !== undefined) return name === undefined ? [] : [{ name, node: binding.node }];
  return [...(asObject(node)?.entries.values() ?? [])].map((entry) => ({
    name: entry.key,
    node: { kind: "null", value: null, ...entry.span },
  }));
}

function checkDuplicates(context: AuditContext, worker: Worker): void {
  const first = new Map<string, NamedBinding>();
  for (const binding of namedBindings(worker).sort((a, b) => a.node.start - b.node.start)) {
    const other = first.get(binding.name);
    if (other === undefined) {
      first.set(binding.name, binding);
      continue;
    }
    const kinds = [other.kind, binding.kind].sort().join("+");
    // A secret that is also a variable has a rule of its own, which says what happens.
    if (kinds === "Environment Variable+Secret") continue;
    const message =
      other.kind === binding.kind
        ? `${quote(binding.name)} is the name of two ${binding.kind} bindings.`
        : `${quote(binding.name)} is the name of a ${other.kind} and of a ${binding.kind} binding.`;
    const kind = other.kind === binding.kind ? `multiple ${binding.kind}` : `${other.kind} and ${binding.kind}`;
    const answer = `${binding.name} assigned to ${kind} bindings.`;
    context.report("binding-duplicate", binding.node, message, { env: worker.env, answer });
  }
}

function checkScripts(context: AuditContext, worker: Worker): void {
  const { env } = worker;
  for (const binding of durableBindings(worker)) {
    const environment = entryOf(binding.node, "environment");
    const script = entryOf(binding.node, "script_name");
    if (environment !== undefined && script === undefined) {
      context.report("binding-environment", environment.span, "environment without script_name.", { env });
    }
    if (script === undefined || binding.scriptName === undefined) continue;
    if (binding.scriptName === worker.name) {
      const message = `${quote(binding.scriptName)} is this Worker itself.`;
      context.report("script-name-self", script.node, message, { env, answer: missingScript(binding) });
      continue;
    }
    const other = context.workers.find((candidate) => candidate.name === binding.scriptName);
    if (other !== undefined) {
      const message = `${quote(binding.scriptName)} is the Worker of ${shownEnv(other.env)}.`;
      context.report("script-name-crosses-env", script.node, message, { env });
      checkForeignClass(context, binding, other, env);
    } else {
      const names = context.workers.flatMap(({ name }) => name ?? []);
      const guess = binding.scriptName.length < MIN_GUESSED_CHARS ? undefined : closest(binding.scriptName, names);
      const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
      const message = `${quote(binding.scriptName)} is not a Worker of this file, so it is not checked.${hint}`;
      context.report("script-name-elsewhere", script.node, message, { env, answer: missingScript(binding) });
    }
  }
}

function missingScript({ className, scriptName }: DurableBinding): string {
  return `Cannot create binding for class '${className ?? "X"}' in script '${scriptName}' because it does not exist`;
}

/** A class of another Worker in this file has to live there. */
function checkForeignClass(context: AuditContext, binding: DurableBinding, other: Worker, env: string | null): void {
  const live = liveClasses(other);
  const { className, place } = binding;
  if (live === null || className === undefined || live.has(className)) return;
  const guess = closest(className, [...live]);
  const hint = guess === undefined ? "" : ` Did you mean ${quote(guess)}?`;
  const message = `${quote(className)} does not exist in ${quote(binding.scriptName!)}.${hint}`;
  context.report("class-uncovered", place, message, { env, className });
}
