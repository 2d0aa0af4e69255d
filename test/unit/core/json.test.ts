import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, utf8 } from "../../../src/core/bytes.ts";
import { parseJson } from "../../../src/core/json.ts";
import { MAX_JSON_DEPTH } from "../../../src/core/limits.ts";
import { refusalOf } from "./refusal.ts";

const parse = (text: string, maxDepth?: number) => parseJson(utf8(text), maxDepth === undefined ? {} : { maxDepth });
const codeOf = (text: string) => refusalOf(() => parse(text));

/** Whether JavaScript could hold every number of a value without a change. */
const isPlain = (value: unknown): boolean => {
  if (typeof value === "number") return Math.abs(value) <= Number.MAX_SAFE_INTEGER && !Object.is(value, -0);
  if (typeof value !== "object" || value === null) return true;
  return !Object.hasOwn(value, "__proto__") && Object.values(value).every(isPlain);
};

describe("parseJson reads", () => {
  it.each([
    ["null", null],
    [" \t\r\n true \n", true],
    ["false", false],
    ['""', ""],
    ["0", 0],
    ["0.0", 0],
    ["0e5", 0],
    ["0.000e-1", 0],
    ["-1", -1],
    ["1.5e3", 1500],
    ["1E-2", 0.01],
    ["100e-2", 1],
    ["9007199254740991", 9007199254740991],
    ["-9007199254740991", -9007199254740991],
    ["5e-324", 5e-324],
    ["[]", []],
    ["[ ]", []],
    ["{ }", {}],
    ["[1 , 2]", [1, 2]],
    ['{"a" : {"b":[{}]} , "c":null}', { a: { b: [{}] }, c: null }],
    ['"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\/\b\f\n\r\t'],
    ['"\\u00e9\\uD83D\\ude00\\u0000"', "é😀\u0000"],
    ['"é😀\u007f\u2028"', "é😀\u007f\u2028"],
    ['"\ufeff"', "\ufeff"],
    ['{"":1}', { "": 1 }],
  ])("%j", (text, value) => {
    expect(parse(text)).toStrictEqual(value);
  });

  it("names of Object.prototype as ordinary members", () => {
    const value = parse('{"constructor":1,"toString":2,"hasOwnProperty":3}');
    expect(Object.entries(value as object)).toEqual([
      ["constructor", 1],
      ["toString", 2],
      ["hasOwnProperty", 3],
    ]);
  });

  it("what JSON.stringify writes, back to the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4, stringUnit: "binary" }).filter(isPlain), (value) => {
        expect(parse(JSON.stringify(value))).toStrictEqual(value);
      }),
    );
  });
});

describe("parseJson refuses", () => {
  it.each([
    "",
    " ",
    "nul",
    "nulll",
    "True",
    "undefined",
    "NaN",
    "Infinity",
    "-",
    "+1",
    "01",
    "[01]",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x10",
    "1_000",
    "1 2",
    "[",
    "]",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    "[1}",
    "{",
    "{]",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{"a" 1}',
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    '"',
    '"a',
    '"\\',
    '"\\"',
    '"\\x41"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\u 123"',
    '"a\nb"',
    '"\u0000"',
    '"\u001f"',
    "\u00a01",
    "\f1",
    "// a\n1",
    "1/**/",
    "\ufeff1",
    '"\\ud800"',
    '"\\ud800x"',
    '"\\ud800\\n"',
    '"\\ud800\\u0041"',
    '"\\ud800\\ud800"',
    '"\\udc00"',
    '"\\udc00\\ud800"',
    '{"__proto__":1}',
    '{"\\u005f_proto__":{"admin":true}}',
  ])("%j as json_invalid", (text) => {
    expect(codeOf(text)).toBe("json_invalid");
  });

  it.each([
    [[0xff]],
    [[0x22, 0xc0, 0x80, 0x22]],
    [[0x22, 0xed, 0xa0, 0x80, 0x22]],
    [[0x22, 0xe2, 0x82, 0x22]],
    [[0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    [[0xef, 0xbb, 0xbf, 0x31]],
  ])("bytes %j as json_invalid", (bytes) => {
    expect(refusalOf(() => parseJson(Uint8Array.from(bytes)))).toBe("json_invalid");
  });

  it.each([
    "9007199254740992",
    "-9007199254740992",
    "9007199254740993.0",
    "1e16",
    "1e999",
    "-1e999",
    "-0",
    "-0.0",
    "-0e1",
    "1e-400",
    "-1e-400",
    "0.01e-999",
    "[1,1e400]",
  ])("%j as json_number", (text) => {
    expect(codeOf(text)).toBe("json_number");
  });

  it.each(['{"a":1,"a":1}', '{"a":1,"b":2,"\\u0061":3}', '[{"x":{"":1,"":2}}]', '{"toString":1,"toString":2}'])(
    "%j as json_duplicate_key",
    (text) => {
      expect(codeOf(text)).toBe("json_duplicate_key");
    },
  );

  it("nesting past the limit, on both kinds, at once and without a deep stack", () => {
    const nest = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(codeOf(nest(MAX_JSON_DEPTH))).toBe("accepted");
    expect(codeOf(nest(MAX_JSON_DEPTH + 1))).toBe("json_depth");
    expect(codeOf('{"a":'.repeat(MAX_JSON_DEPTH + 1))).toBe("json_depth");
    expect(codeOf("[".repeat(1_000_000))).toBe("json_depth");
    expect(refusalOf(() => parse("[[]]", 1))).toBe("json_depth");
    expect(parse("1", 0)).toBe(1);
  });

  it("without quoting the text, which may hold a secret", () => {
    try {
      parse('{"token":"hunter2" oops}');
      expect.unreachable();
    } catch (thrown) {
      expect(String(thrown)).toMatch(/character 19/);
      expect(String(thrown)).not.toMatch(/hunter2|oops/);
    }
  });
});

describe("parseJson against JSON.parse", () => {
  const agree = (text: string) => {
    const code = codeOf(text);
    let other: unknown;
    try {
      other = JSON.parse(text);
    } catch {
      expect(code, text).not.toBe("accepted");
      return;
    }
    // Stricter, never laxer, and never another value.
    if (code === "accepted") expect(parse(text)).toStrictEqual(other);
    else expect(["json_duplicate_key", "json_number", "json_depth", "json_invalid"]).toContain(code);
  };

  it("agrees on texts made of JSON's own pieces", () => {
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"a"',
      '"b"',
      "1",
      "-",
      "0",
      ".5",
      "e1",
      "true",
      "null",
      " ",
      '"',
      "\\u0061",
      "\\",
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => agree(parts.join(""))),
      { numRuns: 5_000 },
    );
  });

  it("agrees on valid texts with one change", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 2 }), (text, where, patch) => {
        const at = where % (text.length + 1);
        agree(text);
        agree(text.slice(0, at) + patch + text.slice(at + 1));
      }),
      { numRuns: 1_000 },
    );
  });

  it("never fails otherwise than with one of its codes, on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        refusalOf(() => parseJson(bytes));
        refusalOf(() => parseJson(concat(utf8('{"a":"'), bytes, utf8('"}'))));
      }),
      { numRuns: 2_000 },
    );
  });
});
