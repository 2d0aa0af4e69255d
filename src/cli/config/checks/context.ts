/** What every check gets: the parsed configuration, its Workers, and a way to report. */

import type { Worker } from "../model.ts";
import type { ParsedConfig } from "../parse.ts";
import type { RuleId } from "../rules.ts";
import type { Span } from "../tree.ts";

export interface AuditContext {
  readonly config: ParsedConfig;
  readonly workers: readonly Worker[];
  /** Reports one finding; the same rule at the same place with the same message counts once. */
  report(rule: RuleId, place: Span, message: string, extra?: ReportExtra): void;
}

export interface ReportExtra {
  readonly env?: string | null;
  /** Replaces the rule's general remedy. */
  readonly remedy?: string;
  /** The class that stands for X in Cloudflare's answer. */
  readonly className?: string;
  /** Replaces the rule's general answer; null where wrangler and Cloudflare say nothing. */
  readonly answer?: string | null;
}

/** A name for messages: quoted, and cut where somebody put a novel. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);
}

/** "the top level" or `env.production`. */
export function shownEnv(env: string | null): string {
  return env === null ? "the top level" : `env.${env}`;
}
