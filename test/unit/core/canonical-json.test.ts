import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHex, toHex, utf8 } from "../../../src/core/bytes.ts";
import { canonicalBytes, canonicalize } from "../../../src/core/canonical-json.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { Secret } from "../../../src/core/secret.ts";
import { refusalOf } from "./refusal.ts";

describe("RFC 8785", () => {
  // Section 3.2.2; JSON.parse, since our own reader refuses the 1E30 in it.
  it("the sample of section 3.2", () => {
    const sample = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`) as JsonValue;
    expect(toHex(canonicalBytes(sample))).toBe(
      `7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c 22 6e 75 6d 62 65 72
       73 22 3a 5b 33 33 33 33 33 33 33 33 33 2e 33 33 33 33 33 33 33 2c 31 65 2b 33 30 2c 34 2e 35 2c 30 2e 30 30 32
       2c 31 65 2d 32 37 5d 2c 22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c
       5c 5c 5c 22 2f 22 7d`.replaceAll(/\s/g, ""),
    );
  });

  it("the order of keys of section 3.2.3", () => {
    const sample = parseJson(
      utf8(String.raw`{
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
      }`),
    );
    const values = [...canonicalize(sample).matchAll(/:"([^"]*)"/g)].map(([, value]) => value);
    expect(values).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  // Appendix B.
  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("the number %s as %s", (bits, text) => {
    const value = new DataView(fromHex(bits)!.buffer).getFloat64(0);
    expect(canonicalize(value)).toBe(text);
    expect(canonicalize([{ n: value }])).toBe(`[{"n":${text}}]`);
  });

  // The samples of the author's test data.
  it.each([
    [
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
      '{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}',
    ],
    [
      String.raw`{"1":{"f":{"f":"hi","F":5},"\n":56.0},"10":{},"":"empty","a":{},"111":[{"e":"yes","E":"no"}],"A":{}}`,
      String.raw`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}`,
    ],
    ['{"Unnormalized Unicode":"A\u030a"}', '{"Unnormalized Unicode":"A\u030a"}'],
    ['[56,{"d":true,"10":null,"1":[]}]', '[56,{"1":[],"10":null,"d":true}]'],
    ['"\\u0008\\u0009\\u000a\\u000c\\u000d\\u0000\\u001F\\u007f\\/"', '"\\b\\t\\n\\f\\r\\u0000\\u001f\u007f/"'],
  ])("the text %s", (text, canonical) => {
    expect(canonicalize(parseJson(utf8(text)))).toBe(canonical);
  });
});

describe("canonicalize", () => {
  it("is undone by parseJson, and depends on the value only", () => {
    const plain = (value: unknown): boolean =>
      typeof value === "number"
        ? Math.abs(value) <= Number.MAX_SAFE_INTEGER && !Object.is(value, -0)
        : typeof value !== "object" ||
          value === null ||
          (!Object.hasOwn(value, "__proto__") && Object.values(value).every(plain));
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }).filter(plain), (sample) => {
        const value = sample as JsonValue;
        const text = canonicalize(value);
        expect(parseJson(utf8(text))).toStrictEqual(value);
        expect(canonicalize(backwards(value))).toBe(text);
        expect(canonicalize(parseJson(utf8(text)))).toBe(text);
      }),
    );
  });

  it("writes numbers as JSON.stringify does", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(canonicalize(value)).toBe(JSON.stringify(value));
        expect(Number(canonicalize(value))).toBe(value + 0);
      }),
    );
  });

  it.each([
    [Number.NaN, "json_number"],
    [Number.POSITIVE_INFINITY, "json_number"],
    [[Number.NEGATIVE_INFINITY], "json_number"],
    ["\ud800", "json_invalid"],
    [{ "\udc00": 1 }, "json_invalid"],
    [undefined, "internal"],
    [{ a: undefined }, "internal"],
    // biome-ignore lint/suspicious/noSparseArray: a hole must not become null
    [[1, , 2], "internal"],
    [1n, "internal"],
    [Symbol("a"), "internal"],
    [() => 1, "internal"],
    [new Date(0), "internal"],
    [new Map([["a", 1]]), "internal"],
    [new Uint8Array(2), "internal"],
    [{ key: new Secret("x") }, "internal"],
  ])("refuses %o with %s", (value, code) => {
    expect(refusalOf(() => canonicalize(value as JsonValue))).toBe(code);
  });
});

/** The same value with every object's keys inserted the other way round. */
function backwards(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(backwards);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, backwards(member)]),
  );
}
