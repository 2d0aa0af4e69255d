/** Edits as splices: what they do not name stays as it is, byte for byte. */

import type { Comment } from "../parse.ts";

export interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Applies splices to a text; null when two of them claim the same characters. */
export function applySplices(text: string, splices: readonly Splice[]): string | null {
  let out = "";
  let at = 0;
  // The sort is stable: of two insertions at one place the first stays first.
  for (const splice of [...splices].sort((a, b) => a.start - b.start)) {
    if (splice.start < at) return null;
    out += text.slice(at, splice.start) + splice.text;
    at = splice.end;
  }
  return out + text.slice(at);
}

/** The line end that a text uses, by its first one. */
export function lineEnding(text: string): string {
  return /\r\n|\n/.exec(text)?.[0] ?? "\n";
}

/** Where the line of an offset begins. */
export function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

/** Where the line of an offset ends, before its line end. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  if (end < 0) return text.length;
  return end > offset && text[end - 1] === "\r" ? end - 1 : end;
}

/** Where the next line begins, or the text ends. */
export function nextLine(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end + 1;
}

/** The blanks a line begins with. */
export function indentAt(text: string, offset: number): string {
  const start = lineStart(text, offset);
  return /^[ \t]*/.exec(text.slice(start, offset))![0];
}

/** Whether only blanks stand before an offset on its line. */
export function isFirstOnLine(text: string, offset: number): boolean {
  return /^[ \t]*$/.test(text.slice(lineStart(text, offset), offset));
}

/** Whether only blanks and whole comments stand between an offset and the end of its line. */
export function isLastOnLine(text: string, offset: number, comments: readonly Comment[]): boolean {
  return /^[ \t]*$/.test(withoutComments(text, offset, lineEnd(text, offset), comments));
}

/** A part of a text without its comments; a comment that reaches out of it counts as other text. */
export function withoutComments(text: string, start: number, end: number, comments: readonly Comment[]): string {
  let out = "";
  let at = start;
  for (const comment of comments) {
    if (comment.start < at || comment.end > end) continue;
    out += text.slice(at, comment.start);
    at = comment.end;
  }
  return out + text.slice(at, end);
}

/** The comments between two offsets. */
export function commentsIn(comments: readonly Comment[], start: number, end: number): Comment[] {
  return comments.filter((comment) => comment.start >= start && comment.end <= end);
}

/**
 * Where the comments begin that stand directly above a line, each on lines of its own: they speak of what follows.
 * The line's own start when there are none.
 */
export function leadStart(text: string, offset: number, comments: readonly Comment[]): number {
  let start = lineStart(text, offset);
  for (;;) {
    const above = comments.find(
      (comment) => nextLine(text, comment.end) === start && isFirstOnLine(text, comment.start) && comment.end < start,
    );
    if (above === undefined || !/^[ \t]*\r?$/.test(text.slice(above.end, lineEnd(text, above.end)))) return start;
    start = lineStart(text, above.start);
  }
}

/** Blank lines around whole lines that go: one of two neighbours goes with them. */
export function widenOverBlank(text: string, start: number, end: number): { start: number; end: number } {
  const before = text.slice(0, start);
  const after = text.slice(end);
  const blankBefore = start === 0 || /(?:^|\n)[ \t]*\r?\n$/.test(before);
  const blankAfter = /^[ \t]*\r?\n/.exec(after);
  if (blankBefore && blankAfter !== null) return { start, end: end + blankAfter[0].length };
  const last = /\n[ \t]*\r?\n$/.exec(before);
  if (after === "" && last !== null) return { start: start - last[0].length + 1, end };
  return { start, end };
}

/** Moves the lines after the first from one indentation to another. */
export function reindent(text: string, from: string, to: string): string {
  if (from === to) return text;
  return text.replace(/\n[ \t]*/g, (found) =>
    found.startsWith(`\n${from}`) ? `\n${to}${found.slice(1 + from.length)}` : found,
  );
}
