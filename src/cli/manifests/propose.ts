/** From packages and tags to a proposal for `tes.registry.json`, with its reasons. Pure. */

import type { JsonObject } from "../../core/json.ts";
import { compareSemver } from "../../core/semver.ts";
import type { EntityFile } from "../../protocol/files.ts";
import { parseRegistryFile, type RegistryFile, type RegistryFileEntity } from "../../protocol/registry-file.ts";
import { newestTag, type TagOwner, type VersionTag } from "../tags.ts";
import type { Manifest } from "./manifest.ts";
import { nameComponents } from "./names.ts";
import type { Package } from "./read.ts";

/** The entity that stands for the repository as a whole. */
export const ROOT_ENTITY = "global:main";
/** Where a thing starts that has no version yet: what a first declaration gets anyway. */
const FIRST_VERSION = "0.1.0";

/** A proposal for `tes.registry.json`. */
export interface Proposal {
  readonly file: RegistryFile;
  /** Why it is so, a sentence each, for people. */
  readonly lines: readonly string[];
}

/** A package with its version decided. */
interface Standing {
  readonly directory: string;
  readonly files: readonly EntityFile[];
  /** What its manifests say; null when they say nothing. */
  readonly manifest: string | null;
  readonly tag: VersionTag | null;
  readonly follows: string | undefined;
}

/**
 * The root becomes `global:main`, every package below it a `component:` with the root as its parent. When all packages
 * are at the root's version, they follow it (lockstep); when one is not, each goes its own way (independent).
 *
 * A version starts at the highest that a manifest or a tag carries, so that none is handed out twice. Manifests of one
 * directory that are at another version than the highest there are left out.
 *
 * @param tags all tags of the repository
 */
export function propose(packages: readonly Package[], tags: readonly string[], registry?: string): Proposal {
  const lines: string[] = [];
  const real = dropPlaceholders(packages, lines).filter(
    ({ manifests, follows }) => manifests.length > 0 || follows !== undefined,
  );
  const below = real.filter(({ directory }) => directory !== "");
  // Its name says which tags are its own, even where no manifest carries its version.
  const top = real.find(isRoot) ?? packages.find(isRoot);
  const ids = nameComponents(below);
  const names = ownNames(below.map((one, i) => namesOf(one, ids[i]!)));
  const rootNames = namesOf(top).filter((name) => !names.some((others) => others.includes(name)));
  const root = stand(real.find(isRoot) ?? emptyRoot(), { names: rootNames, bare: true }, tags, lines);
  const components = below.map((one, i) => {
    const owner = { names: names[i]!, bare: false };
    return { id: ids[i]!, ...stand(one, owner, tags, lines) };
  });
  const carriers = components.filter(({ follows }) => follows === undefined);
  const versions = new Set(carriers.map(({ manifest }) => manifest));
  // A root without a version of its own takes the one that all packages share, unless tags say that the two are apart.
  const apart = carriers.length === 1 && carriers[0]!.tag !== null && root.tag !== null;
  const shared = root.manifest ?? (versions.size === 1 && !apart ? [...versions][0]! : null);
  const start = highest([shared, root.tag?.version ?? null]) ?? FIRST_VERSION;
  const isAhead = ({ tag }: Standing) => tag !== null && compareSemver(tag.version, start) > 0;
  const lockstep = shared !== null && versions.size === 1 && versions.has(shared) && !carriers.some(isAhead);

  lines.push(explainStart(ROOT_ENTITY, root, start, shared));
  const entities: RegistryFileEntity[] = [{ id: ROOT_ENTITY, version: start, files: [...root.files] }];
  const cargo = new Map(
    [{ id: ROOT_ENTITY, ...root }, ...components]
      .filter(({ files }) => files.some(({ path }) => path.endsWith("Cargo.toml")))
      .map(({ directory, id }) => [directory, id]),
  );
  if (carriers.length > 0) lines.push(explainStrategy(carriers.length, lockstep, start, carriers, shared));
  for (const component of components) {
    const { id, follows, files } = component;
    if (follows !== undefined) {
      const parent = cargo.get(follows);
      if (parent === undefined) {
        lines.push(`${component.directory} is left out: so is the Cargo.toml of its workspace.`);
        continue;
      }
      entities.push({ id, strategy: "lockstep", parent, files: [...files] });
      lines.push(`${id} takes its version from the Cargo workspace, and so follows ${parent}.`);
    } else if (lockstep) {
      entities.push({ id, strategy: "lockstep", parent: ROOT_ENTITY, files: [...files] });
    } else {
      const own = highest([component.manifest, component.tag?.version ?? null]) ?? FIRST_VERSION;
      entities.push({ id, version: own, strategy: "independent", parent: ROOT_ENTITY, files: [...files] });
      lines.push(explainStart(id, component, own, component.manifest));
    }
  }
  const json = { ...(registry === undefined ? {} : { registry }), entities };
  return { file: parseRegistryFile(json as unknown as JsonObject), lines };
}

function isRoot({ directory }: Package): boolean {
  return directory === "";
}

/** Packages that are private and at 0.0.0 have no version that anybody moves, unless all are so. */
function dropPlaceholders(packages: readonly Package[], lines: string[]): Package[] {
  const all = packages.flatMap(({ manifests }) => manifests);
  if (all.every(({ placeholder }) => placeholder)) return [...packages];
  return packages.map((one) => {
    for (const { file, placeholder, version } of one.manifests) {
      if (placeholder) lines.push(`${file.path} is left out: private, and at ${version}.`);
    }
    return { ...one, manifests: one.manifests.filter(({ placeholder }) => !placeholder) };
  });
}

function emptyRoot(): Package {
  return { directory: "", name: undefined, manifests: [], follows: undefined };
}

/** What may stand for a package in a tag: its full name first, then the name without its scope, its id, its directory. */
function namesOf(one: Package | undefined, id?: string): string[] {
  const full = [one?.name, ...(one?.manifests ?? []).map(({ name }) => name)].filter((name) => name !== undefined);
  const short = full.map((name) => name.split("/").at(-1)!);
  const rest = [id?.slice(id.indexOf(":") + 1), one?.directory].filter((name) => name !== undefined && name !== "");
  return [...new Set([...full, ...short, ...rest])] as string[];
}

/** A name belongs to the one whose full name it is; one that several could mean is nobody's. */
function ownNames(all: readonly (readonly string[])[]): string[][] {
  const full = new Set(all.map(([first]) => first));
  const count = new Map<string, number>();
  for (const name of all.flat()) count.set(name, (count.get(name) ?? 0) + 1);
  return all.map((names) => names.filter((name, i) => i === 0 || (count.get(name) === 1 && !full.has(name))));
}

function stand(one: Package, owner: TagOwner, tags: readonly string[], lines: string[]): Standing {
  const manifest = highest(one.manifests.map(({ version }) => version));
  const kept = one.manifests.filter(({ version }) => version === manifest);
  for (const other of one.manifests) {
    if (!kept.includes(other)) lines.push(explainLeft(other, kept[0]!));
  }
  const files = [...kept.map(({ file }) => file), ...kept.flatMap(({ locks }) => locks)];
  return {
    directory: one.directory,
    files,
    manifest,
    tag: newestTag(owner, tags),
    follows: one.follows,
  };
}

/** The highest of some versions; of two that differ in build metadata alone, the first. */
function highest(versions: readonly (string | null)[]): string | null {
  return versions.reduce(
    (best, next) => (next !== null && (best === null || compareSemver(next, best) > 0) ? next : best),
    null,
  );
}

function explainLeft(other: Manifest, kept: Manifest): string {
  return `${other.file.path} is left out: at ${other.version}, while ${kept.file.path} beside it is at ${kept.version}.`;
}

function explainStart(id: string, { files, manifest, tag }: Standing, start: string, shared: string | null): string {
  const from = manifest !== null ? files[0]!.path : shared !== null ? "all packages" : null;
  const said = manifest ?? shared;
  if (tag === null) {
    return said === null
      ? `${id} starts at ${start}: no manifest and no tag has a version.`
      : `${id} starts at ${start}, the version of ${from}; it has no tag.`;
  }
  if (said === null) return `${id} starts at ${start}, the version of the tag ${tag.tag}.`;
  const order = compareSemver(tag.version, said);
  if (order === 0) return `${id} starts at ${start}: ${from} and the tag ${tag.tag} agree.`;
  if (order < 0) return `${id} starts at ${start}, the version of ${from}; its newest tag is ${tag.tag}.`;
  return `${id} starts at ${start}: the tag ${tag.tag} is ahead of ${from} (${said}), and no version may come twice.`;
}

function explainStrategy(
  count: number,
  lockstep: boolean,
  start: string,
  carriers: readonly Standing[],
  shared: string | null,
): string {
  if (lockstep) {
    const packages = count === 1 ? "The one package below it is" : `All ${count} packages below it are`;
    return `${packages} at its version, and ${count === 1 ? "follows" : "follow"} it (lockstep).`;
  }
  const other = carriers.find(({ manifest }) => manifest !== shared) ?? carriers.find(({ tag }) => tag !== null)!;
  const why =
    other.manifest !== shared
      ? `${other.directory} is at ${other.manifest ?? "no version"}`
      : `the tag ${other.tag!.tag} is ahead of ${start}`;
  return `Packages have versions of their own (${why}): each is bumped by itself (independent).`;
}
