import { applyPatch, parsePatch } from "diff";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { diffTexts } from "../../../src/cli/config/diff.ts";
import { MAX_DIFF_EDITS } from "../../../src/core/limits.ts";

const patchOf = (before: string, after: string) =>
  diffTexts(before, after, "f")
    .map(({ text }) => `${text}\n`)
    .join("");

describe("unified diffs", () => {
  test("look like this", () => {
    expect(patchOf("a\nb\nc\nd\ne\nf\ng\nh\n", "a\nb\nc\nd\nE\nf\ng\nh")).toBe(
      "--- f\n+++ f\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n-h\n+h\n\\ No newline at end of file\n",
    );
  });

  test("of equal texts are empty", () => expect(patchOf("a\n", "a\n")).toBe(""));

  test("applied by another program, lead to the second text", () => {
    const line = fc.constantFrom("a\n", "b\n", "c\r\n", "\n", "[[x]]\n", "long line of text\n");
    const text = fc
      .tuple(fc.array(line, { maxLength: 30 }), fc.constantFrom("", "tail"))
      .map(([lines, tail]) => lines.join("") + tail);
    fc.assert(
      fc.property(text, text, (before, after) => {
        if (before === after) return;
        expect(applyPatch(before, patchOf(before, after), { autoConvertLineEndings: false })).toBe(after);
      }),
      { numRuns: 300 },
    );
  });

  test("put changes far from each other in hunks of their own", () => {
    const before = Array.from({ length: 40 }, (_, i) => `${i}\n`);
    const after = before.with(2, "x\n").with(8, "y\n").with(30, "z\n");
    expect(parsePatch(patchOf(before.join(""), after.join("")))[0]!.hunks).toHaveLength(2);
  });

  test("stop looking for the shortest way at a limit, and are right all the same", () => {
    for (const length of [MAX_DIFF_EDITS / 2, MAX_DIFF_EDITS / 2 + 1]) {
      const before = Array.from({ length }, (_, i) => `old ${i}\n`).join("");
      const after = Array.from({ length }, (_, i) => `new ${i}\n`).join("");
      expect(applyPatch(before, patchOf(before, after))).toBe(after);
    }
  });
});
