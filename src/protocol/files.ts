/** The files that carry an entity's version in its publisher's checkout. */
import * as v from "valibot";
import { MAX_ENTITY_FILES, MAX_FILE_PATH_CHARS, MAX_FILE_PATTERN_CHARS } from "../core/limits.ts";

/** `m`: `^` and `$` hold for each line. `u`: by code points, and no lax escapes, so that one pattern has one meaning. */
const PATTERN_FLAGS = "mu";

/**
 * A pattern ready for use: flags `d` and `g` beside its own `m` and `u`, so that a caller can count the matches and
 * replace exactly the group.
 *
 * @throws SyntaxError for a pattern that {@link isFilePattern} refuses.
 */
export function compilePattern(pattern: string): RegExp {
  return new RegExp(pattern, `dg${PATTERN_FLAGS}`);
}

/** Whether the text is a regular expression with exactly one capture group. It is parsed, never run. */
export function isFilePattern(text: string): boolean {
  if (text.length === 0 || text.length > MAX_FILE_PATTERN_CHARS || !text.isWellFormed()) return false;
  try {
    new RegExp(text, PATTERN_FLAGS);
  } catch {
    return false;
  }
  return countGroups(text) === 1;
}

/** Capture groups of a valid pattern: every `(` outside a class, except `(?…` other than a named group `(?<name>`. */
function countGroups(pattern: string): number {
  let groups = 0;
  let inClass = false;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i];
    if (char === "\\") i++;
    else if (inClass) inClass = char !== "]";
    else if (char === "[") inClass = true;
    else if (char === "(" && (pattern[i + 1] !== "?" || /^\(\?<[^=!]/.test(pattern.slice(i, i + 4)))) groups++;
  }
  return groups;
}

/**
 * Whether the text names a file below a checkout and nothing else: relative, `/` between segments, no segment empty,
 * `.` or `..`, no backslash, no control character, no drive letter.
 */
export function isFilePath(text: string): boolean {
  if (text.length === 0 || text.length > MAX_FILE_PATH_CHARS || !text.isWellFormed()) return false;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing control characters, NUL first, is the point.
  if (/[\u0000-\u001f\u007f\\]/.test(text) || /^[A-Za-z]:/.test(text)) return false;
  return text.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** Directories whose contents git and TES write themselves, and run: `.git/hooks`, `.git/config`, the keys in `.tes`. */
const KEPT_OUT: ReadonlySet<string> = new Set([".git", "git~1", ".tes", "tes~1"]);

/**
 * Whether a path goes through `.git` or `.tes`, in any spelling that a file system may take for one of them: case,
 * dots and spaces at the end (Windows), a stream behind a colon and a short name (NTFS), letters that nobody sees (HFS+).
 */
export function isKeptOut(path: string): boolean {
  return path.split("/").some((segment) => {
    const seen = segment.replace(/\p{Default_Ignorable_Code_Point}/gu, "").toLowerCase();
    return KEPT_OUT.has(seen.replace(/:.*$/, "").replace(/[. ]+$/, ""));
  });
}

export const EntityFile = v.strictObject({
  path: v.pipe(
    v.string(),
    v.check(isFilePath, "a relative path with / between its parts, without .. or \\, at most 512 characters"),
  ),
  pattern: v.exactOptional(
    v.pipe(
      v.string(),
      v.check(
        isFilePattern,
        "a regular expression (flags m and u) with exactly one capture group, at most 512 characters",
      ),
    ),
  ),
});

/** One file: with a pattern, its one group is the version; without, the name of the file says where it stands. */
export type EntityFile = v.InferOutput<typeof EntityFile>;

/** What a log may hold: rules that came later are not applied to what was accepted before them. */
export const EntityFiles = v.pipe(
  v.array(EntityFile),
  v.maxLength(MAX_ENTITY_FILES, `at most ${MAX_ENTITY_FILES} files`),
  v.check(
    (files) => new Set(files.map(({ path, pattern }) => JSON.stringify([path, pattern]))).size === files.length,
    "the same file and pattern stand twice",
  ),
);

/** What may be declared from now on. */
export const DeclaredFiles = v.pipe(
  EntityFiles,
  v.checkItems(({ path }) => !isKeptOut(path), "nothing in .git or .tes"),
);
