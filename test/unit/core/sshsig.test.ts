import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { type Bytes, fromBase64, toBase64, utf8 } from "../../../src/core/bytes.ts";
import type { SignBytes } from "../../../src/core/ed25519.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
  parseSshKey,
  parseSshSignature,
  renderAllowedSigner,
  renderSshKey,
  signSsh,
  verifySsh,
} from "../../../src/core/sshsig.ts";
import { flipBit } from "../../verifiers/bits.ts";
import { openPlace } from "../../verifiers/place.ts";
import { isInstalled, verifyWithSsh } from "../../verifiers/programs.ts";
import { refusalOf, rejectionOf } from "./refusal.ts";

const pairOf = (label: string) => importEd25519Seed(new Secret(sha256(utf8(`ssh tests: ${label}`))));
const content = utf8("what is released\n");
const sha512 = (bytes: Uint8Array): Bytes => new Uint8Array(createHash("sha512").update(bytes).digest());
let pair: Ed25519Pair;
let other: Ed25519Pair;
const signBy =
  ({ privateKey }: Ed25519Pair): SignBytes =>
  async (bytes) =>
    new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes));
const signed = (namespace?: string) => signSsh(sha512(content), { publicKey: pair.raw, sign: signBy(pair) }, namespace);
beforeAll(async () => {
  [pair, other] = [await pairOf("ada"), await pairOf("eve")];
});

/** The blob of an armored signature, bent, in armor again. */
const bend = (armored: string, how: (blob: Bytes) => Uint8Array): string => {
  const [begin, ...lines] = armored.trimEnd().split("\n");
  const end = lines.pop();
  return [begin, ...toBase64(how(fromBase64(lines.join(""))!)).match(/.{1,70}/g)!, end, ""].join("\n");
};

describe("an SSH signature", () => {
  test("is read back, and proves content, key and purpose", async () => {
    const read = parseSshSignature(await signed());
    expect(read).toMatchObject({ publicKey: pair.raw, namespace: "tes-release" });
    expect(await verifySsh(read, pair.raw, sha512(content))).toBe(read);
    expect(await rejectionOf(verifySsh(read, other.raw, sha512(content)))).toBe("key_unknown");
    expect(await rejectionOf(verifySsh(read, pair.raw, sha512(utf8("else"))))).toBe("signature_invalid");
    const git = parseSshSignature(await signed("git"));
    expect(await rejectionOf(verifySsh(git, pair.raw, sha512(content)))).toBe("signature_invalid");
    const renamed = { ...git, namespace: "tes-release" };
    expect(await rejectionOf(verifySsh(renamed, pair.raw, sha512(content)))).toBe("signature_invalid");
  });

  test.runIf(isInstalled("ssh-keygen"))("is taken by ssh-keygen, and no longer once a bit is changed", async () => {
    const place = openPlace();
    const file = place.write("tool.tgz", content);
    const allowed = place.write("allowed", renderAllowedSigner("ada", pair.raw));
    const ask = (signature: string, key = allowed, principal = "ada") =>
      verifyWithSsh({ file, key, signature: place.write("tool.sig", signature) }, principal);
    const text = await signed();
    expect(await ask(text)).toMatchObject({ accepted: true, said: expect.stringContaining("Good") });
    const length = fromBase64(text.split("\n").slice(1, -2).join(""))!.length;
    for (const bit of [50, 8 * 40, 8 * (length - 30)]) {
      expect((await ask(bend(text, (blob) => flipBit(blob, bit)))).accepted, `bit ${bit}`).toBe(false);
    }
    expect((await ask(await signed("git"))).accepted).toBe(false);
    expect((await ask(text, place.write("eve", renderAllowedSigner("ada", other.raw)))).accepted).toBe(false);
    expect((await ask(text, allowed, "eve")).accepted).toBe(false);
    // A key that is allowed for something else is not one for releases.
    const git = place.write("git", renderAllowedSigner("ada", pair.raw, "git"));
    expect((await ask(text, git)).accepted).toBe(false);
    place.write("tool.tgz", flipBit(content, 5));
    expect((await ask(text)).accepted).toBe(false);
  });

  test.runIf(isInstalled("ssh-keygen"))("of ssh-keygen is read here", async () => {
    const place = openPlace();
    const file = place.write("tool.tgz", content);
    const key = join(place.directory, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key]);
    execFileSync("ssh-keygen", ["-q", "-Y", "sign", "-f", key, "-n", "tes-release", file], { stdio: "ignore" });
    const publicKey = parseSshKey(readFileSync(`${key}.pub`, "utf8"));
    const text = readFileSync(`${file}.sig`, "utf8");
    expect((await verifySsh(parseSshSignature(text), publicKey, sha512(content))).publicKey).toEqual(publicKey);
    // Line for line as ssh-keygen breaks it.
    expect(bend(text, (blob) => blob)).toBe(text);
  });

  test("with any bit changed, any byte more or less, proves nothing", async () => {
    const text = await signed();
    const bytes = fromBase64(text.split("\n").slice(1, -2).join(""))!;
    const check = async (bent: string) => {
      expect(["signature_file_invalid", "signature_invalid", "key_unknown"]).toContain(
        await rejectionOf((async () => verifySsh(parseSshSignature(bent), pair.raw, sha512(content)))()),
      );
    };
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 8 * bytes.length - 1 }), (bit) =>
        check(bend(text, (blob) => flipBit(blob, bit))),
      ),
      { numRuns: 300 },
    );
    for (let length = 0; length < bytes.length; length += 7)
      await check(bend(text, (blob) => blob.slice(0, length + 1)));
    await check(bend(text, (blob) => Uint8Array.of(...blob, 0)));
  });

  test.each<[string, (text: string) => string]>([
    ["nothing", () => ""],
    ["no end", (text) => text.replace(/-----END.*\n/, "")],
    ["text before it", (text) => `x\n${text}`],
    ["text after it", (text) => `${text}x\n`],
    ["another version", (text) => bend(text, (blob) => Uint8Array.of(...blob.slice(0, 9), 2, ...blob.slice(10)))],
    [
      "a length beyond its end",
      (text) => bend(text, (blob) => Uint8Array.of(...blob.slice(0, 10), 255, 255, 255, 255)),
    ],
    [
      "SHA-256 in its place",
      (text) =>
        bend(text, (blob) => Buffer.from(Buffer.from(blob).toString("latin1").replace("sha512", "sha256"), "latin1")),
    ],
  ])("with %s is none", async (_, bent) => {
    const text = await signed();
    expect(refusalOf(() => parseSshSignature(bent(text)))).toBe("signature_file_invalid");
  });
});

describe("an SSH public key", () => {
  test("is read back, with its comment and without", () => {
    expect(parseSshKey(renderSshKey(pair.raw))).toEqual(pair.raw);
    expect(parseSshKey(renderSshKey(pair.raw, "ada@here"))).toEqual(pair.raw);
  });

  test.each(["", "ssh-ed25519", "ssh-rsa AAAA", "ssh-ed25519 AAAA", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAA==\n"])(
    "%j is none",
    (text) => {
      expect(refusalOf(() => parseSshKey(text))).toBe("key_file_invalid");
    },
  );

  test.each(["", "a b", "*", "a,b", '"a"', "!a", "a\nb"])("%j is no principal", (principal) => {
    expect(refusalOf(() => renderAllowedSigner(principal, pair.raw))).toBe("key_file_invalid");
  });
});
