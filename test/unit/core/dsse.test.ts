import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeUtf8, toBase64, utf8 } from "../../../src/core/bytes.ts";
import { type Envelope, pae, parseEnvelope } from "../../../src/core/dsse.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { MAX_ENVELOPE_SIGNATURES } from "../../../src/core/limits.ts";
import { refusalOf } from "./refusal.ts";

const SIGNATURE = { keyid: "ada", sig: toBase64(new Uint8Array(64).fill(7)) };
const ENVELOPE = { payloadType: "http://example.com/HelloWorld", payload: "aGVsbG8gd29ybGQ=", signatures: [SIGNATURE] };

const jsonOf = ({ payloadType, payload, signatures }: Envelope): JsonValue => ({
  payloadType,
  payload: toBase64(payload),
  signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: toBase64(sig) })),
});

describe("the pre-authentication encoding", () => {
  test("is the one of the specification's test vector (protocol.md)", () => {
    const { payloadType, payload } = parseEnvelope(ENVELOPE);
    expect(decodeUtf8(pae(payloadType, payload))).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  });

  test("counts bytes, not characters", () => {
    expect(decodeUtf8(pae("ü", utf8("€")))).toBe("DSSEv1 2 ü 3 €");
    expect(decodeUtf8(pae("", new Uint8Array()))).toBe("DSSEv1 0  0 ");
  });

  test("tells any two things apart, however they are cut", () => {
    const part = fc.string({ unit: fc.constantFrom("a", " ", "1", "2", "ü"), maxLength: 6 });
    fc.assert(
      fc.property(part, part, part, part, (type, payload, otherType, other) => {
        const same = type === otherType && payload === other;
        expect(toBase64(pae(type, utf8(payload))) === toBase64(pae(otherType, utf8(other)))).toBe(same);
      }),
      { numRuns: 1_000 },
    );
    // One string, cut in two places.
    expect(pae("a 1 b", utf8("c"))).not.toEqual(pae("a", utf8("b 1 c")));
  });
});

describe("an envelope", () => {
  test("is read as it was written", () => {
    const signature = fc.record({
      keyid: fc.string({ unit: "grapheme" }),
      sig: fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => Uint8Array.from(bytes)),
    });
    const envelope = fc.record({
      payloadType: fc.string({ unit: "grapheme" }),
      payload: fc.uint8Array().map((bytes) => Uint8Array.from(bytes)),
      signatures: fc.array(signature, { minLength: 1, maxLength: MAX_ENVELOPE_SIGNATURES }),
    });
    fc.assert(
      fc.property(envelope, (made) => {
        expect(parseEnvelope(parseJson(utf8(JSON.stringify(jsonOf(made)))))).toEqual(made);
      }),
      { numRuns: 200 },
    );
  });

  test("has 1 to MAX_ENVELOPE_SIGNATURES signatures", () => {
    const of = (count: number) =>
      refusalOf(() => parseEnvelope({ ...ENVELOPE, signatures: Array(count).fill(SIGNATURE) }));
    expect([of(1), of(MAX_ENVELOPE_SIGNATURES)]).toEqual(["accepted", "accepted"]);
    expect([of(0), of(MAX_ENVELOPE_SIGNATURES + 1), of(100_000)]).toEqual(Array(3).fill("envelope_invalid"));
  });

  test.each<[string, JsonValue]>([
    ["nothing", null],
    ["a list", [ENVELOPE]],
    ["a text", "x"],
    ["an unknown member", { ...ENVELOPE, certificate: "x" }],
    ["no type", { payload: ENVELOPE.payload, signatures: ENVELOPE.signatures }],
    ["a type that is no text", { ...ENVELOPE, payloadType: 1 }],
    ["no payload", { payloadType: "x", signatures: ENVELOPE.signatures }],
    ["a payload in base64url", { ...ENVELOPE, payload: "_-8" }],
    ["a payload without padding", { ...ENVELOPE, payload: "aGVsbG8gd29ybGQ" }],
    ["unused bits in base64", { ...ENVELOPE, payload: "aGVsbG8gd29ybGR=" }],
    ["white space in base64", { ...ENVELOPE, payload: "aGVs bG8gd29ybGQ=" }],
    ["a payload that is an object", { ...ENVELOPE, payload: {} }],
    ["no signatures", { payloadType: "x", payload: "" }],
    ["signatures that are no list", { ...ENVELOPE, signatures: { 0: SIGNATURE, length: 1 } }],
    ["a signature that is none", { ...ENVELOPE, signatures: [null] }],
    ["a signature with a certificate", { ...ENVELOPE, signatures: [{ ...SIGNATURE, cert: "x" }] }],
    ["a signature without a key's name", { ...ENVELOPE, signatures: [{ sig: SIGNATURE.sig }] }],
    ["an empty signature", { ...ENVELOPE, signatures: [{ keyid: "a", sig: "" }] }],
    ["63 bytes", { ...ENVELOPE, signatures: [{ keyid: "a", sig: toBase64(new Uint8Array(63)) }] }],
    ["65 bytes", { ...ENVELOPE, signatures: [{ keyid: "a", sig: toBase64(new Uint8Array(65)) }] }],
    ["an ECDSA signature", { ...ENVELOPE, signatures: [{ keyid: "a", sig: toBase64(new Uint8Array(70)) }] }],
  ])("of %s is none", (_, json) => {
    expect(refusalOf(() => parseEnvelope(json))).toBe("envelope_invalid");
  });
});
