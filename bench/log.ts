/** Statements of a long log, made rather than written: one entity, a patch at a time, as a client's bumps would be. */

import type { JsonValue } from "../src/core/json.ts";

export const LOG_ENTITY = "component:bench";
/** Of the declaration; each bump is a patch further. */
export const versionAt = (bumps: number): string => `0.1.${bumps}`;

/** When the log begins, in milliseconds; a statement a second. */
export const LOG_BEGIN = 1_700_000_000_000;

/** Canonical text (RFC 8785) of the bump that stands at `seq`, the one before it at `seq` − 1. */
export function bumpText(seq: number, registry = "default"): string {
  const [from, to] = [versionAt(seq - 2), versionAt(seq - 1)];
  const { key, request } = idempotencyAt(seq);
  return `{"at":${LOG_BEGIN + seq},"by":"bench","changes":[{"entity":"${LOG_ENTITY}","from":"${from}","to":"${to}"}],"entity":"${LOG_ENTITY}","idempotency":{"key":"${key}","request":"${request}"},"registry":"${registry}","scope":"patch","seq":${seq},"type":"version.bumped","v":1}`;
}

/** Hashes as long as real ones; no two writes have the same. */
export function idempotencyAt(seq: number): { readonly key: string; readonly request: string } {
  const hex = seq.toString(16).padStart(14, "0");
  return { key: hex.padStart(64, "a"), request: hex.padStart(64, "b") };
}

/** The declaration that stands at 1, just after the genesis. */
export const declarationAt1 = (registry = "default"): { readonly [member: string]: JsonValue } => ({
  at: LOG_BEGIN + 1,
  by: "bench",
  entity: LOG_ENTITY,
  files: [],
  parent: null,
  registry,
  seq: 1,
  strategy: "independent",
  type: "entity.declared",
  v: 1,
  version: versionAt(0),
});
