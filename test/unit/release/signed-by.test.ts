import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { HashedFile } from "../../../src/cli/release/hashing.ts";
import type { PublisherKey } from "../../../src/cli/release/key-file.ts";
import { shortKid } from "../../../src/cli/release/short-kid.ts";
import { signFiles } from "../../../src/cli/release/sidecars.ts";
import { type Keys, type SignatureKind, type Signed, signerOf } from "../../../src/cli/release/signed-by.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { importEd25519Seed } from "../../../src/core/keys.ts";
import { renderMinisignKey, signMinisign } from "../../../src/core/minisign.ts";
import { Secret } from "../../../src/core/secret.ts";
import { renderSignify } from "../../../src/core/signify.ts";
import { signSsh } from "../../../src/core/sshsig.ts";

const hash = (name: string, data: string | Uint8Array) => new Uint8Array(createHash(name).update(data).digest());

async function keyOf(label: string): Promise<PublisherKey> {
  const pair = await importEd25519Seed(new Secret(hash("sha256", `signed-by ${label}`)));
  const minisignId = hash("sha256", `id ${label}`).slice(0, 8);
  return { ...pair, minisignId, minisignKey: renderMinisignKey({ id: minisignId, publicKey: pair.raw }) };
}

const CONTENT = "the app\n";
const digests = { sha512: Buffer.from(hash("sha512", CONTENT)).toString("hex"), blake2b: hash("blake2b512", CONTENT) };
const FILE = { name: "app.tgz", path: "/app.tgz", size: 8, sha256: "", ...digests } satisfies HashedFile;
const APP: Signed = { name: "app.tgz", digests, bytes: null, version: "1.4.0" };
const SUMS: Signed = { ...APP, name: "SHA256SUMS", bytes: utf8(CONTENT) };

const [alice, bob, eve] = (await Promise.all(["alice", "bob", "eve"].map(keyOf))) as [
  PublisherKey,
  PublisherKey,
  PublisherKey,
];
const there = ({ kid, x, minisignId }: PublisherKey) => ({ kid, x, id: minisignId });
const KEYS: Keys = { publishers: [alice, bob], there: [there(alice), there(bob)] };
const signWith = (key: PublisherKey) => async (bytes: Uint8Array<ArrayBuffer>) =>
  new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, bytes));

/** Both signatures of the file by a key, as tes release makes them. */
async function made(key: PublisherKey, version = "1.4.0", file = FILE) {
  const [signed] = await signFiles(key, [file], version, 1_800_000_000_000);
  return { minisign: utf8(signed!.minisign), ssh: utf8(signed!.ssh) };
}

const who = (
  kind: SignatureKind,
  file: Uint8Array,
  { signed = APP, keys = KEYS, short = null as string | null } = {},
) => signerOf(kind, file, signed, keys, short).catch((thrown: { code: string }) => thrown.code);

describe("a signature of a file", () => {
  test("is that publisher's who made it", async () => {
    for (const key of [alice, bob]) {
      const { minisign, ssh } = await made(key);
      expect(await who("minisign", minisign)).toBe(key.kid);
      expect(await who("ssh", ssh)).toBe(key.kid);
    }
  });

  test("of another version or under another name is none of this one, though its publisher made it", async () => {
    expect(await who("minisign", (await made(alice, "1.3.0")).minisign)).toBe("release_other");
    expect(await who("minisign", (await made(alice, "1.4.0", { ...FILE, name: "b.tgz" })).minisign)).toBe(
      "release_other",
    );
    // What minisign writes by itself names no version.
    const own = { digest: digests.blake2b, trusted: "timestamp:1\tfile:app.tgz\thashed" };
    const text = await signMinisign(own, { id: alice.minisignId, sign: signWith(alice) });
    expect(await who("minisign", utf8(text))).toBe(alice.kid);
  });

  test("with an id that its key does not have would be refused by minisign, and is here", async () => {
    const own = { digest: digests.blake2b, trusted: "file:app.tgz" };
    const text = utf8(await signMinisign(own, { id: bob.minisignId, sign: signWith(alice) }));
    expect(await who("minisign", text)).toBe("key_unknown");
    // Without key files beside it nobody knows the id.
    expect(await who("minisign", text, { keys: { ...KEYS, there: [] } })).toBe(alice.kid);
  });

  test("for another purpose is none", async () => {
    const git = await signSsh(hash("sha512", CONTENT), { publicKey: alice.raw, sign: signWith(alice) }, "git");
    expect(await who("ssh", utf8(git))).toBe("signature_invalid");
  });

  test("of a stranger is told from one that was changed", async () => {
    const { minisign, ssh } = await made(eve);
    expect(await who("ssh", ssh)).toBe("key_unknown");
    expect(await who("minisign", minisign)).toBe("key_unknown");
    expect(await who("minisign", minisign, { keys: { ...KEYS, there: [there(eve)] } })).toBe("key_unknown");
    // Nothing here knows whose the id is: it may as well be a publisher's that was changed.
    expect(await who("minisign", minisign, { keys: { ...KEYS, there: [] } })).toBe("signature_invalid");
    expect(await who("minisign", minisign, { keys: { ...KEYS, there: [] }, short: shortKid(eve.kid) })).toBe(
      "key_unknown",
    );
    const changed = { ...APP, digests: { sha512: "00".repeat(64), blake2b: new Uint8Array(64) } };
    const mine = await made(alice);
    expect(await who("minisign", mine.minisign, { signed: changed })).toBe("signature_invalid");
    expect(await who("ssh", mine.ssh, { signed: changed })).toBe("signature_invalid");
  });
});

describe("a signature of SHA256SUMS", () => {
  test("raw and in signify's frame is that publisher's who made it", async () => {
    const raw = await signWith(bob)(utf8(CONTENT));
    expect(await who("openssl", raw, { signed: SUMS })).toBe(bob.kid);
    const framed = utf8(renderSignify(bob.minisignId, raw));
    expect(await who("signify", framed, { signed: SUMS })).toBe(bob.kid);
    expect(await who("signify", utf8(renderSignify(alice.minisignId, raw)), { signed: SUMS })).toBe("key_unknown");
    const other = { ...SUMS, bytes: utf8("other\n") };
    expect(await who("openssl", raw, { signed: other })).toBe("signature_invalid");
    expect(await who("openssl", raw.slice(1), { signed: SUMS })).toBe("signature_invalid");
    const strange = await signWith(eve)(utf8(CONTENT));
    expect(await who("openssl", strange, { signed: SUMS })).toBe("signature_invalid");
    expect(await who("openssl", strange, { signed: SUMS, short: shortKid(eve.kid) })).toBe("key_unknown");
  });
});

test.each(["minisign", "ssh", "signify"] as const)("%s: what is no signature file is refused", async (kind) => {
  for (const text of ["", "x", "\u0000".repeat(500)]) {
    expect(await who(kind, utf8(text), { signed: SUMS })).toBe("signature_file_invalid");
  }
  expect(await who(kind, new Uint8Array([0xff, 0xfe, 0x0a]), { signed: SUMS })).toBe("signature_file_invalid");
});
