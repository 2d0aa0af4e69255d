/** `tes config fix` from the file to the report: mend, show, write, and let the real wrangler judge. */

import { createHash } from "node:crypto";
import { utf8 } from "../../../core/bytes.ts";
import { TesError } from "../../../core/errors.ts";
import { type CommandIo, paint, printJson, printNote, reportFinding } from "../../output.ts";
import { secretNodes } from "../checks/secrets.ts";
import { type DiffLine, diffTexts } from "../diff.ts";
import { type DryRun, dryRun, findWrangler, type Wrangler } from "../dry-run.ts";
import { countSeverities } from "../finding.ts";
import { type AuditedFile, auditBytes, auditFile } from "../load.ts";
import { readWorkers } from "../model.ts";
import type { ParsedConfig } from "../parse.ts";
import { placeFinder } from "../place.ts";
import { renderFindings, shownText } from "../report.ts";
import { maskPatterns, maskValues } from "../secret-text.ts";
import { asString, type ConfigNode, entryOf } from "../tree.ts";
import type { FixResult } from "./fix.ts";
import { mendFile } from "./mend-file.ts";
import { renderDone, renderRefused, renderRun, renderSums } from "./report.ts";
import { replaceFile } from "./write.ts";

export interface FixOptions {
  readonly dryRun: boolean;
  readonly validate: boolean;
}

/** What happened, as `--json` shows it. */
interface FixReport {
  readonly file: string;
  readonly written: boolean;
  readonly sha256: { readonly before: string; readonly after: string };
  readonly mends: FixResult["done"];
  readonly refused: readonly ShownRefusal[];
  readonly diff: string;
  /** null where no wrangler ran. */
  readonly validation: { readonly wrangler: Omit<Wrangler, "script">; readonly runs: readonly DryRun[] } | null;
  readonly counts: ReturnType<typeof countSeverities>;
  readonly findings: AuditedFile["findings"];
}

/** A refusal with its place in the file as it now stands. */
export interface ShownRefusal {
  readonly rule: string;
  readonly env?: string;
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

/**
 * Mends one file.
 *
 * @param absolute what findConfig gave
 * @throws {TesError} file_unreadable, file_unwritable, conflict
 */
export async function runFix(io: CommandIo, absolute: string, options: FixOptions): Promise<void> {
  const file = await auditFile(io.cwd, absolute);
  if (!file.config.ok) return refuseUnparsed(io, file);
  const result = mendFile(file);
  const bytes = utf8(result.text);
  const changed = result.text !== file.text;
  const after = changed ? await auditBytes(file.path, absolute, bytes) : file;
  const diff = diffTexts(shownText(file.config), shownText(parsed(after)), file.path);
  const refused = shownRefusals(result, after);
  if (!io.json) showMends(io, file, result, diff, refused, bytes);
  if (changed && !options.dryRun) await replaceFile(file.path, absolute, file.bytes, bytes);
  const validation = changed && !options.dryRun && options.validate ? await validate(io, after) : null;
  const faults = after.findings.some(({ severity }) => severity !== "note");
  const failed = validation?.runs.some((run) => run.exit !== 0 || run.warnings.length + run.errors.length > 0);
  if (faults || refused.length > 0 || failed === true) reportFinding(io);
  if (io.json) {
    const report: FixReport = {
      file: file.path,
      written: changed && !options.dryRun,
      sha256: { before: sha256(file.bytes), after: sha256(bytes) },
      mends: result.done.map((mend) => ({ ...mend, env: mend.env === null ? null : maskPatterns(mend.env) })),
      refused,
      diff: diff.map(({ text }) => `${text}\n`).join(""),
      validation,
      counts: countSeverities(after.findings),
      findings: after.findings,
    };
    printJson(io, report);
  } else io.stdout(ending(io, after, options, changed));
}

/** A file that does not parse is not touched; the finding says where it breaks. */
function refuseUnparsed(io: CommandIo, file: AuditedFile): void {
  reportFinding(io);
  const digest = sha256(file.bytes);
  if (io.json) {
    const { path, findings } = file;
    const counts = countSeverities(findings);
    const sums = { before: digest, after: digest };
    printJson(io, {
      file: path,
      written: false,
      sha256: sums,
      mends: [],
      refused: [],
      diff: "",
      validation: null,
      counts,
      findings,
    });
  } else
    io.stdout(
      `${renderFindings(file, file.findings, paint(io), 0)}not touched: only a file that parses can be mended\n`,
    );
}

function parsed(file: AuditedFile): ParsedConfig {
  if (file.config.ok) return file.config;
  // fixConfig has read back what it wrote, so this is a fault of ours.
  throw new TesError("internal", { cause: new Error("the mended file does not parse") });
}

function showMends(
  io: CommandIo,
  file: AuditedFile,
  result: FixResult,
  diff: readonly DiffLine[],
  refused: readonly ShownRefusal[],
  bytes: Uint8Array,
): void {
  const color = paint(io);
  const parts: string[] = [];
  if (result.done.length > 0) {
    parts.push(renderDone(result.done, diff, color), renderSums(sha256(file.bytes), sha256(bytes), color));
  }
  if (refused.length > 0) parts.push(renderRefused(file.path, refused, color));
  if (parts.length > 0) io.stdout(`${parts.join("\n")}\n`);
}

function shownRefusals(result: FixResult, after: AuditedFile): ShownRefusal[] {
  const placeOf = placeFinder(parsed(after).text);
  return result.refused.map(({ rule, env, place, reason }) => ({
    rule,
    ...(env === null ? {} : { env: maskPatterns(env) }),
    ...placeOf(place.start),
    reason: maskPatterns(reason),
  }));
}

/** The real dry run, one environment after the other, each shown as soon as it is known. */
async function validate(io: CommandIo, file: AuditedFile): Promise<FixReport["validation"]> {
  const wrangler = await findWrangler(file.absolute);
  if (wrangler === null) {
    printNote(
      io,
      "no wrangler is installed in this project, so nothing was validated (npm install --save-dev wrangler)",
    );
    return null;
  }
  const color = paint(io);
  if (!io.json) {
    const whose = wrangler.from === "project" ? "this project's" : "the one TES came with";
    io.stdout(`wrangler deploy --dry-run  ${color.dim(`wrangler ${wrangler.version}, ${whose}`)}\n`);
  }
  const hidden = hiddenValues(parsed(file));
  const targets = targetsOf(file);
  const width = Math.max(...targets.map((env) => (env === null ? "top level" : `env.${env}`).length));
  const runs: DryRun[] = [];
  for (const env of targets) {
    const run = maskRun(await dryRun(wrangler, file.absolute, env), hidden);
    runs.push(run);
    if (!io.json) io.stdout(renderRun(run, width, color));
  }
  if (!io.json) io.stdout("\n");
  return { wrangler: { version: wrangler.version, from: wrangler.from }, runs };
}

/**
 * What can be deployed: the top level, as null, and every environment that can be named. A top level that lacks what a
 * deploy needs, beside environments that have it, is only there to be inherited from.
 */
function targetsOf(file: AuditedFile): (string | null)[] {
  const { root } = parsed(file);
  const envs = file.environments.filter((env) => env !== "");
  const deployable = entryOf(root, "name") !== undefined && entryOf(root, "main") !== undefined;
  return deployable || envs.length === 0 || isAssetsOnly(root) ? [null, ...envs] : envs;
}

function isAssetsOnly(root: ConfigNode): boolean {
  return entryOf(root, "name") !== undefined && entryOf(root, "assets") !== undefined;
}

/** wrangler quotes values in some of its messages. */
function maskRun(run: DryRun, hidden: readonly string[]): DryRun {
  const mask = (text: string): string => maskValues(text, hidden);
  return {
    ...run,
    env: run.env === null ? null : mask(run.env),
    warnings: run.warnings.map(mask),
    errors: run.errors.map(mask),
  };
}

function hiddenValues(config: ParsedConfig): string[] {
  const nodes = secretNodes(config, readWorkers(config.root));
  const values = nodes.flatMap((node) => [asString(node) ?? "", config.text.slice(node.start, node.end)]);
  // One to three characters are no secret, and hiding them everywhere would make a message unreadable.
  return values.filter((value) => value.length > 3);
}

function ending(io: CommandIo, after: AuditedFile, options: FixOptions, changed: boolean): string {
  const color = paint(io);
  const what = !changed ? "nothing to mend" : options.dryRun ? "nothing written (--dry-run)" : "written";
  const counts = countSeverities(after.findings);
  const left = counts.error + counts.warning;
  const rest =
    left === 0
      ? color.green("clean")
      : color.yellow(`${left} finding${left === 1 ? "" : "s"} left: tes config audit ${after.path}`);
  return `${color.bold(after.path)}  ${what}, ${rest}\n`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
