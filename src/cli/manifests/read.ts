/** The packages of a checkout: manifests that git tracks, read as a bump would read them, and grouped by directory. */

import { posix } from "node:path";
import { TesError } from "../../core/errors.ts";
import type { Files, VersionFile } from "../files/open.ts";
import { type Manifest, nameOf, readCarrier, type Surroundings } from "./manifest.ts";
import { acceptWorkspaces, rankOf, reasonToLeave } from "./select.ts";
import { directoryOf, readWorkspace, WORKSPACE_FILES, type Workspace, wayDown } from "./workspaces.ts";

/** Manifests that are looked into: several times what the largest repositories have. */
export const MAX_MANIFESTS = 5_000;

/** What stands in one directory. */
export interface Package {
  /** From where `tes.registry.json` is; the root is "". */
  readonly directory: string;
  readonly name: string | undefined;
  readonly manifests: readonly Manifest[];
  /** The directory of the Cargo workspace that it takes its version from. */
  readonly follows: string | undefined;
}

export interface Reading {
  /** By directory, the root first. */
  readonly packages: readonly Package[];
  /** What was left out and why, a sentence each. */
  readonly left: readonly string[];
}

/** Manifests that mostly have no version: then nothing is said about them. */
const MOSTLY_WITHOUT = /^(?:deno\.jsonc?|jsr\.jsonc?)$/;

/**
 * Reads the packages of a checkout.
 *
 * @param paths files that git tracks, as `listFiles` gives them
 */
export async function readPackages(checkout: Files, paths: readonly string[]): Promise<Reading> {
  const left: string[] = [];
  const all = await openManifests(checkout, paths, left);
  const workspaces = acceptWorkspaces(all.flatMap((file) => tryReadWorkspace(file) ?? []));
  const groups = new Map<string, VersionFile[]>();
  const elsewhere = new Map<string, string[]>();
  for (const file of all) {
    if (rankOf(file.target) === null) continue;
    const why = reasonToLeave(file.target, workspaces);
    const directory = directoryOf(file.target);
    if (why === null) groups.set(directory, [...(groups.get(directory) ?? []), file]);
    else elsewhere.set(why, [...(elsewhere.get(why) ?? []), file.target]);
  }
  for (const [why, [first, ...more]] of elsewhere) {
    left.push(
      more.length === 0 ? `${first} is left out: ${why}.` : `${first} and ${more.length} more are left out: ${why}.`,
    );
  }
  const around = { checkout, all, tracked: new Set(paths) };
  const packages: Package[] = [];
  for (const [directory, group] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ranked = group.toSorted((a, b) => rankOf(a.target)! - rankOf(b.target)!);
    packages.push(await readPackage(directory, ranked, around, workspaces, left));
  }
  return { packages, left };
}

async function openManifests(checkout: Files, paths: readonly string[], left: string[]): Promise<VersionFile[]> {
  const known = paths.filter((path) => rankOf(path) !== null || WORKSPACE_FILES.test(posix.basename(path)));
  if (known.length > MAX_MANIFESTS) {
    left.push(`Only the first ${MAX_MANIFESTS} of ${known.length} manifests were looked at.`);
  }
  const opened: VersionFile[] = [];
  for (const path of known.slice(0, MAX_MANIFESTS)) {
    const file = await attempt(path, left, () => checkout.open(path));
    if (file === null) continue;
    if (file.target === path) opened.push(file);
    else left.push(`${path} is left out: a symbolic link.`);
  }
  return opened;
}

/** What went wrong with one file is a reason to leave it out, not to give up. */
async function attempt<T>(path: string, left: string[], work: () => T | Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TesError)) throw error;
    if (!MOSTLY_WITHOUT.test(posix.basename(path))) left.push(`${path} is left out: ${error.detail}`);
    return null;
  }
}

function tryReadWorkspace(file: VersionFile): Workspace | null {
  if (!WORKSPACE_FILES.test(posix.basename(file.target))) return null;
  try {
    return readWorkspace(file);
  } catch (error) {
    // It is reported when its version is looked for.
    if (error instanceof TesError) return null;
    throw error;
  }
}

async function readPackage(
  directory: string,
  files: readonly VersionFile[],
  around: Surroundings,
  workspaces: readonly Workspace[],
  left: string[],
): Promise<Package> {
  const manifests: Manifest[] = [];
  const names: (string | undefined)[] = [];
  let inherits = false;
  for (const file of files) {
    const read = await attempt(file.target, left, () => readCarrier(file, around));
    names.push((await attempt(file.target, [], () => nameOf(file) ?? null)) ?? undefined);
    if (read === "inherits") inherits = true;
    else if (read !== null) manifests.push(read);
  }
  // The nearest workspace above it is the crate's.
  const [workspace] = workspaces
    .filter((one) => one.tool === "cargo" && wayDown(one.directory, directory) !== null)
    .sort((a, b) => b.directory.length - a.directory.length);
  const follows = inherits && manifests.length === 0 ? workspace?.directory : undefined;
  return { directory, name: names.find((name) => name !== undefined), manifests, follows };
}
