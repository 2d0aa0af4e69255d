/** A project that deploys the real Worker to a stand-in account, and `tes` run in it. */

import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
// biome-ignore lint/suspicious/noTsIgnore: plain JavaScript that runs before anything is installed
// @ts-ignore
import { installedPrograms } from "../../../../bin/installed.mjs";
import { makePlace, type Place, type Running, type RunOptions } from "../place.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import { type StandIn, startStandIn } from "./api.ts";
import { type Edge, startEdge } from "./edge.ts";

/** What a user's own settings would have wrangler log: everything, with every body. */
export const LOUD = { WRANGLER_LOG: "debug", WRANGLER_LOG_SANITIZE: "false", WRANGLER_WRITE_LOGS: "true" };

const LAUNCHER = join(import.meta.dirname, "..", "..", "..", "..", "bin", "tes.mjs");
const WORKER = join(import.meta.dirname, "..", "..", "..", "..", "src", "worker", "worker.ts");

let bundled: Promise<Uint8Array> | undefined;

/** The Worker as one module, made once for all tests of a file. */
function bundleWorker(): Promise<Uint8Array> {
  bundled ??= promisify(execFile)(
    installedPrograms().bun!,
    ["build", WORKER, "--format=esm", "--target=browser", "--conditions=workerd", "--external=cloudflare:*"],
    { encoding: "buffer", maxBuffer: 16 * 1_048_576 },
  ).then(({ stdout }) => new Uint8Array(stdout));
  return bundled;
}

export interface Project extends AsyncDisposable {
  readonly place: Place;
  readonly api: StandIn;
  readonly edge: Edge;
  /** Path of the configuration. */
  readonly config: string;
  /** Runs `tes` with the way to the stand-in; resolves at its end. */
  run(args: readonly string[], options?: RunOptions & { readonly input?: string }): Promise<Ended>;
  begin(args: readonly string[], options?: RunOptions & { readonly input?: string }): Running;
  /** `tes` on a pseudo-terminal. */
  sit(args: readonly string[]): Terminal;
  /** Puts the real Worker on the account, as an earlier deploy would have, with these secrets. */
  seed(env: string, secrets: Readonly<Record<string, string>>): Promise<void>;
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
    sit: (args) =>
      openTerminal([process.execPath, LAUNCHER, ...args], {
        cwd: place.dir,
        env: {
          PATH: process.env.PATH,
          HOME: join(place.dir, "home"),
          TMPDIR: join(place.dir, "tmp"),
          ...api.env,
          ...LOUD,
        },
      }),
    async seed(env, secrets) {
      const name = env === "" ? "tes" : `tes-${env}`;
      const texts = { TES_AUTHORITIES: await edge.authority(name), TES_KEY_FALLBACK: "deny", ...options.vars };
      api.account.upload(
        name,
        {
          main_module: "worker.js",
          compatibility_date: "2026-11-17",
          migrations: { new_tag: "v1", steps: [{ new_sqlite_classes: ["VersionManagementDO"] }] },
          bindings: [
            ...Object.entries(texts).map(([key, text]) => ({ type: "plain_text", name: key, text })),
            ...Object.entries(secrets).map(([key, text]) => ({ type: "secret_text", name: key, text })),
            { type: "durable_object_namespace", name: "VERSION_DO", class_name: "VersionManagementDO" },
          ],
        },
        new Map([["worker.js", await bundleWorker()]]),
        true,
      );
      await api.onDeploy!(name);
    },
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
