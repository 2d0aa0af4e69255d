/** What a fix did, for people. */

import { type Paint, printable } from "../../output.ts";
import type { DiffLine } from "../diff.ts";
import type { DryRun } from "../dry-run.ts";
import { wrap } from "../report.ts";
import type { Done } from "./fix.ts";
import type { ShownRefusal } from "./run.ts";

const WIDTH = 100;

export function renderDone(done: readonly Done[], diff: readonly DiffLine[], paint: Paint): string {
  const width = Math.max(...done.map(({ what }) => what.length));
  const mends = done.map(
    ({ what, rule }) => `${paint.green("mended")}  ${printable(what).padEnd(width)}  ${paint.dim(rule)}\n`,
  );
  return `${mends.join("")}\n${renderDiff(diff, paint)}`;
}

function renderDiff(diff: readonly DiffLine[], paint: Paint): string {
  const colours: Readonly<Record<DiffLine["kind"], (text: string) => string>> = {
    head: paint.bold,
    hunk: paint.cyan,
    same: (text) => text,
    removed: paint.red,
    added: paint.green,
    mark: paint.dim,
  };
  // A CR at the end of a line is shown as nothing: it is the same on both sides.
  return diff.map(({ kind, text }) => `${colours[kind](shownLine(text))}\n`).join("");
}

/** Tabs stay; everything else that steers a terminal is made visible. */
function shownLine(text: string): string {
  return text.replace(/\r$/, "").split("\t").map(printable).join("\t");
}

export function renderSums(before: string, after: string, paint: Paint): string {
  return `${paint.dim("sha256 before")}  ${before}\n${paint.dim("sha256 after ")}  ${after}\n`;
}

export function renderRefused(path: string, refused: readonly ShownRefusal[], paint: Paint): string {
  return refused
    .map(({ rule, line, column, reason }) => {
      const place = `${printable(path)}:${line}:${column}`;
      const [first, ...rest] = wrap(`left as it is: ${reason}`, WIDTH - 2);
      return `${paint.yellow("refused")} ${paint.bold(place)}  ${paint.dim(rule)}\n${[first, ...rest].map((text) => `  ${text}\n`).join("")}`;
    })
    .join("");
}

export function renderRun(run: DryRun, width: number, paint: Paint): string {
  const name = printable(run.env === null ? "top level" : `env.${run.env}`).padEnd(width);
  const parts = [
    ...(run.exit === 0 ? [] : [`exit ${run.exit}`]),
    ...(run.errors.length === 0 ? [] : [`${run.errors.length} error${run.errors.length === 1 ? "" : "s"}`]),
    ...(run.warnings.length === 0 ? [] : [`${run.warnings.length} warning${run.warnings.length === 1 ? "" : "s"}`]),
  ];
  const colour = run.exit !== 0 || run.errors.length > 0 ? paint.red : paint.yellow;
  const verdict = parts.length === 0 ? paint.green("0 errors, 0 warnings") : colour(parts.join(", "));
  const blocks = [...run.errors, ...run.warnings].flatMap((block) => block.split("\n"));
  return `  ${name}  ${verdict}\n${blocks.map((line) => (line.trim() === "" ? "" : `    ${paint.dim(printable(line.trimEnd()))}\n`)).join("")}`;
}
