/** A version among the variables of a wrangler configuration, and a pattern that finds it. */

import { posix } from "node:path";
import { asObject, asString, nodeAt } from "../config/tree.ts";
import type { VersionFile } from "../files/open.ts";
import { insideQuotes, readTree, refuseFile } from "../files/tree.ts";
import { escapePattern, patternAfter } from "./assignment.ts";

/** Names that say "my own version"; NODE_VERSION and API_VERSION say something else. */
const VARIABLE = /^(?:(?:APP|BUILD|PACKAGE|RELEASE|SERVICE|WORKER)_)?VERSION$/;

export function isWrangler(path: string): boolean {
  return /^wrangler\.(?:toml|jsonc?)$/.test(posix.basename(path));
}

/** The Worker's own name. */
export function workerName(file: VersionFile): string | undefined {
  return asString(nodeAt(readTree(file), "name"));
}

/**
 * The one variable that holds a version, with a pattern for it; null when there is none.
 *
 * @throws file_pattern where no pattern tells it from others, as with one variable in several environments
 */
export function findVersionVariable(file: VersionFile): { readonly pattern: string; readonly version: string } | null {
  const variables = asObject(nodeAt(readTree(file), "vars"))?.entries ?? new Map();
  const named = [...variables.values()].filter(({ key, node }) => VARIABLE.test(key) && node.kind === "string");
  const [entry] = named;
  if (entry === undefined || named.length > 1) return null;
  const { start, end } = insideQuotes(file, entry.node);
  const line = file.text.lastIndexOf("\n", start - 1) + 1;
  const isToml = file.target.endsWith(".toml");
  // From the start of the line in TOML, from the key in JSON, where a line may hold more.
  const from = isToml ? line : file.text.lastIndexOf(JSON.stringify(entry.key), start);
  if (from < 0) return null;
  const before = escapePattern(file.text.slice(from, start).replace(/^\uFEFF/, ""));
  const pattern = patternAfter(file, `${isToml ? "^" : ""}${before}`, file.text[start - 1]!);
  if (pattern === null)
    throw refuseFile(file.path, `holds ${entry.key} more than once, so that no pattern can tell them apart`);
  return { pattern, version: file.text.slice(start, end) };
}
