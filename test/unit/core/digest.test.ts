import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8 } from "../../../src/core/bytes.ts";
import { contentDigest, verifyContentDigest } from "../../../src/core/digest.ts";

const content = utf8('{"hello": "world"}');
/** RFC 9530 appendix B shows these for this content. */
const SHA_256 = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
const SHA_512 = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

const refusal = (header: string): unknown => {
  try {
    verifyContentDigest(header, content);
    return "accepted";
  } catch (error) {
    return (error as { code?: string }).code;
  }
};

test("is the digest of RFC 9530", () => {
  expect(contentDigest(content)).toBe(SHA_256);
});

test("agrees with another implementation on any content", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const expected = `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;
      expect(contentDigest(bytes)).toBe(expected);
      verifyContentDigest(expected, bytes);
    }),
  );
});

test("accepts the right digest, among others of other algorithms", () => {
  expect(refusal(SHA_256)).toBe("accepted");
  expect(refusal(`${SHA_512}, ${SHA_256}`)).toBe("accepted");
  expect(refusal(`unknown=?1, ${SHA_256}`)).toBe("accepted");
});

test.each([
  ["of another content", contentDigest(utf8("other")), "digest_mismatch"],
  ["cut short", "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBA==:", "digest_mismatch"],
  ["empty", "sha-256=::", "digest_mismatch"],
  ["of sha-512 only", SHA_512, "signature_malformed"],
  ["that is no byte sequence", "sha-256=abc", "signature_malformed"],
  ["that is a list", "sha-256=(:AA==:)", "signature_malformed"],
  ["given twice", `${SHA_256}, ${SHA_256}`, "signature_malformed"],
  ["with its name in capitals", SHA_256.replace("sha", "SHA"), "signature_malformed"],
  ["that is not a field", "sha-256=:X48E", "signature_malformed"],
  ["that is absent", "", "signature_malformed"],
])("refuses a digest %s", (_name, header, code) => {
  expect(refusal(header)).toBe(code);
});
