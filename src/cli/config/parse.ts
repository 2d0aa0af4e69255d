/** A configuration file as text, tree and comments. Pure: the caller reads the file. */

import type { Node } from "jsonc-parser";
import type { AST } from "toml-eslint-parser";
import { parseJsoncConfig } from "./jsonc.ts";
import { parseTomlConfig } from "./toml.ts";
import { type Entry, type ObjectNode, type Span, walk } from "./tree.ts";

export type ConfigFormat = "toml" | "jsonc";

export interface Comment extends Span {
  readonly text: string;
}

export interface ParsedConfig {
  readonly ok: true;
  readonly format: ConfigFormat;
  /** Without a byte order mark; all offsets count from here. */
  readonly text: string;
  readonly root: ObjectNode;
  readonly comments: readonly Comment[];
  /** JSON keys written a second time; the last one counts. */
  readonly duplicateKeys: readonly Entry[];
  /** The library's own tree, for edits. */
  readonly toml?: AST.TOMLProgram;
  readonly json?: Node;
}

export interface ParseFault {
  readonly ok: false;
  readonly message: string;
  readonly span: Span;
}

/** Real configurations are a few kilobytes; this bounds what a stray argument costs. */
export const MAX_CONFIG_CHARS = 1_048_576;

/** Real configurations reach 6 levels. Bounds every recursion after the parse. */
export const MAX_CONFIG_DEPTH = 64;

/** The format a file name promises, or null: wrangler.toml, .json and .jsonc are read. */
export function configFormat(path: string): ConfigFormat | null {
  if (path.endsWith(".toml")) return "toml";
  return path.endsWith(".json") || path.endsWith(".jsonc") ? "jsonc" : null;
}

/** Splits off a byte order mark, which wrangler accepts and ignores. */
export function splitMark(text: string): { readonly mark: string; readonly body: string } {
  return text.startsWith("\uFEFF") ? { mark: "\uFEFF", body: text.slice(1) } : { mark: "", body: text };
}

/** Parses a configuration. A text that does not parse is a fault with its place, never a throw. */
export function parseConfig(path: string, text: string): ParsedConfig | ParseFault {
  const { body } = splitMark(text);
  if (body.length > MAX_CONFIG_CHARS) {
    return { ok: false, message: `longer than ${MAX_CONFIG_CHARS} characters`, span: { start: 0, end: 0 } };
  }
  try {
    const parsed = configFormat(path) === "toml" ? parseTomlConfig(body) : parseJsoncConfig(body);
    return parsed.ok ? (depthFault(parsed.root) ?? parsed) : parsed;
  } catch (thrown) {
    // Both parsers recurse: thousands of open brackets end in a RangeError.
    const message = thrown instanceof RangeError ? "nested too deep" : String((thrown as Error).message ?? thrown);
    return { ok: false, message, span: { start: 0, end: 0 } };
  }
}

function depthFault(root: ObjectNode): ParseFault | null {
  let fault: ParseFault | null = null;
  walk(root, (node, path) => {
    if (path.length === MAX_CONFIG_DEPTH) {
      fault = { ok: false, message: `nested deeper than ${MAX_CONFIG_DEPTH} levels`, span: node };
    }
  });
  return fault;
}
