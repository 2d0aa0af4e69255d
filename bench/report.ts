/** What the benches found, for the terminal and for docs/measurements.md. */

import type { Bench, Line } from "./bench.ts";

const verdictOf = ({ aim, met, void: reason }: Line): string => {
  if (reason !== undefined) return "void";
  if (aim === undefined) return "";
  return met === undefined ? "undecided" : met ? "met" : "missed";
};

/** One line for a terminal. */
export function textOf(line: Line): string {
  const against = line.baseline === undefined ? "" : ` of ${line.baseline}`;
  const aim = line.aim === undefined ? "" : `  aim ${line.aim}`;
  const verdict = verdictOf(line) === "" ? "" : `  [${verdictOf(line)}]`;
  const beside = [line.void, line.beside].filter((text) => text !== undefined).join("; ");
  return `${line.what}: ${line.value}${against}${aim}${verdict}${beside === "" ? "" : `  (${beside})`}`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

/** The section of one bench, with the marks by which a later run finds it. */
export function sectionOf({ name, title, method }: Bench, found: readonly Line[]): string {
  const rows = found.map((line) => {
    const beside = [line.void, line.beside].filter((text) => text !== undefined).join("; ");
    const cells = [line.what, line.baseline ?? "", line.value, line.aim ?? "", verdictOf(line), beside];
    return `| ${cells.map(cell).join(" | ")} |`;
  });
  return [
    `<!-- bench ${name} -->`,
    `## ${title}`,
    "",
    `\`npm run bench -- ${name}\`. ${method}`,
    "",
    "| what | against | value | aim | | beside it |",
    "| ---- | ------- | ----- | --- | - | --------- |",
    ...rows,
    `<!-- end ${name} -->`,
  ].join("\n");
}

/** The document with this section in place of the one that was there, or at its end. */
export function withSection(document: string, name: string, section: string): string {
  const [begin, end] = [`<!-- bench ${name} -->`, `<!-- end ${name} -->`];
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0) return `${document.trimEnd()}\n\n${section}\n`;
  if (to < from) throw new Error(`the section ${name} has no end`);
  return document.slice(0, from) + section + document.slice(to + end.length);
}
