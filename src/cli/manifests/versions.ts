/** Versions as other ecosystems write them, in SemVer. Pure. */

import { parseSemver } from "../../core/semver.ts";

const PEP440 = /^(\d+)\.(\d+)(?:\.(\d+))?(?:[._-]?(a|b|rc)\.?(\d+))?$/;
const PRERELEASE: Readonly<Record<string, string>> = { a: "alpha", b: "beta", rc: "rc" };

/**
 * The SemVer version that a text means: itself, or with zeros for what is left out (`1.2`), or with Python's short
 * prereleases written out (`1.2.0rc1`). Null for what SemVer cannot say: four numbers, post-releases, words.
 *
 * @example
 * toSemver("1.2rc1"); // "1.2.0-rc.1"
 */
export function toSemver(text: string): string | null {
  const found = PEP440.exec(/^\d+$/.test(text) ? `${text}.0` : text);
  const short =
    found === null
      ? null
      : `${found[1]}.${found[2]}.${found[3] ?? "0"}${found[4] === undefined ? "" : `-${PRERELEASE[found[4]]}.${found[5]}`}`;
  for (const candidate of [text, short]) {
    if (candidate === null) continue;
    try {
      parseSemver(candidate);
      return candidate;
    } catch {
      // Not this one.
    }
  }
  return null;
}
