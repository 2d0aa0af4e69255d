/** From JSON to checked values: one place that turns a failed schema into a TesError. */
import * as v from "valibot";
import { type ErrorCode, TesError } from "../core/errors.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";

/** Characters of foreign input that one error may show. */
const MAX_ECHO_CHARS = 64;

/** Foreign text for an error: quoted, everything outside visible ASCII replaced, cut to 64 characters of input. */
export function clip(text: string): string {
  const shown = text.slice(0, MAX_ECHO_CHARS).replaceAll(/[^\x20-\x7e]/g, "?");
  return text.length > MAX_ECHO_CHARS ? `"${shown}"…` : `"${shown}"`;
}

/**
 * Checks a value against a schema and returns what the schema types.
 *
 * @param at - JSON pointer of the value in what the caller sent; errors name fields below it.
 * @throws `code` (invalid_field unless given) with `field` as a JSON pointer (RFC 6901) and a detail that echoes at
 * most 64 characters of input.
 */
export function parseWith<S extends v.GenericSchema>(
  schema: S,
  value: JsonValue,
  code: ErrorCode = "invalid_field",
  at = "",
): v.InferOutput<S> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const keys = issue.path?.map((item) => String(item.key)) ?? [];
  throw new TesError(code, { detail: detailOf(issue, keys.at(-1)), field: at + pointer(keys) });
}

/** RFC 6901. Keys are the sender's, so each is cut. */
function pointer(keys: readonly string[]): string {
  return keys
    .map((key) => key.slice(0, MAX_ECHO_CHARS).replaceAll(/[^\x20-\x7e]/g, "?"))
    .map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    .join("");
}

/** valibot's own messages echo the input whole, so only its kinds are used, and messages of ours. */
function detailOf(issue: v.BaseIssue<unknown>, key: string | undefined): string {
  if (issue.type === "strict_object" && issue.expected === "never") return `unknown member ${clip(key ?? "")}`;
  if (issue.path?.at(-1)?.origin === "key") return "this member is required";
  if (issue.kind === "validation") return issue.message;
  const echo = typeof issue.input === "string" ? `, not ${clip(issue.input)}` : "";
  return `expected ${issue.expected ?? "another value"}${echo}`;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
