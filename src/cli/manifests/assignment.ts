/** Patterns for a version that stands in a line of code. Pure. */

import { TesError } from "../../core/errors.ts";
import { MAX_FILE_PATTERN_CHARS } from "../../core/limits.ts";
import type { VersionFile } from "../files/open.ts";
import { findByPattern } from "../files/pattern.ts";

/** Python's `__version__ = "1.2.3"`, also with a type. */
const ASSIGNMENT = /^(?:__version__|VERSION)(?:\s*:\s*[\w.[\]]+)?\s*=\s*(["'])(?=[^"'\n]*\1)/m;

/** A pattern for the one line that assigns the version; null when there is none, or more than one. */
export function findAssignment(file: VersionFile): string | null {
  const found = ASSIGNMENT.exec(file.text);
  return found === null ? null : patternAfter(file, `^${escapePattern(found[0])}`, found[1]!);
}

/**
 * A pattern for what stands between a text and a quote.
 *
 * @param before the beginning of the pattern, escaped
 * @returns null when it would be too long, or match more or less than once
 */
export function patternAfter(file: VersionFile, before: string, quote: string): string | null {
  const pattern = `${before}([^${quote}]+)${quote}`;
  if (pattern.length > MAX_FILE_PATTERN_CHARS) return null;
  try {
    findByPattern(file, pattern);
    return pattern;
  } catch (error) {
    if (error instanceof TesError) return null;
    throw error;
  }
}

/** Every character of a text by itself, under the flag `u`. */
export function escapePattern(text: string): string {
  const escaped = text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  return escaped.replaceAll("\t", "\\t").replaceAll("\r", "\\r").replaceAll("\n", "\\n");
}
