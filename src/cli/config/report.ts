/** Findings for people: where, what, the lines themselves, what Cloudflare would answer, and the way out. */

import { type Paint, printable } from "../output.ts";
import { secretNodes } from "./checks/secrets.ts";
import { countSeverities, type Finding, type Severity } from "./finding.ts";
import type { AuditedFile } from "./load.ts";
import { readWorkers } from "./model.ts";
import { type ParsedConfig, splitMark } from "./parse.ts";
import { maskPatterns, maskPlaces } from "./secret-text.ts";

const WIDTH = 100;
const LINES_AROUND = 1;
const MAX_LINE_CHARS = 160;
/** What may follow a name that sounds secret, in a file that does not parse and so has no values to hide. */
const LOOSE_SECRET = /((?:key|secret|token|password)\w*["']?\s*[=:]\s*)\S.*/i;

/** All findings of one file, and a line that sums them up. */
export function renderFindings(file: AuditedFile, findings: readonly Finding[], paint: Paint, fixable: number): string {
  const lines = shownLines(file).split(/\r\n|\n|\r/);
  const blocks = findings.map((finding) => renderFinding(finding, lines, paint));
  return [...blocks, summary(file, findings, paint, fixable)].join("\n");
}

/** The text as it may be shown: without secrets, line for line. */
export function shownText(config: ParsedConfig): string {
  return maskPlaces(config.text, secretNodes(config, readWorkers(config.root)));
}

function shownLines({ config, text }: AuditedFile): string {
  if (config.ok) return shownText(config);
  return maskPatterns(splitMark(text).body).replace(new RegExp(LOOSE_SECRET, "gi"), "$1[secret]");
}

function renderFinding(finding: Finding, lines: readonly string[], paint: Paint): string {
  const { severity, rule, file, line, column } = finding;
  const place = `${printable(file)}:${line}:${column}`;
  const head = `${severityWord(severity, paint)} ${paint.bold(place)}  ${paint.dim(rule)}`;
  const body = [...wrap(finding.message, WIDTH - 2).map((text) => `  ${text}`), ...frame(finding, lines, paint)];
  if (finding.cloudflare !== undefined && severity !== "note") {
    const { code, text } = finding.cloudflare;
    body.push(...labelled(paint.dim("answer"), code === undefined ? text : `${code} ${text}`, paint.dim));
  }
  if (severity !== "note" || finding.remedy !== "Nothing to do.")
    body.push(...labelled(paint.green("mend  "), finding.remedy, (text) => text));
  return `${[head, ...body].join("\n")}\n`;
}

function severityWord(severity: Severity, paint: Paint): string {
  if (severity === "error") return paint.bold(paint.red("error  "));
  return severity === "warning" ? paint.bold(paint.yellow("warning")) : paint.cyan("note   ");
}

/** The lines around a place, with a mark under what is meant. */
function frame(finding: Finding, lines: readonly string[], paint: Paint): string[] {
  const { line, column, endLine, endColumn } = finding;
  // A finding about the file as a whole stands on its first character and has no end.
  const wholeFile = endLine === undefined && line === 1 && column === 1;
  if (wholeFile || lines[line - 1] === undefined) return [];
  const first = Math.max(1, line - LINES_AROUND);
  const last = Math.min(lines.length, line + LINES_AROUND);
  const digits = String(last).length;
  const out: string[] = [];
  for (let at = first; at <= last; at++) {
    const text = lines[at - 1]!;
    if (at !== line && text.trim() === "") continue;
    const shown = printable(text.replaceAll("\t", "  ")).slice(0, MAX_LINE_CHARS);
    out.push(`  ${paint.dim(`${String(at).padStart(digits)} │`)} ${at === line ? shown : paint.dim(shown)}`);
    if (at !== line || column > MAX_LINE_CHARS) continue;
    const before = text.slice(0, column - 1).replaceAll("\t", "  ").length;
    const end =
      endLine === line && endColumn !== undefined ? endColumn : endLine === undefined ? column + 1 : text.length + 1;
    const length = Math.max(1, Math.min(end, text.length + 1) - column);
    const mark = "~".repeat(Math.min(length, Math.max(1, shown.length - before)));
    const colour =
      finding.severity === "error" ? paint.red : finding.severity === "warning" ? paint.yellow : paint.cyan;
    out.push(`  ${paint.dim(`${" ".repeat(digits)} │`)} ${" ".repeat(before)}${colour(mark)}`);
  }
  return out;
}

function labelled(label: string, text: string, colour: (text: string) => string): string[] {
  const [first, ...rest] = wrap(text, WIDTH - 10);
  return [`  ${label}  ${colour(first ?? "")}`, ...rest.map((line) => `${" ".repeat(10)}${colour(line)}`)];
}

/** Words on lines of at most `width` characters. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of printable(text).split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

function summary(file: AuditedFile, findings: readonly Finding[], paint: Paint, fixable: number): string {
  const counts = countSeverities(findings);
  const scope = shownScope(file.environments);
  const path = printable(file.path);
  if (counts.error + counts.warning === 0) {
    const notes = counts.note === 0 ? "" : `, ${plural(counts.note, "note")}`;
    return `${paint.green("clean")}   ${paint.bold(path)}${notes}  ${paint.dim(scope)}\n`;
  }
  const parts = (["error", "warning", "note"] as const)
    .filter((severity) => counts[severity] > 0)
    .map((severity) => plural(counts[severity], severity));
  const fix = fixable === 0 ? "" : `  tes config fix mends ${fixable === findings.length ? "all" : fixable} of them\n`;
  const head = counts.error > 0 ? paint.red(parts.join(", ")) : paint.yellow(parts.join(", "));
  return `${head} in ${paint.bold(path)}  ${paint.dim(scope)}\n${fix}`;
}

export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}

function shownScope(environments: readonly string[]): string {
  if (environments.length === 0) return "no environments";
  if (environments.length > 4) return `top level and ${environments.length} environments`;
  return `top level, ${environments.map((env) => printable(`env.${maskPatterns(env)}`)).join(", ")}`;
}
