import { bundleFromJSON, bundleToJSON } from "@sigstore/bundle";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { fromBase64, toBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { signCheckpoint } from "../../../src/core/checkpoint.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import {
  MAX_ATTESTATION_BYTES,
  MAX_BUNDLE_BYTES,
  MAX_JSON_DEPTH,
  MAX_STATEMENT_BYTES,
} from "../../../src/core/limits.ts";
import { logOf } from "../../../src/core/sigstore.ts";
import { type OpenedBundle, parseBundle } from "../../../src/core/sigstore-bundle.ts";
import { flipBit } from "../../verifiers/bits.ts";
import { BUNDLE_ORIGIN, makeBundle } from "./bundles.ts";
import { refusalOf } from "./refusal.ts";

type Loose = ReturnType<typeof JSON.parse>;
const ENTRY = "verificationMaterial.tlogEntries.0";
const PROOF = `${ENTRY}.inclusionProof`;

let made: Awaited<ReturnType<typeof makeBundle>>;
let text: string;
let opened: OpenedBundle;
beforeAll(async () => {
  made = await makeBundle();
  text = JSON.stringify(made.bundle);
  opened = parseBundle(utf8(text));
});

/** The bundle with what stands at a path of members changed; undefined takes it away. */
function bent(path: string, change: (value: Loose) => unknown): string {
  const bundle = JSON.parse(text) as Loose;
  const members = path.split(".");
  const last = members.pop()!;
  const owner = members.reduce((value, member) => value[member], bundle);
  const changed = change(owner[last]);
  if (changed === undefined) delete owner[last];
  else owner[last] = changed;
  return JSON.stringify(bundle);
}
const codeOf = (bundle: string) => refusalOf(() => parseBundle(utf8(bundle)));
const bit = (at: number) => (base64: string) => toBase64(flipBit(fromBase64(base64)!, at));

test("is read back into what it was made of", () => {
  const { statement, payload, payloadType, ada, log, checkpoint } = made;
  expect(opened).toMatchObject({
    signer: ada.kid,
    publicKey: ada.raw,
    origin: BUNDLE_ORIGIN,
    logId: toHex(logOf({ origin: BUNDLE_ORIGIN, publicKey: log.raw, from: 0 }).logId),
    integratedTime: 1_800_000_000,
    envelope: { payloadType, payload, signatures: [{ keyid: ada.kid }] },
    receipt: { statement, inclusion: { index: 2, size: 5 }, checkpoint },
  });
  expect(opened.receipt.inclusion.proof).toHaveLength(3);
});

test("as Sigstore's own library writes it, is the same", () => {
  expect(parseBundle(utf8(JSON.stringify(bundleToJSON(bundleFromJSON(JSON.parse(text))))))).toEqual(opened);
  expect(parseBundle(utf8(JSON.stringify(JSON.parse(text), null, 2)))).toEqual(opened);
});

test("with any bit changed is refused, or says the same of what was published", () => {
  const bytes = utf8(text);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8 * bytes.length - 1 }), (at) => {
      let read: OpenedBundle;
      try {
        read = parseBundle(flipBit(bytes, at));
      } catch (thrown) {
        expect(["bundle_invalid", "bundle_unsupported"]).toContain((thrown as { code: string }).code);
        return;
      }
      // Signatures of the log, and the rest of its id, hold by the log's key alone.
      const { checkpoint: _note, ...receipt } = read.receipt;
      const { checkpoint: _ours, ...same } = opened.receipt;
      expect([receipt, read.envelope, read.signer, read.publicKey]).toEqual([
        same,
        opened.envelope,
        opened.signer,
        opened.publicKey,
      ]);
    }),
    { numRuns: 1_500 },
  );
});

describe("of another kind is not read", () => {
  test.each<[string, () => string]>([
    ["version 0.1", () => bent("mediaType", () => "application/vnd.dev.sigstore.bundle+json;version=0.1")],
    ["version 0.4", () => bent("mediaType", (type) => type.replace("v0.3", "v0.4"))],
    ["another media type", () => bent("mediaType", () => "application/json")],
    ["none", () => bent("mediaType", () => undefined)],
    ["a signature of a plain file", () => bent("messageSignature", () => ({ signature: "AA==" }))],
    ["a certificate", () => bent("verificationMaterial.certificate", () => ({ rawBytes: "AA==" }))],
    ["a chain", () => bent("verificationMaterial.x509CertificateChain", () => ({ certificates: [] }))],
    ["others' timestamps", () => bent("verificationMaterial.timestampVerificationData", () => ({}))],
    ["an entry of kind dsse", () => bent(`${ENTRY}.kindVersion.kind`, () => "dsse")],
    ["hashedrekord 0.0.1", () => bent(`${ENTRY}.kindVersion.version`, () => "0.0.1")],
  ])("%s", (_, make) => {
    expect(codeOf(make())).toBe("bundle_unsupported");
  });
});

describe("is refused with", () => {
  test.each<[string, () => string]>([
    ["nothing", () => ""],
    ["no JSON", () => "{"],
    ["a list", () => "[]"],
    ["null", () => "null"],
    ["bytes after its end", () => `${text}x`],
    ["two documents", () => text + text],
    ["a byte order mark", () => `\ufeff${text}`],
    ["a member twice", () => text.replace('"dsseEnvelope"', '"mediaType":"application/json","dsseEnvelope"')],
    ["one twice deep inside", () => text.replace('"treeSize"', '"treeSize":"5","treeSize"')],
    ["an unknown member", () => bent("more", () => 1)],
    ["an unknown member inside", () => bent(`${PROOF}.more`, () => 1)],
    ["no envelope", () => bent("dsseEnvelope", () => undefined)],
    ["no material", () => bent("verificationMaterial", () => undefined)],
    ["a list as material", () => bent("verificationMaterial", () => [])],
    ["a text as material", () => bent("verificationMaterial", () => "x")],
    ["several signatures", () => bent("dsseEnvelope.signatures", ([one]) => [one, one])],
    ["no signature", () => bent("dsseEnvelope.signatures", () => [])],
    ["a short signature", () => bent("dsseEnvelope.signatures.0.sig", () => "AA==")],
    ["another key's name on it", () => bent("dsseEnvelope.signatures.0.keyid", () => "x")],
    ["another hint", () => bent("verificationMaterial.publicKey.hint", () => "x")],
    ["several entries", () => bent("verificationMaterial.tlogEntries", ([one]) => [one, one])],
    ["no entry", () => bent("verificationMaterial.tlogEntries", () => [])],
    ["an entry that is none", () => bent(ENTRY, () => null)],
    ["no promise", () => bent(`${ENTRY}.inclusionPromise`, () => undefined)],
    ["no proof", () => bent(PROOF, () => undefined)],
    ["a bit of the payload", () => bent("dsseEnvelope.payload", bit(20))],
    ["another payload type", () => bent("dsseEnvelope.payloadType", (type) => `${type}x`)],
    ["a bit of the signature", () => bent("dsseEnvelope.signatures.0.sig", bit(20))],
    ["a bit of the proof", () => bent(`${PROOF}.hashes.1`, bit(20))],
    ["a bit of the root", () => bent(`${PROOF}.rootHash`, bit(20))],
    ["another size", () => bent(`${PROOF}.treeSize`, () => "6")],
    ["another place", () => bent(`${PROOF}.logIndex`, () => "3")],
    ["another index", () => bent(`${ENTRY}.logIndex`, () => "3")],
    ["a number for a string", () => bent(`${ENTRY}.logIndex`, () => 2)],
    ["a sign", () => bent(`${ENTRY}.logIndex`, () => "+2")],
    ["a leading zero", () => bent(`${PROOF}.treeSize`, () => "05")],
    ["a size beyond 2^53", () => bent(`${PROOF}.treeSize`, () => "9007199254740993")],
    ["another second", () => bent(`${ENTRY}.integratedTime`, () => "1800000001")],
    ["another log id", () => bent(`${ENTRY}.logId.keyId`, bit(3))],
    ["a long log id", () => bent(`${ENTRY}.logId.keyId`, () => "AA==")],
    ["65 hashes", () => bent(`${PROOF}.hashes`, ([one]) => Array(65).fill(one))],
    ["white space in base64", () => bent("dsseEnvelope.payload", (payload) => `${payload}\n`)],
    [
      "base64url",
      () => bent(`${ENTRY}.logId.keyId`, (id) => id.replaceAll("+", "-").replaceAll("/", "_").replace("=", "")),
    ],
    ["another origin", () => bent(`${PROOF}.checkpoint.envelope`, (note) => note.replace("tes.local", "tes.locam"))],
    [
      "two signatures under the checkpoint",
      () => bent(`${PROOF}.checkpoint.envelope`, (note) => `${note}${note.split("\n").at(-2)}\n`),
    ],
    ["no checkpoint", () => bent(`${PROOF}.checkpoint.envelope`, () => "")],
    ["a statement that is not canonical", () => bent(`${ENTRY}.canonicalizedBody`, (body) => btoa(` ${atob(body)}`))],
    ["a statement that is none", () => bent(`${ENTRY}.canonicalizedBody`, () => btoa("[]"))],
    [
      "another statement",
      () => bent(`${ENTRY}.canonicalizedBody`, (body) => btoa(atob(body).replace("nobody", "anybod"))),
    ],
  ])("%s", (_, make) => {
    expect(codeOf(make())).toBe("bundle_invalid");
  });

  test("a statement that is well in the log, and speaks of another envelope", async () => {
    const spec = (change: (data: Loose) => void): JsonObject => {
      const copy = structuredClone(made.statement.spec) as Loose;
      change(copy.hashedRekordV002);
      return { spec: copy };
    };
    const others: JsonObject[] = [
      spec(({ data }) => void Object.assign(data, { digest: bit(9)(data.digest) })),
      spec(({ data }) => void Object.assign(data, { algorithm: "SHA2_512" })),
      spec(({ signature }) => void Object.assign(signature.verifier, { keyDetails: "PKIX_ECDSA_P256_SHA_256" })),
      spec(
        ({ signature: { verifier } }) =>
          void Object.assign(verifier.publicKey, { rawBytes: bit(9)(verifier.publicKey.rawBytes) }),
      ),
      spec(
        ({ signature: { verifier } }) =>
          void Object.assign(verifier.publicKey, { rawBytes: bit(200)(verifier.publicKey.rawBytes) }),
      ),
      { kind: "dsse" },
      { apiVersion: "0.0.1" },
      { spec: { ...made.statement.spec, more: 1 } },
      { seq: 3 },
      { at: 1_800_000_001_000 },
    ];
    for (const change of others) {
      const { bundle } = await makeBundle(undefined, change);
      // What createBundle takes over from the statement stays as it was in the good one.
      const { verificationMaterial } = JSON.parse(text) as Loose;
      const entry = bundle.verificationMaterial.tlogEntries[0]!;
      const { logIndex, integratedTime } = verificationMaterial.tlogEntries[0];
      const fixed = {
        ...bundle,
        verificationMaterial: { ...bundle.verificationMaterial, tlogEntries: [{ ...entry, logIndex, integratedTime }] },
      };
      expect(codeOf(JSON.stringify(fixed)), JSON.stringify(change)).toBe("bundle_invalid");
    }
  });
});

test("a statement that is well in the log, and not canonical, is refused", async () => {
  expect(codeOf(JSON.stringify((await makeBundle()).bundle))).toBe("accepted");
  expect(codeOf(JSON.stringify((await makeBundle(undefined, {}, " ")).bundle))).toBe("bundle_invalid");
});

test("a statement of another signer than envelope and key is refused", async () => {
  const { bundle } = await makeBundle(undefined, { signer: "somebody else" });
  bundle.verificationMaterial.publicKey.hint = made.ada.kid;
  bundle.dsseEnvelope.signatures[0]!.keyid = made.ada.kid;
  expect(codeOf(JSON.stringify(bundle))).toBe("bundle_invalid");
});

test("a checkpoint of the log with another root at that size is refused", async () => {
  const root = new Uint8Array(32).fill(7);
  const note = await signCheckpoint({ origin: BUNDLE_ORIGIN, size: 5, root }, made.log);
  expect(codeOf(bent(`${PROOF}.checkpoint.envelope`, () => note))).toBe("bundle_invalid");
});

describe("limits", () => {
  test("the largest payload that is published fits, and no bundle is longer than MAX_BUNDLE_BYTES", async () => {
    const { bundle } = await makeBundle("x".repeat(MAX_ATTESTATION_BYTES));
    const largest = JSON.stringify(bundle);
    expect(parseBundle(utf8(largest)).envelope.payload).toHaveLength(MAX_ATTESTATION_BYTES);
    // Beside the longest statement too, as base64.
    expect(largest.length + (MAX_STATEMENT_BYTES * 4) / 3 + 64 * 48).toBeLessThan(MAX_BUNDLE_BYTES);
    const padded = text + " ".repeat(MAX_BUNDLE_BYTES - utf8(text).length);
    expect(parseBundle(utf8(padded))).toEqual(opened);
    expect(codeOf(`${padded} `)).toBe("bundle_invalid");
  });

  test("nesting is bounded before anything else is looked at", () => {
    const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    expect(codeOf(nested(MAX_JSON_DEPTH + 1))).toBe("bundle_invalid");
    expect(codeOf(nested(200_000))).toBe("bundle_invalid");
    expect(codeOf(`{"a":`.repeat(100_000))).toBe("bundle_invalid");
  });

  test("a statement longer than any of ours is refused", async () => {
    const of = async (length: number) => {
      const { statement } = await makeBundle(undefined, { pad: "" });
      const short = JSON.stringify(statement).length;
      const { bundle } = await makeBundle(undefined, { pad: "x".repeat(length - short) });
      return codeOf(JSON.stringify(bundle));
    };
    expect(await of(MAX_STATEMENT_BYTES)).toBe("accepted");
    expect(await of(MAX_STATEMENT_BYTES + 1)).toBe("bundle_invalid");
  });
});
