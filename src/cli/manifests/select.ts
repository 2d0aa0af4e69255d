/** Which manifests belong to the packages of a repository, by where they are. Pure. */

import { posix } from "node:path";
import { directoryOf, type Tool, type Workspace, wayDown } from "./workspaces.ts";

/** Kinds of manifests, the ones that name a package first. */
const KINDS: readonly (readonly [RegExp, Tool | null])[] = [
  [/^package\.json$/, "npm"],
  [/^Cargo\.toml$/, "cargo"],
  [/^pyproject\.toml$/, "python"],
  [/^jsr\.jsonc?$/, "deno"],
  [/^deno\.jsonc?$/, "deno"],
  [/^lerna\.json$/, null],
  [/^\.?version(?:\.txt)?$/i, null],
  [/^wrangler\.(?:toml|jsonc?)$/, null],
];

/** Directories that hold what tests need, even where a wide glob of a workspace (`libs/**`) names them. */
const NEVER_OURS = /^(?:node_modules|__fixtures__|__tests__|testdata)$/;
/** Directories whose manifests belong to something else, unless a workspace names them. */
const SELDOM_OURS = /^(?:\..+|vendor|third[_-]party|fixtures?|tests?|examples?|samples?|templates?|target|dist|build)$/;
/** How deep a package may lie that no workspace names: `services/api`. */
const MAX_LOOSE_DEPTH = 2;

/** The rank of a manifest among those of its directory, by its name; null for what is no manifest. */
export function rankOf(path: string): number | null {
  const at = KINDS.findIndex(([name]) => name.test(posix.basename(path)));
  return at < 0 ? null : at;
}

/** The workspaces that are the repository's own: at its root, or where its packages may be. Fixtures have some too. */
export function acceptWorkspaces(all: readonly Workspace[]): Workspace[] {
  const depth = ({ directory }: Workspace) => (directory === "" ? 0 : directory.split("/").length);
  const accepted: Workspace[] = [];
  for (const one of all.toSorted((a, b) => depth(a) - depth(b))) {
    if (reasonToSkip(one.directory, one.tool, accepted) === null) accepted.push(one);
  }
  return accepted;
}

/** Why a manifest is none of the repository's own packages; null when it is one. */
export function reasonToLeave(path: string, workspaces: readonly Workspace[]): string | null {
  return reasonToSkip(directoryOf(path), KINDS[rankOf(path) ?? -1]?.[1] ?? null, workspaces);
}

function reasonToSkip(directory: string, tool: Tool | null, workspaces: readonly Workspace[]): string | null {
  if (directory === "") return null;
  const segments = directory.split("/");
  const foreign = (names: RegExp) => segments.find((segment) => names.test(segment));
  const never = foreign(NEVER_OURS);
  if (never !== undefined) return `in ${never}`;
  const around = workspaces.filter(
    (one) => (tool === null || one.tool === tool) && wayDown(one.directory, directory) !== null,
  );
  if (around.some((one) => one.directory === directory || one.isMember(wayDown(one.directory, directory)!)))
    return null;
  if (tool !== null && around.length > 0)
    return `not named by ${around[0]!.path}, which names the packages of the workspace`;
  const seldom = foreign(SELDOM_OURS);
  if (seldom !== undefined) return `in ${seldom}`;
  return segments.length > MAX_LOOSE_DEPTH ? "named by no workspace" : null;
}
