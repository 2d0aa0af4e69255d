/** The ranges that packages of one repository write when they ask for each other. Pure. */

import { compareSemver, parseSemver } from "../../core/semver.ts";

/** Whose rules: for npm a version alone is that version, for Cargo it is everything compatible. */
export type RangeDialect = "npm" | "cargo";

/** `workspace:` is pnpm's and yarn's; the version may be cut short, as in `^1.2`. */
const SIMPLE =
  /^(?<head>(?:workspace:)?(?<operator>[\^~=]?)\s*)(?<version>\d+(?:\.\d+(?:\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)?)?)$/;

interface Simple {
  readonly operator: string;
  /** Where the version begins in the text. */
  readonly at: number;
  readonly version: string;
  /** How many of major, minor and patch are written. */
  readonly parts: 1 | 2 | 3;
}

/** A range with one version in it; null for everything else (`*`, `workspace:^`, `>=1 <2`, a path, a tag). */
function parseRange(text: string): Simple | null {
  const found = SIMPLE.exec(text)?.groups;
  if (found === undefined) return null;
  const version = found.version!;
  const parts = Math.min(3, version.split(/[-+]/)[0]!.split(".").length) as 1 | 2 | 3;
  return { operator: found.operator!, at: found.head!.length, version, parts };
}

/** Whether a version is in the range. A prerelease is only where the range names one of the same three numbers. */
function includes({ operator, version, parts }: Simple, dialect: RangeDialect, candidate: string): boolean {
  const full = version + ".0".repeat(3 - parts);
  const [low, high] = [parseSemver(full), parseSemver(candidate)];
  const same = (["major", "minor", "patch"] as const).map((part) => low[part] === high[part]);
  if (high.prerelease.length > 0 && !(low.prerelease.length > 0 && same.every(Boolean))) return false;
  const kind = operator || (dialect === "cargo" ? "^" : "=");
  if (kind === "=" && parts === 3) return compareSemver(low, high) === 0;
  if (compareSemver(low, high) > 0) return false;
  // How many of the leading numbers must stay.
  const tilde = Math.min(parts, 2);
  const caret = low.major > 0 || parts === 1 ? 1 : low.minor > 0 || parts === 2 ? 2 : 3;
  return same.slice(0, kind === "^" ? caret : kind === "~" ? tilde : parts).every(Boolean);
}

/** What is done to a range when the package it asks for goes from one version to another. */
export type RangeMove =
  /** The characters from `start` to `end` become `to`. */
  | { readonly kind: "edit"; readonly start: number; readonly end: number; readonly found: string; readonly to: string }
  /** It takes the new version as it is. */
  | { readonly kind: "fits" }
  /** It is of a form that is left to people. */
  | { readonly kind: "unknown" };

/**
 * A range that names exactly the version the package had follows it; one that the new version falls out of is moved to
 * it, as changesets does; every other one stays. The operator stays, and so does how many numbers are written.
 *
 * @example
 * moveRange("^1.2.0", "npm", "1.2.0", "1.3.0"); // edit: 1.2.0 becomes 1.3.0
 * moveRange("^1.0.0", "npm", "1.2.0", "1.3.0"); // fits
 * moveRange("workspace:^", "npm", "1.2.0", "2.0.0"); // unknown: its tool fills it in
 */
export function moveRange(text: string, dialect: RangeDialect, from: string, to: string): RangeMove {
  const range = parseRange(text);
  if (range === null) return { kind: "unknown" };
  if (range.version !== from) {
    try {
      if (includes(range, dialect, to)) return { kind: "fits" };
    } catch {
      return { kind: "unknown" }; // 01.2.3 and the like.
    }
  }
  const { major, minor, patch, prerelease } = parseSemver(to);
  // A prerelease is written out, or it would be out of range; build metadata has no say in a range.
  const all = range.parts === 3 || prerelease.length > 0;
  const written = all ? to.split("+")[0]! : [major, minor, patch].slice(0, range.parts).join(".");
  return { kind: "edit", start: range.at, end: range.at + range.version.length, found: range.version, to: written };
}
