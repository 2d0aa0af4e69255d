import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BareItem,
  type Dictionary,
  type InnerList,
  type Item,
  item,
  type Parameters,
  parseDictionary,
  parseItem,
  serializeDictionary,
  serializeItem,
  token,
} from "../../../src/core/structured-fields.ts";
import vectors from "../../vectors/structured-fields.json";

interface Vector {
  readonly name: string;
  readonly type: string;
  readonly raw: string;
  readonly canonical?: string;
  readonly fails?: boolean;
  readonly unsupported?: boolean;
  readonly mayFail?: boolean;
}

const malformed = expect.objectContaining({ code: "signature_malformed" });

function rewrite({ type, raw }: Vector): string {
  return type === "item"
    ? serializeItem(parseItem(raw, { repeated: "last" }))
    : serializeDictionary(parseDictionary(raw, { repeated: "last" }));
}

describe("the httpwg test suite", () => {
  const tests: readonly Vector[] = vectors.tests;
  const accepted = tests.filter(({ fails, unsupported, mayFail }) => !fails && !unsupported && !mayFail);
  const refused = tests.filter(({ fails, unsupported }) => fails || unsupported);

  test(`reads and rewrites ${accepted.length} fields`, () => {
    for (const vector of accepted) {
      expect(rewrite(vector), vector.name).toBe(vector.canonical ?? vector.raw);
    }
  });

  test(`refuses ${refused.length} fields that are malformed or of a type that is not read`, () => {
    for (const vector of refused) {
      expect(() => rewrite(vector), vector.name).toThrow(malformed);
    }
  });

  test("refuses or rewrites alike what it leaves open", () => {
    for (const vector of tests.filter(({ mayFail }) => mayFail)) {
      let written: string | undefined;
      try {
        written = rewrite(vector);
      } catch (error) {
        expect(error).toEqual(malformed);
      }
      if (written !== undefined) expect(written, vector.name).toBe(vector.canonical ?? vector.raw);
    }
  });
});

describe("a repeated key", () => {
  test.each([
    ["member", "a=1, b=2, a=3", "a=3, b=2"],
    ["parameter", "a;x=1;y;x=2", "a;x=2;y"],
    ["parameter of an inner list", "a=(1);x;x=?0", "a=(1);x=?0"],
    ["parameter inside an inner list", "a=(1;x;x=4)", "a=(1;x=4)"],
  ])("is refused as a %s, and the last wins where asked for", (_name, text, last) => {
    expect(() => parseDictionary(text)).toThrow(malformed);
    expect(serializeDictionary(parseDictionary(text, { repeated: "last" }))).toBe(last);
  });
});

test("reads what the signature fields hold", () => {
  const input = parseDictionary('tes=("@method";req "date");created=17;keyid="a\\"b";alg=x/y').get("tes") as InnerList;
  expect(input.items.map(({ value, params }) => [value, [...params]])).toEqual([
    ["@method", [["req", true]]],
    ["date", []],
  ]);
  expect([...input.params]).toEqual([
    ["created", 17],
    ["keyid", 'a"b'],
    ["alg", { token: "x/y" }],
  ]);
});

test.each(['a=("x""y")', 'a=("x"1)', 'a=("x"\t"y")', 'a=("x","y")', 'a=("x"', 'a=("x" ', "a=((1))"])(
  "refuses the inner list %s",
  (text) => {
    expect(() => parseDictionary(text)).toThrow(malformed);
  },
);

test("says where a field breaks and repeats none of it", () => {
  expect(() => parseDictionary('a="x", secret=§')).toThrow(
    expect.objectContaining({
      detail: "A structured field needs an integer, string, token, byte sequence or boolean at character 14.",
    }),
  );
});

test.each<[string, BareItem]>([
  ["a fraction", 1.5],
  ["16 digits", 1_000_000_000_000_000],
  ["not a number", Number.NaN],
  ["a line break in a string", "a\nb"],
  ["a string past ASCII", "ü"],
  ["a token with a space", token("a b")],
  ["a token that starts with a digit", token("1a")],
  ["an empty token", token("")],
])("does not write %s", (_name, value) => {
  expect(() => serializeItem(item(value))).toThrow(malformed);
});

test.each(["A", "1a", "", "a b", "ä"])("does not write the key %j", (key) => {
  expect(() => serializeDictionary(new Map([[key, item(1)]]))).toThrow(malformed);
});

describe("properties", () => {
  const key = fc.stringMatching(/^[a-z*][a-z0-9_\-.*]{0,8}$/);
  const bare: fc.Arbitrary<BareItem> = fc.oneof(
    fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 }),
    fc.stringMatching(/^[ -~]{0,12}$/),
    fc.boolean(),
    fc.stringMatching(/^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]{0,8}$/).map(token),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => new Uint8Array(bytes)),
  );
  const params: fc.Arbitrary<Parameters> = fc.array(fc.tuple(key, bare), { maxLength: 3 }).map((all) => new Map(all));
  const anyItem: fc.Arbitrary<Item> = fc.record({ value: bare, params });
  const list: fc.Arbitrary<InnerList> = fc.record({ items: fc.array(anyItem, { maxLength: 3 }), params });
  const dictionary: fc.Arbitrary<Dictionary> = fc
    .array(fc.tuple(key, fc.oneof(anyItem, list)), { maxLength: 4 })
    .map((all) => new Map(all));

  test("what is written reads as the same", () => {
    fc.assert(
      fc.property(dictionary, (members) => {
        expect(parseDictionary(serializeDictionary(members))).toEqual(members);
      }),
    );
  });

  test("any text is read into something that rewrites stably, or refused", () => {
    const alphabet = fc.constantFrom(...'ab1-.*"\\:;=,() \t?%@é');
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 16 }), (text) => {
        let once: string;
        try {
          once = serializeDictionary(parseDictionary(text));
        } catch (error) {
          expect(error).toEqual(malformed);
          return;
        }
        expect(serializeDictionary(parseDictionary(once))).toBe(once);
      }),
      { numRuns: 2_000 },
    );
  });
});
