/** What becomes of something thrown: an answer for the caller, and a line in the log for what nobody foresaw. */

import { type TesError, toTesError } from "../core/errors.ts";
import { createEvents } from "./events.ts";
import { type Saying, sayProblem } from "./sign-response.ts";

export interface Failures {
  /** What was thrown as one of ours; what nobody foresaw goes to the Worker's log, never to the caller. */
  report(thrown: unknown): TesError;
  /** The same, as an answer. */
  refuse(thrown: unknown): Saying;
}

export function createFailures(registry: () => string): Failures {
  const emit = createEvents((line) => console.error(line));
  const report = (thrown: unknown): TesError => {
    const error = toTesError(thrown);
    if (error.code === "internal") {
      const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : String(error.cause);
      const meta = { cause, ...(error.detail === undefined ? {} : { detail: error.detail }) };
      emit("object", "object.failed", { registry: registry(), meta });
    }
    return error;
  };
  return {
    report,
    refuse(thrown) {
      const error = report(thrown);
      const { allow, retryAfter } = error.facts ?? {};
      return sayProblem(error, {
        ...(typeof allow === "string" ? { allow } : {}),
        ...(typeof retryAfter === "number" ? { "retry-after": String(retryAfter) } : {}),
      });
    },
  };
}
