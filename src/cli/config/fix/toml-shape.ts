/** A TOML text by its statements: which table or pair holds what, with full keys. */

import type { AST } from "toml-eslint-parser";
import { headerEnd, segmentName } from "../toml.ts";
import { lineEnd } from "./splice.ts";

export type Key = readonly string[];
type Segment = AST.TOMLBare | AST.TOMLQuoted;

/** A header with its pairs, or the pairs before the first header. */
export interface Section {
  /** null for the pairs before the first header. */
  readonly table: AST.TOMLTable | null;
  readonly key: Key;
  readonly start: number;
  /** After the last character of its last pair, or of its header. */
  readonly end: number;
}

/** A pair, wherever it stands. */
export interface Pair {
  readonly node: AST.TOMLKeyValue;
  readonly key: Key;
  readonly section: Section;
  /** The inline table it stands in, or null when it stands on lines of its own. */
  readonly inline: AST.TOMLInlineTable | null;
}

export interface Shape {
  readonly sections: readonly Section[];
  readonly pairs: readonly Pair[];
}

export function shapeOf(program: AST.TOMLProgram, text: string): Shape {
  const pairs: Pair[] = [];
  const sections: Section[] = [];
  const [top] = program.body;
  const loose = top.body.filter((statement) => statement.type === "TOMLKeyValue");
  const root: Section = { table: null, key: [], start: 0, end: loose.at(-1)?.range[1] ?? 0 };
  for (const node of loose) collect(node, [], root, null, pairs);
  sections.push(root);
  for (const table of top.body) {
    if (table.type !== "TOMLTable") continue;
    const key = table.key.keys.map(segmentName);
    const end = table.body.at(-1)?.range[1] ?? headerEnd(text, table);
    const section: Section = { table, key, start: table.range[0], end };
    for (const node of table.body) collect(node, key, section, null, pairs);
    sections.push(section);
  }
  return { sections, pairs };
}

function collect(
  node: AST.TOMLKeyValue,
  prefix: Key,
  section: Section,
  inline: AST.TOMLInlineTable | null,
  pairs: Pair[],
): void {
  const key = [...prefix, ...node.key.keys.map(segmentName)];
  pairs.push({ node, key, section, inline });
  if (node.value.type !== "TOMLInlineTable") return;
  for (const inner of node.value.body) collect(inner, key, section, node.value, pairs);
}

export function startsWith(key: Key, prefix: Key): boolean {
  return prefix.length <= key.length && prefix.every((segment, i) => key[i] === segment);
}

export function equalKeys(a: Key, b: Key): boolean {
  return a.length === b.length && startsWith(a, b);
}

/** The segment of a header or pair at a depth. */
export function segmentAt(keys: readonly Segment[], depth: number): Segment {
  return keys[depth]!;
}

/** The end of the line that a section ends on: a comment there belongs to it. */
export function sectionLineEnd(text: string, section: Section): number {
  return lineEnd(text, section.end);
}

/** A key as TOML writes it: bare where it can be. */
export function writeKey(key: Key): string {
  return key.map((segment) => (/^[A-Za-z0-9_-]+$/.test(segment) ? segment : writeString(segment))).join(".");
}

/** A basic string. JSON's escapes are TOML's; DEL has to be escaped too (TOML 1.0, String). */
export function writeString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007F");
}

export function writeStrings(texts: readonly string[]): string {
  return `[${texts.map(writeString).join(", ")}]`;
}
