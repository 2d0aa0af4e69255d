/**
 * Symbolic links among the files of a release. What is released stays released, and `dist/*` names whatever lies there:
 * so a link inside a folder may lead to what lies in that folder, and nowhere else. One that lies where the command
 * runs was named by itself, and is followed.
 */

import { lstat, realpath, stat } from "node:fs/promises";
import { dirname, relative, sep } from "node:path";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";

/**
 * Where the links among some paths lead. What is no link, or is not there, is passed over.
 *
 * @param cwd where the command runs
 * @param paths absolute
 * @returns the target of each link, by its path
 * @throws {TesError} `file_unreadable` for a link that leads to a directory, nowhere, or out of its folder
 */
export async function followLinks(cwd: string, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const targets = new Map<string, string>();
  for (const path of paths) {
    const isLink = await lstat(path).then(
      (info) => info.isSymbolicLink(),
      () => false,
    );
    if (isLink) targets.set(path, await targetOf(cwd, path));
  }
  return targets;
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
