import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MAX_ARTIFACT_NAME_BYTES, MAX_RELEASE_FILES } from "../../../src/core/limits.ts";
import { checkArtifactName, checkArtifactNames } from "../../../src/protocol/artifact-names.ts";
import { refusal, thrownBy } from "./samples.ts";

describe("a name that every system writes as it is", () => {
  test.each([
    "a",
    "tool-1.0.0.tgz",
    "Tool für Ärzte.zip",
    "日本語.txt",
    ".hidden",
    "a b",
    "com",
    "console.txt",
    "x".repeat(MAX_ARTIFACT_NAME_BYTES),
  ])("%s", (name) => checkArtifactName(name));
});

describe("a name that is refused", () => {
  test.each([
    "",
    ".",
    "..",
    "../a",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "C:a",
    "a\0b",
    "a\nb",
    "a\u202Eb",
    "a\u200Bb",
    "a\u00ADb",
    "e\u0301",
    " a",
    "a ",
    "a.",
    "nul",
    "NUL.txt",
    "com1.tgz",
    "con .txt",
    "CONIN$",
    "lpt\u00b9",
    "a?b",
    "a*",
    '"a"',
    "\uD800",
    "x".repeat(MAX_ARTIFACT_NAME_BYTES + 1),
    "ä".repeat(128),
    "x".repeat(4_096),
  ])("%j", (name) => {
    const error = thrownBy(() => checkArtifactName(name));
    expect(error?.code).toBe("artifact_name");
    expect(error!.detail!.length).toBeLessThan(160);
  });
});

test.each([
  ["Tool.zip", "tool.ZIP"],
  ["straße", "STRASSE"],
  ["ẞ", "ß"],
  ["ΑΣ", "ας"],
  ["ας", "ασ"],
  ["ﬁle", "file"],
  ["１", "1"],
  ["a", "a"],
])("%s and %s are one name to some systems", (a, b) => {
  expect(refusal(() => checkArtifactNames([a, "between", b]))).toBe("artifact_name_collision");
});

test("many names are checked in time that grows with their number", () => {
  const names = Array.from({ length: MAX_RELEASE_FILES }, (_, i) => `file-${i}`);
  checkArtifactNames(names);
});

test("whatever is accepted is one segment, and writes no control character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (name) => {
      if (refusal(() => checkArtifactName(name)) !== "accepted") return;
      expect(name).not.toMatch(/[/\\\p{Cc}]/u);
      expect(name).not.toBe("..");
      expect(name.normalize("NFC")).toBe(name);
    }),
    { numRuns: 2_000 },
  );
});
