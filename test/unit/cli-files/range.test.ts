import fc from "fast-check";
import { satisfies } from "semver";
import { describe, expect, test } from "vitest";
import { moveRange } from "../../../src/cli/files/range.ts";

/** The range after the move; the same text when it fits; null when it is left to people. */
function rangeAfter(text: string, dialect: "npm" | "cargo", from: string, to: string): string | null {
  const move = moveRange(text, dialect, from, to);
  if (move.kind === "unknown") return null;
  return move.kind === "fits" ? text : text.slice(0, move.start) + move.to + text.slice(move.end);
}

describe("npm", () => {
  test.each([
    ["^1.2.3", "1.3.0", "^1.3.0"],
    ["~1.2.3", "1.3.0", "~1.3.0"],
    ["1.2.3", "1.3.0", "1.3.0"],
    ["=1.2.3", "1.3.0", "=1.3.0"],
    ["workspace:^1.2.3", "1.3.0", "workspace:^1.3.0"],
    ["workspace:1.2.3", "1.3.0", "workspace:1.3.0"],
    ["^1.0.0", "1.3.0", "^1.0.0"],
    ["^1.0.0", "2.0.0", "^2.0.0"],
    ["~1.1.0", "1.3.0", "~1.3.0"],
    ["^1.2", "1.3.0", "^1.2"],
    ["^1.2", "2.0.0", "^2.0"],
    ["1", "2.0.0", "2"],
    ["1.2", "1.3.0", "1.3"],
    ["^1.0.0", "1.3.0-rc.0", "^1.3.0-rc.0"],
    ["^1.2", "1.3.0-rc.0", "^1.3.0-rc.0"],
    ["^1.2.3", "1.3.0+build", "^1.3.0"],
    ["^0.2.0", "0.3.0", "^0.3.0"],
  ])("%s, 1.2.3 to %s: %s", (range, to, expected) => {
    expect(rangeAfter(range, "npm", "1.2.3", to)).toBe(expected);
  });

  test.each([
    "*",
    "",
    "latest",
    "workspace:*",
    "workspace:^",
    "workspace:../a",
    ">=1.2.3",
    ">=1.2.3 <2",
    "^1.2.3 || ^2.0.0",
    "1.2.x",
    "npm:@x/a@^1.2.3",
    "file:../a",
    "github:x/a#1.2.3",
    "01.2.4",
    "1.2.99999999999999999999",
  ])("%j is left to people", (range) => {
    expect(rangeAfter(range, "npm", "1.2.3", "2.0.0")).toBe(null);
  });
});

describe("Cargo", () => {
  test.each([
    ["1.2.3", "1.3.0", "1.3.0"],
    ["1.0.0", "1.3.0", "1.0.0"],
    ["1.2", "1.3.0", "1.2"],
    ["1", "2.0.0", "2"],
    ["0.2", "0.3.0", "0.3"],
    ["=1.2.3", "1.2.4", "=1.2.4"],
    ["= 1.2.3", "1.2.4", "= 1.2.4"],
    ["~1.2", "1.3.0", "~1.3"],
    [">=1.2.3, <2", "2.0.0", null],
    ["*", "2.0.0", null],
  ])("%s, 1.2.3 to %s: %s", (range, to, expected) => {
    expect(rangeAfter(range, "cargo", "1.2.3", to)).toBe(expected);
  });
});

test("what fits is what npm's semver says, and what was moved fits", () => {
  const number = fc.nat(2);
  const pre = fc.constantFrom("", "", "-rc.0", "-rc.1", "-beta");
  const version = fc.tuple(number, number, number, pre).map(([a, b, c, p]) => `${a}.${b}.${c}${p}`);
  const written = fc.oneof(
    version,
    number.map(String),
    fc.tuple(number, number).map((two) => two.join(".")),
  );
  fc.assert(
    fc.property(fc.constantFrom("", "^", "~", "="), written, version, fc.boolean(), (operator, base, to, cargo) => {
      const text = operator + base;
      const range = cargo && operator === "" ? `^${base}` : text;
      const moved = rangeAfter(text, cargo ? "cargo" : "npm", "none", to)!;
      expect([text, to, moved === text]).toEqual([text, to, satisfies(to, range)]);
      expect([moved, to, satisfies(to, cargo && operator === "" ? `^${moved}` : moved)]).toEqual([moved, to, true]);
    }),
    { numRuns: 2_000 },
  );
});
