/** Writes structured fields (RFC 9651 section 4.1). The types and the reader are in structured-fields.ts. */

import { toBase64 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import type { BareItem, Dictionary, InnerList, Item, Parameters } from "./structured-fields.ts";

/** RFC 9651 section 3.3.1: at most 15 digits. */
const MAX_INTEGER = 999_999_999_999_999;

const KEY = /^[a-z*][a-z0-9_\-.*]*$/;
const TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*$/;

const malformed = (detail: string): TesError => new TesError("signature_malformed", { detail });

/** RFC 9651 section 4.1.6. @throws {TesError} `signature_malformed` for anything but printable ASCII */
export function serializeString(text: string): string {
  if (!/^[ -~]*$/.test(text)) throw malformed("A structured field string is printable ASCII.");
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function serializeBareItem(value: BareItem): string {
  if (typeof value === "string") return serializeString(value);
  if (typeof value === "boolean") return value ? "?1" : "?0";
  if (typeof value === "number") {
    if (!Number.isInteger(value) || Math.abs(value) > MAX_INTEGER) {
      throw malformed("A structured field integer has at most 15 digits.");
    }
    return String(value);
  }
  if (value instanceof Uint8Array) return `:${toBase64(value)}:`;
  if (!TOKEN.test(value.token)) throw malformed("This text cannot be a structured field token.");
  return value.token;
}

function serializeKey(key: string): string {
  if (!KEY.test(key)) throw malformed("This text cannot be a structured field key.");
  return key;
}

/** RFC 9651 section 4.1.1.2: `;name=value`, a true value by its name alone. */
export function serializeParameters(params: Parameters): string {
  let out = "";
  for (const [key, value] of params) {
    out += value === true ? `;${serializeKey(key)}` : `;${serializeKey(key)}=${serializeBareItem(value)}`;
  }
  return out;
}

export function serializeItem({ value, params }: Item): string {
  return serializeBareItem(value) + serializeParameters(params);
}

export function serializeInnerList({ items, params }: InnerList): string {
  return `(${items.map(serializeItem).join(" ")})${serializeParameters(params)}`;
}

/**
 * Writes a dictionary (RFC 9651 section 4.1.2).
 *
 * @throws {TesError} `signature_malformed` for a key or value that the format cannot carry
 * @example
 * serializeDictionary(new Map([["source", item(token("env"))]])); // "source=env"
 */
export function serializeDictionary(members: Dictionary): string {
  const parts: string[] = [];
  for (const [key, member] of members) {
    if ("items" in member) parts.push(`${serializeKey(key)}=${serializeInnerList(member)}`);
    else if (member.value === true) parts.push(serializeKey(key) + serializeParameters(member.params));
    else parts.push(`${serializeKey(key)}=${serializeItem(member)}`);
  }
  return parts.join(", ");
}
