/** `tes config audit` and `tes config fix`: any Worker's configuration, checked and mended offline. */

import { Command, Option } from "commander";
import { TesError } from "../../core/errors.ts";
import { TES_VERSION } from "../../protocol/version.ts";
import { countSeverities, type Finding } from "../config/finding.ts";
import { type AuditedFile, auditFile, findConfig } from "../config/load.ts";
import { RULES } from "../config/rules.ts";
import { maskPatterns } from "../config/secret-text.ts";
import { closest } from "../config/spelling.ts";
import { type CommandIo, paint, printJson, reportFinding } from "../output.ts";

interface AuditOptions {
  readonly sarif?: true;
  readonly format?: "text" | "json" | "sarif";
  readonly ignore?: readonly string[];
}

export function configCommand(io: CommandIo): Command {
  return new Command("config")
    .description("Check a Worker's wrangler configuration, and mend what has one right answer")
    .addCommand(auditCommand(io))
    .addCommand(fixCommand(io))
    .addHelpText("after", "\nExample:\n  $ tes config audit wrangler.toml");
}

function auditCommand(io: CommandIo): Command {
  return new Command("audit")
    .description("Report what a deploy would refuse or do wrong, in every environment, without the network")
    .argument("[files...]", "wrangler.toml, .json or .jsonc, or a folder (default: the file wrangler would read)")
    .option("--sarif", "SARIF 2.1.0 on stdout, for code scanning")
    .addOption(new Option("--format <format>", "how to report").choices(["text", "json", "sarif"]))
    .option("--ignore <rules>", "rules to leave out, comma separated; may be repeated", collectRules)
    .addHelpText("after", "\nExample:\n  $ tes config audit --ignore new-classes-kv\n\nThe rules: docs/config-rules.md")
    .action(async (files: string[], options: AuditOptions) => {
      const format = formatOf(io, options);
      const paths =
        files.length === 0 ? [findConfig(io.cwd, undefined)] : files.map((file) => findConfig(io.cwd, file));
      const audited = await Promise.all([...new Set(paths)].map((path) => auditFile(io.cwd, path)));
      const kept = audited.map((file) => ({ file, findings: without(file.findings, options.ignore ?? []) }));
      const findings = kept.flatMap((each) => each.findings);
      if (hasFault(findings)) reportFinding(io);
      if (format === "sarif") {
        const { toSarif } = await import("../config/sarif.ts");
        printJson(io, toSarif(findings, TES_VERSION));
      } else if (format === "json") {
        const seen = kept.map(({ file }) => ({ file: file.path, environments: file.environments.map(maskPatterns) }));
        printJson(io, { files: seen, counts: countSeverities(findings), findings });
      } else await printAudit(io, kept);
    });
}

async function printAudit(
  io: CommandIo,
  kept: readonly { readonly file: AuditedFile; readonly findings: readonly Finding[] }[],
): Promise<void> {
  const { renderFindings } = await import("../config/report.ts");
  const parts: string[] = [];
  for (const { file, findings } of kept) {
    const mendable = findings.some(
      ({ rule }) => Object.hasOwn(RULES, rule) && "fix" in RULES[rule as keyof typeof RULES],
    );
    const fixable = mendable ? (await import("../config/fix/mend-file.ts")).countMended(file, findings) : 0;
    parts.push(renderFindings(file, findings, paint(io), fixable));
  }
  io.stdout(parts.join("\n"));
}

function formatOf(io: CommandIo, options: AuditOptions): "text" | "json" | "sarif" {
  const asked = [...(io.json ? ["json"] : []), ...(options.sarif ? ["sarif"] : []), options.format ?? []].flat();
  const [format = "text"] = asked;
  if (asked.some((other) => other !== format)) {
    throw new TesError("usage", { detail: `One format at a time: ${asked.join(" and ")} were asked for.` });
  }
  return format as "text" | "json" | "sarif";
}

function collectRules(text: string, before: readonly string[] = []): string[] {
  const rules = text.split(",").map((rule) => rule.trim());
  for (const rule of rules) {
    if (Object.hasOwn(RULES, rule)) continue;
    const guess = closest(rule, Object.keys(RULES));
    const hint = guess === undefined ? "docs/config-rules.md lists them." : `Did you mean ${guess}?`;
    throw new TesError("usage", { detail: `There is no rule ${JSON.stringify(rule)}. ${hint}`, field: "--ignore" });
  }
  return [...before, ...rules];
}

function without(findings: readonly Finding[], ignored: readonly string[]): Finding[] {
  return findings.filter(({ rule }) => !ignored.includes(rule));
}

function hasFault(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity !== "note");
}

function fixCommand(io: CommandIo): Command {
  return new Command("fix")
    .description("Mend what has one right answer, and hold the result against the real wrangler")
    .argument("[file]", "wrangler.toml, .json or .jsonc, or a folder (default: the file wrangler would read)")
    .option("--dry-run", "show the changes and write nothing")
    .option("--no-validate", "do not run wrangler deploy --dry-run afterwards")
    .addHelpText("after", "\nExample:\n  $ tes config fix --dry-run")
    .action(async (file: string | undefined, options: { readonly dryRun?: true; readonly validate: boolean }) => {
      const { runFix } = await import("../config/fix/run.ts");
      await runFix(io, findConfig(io.cwd, file), { dryRun: options.dryRun === true, validate: options.validate });
    });
}
