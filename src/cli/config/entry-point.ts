/** The names an entry point exports, with what it passes on from files beside it. */

import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { MAX_ENTRY_BYTES, MAX_ENTRY_FILES } from "../../core/limits.ts";
import { readExports } from "./module-exports.ts";

/** What esbuild tries, in this order, after the path itself. */
const ENDINGS = [".ts", ".tsx", ".js", ".jsx", ".mjs", ".mts", "/index.ts", "/index.tsx", "/index.js", "/index.mjs"];
const CODE = /\.[cm]?[jt]sx?$/;

/**
 * The names that a module exports; null where they cannot be told: the file is missing, is not JavaScript or
 * TypeScript, has no `export` at all, or passes on everything of a package.
 */
export function readEntryPoint(path: string): string[] | null {
  const names = new Set<string>();
  const seen = new Set<string>();
  const waiting = [path];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    if (seen.size > MAX_ENTRY_FILES) return null;
    const found = CODE.test(file) ? readModule(file) : null;
    if (found === null) return null;
    for (const name of found.names) names.add(name);
    for (const star of found.stars) {
      const target = /^\.{1,2}(?:\/|$)/.test(star) ? locate(resolve(dirname(file), star)) : null;
      if (target === null) return null;
      waiting.push(target);
    }
  }
  return names.size === 0 ? null : [...names];
}

function readModule(path: string): ReturnType<typeof readExports> {
  try {
    if (statSync(path).size > MAX_ENTRY_BYTES) return null;
    return readExports(readFileSync(path, "utf8"));
  } catch {
    return null; // Missing or unreadable: the caller reports that it was not checked.
  }
}

/** The file a relative specifier means. `./x.js` may stand for `./x.ts`, as TypeScript has it. */
function locate(path: string): string | null {
  const typed = path.replace(/\.([cm]?)js(x?)$/, ".$1ts$2");
  for (const candidate of [path, typed, ...ENDINGS.map((ending) => path + ending)]) {
    if (statSync(candidate, { throwIfNoEntry: false })?.isFile()) return candidate;
  }
  return null;
}
