/** What an audit says: one finding per fault, with its place and its mend. */

/** error: the deploy fails, or a secret is exposed. warning: it deploys, but not what was meant. note: good to know. */
export type Severity = "error" | "warning" | "note";

export interface Finding {
  /** The rule's id, a key of RULES. */
  readonly rule: string;
  readonly severity: Severity;
  /** What is wrong here. Never holds a configured value that could be a secret. */
  readonly message: string;
  /** How to mend it. */
  readonly remedy: string;
  /** What wrangler or Cloudflare answers to it; `code` is the API's error code. */
  readonly cloudflare?: { readonly code?: number; readonly text: string };
  /** The path as it was given to the audit. */
  readonly file: string;
  /** 1-based. Columns count UTF-16 code units. */
  readonly line: number;
  readonly column: number;
  /** Where it ends; the column is the first one after it. */
  readonly endLine?: number;
  readonly endColumn?: number;
  /** The environment it is about; absent for the top level. */
  readonly env?: string;
}

/** How many findings of each severity there are. */
export function countSeverities(findings: readonly Finding[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { error: 0, warning: 0, note: 0 };
  for (const finding of findings) counts[finding.severity]++;
  return counts;
}
