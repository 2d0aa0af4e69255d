/** The members of a workspace by its globs, as Cargo and uv write them: one `*` per segment, `**`, no braces. */

import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import picomatch from "picomatch";
import { TesError } from "../../core/errors.ts";
import { nodeAt, stringItems } from "../config/tree.ts";
import type { Files, VersionFile } from "./open.ts";
import { type ConfigNode, readTree, refuseFile } from "./tree.ts";

/** Directories looked into for members. Only `**` looks into more than the few that a glob names. */
export const MAX_WALKED_DIRECTORIES = 5_000;

/** Where builds and other tools put what is not source. */
const SKIPPED = /^(?:\..*|target|node_modules)$/;
const SYNTAX = { nobrace: true, noextglob: true, nonegate: true };

interface Globs {
  readonly members: readonly string[];
  readonly excluded: readonly string[];
}

function readGlobs(workspace: ConfigNode | undefined): Globs {
  const globs = (key: string) =>
    stringItems(nodeAt(workspace, key)).map(({ text }) => posix.normalize(text).replace(/\/$/, ""));
  return { members: globs("members"), excluded: globs("exclude") };
}

/** Whether a directory below the workspace is one of its members (`members`, `exclude`). */
export function memberMatcher(workspace: ConfigNode | undefined): (directory: string) => boolean {
  const { members, excluded } = readGlobs(workspace);
  if (members.length === 0) return () => false;
  const matches = picomatch([...members], SYNTAX);
  return (directory) =>
    matches(directory) && !excluded.some((one) => directory === one || directory.startsWith(`${one}/`));
}

/**
 * The Cargo.toml files of a workspace's members, without its own.
 *
 * @param linked directories from the root of the checkout that are members without being named
 * @param most directories looked into
 * @throws file_pattern when there are more
 */
export async function findMembers(
  checkout: Files,
  file: VersionFile,
  linked: readonly string[],
  most = MAX_WALKED_DIRECTORIES,
): Promise<VersionFile[]> {
  const root = posix.dirname(file.target);
  const workspace = nodeAt(readTree(file), "workspace");
  const isMember = memberMatcher(workspace);
  const { members } = readGlobs(workspace);
  const mayLead = (directory: string) => members.some((glob) => leadsTo(directory, glob));
  const found = new Map<string, VersionFile>();
  const queue = [""];
  for (let i = 0; i < queue.length; i++) {
    if (i >= most) throw refuseFile(file.path, `has members among more than ${most} directories`);
    const at = queue[i]!;
    const entries = await readdir(join(checkout.base, root, at), { withFileTypes: true }).catch(() => []);
    if (isMember(at) && entries.some(({ name }) => name === "Cargo.toml")) {
      await addMember(checkout, posix.join(root, at), found);
    }
    for (const entry of entries) {
      const below = posix.join(at, entry.name);
      if (entry.isDirectory() && !SKIPPED.test(entry.name) && mayLead(below)) queue.push(below);
    }
  }
  for (const directory of linked) {
    if (root === "." || directory.startsWith(`${root}/`)) await addMember(checkout, directory, found);
  }
  found.delete(file.target);
  return [...found.values()].sort((a, b) => (a.target < b.target ? -1 : 1));
}

/** A directory without a Cargo.toml is cargo's to complain about. */
async function addMember(checkout: Files, directory: string, found: Map<string, VersionFile>): Promise<void> {
  try {
    const file = await checkout.open(posix.join(directory, "Cargo.toml"));
    found.set(file.target, file);
  } catch (error) {
    if (!(error instanceof TesError)) throw error;
  }
}

/** Whether a glob can match this directory or one below it. */
function leadsTo(directory: string, glob: string): boolean {
  const pieces = glob.split("/");
  for (const [i, segment] of directory.split("/").entries()) {
    const piece = pieces[i];
    if (piece === "**") return true;
    if (piece === undefined || !picomatch.isMatch(segment, piece, SYNTAX)) return false;
  }
  return true;
}
