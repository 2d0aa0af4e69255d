/**
 * The part of RFC 9651 (structured field values) that signatures, digests and provenance use: dictionaries of items and
 * inner lists, with parameters, over integers, strings, tokens, byte sequences and booleans.
 *
 * Strict: what the RFC calls a failure throws, and so do decimals, dates and display strings, which nothing here uses.
 */

import { type Bytes, fromBase64 } from "./bytes.ts";
import { TesError } from "./errors.ts";

export {
  serializeDictionary,
  serializeInnerList,
  serializeItem,
  serializeParameters,
  serializeString,
} from "./structured-fields-writer.ts";

/** A token (RFC 9651 section 3.3.4), apart from a string by its shape. */
export interface Token {
  readonly token: string;
}

/** An integer, string, boolean, token or byte sequence. */
export type BareItem = number | string | boolean | Token | Bytes;

/** Ordered: the order is part of what gets signed. */
export type Parameters = ReadonlyMap<string, BareItem>;

export interface Item {
  readonly value: BareItem;
  readonly params: Parameters;
}

export interface InnerList {
  readonly items: readonly Item[];
  readonly params: Parameters;
}

/** Ordered members by key. */
export type Dictionary = ReadonlyMap<string, Item | InnerList>;

export interface ParseOptions {
  /**
   * What a repeated key does. `refuse` (the default): RFC 9651 lets the last one win, but two parsers that disagree on
   * that would believe two different signatures, and nobody honest sends one twice. `last`: as the RFC has it.
   */
  readonly repeated?: "refuse" | "last";
}

const NO_PARAMETERS: Parameters = new Map();

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const TOKEN = /[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*/y;
const STRING = /"((?:[ !#-[\]-~]|\\["\\])*)"/y;
const NUMBER = /-?[0-9]{1,15}(?![0-9.])/y;
const BYTES = /:([A-Za-z0-9+/=]*):/y;
const SPACES = / */y;
const OPTIONAL_WHITE_SPACE = /[ \t]*/y;

const malformed = (detail: string): TesError => new TesError("signature_malformed", { detail });

export function token(text: string): Token {
  return { token: text };
}

export function item(value: BareItem, params: Parameters = NO_PARAMETERS): Item {
  return { value, params };
}

export function isInnerList(member: Item | InnerList): member is InnerList {
  return "items" in member;
}

/** Reads from left to right; each step either moves on or throws. */
interface Cursor {
  readonly text: string;
  at: number;
}

function take(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match !== null) cursor.at += match[0].length;
  return match;
}

function takeChar(cursor: Cursor, char: string): boolean {
  if (cursor.text[cursor.at] !== char) return false;
  cursor.at++;
  return true;
}

/** The failure at the cursor. Names the place, not the text: a field may be attacker's or secret. */
function fault(cursor: Cursor, expected: string): TesError {
  return malformed(`A structured field needs ${expected} at character ${cursor.at}.`);
}

function readKey(cursor: Cursor): string {
  const match = take(cursor, KEY);
  if (match === null) throw fault(cursor, "a key");
  return match[0];
}

function readBareItem(cursor: Cursor): BareItem {
  const first = cursor.text[cursor.at] ?? "";
  if (first === '"') {
    const match = take(cursor, STRING);
    if (match !== null) return match[1]!.replace(/\\(["\\])/g, "$1");
    throw fault(cursor, "a string of ASCII with \\ only before \\ or a quote, closed");
  }
  if (first === ":") {
    const match = take(cursor, BYTES);
    const bytes = match === null ? null : fromBase64(match[1]!);
    if (bytes !== null) return bytes;
    throw fault(cursor, "a byte sequence of padded base64, closed by a colon");
  }
  if (first === "?") {
    const value = cursor.text[cursor.at + 1];
    if (value !== "0" && value !== "1") throw fault(cursor, "?0 or ?1");
    cursor.at += 2;
    return value === "1";
  }
  if (first === "-" || (first >= "0" && first <= "9")) {
    const match = take(cursor, NUMBER);
    // `-0` is the integer zero; without the addition it would compare unequal to itself in Object.is.
    if (match !== null) return Number(match[0]) + 0;
    throw fault(cursor, "an integer of at most 15 digits");
  }
  const match = take(cursor, TOKEN);
  if (match === null) throw fault(cursor, "an integer, string, token, byte sequence or boolean");
  return token(match[0]);
}

function readParameters(cursor: Cursor, options: ParseOptions): Parameters {
  if (cursor.text[cursor.at] !== ";") return NO_PARAMETERS;
  const params = new Map<string, BareItem>();
  while (takeChar(cursor, ";")) {
    take(cursor, SPACES);
    const key = readKey(cursor);
    put(params, key, takeChar(cursor, "=") ? readBareItem(cursor) : true, options);
  }
  return params;
}

/** A repeated key, where it may be repeated, keeps its first place and takes the last value (section 4.2.2, note). */
function put<T>(map: Map<string, T>, key: string, value: T, options: ParseOptions): void {
  if (options.repeated !== "last" && map.has(key)) throw malformed("A structured field has the same key twice.");
  map.set(key, value);
}

function readItem(cursor: Cursor, options: ParseOptions): Item {
  const value = readBareItem(cursor);
  return { value, params: readParameters(cursor, options) };
}

function readMember(cursor: Cursor, options: ParseOptions): Item | InnerList {
  if (!takeChar(cursor, "(")) return readItem(cursor, options);
  const items: Item[] = [];
  for (;;) {
    take(cursor, SPACES);
    if (takeChar(cursor, ")")) return { items, params: readParameters(cursor, options) };
    items.push(readItem(cursor, options));
    const next = cursor.text[cursor.at];
    if (next !== " " && next !== ")") throw fault(cursor, "a space or the end of the inner list");
  }
}

/**
 * Reads a dictionary (RFC 9651 section 4.2.2). An empty text is the empty dictionary.
 *
 * @throws {TesError} `signature_malformed`
 * @example
 * parseDictionary("sha-256=:AA==:, n=1;p").get("n"); // { value: 1, params: Map { "p" => true } }
 */
export function parseDictionary(text: string, options: ParseOptions = {}): Dictionary {
  const cursor: Cursor = { text, at: 0 };
  const members = new Map<string, Item | InnerList>();
  take(cursor, SPACES);
  while (cursor.at < text.length) {
    const key = readKey(cursor);
    const member = takeChar(cursor, "=")
      ? readMember(cursor, options)
      : { value: true, params: readParameters(cursor, options) };
    put(members, key, member, options);
    take(cursor, OPTIONAL_WHITE_SPACE);
    if (cursor.at === text.length) break;
    if (!takeChar(cursor, ",")) throw fault(cursor, "a comma");
    take(cursor, OPTIONAL_WHITE_SPACE);
    if (cursor.at === text.length) throw fault(cursor, "a member after the comma");
  }
  return members;
}

/**
 * Reads one item with its parameters (RFC 9651 section 4.2.3).
 *
 * @throws {TesError} `signature_malformed`
 */
export function parseItem(text: string, options: ParseOptions = {}): Item {
  const cursor: Cursor = { text, at: 0 };
  take(cursor, SPACES);
  const parsed = readItem(cursor, options);
  take(cursor, SPACES);
  if (cursor.at !== text.length) throw fault(cursor, "the end");
  return parsed;
}
