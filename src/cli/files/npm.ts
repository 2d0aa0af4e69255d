/** package.json and npm's lock files: the version, and what packages of one plan ask of each other. */

import { posix } from "node:path";
import { asObject, asString, nodeAt } from "../config/tree.ts";
import type { OwnPlace, VersionFile } from "./open.ts";
import { type ConfigNode, readTree, refuseFile, type Span, versionSpan } from "./tree.ts";

/** The members of a package.json, and of a lock file's packages, that name other packages. */
const SECTIONS = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

/** The one `version` at the top of a JSON file. */
export function findInJson(file: VersionFile): Span[] {
  const node = asObject(readTree(file))?.entries.get("version")?.node;
  if (node === undefined) throw refuseFile(file.path, 'has no "version" at its top level');
  return [versionSpan(file, node)];
}

export function isPackageJson(file: VersionFile): boolean {
  return posix.basename(file.target) === "package.json";
}

/** Whether a place is a package.json's version, and not, by a pattern, something else in it. */
export function isOwnVersion({ file, place }: OwnPlace): boolean {
  const node = isPackageJson(file) ? nodeAt(readTree(file), "version") : undefined;
  return node !== undefined && versionSpan(file, node).start === place.start;
}

export function packageName(file: VersionFile): string | undefined {
  return asString(nodeAt(readTree(file), "name"));
}

/** A package.json's directory as an npm lock file names it; null when the lock file is not above it. */
function keyInLock(lock: VersionFile, manifest: VersionFile): string | null {
  const way = posix.relative(posix.dirname(lock.target), posix.dirname(manifest.target));
  return way === ".." || way.startsWith("../") ? null : way;
}

/**
 * An npm lock file names a package by its directory: the root twice, at the top and under the empty path; a workspace
 * under its own. An entity's packages are those whose package.json, beside or below the lock file, holds its version;
 * when there is none, it is the root.
 *
 * @param own the places of the entity's version in its other files
 * @throws file_pattern when the lock file knows none of them
 */
export function findInNpmLock(lock: VersionFile, own: readonly OwnPlace[]): Span[] {
  const root = readTree(lock);
  const listed = own.filter(isOwnVersion).map(({ file }) => keyInLock(lock, file));
  const keys = [...new Set(listed.filter((key) => key !== null))];
  const nodes = (keys.length === 0 ? [""] : keys).flatMap((key) => {
    const node = nodeAt(root, "packages", key, "version");
    return key === "" ? [nodeAt(root, "version"), node] : [node];
  });
  const found = nodes.filter((node) => node !== undefined);
  if (found.length > 0) return found.map((node) => versionSpan(lock, node));
  const names = keys.map((key) => key || "the package at its root").join(", ") || "the package at its root";
  throw refuseFile(lock.path, `has no version of ${names}: bring it up to date (npm install --package-lock-only)`);
}

/** What one package asks of others: the string and its place, by the other's name. */
export interface Asked {
  readonly name: string;
  readonly node: ConfigNode;
}

/** What a package.json asks for. */
export function askedByManifest(manifest: VersionFile): Asked[] {
  return askedIn(readTree(manifest));
}

/** What a lock file says that a package.json asks for: npm ci compares the two. */
export function askedByLock(lock: VersionFile, manifest: VersionFile): Asked[] {
  const key = keyInLock(lock, manifest);
  return key === null ? [] : askedIn(nodeAt(readTree(lock), "packages", key));
}

function askedIn(node: ConfigNode | undefined): Asked[] {
  return SECTIONS.flatMap((section) =>
    [...(asObject(nodeAt(node, section))?.entries ?? [])].map(([name, entry]) => ({ name, node: entry.node })),
  ).filter((asked) => asked.node.kind === "string");
}
