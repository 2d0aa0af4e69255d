/** Cargo.toml, Cargo.lock and Cargo's workspaces. */

import { posix } from "node:path";
import { asArray, asObject, asString, nodeAt, stringItems } from "../config/tree.ts";
import { findMembers } from "./members.ts";
import type { Files, OwnPlace, VersionFile } from "./open.ts";
import { type ConfigNode, insideQuotes, readTree, refuseFile, type Span, versionSpan } from "./tree.ts";

export function isCargoToml(file: VersionFile): boolean {
  return posix.basename(file.target) === "Cargo.toml";
}

/** What a Cargo.toml says about versions. */
interface Manifest {
  readonly name: string | undefined;
  /** `package.version`, when it is written here. */
  readonly own: ConfigNode | undefined;
  /** `package.version.workspace = true`. */
  readonly inherits: boolean;
  /** `workspace.package.version`, which members inherit. */
  readonly shared: ConfigNode | undefined;
}

export function readManifest(file: VersionFile): Manifest {
  const root = readTree(file);
  const version = nodeAt(root, "package", "version");
  const workspace = nodeAt(version, "workspace");
  return {
    name: asString(nodeAt(root, "package", "name")),
    own: asObject(version) === undefined ? version : undefined,
    inherits: workspace?.kind === "boolean" && workspace.value === true,
    shared: nodeAt(root, "workspace", "package", "version"),
  };
}

/**
 * The version of a crate, or the one that a workspace gives to its members. A member that takes its version from the
 * workspace has no place of its own.
 *
 * @param planned all files of the plan
 * @throws file_pattern
 */
export function findInCargoToml(file: VersionFile, planned: readonly VersionFile[]): Span[] {
  const { own, shared, inherits } = readManifest(file);
  if (own !== undefined && shared !== undefined) {
    throw refuseFile(file.path, "has two versions, in [package] and [workspace.package]: say with a pattern which one");
  }
  const node = own ?? shared;
  if (node !== undefined) return [versionSpan(file, node)];
  if (inherits) {
    const directory = posix.dirname(file.target);
    const above = (other: VersionFile) => !posix.relative(posix.dirname(other.target), directory).startsWith("..");
    if (planned.some((other) => isCargoToml(other) && above(other) && readManifest(other).shared !== undefined))
      return [];
    throw refuseFile(file.path, "takes its version from the workspace: list the workspace's Cargo.toml");
  }
  throw refuseFile(file.path, "has no version in [package] or [workspace.package]");
}

/** A crate whose version stands in some Cargo.toml of an entity. */
export interface Crate {
  readonly name: string;
  readonly manifest: VersionFile;
}

/** The crates whose version stands at one place of a Cargo.toml: its own, or the members that inherit it. */
export async function cratesOf(checkout: Files, file: VersionFile, place: Span): Promise<Crate[]> {
  const { name, own, inherits, shared } = readManifest(file);
  const isAt = (node: ConfigNode | undefined) => node !== undefined && versionSpan(file, node).start === place.start;
  if (isAt(own)) return name === undefined ? [] : [{ name, manifest: file }];
  if (!isAt(shared)) return [];
  const crates = inherits && name !== undefined ? [{ name, manifest: file }] : [];
  // A crate that the root depends on by its path is a member without being named.
  const linked = askedByCargo(file).map(({ directory }) => directory);
  for (const manifest of await findMembers(checkout, file, linked)) {
    const member = readManifest(manifest);
    if (member.inherits && member.name !== undefined) crates.push({ name: member.name, manifest });
  }
  return crates;
}

/**
 * Places in a Cargo.lock: the crates' own entries, and the entries that name them with their version because another
 * crate of that name is there too.
 *
 * @param own the places of the entity's version in its other files
 * @throws file_pattern when it has no crate of the entity
 */
export async function findInCargoLock(checkout: Files, lock: VersionFile, own: readonly OwnPlace[]): Promise<Span[]> {
  const names = new Set<string>();
  for (const { file, place } of own) {
    if (!isCargoToml(file)) continue;
    for (const { name } of await cratesOf(checkout, file, place)) names.add(name);
  }
  if (names.size === 0) throw refuseFile(lock.path, "needs the crate's Cargo.toml among the entity's files");
  const packages = asArray(nodeAt(readTree(lock), "package"))?.items ?? [];
  // What comes from a registry has a source; what is in the checkout has none.
  const local = packages.filter(
    (one) => nodeAt(one, "source") === undefined && names.has(asString(nodeAt(one, "name")) ?? ""),
  );
  if (local.length === 0) {
    throw refuseFile(
      lock.path,
      `does not know ${[...names].join(", ")}: bring it up to date (cargo update --workspace)`,
    );
  }
  const named = new Map(
    local.map((one) => [`${asString(nodeAt(one, "name"))} ${asString(nodeAt(one, "version"))}`, one]),
  );
  const asked = packages
    .flatMap((one) => stringItems(nodeAt(one, "dependencies")))
    .filter(({ text }) => named.has(text));
  return [
    ...local.map((one) => versionSpan(lock, nodeAt(one, "version") ?? one)),
    ...asked.map(({ text, node }) => {
      const { start, end } = insideQuotes(lock, node);
      return { start: start + text.indexOf(" ") + 1, end };
    }),
  ];
}

const SECTIONS = ["dependencies", "dev-dependencies", "build-dependencies"];

/** What a Cargo.toml asks of a crate beside it. */
export interface AskedCrate {
  readonly name: string;
  /** Where that one is, from the root of the checkout. */
  readonly directory: string;
  /** The requirement, if any. */
  readonly node: ConfigNode | undefined;
}

export function askedByCargo(file: VersionFile): AskedCrate[] {
  const root = readTree(file);
  const tables = [
    ...SECTIONS.map((section) => nodeAt(root, section)),
    nodeAt(root, "workspace", "dependencies"),
    ...[...(asObject(nodeAt(root, "target"))?.entries.values() ?? [])].flatMap(({ node }) =>
      SECTIONS.map((section) => nodeAt(node, section)),
    ),
  ];
  return tables.flatMap((table) =>
    [...(asObject(table)?.entries ?? [])].flatMap(([name, { node }]) => {
      const path = asString(nodeAt(node, "path"));
      if (path === undefined) return [];
      const directory = posix.join(posix.dirname(file.target), path).replace(/\/$/, "");
      return [{ name, directory, node: nodeAt(node, "version") }];
    }),
  );
}
