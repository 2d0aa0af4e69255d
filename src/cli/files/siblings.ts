/**
 * What packages of one repository ask of each other when their versions move.
 *
 * Only files that the plan writes anyway are changed: a package whose requirements change is another package, and gets
 * a version of its own. What falls out of range elsewhere is reported.
 */

import { posix } from "node:path";
import { asString } from "../config/tree.ts";
import { askedByCargo, cratesOf, isCargoToml } from "./cargo.ts";
import { askedByLock, askedByManifest, isOwnVersion, isPackageJson, packageName } from "./npm.ts";
import { type Files, isNpmLock, type OwnPlace, type VersionFile } from "./open.ts";
import { moveRange, type RangeDialect } from "./range.ts";
import { type ConfigNode, insideQuotes, type Span } from "./tree.ts";

/** A package whose version moves. */
export interface Moved {
  readonly entity: string;
  readonly from: string;
  readonly to: string;
}

/** A version that the plan writes, and where. */
export interface MovedPlace extends Moved, OwnPlace {}

/** A range that has to follow. */
export interface RangeEdit {
  readonly file: VersionFile;
  readonly entity: string;
  readonly place: Span;
  readonly to: string;
}

export interface Siblings {
  readonly edits: readonly RangeEdit[];
  readonly warnings: readonly string[];
}

/**
 * @param moved the versions that the plan writes
 * @param planned every file of the plan that is read by its kind
 * @param others manifests beside the plan, to report on
 */
export async function followSiblings(
  checkout: Files,
  moved: readonly MovedPlace[],
  planned: readonly VersionFile[],
  others: readonly VersionFile[],
): Promise<Siblings> {
  const packages = new Map<string, Moved>();
  const crates = new Map<string, Moved>();
  const members: VersionFile[] = [];
  for (const one of moved) {
    const name = isOwnVersion(one) ? packageName(one.file) : undefined;
    if (name !== undefined) packages.set(name, one);
    if (!isCargoToml(one.file)) continue;
    for (const { manifest } of await cratesOf(checkout, one.file, one.place)) {
      crates.set(posix.dirname(manifest.target), one);
      members.push(manifest);
    }
  }
  const edits: RangeEdit[] = [];
  const warnings: string[] = [];
  const follow = (
    file: VersionFile,
    writes: boolean,
    dialect: RangeDialect,
    name: string,
    by: Moved | undefined,
    node: ConfigNode | undefined,
  ) => {
    const text = asString(node);
    if (by === undefined || node === undefined || text === undefined) return;
    const move = moveRange(text, dialect, by.from, by.to);
    if (move.kind !== "edit") return;
    if (writes) {
      const { start } = insideQuotes(file, node);
      edits.push({ file, entity: by.entity, place: { start: start + move.start, end: start + move.end }, to: move.to });
    } else if (moveRange(text, dialect, "", by.to).kind === "edit") {
      warnings.push(
        `${file.path} asks for ${name} ${text}, and ${by.entity} ${by.to} is out of that range: write one that takes ` +
          "it, and give that package a version of its own.",
      );
    }
  };
  const look = (file: VersionFile, writes: boolean) => {
    if (isPackageJson(file)) {
      for (const { name, node } of askedByManifest(file)) follow(file, writes, "npm", name, packages.get(name), node);
    } else if (isCargoToml(file)) {
      for (const { name, directory, node } of askedByCargo(file)) {
        follow(file, writes, "cargo", name, crates.get(directory), node);
      }
    }
  };
  for (const file of planned) {
    look(file, true);
    if (!isNpmLock(file.target)) continue;
    for (const manifest of planned.filter(isPackageJson)) {
      for (const { name, node } of askedByLock(file, manifest))
        follow(file, true, "npm", name, packages.get(name), node);
    }
  }
  for (const file of new Set([...others, ...members])) if (!planned.includes(file)) look(file, false);
  return { edits, warnings };
}
