/** `--from-commits`: the scope that the commits since an entity's last tag ask for. */

import { compareSemver, parseSemver } from "../core/semver.ts";
import type { EntityFile } from "../protocol/files.ts";
import { directoriesOf, type ScopeFinding, scopeOf } from "./commits.ts";
import { type Checkout, commitsSince, listTags } from "./git.ts";
import { newestTag, type TagOwner, type VersionTag } from "./tags.ts";

export interface SinceOptions {
  /** The entity's files: only commits that touch their directories count. Left out: every commit counts. */
  readonly files?: readonly EntityFile[] | undefined;
  /** Its version now. */
  readonly version?: string | undefined;
  /** See `ScopeOptions`. */
  readonly zeroMajor?: "major" | "minor" | undefined;
}

export interface SinceFinding extends ScopeFinding {
  /** The tag the commits are counted from; null when there is none, and so from the beginning. */
  readonly since: VersionTag | null;
  /** What is odd about that tag; null for nothing. */
  readonly warning: string | null;
}

/**
 * Looks for the owner's newest tag that HEAD can reach, and reads the commits since. A package that was never tagged by
 * itself was released with the repository: then the newest tag without a name counts.
 *
 * @throws git_state for a shallow clone that ends too early, git_failed
 *
 * @example
 * const { scope, why } = await scopeSinceTag(checkout, owner, { files: entity.files, version: "1.2.3" });
 * // scope is null: nothing to bump
 */
export async function scopeSinceTag(
  checkout: Checkout,
  owner: TagOwner,
  { files, version, zeroMajor }: SinceOptions = {},
): Promise<SinceFinding> {
  const tags = await listTags(checkout, "reachable");
  const since =
    newestTag(owner, tags) ?? (owner.form === undefined ? newestTag({ names: [], bare: true }, tags) : null);
  const commits = await commitsSince(checkout, since?.tag ?? null);
  const directories = files === undefined ? undefined : directoriesOf(files, checkout.prefix);
  const found = scopeOf(commits, { directories, version, zeroMajor });
  const from = since === null ? "From the beginning" : `Since ${since.tag}`;
  return { ...found, since, warning: aheadOf(since, version), why: `${from}: ${found.why}` };
}

/** A tag of a version that the authority never gave: what came before it would be counted by nobody. */
function aheadOf(since: VersionTag | null, version: string | undefined): string | null {
  if (since === null || version === undefined) return null;
  if (compareSemver(parseSemver(since.version), parseSemver(version)) <= 0) return null;
  return (
    `The tag ${since.tag} is ahead of ${version}, the version at the authority, and commits before it are not counted: ` +
    "delete it if it was a mistake, or say the scope yourself."
  );
}
