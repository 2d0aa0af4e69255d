/** The state of a stand-in Cloudflare account: Workers with their versions, deployments and secrets, and KV. */

import { randomUUID } from "node:crypto";
import type { AssetSets } from "./assets.ts";

/** What Cloudflare answers an error with. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: number;
  constructor(status: number, code: number, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface Binding {
  readonly type: string;
  readonly name: string;
  readonly text?: string;
  readonly class_name?: string;
  readonly namespace_id?: string;
  readonly [field: string]: unknown;
}

export interface Metadata {
  readonly main_module?: string;
  readonly bindings?: readonly Binding[];
  readonly keep_bindings?: readonly string[];
  readonly compatibility_date?: string;
  readonly compatibility_flags?: readonly string[];
  readonly migrations?: {
    readonly old_tag?: string;
    readonly new_tag?: string;
    readonly steps?: readonly MigrationStep[];
  };
  readonly assets?: { readonly jwt: string; readonly config?: Readonly<Record<string, unknown>> };
  readonly annotations?: Readonly<Record<string, string>>;
}

interface MigrationStep {
  readonly new_sqlite_classes?: readonly string[];
  readonly new_classes?: readonly string[];
  readonly deleted_classes?: readonly string[];
  readonly renamed_classes?: readonly { readonly from: string; readonly to: string }[];
}

export interface Version {
  readonly id: string;
  readonly number: number;
  readonly metadata: Metadata;
  /** File name → bytes. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  /** Everything but secrets. */
  readonly bindings: readonly Binding[];
  readonly secrets: ReadonlyMap<string, string>;
}

export interface Deployment {
  readonly id: string;
  readonly version: string;
}

export interface Script {
  readonly name: string;
  readonly versions: Version[];
  readonly deployments: Deployment[];
  migrationTag: string | undefined;
  readonly classes: Set<string>;
  subdomain: boolean;
  /** Made by `secret put` on a Worker that was not there: it has no code. */
  readonly draft: boolean;
}

export interface Namespace {
  readonly id: string;
  readonly title: string;
  readonly entries: Map<string, { readonly value: Uint8Array; readonly metadata: unknown }>;
}

const SECRET_TYPES = ["secret_text", "secret_key"];

export class Account {
  readonly scripts = new Map<string, Script>();
  readonly namespaces = new Map<string, Namespace>();
  readonly assets: AssetSets = new Map();
  /** How often what is deployed changed. */
  changes = 0;

  script(name: string): Script {
    const found = this.scripts.get(name);
    if (found === undefined) throw new ApiError(404, 10007, "This Worker does not exist on your account.");
    return found;
  }

  /** The version that answers requests. */
  active(name: string): Version | undefined {
    const script = this.scripts.get(name);
    const deployed = script?.deployments.at(-1)?.version;
    return script?.versions.find(({ id }) => id === deployed);
  }

  /** `PUT …/scripts/:name` and `POST …/versions`. */
  upload(name: string, metadata: Metadata, modules: ReadonlyMap<string, Uint8Array>, deploys: boolean): Version {
    const known = this.scripts.get(name);
    if (!deploys && (known === undefined || known.draft))
      throw new ApiError(404, 10007, "This Worker does not exist on your account.");
    if (!deploys && metadata.migrations !== undefined) {
      throw new ApiError(400, 10211, "migrations must be fully applied by running a non-versioned upload");
    }
    const script = known === undefined || known.draft ? this.#make(name, false) : known;
    if (known?.draft === true) script.versions.push(...known.versions);
    const before = script.versions.at(-1);
    const { bindings, secrets } = splitBindings(metadata, before);
    const classes = migrate(script, metadata);
    for (const { type, class_name, script_name } of bindings) {
      if (type !== "durable_object_namespace" || script_name !== undefined || classes.has(class_name!)) continue;
      throw new ApiError(
        400,
        10061,
        `Cannot create binding for class '${class_name}' because it is not currently configured to implement Durable Objects.`,
      );
    }
    for (const { type, namespace_id } of bindings) {
      if (type === "kv_namespace" && !this.namespaces.has(namespace_id!))
        throw new ApiError(400, 10041, `KV namespace '${namespace_id}' not found.`);
    }
    for (const name of classes) script.classes.add(name);
    if (metadata.migrations?.new_tag !== undefined) script.migrationTag = metadata.migrations.new_tag;
    this.scripts.set(name, script);
    const version = { id: randomUUID(), number: script.versions.length + 1, metadata, modules, bindings, secrets };
    script.versions.push(version);
    if (deploys) this.deploy(name, version.id);
    return version;
  }

  deploy(name: string, version: string): Deployment {
    const script = this.script(name);
    if (!script.versions.some(({ id }) => id === version)) throw new ApiError(404, 10020, "version not found");
    const deployment = { id: randomUUID(), version };
    script.deployments.push(deployment);
    this.changes++;
    return deployment;
  }

  secretsOf(name: string): string[] {
    const script = this.script(name);
    const latest = this.active(name) ?? script.versions.at(-1);
    return [...(latest?.secrets.keys() ?? [])];
  }

  /** `PUT …/secrets`: a new version out of the latest, deployed at once. A Worker that is not there becomes a draft. */
  putSecret(name: string, secret: string, text: string | null): void {
    const script = this.scripts.get(name) ?? this.#make(name, true);
    this.scripts.set(name, script);
    const latest = script.versions.at(-1);
    if (latest !== undefined && !script.draft && this.active(name)?.id !== latest.id) {
      throw new ApiError(
        400,
        10215,
        "Secret edit failed. You attempted to modify a secret, but the latest version of your Worker isn't currently deployed.",
      );
    }
    const version = withSecret(script, secret, text);
    script.versions.push(version);
    if (!script.draft) this.deploy(name, version.id);
  }

  /** `PATCH …/versions/latest`: the same without deploying it. */
  patchLatest(
    name: string,
    env: Readonly<Record<string, { readonly type: string; readonly text?: string } | null>>,
  ): Version {
    const script = this.script(name);
    for (const [secret, value] of Object.entries(env)) {
      script.versions.push(withSecret(script, secret, value?.text ?? null));
    }
    return script.versions.at(-1)!;
  }

  makeNamespace(title: string): Namespace {
    if ([...this.namespaces.values()].some((known) => known.title === title)) {
      throw new ApiError(400, 10014, `a namespace with this account ID and title already exists`);
    }
    const namespace = { id: randomUUID().replaceAll("-", ""), title, entries: new Map() };
    this.namespaces.set(namespace.id, namespace);
    return namespace;
  }

  namespace(id: string): Namespace {
    const found = this.namespaces.get(id);
    if (found === undefined) throw new ApiError(404, 10013, "namespace not found");
    return found;
  }

  #make(name: string, draft: boolean): Script {
    return {
      name,
      versions: [],
      deployments: [],
      migrationTag: undefined,
      classes: new Set(),
      subdomain: false,
      draft,
    };
  }
}

function withSecret(script: Script, secret: string, text: string | null): Version {
  const latest = script.versions.at(-1);
  const secrets = new Map(latest?.secrets ?? []);
  if (text === null) secrets.delete(secret);
  else secrets.set(secret, text);
  const base = latest ?? { metadata: {}, modules: new Map<string, Uint8Array>(), bindings: [] };
  // A variable of that name gives way to the secret.
  const bindings = base.bindings.filter(({ name }) => name !== secret);
  return { ...base, bindings, id: randomUUID(), number: script.versions.length + 1, secrets };
}

function splitBindings(
  metadata: Metadata,
  before: Version | undefined,
): { bindings: Binding[]; secrets: Map<string, string> } {
  const secrets = new Map<string, string>();
  const bindings: Binding[] = [];
  const keeps = metadata.keep_bindings?.some((type) => SECRET_TYPES.includes(type)) === true;
  if (keeps) for (const [name, text] of before?.secrets ?? []) secrets.set(name, text);
  for (const binding of metadata.bindings ?? []) {
    const { name, type } = binding;
    if (type === "inherit") {
      const kept = before?.secrets.get(name);
      const old = before?.bindings.find((other) => other.name === name);
      if (kept === undefined && old === undefined) {
        throw new ApiError(400, 10057, `Cannot inherit binding "${name}": it does not exist on the previous version.`);
      }
      if (kept !== undefined) secrets.set(name, kept);
      else bindings.push(old!);
    } else if (type === "secret_text") secrets.set(name, binding.text!);
    else {
      // Plain text under a secret's name takes its place, and nothing says so.
      secrets.delete(name);
      bindings.push(binding);
    }
  }
  return { bindings, secrets };
}

function migrate(script: Script, { migrations }: Metadata): Set<string> {
  const classes = new Set(script.classes);
  if (migrations === undefined) return classes;
  if (migrations.old_tag !== script.migrationTag) {
    throw new ApiError(
      412,
      10079,
      `Migration tag precondition failed; expected tag '${migrations.old_tag ?? ""}', found '${script.migrationTag ?? ""}'.`,
    );
  }
  for (const step of migrations.steps ?? []) {
    for (const name of [...(step.new_sqlite_classes ?? []), ...(step.new_classes ?? [])]) {
      if (classes.has(name))
        throw new ApiError(
          400,
          10074,
          `Cannot apply new-class migration to class '${name}' that is already depended on by existing Durable Objects`,
        );
      classes.add(name);
    }
    for (const name of step.deleted_classes ?? []) classes.delete(name);
    for (const { from, to } of step.renamed_classes ?? []) if (classes.delete(from)) classes.add(to);
  }
  return classes;
}
