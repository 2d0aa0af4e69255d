import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Bytes,
  compareCodeUnits,
  concat,
  decodeUtf8,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from "../../../src/core/bytes.ts";

/** Each form: writer, strict reader, and what Node makes of the same bytes. */
const FORMS = {
  hex: [toHex, fromHex, (bytes) => Buffer.from(bytes).toString("hex")],
  base64: [toBase64, fromBase64, (bytes) => Buffer.from(bytes).toString("base64")],
  base64url: [toBase64Url, fromBase64Url, (bytes) => Buffer.from(bytes).toString("base64url")],
} as const satisfies Record<
  string,
  readonly [(bytes: Uint8Array) => string, (text: string) => Bytes | null, (bytes: Uint8Array) => string]
>;

describe.each(Object.entries(FORMS))("%s", (_, [write, read, node]) => {
  test("is what Node writes, and reads back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(write(bytes)).toBe(node(bytes));
        expect(read(write(bytes))).toEqual(new Uint8Array(bytes));
      }),
    );
  });

  test("has one text for one value: any other text is refused", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."AZaz019+/-_= \n%"), maxLength: 12 }), (text) => {
        const bytes = read(text);
        if (bytes !== null) expect(write(bytes)).toBe(write === toHex ? text.toLowerCase() : text);
      }),
      { numRuns: 2_000 },
    );
  });
});

test.each([
  ["fromHex", fromHex, ["a", "0x00", "g0", "00 ", " 00", "00\n", "０0"]],
  ["fromBase64", fromBase64, ["A", "AA", "AA=", "AB==", "A===", "====", "AA==\n", "A A=", "_w==", "AAAA=", "AA==AAAA"]],
  ["fromBase64Url", fromBase64Url, ["A", "AB", "AA==", "+w", "/w", "AA\n", "AAAAA", "AA=="]],
] as const)("%s refuses what is almost right", (_, read, texts) => {
  for (const text of texts) expect(read(text), JSON.stringify(text)).toBeNull();
  expect(read("")).toEqual(new Uint8Array(0));
});

test("long bytes survive base64: nothing here is limited by how many arguments a call takes", () => {
  const long = new Uint8Array(1_000_000).fill(0xfb);
  expect(equalBytes(fromBase64(toBase64(long))!, long)).toBe(true);
});

test("UTF-8 is read strictly, with its byte order mark", () => {
  expect(decodeUtf8(utf8("é😀\u0000"))).toBe("é😀\u0000");
  expect(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("\ufeffa");
  for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
    expect(() => decodeUtf8(Uint8Array.from(bad))).toThrow(TypeError);
  }
});

test("concat and equalBytes agree with what they say", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 8 })), fc.uint8Array({ maxLength: 8 }), (parts, other) => {
      const whole = concat(...parts);
      expect([...whole]).toEqual(parts.flatMap((part) => [...part]));
      expect(equalBytes(whole, other)).toBe(whole.join() === other.join() && whole.length === other.length);
      expect(equalBytes(whole, whole.slice())).toBe(true);
    }),
  );
});

test("texts are ordered by code unit, not by code point and not by locale", () => {
  // U+FB33 comes before U+1F600 by code point, and after its first surrogate (RFC 8785 section 3.2.3).
  expect(["\ufb33", "\u{1f600}", "z", "Z", "ä", "a"].sort(compareCodeUnits)).toEqual([
    "Z",
    "a",
    "z",
    "ä",
    "\u{1f600}",
    "\ufb33",
  ]);
  expect(compareCodeUnits("a", "a")).toBe(0);
});
