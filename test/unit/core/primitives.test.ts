/** The runtime's own primitives, held against published vectors: everything here stands on them. */

import { describe, expect, test } from "vitest";
import { fromBase64Url, fromHex, toBase64Url, toHex } from "../../../src/core/bytes.ts";
import { importEd25519Public } from "../../../src/core/keys.ts";
import { readShared } from "../../shared.ts";
import vectors from "../../vectors/crypto.json";

async function hmac(key: Uint8Array<ArrayBuffer>, message: Uint8Array<ArrayBuffer>): Promise<string> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return toHex(new Uint8Array(await crypto.subtle.sign("HMAC", imported, message)));
}

interface HkdfInput {
  readonly ikm: Uint8Array<ArrayBuffer>;
  readonly salt: string;
  readonly info: string;
  readonly bytes: number;
}

async function hkdf({ ikm, salt, info, bytes }: HkdfInput): Promise<string> {
  const base = await crypto.subtle.importKey("raw", ikm, "HKDF", false, ["deriveBits"]);
  const params = { name: "HKDF", hash: "SHA-256", salt: fromHex(salt)!, info: fromHex(info)! };
  return toHex(new Uint8Array(await crypto.subtle.deriveBits(params, base, 8 * bytes)));
}

test.each(vectors.hmac.tests)("HMAC-SHA-256, RFC 4231 $name", async ({ key, message, mac }) => {
  // Case 5 of the RFC shows a truncated value.
  expect((await hmac(fromBase64Url(key)!, fromHex(message)!)).slice(0, mac.length)).toBe(mac);
});

test.each(vectors.hkdf.tests)("HKDF-SHA-256, RFC 5869 $name", async ({ ikm, salt, info, okm }) => {
  expect(await hkdf({ ikm: fromBase64Url(ikm)!, salt, info, bytes: okm.length / 2 })).toBe(okm);
});

interface WycheproofFile<Group> {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}

type WycheproofTest = { readonly tcId: number; readonly result: "valid" | "invalid" | "acceptable" };

/** Runs a file's tests by `holds`, which says whether the primitive accepts one; null when the file is absent. */
async function wycheproof<Group extends { readonly tests: readonly WycheproofTest[] }>(
  name: string,
  holds: (one: Group["tests"][number], group: Group) => Promise<boolean>,
): Promise<void> {
  const text = readShared(`vectors/wycheproof/${name}`);
  if (text === null) return;
  const file: WycheproofFile<Group> = JSON.parse(text);
  const wrong: number[] = [];
  let run = 0;
  for (const group of file.testGroups) {
    for (const one of group.tests) {
      run++;
      if ((await holds(one, group)) !== (one.result === "valid")) wrong.push(one.tcId);
    }
  }
  expect({ run, wrong }).toEqual({ run: file.numberOfTests, wrong: [] });
}

describe("Wycheproof", () => {
  test("Ed25519", async () => {
    interface Group {
      readonly publicKey: { readonly pk: string };
      readonly tests: readonly (WycheproofTest & { readonly msg: string; readonly sig: string })[];
    }
    await wycheproof<Group>("ed25519_test.json", async ({ msg, sig }, { publicKey }) => {
      const key = await importEd25519Public(toBase64Url(fromHex(publicKey.pk)!));
      return crypto.subtle.verify("Ed25519", key, fromHex(sig)!, fromHex(msg)!);
    });
  });

  test("HMAC-SHA-256", async () => {
    interface Group {
      readonly tagSize: number;
      readonly tests: readonly (WycheproofTest & {
        readonly key: string;
        readonly msg: string;
        readonly tag: string;
      })[];
    }
    await wycheproof<Group>("hmac_sha256_test.json", async ({ key, msg, tag }, { tagSize }) => {
      return (await hmac(fromHex(key)!, fromHex(msg)!)).slice(0, tagSize / 4) === tag;
    });
  });

  test("HKDF-SHA-256", async () => {
    interface Test {
      readonly ikm: string;
      readonly salt: string;
      readonly info: string;
      readonly size: number;
      readonly okm: string;
    }
    interface Group {
      readonly tests: readonly (WycheproofTest & Test)[];
    }
    await wycheproof<Group>("hkdf_sha256_test.json", async ({ ikm, salt, info, size, okm }) => {
      // RFC 5869: at most 255 blocks; the runtime refuses by an exception.
      return hkdf({ ikm: fromHex(ikm)!, salt, info, bytes: size }).then(
        (made) => made === okm,
        () => false,
      );
    });
  });
});
