/** A publisher's checkout: where its tes.registry.json is, and what it says. */

import { access, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TesError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { parseRegistryFile, REGISTRY_FILE_NAME, type RegistryFile } from "../protocol/registry-file.ts";
import { codeOf, reasonOf } from "./local/data.ts";
import { printable } from "./output.ts";
import { within } from "./within.ts";

export interface Checkout {
  /** Absolute: the directory that holds the registry file. Paths of entities start here. */
  readonly root: string;
  readonly path: string;
  readonly file: RegistryFile;
}

/**
 * Reads a registry file, at the given path or the nearest one from `from` upwards.
 *
 * @returns null when none was named and there is none
 * @throws {TesError} `file_unreadable`, and what parseJson and parseRegistryFile throw
 */
export async function findCheckout(from: string, named?: string): Promise<Checkout | null> {
  const path = named === undefined ? await lookUpwards(resolve(from)) : resolve(from, named);
  if (path === null) return null;
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new TesError("file_unreadable", { detail: `${printable(path)}: ${reasonOf(cause)}`, cause });
  }
  return { root: dirname(path), path, file: within(path, () => parseRegistryFile(parseJson(bytes))) };
}

/** The same, where a command cannot do without. @throws {TesError} `usage` when there is none */
export async function needCheckout(from: string, named?: string): Promise<Checkout> {
  const found = await findCheckout(from, named);
  if (found !== null) return found;
  throw new TesError("usage", {
    detail: `There is no ${REGISTRY_FILE_NAME} here or above. Write one with tes init, or name it with --file.`,
  });
}

async function lookUpwards(from: string): Promise<string | null> {
  for (let at = from; ; at = dirname(at)) {
    const path = join(at, REGISTRY_FILE_NAME);
    try {
      await access(path);
      return path;
    } catch (thrown) {
      if (codeOf(thrown) !== "ENOENT" && codeOf(thrown) !== "ENOTDIR") return path;
    }
    if (dirname(at) === at) return null;
  }
}
