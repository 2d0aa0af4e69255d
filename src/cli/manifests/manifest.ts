/** One manifest: the package's name, and its version as a bump would find it. */

import { posix } from "node:path";
import { TesError } from "../../core/errors.ts";
import type { EntityFile } from "../../protocol/files.ts";
import { asString, nodeAt } from "../config/tree.ts";
import { isCargoToml, readManifest } from "../files/cargo.ts";
import { findVersion } from "../files/find.ts";
import { isPackageJson } from "../files/npm.ts";
import type { Files, OwnPlace, VersionFile } from "../files/open.ts";
import { versionSource } from "../files/python.ts";
import { readTree, refuseFile } from "../files/tree.ts";
import { findAssignment } from "./assignment.ts";
import { toSemver } from "./versions.ts";
import { directoryOf } from "./workspaces.ts";
import { findVersionVariable, isWrangler, workerName } from "./wrangler.ts";

/** A file that carries a package's version. */
export interface Manifest {
  /** As an entity lists it. */
  readonly file: EntityFile;
  readonly name: string | undefined;
  /** SemVer. */
  readonly version: string;
  /** Lock files that hold its version once more. */
  readonly locks: readonly EntityFile[];
  /** At 0.0.0 and not to be published: a version that nobody ever moved. */
  readonly placeholder: boolean;
}

/** What else is in the checkout. */
export interface Surroundings {
  readonly checkout: Files;
  /** Every manifest of the repository. */
  readonly all: readonly VersionFile[];
  /** Every path that git tracks. */
  readonly tracked: ReadonlySet<string>;
}

/** A manifest, or `inherits` for a crate that takes its version from its workspace, or null where there is none to say. */
export type Reading = Manifest | "inherits" | null;

/**
 * Reads a manifest.
 *
 * @throws file_unreadable, file_pattern when it has no version that a bump could write
 */
export async function readCarrier(file: VersionFile, around: Surroundings): Promise<Reading> {
  const { checkout, all } = around;
  const path = file.target;
  const variable = isWrangler(path) ? findVersionVariable(file) : undefined;
  if (variable === null) return null;
  const source = posix.basename(path) === "pyproject.toml" ? await readSource(file, checkout) : null;
  const listed: EntityFile = source ?? { path, ...(variable === undefined ? {} : { pattern: variable.pattern }) };
  const carrier = source === null ? file : await checkout.open(source.path);
  const [place] = await findVersion(carrier, listed.pattern, { checkout, own: [], planned: all });
  if (place === undefined) return "inherits";
  const written = carrier.text.slice(place.start, place.end);
  const version = toSemver(written);
  if (version === null) {
    // lerna's word for packages that go their own ways.
    if (written === "independent") return null;
    throw refuseFile(listed.path, `holds ${JSON.stringify(written)}, which is no SemVer version`);
  }
  const placeholder = /^0\.0\.0(?:-|$)/.test(version) && isPrivate(file);
  const locks = await findLocks({ file: carrier, place }, around);
  return { file: listed, name: nameOf(file), version, locks, placeholder };
}

/** Where a pyproject.toml says that its version is, and a pattern for it. */
async function readSource(file: VersionFile, checkout: Files): Promise<EntityFile | null> {
  const source = versionSource(file);
  if (source === null) return null;
  const path = posix.join(directoryOf(file.target), source);
  const pattern = findAssignment(await checkout.open(path));
  return pattern === null ? null : { path, pattern };
}

/** Whether a package says that it is not to be published. */
function isPrivate(file: VersionFile): boolean {
  const node = isPackageJson(file)
    ? nodeAt(readTree(file), "private")
    : isCargoToml(file)
      ? nodeAt(readTree(file), "package", "publish")
      : undefined;
  return node?.kind === "boolean" && node.value === isPackageJson(file);
}

/** The name of the package whose manifest a file is. */
export function nameOf(file: VersionFile): string | undefined {
  if (isWrangler(file.target)) return workerName(file);
  if (isCargoToml(file)) return readManifest(file).name;
  const name = posix.basename(file.target);
  if (name === "pyproject.toml") {
    const root = readTree(file);
    return asString(nodeAt(root, "project", "name")) ?? asString(nodeAt(root, "tool", "poetry", "name"));
  }
  return /^(?:package|jsr|deno)\.jsonc?$/.test(name) ? asString(nodeAt(readTree(file), "name")) : undefined;
}

const LOCKS: Readonly<Record<string, readonly string[]>> = {
  "package.json": ["package-lock.json", "npm-shrinkwrap.json"],
  "Cargo.toml": ["Cargo.lock"],
};

/** The nearest lock file beside or above a manifest that knows its version. */
async function findLocks(own: OwnPlace, { checkout, all, tracked }: Surroundings): Promise<EntityFile[]> {
  const names = LOCKS[posix.basename(own.file.target)] ?? [];
  for (let at = directoryOf(own.file.target); ; at = directoryOf(at)) {
    for (const name of names) {
      const path = posix.join(at, name);
      if (!tracked.has(path)) continue;
      try {
        await findVersion(await checkout.open(path), undefined, { checkout, own: [own], planned: all });
        return [{ path }];
      } catch (error) {
        if (!(error instanceof TesError)) throw error;
      }
    }
    if (at === "") return [];
  }
}
