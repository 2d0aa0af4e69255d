/** From a path to everything an audit looks at: the text, its neighbours, its entry points, and what git thinks of it. */

import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { TesError } from "../../core/errors.ts";
import { type AuditInput, auditConfig } from "./audit.ts";
import type { ExportedClasses } from "./checks/classes.ts";
import { readEntryPoint } from "./entry-point.ts";
import type { Finding } from "./finding.ts";
import { inherited, readWorkers } from "./model.ts";
import { configFormat, MAX_CONFIG_CHARS, type ParsedConfig, type ParseFault, parseConfig } from "./parse.ts";
import { holdsHexKey } from "./secret-text.ts";
import { asString, entryOf, nodeAt } from "./tree.ts";

/** One audited file. */
export interface AuditedFile {
  /** As it stands in the findings: relative to the working directory where it lies below it. */
  readonly path: string;
  readonly absolute: string;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly config: ParsedConfig | ParseFault;
  /** The environments it describes besides the top level. */
  readonly environments: readonly string[];
  readonly findings: readonly Finding[];
}

/** The names wrangler looks for, in its order; it looks for each in the folder and all folders above. */
const CONFIG_NAMES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];
/** Four bytes for each character of the longest text, in UTF-8. */
const MAX_CONFIG_BYTES = 4 * MAX_CONFIG_CHARS;

/**
 * The configuration file that is meant.
 *
 * @param named a file, a folder that holds one, or undefined for the one wrangler finds from `cwd` upwards
 * @throws {TesError} `usage` when there is none, or it is not one wrangler reads
 */
export function findConfig(cwd: string, named: string | undefined): string {
  if (named === undefined) {
    for (const name of CONFIG_NAMES) {
      for (let folder = cwd; ; folder = dirname(folder)) {
        if (isFile(join(folder, name))) return join(folder, name);
        if (folder === dirname(folder)) break;
      }
    }
    throw new TesError("usage", { detail: `There is no ${CONFIG_NAMES.join(", ")} here or above. Name a file.` });
  }
  const path = resolve(cwd, named);
  const info = statSync(path, { throwIfNoEntry: false });
  if (info === undefined) throw new TesError("usage", { detail: `${named} does not exist.`, field: named });
  if (info.isDirectory()) {
    const name = CONFIG_NAMES.find((candidate) => isFile(join(path, candidate)));
    if (name !== undefined) return join(path, name);
    throw new TesError("usage", { detail: `${named} holds no ${CONFIG_NAMES.join(", ")}.`, field: named });
  }
  if (configFormat(path) === null) {
    throw new TesError("usage", { detail: `${named} is not a .toml, .json or .jsonc file.`, field: named });
  }
  return path;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * Audits a file with everything around it.
 *
 * @param absolute what findConfig gave
 * @throws {TesError} `file_unreadable`
 */
export async function auditFile(cwd: string, absolute: string): Promise<AuditedFile> {
  const bytes = readBytes(absolute);
  const inside = relative(cwd, absolute);
  const path = inside.startsWith("..") ? absolute : inside.split(sep).join("/");
  return auditBytes(path, absolute, bytes);
}

/** Audits bytes as if they stood in the file, which they may not do yet. */
export async function auditBytes(path: string, absolute: string, bytes: Uint8Array): Promise<AuditedFile> {
  const text = decode(bytes);
  const config = typeof text === "string" ? parseConfig(path, text) : text;
  const folder = dirname(absolute);
  const input: AuditInput = {
    path,
    text: typeof text === "string" ? text : "",
    config,
    siblings: readdirSync(folder).filter((name) => CONFIG_NAMES.includes(name)),
    exportedClasses: readEntryPoints(absolute, config),
    ...(typeof text === "string" && holdsHexKey(text)
      ? { isPublicKey: (await import("../../core/keys.ts")).isPublicKeyText }
      : {}),
  };
  let findings = auditConfig(input);
  // git is a process of its own, so it is asked only where its answer matters.
  if (findings.some(({ rule }) => rule.startsWith("secret-") && rule !== "secrets-not-inherited")) {
    const gitIgnored = isIgnored(absolute);
    if (gitIgnored !== undefined) findings = auditConfig({ ...input, gitIgnored });
  }
  const workers = config.ok ? readWorkers(config.root) : [];
  const environments = workers.flatMap(({ env }) => env ?? []);
  return { path, absolute, bytes, text: input.text, config, environments, findings };
}

function readBytes(absolute: string): Uint8Array {
  try {
    if (statSync(absolute).size <= MAX_CONFIG_BYTES) return readFileSync(absolute);
  } catch (cause) {
    throw new TesError("file_unreadable", { detail: `${absolute} cannot be read.`, field: absolute, cause });
  }
  throw new TesError("file_unreadable", {
    detail: `${absolute} is larger than ${MAX_CONFIG_BYTES} bytes.`,
    field: absolute,
  });
}

/** A text, or the fault of bytes that are not UTF-8, which wrangler would read with holes in it. */
function decode(bytes: Uint8Array): string | ParseFault {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    const message = utf16 ? "it is UTF-16, and wrangler reads UTF-8" : "it is not UTF-8";
    return { ok: false, message, span: { start: 0, end: 0 } };
  }
}

/** What each `main` exports. A project with a build step is left alone: its entry point may be an old one. */
export function readEntryPoints(absolute: string, config: ParsedConfig | ParseFault): ExportedClasses {
  const folder = dirname(absolute);
  const found: Record<string, readonly string[] | null> = {};
  if (!config.ok) return found;
  for (const worker of readWorkers(config.root)) {
    const main = asString(inherited(worker, "main")?.node);
    if (main === undefined || Object.hasOwn(found, main)) continue;
    const builds = nodeAt(inherited(worker, "build")?.node, "command") !== undefined;
    const declares = ["durable_objects", "migrations", "exports"].some(
      (field) => entryOf(worker.own, field) !== undefined || entryOf(worker.top, field) !== undefined,
    );
    if (declares) found[main] = builds ? null : readEntryPoint(resolve(folder, main));
  }
  return found;
}

/** Whether git ignores a file; undefined outside a repository and where there is no git. A tracked file is not ignored. */
function isIgnored(absolute: string): boolean | undefined {
  const args = ["check-ignore", "--quiet", "--", basename(absolute)];
  const { status } = spawnSync("git", args, { cwd: dirname(absolute), stdio: "ignore" });
  return status === 0 ? true : status === 1 ? false : undefined;
}
