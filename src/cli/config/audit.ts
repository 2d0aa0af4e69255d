/** The audit: one configuration's text in, findings out. Pure, so that an editor, `tes deploy` and a test call it alike. */

import { checkBindings } from "./checks/bindings.ts";
import type { ExportedClasses } from "./checks/classes.ts";
import type { AuditContext, ReportExtra } from "./checks/context.ts";
import { checkEnvironments } from "./checks/environments.ts";
import { checkFields } from "./checks/fields.ts";
import { checkLifecycle } from "./checks/lifecycle.ts";
import { checkSecrets } from "./checks/secrets.ts";
import type { Finding } from "./finding.ts";
import { isPagesProject, readWorkers } from "./model.ts";
import { type ParsedConfig, type ParseFault, parseConfig, splitMark } from "./parse.ts";
import { placeFinder } from "./place.ts";
import { NO_ANSWER, type RuleId, ruleOf } from "./rules.ts";
import { type KeyTest, maskPatterns } from "./secret-text.ts";
import type { Span } from "./tree.ts";

export interface AuditInput {
  /** As it should stand in the findings; its ending tells TOML from JSON. */
  readonly path: string;
  readonly text: string;
  /** The text parsed, where the caller has done that already. */
  readonly config?: ParsedConfig | ParseFault;
  /** The names of the other wrangler configurations in the same folder. */
  readonly siblings?: readonly string[];
  /** The names each entry point exports, by the text of `main`; null where they cannot be known. */
  readonly exportedClasses?: ExportedClasses;
  /** Whether git ignores the file; leave it out where there is no repository. */
  readonly gitIgnored?: boolean;
  /** `isPublicKeyText`: without it, the key that is printed in a public document is not found under a digest's name. */
  readonly isPublicKey?: KeyTest;
}

/**
 * Audits one configuration, every environment of it, without touching the network or the disk.
 *
 * Findings come in the order of their places. A text that does not parse is one finding.
 *
 * @example
 * auditConfig({ path: "wrangler.toml", text: '[[durable_objects.migrations]]\ntag = "v1"\n' })[0].rule; // "migrations-nested"
 */
export function auditConfig(input: AuditInput): Finding[] {
  const { body } = splitMark(input.text);
  const placeOf = placeFinder(body);
  const found = new Map<string, { start: number; finding: Finding }>();
  const report = (rule: RuleId, place: Span, message: string, extra: ReportExtra = {}): void => {
    const key = `${rule}\n${place.start}\n${message}`;
    if (found.has(key)) return;
    const from = placeOf(place.start);
    const to = placeOf(place.end);
    const { severity, remedy } = ruleOf(rule);
    const cloudflare = answerOf(rule, extra);
    const finding: Finding = {
      rule,
      severity,
      // Names are quoted as they stand, and somebody may have written a secret where a name belongs.
      message: maskPatterns(message),
      remedy: maskPatterns(extra.remedy ?? remedy),
      file: input.path,
      ...from,
      ...(place.end > place.start ? { endLine: to.line, endColumn: to.column } : {}),
      ...(cloudflare === undefined ? {} : { cloudflare }),
      ...(typeof extra.env === "string" ? { env: maskPatterns(extra.env) } : {}),
    };
    found.set(key, { start: place.start, finding });
  };
  checkSiblings(input, report);
  const config = input.config ?? parseConfig(input.path, input.text);
  if (config.ok) {
    const context: AuditContext = { config, workers: readWorkers(config.root), report };
    checkFields(context);
    if (!isPagesProject(config.root)) {
      checkLifecycle(context, input.exportedClasses ?? {});
      checkEnvironments(context);
      checkBindings(context);
    }
    checkSecrets(context, input.gitIgnored, input.isPublicKey);
  } else {
    report("parse", config.span, `The file does not parse: ${config.message}.`);
  }
  return [...found.values()].sort((a, b) => a.start - b.start).map(({ finding }) => finding);
}

/** What wrangler or Cloudflare answers to this very fault. */
function answerOf(rule: RuleId, extra: ReportExtra): Finding["cloudflare"] {
  const general = ruleOf(rule).cloudflare;
  if (extra.answer === null) return NO_ANSWER;
  if (general === undefined) return undefined;
  const text = extra.answer ?? general.text.replace(/\bX\b/, () => extra.className ?? "X");
  return { ...general, text: maskPatterns(text) };
}

/** wrangler's order: .json, then .jsonc, then .toml (findWranglerConfig). */
const PRECEDENCE = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

function checkSiblings(input: AuditInput, report: AuditContext["report"]): void {
  const name = input.path.split(/[\\/]/).at(-1)!;
  const others = (input.siblings ?? []).filter((sibling) => sibling !== name && PRECEDENCE.includes(sibling));
  if (others.length === 0 || !PRECEDENCE.includes(name)) return;
  const winner = PRECEDENCE.find((candidate) => candidate === name || others.includes(candidate))!;
  const message =
    winner === name
      ? `wrangler reads this file and ignores ${others.join(" and ")}.`
      : `wrangler reads ${winner} and ignores this file.`;
  report("files-side-by-side", { start: 0, end: 0 }, message);
}
