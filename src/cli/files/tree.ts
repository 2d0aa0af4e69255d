/** JSON and TOML files as one kind of tree, whose places count in the whole text, byte order mark included. */

import { basename } from "node:path";
import { TesError } from "../../core/errors.ts";
import { parseJsoncConfig } from "../config/jsonc.ts";
import { splitMark } from "../config/parse.ts";
import { parseTomlConfig } from "../config/toml.ts";
import type { ConfigNode, ObjectNode, Span } from "../config/tree.ts";
import type { VersionFile } from "./open.ts";

export type { ConfigNode, ObjectNode, Span } from "../config/tree.ts";

export function refuseFile(path: string, why: string, cause?: unknown): TesError {
  return new TesError("file_pattern", { field: path, detail: `${path} ${why}.`, cause });
}

const trees = new WeakMap<VersionFile, ObjectNode>();

/** Whether the name promises JSON with comments: deno and JSR read their .json files as such. */
function isLenient(path: string): boolean {
  return /\.jsonc$/i.test(path) || /^(?:deno|jsr)\.json$/.test(basename(path));
}

/**
 * The tree of a .json, .jsonc or .toml file, parsed once.
 *
 * @throws file_pattern for a text of another syntax, and where a key that matters stands twice
 */
export function readTree(file: VersionFile): ObjectNode {
  const known = trees.get(file);
  if (known !== undefined) return known;
  const tree = /\.(?:toml|lock)$/i.test(file.target) ? parseToml(file) : parseJson(file);
  trees.set(file, tree);
  return tree;
}

function parseToml(file: VersionFile): ObjectNode {
  const parsed = guard(file, "TOML", () => parseTomlConfig(splitMark(file.text).body));
  if (!parsed.ok) throw refuseFile(file.path, `is not TOML: ${parsed.message}`);
  return parsed.root;
}

function parseJson(file: VersionFile): ObjectNode {
  const { body } = splitMark(file.text);
  const parsed = guard(file, "JSON", () => {
    if (!isLenient(file.target)) JSON.parse(body);
    return parseJsoncConfig(body);
  });
  if (!parsed.ok) throw refuseFile(file.path, `is not a JSON object: ${parsed.message}`);
  const twice = parsed.duplicateKeys.find(({ key }) => key === "version" || key === "packages" || key === "");
  if (twice !== undefined) throw refuseFile(file.path, `has ${JSON.stringify(twice.key)} twice`);
  return parsed.root;
}

/** Both parsers recurse: thousands of open brackets end in a RangeError. */
function guard<T>(file: VersionFile, syntax: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw refuseFile(file.path, `is not ${syntax}`, cause);
  }
}

/** The place between the quotes of a string. */
export function insideQuotes(file: VersionFile, node: ConfigNode): Span {
  const shift = splitMark(file.text).mark.length;
  const [start, end] = [node.start + shift, node.end + shift];
  // TOML's multi-line strings have three quotes on either side.
  const quotes = /^(?:"""|''')/.test(file.text.slice(start, start + 3)) ? 3 : 1;
  return { start: start + quotes, end: end - quotes };
}

/** The place of a version that must be a string. */
export function versionSpan(file: VersionFile, node: ConfigNode): Span {
  if (node.kind !== "string") throw refuseFile(file.path, "has a version that is not a string");
  return insideQuotes(file, node);
}
