/** Mends as splices of a JSON text with comments. A shape that it cannot edit without a guess gives null. */

import { migrationItems } from "../model.ts";
import type { Comment, ParsedConfig } from "../parse.ts";
import { asObject, type ConfigNode, type Entry, type ObjectNode } from "../tree.ts";
import type { Mend } from "./plan.ts";
import {
  commentsIn,
  indentAt,
  isFirstOnLine,
  isLastOnLine,
  leadStart,
  lineEnd,
  lineEnding,
  lineStart,
  nextLine,
  reindent,
  type Splice,
} from "./splice.ts";

interface Draft {
  readonly text: string;
  readonly eol: string;
  /** One step of indentation. */
  readonly step: string;
  readonly comments: readonly Comment[];
}

type Move = Extract<Mend, { kind: "move" }>;

/** The splices of one mend, or null. The caller checks what they lead to. */
export function editJson(config: ParsedConfig, mend: Mend): Splice[] | null {
  const { text, comments, root } = config;
  const first = [...root.entries.values()][0];
  const step = first !== undefined && isFirstOnLine(text, first.span.start) ? indentAt(text, first.span.start) : "  ";
  const draft: Draft = { text, eol: lineEnding(text), step: step === "" ? "  " : step, comments };
  const worker =
    mend.env === null ? root : asObject(asObject(root.entries.get("env")?.node)?.entries.get(mend.env)?.node);
  if (worker === undefined) return null;
  if (mend.kind === "move") return moveMigrations(draft, worker, mend);
  if (mend.kind === "create") {
    const migration = `{ "tag": ${write(mend.tag)}, "new_sqlite_classes": ${writeList(mend.classes)} }`;
    const own = worker.entries.get("migrations")?.node;
    if (own?.kind === "array") return appendItems(draft, own, own.items, [migration]);
    return addProperty(
      draft,
      worker,
      "durable_objects",
      (indent) => `"migrations": ${lines(draft, indent, "[", [migration], "]")}`,
    );
  }
  const last = [...worker.entries.keys()].at(-1);
  return addProperty(
    draft,
    worker,
    last,
    (indent) => `"secrets": ${lines(draft, indent, "{", [`"required": ${writeList(mend.names)}`], "}")}`,
  );
}

function write(text: string): string {
  return JSON.stringify(text);
}

function writeList(texts: readonly string[]): string {
  return `[${texts.map(write).join(", ")}]`;
}

/** Items on lines of their own between brackets; on one line where the text around is on one line. */
function lines(draft: Draft, indent: string | null, open: string, items: readonly string[], close: string): string {
  if (indent === null) return open === "{" ? `{ ${items.join(", ")} }` : `[${items.join(", ")}]`;
  const inner = draft.eol + indent + draft.step;
  return `${open}${inner}${items.join(`,${inner}`)}${draft.eol}${indent}${close}`;
}

/**
 * Adds a property behind another, or into an empty object.
 *
 * @param write gives the property for an indentation, or for null on one line
 * @param tail comments to stand behind it, and behind its comma
 */
function addProperty(
  draft: Draft,
  object: ObjectNode,
  after: string | undefined,
  write: (indent: string | null) => string,
  tail = "",
): Splice[] | null {
  const { text } = draft;
  const entry = after === undefined ? undefined : object.entries.get(after);
  if (entry === undefined) {
    if (object.entries.size > 0) return null;
    const start = object.start + 1;
    const end = object.end - 1;
    // A comment in an empty object stays.
    return [
      text.slice(start, end).trim() === ""
        ? { start, end, text: ` ${write(null)}${tail} ` }
        : { start, end: start, text: ` ${write(null)}${tail}` },
    ];
  }
  const ownLine = isFirstOnLine(text, entry.span.start);
  return addAfter(draft, entry.node.end, ownLine ? indentAt(text, entry.span.start) : null, write, tail);
}

/** Adds an item behind one that ends at `end`, with the comma it needs, behind that one's own comment. */
function addAfter(
  draft: Draft,
  end: number,
  indent: string | null,
  write: (indent: string | null) => string,
  tail = "",
): Splice[] {
  const { text, eol, comments } = draft;
  const comma = commaAfter(draft, end);
  if (comma !== null) {
    const at = comma + 1;
    if (indent === null || !isLastOnLine(text, at, comments))
      return [{ start: at, end: at, text: ` ${write(null)},${tail}` }];
    const line = lineEnd(text, at);
    return [{ start: line, end: line, text: `${eol}${indent}${write(indent)},${tail}` }];
  }
  if (indent === null || !isLastOnLine(text, end, comments))
    return [{ start: end, end, text: `, ${write(null)}${tail}` }];
  const line = lineEnd(text, end);
  return [
    { start: end, end, text: "," },
    { start: line, end: line, text: `${eol}${indent}${write(indent)}${tail}` },
  ];
}

/** The offset of the comma behind an item; null when a bracket closes instead. */
function commaAfter({ text, comments }: Draft, end: number): number | null {
  let at = end;
  for (;;) {
    const comment = comments.find((candidate) => candidate.start === at);
    if (comment !== undefined) at = comment.end;
    else if (/\s/.test(text[at] ?? "")) at++;
    else return text[at] === "," ? at : null;
  }
}

function appendItems(
  draft: Draft,
  array: ConfigNode,
  present: readonly ConfigNode[],
  items: readonly string[],
): Splice[] | null {
  const last = present.at(-1);
  const joined = (indent: string | null): string => items.join(indent === null ? ", " : `,${draft.eol}${indent}`);
  if (last !== undefined) {
    return addAfter(
      draft,
      last.end,
      isFirstOnLine(draft.text, last.start) ? indentAt(draft.text, last.start) : null,
      joined,
    );
  }
  const start = array.start + 1;
  const end = array.end - 1;
  const blank = draft.text.slice(start, end).trim() === "";
  return [blank ? { start, end, text: items.join(", ") } : { start, end: start, text: items.join(", ") }];
}

function moveMigrations(draft: Draft, worker: ObjectNode, mend: Move): Splice[] | null {
  const durable = asObject(worker.entries.get("durable_objects")?.node);
  const entry = durable?.entries.get("migrations");
  if (durable === undefined || entry === undefined) return null;
  const kept = migrationItems(entry.node).filter((item) => mend.kept.includes(item));
  const own = worker.entries.get("migrations")?.node;
  const whole = own === undefined && kept.length > 0 && kept.length === migrationItems(entry.node).length;
  const { splices, carried } = removeProperty(draft, durable, entry, whole ? [entry.node] : kept, whole);
  if (kept.length === 0) return splices;
  if (own !== undefined) {
    if (own.kind !== "array") return null;
    const target = own.items.at(-1);
    const to = target === undefined ? "" : indentAt(draft.text, target.start);
    const items = kept.map((item) => reindent(sourceOf(draft, item), indentAt(draft.text, item.start), to));
    const added = appendItems(draft, own, own.items, items);
    return added === null ? null : [...splices, ...added];
  }
  const tail = carried.filter(({ start }) => start >= entry.node.end).map((comment) => ` ${sourceOf(draft, comment)}`);
  const write = (indent: string | null): string => newList(draft, entry, kept, carried, indent);
  const added = addProperty(draft, worker, "durable_objects", write, tail.join(""));
  return added === null ? null : [...splices, ...added];
}

/** The list as it was, one level further out, with the comments that stood around it. */
function newList(
  draft: Draft,
  entry: Entry,
  kept: readonly ConfigNode[],
  carried: readonly Comment[],
  indent: string | null,
): string {
  const { text, eol } = draft;
  const whole = kept.length === migrationItems(entry.node).length;
  const above = carried.filter((comment) => comment.end <= entry.span.start);
  const from = indentAt(text, entry.span.start);
  const list =
    whole && entry.node.kind === "array"
      ? reindent(sourceOf(draft, entry.node), from, indent ?? from)
      : lines(
          draft,
          indent,
          "[",
          kept.map((item) => reindent(sourceOf(draft, item), from, indent ?? from)),
          "]",
        );
  const glue = indent === null ? " " : eol + indent;
  return `${above.map((comment) => sourceOf(draft, comment) + glue).join("")}"migrations": ${list}`;
}

function sourceOf({ text }: Draft, place: { readonly start: number; readonly end: number }): string {
  return text.slice(place.start, place.end);
}

/**
 * Takes a property out with one comma.
 *
 * @param moved what goes elsewhere as it is, with the comments inside it
 * @param carry whether the comments around that come along; else they stay
 */
function removeProperty(
  draft: Draft,
  object: ObjectNode,
  entry: Entry,
  moved: readonly ConfigNode[],
  carry: boolean,
): { splices: Splice[]; carried: Comment[] } {
  const { text, comments, eol } = draft;
  const comma = commaAfter(draft, entry.node.end);
  const entries = [...object.entries.values()];
  const before = entries[entries.indexOf(entry) - 1];
  const end = comma === null ? entry.node.end : comma + 1;
  const splices: Splice[] = [];
  if (comma === null && before !== undefined) {
    const at = commaAfter(draft, before.node.end)!;
    splices.push({ start: at, end: at + 1, text: "" });
  }
  const alone = isFirstOnLine(text, entry.span.start) && isLastOnLine(text, end, comments);
  // With the comma in front goes the blank behind it.
  const inline =
    comma === null && before !== undefined ? text.slice(0, entry.span.start).trimEnd().length : entry.span.start;
  const start = alone ? leadStart(text, entry.span.start, comments) : inline;
  const stop = alone ? nextLine(text, end) : end;
  const loose = commentsIn(comments, start, stop).filter(
    (comment) => !moved.some((node) => comment.start >= node.start && comment.end <= node.end),
  );
  const carried = carry ? loose : [];
  const staying = carry ? [] : loose;
  const indent = indentAt(text, entry.span.start);
  const left = staying
    .map((comment) => (alone ? indent + sourceOf(draft, comment) + eol : sourceOf(draft, comment)))
    .join("");
  splices.push({ start: alone ? lineStart(text, start) : start, end: stop, text: left });
  return { splices, carried };
}
