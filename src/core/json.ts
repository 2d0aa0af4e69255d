/** RFC 8259 with nothing left open: one meaning for each text, or an error. */

import { decodeUtf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";
import { MAX_JSON_DEPTH } from "./limits.ts";

/** A value that JSON can hold. Arrays are not read-only here, so that `Array.isArray` narrows. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [member: string]: JsonValue;
}

interface Reader {
  readonly text: string;
  readonly maxDepth: number;
  at: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

// RFC 8259 section 6, anchored where the reader stands.
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const HEX_4 = /[0-9a-fA-F]{4}/y;

/**
 * Reads one JSON text (RFC 8259) strictly.
 *
 * Beyond the grammar it refuses what two readers could take differently: malformed UTF-8, a byte order mark, a repeated
 * key, `__proto__` as a key, an escaped surrogate without its other half, and numbers that JavaScript would change:
 * beyond ±(2^53 − 1), `-0`, and those so small that they would become 0. Other fractions take the nearest double.
 *
 * The caller bounds the length. `maxDepth` counts arrays and objects around a value and bounds the stack; keep it
 * under 1,000.
 *
 * @throws json_invalid, json_duplicate_key, json_depth, json_number
 * @example
 * parseJson(utf8('{"entity":"global:main"}')); // { entity: "global:main" }
 */
export function parseJson(bytes: Uint8Array, limits: { readonly maxDepth?: number } = {}): JsonValue {
  let text: string;
  try {
    text = decodeUtf8(bytes);
  } catch (cause) {
    throw new TesError("json_invalid", { detail: "The bytes are not UTF-8.", cause });
  }
  const reader: Reader = { text, maxDepth: limits.maxDepth ?? MAX_JSON_DEPTH, at: 0 };
  skipSpace(reader);
  const value = readValue(reader, 0);
  skipSpace(reader);
  if (reader.at !== text.length) throw invalid(reader);
  return value;
}

/** Never quotes the text: a body may hold a secret. */
function invalid(reader: Reader, what = "Unexpected text"): TesError {
  return new TesError("json_invalid", { detail: `${what} at character ${reader.at}.` });
}

function skipSpace(reader: Reader): void {
  const { text } = reader;
  for (;;) {
    const code = text.charCodeAt(reader.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    reader.at++;
  }
}

function readValue(reader: Reader, depth: number): JsonValue {
  switch (reader.text[reader.at]) {
    case '"':
      return readString(reader);
    case "{":
      return readObject(reader, enter(reader, depth));
    case "[":
      return readArray(reader, enter(reader, depth));
    case "t":
      return readWord(reader, "true", true);
    case "f":
      return readWord(reader, "false", false);
    case "n":
      return readWord(reader, "null", null);
    default:
      return readNumber(reader);
  }
}

function enter(reader: Reader, depth: number): number {
  if (depth === reader.maxDepth) {
    throw new TesError("json_depth", { detail: `More than ${reader.maxDepth} levels at character ${reader.at}.` });
  }
  reader.at++;
  skipSpace(reader);
  return depth + 1;
}

/** After a member: true at a comma, false at the end; leaves the reader before the next token. */
function hasNext(reader: Reader, close: number): boolean {
  skipSpace(reader);
  const code = reader.text.charCodeAt(reader.at);
  if (code !== COMMA && code !== close) throw invalid(reader);
  reader.at++;
  if (code === close) return false;
  skipSpace(reader);
  return true;
}

function readObject(reader: Reader, depth: number): JsonValue {
  const object: Record<string, JsonValue> = {};
  if (reader.text[reader.at] === "}") {
    reader.at++;
    return object;
  }
  do {
    if (reader.text.charCodeAt(reader.at) !== QUOTE) throw invalid(reader);
    const key = readString(reader);
    if (Object.hasOwn(object, key)) {
      throw new TesError("json_duplicate_key", { detail: `It ends at character ${reader.at}.` });
    }
    // Assigning it would set the prototype; every other name becomes an own property.
    if (key === "__proto__") throw invalid(reader, "A key that is not allowed ends");
    skipSpace(reader);
    if (reader.text[reader.at] !== ":") throw invalid(reader);
    reader.at++;
    skipSpace(reader);
    object[key] = readValue(reader, depth);
  } while (hasNext(reader, 0x7d));
  return object;
}

function readArray(reader: Reader, depth: number): JsonValue {
  const array: JsonValue[] = [];
  if (reader.text[reader.at] === "]") {
    reader.at++;
    return array;
  }
  do array.push(readValue(reader, depth));
  while (hasNext(reader, 0x5d));
  return array;
}

function readWord<T extends JsonValue>(reader: Reader, word: string, value: T): T {
  if (!reader.text.startsWith(word, reader.at)) throw invalid(reader);
  reader.at += word.length;
  return value;
}

function readNumber(reader: Reader): number {
  NUMBER.lastIndex = reader.at;
  const found = NUMBER.exec(reader.text);
  if (found === null) throw invalid(reader);
  const digits = found[0];
  const value = Number(digits);
  const lost = value === 0 && (digits.startsWith("-") || /^0?\.?0*[1-9]/.test(digits));
  if (lost || Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    throw new TesError("json_number", { detail: `At character ${reader.at}.` });
  }
  reader.at += digits.length;
  return value;
}

function readString(reader: Reader): string {
  const { text } = reader;
  let start = ++reader.at;
  let out = "";
  for (;;) {
    const code = text.charCodeAt(reader.at);
    if (code === QUOTE) {
      out += text.slice(start, reader.at++);
      return out;
    }
    if (code === BACKSLASH) {
      out += text.slice(start, reader.at) + readEscape(reader);
      start = reader.at;
    } else if (code >= 0x20) reader.at++;
    else throw invalid(reader, reader.at < text.length ? "A control character" : "The text ends inside a string");
  }
}

function readEscape(reader: Reader): string {
  const letter = reader.text[reader.at + 1] ?? "";
  if (letter !== "u") {
    const plain = ESCAPES[letter];
    if (plain === undefined) throw invalid(reader, "An unknown escape");
    reader.at += 2;
    return plain;
  }
  const unit = readUnit(reader);
  if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
  // RFC 8259 section 8.2 leaves lone surrogates open; UTF-8 cannot carry them, so nothing could sign them.
  const low = unit < 0xdc00 && reader.text.startsWith("\\u", reader.at) ? readUnit(reader) : 0;
  if (low < 0xdc00 || low > 0xdfff) throw invalid(reader, "Half a surrogate pair ends");
  return String.fromCharCode(unit, low);
}

function readUnit(reader: Reader): number {
  HEX_4.lastIndex = reader.at + 2;
  const found = HEX_4.exec(reader.text);
  if (found === null) throw invalid(reader, "An incomplete escape");
  reader.at += 6;
  return Number.parseInt(found[0], 16);
}
