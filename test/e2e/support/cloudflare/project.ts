/** A project that deploys the real Worker to a stand-in account, and `tes` run in it. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makePlace, type Place, type Running, type RunOptions } from "../place.ts";
import { type StandIn, startStandIn } from "./api.ts";
import { type Edge, startEdge } from "./edge.ts";

const WORKER = join(import.meta.dirname, "..", "..", "..", "..", "src", "worker", "worker.ts");

export interface Project extends AsyncDisposable {
  readonly place: Place;
  readonly api: StandIn;
  readonly edge: Edge;
  /** Path of the configuration. */
  readonly config: string;
  /** Runs `tes` with the way to the stand-in; resolves at its end. */
  run(args: readonly string[], options?: RunOptions & { readonly input?: string }): Promise<Ended>;
  begin(args: readonly string[], options?: RunOptions & { readonly input?: string }): Running;
}

export interface Ended {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout that is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly json: any;
}

export interface ProjectOptions {
  readonly envs?: readonly string[];
  readonly vars?: Readonly<Record<string, string>>;
  /** Appended to the configuration. */
  readonly more?: string;
  readonly kv?: boolean;
}

/** The configuration of the top level and its environments; each answers at an address of its own. */
export async function renderProject(
  edge: Edge,
  { envs = [], vars = {}, more = "", kv = false }: ProjectOptions,
): Promise<string> {
  const section = async (env: string): Promise<string> => {
    const at = env === "" ? "" : `env.${env}.`;
    const authority = await edge.authority(env === "" ? "tes" : `tes-${env}`);
    const values = { TES_AUTHORITIES: authority, TES_KEY_FALLBACK: "deny", ...vars };
    return `
[${at}vars]
${Object.entries(values)
  .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  .join("\n")}

[${at}durable_objects]
bindings = [{ name = "VERSION_DO", class_name = "VersionManagementDO" }]

[${at}secrets]
required = ["VERSION_SIGNING_KEY"]
${kv ? `\n[[${at}kv_namespaces]]\nbinding = "KV"\nid = "${"0".repeat(32)}"\n` : ""}`;
  };
  const sections = await Promise.all(["", ...envs].map(section));
  return `name = "tes"
main = ${JSON.stringify(WORKER)}
compatibility_date = "2026-11-17"
compatibility_flags = ["no_web_socket_compression"]

[[migrations]]
tag = "v1"
new_sqlite_classes = ["VersionManagementDO"]
${sections.join("")}${more}`;
}

export async function makeProject(options: ProjectOptions = {}): Promise<Project> {
  const place = await makePlace();
  const api = await startStandIn();
  const edge = await startEdge(api);
  const config = join(place.dir, "wrangler.toml");
  await writeFile(config, await renderProject(edge, options));
  const begin: Project["begin"] = (args, { env, ...rest } = {}) =>
    place.tes(args, { ...rest, env: { ...api.env, ...env } });
  return {
    place,
    api,
    edge,
    config,
    begin,
    async run(args, runOptions) {
      const running = begin(args, runOptions);
      const exit = await running.exited;
      const { stdout, stderr } = running;
      const line = stdout.split("\n").findLast((text) => text.startsWith("{"));
      return { exit, stdout, stderr, json: line === undefined ? undefined : JSON.parse(line) };
    },
    async [Symbol.asyncDispose]() {
      await place[Symbol.asyncDispose]();
      await edge[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}
