/** docs/operations.md, and the lines that it documents: no input forges one, and no secret gets in. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Secret } from "../../../src/core/secret.ts";
import { renderEvent } from "../../../src/worker/events.ts";

const NOW = 1_800_000_000_000;
const DOCUMENT = readFileSync(join(import.meta.dirname, "../../../docs/operations.md"), "utf8");

test("the example in the document is the line that is written", () => {
  const line = renderEvent(
    "log",
    "version.bumped",
    { registry: "default", ref: "global:main", actor: "q6jUw1xCkTjxTqk8b7yWeg", index: 42, duration: 3 },
    NOW,
  );
  expect(/```json\n(.*)\n```/.exec(DOCUMENT)?.[1]).toBe(line);
});

test("every member of an event is documented", () => {
  const all = { registry: "r", ref: "x", actor: "a", index: 1, duration: 1, meta: {} };
  for (const member of Object.keys(JSON.parse(renderEvent("log", "t", all, NOW)))) {
    expect(DOCUMENT).toContain(`| \`${member}\``);
  }
});

describe("an event", () => {
  test.each(["a\nb", 'x"}\n{"id":"0x6001"', "\u2028", "\u2029", "\u0085", "\r", "\u001b[31m", "\ud800", "ü🙂"])(
    "with %j in it is one line of printable ASCII",
    (text) => {
      const line = renderEvent("socket", "t", { registry: text, ref: text, actor: text, meta: { cause: text } }, NOW);
      expect(line).toMatch(/^[\x20-\x7e]+$/);
      expect(JSON.parse(line)).toMatchObject({ id: "0x6001", ref: text, meta: { cause: text } });
    },
  );

  test("is one line of JSON whatever is in it", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (text, name) => {
        const line = renderEvent("object", "t", { registry: text, meta: { [name]: text } }, NOW);
        expect(line).toMatch(/^[\x20-\x7e]+$/);
        expect(JSON.parse(line).id).toBe("0x6001");
      }),
      { numRuns: 300 },
    );
  });

  test("holds at most 256 characters of a text, and no more", () => {
    const of = (length: number) =>
      JSON.parse(renderEvent("log", "t", { registry: "r", ref: "x".repeat(length) }, NOW)).ref;
    expect(of(256)).toBe("x".repeat(256));
    expect(of(257)).toBe(`${"x".repeat(256)}…`);
  });

  test("shows no token and no Secret", () => {
    const token = `${btoa('{"alg":"HS256"}').replaceAll("=", "")}.${btoa('{"scope":["admin"]}').replaceAll("=", "")}.c2lnbmF0dXJl`;
    const secret = new Secret("a key that must not be seen") as never;
    const line = renderEvent("object", "t", { registry: "r", meta: { cause: `Bearer ${token} refused`, secret } }, NOW);
    expect(line).not.toContain(token.split(".")[2]);
    expect(line).toContain("Bearer [token] refused");
    expect(line).not.toContain("must not be seen");
  });
});
