/**
 * Whether npm's install scripts ran: without them the packages bun and workerd hold placeholders instead of programs.
 * Plain JavaScript on Node's own modules, since this runs before anything else can.
 */

import { closeSync, openSync, readSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
/** ELF, Mach-O (64 bit, either byte order; universal), Windows. src/cli/local/programs.ts has the same list. */
const PROGRAM_MAGIC = ["7f454c46", "cffaedfe", "feedfacf", "cafebabe", "4d5a"];

/** The path of an installed program, or null where it is missing or only a placeholder. */
export function installedProgram(name, file) {
  try {
    const path = join(dirname(require.resolve(`${name}/package.json`)), file);
    return isProgram(path) ? path : null;
  } catch {
    return null;
  }
}

/** The programs that TES needs; those that are not there are null. */
export function installedPrograms() {
  return { bun: installedProgram("bun", "bin/bun.exe"), workerd: installedProgram("workerd", "bin/workerd") };
}

/** What to say when one is missing: for people, or as the RFC 9457 problem that `--json` gives. */
export function installProblem(missing, json) {
  const title = "A program that npm installs is missing.";
  const remedy = "Run npm ci again without --ignore-scripts.";
  const detail = `Not installed: ${missing.join(", ")}.`;
  if (json) {
    const type = "urn:tes:error:install_incomplete";
    return `${JSON.stringify({ type, title, status: 500, code: "install_incomplete", remedy, detail })}\n`;
  }
  return `error ${title} (install_incomplete)\n  ${detail}\n  way out: ${remedy}\n`;
}

/** Names of what is missing. */
export function missingPrograms() {
  return Object.entries(installedPrograms())
    .filter(([, path]) => path === null)
    .map(([name]) => name);
}

function isProgram(path) {
  const file = openSync(path, "r");
  const head = Buffer.alloc(4);
  readSync(file, head, 0, head.length, 0);
  closeSync(file);
  return PROGRAM_MAGIC.some((magic) => head.toString("hex").startsWith(magic));
}
