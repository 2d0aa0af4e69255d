/** RFC 8785: the one text for a JSON value, so that it can be hashed and signed. */

import { type Bytes, compareCodeUnits, utf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import type { JsonValue } from "./json.ts";

/**
 * The canonical text of a JSON value (RFC 8785, JCS).
 *
 * ECMAScript's own number and string forms are the ones RFC 8785 section 3.2.2 asks for; what it adds is the order of
 * keys by UTF-16 code units. Values that JSON cannot hold are refused, never dropped, as `JSON.stringify` would.
 *
 * @throws json_number for NaN and infinities, json_invalid for a lone surrogate, internal for anything that is not JSON
 * @example
 * canonicalize({ b: 1e2, a: [true] }); // '{"a":[true],"b":100}'
 */
export function canonicalize(value: JsonValue): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      if (!Number.isFinite(value)) throw new TesError("json_number", { detail: "It is not finite." });
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return array(value);
      return object(value as Readonly<Record<string, JsonValue>>);
    default:
      throw new TesError("internal", { cause: new TypeError(`${typeof value} is not a JSON value`) });
  }
}

/** The UTF-8 bytes of {@link canonicalize}. */
export function canonicalBytes(value: JsonValue): Bytes {
  return utf8(canonicalize(value));
}

/**
 * Whether a text is the canonical one of the value that `JSON.parse` made of it. Asks the platform's own writer first,
 * which is several times faster, and right wherever keys already stand in order.
 */
export function isCanonical(text: string, value: JsonValue): boolean {
  return (JSON.stringify(value) === text && isOrdered(value)) || canonicalize(value) === text;
}

function isOrdered(value: JsonValue): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isOrdered);
  let last = "";
  for (const key in value) {
    if (key < last || !key.isWellFormed() || !isOrdered((value as Readonly<Record<string, JsonValue>>)[key]!))
      return false;
    last = key;
  }
  return true;
}

function quote(text: string): string {
  if (!text.isWellFormed()) throw new TesError("json_invalid", { detail: "A text holds half a surrogate pair." });
  return JSON.stringify(text);
}

function array(values: readonly JsonValue[]): string {
  let out = "[";
  // By index: holes of a sparse array must be met, not skipped.
  for (let i = 0; i < values.length; i++) out += (i === 0 ? "" : ",") + canonicalize(values[i]!);
  return `${out}]`;
}

function object(members: Readonly<Record<string, JsonValue>>): string {
  const prototype = Object.getPrototypeOf(members);
  // A Date, a Map or a Secret would come out as {}: only plain objects, of any realm.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TesError("internal", { cause: new TypeError("a class instance is not a JSON value") });
  }
  let out = "{";
  for (const key of Object.keys(members).sort(compareCodeUnits)) {
    out += `${out === "{" ? "" : ","}${quote(key)}:${canonicalize(members[key]!)}`;
  }
  return `${out}}`;
}
