/** The files of a release, from the paths that were named: checked by name before anything is read, then hashed. */

import { basename, resolve } from "node:path";
import { TesError } from "../../core/errors.ts";
import { MAX_ARTIFACT_BYTES, MAX_RELEASE_FILES } from "../../core/limits.ts";
import { checkArtifactName, checkArtifactNames } from "../../protocol/artifact-names.ts";
import type { Subject } from "../../protocol/intoto.ts";
import { type CommandIo, printNote } from "../output.ts";
import { type HashedFile, hashFile, openFile } from "./hashing.ts";
import { followLinks, linkNotes } from "./links.ts";
import { mediaTypeOf } from "./media-type.ts";
import { openProgress, showBytes } from "./progress.ts";

/**
 * Hashes the files, with a bar. What is wrong with a name, and two names that some system takes for one, is told before
 * the first byte is read, and so is where links lead.
 *
 * @param paths as they were typed
 * @throws {TesError} `artifact_limit`, `artifact_name`, `artifact_name_collision`, `file_unreadable`, `file_changed`
 */
export async function gatherFiles(io: CommandIo, paths: readonly string[]): Promise<HashedFile[]> {
  if (paths.length > MAX_RELEASE_FILES) {
    throw new TesError("artifact_limit", { detail: `${paths.length} files, and ${MAX_RELEASE_FILES} are allowed.` });
  }
  const files = paths.map((path) => resolve(io.cwd, path));
  const names = files.map((path) => basename(path));
  for (const name of names) checkArtifactName(name);
  checkArtifactNames(names);
  const links = await followLinks(io.cwd, files);
  for (const note of await linkNotes(io.cwd, links)) printNote(io, note);
  let total = 0;
  for (const path of files) {
    const { file, size } = await openFile(path);
    await file.close();
    if (size > MAX_ARTIFACT_BYTES) throw new TesError("artifact_limit", { detail: `${path} has ${showBytes(size)}.` });
    total += size;
  }
  const bar = openProgress(io, "hashing", total);
  try {
    const hashed: HashedFile[] = [];
    // One after the other: a disk reads one file faster than two at once.
    for (const path of files) {
      const target = links.get(path)?.target;
      hashed.push({ ...(await hashFile(path, bar.add)), ...(target === undefined ? {} : { target }) });
    }
    return hashed.sort((a, b) => (a.name < b.name ? -1 : 1));
  } finally {
    bar.end();
  }
}

/** What the files are in the statement that is signed. */
export function subjectsOf(files: readonly HashedFile[], urlOf: ((name: string) => string) | null): Subject[] {
  return files.map(({ name, size, sha256, sha512 }) => ({
    name,
    size,
    sha256,
    sha512,
    mediaType: mediaTypeOf(name),
    ...(urlOf === null ? {} : { downloadLocation: urlOf(name) }),
  }));
}

const PLACEHOLDERS = ["file", "version", "type", "name"] as const;

/**
 * Reads a template of addresses: `https://dl.example/{name}/{version}/{file}`. `{type}` and `{name}` are the halves of
 * the entity's id.
 *
 * @returns the address of each file
 * @throws {TesError} `usage`
 */
export function parseUrlTemplate(
  template: string,
  release: { readonly entity: string; readonly version: string },
  files: number,
): (name: string) => string {
  const refuse = (detail: string) => new TesError("usage", { detail: `--download-url ${detail}` });
  const unknown = [...template.matchAll(/\{([^}]*)\}?/g)].find(
    ([whole, name]) => !whole.endsWith("}") || !(PLACEHOLDERS as readonly string[]).includes(name!),
  );
  if (unknown !== undefined) throw refuse(`knows ${PLACEHOLDERS.map((name) => `{${name}}`).join(", ")} only.`);
  if (files > 1 && !template.includes("{file}")) throw refuse("needs {file}: there are several files.");
  const [type, name] = release.entity.split(":") as [string, string];
  const fill = (file: string): string => {
    const values = { file, version: release.version, type, name };
    return template.replace(/\{(\w+)\}/g, (_, key: keyof typeof values) => encodeURIComponent(values[key]));
  };
  const probe = fill("a");
  if (!URL.canParse(probe) || !probe.startsWith("https://")) throw refuse("takes an https:// address.");
  const { username, password, search, hash } = new URL(probe);
  if (username !== "" || password !== "") throw refuse("is published: it takes no user and no password.");
  // What stands there signs addresses, or names a session: neither is for a log that everybody reads for ever.
  if (search !== "" || hash !== "") throw refuse("is published: it takes no query and no fragment.");
  return fill;
}
