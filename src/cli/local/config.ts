/** The configuration that workerd reads, as a pure function. No secret enters it: those are named, not written. */

import { utf8 } from "../../core/bytes.ts";

/** What the configuration of a local authority depends on. */
export interface LocalConfig {
  /** TCP port on the loopback address. */
  readonly port: number;
  /** Absolute path of the directory that holds the Durable Objects. */
  readonly objects: string;
  /** Absolute path of the directory that holds the files of releases. */
  readonly artifacts: string;
  /** Bundled Workers, as paths relative to the configuration file. */
  readonly workerModule: string;
  readonly kvModule: string;
  /** Absolute path of the directory that holds the dashboard's files. Only read. */
  readonly dashboard: string;
  /** Plain text bindings of the Worker. */
  readonly texts: Readonly<Record<string, string>>;
  /** Bindings whose values workerd reads from its own environment, under the same name: the secrets. */
  readonly environment: readonly string[];
}

/** The newest date this workerd knows, and the one in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-11-17";
/** A socket with compression costs 345 KB instead of 80 KB, and our frames are small. */
const COMPATIBILITY_FLAGS = ["no_web_socket_compression"];

/**
 * Object ids derive from these: with another key, every registry in the data directory would seem to be gone.
 * They never change.
 */
export const VERSION_UNIQUE_KEY = "tes-VersionManagementDO";
const KV_UNIQUE_KEY = "tes-KvStore";

/** The names under which clients on this machine may reach the port. The Worker answers to no others. */
export function loopbackAuthorities(port: number): string[] {
  return [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`];
}

/**
 * A Cap'n Proto text literal. Whatever is not printable ASCII is written byte by byte in UTF-8, so that a path with
 * quotes, newlines or any script comes out as it went in.
 */
export function capnpText(text: string): string {
  let out = "";
  for (const byte of utf8(text)) {
    if (byte === 0x22 || byte === 0x5c) out += `\\${String.fromCharCode(byte)}`;
    else if (byte >= 0x20 && byte < 0x7f) out += String.fromCharCode(byte);
    else out += `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${out}"`;
}

/**
 * Renders the configuration file for `workerd serve`.
 *
 * Two Workers: `main` is ours; `kv` stands in for Workers KV, over one Durable Object of its own. Both keep their
 * objects on the same disk, each under its unique key.
 */
export function renderConfig(config: LocalConfig): string {
  const bindings = [
    `(name = "VERSION_DO", durableObjectNamespace = "VersionManagementDO")`,
    `(name = "KV", kvNamespace = "kv")`,
    `(name = "TES_BUNDLE_DISK", service = "artifacts")`,
    `(name = "ASSETS", service = "dashboard")`,
    ...Object.entries(config.texts).map(([name, text]) => `(name = ${capnpText(name)}, text = ${capnpText(text)})`),
    ...config.environment.map((name) => `(name = ${capnpText(name)}, fromEnvironment = ${capnpText(name)})`),
  ];
  const flags = COMPATIBILITY_FLAGS.map(capnpText).join(", ");
  return `# Written by tes on every start; changes here are lost.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed ${capnpText(config.workerModule)})],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      compatibilityFlags = [${flags}],
      bindings = [
        ${bindings.join(",\n        ")}
      ],
      durableObjectNamespaces = [
        (className = "VersionManagementDO", uniqueKey = "${VERSION_UNIQUE_KEY}", enableSql = true)
      ],
      durableObjectStorage = (localDisk = "objects")
    )),
    (name = "kv", worker = (
      modules = [(name = "kv-worker.js", esModule = embed ${capnpText(config.kvModule)})],
      compatibilityDate = "${COMPATIBILITY_DATE}",
      bindings = [(name = "STORE", durableObjectNamespace = "KvStore")],
      durableObjectNamespaces = [(className = "KvStore", uniqueKey = "${KV_UNIQUE_KEY}", enableSql = true)],
      durableObjectStorage = (localDisk = "objects")
    )),
    (name = "objects", disk = (path = ${capnpText(config.objects)}, writable = true)),
    (name = "artifacts", disk = (path = ${capnpText(config.artifacts)}, writable = true)),
    (name = "dashboard", disk = (path = ${capnpText(config.dashboard)}, writable = false))
  ],
  sockets = [(name = "http", address = "127.0.0.1:${config.port}", http = (), service = "main")]
);
`;
}
