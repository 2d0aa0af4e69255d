/**
 * Where the Workers answer that a stand-in received: raw workerd with the very modules, variables and secrets of the
 * deployed version, behind a port that stays the same from version to version.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request as httpRequest, type Server } from "node:http";
import { type AddressInfo, createServer as createTcp } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { capnpText } from "../../../../src/cli/local/config.ts";
import { workerdProgram } from "../../../../src/cli/local/programs.ts";
import type { Version } from "./account.ts";
import type { StandIn } from "./api.ts";

export interface Edge extends AsyncDisposable {
  /** `127.0.0.1:<port>` of a Worker, whether it is there yet or not. */
  authority(worker: string): Promise<string>;
  /** Everything that the Workers' processes printed. */
  readonly log: () => string;
}

interface Site {
  readonly server: Server;
  readonly authority: string;
  /** Where its objects live, from version to version. */
  readonly data: string;
  running: { child: ChildProcess; port: number; exited: Promise<void> } | undefined;
  /** Requests wait for a version that is on its way. */
  ready: Promise<void>;
}

export async function startEdge(api: StandIn): Promise<Edge> {
  const root = await mkdtemp(join(tmpdir(), "tes-edge-"));
  const sites = new Map<string, Site>();
  let log = "";
  let kvPort = 0;
  const kv = createServer((request, response) => {
    const url = new URL(request.url!, "http://kv");
    const [, namespace, ...rest] = url.pathname.split("/");
    const entry = api.account.namespaces.get(namespace!)?.entries.get(decodeURIComponent(rest.join("/")));
    if (entry === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "CF-KV-Metadata": JSON.stringify(entry.metadata ?? null) }).end(entry.value);
  });
  await new Promise<void>((done) => kv.listen(0, "127.0.0.1", done));
  kvPort = (kv.address() as AddressInfo).port;

  const open = async (worker: string): Promise<Site> => {
    const known = sites.get(worker);
    if (known !== undefined) return known;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        void site.ready.then(() => {
          if (site.running === undefined) {
            response.writeHead(404, { "content-type": "text/html" }).end("There is nothing here yet");
            return;
          }
          const { method, url, rawHeaders } = request;
          const onward = httpRequest(
            {
              host: "127.0.0.1",
              port: site.running.port,
              method,
              path: url,
              headers: rawHeaders as never,
              setHost: false,
            },
            (answer) => {
              response.writeHead(answer.statusCode!, answer.rawHeaders as never);
              answer.pipe(response);
            },
          );
          onward.on("error", () => response.destroy());
          onward.end(Buffer.concat(chunks));
        });
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const data = join(root, worker, "objects");
    await mkdir(data, { recursive: true });
    const site: Site = {
      server,
      authority: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      data,
      running: undefined,
      ready: Promise.resolve(),
    };
    sites.set(worker, site);
    return site;
  };

  const stop = async (site: Site): Promise<void> => {
    site.running?.child.kill("SIGKILL");
    await site.running?.exited;
    site.running = undefined;
  };

  const launch = async (worker: string): Promise<void> => {
    const site = await open(worker);
    await stop(site);
    const version = api.account.active(worker);
    if (version === undefined) return;
    const dir = await mkdtemp(join(root, worker, "version-"));
    const port = await freePort();
    const assets = join(dir, "assets");
    await mkdir(assets);
    for (const [path, bytes] of api.account.assets.get(version.metadata.assets?.jwt ?? "") ?? []) {
      await mkdir(dirname(join(assets, path)), { recursive: true });
      await writeFile(join(assets, path), bytes);
    }
    await writeFile(join(dir, "config.capnp"), renderVersion(version, port, site.data, kvPort, assets));
    for (const [name, bytes] of version.modules) await writeFile(join(dir, name.replaceAll("/", "_")), bytes);
    const child = spawn(workerdProgram(), ["serve", join(dir, "config.capnp"), "--experimental", "--control-fd=3"], {
      env: Object.fromEntries(version.secrets),
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const exited = new Promise<void>((done) => child.once("exit", () => done()));
    for (const stream of [child.stdout, child.stderr])
      stream!.setEncoding("utf8").on("data", (chunk: string) => (log += chunk));
    const listens = new Promise<void>((done) => {
      (child.stdio[3] as Readable).on("data", (chunk: Buffer) => {
        if (String(chunk).includes('"listen"')) done();
      });
    });
    await Promise.race([listens, exited.then(() => Promise.reject(new Error(`workerd ended: ${log}`)))]);
    site.running = { child, port, exited };
  };

  api.onDeploy = async (worker) => {
    const site = await open(worker);
    site.ready = launch(worker);
    await site.ready;
  };

  return {
    authority: async (worker) => (await open(worker)).authority,
    log: () => log,
    async [Symbol.asyncDispose]() {
      for (const site of sites.values()) {
        await stop(site);
        site.server.closeAllConnections();
        await new Promise((done) => site.server.close(done));
      }
      kv.closeAllConnections();
      await new Promise((done) => kv.close(done));
      await rm(root, { recursive: true, force: true });
    },
  };
}

function renderVersion(
  { metadata, modules, bindings, secrets }: Version,
  port: number,
  data: string,
  kvPort: number,
  assets: string,
): string {
  const main = metadata.main_module!;
  const names = [main, ...[...modules.keys()].filter((name) => name !== main && /\.m?js$/.test(name))];
  const own: string[] = [];
  const classes: string[] = [];
  const services: string[] = [];
  for (const { type, name, text, class_name, namespace_id } of bindings) {
    if (type === "plain_text") own.push(`(name = ${capnpText(name)}, text = ${capnpText(text!)})`);
    else if (type === "durable_object_namespace") {
      own.push(`(name = ${capnpText(name)}, durableObjectNamespace = ${capnpText(class_name!)})`);
      classes.push(
        `(className = ${capnpText(class_name!)}, uniqueKey = ${capnpText(`edge-${class_name}`)}, enableSql = true)`,
      );
    } else if (type === "assets") {
      own.push(`(name = ${capnpText(name)}, service = "assets")`);
      services.push(`(name = "assets", disk = (path = ${capnpText(assets)}, writable = false))`);
    } else if (type === "kv_namespace") {
      own.push(`(name = ${capnpText(name)}, kvNamespace = ${capnpText(`kv-${namespace_id}`)})`);
      services.push(
        `(name = ${capnpText(`kv-${namespace_id}`)}, worker = (compatibilityDate = "2026-11-02", modules = [(name = "kv.js", esModule = ${capnpText(KV_PROXY)})], bindings = [(name = "HOST", service = "kv-host"), (name = "NAMESPACE", text = ${capnpText(namespace_id!)})]))`,
      );
    } else throw new Error(`The edge does not know bindings of type ${type}`);
  }
  for (const name of secrets.keys()) own.push(`(name = ${capnpText(name)}, fromEnvironment = ${capnpText(name)})`);
  const module = (name: string) =>
    `(name = ${capnpText(name)}, esModule = embed ${capnpText(name.replaceAll("/", "_"))})`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${names.map(module).join(", ")}],
      compatibilityDate = ${capnpText(metadata.compatibility_date!)},
      compatibilityFlags = [${(metadata.compatibility_flags ?? []).map(capnpText).join(", ")}],
      bindings = [${own.join(", ")}],
      durableObjectNamespaces = [${classes.join(", ")}],
      durableObjectStorage = (localDisk = "objects")
    )),
    (name = "kv-host", external = (address = "127.0.0.1:${kvPort}", http = ())),
    (name = "objects", disk = (path = ${capnpText(data)}, writable = true))${services.map((service) => `,\n    ${service}`).join("")}
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]
);
`;
}

/** workerd asks a KV service for the key as a path; the account has more than one namespace. */
const KV_PROXY = `export default { fetch(request, env) {
  const url = new URL(request.url);
  return env.HOST.fetch("http://kv/" + env.NAMESPACE + url.pathname);
} };`;

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createTcp().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => done(port));
    });
  });
}
