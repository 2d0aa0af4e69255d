/**
 * Writing versions into the files that carry them: everything is checked first, then all files change or none.
 *
 * Only the version's own characters change: line ends, indentation, comments and a byte order mark stay as they are.
 */

import { randomBytes } from "node:crypto";
import { type FileHandle, lstat, open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { findNodeAtLocation, type ParseError, parseTree } from "jsonc-parser";
import { compareCodeUnits, decodeUtf8, equalBytes, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { compilePattern, type EntityFile, isFilePattern } from "../protocol/files.ts";

/** One entity's new version and the files that carry it. */
export interface VersionChange {
  readonly entity: string;
  /** What the files should hold now; undefined when any version may stand there. */
  readonly from?: string | undefined;
  readonly to: string;
  readonly files: readonly EntityFile[];
}

/** One place in a file where a version stands. Offsets are UTF-16 code units. */
interface Place {
  readonly entity: string;
  readonly start: number;
  readonly end: number;
  readonly found: string;
  readonly to: string;
}

/** What will happen to one file. */
export interface FileEdit {
  /** As the entity names it. */
  readonly path: string;
  /** Where it really is, symbolic links resolved. */
  readonly absolute: string;
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly changes: readonly { readonly entity: string; readonly found: string; readonly to: string }[];
}

export interface FilePlan {
  readonly edits: readonly FileEdit[];
  /** Versions in files that are not the ones the authority had. They are overwritten all the same. */
  readonly warnings: readonly string[];
}

/** A manifest is a few kilobytes; this bounds what a pattern runs over. */
export const MAX_VERSION_FILE_BYTES = 4_194_304;

/**
 * Reads every file and finds every place, and writes nothing.
 *
 * @param root the checkout; no file outside it is touched, not even through a symbolic link
 * @throws file_unreadable, file_pattern
 *
 * @example
 * const plan = await planEdits(".", [{ entity: "global:main", from: "1.0.0", to: "1.1.0", files: [{ path: "package.json" }] }]);
 * await applyEdits(plan.edits);
 */
export async function planEdits(root: string, changes: readonly VersionChange[]): Promise<FilePlan> {
  const base = await realpath(resolve(root)).catch((cause: unknown) => {
    throw new TesError("file_unreadable", { detail: `The checkout ${root} cannot be opened.`, cause });
  });
  const files = new Map<string, { path: string; bytes: Uint8Array; text: string; places: Place[] }>();
  const warnings: string[] = [];
  for (const change of changes) {
    for (const file of change.files) {
      const absolute = await locate(base, file.path);
      let known = files.get(absolute);
      if (known === undefined) {
        known = { path: file.path, ...(await readText(absolute, file.path)), places: [] };
        files.set(absolute, known);
      }
      for (const [start, end] of findVersion(known.text, file)) {
        const place = { entity: change.entity, start, end, found: known.text.slice(start, end), to: change.to };
        if (addPlace(known.places, place, file.path) && change.from !== undefined && place.found !== change.from) {
          warnings.push(`${file.path} holds ${place.found || "nothing"} where ${change.entity} was ${change.from}.`);
        }
      }
    }
  }
  const edits = [...files].map(([absolute, file]): FileEdit => {
    let after = file.text;
    for (const { start, end, to } of file.places.sort((a, b) => b.start - a.start)) {
      after = after.slice(0, start) + to + after.slice(end);
    }
    const changed = file.places.map(({ entity, found, to }) => ({ entity, found, to })).reverse();
    return { path: file.path, absolute, before: file.bytes, after: utf8(after), changes: changed };
  });
  return { edits: edits.sort((a, b) => compareCodeUnits(a.path, b.path)), warnings };
}

/** Two entities may carry their versions in one file, but not two versions in one place. */
function addPlace(places: Place[], place: Place, path: string): boolean {
  const other = places.find(({ start, end }) => start === place.start || (start < place.end && place.start < end));
  if (other === undefined) {
    places.push(place);
    return true;
  }
  if (other.start === place.start && other.end === place.end && other.to === place.to) return false;
  throw new TesError("file_pattern", {
    field: path,
    detail: `In ${path}, ${other.entity} (${other.to}) and ${place.entity} (${place.to}) claim the same place.`,
  });
}

/** The real path of a declared one, kept inside the checkout. */
async function locate(base: string, path: string): Promise<string> {
  const refuse = (why: string, cause?: unknown) =>
    new TesError("file_unreadable", { field: path, detail: `${path} ${why}.`, cause });
  const absolute = resolve(base, path);
  if (path === "" || isAbsolute(path) || !isInside(base, absolute)) throw refuse("is outside the checkout");
  const real = await realpath(absolute).catch((cause: unknown) => {
    throw refuse(errnoOf(cause) === "ENOENT" ? "does not exist" : "cannot be opened", cause);
  });
  if (!isInside(base, real)) throw refuse("leads out of the checkout through a symbolic link");
  return real;
}

function isInside(base: string, path: string): boolean {
  const way = relative(base, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function readText(absolute: string, path: string): Promise<{ bytes: Uint8Array; text: string }> {
  const refuse = (why: string, cause?: unknown) =>
    new TesError("file_unreadable", { field: path, detail: `${path} ${why}.`, cause });
  let bytes: Uint8Array;
  try {
    const info = await stat(absolute);
    if (!info.isFile()) throw refuse("is not a file");
    if (info.size > MAX_VERSION_FILE_BYTES) throw refuse(`is larger than ${MAX_VERSION_FILE_BYTES} bytes`);
    bytes = await readFile(absolute);
  } catch (error) {
    throw error instanceof TesError ? error : refuse("cannot be read", error);
  }
  try {
    return { bytes, text: decodeUtf8(bytes) };
  } catch (cause) {
    throw refuse("is not UTF-8", cause);
  }
}

/** The places of the version in a text: one by a pattern; in an npm lock file two; in any other JSON file one. */
function findVersion(text: string, file: EntityFile): readonly (readonly [number, number])[] {
  if (file.pattern !== undefined) return [findByPattern(text, file.path, file.pattern)];
  if (/\.jsonc?$/i.test(file.path)) return findInJson(text, file.path);
  throw new TesError("file_pattern", {
    field: file.path,
    detail: `${file.path} is not JSON, so it needs a pattern with one capture group around the version.`,
  });
}

function findByPattern(text: string, path: string, pattern: string): readonly [number, number] {
  const refuse = (why: string) => new TesError("file_pattern", { field: path, detail: `${path}: the pattern ${why}.` });
  if (!isFilePattern(pattern)) throw refuse("is not a regular expression with exactly one capture group");
  const matches: RegExpExecArray[] = [];
  for (const match of text.matchAll(compilePattern(pattern))) {
    matches.push(match);
    if (matches.length > 1) throw refuse("matches more than once");
  }
  const place = matches[0]?.indices?.[1];
  if (place === undefined) throw refuse(matches.length === 0 ? "does not match" : "matches without its group");
  return place;
}

function findInJson(text: string, path: string): readonly (readonly [number, number])[] {
  const refuse = (why: string) => new TesError("file_pattern", { field: path, detail: `${path} ${why}.` });
  const shift = text.startsWith("\uFEFF") ? 1 : 0;
  const errors: ParseError[] = [];
  const options = { disallowComments: !/\.jsonc$/i.test(path), allowTrailingComma: /\.jsonc$/i.test(path) };
  const tree = parseTree(text.slice(shift), errors, options);
  if (tree === undefined || errors.length > 0 || tree.type !== "object") throw refuse("is not a JSON object");
  const at = (keys: string[]): readonly [number, number] | undefined => {
    const parent = keys.length === 1 ? tree : findNodeAtLocation(tree, keys.slice(0, -1));
    const named = parent?.children?.filter((property) => property.children?.[0]?.value === keys.at(-1)) ?? [];
    if (named.length > 1) throw refuse(`has ${JSON.stringify(keys.at(-1))} twice`);
    const node = named[0]?.children?.[1];
    if (node === undefined) return undefined;
    if (node.type !== "string") throw refuse("has a version that is not a string");
    return [node.offset + 1 + shift, node.offset + node.length - 1 + shift];
  };
  const top = at(["version"]);
  if (top === undefined) throw refuse('has no "version" at its top level');
  // npm writes the package's own version a second time, under the empty path.
  const own = /^(package-lock|npm-shrinkwrap)\.json$/.test(basename(path))
    ? at(["packages", "", "version"])
    : undefined;
  return own === undefined ? [top] : [top, own];
}

export interface ApplyOptions {
  /** The command that finishes the work after a failure. */
  readonly finish?: string | undefined;
  /** For tests: something to do between two files. */
  readonly beforeRename?: ((absolute: string) => Promise<void>) | undefined;
}

/**
 * Writes a plan: all files or none. New contents are staged beside the files and renamed over them; when one rename
 * fails, the files that were already replaced get their old bytes back.
 *
 * @returns the paths that were written
 * @throws conflict when a file changed since the plan was made, file_unwritable
 */
export async function applyEdits(edits: readonly FileEdit[], options: ApplyOptions = {}): Promise<string[]> {
  const due = edits.filter(({ before, after }) => !equalBytes(before, after));
  const finish = options.finish === undefined ? "" : ` Finish with: ${options.finish}`;
  const staged: { edit: FileEdit; temporary: string }[] = [];
  const done: FileEdit[] = [];
  try {
    for (const edit of due) {
      const temporary = await stage(edit.absolute, edit.after).catch((cause: unknown) => {
        throw unwritable(edit, cause, `No file was changed.${finish}`);
      });
      staged.push({ edit, temporary });
    }
    for (const edit of due) {
      const now = await readFile(edit.absolute).catch(() => undefined);
      if (now === undefined || !equalBytes(now, edit.before)) {
        const detail = `${edit.path} changed while its new version was prepared. No file was changed.${finish}`;
        throw new TesError("conflict", { field: edit.path, detail });
      }
    }
    for (const { edit, temporary } of staged) {
      try {
        await options.beforeRename?.(edit.absolute);
        await rename(temporary, edit.absolute);
      } catch (cause) {
        throw unwritable(edit, cause, `${await putBack(done)}${finish}`);
      }
      done.push(edit);
    }
  } finally {
    await Promise.all(staged.map(({ temporary }) => rm(temporary, { force: true })));
  }
  return due.map(({ path }) => path);
}

function unwritable(edit: FileEdit, cause: unknown, then: string): TesError {
  const detail = `${edit.path} could not be written (${errnoOf(cause)}). ${then}`;
  return new TesError("file_unwritable", { field: edit.path, detail, cause });
}

/** Gives files their old bytes back, and says in words how that went. */
async function putBack(done: readonly FileEdit[]): Promise<string> {
  const lost: string[] = [];
  for (const edit of done) {
    try {
      await rename(await stage(edit.absolute, edit.before), edit.absolute);
    } catch {
      lost.push(edit.path);
    }
  }
  if (lost.length > 0) return `These files hold the new version and could not be put back: ${lost.join(", ")}.`;
  return done.length === 0 ? "No file was changed." : `The files already written were put back (${done.length}).`;
}

/** Writes bytes to a new file beside `absolute`, with its mode, and on the disk before it is renamed. */
async function stage(absolute: string, bytes: Uint8Array): Promise<string> {
  const { mode } = await lstat(absolute);
  const temporary = join(dirname(absolute), `.${basename(absolute)}.tes-${randomBytes(6).toString("hex")}`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(temporary, "wx", mode & 0o777);
    await handle.chmod(mode & 0o777);
    await handle.writeFile(bytes);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle?.close();
  }
  return temporary;
}

function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
