import { scrypt as nodeScrypt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Bytes, fromBase64, toBase64, utf8 } from "../../../src/core/bytes.ts";
import type { SignBytes } from "../../../src/core/ed25519.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../../src/core/keys.ts";
import {
  MAX_KEY_MEMORY_BYTES,
  MAX_KEY_OPERATIONS,
  MAX_MINISIGN_COMMENT_BYTES,
  MAX_MINISIGN_TRUSTED_COMMENT_BYTES,
} from "../../../src/core/limits.ts";
import {
  minisignDigest,
  parseMinisignKey,
  parseMinisignSignature,
  renderMinisignKey,
  signMinisign,
  trustedComment,
  verifyMinisign,
} from "../../../src/core/minisign.ts";
import {
  PASSPHRASE_COST,
  parseMinisignSecret,
  renderMinisignSecret,
  type Scrypt,
  scryptParameters,
} from "../../../src/core/minisign-secret.ts";
import { Secret } from "../../../src/core/secret.ts";
import { flipBit } from "../../verifiers/bits.ts";
import { openPlace } from "../../verifiers/place.ts";
import { isInstalled, run, verifyWithMinisign } from "../../verifiers/programs.ts";
import { refusalOf, rejectionOf } from "./refusal.ts";

const seedOf = (label: string) => new Secret(sha256(utf8(`minisign tests: ${label}`)));
const id = sha256(utf8("an id")).slice(0, 8);
const content = utf8("what is released\n");
const trusted = trustedComment({ time: 1_800_000_000, file: "tool.tgz", version: "1.2.0" });
let pair: Ed25519Pair;
let other: Ed25519Pair;
let key: { id: Bytes; publicKey: Bytes; sign: SignBytes };
beforeAll(async () => {
  [pair, other] = [await importEd25519Seed(seedOf("ada")), await importEd25519Seed(seedOf("eve"))];
  const sign: SignBytes = async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, bytes));
  key = { id, publicKey: pair.raw, sign };
});
const signed = () => signMinisign({ digest: minisignDigest(content), trusted }, key);

const scrypt: Scrypt = (passphrase, salt, { cost, blockSize, parallelization }, bytes) =>
  new Promise((resolve, reject) => {
    const options = { N: cost, r: blockSize, p: parallelization, maxmem: 2 * 128 * cost * blockSize };
    nodeScrypt(passphrase.reveal(), salt, bytes, options, (error, made) =>
      error === null ? resolve(new Uint8Array(made)) : reject(error),
    );
  });
/** The least that libsodium takes, so that tests are quick. */
const CHEAP = { operations: 32_768, memory: 16_777_216 };

describe("a signature file", () => {
  test("is read back, and proves content and trusted comment", async () => {
    const read = parseMinisignSignature(await signed());
    expect(read).toMatchObject({ prehashed: true, trustedComment: trusted });
    expect(await verifyMinisign(read, key, { bytes: content })).toEqual({ trustedComment: trusted });
    expect(await verifyMinisign(read, key, { digest: minisignDigest(content) })).toEqual({ trustedComment: trusted });
  });

  test.runIf(isInstalled("minisign"))("is taken by minisign, and no longer once a bit is changed", async () => {
    const place = openPlace();
    const file = place.write("tool.tgz", content);
    const publicKey = place.write("key.pub", renderMinisignKey(key));
    const text = await signed();
    const ask = (signature: string, at = publicKey) =>
      verifyWithMinisign({ file, signature: place.write("s.minisig", signature), key: at });
    expect(await ask(text)).toMatchObject({
      accepted: true,
      said: expect.stringContaining(`Trusted comment: ${trusted}`),
    });
    expect((await ask(text.replace("version:1.2.0", "version:1.2.1"))).accepted).toBe(false);
    const [first, signature, comment, global] = text.split("\n");
    for (const bit of [16, 90, 300]) {
      const bent = toBase64(flipBit(fromBase64(signature!)!, bit));
      expect((await ask([first, bent, comment, global, ""].join("\n"))).accepted, `bit ${bit}`).toBe(false);
    }
    const bent = toBase64(flipBit(fromBase64(global!)!, 77));
    expect((await ask([first, signature, comment, bent, ""].join("\n"))).accepted).toBe(false);
    const eve = place.write("eve.pub", renderMinisignKey({ id, publicKey: other.raw }));
    expect((await ask(text, eve)).accepted).toBe(false);
    place.write("tool.tgz", flipBit(content, 5));
    expect((await ask(text)).accepted).toBe(false);
  });

  test("with any bit changed proves nothing", async () => {
    const text = await signed();
    const bytes = utf8(text);
    const comment = text.indexOf("\n");
    for (let bit = 8 * (comment + 1); bit < 8 * (bytes.length - 1); bit += 3) {
      const bent = flipBit(bytes, bit);
      const outcome = await rejectionOf(
        (async () => verifyMinisign(parseMinisignSignature(bent), key, { bytes: content }))(),
      );
      expect(["signature_file_invalid", "signature_invalid", "key_unknown"], `bit ${bit}`).toContain(outcome);
    }
  });

  test.each<[string, (text: string) => string]>([
    ["one line more", (text) => `${text}more\n`],
    ["one line less", (text) => text.split("\n").slice(0, 3).join("\n")],
    ["no prefix", (text) => text.replace("untrusted", "trusted")],
    ["white space in base64", (text) => text.replace(/\n(\S{10})/, "\n$1 ")],
    ["another algorithm", (text) => text.replace(/\nRU/, "\nRX")],
    ["a control character in a comment", (text) => text.replace("tool.tgz", "tool\u001b[2J")],
    ["nothing", () => ""],
  ])("with %s is none", async (_, bend) => {
    const bent = bend(await signed());
    expect(refusalOf(() => parseMinisignSignature(bent))).toBe("signature_file_invalid");
  });

  test("is told from one of another key by its id, and believed by the key alone", async () => {
    const read = parseMinisignSignature(await signed());
    const stranger = { id: sha256(utf8("x")).slice(0, 8), publicKey: pair.raw };
    expect(await rejectionOf(verifyMinisign(read, stranger, { bytes: content }))).toBe("key_unknown");
    const eve = { id, publicKey: other.raw };
    expect(await rejectionOf(verifyMinisign(read, eve, { bytes: content }))).toBe("signature_invalid");
  });

  test("has comments as long as minisign reads, and no longer", async () => {
    const make = (untrusted: number, comment: number) =>
      signMinisign(
        { digest: minisignDigest(content), untrusted: "u".repeat(untrusted), trusted: "t".repeat(comment) },
        key,
      );
    const [u, t] = [MAX_MINISIGN_COMMENT_BYTES, MAX_MINISIGN_TRUSTED_COMMENT_BYTES];
    const longest = await make(u, t);
    expect(parseMinisignSignature(longest).trustedComment).toHaveLength(t);
    expect(await rejectionOf(make(u + 1, t))).toBe("signature_file_invalid");
    expect(await rejectionOf(make(u, t + 1))).toBe("signature_file_invalid");
    if (!isInstalled("minisign")) return;
    const place = openPlace();
    const files = {
      file: place.write("tool.tgz", content),
      key: place.write("key.pub", renderMinisignKey(key, "k".repeat(u))),
      signature: place.write("longest.minisig", longest),
    };
    expect(await verifyWithMinisign(files)).toMatchObject({ accepted: true });
  });
});

describe("a public key file", () => {
  test("is read back, with Windows' line ends, and as its second line alone", () => {
    const text = renderMinisignKey(key);
    for (const form of [text, text.replaceAll("\n", "\r\n"), text.split("\n")[1]!]) {
      expect(parseMinisignKey(form)).toEqual({ id, publicKey: pair.raw });
    }
  });

  test("names its id backwards, and leaves it as it was, whoever brings it", () => {
    const buffer = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(renderMinisignKey({ id: buffer, publicKey: pair.raw })).toContain(" 0807060504030201\n");
    expect([...buffer]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each(["", "untrusted comment: x\n", "RWQ=\n", "a\nb\nc\n", `untrusted comment: x\n${"A".repeat(56)}\n`])(
    "%j is none",
    (text) => {
      expect(refusalOf(() => parseMinisignKey(text))).toBe("key_file_invalid");
    },
  );
});

describe("a secret key file", () => {
  const make = (passphrase: string | null, cost = CHEAP) =>
    renderMinisignSecret(
      { id, seed: seedOf("ada"), publicKey: pair.raw },
      passphrase === null
        ? null
        : { passphrase: new Secret(utf8(passphrase)), salt: sha256(utf8("salt")), cost, scrypt },
    );

  test.each(["correct horse", "pässword €", null])("is opened by its passphrase %j", async (passphrase) => {
    const file = parseMinisignSecret(await make(passphrase));
    expect(file.locked).toBe(passphrase !== null);
    const opened = await file.open(passphrase === null ? null : new Secret(utf8(passphrase)), scrypt);
    expect([opened.id, opened.seed.reveal(), opened.publicKey]).toEqual([id, seedOf("ada").reveal(), pair.raw]);
  });

  test("is not opened by another passphrase, nor by none", async () => {
    const file = parseMinisignSecret(await make("correct horse"));
    expect(await rejectionOf(file.open(new Secret(utf8("correct hors")), scrypt))).toBe("passphrase_wrong");
    expect(await rejectionOf(file.open(null, scrypt))).toBe("passphrase_wrong");
  });

  test("with any bit changed is none, or is not opened", async () => {
    const text = (await make(null)).reveal();
    const at = text.indexOf("\n") + 1;
    const bytes = fromBase64(text.slice(at, -1))!;
    // The salt and cost of a file that is not locked mean nothing.
    const meant = (bit: number) => bit < 48 || bit >= 8 * 54;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 8 * bytes.length - 1 }).filter(meant), async (bit) => {
        const bent = new Secret(`${text.slice(0, at)}${toBase64(flipBit(bytes, bit))}\n`);
        const outcome = await rejectionOf((async () => parseMinisignSecret(bent).open(null, scrypt))());
        expect(["key_file_invalid", "passphrase_wrong"]).toContain(outcome);
      }),
      { numRuns: 200 },
    );
  });

  test("costs what libsodium makes of it, up to what minisign itself asks for", () => {
    const [operations, memory] = [MAX_KEY_OPERATIONS, MAX_KEY_MEMORY_BYTES];
    const of = (cost: number, parallelization: number) => ({ cost, blockSize: 8, parallelization });
    expect(scryptParameters({ operations, memory })).toEqual(of(2 ** 20, 1));
    // crypto_pwhash_scryptsalsa208sha256_OPSLIMIT_INTERACTIVE and its MEMLIMIT.
    expect(scryptParameters({ operations: 524_288, memory: 16_777_216 })).toEqual(of(2 ** 14, 1));
    expect(scryptParameters(PASSPHRASE_COST)).toEqual(of(2 ** 16, 4));
    expect(scryptParameters({ operations: 1, memory })).toEqual(of(2 ** 10, 1));
    for (const cost of [
      { operations: operations + 1, memory },
      { operations, memory: memory + 1 },
    ]) {
      expect(refusalOf(() => scryptParameters(cost))).toBe("key_file_invalid");
    }
  });

  test("whose halves do not belong together is refused, whatever its checksum says", async () => {
    const mixed = await renderMinisignSecret({ id, seed: seedOf("ada"), publicKey: other.raw }, null);
    expect(await rejectionOf(parseMinisignSecret(mixed).open(null, scrypt))).toBe("key_file_invalid");
  });

  test.runIf(isInstalled("minisign"))(
    "of ours signs with minisign, and minisign's opens here",
    { timeout: 30_000 },
    async () => {
      const place = openPlace();
      const file = place.write("tool.tgz", content);
      const mine = place.write("ours.key", (await make("correct horse", PASSPHRASE_COST)).reveal());
      const minisign = async (args: readonly string[], input?: string) => {
        const verdict = await run("minisign", args, input);
        expect(verdict.said).not.toMatch(/error|wrong/i);
        expect(verdict.accepted, verdict.said).toBe(true);
      };
      const at = (name: string) => join(place.directory, name);
      await minisign(["-S", "-s", mine, "-m", file, "-t", trusted], "correct horse\n");
      const theirs = parseMinisignSignature(readFileSync(at("tool.tgz.minisig")));
      expect(await verifyMinisign(theirs, key, { bytes: content })).toEqual({ trustedComment: trusted });
      const open = place.write("open.key", (await make(null)).reveal());
      // The old form: over the file itself.
      await minisign(["-S", "-l", "-s", open, "-m", file, "-x", at("old.minisig")]);
      const old = parseMinisignSignature(readFileSync(at("old.minisig")));
      expect(old.prehashed).toBe(false);
      await verifyMinisign(old, key, { bytes: content });
      expect(await rejectionOf(verifyMinisign(old, key, { bytes: flipBit(content, 0) }))).toBe("signature_invalid");
      expect(await rejectionOf(verifyMinisign(old, key, { digest: minisignDigest(content) }))).toBe(
        "signature_file_invalid",
      );
      // And the other way: without a passphrase, since its own takes 1 GiB of memory.
      await minisign(["-G", "-W", "-p", at("theirs.pub"), "-s", at("theirs.key")]);
      const publicKey = parseMinisignKey(readFileSync(at("theirs.pub"), "utf8"));
      const opened = await parseMinisignSecret(new Secret(readFileSync(at("theirs.key"), "utf8"))).open(null, scrypt);
      expect({ id: opened.id, publicKey: opened.publicKey }).toEqual(publicKey);
      await minisign(["-S", "-s", open, "-m", file, "-x", at("open.minisig")]);
      await verifyMinisign(parseMinisignSignature(readFileSync(at("open.minisig"))), key, { bytes: content });
    },
  );
});
