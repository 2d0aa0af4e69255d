/** TOML 1.1 (what wrangler's parser takes) into the common tree. */

import { type AST, ParseError, parseTOML } from "toml-eslint-parser";
import type { ParsedConfig, ParseFault } from "./parse.ts";
import type { ConfigNode, ObjectNode, Span } from "./tree.ts";

/** Parses a TOML text without its byte order mark. */
export function parseTomlConfig(text: string): ParsedConfig | ParseFault {
  let program: AST.TOMLProgram;
  try {
    program = parseTOML(text, { tomlVersion: "1.1" });
  } catch (thrown) {
    if (!(thrown instanceof ParseError)) throw thrown;
    const at = Math.min(Math.max(thrown.index, 0), text.length);
    const message = thrown.message.charAt(0).toLowerCase() + thrown.message.slice(1);
    return { ok: false, message, span: { start: at, end: at } };
  }
  const { root, faults } = buildTree(program, text);
  if (faults[0] !== undefined) return faults[0];
  const comments = program.comments.map((comment) => ({ text: comment.value, ...span(comment.range) }));
  return { ok: true, format: "toml", text, root, comments, duplicateKeys: [], toml: program };
}

function span(range: readonly [number, number]): Span {
  return { start: range[0], end: range[1] };
}

/** The text of one segment of a key. */
export function segmentName(segment: AST.TOMLBare | AST.TOMLQuoted): string {
  return segment.type === "TOMLBare" ? segment.name : segment.value;
}

function buildTree(program: AST.TOMLProgram, text: string): { root: ObjectNode; faults: ParseFault[] } {
  const root: ObjectNode = { kind: "object", entries: new Map(), start: 0, end: text.length };
  const faults: ParseFault[] = [];
  for (const statement of program.body[0].body) {
    if (statement.type === "TOMLKeyValue") assign(root, statement, faults);
    else openTable(root, statement, text, faults);
  }
  return { root, faults };
}

/** Opens the table a header names; the parser has already refused headers that clash. */
function openTable(root: ObjectNode, table: AST.TOMLTable, text: string, faults: ParseFault[]): void {
  const header = { start: table.range[0], end: headerEnd(text, table) };
  const segments = table.key.keys;
  let at: ConfigNode = root;
  for (const [i, segment] of segments.entries()) {
    const opensItem = table.kind === "array" && i === segments.length - 1;
    at = descend(at, segment, opensItem ? "array" : "object", header);
    if (at.kind !== "array") continue;
    if (opensItem) at.items.push({ kind: "object", entries: new Map(), ...header });
    const item: ConfigNode | undefined = at.items.at(-1);
    if (item === undefined) return;
    at = item;
  }
  for (const pair of table.body) if (at.kind === "object") assign(at, pair, faults);
}

function descend(
  at: ConfigNode,
  segment: AST.TOMLBare | AST.TOMLQuoted,
  kind: "array" | "object",
  place: Span,
): ConfigNode {
  if (at.kind !== "object") return at;
  const key = segmentName(segment);
  const existing = at.entries.get(key);
  if (existing !== undefined) return existing.node;
  const node: ConfigNode = kind === "array" ? { kind, items: [], ...place } : { kind, entries: new Map(), ...place };
  at.entries.set(key, { key, span: span(segment.range), node });
  return node;
}

function assign(into: ObjectNode, pair: AST.TOMLKeyValue, faults: ParseFault[]): void {
  const last = pair.key.keys.at(-1)!;
  let at: ConfigNode = into;
  for (const segment of pair.key.keys.slice(0, -1)) at = descend(at, segment, "object", span(pair.key.range));
  if (at.kind !== "object") return;
  const key = segmentName(last);
  at.entries.set(key, { key, span: span(last.range), node: convert(pair.value, faults) });
}

function convert(content: AST.TOMLContentNode, faults: ParseFault[]): ConfigNode {
  const place = span(content.range);
  if (content.type === "TOMLArray") {
    return { kind: "array", items: content.elements.map((element) => convert(element, faults)), ...place };
  }
  if (content.type === "TOMLInlineTable") {
    const node: ObjectNode = { kind: "object", entries: new Map(), ...place };
    for (const pair of content.body) assign(node, pair, faults);
    return node;
  }
  switch (content.kind) {
    case "string":
      return { kind: "string", value: content.value, ...place };
    case "boolean":
      return { kind: "boolean", value: content.value, ...place };
    case "integer":
      // wrangler's parser refuses what a double cannot hold; this one rounds it.
      if (!Number.isSafeInteger(content.value)) {
        faults.push({ ok: false, message: "integer value cannot be represented losslessly", span: place });
      }
      return { kind: "number", value: content.value, ...place };
    case "float":
      return { kind: "number", value: content.value, ...place };
    default:
      return { kind: "date", value: content.datetime, ...place };
  }
}

/** A table's range covers its body; its header ends with the brackets after its key. */
export function headerEnd(text: string, table: AST.TOMLTable): number {
  const close = text.indexOf("]", table.key.range[1]);
  return table.kind === "array" ? text.indexOf("]", close + 1) + 1 : close + 1;
}
