import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Bytes,
  concat,
  fromBase64,
  fromBase64Url,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Public, importEd25519Seed } from "../../../src/core/keys.ts";
import { MAX_NOTE_BYTES, MAX_NOTE_SIGNATURES } from "../../../src/core/limits.ts";
import {
  NOTE_ED25519,
  type NoteSigner,
  type NoteVerifier,
  noteKeyHash,
  parseNote,
  signNote,
  verifyNote,
} from "../../../src/core/notes.ts";
import { Secret } from "../../../src/core/secret.ts";
import vectors from "../../vectors/notes.json";
import { refusalOf, rejectionOf } from "./refusal.ts";

const pairOf = (label: string) => importEd25519Seed(new Secret(sha256(utf8(label))));

const signerOf = (name: string, { privateKey, raw }: Ed25519Pair): NoteSigner => ({
  name,
  publicKey: raw,
  sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes)),
});

const verifierOf = (name: string, { publicKey, raw }: Ed25519Pair): NoteVerifier => ({ name, publicKey, raw });

/** A verifier key as Go's tools print it: name, key hash in hex, then the algorithm and the key in base64. */
async function readVerifierKey(text: string): Promise<NoteVerifier & { readonly hash: string }> {
  const [name, hash, ...rest] = text.split("+");
  const bytes = fromBase64(rest.join("+"))!;
  expect(bytes[0]).toBe(NOTE_ED25519);
  const raw = bytes.slice(1);
  return { name: name!, hash: hash!, raw, publicKey: await importEd25519Public(toBase64Url(raw)) };
}

let alice: Ed25519Pair;
let bob: Ed25519Pair;
let note: string;
const TEXT = "one\n\ntwo é\n";

beforeAll(async () => {
  alice = await pairOf("alice");
  bob = await pairOf("bob");
  note = await signNote(TEXT, [signerOf("alice.test/log", alice), signerOf("bob.test", bob)]);
});

describe("notes that others signed", () => {
  test.each(vectors.notes)("$name verifies", async ({ key, text, note }) => {
    const verifier = await readVerifierKey(key);
    expect(toHex(noteKeyHash(verifier.name, NOTE_ED25519, verifier.raw))).toBe(verifier.hash);
    expect(await verifyNote(note, [verifier])).toEqual({ text, verified: [verifier.name] });
    for (const changed of [note.replace("a", "b"), note.replace("\n\n", "\n\n\n")]) {
      expect(await rejectionOf(verifyNote(changed, [verifier]))).toBe("note_invalid");
    }
  });

  test("what another implementation signed is what ours signs, byte for byte", async () => {
    const signed = vectors.notes.filter((vector) => vector.seed !== undefined);
    expect(signed.length).toBeGreaterThan(0);
    for (const { key, seed, text, note } of signed) {
      const pair = await importEd25519Seed(new Secret(fromBase64Url(seed!)!));
      expect(await signNote(text, [signerOf(key.split("+")[0]!, pair)])).toBe(note);
    }
  });

  test.each(vectors.unverifiable)("$name is taken apart", async ({ note, text, keyName }) => {
    const parsed = parseNote(note);
    expect(parsed.text).toBe(text);
    expect(parsed.signatures.map(({ name, signature }) => [name, signature.length])).toEqual([[keyName, 64]]);
    // A name and a key hash of somebody else's prove nothing.
    expect(await rejectionOf(verifyNote(note, [verifierOf(keyName, alice)]))).toBe("note_invalid");
  });
});

describe("verifyNote", () => {
  test("names the trusted keys that signed, in the order of their lines", async () => {
    const [a, b] = [verifierOf("alice.test/log", alice), verifierOf("bob.test", bob)];
    expect(await verifyNote(note, [b, a])).toEqual({ text: TEXT, verified: ["alice.test/log", "bob.test"] });
    expect(await verifyNote(note, [b])).toEqual({ text: TEXT, verified: ["bob.test"] });
  });

  test("ignores keys it does not know: of another name, or of the same name with another key", async () => {
    const renamed = verifierOf("eve.test", alice);
    const rekeyed = verifierOf("alice.test/log", bob);
    for (const verifiers of [[], [renamed], [rekeyed]]) {
      expect(await rejectionOf(verifyNote(note, verifiers))).toBe("note_invalid");
    }
    expect((await verifyNote(note, [rekeyed, verifierOf("bob.test", bob)])).verified).toEqual(["bob.test"]);
  });

  test("refuses a note with a bad signature of a trusted key, even beside a good one", async () => {
    const [, first, second] = note.split(/(?=— )/);
    const forged = note.replace(first!, `— alice.test/log ${flipped(first!.trim().split(" ").at(-1)!)}\n`);
    const [a, b] = [verifierOf("alice.test/log", alice), verifierOf("bob.test", bob)];
    expect(await rejectionOf(verifyNote(forged, [a]))).toBe("note_invalid");
    expect(await rejectionOf(verifyNote(forged, [a, b]))).toBe("note_invalid");
    expect((await verifyNote(forged, [b])).verified).toEqual(["bob.test"]);
    // A good line after a bad one of the same key does not heal it.
    expect(await rejectionOf(verifyNote(`${TEXT}\n${forged.split(/(?=— )/)[1]}${first}`, [a]))).toBe("note_invalid");
    expect((await verifyNote(`${TEXT}\n${first}${first}${second}`, [a])).verified).toEqual(["alice.test/log"]);
  });

  test("refuses a signature of another length than Ed25519's", async () => {
    const hash = noteKeyHash("alice.test/log", NOTE_ED25519, alice.raw);
    for (const length of [1, 63, 65]) {
      const line = `— alice.test/log ${toBase64(concat(hash, new Uint8Array(length)))}\n`;
      expect(await rejectionOf(verifyNote(`${TEXT}\n${line}`, [verifierOf("alice.test/log", alice)]))).toBe(
        "note_invalid",
      );
    }
  });

  test("refuses two trusted keys that nobody could tell apart", async () => {
    const twice = [verifierOf("alice.test/log", alice), verifierOf("alice.test/log", alice)];
    expect(await rejectionOf(verifyNote(note, twice))).toBe("note_invalid");
  });

  test("any change to the text breaks every signature", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(TEXT.length - 2), fc.stringMatching(/^[ -~]$/), async (at, char) => {
        fc.pre(TEXT[at] !== char);
        const changed = note.slice(0, at) + char + note.slice(at + 1);
        expect(await rejectionOf(verifyNote(changed, [verifierOf("bob.test", bob)]))).toBe("note_invalid");
      }),
      { numRuns: 50 },
    );
  });
});

describe("parseNote", () => {
  const line = `— a ${toBase64(new Uint8Array(68))}\n`;

  test("splits at the last empty line, so that a text may hold empty lines", () => {
    expect(parseNote(`a\n\n\n\nb\n\n${line}`).text).toBe("a\n\n\n\nb\n");
    expect(parseNote(`\n\n${line}`).text).toBe("\n");
    // What looks like a signature in the text is text.
    expect(parseNote(`a\n\n${line}\n${line}`)).toMatchObject({ text: `a\n\n${line}`, signatures: [{ name: "a" }] });
  });

  test.each<[string, string]>([
    ["empty", ""],
    ["without signatures", "a\n"],
    ["without signatures after its empty line", "a\n\n"],
    ["without an empty line", `a\n${line}`],
    ["whose last line does not end", `a\n\n${line.trimEnd()}`],
    ["with something after its signatures", `a\n\n${line}b\n`],
    ["with an empty line after its signatures", `a\n\n${line}\n`],
    ["with a carriage return", `a\r\n\n${line}`],
    ["with a tab", `a\tb\n\n${line}`],
    ["with NUL", `a\0b\n\n${line}`],
    ["with half a surrogate pair", `a\ud800\n\n${line}`],
    ["signed with a hyphen", `a\n\n${line.replace("—", "-")}`],
    ["signed with an en dash", `a\n\n${line.replace("—", "–")}`],
    ["signed with two spaces after the dash", `a\n\n${line.replace("— ", "—  ")}`],
    ["signed without a name", `a\n\n${line.replace("— a ", "—  ")}`],
    ["signed by a name with a plus", `a\n\n${line.replace("— a ", "— a+b ")}`],
    ["signed by a name with a space that does not break", `a\n\n${line.replace("— a ", "— a\u00a0b ")}`],
    ["signed by a name with an ideographic space", `a\n\n${line.replace("— a ", "— a\u3000b ")}`],
    ["signed without a signature", "a\n\n— a\n"],
    ["signed with nothing but a key hash", `a\n\n— a ${toBase64(new Uint8Array(4))}\n`],
    ["signed in base64url", `a\n\n— a ${"_".repeat(92)}\n`],
    ["signed without padding", `a\n\n${line.replace("=", "")}`],
    ["signed with white space at the end of a line", `a\n\n${line.replace("\n", " \n")}`],
    ["signed with a word more", `a\n\n${line.replace("\n", " x\n")}`],
  ])("refuses a note %s", (_, text) => {
    expect(refusalOf(() => parseNote(text))).toBe("note_invalid");
  });

  test("takes as many signatures as allowed, and not one more", () => {
    expect(MAX_NOTE_SIGNATURES).toBeGreaterThanOrEqual(16);
    expect(parseNote(`a\n\n${line.repeat(MAX_NOTE_SIGNATURES)}`).signatures).toHaveLength(MAX_NOTE_SIGNATURES);
    expect(refusalOf(() => parseNote(`a\n\n${line.repeat(MAX_NOTE_SIGNATURES + 1)}`))).toBe("note_invalid");
  });

  test("takes as many bytes as allowed, counted in UTF-8, and not one more", () => {
    const room = MAX_NOTE_BYTES - utf8(`\n\n${line}`).length;
    expect(refusalOf(() => parseNote(`${"a".repeat(room)}\n\n${line}`))).toBe("accepted");
    expect(refusalOf(() => parseNote(`${"a".repeat(room + 1)}\n\n${line}`))).toBe("note_invalid");
    expect(refusalOf(() => parseNote(`${"a".repeat(room - 2)}é\n\n${line}`))).toBe("accepted");
    expect(refusalOf(() => parseNote(`${"a".repeat(room - 1)}é\n\n${line}`))).toBe("note_invalid");
  });

  test("sixteen of the longest signatures there are fit", () => {
    const long = `— ${"n".repeat(128)} ${toBase64(new Uint8Array(5_000))}\n`;
    expect(parseNote(`a\n\n${long.repeat(16)}`).signatures).toHaveLength(16);
  });

  test("takes any text at all apart, or refuses it with its own code", () => {
    const unit = fc.constantFrom("a", " ", "\n", "\n\n", "— ", "+", "é", line, "\0", "AAAAAAAA");
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        let parsed: ReturnType<typeof parseNote> | undefined;
        expect(
          refusalOf(() => {
            parsed = parseNote(text);
          }),
        ).toMatch(/^(accepted|note_invalid)$/);
        if (parsed === undefined) return;
        const lines = parsed.signatures.map(
          ({ name, keyHash, signature }) => `— ${name} ${toBase64(concat(keyHash, signature))}\n`,
        );
        expect(`${parsed.text}\n${lines.join("")}`).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("signNote", () => {
  test.each([
    ["a text that does not end with a newline", "a", "alice.test"],
    ["an empty text", "", "alice.test"],
    ["a text with a tab", "a\tb\n", "alice.test"],
    ["a text with half a surrogate pair", "\ud800\n", "alice.test"],
    ["a name with a space", "a\n", "alice test"],
    ["a name with a plus", "a\n", "alice+test"],
    ["a name with a line break", "a\n", "alice\ntest"],
    ["an empty name", "a\n", ""],
  ])("refuses %s", async (_, text, name) => {
    expect(await rejectionOf(signNote(text, [signerOf(name, alice)]))).toBe("note_invalid");
  });

  test("refuses to sign for nobody", async () => {
    expect(await rejectionOf(signNote("a\n", []))).toBe("note_invalid");
  });

  test("what it signs is read back as it was, whatever the text", async () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\n", "— b AAAAAAAA", "é", " "), maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(text, async (body) => {
        const signed = await signNote(`${body}\n`, [signerOf("alice.test", alice)]);
        expect((await verifyNote(signed, [verifierOf("alice.test", alice)])).text).toBe(`${body}\n`);
      }),
      { numRuns: 50 },
    );
  });
});

/** Base64 with a bit of its last bytes changed. */
function flipped(text: string): string {
  const bytes = fromBase64(text)! as Bytes;
  bytes[bytes.length - 1]! ^= 1;
  return toBase64(bytes);
}
