/** What lies beside SHA256SUMS: its raw signature, the same for signify, the key in PEM. */

import { createPublicKey, verify } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Bytes, toBase64, utf8 } from "../../../src/core/bytes.ts";
import { parseChecksums, renderChecksums } from "../../../src/core/checksums.ts";
import { verifyEd25519 } from "../../../src/core/ed25519.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../../src/core/keys.ts";
import { parseMinisignKey, parseMinisignSignature, renderMinisignKey } from "../../../src/core/minisign.ts";
import { parseMinisignSecret } from "../../../src/core/minisign-secret.ts";
import { parsePem, renderPem } from "../../../src/core/pem.ts";
import { Secret } from "../../../src/core/secret.ts";
import { parseSignify, renderSignify, verifySignify } from "../../../src/core/signify.ts";
import { parseSshKey, parseSshSignature, renderSshKey } from "../../../src/core/sshsig.ts";
import { flipBit } from "../../verifiers/bits.ts";
import { openPlace } from "../../verifiers/place.ts";
import { isInstalled, verifyWithOpenssl, verifyWithSha256sum, verifyWithSignify } from "../../verifiers/programs.ts";
import { refusalOf, rejectionOf } from "./refusal.ts";

const files = [
  { name: "tool ß.tgz", text: "the tool" },
  { name: "-read me.txt", text: "what it is" },
];
const sums = renderChecksums(files.map(({ name, text }) => ({ name, sha256: sha256Hex(utf8(text)) })));
const id = sha256(utf8("an id")).slice(0, 8);
let pair: Ed25519Pair;
let other: Ed25519Pair;
let signature: Bytes;
beforeAll(async () => {
  const pairOf = (label: string) => importEd25519Seed(new Secret(sha256(utf8(`signature files: ${label}`))));
  [pair, other] = [await pairOf("ada"), await pairOf("eve")];
  signature = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, utf8(sums)));
});

describe("SHA256SUMS", () => {
  test("is one text for one set of files, sorted, and read back", () => {
    const entries = files.map(({ name, text }) => ({ name, sha256: sha256Hex(utf8(text)) }));
    expect(renderChecksums(entries.toReversed())).toBe(sums);
    expect(parseChecksums(utf8(sums))).toEqual(entries.toReversed());
    expect(parseChecksums(renderChecksums([]))).toEqual([]);
  });

  test("is taken by sha256sum, and no longer once a file is changed", async () => {
    const place = openPlace();
    for (const { name, text } of files) place.write(name, text);
    const path = place.write("SHA256SUMS", sums);
    expect(await verifyWithSha256sum(place.directory, path)).toMatchObject({ accepted: true });
    place.write(files[1]!.name, "what it is not");
    expect((await verifyWithSha256sum(place.directory, path)).accepted).toBe(false);
  });

  test.each<[string, string]>([
    ["no line end", sums.trimEnd()],
    ["binary mode", sums.replace("  ", " *")],
    ["an escaped name", `\\${sums}`],
    ["a backslash in a name", sums.replace("tool", "t\\ool")],
    ["Windows' line ends", sums.replaceAll("\n", "\r\n")],
    ["upper case", sums.replace(/^[0-9a-f]+/, (hex) => hex.toUpperCase())],
    ["one name twice", sums + sums],
    ["an empty line", `${sums}\n`],
    ["BSD's form", `SHA256 (a) = ${"0".repeat(64)}\n`],
  ])("with %s is none", (_, text) => {
    expect(refusalOf(() => parseChecksums(text))).toBe("signature_file_invalid");
  });

  test.each(["a\nb", "a\\b", "a\r", ""])("has no place for the name %j, which no release has", (name) => {
    expect(refusalOf(() => renderChecksums([{ name, sha256: sha256Hex(utf8("x")) }]))).toBe("signature_file_invalid");
  });

  test("is read as it was written, whatever the names", () => {
    const name = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/[\n\r\\\0]/.test(text));
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 8 }), (names) => {
        const entries = names.map((one) => ({ name: one, sha256: sha256Hex(utf8(one)) }));
        const read = parseChecksums(utf8(renderChecksums(entries)));
        expect(new Map(read.map((entry) => [entry.name, entry.sha256]))).toEqual(
          new Map(entries.map((entry) => [entry.name, entry.sha256])),
        );
      }),
      { numRuns: 200 },
    );
  });
});

describe("the raw signature of SHA256SUMS", () => {
  test("verifies by the key in PEM, here and with node:crypto", async () => {
    await verifyEd25519(parsePem(renderPem(pair.raw)), signature, utf8(sums));
    expect(verify(null, utf8(sums), createPublicKey(renderPem(pair.raw)), signature)).toBe(true);
    expect(await rejectionOf(verifyEd25519(other.raw, signature, utf8(sums)))).toBe("signature_invalid");
    expect(await rejectionOf(verifyEd25519(pair.raw.slice(1), signature, utf8(sums)))).toBe("signature_invalid");
  });

  test.runIf(isInstalled("openssl"))("is taken by openssl, and no longer once a bit is changed", async () => {
    const place = openPlace();
    const at = {
      file: place.write("SHA256SUMS", sums),
      key: place.write("ada.pem", renderPem(pair.raw)),
      signature: place.write("SHA256SUMS.ed25519", signature),
    };
    expect(await verifyWithOpenssl(at)).toMatchObject({ accepted: true });
    const bent = place.write("bent", flipBit(signature, 100));
    expect((await verifyWithOpenssl({ ...at, signature: bent })).accepted).toBe(false);
    const eve = place.write("eve.pem", renderPem(other.raw));
    expect((await verifyWithOpenssl({ ...at, key: eve })).accepted).toBe(false);
    place.write("SHA256SUMS", flipBit(utf8(sums), 9));
    expect((await verifyWithOpenssl(at)).accepted).toBe(false);
  });

  test.runIf(isInstalled("signify-openbsd"))(
    "is taken by signify in its frame, and no longer once a bit is changed",
    async () => {
      const place = openPlace();
      const at = {
        file: place.write("SHA256SUMS", sums),
        key: place.write("ada.pub", renderMinisignKey({ id, publicKey: pair.raw })),
        signature: place.write("SHA256SUMS.signify", renderSignify(id, signature)),
      };
      expect(await verifyWithSignify(at)).toMatchObject({ accepted: true });
      const bent = place.write("bent", renderSignify(id, flipBit(signature, 100)));
      expect((await verifyWithSignify({ ...at, signature: bent })).accepted).toBe(false);
      const eve = place.write("eve.pub", renderMinisignKey({ id, publicKey: other.raw }));
      expect((await verifyWithSignify({ ...at, key: eve })).accepted).toBe(false);
      place.write("SHA256SUMS", flipBit(utf8(sums), 9));
      expect((await verifyWithSignify(at)).accepted).toBe(false);
    },
  );

  test("in signify's frame is read back", async () => {
    const read = parseSignify(renderSignify(id, signature));
    await verifySignify(read, { id, publicKey: pair.raw }, utf8(sums));
    const wrong = { id: id.toReversed(), publicKey: pair.raw };
    expect(await rejectionOf(verifySignify(read, wrong, utf8(sums)))).toBe("key_unknown");
    expect(await rejectionOf(verifySignify(read, { id, publicKey: other.raw }, utf8(sums)))).toBe("signature_invalid");
    for (const text of ["", "untrusted comment: x\n", `${renderSignify(id, signature)}x\n`]) {
      expect(refusalOf(() => parseSignify(text))).toBe("signature_file_invalid");
    }
  });
});

describe("a key in PEM", () => {
  test("is read back", () => {
    expect(parsePem(renderPem(pair.raw))).toEqual(pair.raw);
    expect(parsePem(renderPem(pair.raw).replaceAll("\n", "\r\n"))).toEqual(pair.raw);
  });

  test("of another kind, or with anything more, is none", () => {
    const x25519 = renderPem(pair.raw).replace("MCowBQYDK2Vw", "MCowBQYDK2Vu");
    for (const text of [
      "",
      x25519,
      `${renderPem(pair.raw)}x`,
      `x\n${renderPem(pair.raw)}`,
      renderPem(pair.raw.slice(1)),
    ]) {
      expect(refusalOf(() => parsePem(text))).toBe("key_file_invalid");
    }
  });
});

test("whatever text comes, every reader of these files takes it or refuses it by its code", () => {
  const good = [
    renderMinisignKey({ id, publicKey: new Uint8Array(32) }),
    renderPem(new Uint8Array(32)),
    renderSignify(id, new Uint8Array(64)),
    renderSshKey(new Uint8Array(32)),
    sums,
    "-----BEGIN SSH SIGNATURE-----\nU1NIU0lHAAAAAQ==\n-----END SSH SIGNATURE-----\n",
    `untrusted comment: x\n${toBase64(new Uint8Array(158))}\n`,
    "untrusted comment: x\nAA==\ntrusted comment: x\nAA==\n",
  ];
  const readers: readonly ((text: string) => unknown)[] = [
    parseMinisignKey,
    parseMinisignSignature,
    (text) => parseMinisignSecret(new Secret(text)),
    parsePem,
    parseSignify,
    parseSshKey,
    parseSshSignature,
    parseChecksums,
  ];
  const cut = fc
    .tuple(fc.constantFrom(...good), fc.nat(), fc.nat(), fc.string({ unit: "grapheme", maxLength: 4 }))
    .map(([text, from, to, more]) => {
      const at = from % (text.length + 1);
      return text.slice(0, at) + more + text.slice(at + (to % 4));
    });
  fc.assert(
    fc.property(fc.oneof(cut, fc.string({ unit: "binary" })), fc.constantFrom(...readers), (text, read) => {
      expect(["accepted", "key_file_invalid", "signature_file_invalid"]).toContain(refusalOf(() => read(text)));
    }),
    { numRuns: 3_000 },
  );
});
