/** workerd on a Worker of the benches' own: the baselines, and code measured where it runs. */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BunPlugin } from "bun";
import { COMPATIBILITY_DATE, capnpText } from "../src/cli/local/config.ts";
import { HOST, pickPort } from "../src/cli/local/port.ts";
import { workerdProgram } from "../src/cli/local/programs.ts";

const WORKERS = join(import.meta.dirname, "workers");
const START_LIMIT_MS = 30_000;
const POLL_MS = 5;

export interface BenchWorker extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly url: string;
  /** Body of a GET. @throws unless its status is 200 */
  get(path: string): Promise<string>;
}

export interface BenchWorkerOptions {
  /** File in bench/workers/. */
  readonly entry: string;
  /** Whether it has the SQLite object `BenchObject`, bound as OBJECT. */
  readonly object?: boolean;
  readonly plugins?: readonly BunPlugin[];
}

/** A scratch directory, gone when it is disposed of. */
export async function scratch(): Promise<AsyncDisposable & { readonly dir: string }> {
  const dir = await mkdtemp(join(tmpdir(), "tes-bench-"));
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
}

/** Bundles a Worker of the benches into a directory that `launchWorker` can then start any number of times. */
export async function bundleBenchWorker(directory: string, options: BenchWorkerOptions): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(WORKERS, options.entry)],
    format: "esm",
    target: "browser",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    plugins: [...(options.plugins ?? [])],
    throw: false,
  });
  const [output] = built.outputs;
  if (!built.success || output === undefined) throw new Error(`${options.entry}: ${built.logs.map(String).join("; ")}`);
  await mkdir(join(directory, "objects"), { recursive: true });
  await writeFile(join(directory, "worker.js"), await output.text());
}

function renderBenchConfig(port: number, objects: string, { object = false }: BenchWorkerOptions): string {
  const namespaces = object
    ? `bindings = [(name = "OBJECT", durableObjectNamespace = "BenchObject")],
      durableObjectNamespaces = [(className = "BenchObject", uniqueKey = "bench", enableSql = true)],
      durableObjectStorage = (localDisk = "objects")`
    : "";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      ${namespaces}
    )),
    (name = "objects", disk = (path = ${capnpText(objects)}, writable = true))
  ],
  sockets = [(name = "http", address = "${HOST}:${port}", http = (), service = "main")]
);
`;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  child.kill("SIGKILL");
  await promise;
}

/** Starts what `bundleBenchWorker` put into a directory; resolves with the first answer. */
export async function launchWorker(directory: string, options: BenchWorkerOptions): Promise<BenchWorker> {
  const port = await pickPort(0);
  const config = join(directory, "config.capnp");
  await writeFile(config, renderBenchConfig(port, join(directory, "objects"), options));
  const child = spawn(workerdProgram(), ["serve", config], { stdio: ["ignore", "ignore", "pipe"] });
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  let said = "";
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const url = `http://${HOST}:${port}`;
  const limit = performance.now() + START_LIMIT_MS;
  for (;;) {
    const answer = await fetch(`${url}/`, { headers: { connection: "close" } }).catch(() => null);
    await answer?.arrayBuffer();
    if (answer !== null) break;
    if (child.exitCode !== null || performance.now() > limit) {
      kill();
      throw new Error(`workerd did not start with ${options.entry}: ${said}`);
    }
    await sleep(POLL_MS);
  }
  return {
    port,
    pid: child.pid!,
    url,
    async get(path) {
      const answer = await fetch(`${url}${path}`);
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${text} ${said}`);
      return text;
    },
    async [Symbol.asyncDispose]() {
      await ended(child);
      process.off("exit", kill);
    },
  };
}

/** A Worker with a directory of its own, until it is disposed of. */
export async function startBenchWorker(options: BenchWorkerOptions): Promise<BenchWorker> {
  const place = await scratch();
  await bundleBenchWorker(place.dir, options);
  const worker = await launchWorker(place.dir, options);
  return {
    ...worker,
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}

export type { BunPlugin };
