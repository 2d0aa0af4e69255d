/** Where the version stands, by the kind of file. */

import { posix } from "node:path";
import { TesError } from "../../core/errors.ts";
import { findInCargoLock, findInCargoToml } from "./cargo.ts";
import { findInJson, findInNpmLock } from "./npm.ts";
import type { Files, OwnPlace, VersionFile } from "./open.ts";
import { findByPattern } from "./pattern.ts";
import { findInPlain } from "./plain.ts";
import { findInPyproject } from "./python.ts";
import type { Span } from "./tree.ts";

/** What a place may depend on besides its own file. */
export interface Surroundings {
  readonly checkout: Files;
  /** The places of the entity's version in its other files; a lock file needs them. */
  readonly own: readonly OwnPlace[];
  /** All files of the plan. */
  readonly planned: readonly VersionFile[];
}

type Find = (file: VersionFile, around: Surroundings) => readonly Span[] | Promise<readonly Span[]>;

/** Kinds by base name, the first that fits. A wrangler configuration has no version of its own, so it is none of them. */
const KINDS: readonly (readonly [RegExp, Find])[] = [
  [/^(?:package-lock|npm-shrinkwrap)\.json$/, (file, { own }) => findInNpmLock(file, own)],
  [/^Cargo\.toml$/, (file, { planned }) => findInCargoToml(file, planned)],
  [/^Cargo\.lock$/, (file, { checkout, own }) => findInCargoLock(checkout, file, own)],
  [/^pyproject\.toml$/, findInPyproject],
  [/^\.?version(?:\.txt)?$/i, findInPlain],
  [/^(?!wrangler\.).*\.jsonc?$/i, findInJson],
];

/** Patterns for what has no kind of its own, to start from. */
const EXAMPLES: readonly (readonly [RegExp, string])[] = [
  [/^wrangler\.toml$/, '^VERSION = "([^"]+)"'],
  [/^wrangler\.jsonc?$/, '"VERSION": "([^"]+)"'],
  [/\.(?:cs|fs|vb)proj$|^Directory\.Build\.props$/, "<Version>([^<]+)</Version>"],
  [/^(?:pubspec|Chart)\.ya?ml$/, "^version: (\\S+)$"],
  [/^setup\.cfg$/, "^version = (\\S+)$"],
  [/^setup\.py$/, 'version="([^"]+)"'],
  [/\.pyi?$/, '^__version__ = "([^"]+)"'],
  [/\.gradle(?:\.kts)?$/, '^version = "([^"]+)"'],
  [/^mix\.exs$/, 'version: "([^"]+)"'],
];

/** Whether a file needs no pattern: its name says where its version stands. */
export function hasKind(path: string): boolean {
  return KINDS.some(([name]) => name.test(posix.basename(path)));
}

/**
 * The places of the version in a file: those that the pattern says, else those of its kind.
 *
 * @throws file_pattern
 */
export async function findVersion(
  file: VersionFile,
  pattern: string | undefined,
  around: Surroundings,
): Promise<readonly Span[]> {
  if (pattern !== undefined) return findByPattern(file, pattern);
  const name = posix.basename(file.target);
  const kind = KINDS.find(([known]) => known.test(name));
  if (kind !== undefined) return kind[1](file, around);
  const example = EXAMPLES.find(([known]) => known.test(name))?.[1] ?? 'VERSION = "([^"]+)"';
  throw new TesError("file_pattern", {
    field: file.path,
    detail: `${file.path} needs a pattern with one capture group around the version, for example ${example}`,
  });
}
