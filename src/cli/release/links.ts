/**
 * Symbolic links among the files of a release. What is released stays released, and `dist/*` names whatever lies there:
 * so a link inside a folder may lead to what lies in that folder, and nowhere else. One that lies where the command
 * runs was named by itself, and is followed. So is a link to a directory anywhere on the way to a file, as build tools
 * make them (`bazel-bin`): whoever releases is told where the files lie.
 */

import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";

const SHOWN_NAMES = 10;

/** A path that does not lead where it seems to. */
export interface Followed {
  /** The link: the path itself, or the first directory on the way to it that is one. */
  readonly link: string;
  /** Where the file lies. */
  readonly target: string;
}

/**
 * Where the links among some paths lead, and on the way to them. What is no link, or is not there, is passed over.
 *
 * @param cwd where the command runs
 * @param paths absolute
 * @returns what was followed, by path
 * @throws {TesError} `file_unreadable` for a link that leads to a directory, nowhere, or out of its folder
 */
export async function followLinks(cwd: string, paths: readonly string[]): Promise<ReadonlyMap<string, Followed>> {
  const followed = new Map<string, Followed>();
  const linked = new Map<string, Followed | null>();
  for (const path of paths) {
    const info = await lstat(path).catch(() => null);
    if (info === null) continue;
    if (info.isSymbolicLink()) {
      followed.set(path, { link: path, target: await targetOf(cwd, path) });
      continue;
    }
    const folder = dirname(path);
    if (!linked.has(folder)) linked.set(folder, await linkedFolder(cwd, folder));
    const through = linked.get(folder)!;
    if (through !== null) followed.set(path, { link: through.link, target: join(through.target, basename(path)) });
  }
  return followed;
}

/** What the notes say: one for each link to a file, and one for each folder behind links, which may have a thousand. */
export async function linkNotes(cwd: string, followed: ReadonlyMap<string, Followed>): Promise<string[]> {
  const here = await realpath(cwd);
  const notes: string[] = [];
  const folders = new Map<string, { readonly link: string; readonly names: string[] }>();
  for (const [path, { link, target }] of followed) {
    if (link === path) {
      notes.push(`${relative(cwd, path)} is a link: released is what lies at ${target}, as ${basename(path)}`);
      continue;
    }
    const folder = folders.get(dirname(target)) ?? { link, names: [] };
    folders.set(dirname(target), folder);
    folder.names.push(basename(path));
  }
  for (const [folder, { link, names }] of folders) {
    const more = names.length - SHOWN_NAMES;
    const which = names.slice(0, SHOWN_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
    const out = isInside(here, join(folder, "file")) ? "" : ", outside of the working directory";
    notes.push(`${relative(cwd, link)} is a link: released is what lies in ${folder}${out}: ${which}`);
  }
  return notes;
}

/** The first link among the directories that lead to one, from where the paths part; null when there is none. */
async function linkedFolder(cwd: string, folder: string): Promise<Followed | null> {
  const parts = relative(cwd, folder).split(sep);
  const up = parts.lastIndexOf("..") + 1;
  let at = join(cwd, ...parts.slice(0, up));
  for (const part of parts.slice(up)) {
    if (part === "") continue;
    at = join(at, part);
    const info = await lstat(at).catch(() => null);
    if (info?.isSymbolicLink() !== true) continue;
    const target = await realpath(folder).catch((cause: unknown) => {
      throw new TesError("file_unreadable", { detail: `${folder}: ${reasonOf(cause)}`, cause });
    });
    return { link: at, target };
  }
  return null;
}

async function targetOf(cwd: string, path: string): Promise<string> {
  const refuse = (detail: string, cause?: unknown) => new TesError("file_unreadable", { detail, cause });
  const shown = relative(cwd, path);
  const [target, info] = await Promise.all([realpath(path), stat(path)]).catch((cause: unknown) => {
    const why = codeOf(cause) === "ENOENT" ? "nothing is there" : reasonOf(cause);
    throw refuse(`${shown} is a link that cannot be followed: ${why}.`, cause);
  });
  if (info.isDirectory()) {
    throw refuse(
      `${shown} is a link to the directory ${target}. Pack that into one file first (tar, zip, npm pack), and release the file.`,
    );
  }
  const folder = dirname(path);
  if (folder === cwd || isInside(await realpath(folder), target)) return target;
  throw refuse(
    `${shown} is a link out of its folder, to ${target}, and links like that are not published. If it is meant, name that file itself, or put a copy in the place of the link.`,
  );
}

function isInside(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}
