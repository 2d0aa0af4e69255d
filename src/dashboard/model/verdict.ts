/** What a glance tells: proven by this browser, refused by it, not checked yet, being checked, or out of reach. */

import { ERRORS, type ErrorCode, TesError } from "../../client/index.ts";
import { visible } from "./words.ts";

export type Standing = "proven" | "refused" | "unchecked" | "checking" | "outage";

/** A check with what came of it. */
export interface Verdict {
  readonly standing: Standing;
  /** Why, for what was refused or is out of reach. */
  readonly error?: TesError;
  /** When it was checked, milliseconds. */
  readonly at?: number;
}

/** The word that stands beside each shape. */
export const WORDS: Readonly<Record<Standing, string>> = {
  proven: "Proven here",
  refused: "Refused",
  unchecked: "Not checked yet",
  checking: "Checking",
  outage: "Out of reach",
};

/** Findings of this browser: the answer, or the log, is not what the authority's keys vouch for. */
const REFUSED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "answer_expired",
  "answer_malformed",
  "authority_unproven",
  "checkpoint_inconsistent",
  "checkpoint_stale",
  "digest_mismatch",
  "epoch_invalid",
  "genesis_mismatch",
  "key_unknown",
  "note_invalid",
  "proof_invalid",
  "provenance_invalid",
  "signature_invalid",
  "signature_malformed",
  "statements_skipped",
]);

/** No answer, or one that nothing proves, which counts for as much. */
const OUTAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "answer_content_type",
  "answer_too_large",
  "answer_unsigned",
  "authority_unreachable",
  "signing_key_mismatch",
  "signing_key_missing",
]);

/** Who asks has to show, or show again, who they are. */
const SIGN_IN: ReadonlySet<string> = new Set([
  "csrf_refused",
  "session_expired",
  "session_missing",
  "token_expired",
  "token_invalid",
  "token_missing",
  "token_revoked",
]);

/** `answer`: the authority's own signed refusal, which is an answer like any other. */
export type Finding = "refused" | "outage" | "sign-in" | "answer";

export function findingOf(error: TesError): Finding {
  if (SIGN_IN.has(error.code)) return "sign-in";
  if (REFUSED.has(error.code)) return "refused";
  return OUTAGE.has(error.code) ? "outage" : "answer";
}

/** What a failed check comes to. */
export function verdictOf(error: TesError, at: number): Verdict {
  const finding = findingOf(error);
  return { standing: finding === "refused" ? "refused" : finding === "outage" ? "outage" : "unchecked", error, at };
}

/** The plain sentence for a refusal or an outage, without the detail. */
export function explain(error: TesError): string {
  switch (error.code) {
    case "digest_mismatch":
    case "signature_invalid":
      return "This answer was changed on the way, or the authority's keys did not sign it.";
    case "authority_unreachable":
      return "The authority did not answer.";
    case "answer_unsigned":
      return "Something answered, and nothing proves that it was the authority. That counts as an outage.";
    case "genesis_mismatch":
      if (error.facts?.given !== undefined)
        return "The link names another registry than this browser knows by that name.";
      return "This is not the registry that this browser knows under that name.";
    case "checkpoint_stale":
      return "The log is shorter than it was. Somebody set the authority back.";
    case "checkpoint_inconsistent":
      if (error.facts?.lost !== undefined)
        return "The registry was restored by somebody who did not know of all that this browser saw.";
      return "The log is not the one that this browser saw before. The authority forked or rewrote it.";
    case "key_unknown":
      return "The authority signs under other keys, and nothing that this browser could verify leads to them.";
    case "epoch_invalid":
      return "The registry is said to be restored, and the recovery key did not sign that.";
    default:
      return ERRORS[error.code].title;
  }
}

/** Any thrown value as one of ours. */
export function asTesError(thrown: unknown): TesError {
  return thrown instanceof TesError ? thrown : new TesError("internal", { cause: thrown });
}

/** What to do next. */
export const remedyOf = (error: TesError): string => ERRORS[error.code].remedy;

/** What exactly is wrong, and where: a sentence of its own, or nothing. */
export function detailOf({ detail = "", field = "" }: TesError): string {
  const text = visible(detail.trim());
  if (text === "") return "";
  const ended = /[.!?…)]$/u.test(text) ? text : `${text}.`;
  if (field !== "") return `At ${visible(field)}: ${ended}`;
  // A word of ours; a name of others stays as it is.
  return ended.replace(/^[a-z]+(?= )/, (word) => word[0]!.toUpperCase() + word.slice(1));
}

/** The whole of it: the sentence, the detail where there is one, and what to do next. */
export const tell = (error: TesError): string =>
  [explain(error), detailOf(error), remedyOf(error)].filter((part) => part !== "").join(" ");
