/** Unified diffs (the format that patch reads), with three lines around each change. */

import { MAX_DIFF_EDITS } from "../../core/limits.ts";

/** One line of a diff and what it is. */
export interface DiffLine {
  readonly kind: "head" | "hunk" | "same" | "removed" | "added" | "mark";
  readonly text: string;
}

const CONTEXT = 3;
const NO_NEWLINE = "\\ No newline at end of file";

interface Step {
  readonly kind: "same" | "removed" | "added";
  readonly line: string;
  /** 0-based line numbers before the step. */
  readonly oldAt: number;
  readonly newAt: number;
}

/** The difference of two texts; empty when there is none. Lines end at LF; a CR belongs to its line. */
export function diffTexts(before: string, after: string, name: string): DiffLine[] {
  if (before === after) return [];
  const steps = compare(splitLines(before), splitLines(after));
  const out: DiffLine[] = [
    { kind: "head", text: `--- ${name}` },
    { kind: "head", text: `+++ ${name}` },
  ];
  for (const hunk of hunksOf(steps)) {
    const count = (kind: "removed" | "added"): number =>
      hunk.filter((step) => step.kind === "same" || step.kind === kind).length;
    const first = hunk[0]!;
    const range = (at: number, length: number): string => `${length === 0 ? at : at + 1},${length}`;
    out.push({
      kind: "hunk",
      text: `@@ -${range(first.oldAt, count("removed"))} +${range(first.newAt, count("added"))} @@`,
    });
    for (const { kind, line } of hunk) {
      const sign = kind === "same" ? " " : kind === "removed" ? "-" : "+";
      out.push({ kind, text: sign + line.replace(/\n$/, "") });
      if (!line.endsWith("\n")) out.push({ kind: "mark", text: NO_NEWLINE });
    }
  }
  return out;
}

function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Myers' greedy algorithm ("An O(ND) Difference Algorithm", 1986), after the common head and tail are put aside. */
function compare(a: readonly string[], b: readonly string[]): Step[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < Math.min(a.length, b.length) - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const middle = pathOf(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const kinds = [...Array<"same">(head).fill("same"), ...middle, ...Array<"same">(tail).fill("same")];
  let oldAt = 0;
  let newAt = 0;
  return kinds.map((kind) => {
    const step = { kind, line: kind === "added" ? b[newAt]! : a[oldAt]!, oldAt, newAt };
    if (kind !== "added") oldAt++;
    if (kind !== "removed") newAt++;
    return step;
  });
}

function pathOf(a: readonly string[], b: readonly string[]): Step["kind"][] {
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  const limit = Math.min(a.length + b.length, MAX_DIFF_EDITS);
  for (let edits = 0; edits <= limit; edits++) {
    trace.push(new Map(reach));
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && reach.get(k - 1)! < reach.get(k + 1)!);
      let x = down ? reach.get(k + 1)! : reach.get(k - 1)! + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(trace, a.length, b.length);
    }
  }
  // Too different to be worth a search: everything goes, everything comes.
  return [...a.map(() => "removed" as const), ...b.map(() => "added" as const)];
}

function walkBack(trace: readonly Map<number, number>[], aLength: number, bLength: number): Step["kind"][] {
  const path: Step["kind"][] = [];
  let x = aLength;
  let y = bLength;
  for (let edits = trace.length - 1; edits >= 0; edits--) {
    const reach = trace[edits]!;
    const k = x - y;
    const down = k === -edits || (k !== edits && reach.get(k - 1)! < reach.get(k + 1)!);
    const fromK = down ? k + 1 : k - 1;
    const fromX = edits === 0 ? 0 : reach.get(fromK)!;
    const fromY = edits === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      path.push("same");
      x--;
      y--;
    }
    if (edits > 0) path.push(down ? "added" : "removed");
    x = fromX;
    y = fromY;
  }
  return path.reverse();
}

/** Changes with their context; those whose context touches share a hunk. */
function hunksOf(steps: readonly Step[]): Step[][] {
  const hunks: Step[][] = [];
  let end = -1;
  for (const [i, step] of steps.entries()) {
    if (step.kind === "same") continue;
    const from = Math.max(0, i - CONTEXT);
    const to = Math.min(steps.length, i + CONTEXT + 1);
    if (from > end) hunks.push(steps.slice(from, to));
    else hunks.at(-1)!.push(...steps.slice(end, Math.max(end, to)));
    end = Math.max(end, to);
  }
  return hunks;
}
