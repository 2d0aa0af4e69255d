/** Findings as SARIF 2.1.0 (OASIS), which code scanning reads. */

import type { Finding, Severity } from "./finding.ts";
import { RULES, type RuleId, ruleOf } from "./rules.ts";

/** The levels of SARIF 2.1.0 section 3.27.10 that the severities are. */
const LEVELS: Readonly<Record<Severity, "error" | "warning" | "note">> = {
  error: "error",
  warning: "warning",
  note: "note",
};

/**
 * One SARIF log with one run. The test holds its type against the published one.
 *
 * @param version of TES
 */
export function toSarif(findings: readonly Finding[], version: string) {
  const ids = Object.keys(RULES) as RuleId[];
  return {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0" as const,
    runs: [
      {
        tool: { driver: { name: "tes config audit", semanticVersion: version, rules: ids.map(toRule) } },
        // Section 3.14.17: columns count what JavaScript counts.
        columnKind: "utf16CodeUnits" as const,
        results: findings.map((finding) => toResult(finding, ids.indexOf(finding.rule as RuleId))),
      },
    ],
  };
}

function toRule(id: RuleId) {
  const { severity, title, why, remedy } = ruleOf(id);
  return {
    id,
    shortDescription: { text: title },
    fullDescription: { text: `${title} ${why}` },
    help: { text: remedy },
    defaultConfiguration: { level: LEVELS[severity] },
  };
}

function toResult(finding: Finding, ruleIndex: number) {
  const { rule, severity, message, remedy, cloudflare, line, column, endLine, endColumn } = finding;
  const answer =
    cloudflare === undefined
      ? ""
      : ` Answer at deploy: ${cloudflare.code === undefined ? "" : `${cloudflare.code} `}${cloudflare.text}`;
  return {
    ruleId: rule,
    ruleIndex,
    level: LEVELS[severity],
    message: { text: `${message} ${remedy}${answer}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: toUri(finding.file) },
          region: {
            startLine: line,
            startColumn: column,
            ...(endLine === undefined || endColumn === undefined ? {} : { endLine, endColumn }),
          },
        },
        ...(finding.env === undefined ? {} : { logicalLocations: [{ name: `env.${finding.env}`, kind: "object" }] }),
      },
    ],
  };
}

/** RFC 3986: a relative reference for a relative path, a file URI for an absolute one. */
function toUri(path: string): string {
  const encoded = path
    .replaceAll("\\", "/")
    .split("/")
    .map((segment) => encodeURIComponent(segment))
    .join("/");
  if (/^[A-Za-z]%3A\//.test(encoded)) return `file:///${encoded.replace("%3A", ":")}`;
  return encoded.startsWith("/") ? `file://${encoded}` : encoded;
}
