import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { fromBase64, toBase64, utf8 } from "../../../src/core/bytes.ts";
import {
  type Checkpoint,
  parseCheckpointBody,
  renderCheckpointBody,
  signCheckpoint,
  verifyCheckpoint,
} from "../../../src/core/checkpoint.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../../src/core/keys.ts";
import { MAX_LOG_SIZE } from "../../../src/core/limits.ts";
import { EMPTY_ROOT } from "../../../src/core/merkle.ts";
import { signNote } from "../../../src/core/notes.ts";
import { Secret } from "../../../src/core/secret.ts";
import vectors from "../../vectors/notes.json";
import { refusalOf, rejectionOf } from "./refusal.ts";

const ORIGIN = "tes.local/default";
const ROOT = sha256(utf8("root"));
const ROOT_TEXT = toBase64(ROOT);
const HEAD: Checkpoint = { origin: ORIGIN, size: 7, root: ROOT };

let log: Ed25519Pair;
let other: Ed25519Pair;

beforeAll(async () => {
  log = await importEd25519Seed(new Secret(sha256(utf8("log"))));
  other = await importEd25519Seed(new Secret(sha256(utf8("other"))));
});

const trusted = (origin = ORIGIN, pair = log) => ({ origin, publicKey: pair.publicKey, raw: pair.raw });

describe("the body", () => {
  test("is three lines", () => {
    expect(renderCheckpointBody(HEAD)).toBe(`${ORIGIN}\n7\n${ROOT_TEXT}\n`);
    expect(parseCheckpointBody(renderCheckpointBody(HEAD))).toEqual(HEAD);
    expect(renderCheckpointBody({ origin: ORIGIN, size: 0, root: EMPTY_ROOT })).toBe(
      "tes.local/default\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
    );
  });

  test("of others is read: the example of c2sp.org/tlog-checkpoint, and Go's checksum database", () => {
    const texts = [...vectors.notes, ...vectors.unverifiable].map(({ text }) => text);
    const heads = texts.filter((text) => refusalOf(() => parseCheckpointBody(text)) === "accepted");
    expect(heads.map(parseCheckpointBody).map(({ origin, size }) => [origin, size])).toEqual([
      ["go.sum database tree", 65_209_736],
      ["example.com/behind-the-sofa", 20_852_163],
    ]);
    for (const text of heads) expect(renderCheckpointBody(parseCheckpointBody(text))).toBe(text);
  });

  test("keeps the lines that others add", () => {
    const text = `a\n1\n${ROOT_TEXT}\nfirst\nsecond line\n`;
    const head = parseCheckpointBody(text);
    expect(head.extensions).toEqual(["first", "second line"]);
    expect(renderCheckpointBody(head)).toBe(text);
  });

  test.each<[string, string]>([
    ["empty", ""],
    ["of two lines", `a\n1\n`],
    ["whose last line does not end", `a\n1\n${ROOT_TEXT}`],
    ["without an origin", `\n1\n${ROOT_TEXT}\n`],
    ["with an empty line at the end", `a\n1\n${ROOT_TEXT}\n\n`],
    ["with an empty line among its extensions", `a\n1\n${ROOT_TEXT}\nx\n\ny\n`],
    ["with a zero before its size", `a\n01\n${ROOT_TEXT}\n`],
    ["with two zeros for a size", `a\n00\n${ROOT_TEXT}\n`],
    ["with a sign before its size", `a\n+1\n${ROOT_TEXT}\n`],
    ["with a negative size", `a\n-1\n${ROOT_TEXT}\n`],
    ["with a size in hex", `a\n0x1\n${ROOT_TEXT}\n`],
    ["with a size with an exponent", `a\n1e3\n${ROOT_TEXT}\n`],
    ["with a size and a space", `a\n1 \n${ROOT_TEXT}\n`],
    ["with a size in other digits", `a\n１\n${ROOT_TEXT}\n`],
    ["with a size past what can be held", `a\n9007199254740992\n${ROOT_TEXT}\n`],
    ["with a short root", `a\n1\n${toBase64(ROOT.slice(1))}\n`],
    ["with a long root", `a\n1\n${toBase64(new Uint8Array(33))}\n`],
    ["with a root without padding", `a\n1\n${ROOT_TEXT.replace("=", "")}\n`],
    ["with another root for the empty tree", `a\n0\n${ROOT_TEXT}\n`],
  ])("refuses a body %s", (_, text) => {
    expect(refusalOf(() => parseCheckpointBody(text))).toBe("note_invalid");
  });

  test("goes up to the largest log and not beyond", () => {
    expect(parseCheckpointBody(`a\n${MAX_LOG_SIZE}\n${ROOT_TEXT}\n`).size).toBe(MAX_LOG_SIZE);
    expect(renderCheckpointBody({ ...HEAD, size: MAX_LOG_SIZE })).toContain("\n9007199254740991\n");
    expect(refusalOf(() => renderCheckpointBody({ ...HEAD, size: MAX_LOG_SIZE + 1 }))).toBe("note_invalid");
  });

  test.each<[string, Partial<Checkpoint>]>([
    ["an origin with a line break", { origin: "a\n9" }],
    ["an origin that would be two lines of the body", { origin: `a\n1\n${ROOT_TEXT}` }],
    ["an empty origin", { origin: "" }],
    ["a fraction for a size", { size: 1.5 }],
    ["a negative size", { size: -1 }],
    ["no number for a size", { size: Number.NaN }],
    ["a short root", { root: ROOT.slice(1) }],
    ["an extension with a line break", { extensions: ["a\nb"] }],
    ["an empty extension", { extensions: [""] }],
    ["another root for the empty tree", { size: 0 }],
  ])("is not written with %s", (_, change) => {
    expect(refusalOf(() => renderCheckpointBody({ ...HEAD, ...change }))).toBe("note_invalid");
  });

  test("any head is read back as it was", () => {
    const origin = fc.stringMatching(/^[a-z0-9.-]{1,8}(\/[a-z0-9._-]{1,8}){0,2}$/);
    fc.assert(
      fc.property(origin, fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (name, size, bytes) => {
        const head = { origin: name, size: Math.max(1, size), root: new Uint8Array(bytes) };
        expect(parseCheckpointBody(renderCheckpointBody(head))).toEqual(head);
      }),
    );
  });
});

describe("a signed checkpoint", () => {
  test("verifies under the log's key and gives the head", async () => {
    expect(await verifyCheckpoint(await signCheckpoint(HEAD, log), trusted())).toEqual(HEAD);
  });

  test("carries a line for each key of a rotation, and either is enough", async () => {
    const note = await signCheckpoint(HEAD, log, other);
    expect(note.match(/^— tes\.local\/default /gm)).toHaveLength(2);
    expect(await verifyCheckpoint(note, trusted())).toEqual(HEAD);
    expect(await verifyCheckpoint(note, trusted(ORIGIN, other))).toEqual(HEAD);
  });

  test("carries a witness's line beside the log's, which a client may not know", async () => {
    const note = `${await signCheckpoint(HEAD, log)}— witness.test ${toBase64(new Uint8Array(80))}\n`;
    expect(await verifyCheckpoint(note, trusted())).toEqual(HEAD);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["under another key", async () => verifyCheckpoint(await signCheckpoint(HEAD, log), trusted(ORIGIN, other))],
    ["of another log", async () => verifyCheckpoint(await signCheckpoint(HEAD, log), trusted("tes.local/other"))],
    [
      "of another log, under this one's key and name",
      async () => {
        const body = renderCheckpointBody({ ...HEAD, origin: "tes.local/other" });
        return verifyCheckpoint(await signNote(body, [await signerFor(ORIGIN)]), trusted());
      },
    ],
    [
      "with another size",
      async () => verifyCheckpoint((await signCheckpoint(HEAD, log)).replace("\n7\n", "\n8\n"), trusted()),
    ],
    [
      "with another root",
      async () =>
        verifyCheckpoint((await signCheckpoint(HEAD, log)).replace(ROOT_TEXT, toBase64(EMPTY_ROOT)), trusted()),
    ],
    [
      "with a line added after signing",
      async () => verifyCheckpoint((await signCheckpoint(HEAD, log)).replace("\n\n", "\nmore\n\n"), trusted()),
    ],
    [
      "that signs something else than a head",
      async () => verifyCheckpoint(await signNote(`${ORIGIN}\nhello\n`, [await signerFor(ORIGIN)]), trusted()),
    ],
    ["that is no note", async () => verifyCheckpoint(renderCheckpointBody(HEAD), trusted())],
    ["by nobody", async () => signCheckpoint(HEAD)],
    ["of an origin that cannot be a key name", async () => signCheckpoint({ ...HEAD, origin: "a b" }, log)],
  ])("%s is refused", async (_, work) => {
    expect(await rejectionOf(work())).toBe("note_invalid");
  });

  async function signerFor(name: string) {
    return {
      name,
      publicKey: log.raw,
      sign: async (bytes: Uint8Array<ArrayBuffer>) =>
        new Uint8Array(await crypto.subtle.sign("Ed25519", log.privateKey, bytes)),
    };
  }

  test("is a plain note: its last line is the name, and the base64 of key hash and signature", async () => {
    const line = (await signCheckpoint(HEAD, log)).split("\n").at(-2)!;
    const [dash, name, encoded] = line.split(" ");
    expect([dash, name]).toEqual(["—", ORIGIN]);
    expect(fromBase64(encoded!)).toHaveLength(4 + 64);
  });
});
