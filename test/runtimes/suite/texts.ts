/** JSON, Merkle proofs and notes: what has to come out the same, byte by byte, in every engine. */

import { type Bytes, fromBase64, fromHex, toBase64Url, toHex, utf8 } from "../../../src/core/bytes.ts";
import { canonicalBytes, canonicalize } from "../../../src/core/canonical-json.ts";
import type { JsonValue } from "../../../src/core/json.ts";
import { importEd25519Public } from "../../../src/core/keys.ts";
import { verifyConsistency, verifyInclusion } from "../../../src/core/merkle.ts";
import { verifyNote } from "../../../src/core/notes.ts";
import probes from "../../vectors/core/rfc6962-proofs.json" with { type: "json" };
import notes from "../../vectors/notes.json" with { type: "json" };
import { equal, ok, refused } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

/** RFC 8785 section 3.2.3: keys in the order of their UTF-16 code units. */
const SORTED_KEYS = ["\r", "1", "\u0080", "ö", "€", "\u{1f600}", "\ufb33"];

/** RFC 8785 appendix B: the bits of a double, and how it is written. */
const NUMBERS: readonly [string, string][] = [
  ["8000000000000000", "0"],
  ["0000000000000001", "5e-324"],
  ["7fefffffffffffff", "1.7976931348623157e+308"],
  ["4340000000000000", "9007199254740992"],
  ["4430000000000000", "295147905179352830000"],
  ["44b52d02c7e14af5", "9.999999999999997e+22"],
  ["44b52d02c7e14af6", "1e+23"],
  ["44b52d02c7e14af7", "1.0000000000000001e+23"],
  ["444b1ae4d6e2ef4f", "999999999999999900000"],
  ["444b1ae4d6e2ef50", "1e+21"],
  ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
  ["3eb0c6f7a0b5ed8d", "0.000001"],
  ["41b3de4355555556", "333333333.3333334"],
];

const REFUSED: Readonly<Record<string, readonly (string | number[])[]>> = {
  json_invalid: [
    "",
    "[1,]",
    '{"a":1,}',
    "01",
    "+1",
    "1.",
    "NaN",
    "1 2",
    "\ufeff1",
    "\u00a01",
    '"\u0000"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '{"__proto__":1}',
    [0xff],
    [0x22, 0xc0, 0x80, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0xef, 0xbb, 0xbf, 0x31],
  ],
  json_number: ["9007199254740992", "1e999", "-0", "1e-400"],
  json_duplicate_key: ['{"a":1,"\\u0061":2}', '{"toString":1,"toString":2}'],
  json_depth: ["[".repeat(100_000)],
};

type InclusionRow = [string, number, number, string, string, string[], boolean];
type ConsistencyRow = [string, number, number, string, string, string[], boolean];

const bytes = (text: string): Bytes => fromBase64(text)!;

/** Whether a check lets something pass. */
function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

export function textsSuite({ test, client }: SuiteOptions): void {
  const { parseJson } = client;

  test("RFC 8785: the sample of section 3.2, byte by byte", () => {
    const sample: JsonValue = {
      numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 1e-27],
      string: "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    const wanted = `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA'B\\"\\\\\\\\\\"/"}`;
    equal(toHex(canonicalBytes(sample)), toHex(utf8(wanted)));
  });

  test("RFC 8785: keys in the order of their code units", () => {
    const unsorted = Object.fromEntries(SORTED_KEYS.toReversed().map((key) => [key, 1]));
    equal(Object.keys(parseJson(canonicalBytes(unsorted)) as object).filter((key) => key !== "1").length, 6);
    const written = [...canonicalize(unsorted).matchAll(/"((?:[^"\\]|\\.)*)":1/g)].map(([, key]) =>
      JSON.parse(`"${key}"`),
    );
    equal(written, SORTED_KEYS);
  });

  test("RFC 8785: the numbers of appendix B", () => {
    for (const [bits, text] of NUMBERS) {
      equal(canonicalize(new DataView(fromHex(bits)!.buffer).getFloat64(0)), text, bits);
    }
  });

  test("strict JSON: what two readers could take differently is refused", async () => {
    for (const [code, texts] of Object.entries(REFUSED)) {
      for (const text of texts) {
        const body = typeof text === "string" ? utf8(text) : Uint8Array.from(text);
        await refused(() => parseJson(body), code, JSON.stringify(text).slice(0, 40));
      }
    }
  });

  test("strict JSON: what is read is what JSON.parse reads", () => {
    const text = '{"a":[1,-2.5e3,0.1,"\\u20ac\\ud83d\\ude00\\n",true,null,{}],"constructor":{"b":9007199254740991}}';
    equal(parseJson(utf8(text)), JSON.parse(text));
  });

  test("RFC 6962: inclusion proofs, those that hold and those that do not", () => {
    for (const [name, index, size, leaf, root, proof, valid] of probes.inclusion as InclusionRow[]) {
      const claim = { leaf: bytes(leaf), index, size, root: bytes(root), proof: proof.map(bytes) };
      const strict = claim.leaf.length === 32 && claim.root.length === 32;
      equal(
        holds(() => verifyInclusion(claim)),
        valid && strict,
        name,
      );
    }
  });

  test("RFC 6962: consistency proofs, those that hold and those that do not", () => {
    let [accepted, rejected] = [0, 0];
    for (const [name, from, to, fromRoot, toRoot, proof, valid] of probes.consistency as ConsistencyRow[]) {
      const claim = { from, to, fromRoot: bytes(fromRoot), toRoot: bytes(toRoot), proof: proof.map(bytes) };
      const strict = claim.fromRoot.length === 32 && claim.toRoot.length === 32;
      const accepts = holds(() => verifyConsistency(claim));
      equal(accepts, valid && strict, name);
      if (accepts) accepted++;
      else rejected++;
    }
    ok(accepted > 3 && rejected > 50, `there are proofs of either kind: ${accepted} and ${rejected}`);
  });

  for (const { name, key, text, note } of notes.notes) {
    test(`signed note: ${name}`, async () => {
      const [keyName, , ...rest] = key.split("+");
      const raw = bytes(rest.join("+")).slice(1);
      const verifier = { name: keyName!, raw, publicKey: await importEd25519Public(toBase64Url(raw)) };
      equal((await verifyNote(note, [verifier])).text, text);
      await refused(verifyNote(note.replace(text[0]!, "\u0394"), [verifier]), "note_invalid");
    });
  }
}
