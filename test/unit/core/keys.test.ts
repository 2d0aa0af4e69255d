import { createHash, createPrivateKey, createPublicKey, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Bytes, fromBase64Url, toHex, utf8 } from "../../../src/core/bytes.ts";
import {
  deriveBytes,
  deriveEd25519,
  deriveHmacKey,
  ed25519Kid,
  generateMasterKey,
  importEd25519Public,
  importEd25519Seed,
  isPublicKeyText,
  PURPOSES,
  parseMasterKey,
  symmetricKid,
} from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";
import { readShared } from "../../shared.ts";
import vectors from "../../vectors/crypto.json";

const masterText = (label: string): string => createHash("sha256").update(label).digest("hex");
const master = parseMasterKey(masterText("keys.test"));
const hkdf = (info: string): Bytes => new Uint8Array(hkdfSync("sha256", master.reveal(), "", info, 32));

describe("parseMasterKey", () => {
  test("takes 64 hexadecimal characters of either case", () => {
    const text = masterText("either case");
    expect(toHex(parseMasterKey(text).reveal())).toBe(text);
    expect(toHex(parseMasterKey(text.toUpperCase()).reveal())).toBe(text);
  });

  const good = masterText("good");
  const counted = (from: number, step: number) =>
    toHex(Uint8Array.from({ length: 32 }, (_, i) => (from + i * step) & 255));
  test.each([
    ["empty", "", "This one has 0 characters."],
    ["one", "a", "This one has 1 character."],
    ["63", good.slice(1), "This one has 63 characters."],
    ["65", `${good}0`, "This one has 65 characters."],
    ["a line break after it", `${good}\n`, "This one has 65 characters, with white space at an end."],
    ["a space for its first character", ` ${good.slice(1)}`, "This one has a character that is not hexadecimal."],
    ["a g", `g${good.slice(1)}`, "This one has a character that is not hexadecimal."],
    ["full-width digits", "１".repeat(64), "This one has a character that is not hexadecimal."],
    ["0x", `0x${good.slice(2)}`, "This one has a character that is not hexadecimal."],
    ["zeros", counted(0, 0), "Every byte of this one is the same."],
    ["ones", counted(255, 0), "Every byte of this one is the same."],
    ["one byte again and again", counted(0xab, 0), "Every byte of this one is the same."],
    ["counting from nought", counted(0, 1), "The bytes of this one count up or down."],
    ["counting down past nought", counted(9, -1), "The bytes of this one count up or down."],
    ["counting by seventeen", counted(0, 17), "The bytes of this one count up or down."],
  ])("refuses %s and does not repeat it", (_name, text, detail) => {
    expect(() => parseMasterKey(text)).toThrow(expect.objectContaining({ code: "key_format", detail }));
    if (text.length > 1) expect(detail).not.toContain(text);
  });

  test("refuses the key of the founding document in every case", () => {
    const document = readShared("seed/TES-OPS-004-B-4-2.txt");
    if (document === null) return;
    const printed = (document.match(/[0-9a-fA-F]{64}/g) ?? []).filter(isPublicKeyText);
    expect(printed.length).toBeGreaterThan(0);
    for (const text of [printed[0]!.toLowerCase(), printed[0]!.toUpperCase()]) {
      expect(() => parseMasterKey(text)).toThrow(expect.objectContaining({ code: "key_public" }));
    }
    expect(isPublicKeyText(good)).toBe(false);
  });
});

test("generateMasterKey makes a new key each time, in the form parseMasterKey takes", () => {
  const keys = Array.from({ length: 20 }, () => generateMasterKey().reveal());
  expect(new Set(keys).size).toBe(20);
  for (const key of keys) expect(toHex(parseMasterKey(key).reveal())).toBe(key);
});

describe("derivation", () => {
  test("is HKDF with purpose and registry in info", async () => {
    for (const purpose of PURPOSES) {
      const bytes = (await deriveBytes(master, purpose, "default")).reveal();
      expect(bytes).toEqual(hkdf(`tes/v1/${purpose}/default`));
    }
  });

  test("gives every purpose, registry and master another key", async () => {
    const derived = new Set<string>();
    const masters = [master, parseMasterKey(masterText("another"))];
    for (const from of masters) {
      for (const registry of ["default", "defaul", "a"]) {
        for (const purpose of PURPOSES) derived.add(toHex((await deriveBytes(from, purpose, registry)).reveal()));
      }
    }
    expect(derived.size).toBe(2 * 3 * PURPOSES.length);
  });

  test("makes HMAC keys that sign, verify and cannot be exported", async () => {
    const key = await deriveHmacKey(master, "response-hmac", "default");
    expect(key.usages.toSorted()).toEqual(["sign", "verify"]);
    await expect(crypto.subtle.exportKey("raw", key)).rejects.toThrow();
    const same = await crypto.subtle.importKey(
      "raw",
      hkdf("tes/v1/response-hmac/default"),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["verify"],
    );
    const signature = await crypto.subtle.sign("HMAC", key, utf8("message"));
    expect(await crypto.subtle.verify("HMAC", same, signature, utf8("message"))).toBe(true);
    expect(await crypto.subtle.verify("HMAC", key, signature, utf8("massage"))).toBe(false);
  });

  test("names symmetric keys by a value that is not the key", async () => {
    const kid = await symmetricKid(master, "token-hs256", "default");
    const expected = createHash("sha256").update(hkdf("tes/v1/keyid/token-hs256/default")).digest("hex").slice(0, 16);
    expect(kid).toBe(expected);
    expect(kid).not.toBe(createHash("sha256").update(hkdf("tes/v1/token-hs256/default")).digest("hex").slice(0, 16));
  });

  test("takes the derived bytes of an Ed25519 purpose as its seed", async () => {
    const pair = await deriveEd25519(master, "log-ed25519", "default");
    const pkcs8 = Buffer.concat([
      Buffer.from("302e020100300506032b657004220420", "hex"),
      hkdf("tes/v1/log-ed25519/default"),
    ]);
    const independent = createPublicKey(createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }));
    expect(pair.x).toBe(independent.export({ format: "jwk" }).x);
    expect(pair.raw).toEqual(fromBase64Url(pair.x));
    expect(pair.kid).toBe(ed25519Kid(pair.x));
  });
});

describe("Ed25519", () => {
  test.each(vectors.ed25519.tests)("signs and verifies RFC 8032 $name", async ({ seed, x, message, signature }) => {
    const pair = await importEd25519Seed(new Secret(fromBase64Url(seed)!));
    expect(pair.x).toBe(x);
    const content = Buffer.from(message, "hex");
    const made = await crypto.subtle.sign("Ed25519", pair.privateKey, content);
    expect(Buffer.from(made).toString("hex")).toBe(signature);
    const key = await importEd25519Public(x);
    expect(await crypto.subtle.verify("Ed25519", key, made, content)).toBe(true);
    expect(await crypto.subtle.verify("Ed25519", key, made, Buffer.concat([content, Buffer.of(0)]))).toBe(false);
  });

  test("keeps a private key that cannot be exported", async () => {
    const { privateKey } = await deriveEd25519(master, "response-ed25519", "default");
    expect(privateKey.extractable).toBe(false);
    expect(privateKey.usages).toEqual(["sign"]);
    for (const format of ["pkcs8", "jwk"] as const) {
      await expect(crypto.subtle.exportKey(format, privateKey)).rejects.toThrow();
    }
  });

  test("has the thumbprint of RFC 8037 appendix A.3", () => {
    expect(ed25519Kid(vectors.thumbprint.x)).toBe(vectors.thumbprint.kid);
  });

  test.each([
    ["31 bytes", "A".repeat(42)],
    ["33 bytes", "A".repeat(44)],
    ["bits after the end", `${"A".repeat(42)}B`],
    ["padding", `${"A".repeat(43)}=`],
    ["base64 instead of base64url", `+${"A".repeat(42)}`],
    ["a quote", `"${"A".repeat(42)}`],
    ["nothing", ""],
  ])("refuses a public key with %s", async (_name, x) => {
    await expect(importEd25519Public(x)).rejects.toMatchObject({ code: "key_unknown" });
    expect(() => ed25519Kid(x)).toThrow(expect.objectContaining({ code: "key_unknown" }));
  });

  test.each([31, 33])("refuses a seed of %i bytes", async (length) => {
    const seed = new Secret<Bytes>(new Uint8Array(length));
    await expect(importEd25519Seed(seed)).rejects.toMatchObject({ code: "key_format" });
  });
});

test("no derived secret shows itself when printed", async () => {
  const bytes = await deriveBytes(master, "session", "default");
  const key = generateMasterKey();
  expect(`${bytes} ${key} ${JSON.stringify({ bytes, key })}`).toBe(
    '[secret] [secret] {"bytes":"[secret]","key":"[secret]"}',
  );
});

test("refusals never hold any of the text", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8, maxLength: 80, unit: "grapheme-ascii" }), (text) => {
      if (/^[0-9a-fA-F]{64}$/.test(text)) return;
      let shown = "";
      try {
        parseMasterKey(text);
      } catch (error) {
        shown = JSON.stringify(error, Object.getOwnPropertyNames(error)).replace(/"stack":"[^"]*"/, "");
      }
      expect(shown).toContain("key_format");
      expect(shown).not.toContain(text);
    }),
  );
});
