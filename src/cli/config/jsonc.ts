/** JSON with comments and trailing commas (as wrangler reads both .json and .jsonc) into the common tree. */

import { createRequire } from "node:module";
import type { Node, ParseError } from "jsonc-parser";
import type { Comment, ParsedConfig, ParseFault } from "./parse.ts";
import type { ConfigNode, Entry, ObjectNode, Span } from "./tree.ts";

/** Loaded by the first JSON file: a TOML file does not wait for it. */
const library = (): typeof import("jsonc-parser") => createRequire(import.meta.url)("jsonc-parser");

/** SyntaxKind of jsonc-parser, a const enum that isolated modules cannot read. */
const LINE_COMMENT = 12;
const BLOCK_COMMENT = 13;
const END_OF_FILE = 17;

/** jsonc-parser's names of its errors, in words. */
const FAULTS: Readonly<Record<string, string>> = {
  InvalidSymbol: "something here is no JSON value",
  InvalidNumberFormat: "a number is malformed",
  PropertyNameExpected: "a key in double quotes is expected here",
  ValueExpected: "a value is expected here",
  ColonExpected: "a colon is expected here",
  CommaExpected: "a comma is expected here",
  CloseBraceExpected: "a closing brace is expected here",
  CloseBracketExpected: "a closing bracket is expected here",
  EndOfFileExpected: "the file should end here",
  InvalidCommentToken: "a comment cannot stand here",
  UnexpectedEndOfComment: "a comment is never closed",
  UnexpectedEndOfString: "a string is never closed",
  UnexpectedEndOfNumber: "a number is cut off",
  InvalidUnicode: "a \\u escape is malformed",
  InvalidEscapeCharacter: "an escape is malformed",
  InvalidCharacter: "a control character stands in a string",
};

/** Parses a JSONC text without its byte order mark. */
export function parseJsoncConfig(text: string): ParsedConfig | ParseFault {
  const { parseTree, printParseErrorCode } = library();
  const errors: ParseError[] = [];
  const tree = parseTree(text, errors, { allowTrailingComma: true });
  const error = errors[0];
  if (error !== undefined || tree === undefined) {
    const start = Math.min(error?.offset ?? 0, text.length);
    const message = FAULTS[error === undefined ? "ValueExpected" : printParseErrorCode(error.error)] ?? "not JSON";
    return { ok: false, message, span: { start, end: Math.min(start + (error?.length ?? 0), text.length) } };
  }
  const duplicateKeys: Entry[] = [];
  const root = convert(tree, duplicateKeys);
  if (root.kind !== "object") return { ok: false, message: "the file must hold one object", span: root };
  return { ok: true, format: "jsonc", text, root, comments: readComments(text), duplicateKeys, json: tree };
}

function place(node: Node): Span {
  return { start: node.offset, end: node.offset + node.length };
}

function convert(node: Node, duplicateKeys: Entry[]): ConfigNode {
  if (node.type === "array") {
    return {
      kind: "array",
      items: (node.children ?? []).map((child) => convert(child, duplicateKeys)),
      ...place(node),
    };
  }
  if (node.type === "object") {
    const object: ObjectNode = { kind: "object", entries: new Map(), ...place(node) };
    for (const property of node.children ?? []) {
      const [name, value] = property.children ?? [];
      if (name === undefined || value === undefined) continue;
      const key = name.value as string;
      const entry = { key, span: place(name), node: convert(value, duplicateKeys) };
      if (object.entries.has(key)) duplicateKeys.push(entry);
      object.entries.set(key, entry);
    }
    return object;
  }
  const value = node.value as string | number | boolean | null;
  const kind = value === null ? "null" : (typeof value as "string" | "number" | "boolean");
  return { kind, value, ...place(node) };
}

function readComments(text: string): Comment[] {
  const scanner = library().createScanner(text, false);
  const comments: Comment[] = [];
  for (let kind: number = scanner.scan(); kind !== END_OF_FILE; kind = scanner.scan()) {
    if (kind !== LINE_COMMENT && kind !== BLOCK_COMMENT) continue;
    const start = scanner.getTokenOffset();
    comments.push({ text: scanner.getTokenValue(), start, end: start + scanner.getTokenLength() });
  }
  return comments;
}
