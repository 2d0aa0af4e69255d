/** Where the programs and built files are that npm installs beside this code. */

import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { TesError } from "../../core/errors.ts";

/** First bytes of a program: ELF, Mach-O (64 bit, either order, universal), Windows. Anything else is a script. */
const PROGRAM_MAGIC = ["7f454c46", "cffaedfe", "feedfacf", "cafebabe", "4d5a"];

/** Whether a file is a program itself, not the script that npm packages ship in its place until it is installed. */
export function isProgram(path: string): boolean {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return false;
  }
  const head = Buffer.alloc(4);
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return PROGRAM_MAGIC.some((magic) => head.toString("hex").startsWith(magic));
}

/**
 * The path of the workerd program.
 *
 * @throws {TesError} `install_incomplete` where npm ran without its install scripts
 */
export function workerdProgram(): string {
  let path: string;
  try {
    path = join(dirname(createRequire(import.meta.url).resolve("workerd/package.json")), "bin/workerd");
  } catch (cause) {
    throw new TesError("install_incomplete", { detail: "The package workerd is not there.", cause });
  }
  if (!isProgram(path)) throw new TesError("install_incomplete", { detail: `${path} is not a program.` });
  return path;
}
