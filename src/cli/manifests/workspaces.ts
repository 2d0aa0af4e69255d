/** Which directories the workspaces of a repository name as their packages. Pure, apart from the files handed in. */

import { posix } from "node:path";
import picomatch from "picomatch";
import { asObject, nodeAt, stringItems } from "../config/tree.ts";
import { askedByCargo } from "../files/cargo.ts";
import { memberMatcher } from "../files/members.ts";
import type { VersionFile } from "../files/open.ts";
import { type ConfigNode, readTree } from "../files/tree.ts";

/** Whose manifests a workspace groups. */
export type Tool = "npm" | "cargo" | "python" | "deno";

export interface Workspace {
  readonly tool: Tool;
  /** Where it is declared, from the root of the checkout, which is "". */
  readonly directory: string;
  readonly path: string;
  /** Whether a directory below, as a path from `directory`, is one of its packages. */
  readonly isMember: (directory: string) => boolean;
}

/** Files that may declare a workspace, by base name. */
export const WORKSPACE_FILES =
  /^(?:package\.json|pnpm-workspace\.yaml|lerna\.json|Cargo\.toml|pyproject\.toml|deno\.jsonc?)$/;

/**
 * The workspace that a file declares; null when it declares none.
 *
 * @throws file_pattern for a file that cannot be parsed
 */
export function readWorkspace(file: VersionFile): Workspace | null {
  const directory = directoryOf(file.target);
  const made = (tool: Tool, isMember: (directory: string) => boolean): Workspace => ({
    tool,
    directory,
    path: file.target,
    isMember,
  });
  const name = posix.basename(file.target);
  if (name === "pnpm-workspace.yaml") return made("npm", matchGlobs(readPnpmGlobs(file.text)));
  const root = readTree(file);
  switch (name) {
    case "package.json": {
      const globs = globsAt(root, ["workspaces"], ["workspaces", "packages"]);
      return globs === null ? null : made("npm", matchGlobs(globs));
    }
    case "lerna.json": {
      const globs = globsAt(root, ["packages"]);
      return globs === null ? null : made("npm", matchGlobs(globs));
    }
    case "pyproject.toml": {
      const workspace = nodeAt(root, "tool", "uv", "workspace");
      return workspace === undefined ? null : made("python", memberMatcher(workspace));
    }
    case "Cargo.toml": {
      const workspace = nodeAt(root, "workspace");
      if (workspace === undefined) return null;
      const isNamed = memberMatcher(workspace);
      const linked = new Set(askedByCargo(file).map((asked) => asked.directory));
      return made("cargo", (below) => isNamed(below) || linked.has(posix.join(directory, below)));
    }
    default: {
      const globs = globsAt(root, ["workspace"], ["workspace", "members"]);
      return globs === null ? null : made("deno", matchGlobs(globs));
    }
  }
}

/** The directory of a path, the root as "". */
export function directoryOf(path: string): string {
  const directory = posix.dirname(path);
  return directory === "." ? "" : directory;
}

/** The way from one directory down to another; null when it does not lead down. */
export function wayDown(from: string, to: string): string | null {
  if (from === "" || from === to) return from === to ? "" : to;
  return to.startsWith(`${from}/`) ? to.slice(from.length + 1) : null;
}

/** The strings of the first of these places that holds an array; null when none does. */
function globsAt(root: ConfigNode, ...places: readonly (readonly string[])[]): string[] | null {
  for (const place of places) {
    const node = nodeAt(root, ...place);
    if (node !== undefined && asObject(node) === undefined) return stringItems(node).map(({ text }) => text);
  }
  return null;
}

/** npm's and pnpm's globs: later ones with a `!` in front take out again. */
function matchGlobs(globs: readonly string[]): (directory: string) => boolean {
  const clean = (glob: string) => glob.replace(/^!/, "").replace(/^\.\//, "").replace(/\/$/, "");
  const wanted = globs.filter((glob) => !glob.startsWith("!")).map(clean);
  const ignore = globs.filter((glob) => glob.startsWith("!")).map(clean);
  return wanted.length === 0 ? () => false : picomatch(wanted, { ignore });
}

/** The list `packages` of a pnpm-workspace.yaml. It is all that is needed of it, so there is no YAML parser. */
export function readPnpmGlobs(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const at = lines.findIndex((line) => /^packages\s*:/.test(line));
  if (at < 0) return [];
  const flow = /^packages\s*:\s*\[(.*)\]/.exec(lines[at]!)?.[1];
  if (flow !== undefined)
    return flow
      .split(",")
      .map(readScalar)
      .filter((glob) => glob !== "");
  const globs: string[] = [];
  for (const line of lines.slice(at + 1)) {
    const item = /^\s*-\s+(.*)$/.exec(line)?.[1];
    if (item !== undefined) globs.push(readScalar(item));
    else if (!/^\s*(?:#.*)?$/.test(line)) break;
  }
  return globs;
}

function readScalar(text: string): string {
  const quoted = /^\s*(?:'([^']*)'|"([^"]*)")/.exec(text);
  return quoted === null ? text.replace(/\s+#.*$/, "").trim() : (quoted[1] ?? quoted[2] ?? "");
}
