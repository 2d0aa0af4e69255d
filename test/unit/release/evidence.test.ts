import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findEvidence, kindOf, kindOfBytes, readDocument, readTrustFile } from "../../../src/cli/release/evidence.ts";
import { RELEASE_DOCUMENT_TYPE } from "../../../src/client/release.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { MAX_ANSWER_BYTES } from "../../../src/core/limits.ts";
import { BUNDLE_TYPE } from "../../../src/core/sigstore.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-evidence-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const put = async (name: string, content: string) => {
  await writeFile(join(dir, name), content);
  return join(dir, name);
};

const DOCUMENT = JSON.stringify({ mediaType: RELEASE_DOCUMENT_TYPE, keys: {}, release: {} });
const BUNDLE = JSON.stringify({ mediaType: BUNDLE_TYPE });
const RECEIPT = JSON.stringify({ statement: {}, inclusion: {}, checkpoint: "" });
const DEEP = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;

describe("what a file is", () => {
  test.each([
    [DOCUMENT, "document"],
    [BUNDLE, "bundle"],
    [RECEIPT, "receipt"],
    ["{}", "artifact"],
    ["[]", "artifact"],
    ["", "artifact"],
    ["MZ\u0090", "artifact"],
    [` ${DOCUMENT}`, "artifact"],
    [DOCUMENT.replace('"keys"', '"mediaType":"x","keys"'), "artifact"],
    [DEEP, "artifact"],
  ])("%.40s is a %s", (text, kind) => expect(kindOfBytes(utf8(text))).toBe(kind));

  test("is an artifact where a document lies beside it, whatever it holds: nobody passes a proof off as the thing", async () => {
    await put("release.tes.json", DOCUMENT);
    expect(await kindOf(await put("app.json", DOCUMENT))).toBe("artifact");
    expect(await kindOf(join(dir, "release.tes.json"))).toBe("document");
    expect(await kindOf(await put("a.sigstore.json", BUNDLE))).toBe("bundle");
  });

  test("is an artifact when it is too large for anything else", async () => {
    expect(await kindOf(await put("a.json", DOCUMENT.padEnd(MAX_ANSWER_BYTES, " ")))).toBe("document");
    expect(await kindOf(await put("a.json", DOCUMENT.padEnd(MAX_ANSWER_BYTES + 1, " ")))).toBe("artifact");
  });
});

describe("hostile evidence gets its code", () => {
  test.each([
    ["nothing", ""],
    ["another type", DOCUMENT.replace("v1", "v2")],
    ["a part missing", JSON.stringify({ mediaType: RELEASE_DOCUMENT_TYPE, keys: {} })],
    ["depth", DEEP],
    ["one member twice", DOCUMENT.replace('"keys"', '"keys":1,"keys"')],
  ])("a document with %s", async (_, text) => {
    await expect(readDocument(await put("release.tes.json", text))).rejects.toMatchObject({
      code: "signature_file_invalid",
    });
  });

  test.each([
    ["nothing", "{}", "bundle_unsupported"],
    ["an old version", BUNDLE.replace("v0.3", "v0.2"), "bundle_unsupported"],
    ["a plain file's signature", BUNDLE.replace("}", ',"messageSignature":{}}'), "bundle_unsupported"],
    ["no entry", BUNDLE.replace("}", ',"verificationMaterial":{},"dsseEnvelope":{}}'), "bundle_invalid"],
    ["depth", DEEP, "bundle_invalid"],
    ["more than there can be", BUNDLE.padEnd(MAX_ANSWER_BYTES, " "), "file_unreadable"],
  ])("a bundle with %s", async (_, text, code) => {
    const found = findEvidence(await put("a.sigstore.json", text), null, null);
    await expect(found).rejects.toMatchObject({ code });
  });

  test("a broken bundle beside a file is named with what is wrong with it, and is not taken for none", async () => {
    const file = await put("app.tgz", "x");
    const found = () => findEvidence(file, "00", null);
    await expect(found()).rejects.toMatchObject({ code: "proof_missing" });
    await put("a.sigstore.json", "{}");
    await expect(found()).rejects.toMatchObject({
      code: "bundle_unsupported",
      detail: expect.stringContaining(join(dir, "a.sigstore.json")),
    });
    // What others made says less than what is cut off.
    await put("b.sigstore.json", BUNDLE.slice(0, -1));
    await expect(found()).rejects.toMatchObject({
      code: "bundle_invalid",
      detail: expect.stringMatching(
        /b\.sigstore\.json: .*json_invalid.* 1 more .*\nNothing else beside app\.tgz proves/,
      ),
    });
  });

  test("one that is too large is named, and not read", async () => {
    const file = await put("app.tgz", "x");
    await truncate(await put("a.sigstore.json", ""), 2 ** 40);
    await expect(findEvidence(file, "00", null)).rejects.toMatchObject({
      code: "file_unreadable",
      detail: expect.stringMatching(/a\.sigstore\.json: it has 1099511627776 bytes/),
    });
  });

  test.each([
    ["cut off", DOCUMENT.slice(0, -1), "signature_file_invalid", /release\.tes\.json is no whole release document/],
    [
      "too large",
      DOCUMENT.padEnd(MAX_ANSWER_BYTES + 1, " "),
      "file_unreadable",
      /release\.tes\.json: it has \d+ bytes/,
    ],
  ])("a document beside a file that is %s", async (_, text, code, said) => {
    const file = await put("app.tgz", "x");
    await put("release.tes.json", text);
    const detail = expect.stringMatching(said);
    await expect(findEvidence(file, "00", null)).rejects.toMatchObject({ code, detail });
  });

  test("what has the document's name and is none is there, and not missing", async () => {
    const file = await put("app.tgz", "x");
    await mkdir(join(dir, "release.tes.json"));
    await expect(findEvidence(file, "00", null)).rejects.toMatchObject({ code: "file_unreadable" });
    await rm(join(dir, "release.tes.json"), { recursive: true });
    await symlink("nowhere", join(dir, "release.tes.json"));
    await expect(findEvidence(file, "00", null)).rejects.toMatchObject({ code: "file_unreadable" });
  });

  test.each(["", "{}", '{"kind":"tes-trust-v2"}', DEEP])("a trust file of %.20j", async (text) => {
    await expect(readTrustFile(await put("t.json", text))).rejects.toMatchObject({ code: "file_unreadable" });
  });
});
