/** The execution log of `tes lock` (docs/formats.md, Execution log). Nothing in it is a secret. */

import * as v from "valibot";
import { canonicalBytes } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { parseWith } from "./parse.ts";

export const LOG_FORMAT = "tes-execution-log-v1";

const Command = v.object({ command: v.string(), exit: v.number(), ms: v.number() });
const FileSum = v.object({ path: v.string(), before: v.nullable(v.string()), after: v.string() });
const Phase = v.object({
  name: v.string(),
  result: v.string(),
  at: v.string(),
  ms: v.number(),
  commands: v.array(Command),
  files: v.array(FileSum),
  findings: v.array(v.string()),
});
const ExecutionLog = v.object({
  format: v.literal(LOG_FORMAT),
  status: v.picklist(["running", "complete"]),
  target: v.object({ config: v.string(), env: v.string(), worker: v.string(), url: v.string(), registry: v.string() }),
  tools: v.object({ tes: v.string(), runtime: v.string(), wrangler: v.string() }),
  started: v.string(),
  phases: v.array(Phase),
  /** What the Worker proved: the keyid of its key, and where it has it from. */
  key: v.nullable(v.object({ keyid: v.string(), slot: v.string(), source: v.string(), kept: v.string() })),
  genesis: v.nullable(v.string()),
  recovery: v.nullable(v.string()),
  bump: v.nullable(v.object({ entity: v.string(), answer: v.string(), provenance: v.string() })),
  risks: v.array(v.string()),
  /** SHA-256 of the JCS of everything else. */
  digest: v.string(),
});
export type ExecutionLog = v.InferOutput<typeof ExecutionLog>;
export type PhaseLog = v.InferOutput<typeof Phase>;

/** @throws {TesError} `log_altered` */
export function parseExecutionLog(json: JsonValue): ExecutionLog {
  return parseWith(ExecutionLog, json, "log_altered");
}

/** SHA-256 of the JCS of everything but the digest itself, hex. */
export function executionLogDigest({ digest: _, ...body }: Omit<ExecutionLog, "digest"> & { digest?: string }): string {
  return sha256Hex(canonicalBytes(body as JsonValue));
}

/**
 * Reads the JSON of a log and checks its digest.
 *
 * @throws {TesError} `log_altered`, and what {@link parseJson} throws
 */
export function readExecutionLog(bytes: Uint8Array): ExecutionLog {
  const log = parseExecutionLog(parseJson(bytes));
  if (log.digest !== executionLogDigest(log)) {
    throw new TesError("log_altered", { detail: "It does not have the digest that it names." });
  }
  return log;
}
