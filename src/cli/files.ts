/**
 * Writing versions into the files that carry them: everything is checked first, then all files change or none.
 *
 * Only the version's own characters change: line ends, indentation, comments and a byte order mark stay as they are.
 *
 * With a pattern, its one group is the version. Without, the name of the file says where it stands:
 *
 * - `package.json`, `jsr.json`, `deno.json` and every other .json or .jsonc file: `version` at the top level
 * - `package-lock.json`, `npm-shrinkwrap.json`: the entries of the packages whose package.json the entity lists too
 * - `Cargo.toml`: `package.version`, or `workspace.package.version`
 * - `Cargo.lock`: the entries of the crates whose Cargo.toml the entity lists too
 * - `pyproject.toml`: `project.version`, and `tool.poetry.version`
 * - `VERSION`, `VERSION.txt`, `.version`: the whole file
 * - a wrangler configuration and everything else needs a pattern
 *
 * When packages of one repository ask for each other and both are written, their ranges follow: see
 * `files/siblings.ts` and `files/range.ts`. Lock files of pnpm, yarn and bun are left to those tools.
 */

import { access } from "node:fs/promises";
import { join, posix } from "node:path";
import { TesError } from "../core/errors.ts";
import type { EntityFile } from "../protocol/files.ts";
import type { FileEdit } from "./files/apply.ts";
import { isCargoToml } from "./files/cargo.ts";
import { findVersion } from "./files/find.ts";
import { isPackageJson } from "./files/npm.ts";
import { type Files, isLock, openFiles, type VersionFile } from "./files/open.ts";
import { Places, type VersionChange } from "./files/places.ts";
import { followSiblings, type MovedPlace } from "./files/siblings.ts";
import { readTree } from "./files/tree.ts";

export { type ApplyOptions, applyEdits, type FileChange, type FileEdit } from "./files/apply.ts";
export { hasKind } from "./files/find.ts";
export { MAX_VERSION_FILE_BYTES } from "./files/open.ts";
export type { VersionChange } from "./files/places.ts";

export interface FilePlan {
  readonly edits: readonly FileEdit[];
  /**
   * What may be wrong: versions in files that are not the ones the authority had (they are overwritten all the same),
   * packages elsewhere that ask for less than the new version, versions that Python reads otherwise.
   */
  readonly warnings: readonly string[];
  /** What is left to do by other tools: lock files that are not ours to write. */
  readonly notes: readonly string[];
}

export interface PlanOptions {
  /** Files of entities that keep their version: what of theirs asks for too little is reported, never written. */
  readonly others?: readonly EntityFile[];
}

/**
 * Reads every file and finds every place, and writes nothing.
 *
 * @param root the checkout; no file outside it is touched, not even through a symbolic link
 * @throws file_unreadable, file_pattern
 *
 * @example
 * const plan = await planEdits(".", [{ entity: "global:main", from: "1.0.0", to: "1.1.0", files: [{ path: "package.json" }] }]);
 * await applyEdits(plan.edits);
 */
export async function planEdits(
  root: string,
  changes: readonly VersionChange[],
  options: PlanOptions = {},
): Promise<FilePlan> {
  const checkout = await openFiles(root);
  const opened: { change: VersionChange; files: { file: VersionFile; pattern: string | undefined }[] }[] = [];
  for (const change of changes) {
    const files: { file: VersionFile; pattern: string | undefined }[] = [];
    for (const { path, pattern } of change.files) files.push({ file: await checkout.open(path), pattern });
    opened.push({ change, files });
  }
  const plan = new Places();
  const planned = opened.flatMap(({ files }) => files.map(({ file }) => file));
  const moved: MovedPlace[] = [];
  for (const { change, files } of opened) {
    const own: MovedPlace[] = [];
    // A lock file's places depend on what the entity's other files are.
    for (const { file, pattern } of files.toSorted(
      (a, b) => Number(isLock(a.file.target)) - Number(isLock(b.file.target)),
    )) {
      for (const place of await findVersion(file, pattern, { checkout, own, planned })) {
        own.push({ file, place, entity: change.entity, from: plan.addVersion(file, place, change), to: change.to });
      }
    }
    moved.push(...own);
  }
  const byKind = new Set(
    opened.flatMap(({ files }) => files.filter(({ pattern }) => pattern === undefined)).map(({ file }) => file),
  );
  const others = await openOthers(checkout, options.others ?? []);
  const siblings = await followSiblings(checkout, moved, [...byKind], others);
  for (const { file, entity, place, to } of siblings.edits) {
    plan.add(file, { entity, ...place, found: file.text.slice(place.start, place.end), to, kind: "range" });
  }
  const notes = await staleLocks(
    checkout,
    planned,
    siblings.edits.map(({ file }) => file),
  );
  return { edits: plan.edits(), warnings: [...plan.warnings, ...siblings.warnings], notes };
}

/** Manifests of entities that stay; one that cannot be read is somebody else's concern. */
async function openOthers(checkout: Files, others: readonly EntityFile[]): Promise<VersionFile[]> {
  const files: VersionFile[] = [];
  for (const { path, pattern } of others) {
    if (pattern !== undefined || !/(?:^|\/)(?:package\.json|Cargo\.toml)$/.test(path)) continue;
    try {
      const file = await checkout.open(path);
      readTree(file);
      files.push(file);
    } catch (error) {
      if (!(error instanceof TesError)) throw error;
    }
  }
  return files;
}

/** Lock files beside the plan that its edits leave behind, and what brings each up to date. */
const LOCKS = [
  { name: "pnpm-lock.yaml", after: "range", of: isPackageJson, remedy: "pnpm install --lockfile-only" },
  { name: "yarn.lock", after: "range", of: isPackageJson, remedy: "yarn install" },
  { name: "bun.lock", after: "range", of: isPackageJson, remedy: "bun install --lockfile-only" },
  { name: "package-lock.json", after: "range", of: isPackageJson, remedy: "npm install --package-lock-only" },
  { name: "Cargo.lock", after: "version", of: isCargoToml, remedy: "cargo update --workspace" },
] as const;

async function staleLocks(
  checkout: Files,
  planned: readonly VersionFile[],
  ranged: readonly VersionFile[],
): Promise<string[]> {
  const notes: string[] = [];
  for (const { name, after, of, remedy } of LOCKS) {
    for (const directory of new Set(
      (after === "range" ? ranged : planned).filter(of).flatMap(({ target }) => above(target)),
    )) {
      const path = posix.join(directory, name);
      if (planned.some(({ target }) => target === path)) continue;
      const there = await access(join(checkout.base, path)).then(
        () => true,
        () => false,
      );
      if (there) notes.push(`${path} still holds what was before: list it, or run ${remedy}.`);
    }
  }
  return notes;
}

/** The directories above a file, the root of the checkout as ".". */
function above(target: string): string[] {
  const directory = posix.dirname(target);
  return directory === "." ? ["."] : [directory, ...above(directory)];
}
