/** What wrangler says about the corpus, short enough to stand in a table: test/corpus/config/wrangler-says.json. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DryRun } from "../../../src/cli/config/dry-run.ts";
import { CORPUS, type CorpusCase } from "./corpus.ts";

export interface Said {
  /** "" for the top level. */
  readonly env: string;
  readonly exit: number;
  /** The first sentence of each error and warning. */
  readonly lines: readonly string[];
}

export interface Says {
  readonly wrangler: string;
  readonly cases: Readonly<Record<string, readonly Said[]>>;
}

export const SAYS_FILE = join(CORPUS, "wrangler-says.json");
const MAX_LINE_CHARS = 130;

export function readSays(): Says {
  return JSON.parse(readFileSync(SAYS_FILE, "utf8")) as Says;
}

/** JSON twins of a TOML case say the same, so they are left out. */
export function isSaid({ name }: CorpusCase): boolean {
  return name.startsWith("toml/") || name.startsWith("json/own-");
}

export function said(run: DryRun): Said {
  const lines = [...run.errors.map((block) => ["error", block]), ...run.warnings.map((block) => ["warning", block])];
  return {
    env: run.env ?? "",
    exit: run.exit,
    lines: lines.flatMap(([kind, block]) => sentencesOf(block!).map((sentence) => `${kind}: ${sentence}`)),
  };
}

/** wrangler's items without the frame around them: the file, the environment, and all that follows a first line. */
function sentencesOf(block: string): string[] {
  const lines = block.split("\n").map((line) => line.trim());
  if (!/^Processing .* configuration:$/.test(lines[0]!)) return [short(lines[0]!)];
  return lines
    .filter((line) => line.startsWith("- "))
    .map((line) => line.slice(2))
    .filter((line) => !/^"[^"]+" environment configuration$|^"[^"]+": \{/.test(line))
    .filter((line) => !/^Bindings must have unique names/.test(line) && / /.test(line))
    .map(short);
}

function short(line: string): string {
  const text = line.replace(/^In your \S+ file, /, "");
  if (text.length <= MAX_LINE_CHARS) return text;
  const [sentence] = text.split(/(?<=[.)]) /);
  return sentence!.length <= MAX_LINE_CHARS ? sentence! : `${text.slice(0, MAX_LINE_CHARS - 1)}…`;
}
