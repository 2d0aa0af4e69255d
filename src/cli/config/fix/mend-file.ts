/** The fix of a file that was audited: what it would write, and what would be left. */

import type { ExportedClasses } from "../checks/classes.ts";
import type { Finding } from "../finding.ts";
import { type AuditedFile, readEntryPoints } from "../load.ts";
import { type FixResult, fixConfig } from "./fix.ts";

/** What the fix makes of a file. Nothing is written. */
export function mendFile(file: AuditedFile): FixResult {
  const exported: ExportedClasses = readEntryPoints(file.absolute, file.config);
  return fixConfig(file.path, file.text, exported);
}

/** How many of some findings a fix would mend. */
export function countMended(file: AuditedFile, findings: readonly Finding[]): number {
  const { done } = mendFile(file);
  // A first migration at the top level serves the environments that inherit it.
  return findings.filter(({ rule, env }) =>
    done.some(
      (mend) =>
        mend.rule === rule && (mend.env === (env ?? null) || (mend.rule === "lifecycle-missing" && mend.env === null)),
    ),
  ).length;
}
