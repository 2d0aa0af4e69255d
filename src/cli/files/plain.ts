/** Files that hold a version and nothing else. */

import type { VersionFile } from "./open.ts";
import { refuseFile, type Span } from "./tree.ts";

/** Longer than any version, and too short for prose without blanks. */
const ONE_WORD = /^\s*(?:v(?=\d))?([\x21-\x7e]{1,128})\s*$/d;

/**
 * The one word of a VERSION file. White space around it stays, the line feed at its end first of all; so does a `v`
 * before a number.
 *
 * @throws file_pattern
 */
export function findInPlain(file: VersionFile): Span[] {
  const place = ONE_WORD.exec(file.text)?.indices?.[1];
  if (place !== undefined) return [{ start: place[0], end: place[1] }];
  throw refuseFile(file.path, "holds more, or less, than one version: it needs a pattern with one capture group");
}
