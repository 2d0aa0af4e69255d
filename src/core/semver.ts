/** SemVer 2.0.0: reading, ordering and the next version. */

import { TesError } from "./errors.ts";
import { MAX_SEMVER_CHARS } from "./limits.ts";

/** A version in parts. Numeric prerelease identifiers are numbers. */
export interface Semver {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: readonly (string | number)[];
  readonly build: readonly string[];
}

/** By what a version is incremented, as in npm's `semver.inc`. */
export const SCOPES = ["major", "minor", "patch", "premajor", "preminor", "prepatch", "prerelease", "release"] as const;
export type Scope = (typeof SCOPES)[number];

// The grammar of semver.org, section "Backus–Naur Form Grammar".
const NUMERIC = "(?:0|[1-9][0-9]*)";
const PRERELEASE_PART = `(?:${NUMERIC}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)`;
const PRERELEASE = `${PRERELEASE_PART}(?:\\.${PRERELEASE_PART})*`;
const BUILD = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const SEMVER = new RegExp(`^(${NUMERIC})\\.(${NUMERIC})\\.(${NUMERIC})(?:-(${PRERELEASE}))?(?:\\+(${BUILD}))?$`);
const PREID = new RegExp(`^${PRERELEASE}$`);

/**
 * Reads a SemVer 2.0.0 version of at most 64 characters whose numbers are at most 2^53 − 1.
 *
 * @throws semver_invalid
 * @example
 * parseSemver("1.2.3-rc.1").prerelease; // ["rc", 1]
 */
export function parseSemver(text: string): Semver {
  if (text.length > MAX_SEMVER_CHARS) {
    throw new TesError("semver_invalid", { detail: `It has more than ${MAX_SEMVER_CHARS} characters.` });
  }
  const found = SEMVER.exec(text);
  if (found === null) throw new TesError("semver_invalid");
  const [, major, minor, patch, prerelease, build] = found;
  return {
    major: numeric(major!),
    minor: numeric(minor!),
    patch: numeric(patch!),
    prerelease: prerelease?.split(".").map(identifier) ?? [],
    build: build?.split(".") ?? [],
  };
}

function identifier(text: string): string | number {
  return /^[0-9]+$/.test(text) ? numeric(text) : text;
}

function numeric(digits: string): number {
  const value = Number(digits);
  // Beyond, two versions could compare equal.
  if (!Number.isSafeInteger(value)) throw new TesError("semver_invalid", { detail: "A number is above 2^53 − 1." });
  return value;
}

/** The text of a version. */
export function formatSemver({ major, minor, patch, prerelease, build }: Semver): string {
  const pre = prerelease.length === 0 ? "" : `-${prerelease.join(".")}`;
  const meta = build.length === 0 ? "" : `+${build.join(".")}`;
  return `${major}.${minor}.${patch}${pre}${meta}`;
}

/**
 * Orders by precedence (SemVer section 11): -1 when `a` comes first, 0 when only build metadata differs.
 *
 * @throws semver_invalid for a text that is none
 */
export function compareSemver(left: Semver | string, right: Semver | string): number {
  const a = typeof left === "string" ? parseSemver(left) : left;
  const b = typeof right === "string" ? parseSemver(right) : right;
  return (
    Math.sign(a.major - b.major) ||
    Math.sign(a.minor - b.minor) ||
    Math.sign(a.patch - b.patch) ||
    comparePrerelease(a.prerelease, b.prerelease)
  );
}

function comparePrerelease(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  // Without a prerelease is the release itself, which comes last.
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareIdentifier(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return Math.sign(a.length - b.length);
}

function compareIdentifier(a: string | number, b: string | number): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The next version, with the rules of npm's `semver.inc`: a prerelease is finished before a number moves (`patch` of
 * 1.2.3-rc.1 is 1.2.3), `release` drops the prerelease, build metadata is dropped.
 *
 * One rule more: the result always orders after `version`, so that no version is ever handed out twice. npm would take
 * 1.0.0-beta.1 with the preid `alpha` back to 1.0.0-alpha.0; here that is refused.
 *
 * `preid` counts for the `pre…` scopes only.
 *
 * @throws semver_invalid, version_overflow, invalid_field
 * @example
 * incrementSemver("1.2.3", "prerelease", "rc"); // "1.2.4-rc.0"
 */
export function incrementSemver(version: string, scope: Scope, preid?: string): string {
  const current = parseSemver(version);
  if (preid !== undefined && (preid.length > MAX_SEMVER_CHARS || !PREID.test(preid))) {
    throw new TesError("invalid_field", { field: "preid", detail: "It is not a SemVer prerelease identifier." });
  }
  const next = increment(current, scope, preid?.split(".").map(identifier));
  if (compareSemver(next, current) <= 0) {
    throw new TesError("invalid_field", {
      field: "preid",
      detail: `${formatSemver(next)} would not come after ${version}.`,
    });
  }
  const text = formatSemver(next);
  if (text.length > MAX_SEMVER_CHARS) {
    throw new TesError("semver_invalid", { detail: `It would have more than ${MAX_SEMVER_CHARS} characters.` });
  }
  return text;
}

function increment(current: Semver, scope: Scope, preid: readonly (string | number)[] | undefined): Semver {
  const { major, minor, patch, prerelease } = current;
  const pre = prerelease.length > 0;
  switch (scope) {
    case "major":
      return plain(pre && minor === 0 && patch === 0 ? major : up(major), 0, 0);
    case "minor":
      return plain(major, pre && patch === 0 ? minor : up(minor), 0);
    case "patch":
      return plain(major, minor, pre ? patch : up(patch));
    case "premajor":
      return plain(up(major), 0, 0, [...(preid ?? []), 0]);
    case "preminor":
      return plain(major, up(minor), 0, [...(preid ?? []), 0]);
    case "prepatch":
      return plain(major, minor, up(patch), [...(preid ?? []), 0]);
    case "prerelease":
      if (!pre) return plain(major, minor, up(patch), [...(preid ?? []), 0]);
      return plain(major, minor, patch, nextPrerelease(prerelease, preid));
    case "release":
      if (!pre) throw new TesError("invalid_field", { field: "scope", detail: "The version is no prerelease." });
      return plain(major, minor, patch);
    default:
      throw new TesError("invalid_field", { field: "scope", detail: `One of ${SCOPES.join(", ")}.` });
  }
}

/** Moves the last number on, or starts one; a preid that is not there yet starts its own count. */
function nextPrerelease(
  current: readonly (string | number)[],
  preid: readonly (string | number)[] | undefined,
): readonly (string | number)[] {
  const last = current.findLastIndex((part) => typeof part === "number");
  const moved = last < 0 ? [...current, 0] : current.with(last, up(current[last] as number));
  if (preid === undefined) return moved;
  const kept = preid.every((part, i) => moved[i] === part) && typeof moved[preid.length] === "number";
  return kept ? moved : [...preid, 0];
}

function plain(major: number, minor: number, patch: number, prerelease: readonly (string | number)[] = []): Semver {
  return { major, minor, patch, prerelease, build: [] };
}

function up(value: number): number {
  if (value >= Number.MAX_SAFE_INTEGER) throw new TesError("version_overflow");
  return value + 1;
}
