/** The scope of a bump, read from conventional commits (conventionalcommits.org 1.0.0). Pure. */

import { CommitParser } from "conventional-commits-parser";
import { MAX_COMMIT_MESSAGE_CHARS } from "../core/limits.ts";
import type { EntityFile } from "../protocol/files.ts";
import type { Commit } from "./git.ts";

/** The scopes that commits can ask for. */
export type CommitScope = "major" | "minor" | "patch";

export interface ScopeOptions {
  /**
   * Only commits count that touch a file in one of these directories, as paths from the root of the checkout; "" is the
   * root and takes every commit. Left out: every commit counts.
   */
  readonly directories?: readonly string[] | undefined;
  /** The version that is bumped; needed for `zeroMajor`. */
  readonly version?: string | undefined;
  /**
   * What a breaking change asks for while the version is 0.x. `major`, and so 1.0.0, unless said otherwise: semantic-release
   * knows nothing else, and release-please does the same without its `bump-minor-pre-major`.
   */
  readonly zeroMajor?: "major" | "minor" | undefined;
}

/** A commit that asks for a new version. */
export interface CountedCommit {
  readonly sha: string;
  readonly subject: string;
  readonly scope: CommitScope;
}

export interface ScopeFinding {
  /** The largest scope that any commit asks for; null when none does: nothing to bump. */
  readonly scope: CommitScope | null;
  /** The commits that ask for something, in their own order. */
  readonly counted: readonly CountedCommit[];
  /** Commits looked at, without those outside of the directories. */
  readonly looked: number;
  /** Why, in words that go on a sentence such as "Since v1.2.3: ". */
  readonly why: string;
}

const ORDER: readonly CommitScope[] = ["patch", "minor", "major"];
const BY_TYPE: Readonly<Record<string, CommitScope>> = { feat: "minor", fix: "patch", perf: "patch", revert: "patch" };

const parser = new CommitParser({
  headerPattern: /^([\w-]+)(?:\(([^()]*)\))?!?: (.*)$/,
  breakingHeaderPattern: /^([\w-]+)(?:\(([^()]*)\))?!: (.*)$/,
  headerCorrespondence: ["type", "scope", "subject"],
  // Its own feature lets a line `-notes-` in a message overwrite any member of the result.
  fieldPattern: /(?!)/,
});

/**
 * The scope that the commits since the last tag ask for: breaking (`!` or a `BREAKING CHANGE:` footer, with any type)
 * major, `feat` minor, `fix`, `perf` and a revert patch, everything else nothing. These are the defaults of
 * semantic-release, and so is this: a commit that a later one in the list reverts counts as little as its revert.
 *
 * @param commits newest first, without merges, as `commitsSince` gives them
 *
 * @example
 * scopeOf(await commitsSince(checkout, "v1.2.3"), { directories: ["packages/a"] }).scope; // "minor"
 */
export function scopeOf(commits: readonly Commit[], options: ScopeOptions = {}): ScopeFinding {
  const { directories, version, zeroMajor = "major" } = options;
  const cap = zeroMajor === "minor" && version?.startsWith("0.") === true;
  const undone = findReverted(commits);
  const inside = commits.filter((commit) => directories === undefined || touches(commit, directories));
  const counted: CountedCommit[] = [];
  for (const commit of inside) {
    const asked = undone.has(commit.sha) ? null : scopeOfMessage(commit.message);
    if (asked === null) continue;
    const scope = cap && asked === "major" ? "minor" : asked;
    counted.push({ sha: commit.sha, subject: commit.subject, scope });
  }
  const scope = ORDER.findLast((one) => counted.some((commit) => commit.scope === one)) ?? null;
  return { scope, counted, looked: inside.length, why: explain(scope, counted, inside.length) };
}

/** What one message asks for; null for nothing. */
export function scopeOfMessage(message: string): CommitScope | null {
  const { type, breaking } = parseMessage(message);
  return breaking ? "major" : Object.hasOwn(BY_TYPE, type) ? BY_TYPE[type]! : null;
}

interface Message {
  /** In small letters: the units of a conventional commit have no case (rule 15). */
  readonly type: string;
  readonly breaking: boolean;
  /** What it takes back, for a revert: beginnings of commit ids or, where it names none, a subject. */
  readonly reverts: { readonly shas: readonly string[]; readonly subject: string | null } | null;
}

/** `git revert` writes the first; for the revert of a revert newer ones write `Reapply`. GitHub adds a number. */
const REVERT_HEADER = /^(?:(Revert) "(.+)"(?: \(#\d+\))?$|Reapply ")/;

function parseMessage(text: string): Message {
  const message = text.slice(0, MAX_COMMIT_MESSAGE_CHARS);
  // The parser throws for a text of blanks.
  if (message.trim() === "") return { type: "", breaking: false, reverts: null };
  const { type, subject, header, notes } = parser.parse(message);
  const git = REVERT_HEADER.exec(header ?? "");
  const named = git === null ? (type?.toLowerCase() ?? "") : "revert";
  const breaking = notes.length > 0;
  if (named !== "revert") return { type: named, breaking, reverts: null };
  const words = [...message.matchAll(/\bThis reverts commit ([0-9a-f]{7,64})\b/g)].map(([, sha]) => sha!);
  // The specification's own way to write it: `revert: …` with a footer `Refs: 676104e, a215868`.
  const refs = /^Refs: (.*)$/im.exec(message)?.[1]?.match(/\b[0-9a-f]{7,64}\b/g) ?? [];
  return { type: named, breaking, reverts: { shas: [...words, ...refs], subject: git?.[2] ?? subject ?? null } };
}

/** Ids of commits that are taken back within the list, and of the reverts that did nothing else. */
function findReverted(commits: readonly Commit[]): Set<string> {
  const undone = new Set<string>();
  for (const [i, commit] of commits.entries()) {
    // Newest first: a revert that was itself taken back takes nothing back.
    if (undone.has(commit.sha)) continue;
    const { reverts } = parseMessage(commit.message);
    if (reverts === null) continue;
    const older = commits.slice(i + 1).filter(({ sha }) => !undone.has(sha));
    const { shas, subject } = reverts;
    const found =
      shas.length > 0
        ? shas.map((start) => older.find(({ sha }) => sha.startsWith(start)))
        : [older.find((other) => other.subject === subject)];
    for (const target of found) if (target !== undefined) undone.add(target.sha);
    if (found.every((target) => target !== undefined)) undone.add(commit.sha);
  }
  return undone;
}

function touches({ paths }: Commit, directories: readonly string[]): boolean {
  return directories.some((directory) => {
    if (directory === "") return true;
    const start = directory.endsWith("/") ? directory : `${directory}/`;
    return paths.some((path) => path.startsWith(start));
  });
}

/**
 * The directories whose commits count for an entity: where its files are. Lock files do not count: in a workspace they
 * stand at the root and belong to every package. Without any other file it is the root, and so every commit.
 *
 * @param prefix the way from the root of the checkout to the directory that the files are given from
 */
export function directoriesOf(files: readonly EntityFile[], prefix = ""): string[] {
  const own = files.filter(({ path }) => !LOCK_FILE.test(path));
  const all = (own.length === 0 ? [""] : own.map(({ path }) => path)).map((path) => {
    const whole = prefix + path;
    return whole.slice(0, Math.max(0, whole.lastIndexOf("/")));
  });
  // A directory takes what is below it.
  return [...new Set(all)]
    .filter((one) => !all.some((other) => one !== other && (other === "" || one.startsWith(`${other}/`))))
    .sort();
}

const LOCK_FILE = /(?:^|\/)(?:package-lock\.json|npm-shrinkwrap\.json|Cargo\.lock)$/;

function explain(scope: CommitScope | null, counted: readonly CountedCommit[], looked: number): string {
  const commits = looked === 1 ? "1 commit" : `${looked} commits`;
  if (scope === null)
    return looked === 0 ? "no commits." : `${commits}, none of them breaking, feat, fix, perf or a revert.`;
  const first = counted.find((commit) => commit.scope === scope)!;
  const counts = ORDER.toReversed()
    .map((one) => [one, counted.filter((commit) => commit.scope === one).length] as const)
    .filter(([, count]) => count > 0);
  const parts = counts.map(([one, count]) => `${count} ${one}`).join(", ");
  return `${commits}, ${parts}. ${first.sha.slice(0, 12)} asks for ${scope}: ${first.subject}`;
}
