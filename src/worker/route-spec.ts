/** What a route is, as data. */

import type { ErrorCode } from "../core/errors.ts";
import type { ANSWER_SCHEMAS } from "../protocol/answers.ts";
import type { REQUEST_SCHEMAS } from "../protocol/requests.ts";

/** A JSON answer's kind, or another media type: a signed note, OpenMetrics, lines of JSON, a WebSocket. */
export type AnswerKind = keyof typeof ANSWER_SCHEMAS | "note" | "metrics" | "lines" | "socket" | "bytes";

export interface RouteSpec {
  readonly method: "GET" | "POST";
  /** Below /v1/{registry}. */
  readonly path: string;
  /**
   * `open`: anyone. `read`: anyone on a public registry, scope `read` on a private one. `token`: any token. `session`: a
   * page's session, and no token. Otherwise the scope that a token needs.
   */
  readonly access:
    | "open"
    | "read"
    | "token"
    | "token:read"
    | "token:watch"
    | "session"
    | "admin"
    | "bump:<glob>"
    | "release:<glob>";
  readonly query: readonly string[];
  /** The body of a write, `lines` for a part of an export, `bytes` for a part of a file. */
  readonly request?: keyof typeof REQUEST_SCHEMAS | "lines" | "bytes";
  readonly answer: AnswerKind;
  /** 426: over HTTP alone this route has nothing to say. */
  readonly status?: 201 | 426;
  /** Whether the Worker may answer from memory for up to a second, on a public registry. */
  readonly cached: boolean;
  /** Whether it writes statements, and so needs an Idempotency-Key. */
  readonly writes: boolean;
  /** What it may refuse with, beside what every route may. */
  readonly codes: readonly ErrorCode[];
  /** Only the registry `default` has it. */
  readonly onlyDefault?: true;
  readonly summary: string;
}

type Plain = Pick<RouteSpec, "method" | "access" | "cached" | "writes">;
export const read: Plain = { method: "GET", access: "read", cached: true, writes: false };
export const adminRead: Plain = { method: "GET", access: "admin", cached: false, writes: false };
export const adminWrite: Plain = { method: "POST", access: "admin", cached: false, writes: true };
