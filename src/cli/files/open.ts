/** Opening the files that carry versions: inside the checkout, text, of a bounded size. */

import { readFile, realpath, stat } from "node:fs/promises";
import { basename, isAbsolute, relative, resolve, sep } from "node:path";
import { decodeUtf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { isKeptOut } from "../../protocol/files.ts";
import type { Span } from "../config/tree.ts";

/** A manifest is a few kilobytes; this bounds what a pattern runs over. */
export const MAX_VERSION_FILE_BYTES = 4_194_304;
/** npm's lock files of large workspaces reach 10 MB. No pattern runs over them. */
export const MAX_NPM_LOCK_BYTES = 16_777_216;

/** A file, as it was when it was opened. */
export interface VersionFile {
  /** As the entity names it. */
  readonly path: string;
  /** Where it really is, from the root of the checkout, symbolic links resolved, with `/`. */
  readonly target: string;
  readonly absolute: string;
  readonly bytes: Uint8Array;
  /** With its byte order mark, if it has one. */
  readonly text: string;
}

/** A place where the version of an entity stands. */
export interface OwnPlace {
  readonly file: VersionFile;
  readonly place: Span;
}

/** A checkout whose files are opened once each. */
export interface Files {
  /** Its root, symbolic links resolved. */
  readonly base: string;
  /** @throws file_unreadable */
  open(path: string): Promise<VersionFile>;
}

/**
 * Opens a checkout.
 *
 * @throws file_unreadable
 */
export async function openFiles(root: string): Promise<Files> {
  const base = await realpath(resolve(root)).catch((cause: unknown) => {
    throw new TesError("file_unreadable", { detail: `The checkout ${root} cannot be opened.`, cause });
  });
  const known = new Map<string, VersionFile>();
  return {
    base,
    async open(path) {
      const absolute = await locate(base, path);
      const file = known.get(absolute) ?? (await readText(base, absolute, path));
      known.set(absolute, file);
      return file;
    },
  };
}

function refuse(path: string, why: string, cause?: unknown): TesError {
  return new TesError("file_unreadable", { field: path, detail: `${path} ${why}.`, cause });
}

/** The real path of a declared one, kept inside the checkout. */
async function locate(base: string, path: string): Promise<string> {
  const absolute = resolve(base, path);
  if (path === "" || isAbsolute(path) || !isInside(base, absolute)) throw refuse(path, "is outside the checkout");
  const real = await realpath(absolute).catch((cause: unknown) => {
    throw refuse(path, errnoOf(cause) === "ENOENT" ? "does not exist" : "cannot be opened", cause);
  });
  if (!isInside(base, real)) throw refuse(path, "leads out of the checkout through a symbolic link");
  // Whatever an authority says: an entity that was declared before this was refused, or by another authority.
  if (isKeptOut(relative(base, real).split(sep).join("/"))) throw refuse(path, "is in .git or .tes");
  return real;
}

function isInside(base: string, path: string): boolean {
  const way = relative(base, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function readText(base: string, absolute: string, path: string): Promise<VersionFile> {
  const most = isNpmLock(absolute) ? MAX_NPM_LOCK_BYTES : MAX_VERSION_FILE_BYTES;
  const target = relative(base, absolute).split(sep).join("/");
  let bytes: Uint8Array;
  try {
    const info = await stat(absolute);
    if (!info.isFile()) throw refuse(path, "is not a file");
    if (info.size > most) throw refuse(path, `is larger than ${most} bytes`);
    bytes = await readFile(absolute);
  } catch (error) {
    throw error instanceof TesError ? error : refuse(path, "cannot be read", error);
  }
  try {
    return { path, target, absolute, bytes, text: decodeUtf8(bytes) };
  } catch (cause) {
    throw refuse(path, "is not UTF-8", cause);
  }
}

/** Lock files are found by what the other files of an entity say. */
export function isLock(path: string): boolean {
  return isNpmLock(path) || basename(path) === "Cargo.lock";
}

/** npm's two names for one format. */
export function isNpmLock(path: string): boolean {
  return /^(?:package-lock|npm-shrinkwrap)\.json$/.test(basename(path));
}

export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown error";
}
