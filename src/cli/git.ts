/**
 * A publisher's git checkout: what is in it, what changed since a tag, and one commit and one tag of our own.
 *
 * The real git does everything. Paths are given from the directory that the checkout was opened in, and always taken
 * literally. Nothing is committed but the paths that are named, whatever else is staged.
 */

import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { TesError } from "../core/errors.ts";
import { type Commit, LOG_FORMAT, parseLog } from "./git/log.ts";
import { type Environment, runGit } from "./git/run.ts";

export type { Commit } from "./git/log.ts";

export interface Checkout {
  /** The directory that paths are given from: where `tes.registry.json` is. */
  readonly dir: string;
  /** The root of the checkout. */
  readonly root: string;
  /** The way from the root to `dir`: empty, or with `/` at its end. */
  readonly prefix: string;
  readonly env: Environment;
}

/**
 * Finds the checkout that a directory is in.
 *
 * @throws git_unknown, git_state for a bare repository, git_failed
 */
export async function openCheckout(dir: string, env: Environment): Promise<Checkout> {
  const inside = await runGit(dir, env, ["rev-parse", "--is-inside-work-tree"]);
  if (inside.stdout.trim() !== "true") {
    throw new TesError("git_state", {
      detail: `${dir} is in a repository without files of its own (bare, or its .git directory).`,
    });
  }
  const line = async (option: string) => (await runGit(dir, env, ["rev-parse", option])).stdout.replace(/\n$/, "");
  return { dir, root: await line("--show-toplevel"), prefix: await line("--show-prefix"), env };
}

/** Files that git tracks below `dir`, as paths from there. */
export async function listFiles(checkout: Checkout): Promise<string[]> {
  return names(await read(checkout, ["ls-files", "-z", "--cached", "--deduplicate"]));
}

/** Paths of the given ones that differ from the last commit, staged or not, or are not tracked. */
export async function dirtyPaths(checkout: Checkout, paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) return [];
  const files = paths.map(literal);
  const status = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all", "--", ...files];
  const entries = names(await read(checkout, status));
  // Porcelain paths are from the root: two letters and a space stand before each.
  const changed = new Set(entries.map((entry) => entry.slice(3)));
  // An ignored file has no status.
  const tracked = new Set(names(await read(checkout, ["ls-files", "-z", "--full-name", "--", ...files])));
  return paths.filter((path) => changed.has(checkout.prefix + path) || !tracked.has(checkout.prefix + path));
}

/**
 * Makes sure that a commit of these paths holds our own changes and nothing else. To be asked before they are changed.
 *
 * @throws git_dirty
 */
export async function requireClean(checkout: Checkout, paths: readonly string[]): Promise<void> {
  const dirty = await dirtyPaths(checkout, paths);
  if (dirty.length > 0) throw new TesError("git_dirty", { field: dirty[0]!, detail: dirty.join(", ") });
}

/** The branch that HEAD is on; null when HEAD is detached. */
export async function currentBranch(checkout: Checkout): Promise<string | null> {
  const { code, stdout } = await read(checkout, ["symbolic-ref", "--quiet", "--short", "HEAD"], [0, 1]);
  return code === 0 ? stdout.trim() : null;
}

/** Files in the git directory that say what was begun and not ended. */
const UNFINISHED = {
  MERGE_HEAD: "a merge",
  "rebase-merge": "a rebase",
  "rebase-apply": "a rebase",
  CHERRY_PICK_HEAD: "a cherry-pick",
  REVERT_HEAD: "a revert",
};

/**
 * Makes sure that a commit can be made and is not lost: on a branch, nothing unfinished, git knows who commits.
 *
 * @returns the branch
 * @throws git_state, git_failed
 */
export async function requireCommittable(checkout: Checkout): Promise<string> {
  const { root } = checkout;
  const files = Object.keys(UNFINISHED).flatMap((name) => ["--git-path", name]);
  const paths = (await runGit(root, checkout.env, ["rev-parse", ...files])).stdout.split("\n");
  for (const [i, what] of Object.values(UNFINISHED).entries()) {
    if (!existsSync(resolve(root, paths[i]!))) continue;
    throw new TesError("git_state", { detail: `${what} is under way: finish it, or give it up, then try again.` });
  }
  const branch = await currentBranch(checkout);
  if (branch === null) {
    throw new TesError("git_state", {
      detail: "HEAD is detached, so that a commit would be on no branch: git switch BRANCH first.",
    });
  }
  for (const ident of ["GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"]) await read(checkout, ["var", ident]);
  return branch;
}

/**
 * Commits the given paths as they are on disk, and nothing else: what else is staged stays staged. The publisher's
 * hooks run.
 *
 * @returns the commit and the paths it changed, from the root (a hook may have added some); null when nothing differs
 * @throws git_dirty for a path that git does not track, git_state, git_failed
 */
export async function commitPaths(
  checkout: Checkout,
  paths: readonly string[],
  message: string,
): Promise<{ readonly sha: string; readonly paths: readonly string[] } | null> {
  if (paths.length === 0) return null;
  await requireCommittable(checkout);
  const files = paths.map(literal);
  const tracked = new Set(names(await read(checkout, ["ls-files", "-z", "--full-name", "--", ...files])));
  const unknown = paths.filter((path) => !tracked.has(checkout.prefix + path));
  if (unknown.length > 0) throw new TesError("git_dirty", { field: unknown[0]!, detail: unknown.join(", ") });
  if ((await dirtyPaths(checkout, paths)).length === 0) return null;
  const commit = ["commit", "--quiet", "--only", "--cleanup=whitespace", "--file=-", "--", ...files];
  await runGit(checkout.dir, checkout.env, commit, { input: message, writes: true });
  const sha = (await read(checkout, ["rev-parse", "--verify", "HEAD^{commit}"])).stdout.trim();
  const show = ["diff-tree", "-z", "-r", "--root", "--no-commit-id", "--name-only", "--no-renames", sha];
  return { sha, paths: names(await read(checkout, show)) };
}

/** Tag names: all, or those that HEAD can reach. */
export async function listTags(checkout: Checkout, which: "all" | "reachable"): Promise<string[]> {
  if (which === "reachable" && !(await hasCommits(checkout))) return [];
  const merged = which === "all" ? [] : ["--merged=HEAD"];
  const { stdout } = await read(checkout, ["for-each-ref", ...merged, "--format=%(refname:strip=2)", "refs/tags"]);
  return stdout.split("\n").filter((name) => name !== "");
}

/**
 * Makes sure that a tag can be created under this name.
 *
 * @throws tag_exists, git_failed for what is no tag name
 */
export async function requireTagFree(checkout: Checkout, tag: string): Promise<void> {
  const { code } = await read(checkout, ["check-ref-format", `refs/tags/${tag}`], [0, 1]);
  // git tag alone refuses a dash in front: check-ref-format knows nothing of options.
  if (code !== 0 || tag.startsWith("-")) {
    throw new TesError("git_failed", { detail: `${JSON.stringify(tag)} is no name for a tag.` });
  }
  const found = await read(checkout, ["show-ref", "--verify", "--quiet", "--", `refs/tags/${tag}`], [0, 1]);
  if (found.code === 0) throw new TesError("tag_exists", { detail: tag });
}

/**
 * Creates an annotated tag (signed where the publisher's configuration says so).
 *
 * @param target the commit; HEAD unless named
 * @throws tag_exists, git_failed
 */
export async function createTag(checkout: Checkout, tag: string, message: string, target = "HEAD"): Promise<void> {
  await requireTagFree(checkout, tag);
  const create = ["tag", "--annotate", "--cleanup=whitespace", "--file=-", "--", tag, target];
  try {
    await runGit(checkout.dir, checkout.env, create, { input: message, writes: true });
  } catch (error) {
    await requireTagFree(checkout, tag); // Somebody else may have been first: then that is what is wrong.
    throw error;
  }
}

/**
 * Commits that HEAD has and the tag has not, newest first, children before their parents. Merges are left out: their
 * commits are in the list themselves.
 *
 * @param tag null for all commits
 * @throws git_state when the clone is shallow and the list would have holes, git_failed
 */
export async function commitsSince(checkout: Checkout, tag: string | null): Promise<Commit[]> {
  if (!(await hasCommits(checkout))) return [];
  const range = tag === null ? ["HEAD"] : ["HEAD", `^refs/tags/${tag}`];
  await requireWhole(checkout, range);
  const { stdout } = await read(checkout, ["log", "--topo-order", "--no-merges", ...LOG_FORMAT, ...range, "--"]);
  return parseLog(stdout);
}

/** A shallow clone is good enough when none of its cut ends lies in the range. */
async function requireWhole(checkout: Checkout, range: readonly string[]): Promise<void> {
  const shallow = await read(checkout, ["rev-parse", "--is-shallow-repository"]);
  if (shallow.stdout.trim() !== "true") return;
  const path = (await runGit(checkout.root, checkout.env, ["rev-parse", "--git-path", "shallow"])).stdout.trim();
  const ends = new Set((await readFile(resolve(checkout.root, path), "utf8")).split("\n"));
  const { stdout } = await read(checkout, ["rev-list", ...range, "--"]);
  if (!stdout.split("\n").some((sha) => sha !== "" && ends.has(sha))) return;
  throw new TesError("git_state", {
    detail:
      "The clone is shallow and ends before the last tag: git fetch --unshallow --tags first " +
      "(in GitHub Actions: fetch-depth: 0 for actions/checkout).",
  });
}

async function hasCommits(checkout: Checkout): Promise<boolean> {
  return (await read(checkout, ["rev-parse", "--quiet", "--verify", "HEAD^{commit}"], [0, 1])).code === 0;
}

function read(checkout: Checkout, args: readonly string[], accept: readonly number[] = [0]) {
  return runGit(checkout.dir, checkout.env, args, { accept });
}

/** A pathspec that is one path: gitglossary(7). An option or variable for all would reach the publisher's hooks. */
function literal(path: string): string {
  return `:(literal)${path}`;
}

function names({ stdout }: { readonly stdout: string }): string[] {
  return stdout.split("\0").filter((name) => name !== "");
}
