import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findBreaches, LAYERS } from "../../../scripts/layers.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/layers.md"), "utf8");

/** The table of the page: layer → its two last cells, taken apart. */
const rows = new Map(
  [...page.matchAll(/^\| `src\/(\w+)\/`[^|]*\|[^|]*\|([^|]*)\|([^|]*)\|$/gm)].map(([, layer, imports, uses]) => {
    const listed = (cell: string) => (cell.trim() === "–" ? [] : cell.split(",").map((word) => word.trim()));
    return [layer!, { imports: listed(imports!), uses: listed(uses!).map((word) => word.replaceAll("`", "")) }];
  }),
);

describe("docs/layers.md", () => {
  test("shows every layer that the check knows, and no other", () => {
    expect([...rows.keys()].sort()).toEqual(Object.keys(LAYERS).sort());
  });

  test.each(Object.entries(LAYERS))("says what %s may import and use", (layer, { imports, packages, system }) => {
    const row = rows.get(layer)!;
    expect(row.imports).toEqual(imports);
    // `hono/` stands for the parts of hono, `node:` for node:*; WebCrypto and fetch are the platform's, not imported.
    const named = packages.map((name) => name.replace(/:$/, ":*").replace(/\/$/, ""));
    if (system) named.push("Bun.*");
    const shown = row.uses.filter((word) => !["WebCrypto", "fetch"].includes(word));
    if (shown.includes("its libraries")) expect(named).toEqual(expect.arrayContaining(shown.slice(0, -1)));
    else
      expect(new Set(shown.map((word) => (word.endsWith(":workers") ? "cloudflare:*" : word)))).toEqual(new Set(named));
  });

  test("nothing imports worker or cli", () => {
    const imported = Object.values(LAYERS).flatMap(({ imports }) => imports);
    expect(imported).not.toContain("worker");
    expect(imported).not.toContain("cli");
  });

  test("no layer imports one that imports it", () => {
    const reaches = (from: string, to: string): boolean =>
      LAYERS[from]!.imports.some((next) => next === to || reaches(next, to));
    for (const layer of Object.keys(LAYERS)) expect(reaches(layer, layer), layer).toBe(false);
  });
});

/** What is found in one file, as `line text`. */
const found = (file: string, source: string) =>
  findBreaches(new Map([[file, source]])).map(({ line, text }) => `${line} ${text}`);

describe("a planted breach is found", () => {
  test.each<[string, string, string]>([
    ["core/a.ts", 'import { x } from "../protocol/x.ts";', "1 core may not import protocol"],
    ["protocol/a.ts", 'import { x } from "../registry/x.ts";', "1 protocol may not import registry"],
    ["registry/a.ts", 'import { x } from "../worker/x.ts";', "1 registry may not import worker"],
    ["client/a.ts", 'import { x } from "../cli/x.ts";', "1 client may not import cli"],
    ["client/deep/a.ts", 'import { x } from "../../registry/x.ts";', "1 client may not import registry"],
    ["worker/a.ts", 'import { x } from "../client/x.ts";', "1 worker may not import client"],
    ["dashboard/a.ts", 'import { x } from "../core/x.ts";', "1 dashboard may not import core"],
    ["cli/a.ts", 'import { x } from "../worker/x.ts";', "1 cli may not import worker"],
    ["core/a.ts", 'import { x } from "../../test/x.ts";', "1 imports ../../test/x.ts, which is outside src/"],
    ["core/a.ts", 'import { readFileSync } from "node:fs";', "1 core may not import node:fs"],
    [
      "client/a.ts",
      'import { DurableObject } from "cloudflare:workers";',
      "1 client may not import cloudflare:workers",
    ],
    ["core/a.ts", 'import * as v from "valibot";', "1 core may not import valibot"],
    [
      "registry/a.ts",
      'import { sha256 } from "@noble/hashes/sha2.js";',
      "1 registry may not import @noble/hashes/sha2.js",
    ],
    ["worker/a.ts", 'import { x } from "honorable";', "1 worker may not import honorable"],
    ["core/a.ts", "\nconst x = Bun.file;\n", "2 core may not use Bun."],
    ["worker/a.ts", "const x = process.env;", "1 worker may not use process."],
    ["worker/a.ts", "const x = globalThis.process.env;", "1 worker may not use globalThis.process."],
    ["extra/a.ts", "export {};", "1 no layer owns this file"],
    ["a.ts", "export {};", "1 no layer owns this file"],
    ["constructor/a.ts", "export {};", "1 no layer owns this file"],
  ])("%s: %s", (file, source, expected) => {
    expect(found(file, source)).toEqual([expected]);
  });
});

describe("every form of import is seen", () => {
  test.each([
    'import x from "node:fs";',
    'import "node:fs";',
    'import * as x from "node:fs";',
    'import { x } from "node:fs";',
    'import {\n  x,\n  type y,\n} from "node:fs";',
    'import x, { y } from "node:fs";',
    'import type { X } from "node:fs";',
    'import x from "node:fs" with { type: "json" };',
    'import x\n  from\n  "node:fs";',
    "import x from 'node:fs';",
    "  import x from 'node:fs';",
    'export { x } from "node:fs";',
    'export * from "node:fs";',
    'export * as x from "node:fs";',
    'export type { X } from "node:fs";',
    'export type * from "node:fs";',
    'const x = await import("node:fs");',
    'const x = await import(\n  "node:fs"\n);',
    'const x = await import(/* why */ "node:fs");',
    "const x = await import(`node:fs`);",
    'let x: typeof import("node:fs");',
    'let x: import("node:fs").Stats;',
    'const x = require("node:fs");',
    'const glob = "src/*.ts";\nconst x = await import("node:fs"); /* why */',
    'const url = "http://x"; const x = await import("node:fs");',
  ])("%j", (source) => {
    expect(found("core/a.ts", source)).toHaveLength(1);
  });

  test.each([
    '// import x from "node:fs";',
    '/* import x from "node:fs"; */',
    '/**\n * @example\n * import x from "node:fs";\n */',
    'const text = "no import from here";',
    'const x = important("node:fs");',
    "// Bun.file reads one.",
    "const x = value.process.env;",
    "const x = my_Bun.x;",
    'import { x } from "./x.ts";',
    'import { sha256 } from "@noble/hashes/sha2.js";',
  ])("and nothing else: %j", (source) => {
    expect(found("core/a.ts", source)).toEqual([]);
  });
});
