/**
 * Holds src/ to docs/layers.md: who may import whom, and who may use which platform. Run: npm run layers.
 *
 * Reads import specifiers as text, type imports included: a type is a dependency too.
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

interface Layer {
  /** Layers it may import, besides itself. */
  readonly imports: readonly string[];
  /** Packages and runtime modules it may import; a name ending in `:` or `/` stands for all that begin so. */
  readonly packages: readonly string[];
  /** Whether it may name `Bun.` and `process.`. */
  readonly system?: true;
}

/** docs/layers.md shows this table; test/unit/docs/layers.test.ts holds the two together. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  core: { imports: [], packages: ["@noble/hashes/"] },
  protocol: { imports: ["core"], packages: ["valibot"] },
  registry: { imports: ["protocol", "core"], packages: [] },
  worker: { imports: ["registry", "protocol", "core"], packages: ["cloudflare:", "hono", "hono/", "jose"] },
  client: { imports: ["protocol", "core"], packages: [] },
  dashboard: { imports: ["client", "protocol"], packages: ["lit", "lit/", "uplot", "uplot/"] },
  cli: {
    imports: ["client", "registry", "protocol", "core"],
    packages: [
      "node:",
      "commander",
      "@clack/prompts",
      "picocolors",
      "jose",
      "jsonc-parser",
      "toml-eslint-parser",
      "conventional-commits-parser",
      "picomatch",
      "marked",
    ],
    system: true,
  },
};

/** A file of another layer's kind, with the layer that really owns it. */
const OWNERS: Readonly<Record<string, string>> = {
  // Runs in workerd beside the Worker, but stands in for the platform and belongs to the command line.
  "cli/local/kv-worker.ts": "cli",
};

/** `from "x"` and `import "x"` at the start of a statement or after a closing brace or name, `import("x")`, `require("x")`. */
const IMPORT =
  /(?:^[ \t]*(?:import|export)\b[^"'`;]*?\bfrom\s*|^[ \t]*import\s*|\b(?:import|require)\(\s*)(["'`])([^"'`\n]+)\1/gm;
const SYSTEM = /(?<![\w.])(?:globalThis\.)?(?:Bun|process)\.(?!\s)/;

export interface Breach {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Every breach in the files given: path below src → text. */
export function findBreaches(files: ReadonlyMap<string, string>): Breach[] {
  const found: Breach[] = [];
  for (const [file, source] of files) {
    const name = OWNERS[file] ?? file.split("/")[0]!;
    const layer = Object.hasOwn(LAYERS, name) && file.includes("/") ? LAYERS[name] : undefined;
    const report = (at: number, text: string) =>
      found.push({ file, line: source.slice(0, at).split("\n").length, text });
    if (layer === undefined) {
      report(0, "no layer owns this file");
      continue;
    }
    const code = withoutComments(source);
    for (const match of code.matchAll(IMPORT)) {
      const specifier = match[2]!;
      const at = match.index;
      if (specifier.startsWith(".")) {
        const target = relative(".", resolve(dirname(file), specifier)).split("/");
        if (target[0] === "..") report(at, `imports ${specifier}, which is outside src/`);
        else if (target[0] !== name && !layer.imports.includes(target[0]!))
          report(at, `${name} may not import ${target[0]}`);
      } else if (!layer.packages.some((allowed) => matches(allowed, specifier))) {
        report(at, `${name} may not import ${specifier}`);
      }
    }
    const system = SYSTEM.exec(code);
    if (system !== null && layer.system !== true) report(system.index, `${name} may not use ${system[0]}`);
  }
  return found;
}

function matches(allowed: string, specifier: string): boolean {
  return /[:/]$/.test(allowed) ? specifier.startsWith(allowed) : specifier === allowed;
}

/** A string, which may hold what looks like a comment, or a comment. */
const STRING_OR_COMMENT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*$/gm;

/** Comments blanked, so that positions stay. */
function withoutComments(source: string): string {
  return source.replaceAll(STRING_OR_COMMENT, (text, string) => string ?? text.replaceAll(/[^\n]/g, " "));
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "..", "src");
  const paths = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
  const breaches = findBreaches(new Map(paths.sort().map((path) => [path, readFileSync(join(root, path), "utf8")])));
  for (const { file, line, text } of breaches) console.error(`src/${file}:${line} ${text}`);
  console.log(`layers: ${paths.length} files, ${breaches.length} breaches`);
  process.exitCode = breaches.length === 0 ? 0 : 1;
}
