/** This runtime's WebCrypto, held against published vectors and against docs/formats.md. */

import { fromBase64, fromBase64Url, fromHex, toHex, utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import {
  deriveBytes,
  deriveEd25519,
  deriveHmacKey,
  ed25519Kid,
  importEd25519Public,
  importEd25519Seed,
  symmetricKid,
} from "../../../src/core/keys.ts";
import { signatureBase } from "../../../src/core/message-components.ts";
import { Secret } from "../../../src/core/secret.ts";
import { type InnerList, type Item, parseDictionary } from "../../../src/core/structured-fields.ts";
import vectors from "../../vectors/crypto.json" with { type: "json" };
import rfc9421 from "../../vectors/rfc9421.json" with { type: "json" };
import { equal, ok } from "../asserts.ts";
import type { SuiteOptions } from "../suite.ts";

const HMAC = { name: "HMAC", hash: "SHA-256" };
const REQUEST = {
  method: rfc9421.request.method,
  authority: rfc9421.request.headers.host,
  path: rfc9421.request.path,
  query: rfc9421.request.query,
  header: (name: string) => (rfc9421.request.headers as Readonly<Record<string, string>>)[name] ?? null,
};

async function hmacOf(key: CryptoKey, text: Uint8Array<ArrayBuffer>): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", key, text)));
}

/** A signature base that is made here from the request, as appendix B.2 prints it. */
function vectorOf(name: "B.2.5" | "B.2.6") {
  const vector = rfc9421.cases.find((one) => one.name === name)!;
  const { items, params } = parseDictionary(vector.signatureInput).get(vector.label) as InnerList;
  const base = signatureBase(items, params, { request: REQUEST });
  equal(base, vector.base, "signature base");
  const signature = (parseDictionary(vector.signature).get(vector.label) as Item).value as Uint8Array<ArrayBuffer>;
  return { base: utf8(base), signature };
}

export function primitivesSuite({ test }: SuiteOptions): void {
  for (const { name, seed, x, message, signature } of vectors.ed25519.tests) {
    test(`RFC 8032 ${name}: Ed25519 out of its seed signs and verifies`, async () => {
      const pair = await importEd25519Seed(new Secret(fromBase64Url(seed)!));
      equal(pair.x, x, "public key");
      const [text, wanted] = [fromHex(message)!, fromHex(signature)!];
      const made = new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, text));
      equal(toHex(made), signature, "signature");
      const key = await importEd25519Public(x);
      ok(await crypto.subtle.verify("Ed25519", key, wanted, text), "it verifies");
      for (const at of [0, 31, 32, 63]) {
        const changed = wanted.slice();
        changed[at]! ^= 1;
        ok(!(await crypto.subtle.verify("Ed25519", key, changed, text)), `it is refused with another byte ${at}`);
      }
      ok(!(await crypto.subtle.verify("Ed25519", key, wanted, utf8(`${message}.`))), "another text is refused");
    });
  }

  test("a private key cannot be taken out again", async () => {
    const { privateKey } = await importEd25519Seed(new Secret(sha256(utf8("kept"))));
    ok(!privateKey.extractable, "it says so");
    const exported = await crypto.subtle.exportKey("jwk", privateKey).then(
      () => true,
      () => false,
    );
    ok(!exported, "exporting is refused");
  });

  test("RFC 4231: HMAC-SHA-256", async () => {
    for (const { name, key, message, mac } of vectors.hmac.tests) {
      const imported = await crypto.subtle.importKey("raw", fromBase64Url(key)!, HMAC, false, ["sign"]);
      // Case 5 of the RFC shows a truncated value.
      equal((await hmacOf(imported, fromHex(message)!)).slice(0, mac.length), mac, name);
    }
  });

  test("RFC 5869: HKDF-SHA-256", async () => {
    for (const { name, ikm, salt, info, okm } of vectors.hkdf.tests) {
      const base = await crypto.subtle.importKey("raw", fromBase64Url(ikm)!, "HKDF", false, ["deriveBits"]);
      const params = { name: "HKDF", hash: "SHA-256", salt: fromHex(salt)!, info: fromHex(info)! };
      equal(toHex(new Uint8Array(await crypto.subtle.deriveBits(params, base, 4 * okm.length))), okm, name);
    }
  });

  test("docs/formats.md, Keys: what is derived from the key of the examples", async () => {
    const master = new Secret(sha256(utf8("TES demo key")));
    equal(await symmetricKid(master, "response-hmac", "default"), "3a524480d4bdf789");
    equal(await symmetricKid(master, "token-hs256", "default"), "245e0239832a9ca9");
    const { kid, x } = await deriveEd25519(master, "log-ed25519", "default");
    equal([kid, x], ["IB5bTStidfN4RaBirBQPqCrWw0UIyISqPoMBO1VMdH4", "nzp32IYoozuYO6vcmMuw56BymOAurNwUX2SqoUObIiw"]);
  });

  test("an HMAC key that never enters JavaScript is the one whose bytes were derived", async () => {
    const master = new Secret(sha256(utf8("TES demo key")));
    const bytes = (await deriveBytes(master, "response-hmac", "default")).reveal();
    const imported = await crypto.subtle.importKey("raw", bytes, HMAC, false, ["sign"]);
    const derived = await deriveHmacKey(master, "response-hmac", "default");
    equal(await hmacOf(derived, utf8("text")), await hmacOf(imported, utf8("text")));
  });

  test("RFC 8037 appendix A.3: the thumbprint of an Ed25519 key", () => {
    equal(ed25519Kid(vectors.thumbprint.x), vectors.thumbprint.kid);
  });

  test("RFC 9421 B.2.5: HMAC", async () => {
    const { base, signature } = vectorOf("B.2.5");
    const key = await crypto.subtle.importKey("raw", fromBase64(rfc9421.keys.hmac)!, HMAC, false, ["sign", "verify"]);
    equal(await hmacOf(key, base), toHex(signature));
    ok(await crypto.subtle.verify("HMAC", key, signature, base), "it verifies");
    signature[0]! ^= 1;
    ok(!(await crypto.subtle.verify("HMAC", key, signature, base)), "a changed one is refused");
  });

  test("RFC 9421 B.2.6: Ed25519", async () => {
    const { base, signature } = vectorOf("B.2.6");
    const pair = await importEd25519Seed(new Secret(fromBase64Url(rfc9421.keys.ed25519.seed)!));
    equal(pair.x, rfc9421.keys.ed25519.x, "public key");
    equal(toHex(new Uint8Array(await crypto.subtle.sign("Ed25519", pair.privateKey, base))), toHex(signature));
    ok(await crypto.subtle.verify("Ed25519", pair.publicKey, signature, base), "it verifies");
    signature[0]! ^= 1;
    ok(!(await crypto.subtle.verify("Ed25519", pair.publicKey, signature, base)), "a changed one is refused");
  });
}
