import fc from "fast-check";
import npm from "semver";
import { describe, expect, test } from "vitest";
import { MAX_SEMVER_CHARS } from "../../../src/core/limits.ts";
import { compareSemver, formatSemver, incrementSemver, parseSemver, SCOPES } from "../../../src/core/semver.ts";
import vectors from "../../vectors/semver.json";
import { refusalOf } from "./refusal.ts";

const MAX = Number.MAX_SAFE_INTEGER;

describe("the texts of semver.org", () => {
  test.each(vectors.valid)("%s is a version, and is written as it was read", (text) => {
    expect(formatSemver(parseSemver(text))).toBe(text);
    expect(npm.valid(text)).not.toBeNull();
  });

  test.each(vectors.invalid)("%s is none", (text) => {
    expect(refusalOf(() => parseSemver(text))).toBe("semver_invalid");
  });

  test.each(vectors.validButPastOurNumbers)("%s is refused, although it is one", (text) => {
    expect(refusalOf(() => parseSemver(text))).toBe("semver_invalid");
  });

  test.each(vectors.ascending.map((texts) => [texts.join(" < "), texts] as const))("%s", (_, texts) => {
    for (const [i, left] of texts.entries()) {
      for (const [j, right] of texts.entries()) expect(compareSemver(left, right)).toBe(Math.sign(i - j));
    }
  });
});

describe("parseSemver", () => {
  test("takes a version apart", () => {
    expect(parseSemver("1.2.3-rc.1.0a+build.007")).toEqual({
      major: 1,
      minor: 2,
      patch: 3,
      prerelease: ["rc", 1, "0a"],
      build: ["build", "007"],
    });
  });

  test.each([
    ["as long as it may be", `1.0.0-${"a".repeat(MAX_SEMVER_CHARS - 6)}`, "accepted"],
    ["one character longer", `1.0.0-${"a".repeat(MAX_SEMVER_CHARS - 5)}`, "semver_invalid"],
    ["at the end of numbers", `${MAX}.${MAX}.${MAX}`, "accepted"],
    ["one past the end of numbers", `${MAX + 1}.0.0`, "semver_invalid"],
    ["past it in its prerelease", `1.0.0-rc.${MAX + 1}`, "semver_invalid"],
    ["with a v", "v1.0.0", "semver_invalid"],
    ["with a space", " 1.0.0", "semver_invalid"],
    ["with a line end", "1.0.0\n", "semver_invalid"],
    ["in other digits", "１.0.0", "semver_invalid"],
    ["with a letter past ASCII", "1.0.0-ä", "semver_invalid"],
    ["negative", "-1.0.0", "semver_invalid"],
    ["empty", "", "semver_invalid"],
  ])("a text %s", (_, text, expected) => {
    expect(refusalOf(() => parseSemver(text))).toBe(expected);
  });

  test("a long hostile text is refused at once", () => {
    expect(refusalOf(() => parseSemver(`1.0.0-${"1.".repeat(1_000_000)}`))).toBe("semver_invalid");
  });
});

const small = fc.nat(3);
const identifier = fc.oneof(
  small.map(String),
  fc.constantFrom("alpha", "beta", "rc", "0a", "-", "a-1", "--", "A", "Z"),
);
const prerelease = fc.array(identifier, { maxLength: 3 }).map((parts) => (parts.length ? `-${parts.join(".")}` : ""));
const build = fc.constantFrom("", "", "+b", "+001.sha-5");
const version = fc
  .tuple(small, small, small, prerelease, build)
  .map(([major, minor, patch, pre, meta]) => `${major}.${minor}.${patch}${pre}${meta}`);

test("versions are ordered as npm orders them, and whether as texts or as parts is the same", () => {
  fc.assert(
    fc.property(version, version, (left, right) => {
      const expected = npm.compare(left, right);
      expect(compareSemver(left, right)).toBe(expected);
      expect(compareSemver(parseSemver(left), parseSemver(right))).toBe(expected);
    }),
    { numRuns: 2_000 },
  );
});

describe("incrementSemver", () => {
  test.each([
    ["1.2.3", "major", undefined, "2.0.0"],
    ["1.2.3", "minor", undefined, "1.3.0"],
    ["1.2.3", "patch", undefined, "1.2.4"],
    ["1.2.3", "premajor", "rc", "2.0.0-rc.0"],
    ["1.2.3", "preminor", undefined, "1.3.0-0"],
    ["1.2.3", "prepatch", "rc", "1.2.4-rc.0"],
    ["1.2.3", "prerelease", "rc", "1.2.4-rc.0"],
    ["1.2.4-rc.0", "prerelease", "rc", "1.2.4-rc.1"],
    ["1.2.4-rc", "prerelease", "rc", "1.2.4-rc.0"],
    ["1.2.4-alpha.3", "prerelease", "rc", "1.2.4-rc.0"],
    ["1.2.4-rc.1", "patch", undefined, "1.2.4"],
    ["1.3.0-rc.1", "minor", undefined, "1.3.0"],
    ["1.2.4-rc.1", "minor", undefined, "1.3.0"],
    ["2.0.0-rc.1", "major", undefined, "2.0.0"],
    ["1.2.4-rc.1", "release", undefined, "1.2.4"],
    ["1.2.3+build.5", "patch", undefined, "1.2.4"],
  ] as const)("%s by %s %s is %s", (from, scope, preid, to) => {
    expect(incrementSemver(from, scope, preid)).toBe(to);
  });

  test.each([
    ["the end of numbers", () => incrementSemver(`${MAX}.0.0`, "major"), "version_overflow"],
    ["the end of minor numbers", () => incrementSemver(`0.${MAX}.0`, "preminor"), "version_overflow"],
    ["the end of prerelease numbers", () => incrementSemver(`1.0.0-rc.${MAX}`, "prerelease"), "version_overflow"],
    ["the last number", () => incrementSemver(`${MAX - 1}.0.0`, "major"), "accepted"],
    ["a preid that leads down", () => incrementSemver("1.0.0-beta.1", "prerelease", "alpha"), "invalid_field"],
    ["a preid that is none", () => incrementSemver("1.0.0", "prerelease", "a_b"), "invalid_field"],
    ["a number with a zero before it as preid", () => incrementSemver("1.0.0", "prerelease", "01"), "invalid_field"],
    ["a release of a release", () => incrementSemver("1.0.0", "release"), "invalid_field"],
    ["a scope that is none", () => incrementSemver("1.0.0", "toString" as "major"), "invalid_field"],
    ["a version that is none", () => incrementSemver("1.0", "major"), "semver_invalid"],
    [
      "a result as long as it may be",
      () => incrementSemver(`1.0.0-${"a".repeat(MAX_SEMVER_CHARS - 8)}.1`, "prerelease"),
      "accepted",
    ],
    [
      "a result too long",
      () => incrementSemver(`1.0.0-${"a".repeat(MAX_SEMVER_CHARS - 8)}.9`, "prerelease"),
      "semver_invalid",
    ],
  ])("%s", (_, work, expected) => {
    expect(refusalOf(work)).toBe(expected);
  });

  test("gives what npm gives, or refuses because npm's would not come after", () => {
    let agreed = 0;
    fc.assert(
      fc.property(version, fc.constantFrom(...SCOPES), fc.constantFrom(undefined, "alpha", "rc"), (from, scope, id) => {
        const preid = scope.startsWith("pre") ? id : undefined;
        let theirs: string | null;
        try {
          theirs = preid === undefined ? npm.inc(from, scope) : npm.inc(from, scope, preid);
        } catch {
          // npm throws for what it will not increment: a release of what is no prerelease.
          theirs = null;
        }
        if (theirs !== null && npm.compare(theirs, from) > 0) {
          expect(incrementSemver(from, scope, preid)).toBe(theirs);
          agreed++;
        } else expect(refusalOf(() => incrementSemver(from, scope, preid))).toBe("invalid_field");
      }),
      { numRuns: 2_000 },
    );
    expect(agreed).toBeGreaterThan(1_000);
  });

  test("always leads up", () => {
    fc.assert(
      fc.property(version, fc.constantFrom(...SCOPES), (from, scope) => {
        if (refusalOf(() => incrementSemver(from, scope)) !== "accepted") return;
        expect(compareSemver(incrementSemver(from, scope), from)).toBe(1);
      }),
      { numRuns: 1_000 },
    );
  });
});
