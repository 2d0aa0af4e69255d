/** What the audit of a key finds, on both sides of each rule. */

import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { auditKey, requireGoodKey } from "../../../src/cli/keys/audit.ts";
import { isPublicKeyText } from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";
import { readShared } from "../../shared.ts";

const rulesOf = (text: string): string[] => auditKey(new Secret(text)).map(({ rule }) => rule);
const good = createHash("sha256").update("audited").digest("hex");
const withBytes = (change: (bytes: Buffer) => void): string => {
  const bytes = Buffer.from(good, "hex");
  change(bytes);
  return bytes.toString("hex");
};

test("random keys pass, in either case", () => {
  expect(rulesOf(good)).toEqual([]);
  expect(rulesOf(good.toUpperCase())).toEqual([]);
  for (let i = 0; i < 2_000; i++) expect(rulesOf(randomBytes(32).toString("hex"))).toEqual([]);
});

test.each([
  ["one character short", good.slice(1), ["length"]],
  ["one character long", `${good}0`, ["length"]],
  ["empty", "", ["length"]],
  ["not hexadecimal", `g${good.slice(1)}`, ["hex"]],
  ["both", "no key at all", ["length", "hex"]],
  ["a space before it", ` ${good}`, ["white-space"]],
  ["a line end after it", `${good}\n`, ["white-space"]],
  ["zeros", "00".repeat(32), ["repeated-bytes", "low-entropy"]],
  ["half of it twice", good.slice(0, 32).repeat(2), ["repeated-bytes", "low-entropy"]],
  ["4 equal bytes in a row", withBytes((bytes) => bytes.fill(7, 4, 8)), ["repeated-bytes"]],
  ["counting up", Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString("hex"), ["low-entropy"]],
  [
    "counting down for 8 bytes",
    withBytes((bytes) => [...Array(8).keys()].map((i) => bytes.writeUInt8(200 - 3 * i, i))),
    ["low-entropy"],
  ],
  ["text", Buffer.from("correct horse battery staple, 42").toString("hex"), ["low-entropy", "text"]],
])("%s", (_, text, rules) => {
  expect(rulesOf(text)).toEqual(rules);
  expect(() => requireGoodKey(new Secret(text))).toThrowError(expect.objectContaining({ code: "key_format" }));
});

test("3 equal bytes in a row, and 7 that count, still pass", () => {
  expect(rulesOf(withBytes((bytes) => bytes.fill(7, 4, 7)))).toEqual([]);
  expect(rulesOf(withBytes((bytes) => [...Array(7).keys()].map((i) => bytes.writeUInt8(200 - 3 * i, i))))).toEqual([]);
});

test("no message repeats any of the key", () => {
  for (const text of [good.slice(1), `${good}0`, `g${good.slice(1)}`, good.slice(0, 32).repeat(2)]) {
    const messages = JSON.stringify(auditKey(new Secret(text)));
    for (let i = 0; i + 8 <= text.length; i++) expect(messages).not.toContain(text.slice(i, i + 8));
  }
});

test("the public key is told by its hash", (context) => {
  const texts =
    readShared("seed/TES-OPS-004-B-4-2.txt")?.match(/(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])/g) ?? [];
  const found = texts.find(isPublicKeyText);
  if (found === undefined) return context.skip("the document is not there");
  expect(rulesOf(found)).toEqual(["public"]);
  expect(rulesOf(found.toUpperCase())).toEqual(["public"]);
  expect(() => requireGoodKey(new Secret(found))).toThrowError(expect.objectContaining({ code: "key_public" }));
});
