/** The Workers that one wrangler configuration deploys, as the guards need to see them. */

import { isLoopback } from "../../client/options.ts";
import { TesError } from "../../core/errors.ts";
import { type AuditedFile, auditFile, findConfig } from "../config/load.ts";
import { readWorkers, type Worker } from "../config/model.ts";
import { asArray, asObject, asString, entryOf, nodeAt } from "../config/tree.ts";
import type { CommandIo } from "../output.ts";

/** What one `--env` leads to. */
export interface Target {
  /** "" for the top level, as wrangler's `--env=""`. */
  readonly env: string;
  /** The name the Worker deploys under. */
  readonly worker: string;
  /** Where it answers: the first of TES_AUTHORITIES, or null when that is not set. */
  readonly url: string | null;
  /** Plain text variables. */
  readonly vars: ReadonlyMap<string, string>;
  /** Binding name → namespace id; "" where none is given, which wrangler provisions. */
  readonly kv: ReadonlyMap<string, string>;
}

export interface Deployable {
  readonly path: string;
  readonly file: AuditedFile;
  readonly targets: readonly Target[];
}

/**
 * Reads a configuration.
 *
 * @throws {TesError} `usage` when there is none, `deploy_refused` when it does not parse
 */
export async function readDeployable(io: CommandIo, named: string | undefined): Promise<Deployable> {
  const path = findConfig(io.cwd, named);
  const file = await auditFile(io.cwd, path);
  if (!file.config.ok)
    throw new TesError("deploy_refused", { detail: `${file.path} does not parse: ${file.config.message}.` });
  return { path, file, targets: readWorkers(file.config.root).map(targetOf) };
}

function targetOf(worker: Worker): Target {
  const vars = new Map<string, string>();
  for (const [name, { node }] of asObject(nodeAt(worker.own, "vars"))?.entries ?? []) {
    vars.set(name, asString(node) ?? "");
  }
  const kv = new Map<string, string>();
  for (const item of asArray(nodeAt(worker.own, "kv_namespaces"))?.items ?? []) {
    const binding = asString(entryOf(item, "binding")?.node);
    if (binding !== undefined) kv.set(binding, asString(entryOf(item, "id")?.node) ?? "");
  }
  const name = vars
    .get("TES_AUTHORITIES")
    ?.split(",")
    .map((one) => one.trim())
    .find((one) => one !== "");
  return { env: worker.env ?? "", worker: worker.name ?? "", url: name === undefined ? null : urlOf(name), vars, kv };
}

function urlOf(authority: string): string | null {
  if (!URL.canParse(`http://${authority}`)) return null;
  const url = new URL(`http://${authority}`);
  return isLoopback(url) ? url.origin : `https://${authority}`;
}

/** How an environment is shown and typed. */
export const shownTarget = (env: string): string => (env === "" ? '--env ""' : `--env ${env}`);

/**
 * The targets that were asked for, in the order of the asking. A configuration without environments has one, and nobody
 * has to name it; one with several is never guessed at.
 *
 * @throws {TesError} `usage` with the list, `env_unknown`
 */
export function chooseTargets({ targets, file }: Deployable, envs: readonly string[]): Target[] {
  if (envs.length === 0 && targets.length === 1) return [targets[0]!];
  const list = targets.map(({ env, worker }) => `${shownTarget(env)}  ${worker}`).join("\n");
  if (envs.length === 0)
    throw new TesError("usage", {
      detail: `${file.path} has several environments. Name one or more:\n${list}`,
      field: "--env",
    });
  return [...new Set(envs)].map((env) => {
    const found = targets.find((target) => target.env === env);
    if (found !== undefined) return found;
    throw new TesError("env_unknown", {
      detail: `${file.path} has no ${JSON.stringify(env)}. It has:\n${list}`,
      field: "--env",
    });
  });
}

/** The one target of a command that takes one. @throws {TesError} `usage`, `env_unknown` */
export function chooseTarget(deployable: Deployable, envs: readonly string[]): Target {
  const chosen = chooseTargets(deployable, envs);
  if (chosen.length === 1) return chosen[0]!;
  throw new TesError("usage", { detail: "One --env at a time.", field: "--env" });
}

/** Collects a repeatable `--env`. */
export const collectEnv = (value: string, before: readonly string[]): string[] => [...before, value];
