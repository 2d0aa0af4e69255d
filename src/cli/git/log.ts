/** What `git log` prints, read into commits. Pure. */

import { TesError } from "../../core/errors.ts";

/** A commit that is no merge. */
export interface Commit {
  readonly sha: string;
  /** The first paragraph, on one line. */
  readonly subject: string;
  /** The whole message, as it was written. */
  readonly message: string;
  /** `Key: value` lines at its end, as git reads them, unfolded. */
  readonly trailers: readonly { readonly key: string; readonly value: string }[];
  /** Paths that it added, changed or removed, from the root of the checkout; a renamed file stands with both names. */
  readonly paths: readonly string[];
}

/**
 * The arguments whose output {@link parseLog} reads. Each record begins with an empty field, so that it cannot be
 * taken for one more path of the record before: a path is never empty.
 */
export const LOG_FORMAT = [
  "-z",
  "--name-only",
  "--no-renames",
  "--no-color",
  "--no-show-signature",
  "--no-ext-diff",
  "--root",
  "--encoding=UTF-8",
  "--format=%x00%H%x00%s%x00%B%x00%(trailers:only=true,unfold=true)%x00",
];

/** @throws git_failed for an output of another shape */
export function parseLog(text: string): Commit[] {
  const fields = text.split("\0");
  const commits: Commit[] = [];
  let at = 0;
  while (at < fields.length - 1) {
    const [start, sha, subject, message, trailers, end] = fields.slice(at, at + 6);
    if (start !== "" || end !== "" || !/^[0-9a-f]{40,64}$/.test(sha ?? "")) {
      throw new TesError("git_failed", { detail: "git log: its output cannot be read" });
    }
    at += 6;
    const paths: string[] = [];
    // git ends the message with a line feed before the first path.
    for (; at < fields.length - 1 && fields[at] !== ""; at++) {
      paths.push(paths.length === 0 ? fields[at]!.replace(/^\n/, "") : fields[at]!);
    }
    commits.push({ sha: sha!, subject: subject!, message: message!, trailers: parseTrailers(trailers!), paths });
  }
  return commits;
}

function parseTrailers(text: string): { key: string; value: string }[] {
  return text.split("\n").flatMap((line) => {
    const colon = line.indexOf(":");
    return colon < 1 ? [] : [{ key: line.slice(0, colon), value: line.slice(colon + 1).trim() }];
  });
}
