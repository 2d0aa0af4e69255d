/** The place of a version by a pattern: exactly one match, exactly one group. */

import { TesError } from "../../core/errors.ts";
import { compilePattern, isFilePattern } from "../../protocol/files.ts";
import type { VersionFile } from "./open.ts";
import type { Span } from "./tree.ts";

/** @throws file_pattern */
export function findByPattern({ text, path }: VersionFile, pattern: string): Span[] {
  const refuse = (why: string) => new TesError("file_pattern", { field: path, detail: `${path}: the pattern ${why}.` });
  if (!isFilePattern(pattern)) throw refuse("is not a regular expression with exactly one capture group");
  const matches: RegExpExecArray[] = [];
  for (const match of text.matchAll(compilePattern(pattern))) {
    matches.push(match);
    if (matches.length > 1) throw refuse("matches more than once");
  }
  const place = matches[0]?.indices?.[1];
  if (place === undefined) throw refuse(matches.length === 0 ? "does not match" : "matches without its group");
  return [{ start: place[0], end: place[1] }];
}
