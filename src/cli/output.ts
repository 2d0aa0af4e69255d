/** What a command writes: tables, notes, errors and JSON, through one small interface that tests can stand in for. */

import pc from "picocolors";
import { ERRORS, problemOf, type TesError } from "../core/errors.ts";

/** A command's way to the outside. Nothing under commands/ touches `process` or `console`. */
export interface CommandIo {
  /** The result. Written as it is, so lines end with their own newline. */
  stdout(text: string): void;
  /** Errors, notes and progress. */
  stderr(text: string): void;
  /** Whether colours may be used: a terminal, and NO_COLOR is not set. */
  readonly color: boolean;
  /** Whether `--json` was given: stdout then carries JSON only. */
  readonly json: boolean;
  /** Whether stdout is a terminal, where others may read along and scroll back. */
  readonly terminal: boolean;
  /** Whether somebody can be asked: both ends are terminals and this is not CI. */
  readonly interactive: boolean;
  /** Whether a passphrase can be asked for: also where stdout goes to a file, since the prompt does not. */
  readonly askable?: boolean;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  now(): number;
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

export type Paint = ReturnType<typeof pc.createColors>;

const findings = new WeakSet<CommandIo>();

/** The CommandIo of this process. */
export function processIo(argv: readonly string[]): CommandIo {
  const env = process.env;
  const end = argv.indexOf("--");
  const options = end < 0 ? argv : argv.slice(0, end);
  for (const stream of [process.stdout, process.stderr]) stream.on("error", ignoreClosedPipe);
  return {
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    color: wantsColor(env, process.stdout.isTTY === true),
    json: options.includes("--json"),
    terminal: process.stdout.isTTY === true,
    interactive: process.stdin.isTTY === true && process.stdout.isTTY === true && !env.CI,
    askable: process.stdin.isTTY === true && process.stderr.isTTY === true && !env.CI,
    cwd: process.cwd(),
    env,
    now: () => Date.now(),
  };
}

/** `tes … | head` closes the pipe early: whoever does that has read what they wanted. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== "EPIPE") throw error;
}

/** Colours only on a terminal; NO_COLOR (no-color.org) counts when it is set and not empty. */
export function wantsColor(env: CommandIo["env"], terminal: boolean): boolean {
  return terminal && !env.NO_COLOR && env.TERM !== "dumb";
}

/** picocolors bound to this run: every function returns its text unchanged where colours are off. */
export function paint(io: Pick<CommandIo, "color">): Paint {
  return pc.createColors(io.color);
}

/** Control characters made visible, so that a name from elsewhere cannot steer the terminal. */
export function printable(text: string): string {
  // Unicode Cc and Cf: C0, DEL, C1, bidirectional overrides and zero-width marks. Zl and Zp end lines.
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/**
 * Renders rows under their titles, two spaces between columns, no trailing blanks.
 *
 * `style` colours one padded cell; it sees the row's number and the column's.
 *
 * @example
 * io.stdout(table([{ title: "entity" }, { title: "version", align: "right" }], [["global:main", "1.2.3"]]));
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: (cell: string, row: number, column: number) => string = (cell) => cell,
): string {
  const cells = rows.map((row) => columns.map((_, column) => printable(row[column] ?? "")));
  const widths = columns.map((column, at) => Math.max(width(column.title), ...cells.map((row) => width(row[at]!))));
  const pad = (text: string, at: number): string => {
    const blanks = " ".repeat(widths[at]! - width(text));
    if (columns[at]!.align === "right") return blanks + text;
    return at === columns.length - 1 ? text : text + blanks;
  };
  const line = (parts: readonly string[]): string => `${parts.join("  ").trimEnd()}\n`;
  const head = line(columns.map((column, at) => pad(column.title, at)));
  return head + cells.map((row, number) => line(row.map((cell, at) => style(pad(cell, at), number, at)))).join("");
}

function width(text: string): number {
  return [...text].length;
}

/** One JSON value on one line of stdout. */
export function printJson(io: CommandIo, value: unknown): void {
  io.stdout(`${JSON.stringify(value)}\n`);
}

/** A remark on stderr that is not an error. */
export function printNote(io: CommandIo, text: string): void {
  io.stderr(`${paint(io).dim("note")} ${printable(text)}\n`);
}

/** An error on stderr: for people what is wrong, where, and the way out; with `--json` one RFC 9457 problem. */
export function printError(io: CommandIo, error: TesError): void {
  if (io.json) {
    io.stderr(`${JSON.stringify(problemOf(error))}\n`);
    return;
  }
  const color = paint(io);
  const { title, remedy } = ERRORS[error.code];
  const lines = [`${color.red("error")} ${title} ${color.dim(`(${error.code})`)}`];
  if (error.detail !== undefined) lines.push(`  ${error.detail.split("\n").map(printable).join("\n  ")}`);
  if (error.field !== undefined) lines.push(`  at ${printable(error.field)}`);
  lines.push(`  ${color.dim("way out:")} ${remedy}`);
  io.stderr(`${lines.join("\n")}\n`);
}

/** Exit code of an error: 2 for usage, 1 for everything else (the table in core/errors.ts). */
export function exitCodeFor(error: TesError): 1 | 2 {
  return ERRORS[error.code].exit;
}

/** Marks this run as one that found something (an error or a warning; notes do not count): it exits with 1. */
export function reportFinding(io: CommandIo): void {
  findings.add(io);
}

export function hasFinding(io: CommandIo): boolean {
  return findings.has(io);
}
