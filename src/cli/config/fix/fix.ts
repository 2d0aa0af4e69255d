/** The fix: one configuration's text in, the mended text out. Pure, and it checks its own work. */

import { MAX_MENDS } from "../../../core/limits.ts";
import type { ExportedClasses } from "../checks/classes.ts";
import { readWorkers } from "../model.ts";
import { type ParsedConfig, parseConfig, splitMark } from "../parse.ts";
import type { RuleId } from "../rules.ts";
import { maskPatterns } from "../secret-text.ts";
import { editJson } from "./json-edit.ts";
import { type Mend, planMends, type Refusal } from "./plan.ts";
import { applySplices } from "./splice.ts";
import { editToml } from "./toml-edit.ts";
import { isMended } from "./value.ts";

export interface FixResult {
  /** The text with its mends; the given text where there is nothing to mend. */
  readonly text: string;
  readonly done: readonly Done[];
  /** Faults left as they are, each with the reason. Places count in `text`. */
  readonly refused: readonly Refusal[];
}

/** A mend that was made. */
export interface Done {
  readonly rule: RuleId;
  readonly env: string | null;
  /** What was done, as a sentence. */
  readonly what: string;
}

/** A mend that no edit was found for, by what it would have changed. */
const UNEDITABLE = "it is written in a way that cannot be edited without a guess; mend it by hand";
const TOO_MANY = `more than ${MAX_MENDS} mends are due, and no configuration that people write needs so many`;
const DUPLICATE = "a key stands twice in the file, and which one is meant would have to be guessed";

/**
 * Mends what has one right answer. Each mend is a splice, is read back, and counts only if the file then says exactly
 * what it should; else the fault is refused and the text stays as it was.
 *
 * @param text one that parses; one that does not comes back unchanged, with nothing done
 */
export function fixConfig(path: string, text: string, exported: ExportedClasses = {}): FixResult {
  const { mark, body } = splitMark(text);
  const parsed = parseConfig(path, body);
  if (!parsed.ok) return { text, done: [], refused: [] };
  let config = parsed;
  const done: Done[] = [];
  const given = new Set<string>();
  for (;;) {
    const { mends, refusals } = planMends(config.root, readWorkers(config.root), exported);
    const tooMany = mends.length > MAX_MENDS;
    const mend = tooMany ? undefined : mends.find((candidate) => !given.has(nameOf(candidate)));
    if (mend === undefined) {
      const refused = [...refusals, ...mends.map((left) => refusalOf(config, left, tooMany))];
      return { text: mark + config.text, done, refused };
    }
    const next: ParsedConfig | null = config.duplicateKeys.length > 0 ? null : applyMend(path, config, mend);
    if (next === null) given.add(nameOf(mend));
    else {
      done.push({ rule: ruleOf(mend), env: mend.env, what: maskPatterns(describe(mend)) });
      config = next;
    }
  }
}

/** The configuration after one mend; null when no edit leads exactly there. */
function applyMend(path: string, config: ParsedConfig, mend: Mend): ParsedConfig | null {
  const splices = config.format === "toml" ? editToml(config, mend) : editJson(config, mend);
  const text = splices === null ? null : applySplices(config.text, splices);
  if (text === null) return null;
  const next = parseConfig(path, text);
  if (!next.ok || next.duplicateKeys.length > 0) return null;
  const comments = (of: ParsedConfig): string[] => of.comments.map((comment) => comment.text.trim()).sort();
  const keepsComments = comments(config).join("\n") === comments(next).join("\n");
  return keepsComments && isMended(config.root, next.root, mend) ? next : null;
}

function ruleOf(mend: Mend): RuleId {
  if (mend.kind === "require") return "secrets-not-inherited";
  if (mend.kind === "create") return "lifecycle-missing";
  return mend.kept.length === 0 ? "migrations-nested-duplicate" : "migrations-nested";
}

function nameOf(mend: Mend): string {
  return `${mend.kind}\n${mend.env ?? ""}`;
}

function refusalOf(config: ParsedConfig, mend: Mend, tooMany: boolean): Refusal {
  const worker = readWorkers(config.root).find(({ env }) => env === mend.env)!;
  const place = mend.kind === "move" ? mend.nested.span : worker.place;
  const reason = config.duplicateKeys.length > 0 ? DUPLICATE : tooMany ? TOO_MANY : UNEDITABLE;
  return { rule: ruleOf(mend), env: mend.env, place, reason };
}

function describe(mend: Mend): string {
  const where = mend.env === null ? "" : ` of env.${mend.env}`;
  if (mend.kind === "require") return `repeated secrets.required in env.${mend.env}`;
  if (mend.kind === "create") return `added a first migration${where} for ${mend.classes.join(", ")}`;
  const { length } = mend.kept;
  if (length === 0) return `removed a copy of migrations under durable_objects${where}`;
  return `moved ${length} migration${length === 1 ? "" : "s"}${where} out of durable_objects`;
}
