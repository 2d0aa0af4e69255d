/** Mends as splices of a TOML text. A shape that it cannot edit without a guess gives null. */

import type { AST } from "toml-eslint-parser";
import { migrationItems } from "../model.ts";
import type { Comment, ParsedConfig } from "../parse.ts";
import type { Mend } from "./plan.ts";
import {
  commentsIn,
  isFirstOnLine,
  isLastOnLine,
  leadStart,
  lineEnd,
  lineEnding,
  lineStart,
  nextLine,
  type Splice,
  widenOverBlank,
} from "./splice.ts";
import {
  equalKeys,
  type Key,
  type Pair,
  type Section,
  type Shape,
  sectionLineEnd,
  shapeOf,
  startsWith,
  writeKey,
  writeString,
  writeStrings,
} from "./toml-shape.ts";

interface Draft {
  readonly text: string;
  readonly eol: string;
  readonly comments: readonly Comment[];
  readonly shape: Shape;
}

type Move = Extract<Mend, { kind: "move" }>;

/** The splices of one mend, or null. The caller checks what they lead to. */
export function editToml(config: ParsedConfig, mend: Mend): Splice[] | null {
  const { text, comments } = config;
  const draft: Draft = { text, eol: lineEnding(text), comments, shape: shapeOf(config.toml!, text) };
  const prefix = mend.env === null ? [] : ["env", mend.env];
  if (mend.kind === "move") return moveMigrations(draft, prefix, mend);
  if (mend.kind === "create") return createMigration(draft, prefix, mend.tag, mend.classes);
  return requireSecrets(draft, prefix, mend.names);
}

// Adding.

function createMigration(draft: Draft, prefix: Key, tag: string, classes: readonly string[]): Splice[] | null {
  const fields = `tag = ${writeString(tag)}`;
  const list = `new_sqlite_classes = ${writeStrings(classes)}`;
  const element = `{ ${fields}, ${list} }`;
  const own = pairAt(draft.shape, [...prefix, "migrations"]);
  if (own !== undefined) return appendElements(draft, own, [element]);
  const inline = inlineTableAt(draft.shape, prefix);
  if (inline !== undefined) return appendPair(draft, inline, `migrations = [${element}]`);
  const anchor =
    lastSection(draft.shape, [...prefix, "durable_objects"]) ?? holder(draft.shape, [...prefix, "durable_objects"]);
  if (anchor === undefined) return null;
  const block = [`[[${writeKey([...prefix, "migrations"])}]]`, fields, list];
  return [insertBlock(draft, anchor, block)];
}

function requireSecrets(draft: Draft, prefix: Key, names: readonly string[]): Splice[] | null {
  const required = `required = ${writeStrings(names)}`;
  const inline = inlineTableAt(draft.shape, prefix);
  if (inline !== undefined) return appendPair(draft, inline, `secrets = { ${required} }`);
  const anchor = lastSection(draft.shape, prefix) ?? holder(draft.shape, prefix);
  if (anchor === undefined) return null;
  return [insertBlock(draft, anchor, [`[${writeKey([...prefix, "secrets"])}]`, required])];
}

/** The last section whose header names a key or something below it. */
function lastSection(shape: Shape, key: Key): Section | undefined {
  return shape.sections.findLast((section) => section.table !== null && startsWith(section.key, key));
}

/** The section that holds pairs of a key or below it. */
function holder(shape: Shape, key: Key): Section | undefined {
  return shape.pairs.findLast((pair) => startsWith(pair.key, key))?.section;
}

function pairAt(shape: Shape, key: Key): Pair | undefined {
  return shape.pairs.find((pair) => equalKeys(pair.key, key));
}

/** The inline table that is the value of a key. */
function inlineTableAt(shape: Shape, key: Key): AST.TOMLInlineTable | undefined {
  const value = key.length === 0 ? undefined : pairAt(shape, key)?.node.value;
  return value?.type === "TOMLInlineTable" ? value : undefined;
}

/** Lines after a section, with a blank line before them. */
function insertBlock(draft: Draft, after: Section, lines: readonly string[]): Splice {
  const at = sectionLineEnd(draft.text, after);
  const isEmpty = draft.text.slice(0, at).trim() === "";
  const text = lines.map((line) => draft.eol + line).join("");
  return { start: at, end: at, text: isEmpty ? text.slice(draft.eol.length) : draft.eol + text };
}

function appendPair(draft: Draft, table: AST.TOMLInlineTable, pair: string): Splice[] {
  const last = table.body.at(-1);
  if (last === undefined) return [{ start: table.range[0] + 1, end: table.range[0] + 1, text: ` ${pair} ` }];
  return [insertAfter(draft, last.range[1], pair)];
}

function appendElements(draft: Draft, own: Pair, elements: readonly string[]): Splice[] | null {
  const { value } = own.node;
  if (value.type !== "TOMLArray") return null;
  const last = value.elements.at(-1);
  if (last !== undefined) return elements.map((element) => insertAfter(draft, last.range[1], element));
  // Before the closing bracket: a comment in an empty list stays where it is.
  const at = value.range[1] - 1;
  const tail = lineStart(draft.text, at) > value.range[0] ? draft.eol : "";
  return [{ start: at, end: at, text: `${tail === "" ? "" : "  "}${elements.join(", ")}${tail}` }];
}

function insertAfter({ text, eol }: Draft, end: number, item: string): Splice {
  const start = lineStart(text, end);
  const indent = /^[ \t]*/.exec(text.slice(start))![0];
  // An item on a line of its own gets a neighbour on a line of its own.
  const opens = /^[ \t]*[{["']/.test(text.slice(start, end));
  return { start: end, end, text: opens ? `,${eol}${indent}${item}` : `, ${item}` };
}

// Moving.

function moveMigrations(draft: Draft, prefix: Key, mend: Move): Splice[] | null {
  const nested = [...prefix, "durable_objects", "migrations"];
  const items = migrationItems(mend.nested.node);
  const kept = items.map((item) => mend.kept.includes(item));
  const sections = draft.shape.sections.filter((section) => startsWith(section.key, nested));
  if (sections.length > 0) return moveSections(draft, prefix, groupItems(sections, nested), kept);
  const pair = pairAt(draft.shape, nested);
  return pair === undefined ? null : movePair(draft, prefix, pair, kept);
}

/** Each migration's own section with the sub-tables that follow it. */
function groupItems(sections: readonly Section[], nested: Key): Section[][] {
  const groups: Section[][] = [];
  for (const section of sections) {
    if (equalKeys(section.key, nested)) groups.push([section]);
    else groups.at(-1)?.push(section);
  }
  return groups;
}

function moveSections(
  draft: Draft,
  prefix: Key,
  groups: readonly Section[][],
  kept: readonly boolean[],
): Splice[] | null {
  if (groups.length !== kept.length) return null;
  const own = [...prefix, "migrations"];
  const anchor = lastSection(draft.shape, own);
  const ownPair = pairAt(draft.shape, own);
  const splices: Splice[] = [];
  for (const [i, group] of groups.entries()) {
    if (!kept[i]) splices.push(...group.map((section) => dropSection(draft, section)));
    else if (ownPair !== undefined) {
      const [section, ...rest] = group;
      if (rest.length > 0 || section!.table === null) return null;
      const element = `{ ${section!.table.body.map((pair) => source(draft, pair)).join(", ")} }`;
      const added = appendElements(draft, ownPair, [element]);
      if (added === null) return null;
      splices.push(...added, dropSection(draft, section!));
    } else if (anchor === undefined || group[0]!.start > anchor.start) {
      splices.push(...group.flatMap((section) => renameHeader(draft, section, prefix)));
    } else {
      for (const section of group) {
        const { range, lines } = cutSection(draft, section, prefix);
        splices.push({ ...range, text: "" }, insertBlock(draft, anchor, lines));
      }
    }
  }
  return splices;
}

/** Takes `durable_objects.` out of a header; a lone table becomes an item of a list. */
function renameHeader({ text }: Draft, section: Section, prefix: Key): Splice[] {
  const { key, kind } = section.table!;
  const from = key.keys[prefix.length]!.range[0];
  const to = key.keys[prefix.length + 1]!.range[0];
  const rename = { start: from, end: to, text: "" };
  if (kind === "array" || key.keys.length !== prefix.length + 2) return [rename];
  const open = section.start;
  const close = text.indexOf("]", key.range[1]);
  return [{ start: open, end: open, text: "[" }, rename, { start: close, end: close, text: "]" }];
}

/** A section's lines with the comments directly above it, under their new header. */
function cutSection(draft: Draft, section: Section, prefix: Key): { range: Omit<Splice, "text">; lines: string[] } {
  const { text, comments } = draft;
  const start = leadStart(text, section.start, comments);
  const end = lineEnd(text, section.end);
  let moved = text.slice(start, end);
  for (const splice of renameHeader(draft, section, prefix).reverse()) {
    moved = moved.slice(0, splice.start - start) + splice.text + moved.slice(splice.end - start);
  }
  return { range: widenOverBlank(text, start, nextLine(text, end)), lines: moved.split(/\r?\n/) };
}

/** Removes a section whose copy stands elsewhere; its comments stay. */
function dropSection(draft: Draft, section: Section): Splice {
  return dropLines(draft, lineStart(draft.text, section.start), nextLine(draft.text, section.end));
}

/** Removes whole lines and leaves their comments. */
function dropLines({ text, comments, eol }: Draft, start: number, end: number): Splice {
  const left = commentsIn(comments, start, end).map((comment) => text.slice(comment.start, comment.end) + eol);
  return left.length > 0 ? { start, end, text: left.join("") } : { ...widenOverBlank(text, start, end), text: "" };
}

function movePair(draft: Draft, prefix: Key, pair: Pair, kept: readonly boolean[]): Splice[] | null {
  const { text, shape } = draft;
  const own = [...prefix, "migrations"];
  const ownPair = pairAt(shape, own);
  const elements = elementsOf(pair.node.value);
  if (elements === null || elements.length !== kept.length) return null;
  const wanted = elements.filter((_, i) => kept[i]);
  const inline = wanted.length > 0 && (ownPair !== undefined || inlineTableAt(shape, prefix) !== undefined);
  if (inline) {
    const texts = wanted.map((element) => text.slice(...element.range));
    const added =
      ownPair !== undefined
        ? appendElements(draft, ownPair, texts)
        : appendPair(draft, inlineTableAt(shape, prefix)!, `migrations = [${texts.join(", ")}]`);
    const gone = removePair(draft, pair, wanted);
    return added === null || gone === null ? null : [...added, ...gone.splices];
  }
  const gone = removePair(draft, pair, wanted.length > 0 ? "carry" : wanted);
  if (gone === null) return null;
  if (wanted.length === 0) return gone.splices;
  const lines = blockLines(draft, own, wanted, gone.carried);
  const anchor = lastSection(shape, own) ?? lastSection(shape, [...prefix, "durable_objects"]) ?? pair.section;
  return settle(draft, anchor, lines, gone.splices);
}

function elementsOf(value: AST.TOMLContentNode): AST.TOMLInlineTable[] | null {
  if (value.type === "TOMLInlineTable") return [value];
  if (value.type !== "TOMLArray") return null;
  const tables = value.elements.filter((element) => element.type === "TOMLInlineTable");
  return tables.length === value.elements.length ? tables : null;
}

/** `[[migrations]]` with a line for each field, for each migration, and the comments that stood around it before it. */
function blockLines(
  draft: Draft,
  key: Key,
  tables: readonly AST.TOMLInlineTable[],
  carried: readonly Comment[],
): string[] {
  const lines: string[] = [];
  const waiting = [...carried];
  for (const [i, table] of tables.entries()) {
    if (i > 0) lines.push("");
    while (waiting[0] !== undefined && waiting[0].end <= table.range[1]) lines.push(source(draft, waiting.shift()!));
    // What stands behind a migration on its line goes behind its header.
    const until = lineEnd(draft.text, table.range[1]);
    const behind = waiting[0] !== undefined && waiting[0].end <= until ? ` ${source(draft, waiting.shift()!)}` : "";
    lines.push(`[[${writeKey(key)}]]${behind}`, ...table.body.map((pair) => source(draft, pair)));
  }
  return [...lines, ...waiting.map((comment) => source(draft, comment))].flatMap((line) => line.split(/\r?\n/));
}

function source({ text }: Draft, place: AST.TOMLKeyValue | Comment): string {
  return "range" in place ? text.slice(...place.range) : text.slice(place.start, place.end);
}

/**
 * Takes a pair out.
 *
 * @param moved the values that go elsewhere as they are, with the comments inside them; or "carry", and the comments
 *   around those values come along to be written down again
 */
function removePair(
  draft: Draft,
  pair: Pair,
  moved: readonly AST.TOMLInlineTable[] | "carry",
): { splices: Splice[]; carried: Comment[] } | null {
  const { text, comments, eol } = draft;
  const [from, to] = pair.node.range;
  const values = elementsOf(pair.node.value) ?? [];
  const inside = (comment: Comment, nodes: readonly AST.TOMLInlineTable[]): boolean =>
    nodes.some((node) => comment.start >= node.range[0] && comment.end <= node.range[1]);
  if (pair.inline !== null) {
    const loose = commentsIn(comments, from, to).filter(
      (comment) => !inside(comment, moved === "carry" ? values : moved),
    );
    if (moved !== "carry" && loose.length > 0) return null;
    return { splices: [cutInline(pair)], carried: loose };
  }
  if (!isFirstOnLine(text, from) || !isLastOnLine(text, to, comments)) return null;
  const start = moved === "carry" ? leadStart(text, from, comments) : lineStart(text, from);
  const end = nextLine(text, to);
  const left = commentsIn(comments, start, end);
  if (moved === "carry") {
    const carried = left.filter((comment) => !fieldHolds(values, comment));
    return { splices: [{ ...widenOverBlank(text, start, end), text: "" }], carried };
  }
  const staying = left.filter((comment) => !inside(comment, moved));
  if (staying.length === 0) return { splices: [{ ...widenOverBlank(text, start, end), text: "" }], carried: [] };
  return {
    splices: [{ start, end, text: staying.map((comment) => source(draft, comment) + eol).join("") }],
    carried: [],
  };
}

/** Whether a comment stands inside a field's own value, which is copied as it is. */
function fieldHolds(tables: readonly AST.TOMLInlineTable[], comment: Comment): boolean {
  return tables.some((table) =>
    table.body.some((pair) => comment.start >= pair.range[0] && comment.end <= pair.range[1]),
  );
}

/** Takes a pair out of an inline table, with one comma. */
function cutInline(pair: Pair): Splice {
  const { body } = pair.inline!;
  const at = body.indexOf(pair.node);
  const before = body[at - 1];
  const after = body[at + 1];
  if (before !== undefined) return { start: before.range[1], end: pair.node.range[1], text: "" };
  return { start: pair.node.range[0], end: after?.range[0] ?? pair.node.range[1], text: "" };
}

/** Puts a block behind a section whose last lines may go at the same time. */
function settle(draft: Draft, anchor: Section, lines: readonly string[], gone: readonly Splice[]): Splice[] {
  const insert = insertBlock(draft, anchor, lines);
  const around = gone.find((splice) => splice.start <= insert.start && insert.start <= splice.end);
  if (around === undefined) return [...gone, insert];
  const { text, eol } = draft;
  const blank = around.start === 0 || /(?:^|\n)[ \t]*\r?\n$/.test(text.slice(0, around.start)) ? "" : eol;
  // The removed lines end with a line end, unless the file does not.
  const tail = around.end > 0 && text[around.end - 1] === "\n" ? eol : "";
  const head = tail === "" && around.start > 0 && text[around.start - 1] !== "\n" ? eol : "";
  const block = { ...around, text: head + blank + lines.join(eol) + tail };
  return gone.map((splice) => (splice === around ? block : splice));
}
