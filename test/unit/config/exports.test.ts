import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readEntryPoint } from "../../../src/cli/config/entry-point.ts";
import { readExports } from "../../../src/cli/config/module-exports.ts";
import { MAX_ENTRY_BYTES, MAX_ENTRY_FILES } from "../../../src/core/limits.ts";

const names = (source: string) => readExports(source)?.names ?? null;

describe("what a module exports", () => {
  test.each([
    ["export class A {}", ["A"]],
    ["export abstract class A<T> extends B<T> {}", ["A"]],
    ["export default class A {}", ["default"]],
    ["export default { fetch() {} };", ["default"]],
    ["export function f() {} export async function g() {} export function* h() {}", ["f", "g", "h"]],
    ["export const A = wrap(B), C = 1; export let D; export var E = `x`", ["A", "C", "D", "E"]],
    ["export { A, B as C, default as D, type T, type as U };", ["A", "C", "D", "U"]],
    ['export { A } from "./a.js"; export * as ns from "./b.js";', ["A", "ns"]],
    ["export enum E { A } export const enum F { B } export namespace N { export const inner = 1 }", ["E", "F", "N"]],
    [
      "export type T = 1; export interface I {} export declare class D {} export type { U } from './u'; export class A {}",
      ["A"],
    ],
    ["#!/usr/bin/env node\n// export class Not {}\n/* export class Nor {} */ export class A {}", ["A"]],
    [`const text = "export class Not {}"; const other = \`export class \${"Nor"} {}\`; export class A {}`, ["A"]],
    ["const re = /[/]export class Not {}/; const n = 4 / 2; export class A {}", ["A"]],
    ["const n = list[0]! / 2; let i = 1; i++ / 2; export class A {}", ["A"]],
    [`function f() { const export_ = 1; return \`a\${\`b\${1}\`}c\`; } module.export; export class A {}`, ["A"]],
    ["namespace N { export class Inner {} } export class A {}", ["A"]],
    ["export class Zähler {} export class $_1 {}", ["Zähler", "$_1"]],
    ["const x = 1;", []],
  ])("%s", (source, expected) => expect(names(source)).toEqual(expected));

  test.each([
    ["an open bracket", "export class A {"],
    ["a bracket of the wrong kind", "export class A { ) }"],
    ["a comment without an end", "export class A {} /* "],
    ["a string over a line end", 'const a = "x\n"; export class A {}'],
    ["a template without an end", "const a = `x; export class A {}"],
    ["a pattern", "export const { A, B } = make();"],
    ["a decorator in between", "export @dec class A {}"],
    ["export =", "export = A;"],
  ])("says nothing where it is in doubt: %s", (_, source) => expect(names(source)).toBeNull());

  test("agrees with Bun's own parser on the sources of this project", () => {
    const root = join(import.meta.dirname, "..", "..", "..", "src");
    const script = `
      const { readdirSync, readFileSync } = require("node:fs");
      const out = {};
      for (const path of readdirSync(${JSON.stringify(root)}, { recursive: true }))
        if (path.endsWith(".ts")) out[path] = new Bun.Transpiler({ loader: "ts" }).scan(readFileSync(${JSON.stringify(root)} + "/" + path, "utf8")).exports;
      console.log(JSON.stringify(out));`;
    const bun = join(dirname(createRequire(import.meta.url).resolve("bun/package.json")), "bin", "bun.exe");
    const expected: Record<string, string[]> = JSON.parse(execFileSync(bun, ["-e", script], { encoding: "utf8" }));
    const paths = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".ts"));
    expect(paths.length).toBeGreaterThan(100);
    for (const path of paths) {
      const found = readExports(readFileSync(join(root, path), "utf8"));
      // A name too many is one that was not looked for; a name too few would be a finding that is not true.
      expect(found, path).not.toBeNull();
      expect(found!.names, path).toEqual(expect.arrayContaining(expected[path]!));
    }
  });
});

describe("an entry point with what it passes on", () => {
  let folder: string;
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const read = (path: string) => readEntryPoint(join(folder, path));
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tes-entry-"));
    put("index.ts", 'export * from "./a"; export * from "./b.js"; export * from "./c"; export default {};');
    put("a.ts", 'export class A {} export * from "./index";');
    put("b.ts", "export class B {}");
    put("c/index.js", "export class C {}");
    put("package.ts", 'export * from "some-package"; export class A {}');
    put("lost.ts", 'export * from "./nowhere"; export class A {}');
    put("script.js", 'addEventListener("fetch", () => {});');
    put("worker.py", "def on_fetch(): pass");
    put("long.ts", `export class A {}\n${" ".repeat(MAX_ENTRY_BYTES)}`);
    put("full.ts", `export class A {}\n${" ".repeat(MAX_ENTRY_BYTES - 18)}`);
    // A chain of one file more than is read, and one that starts a link later.
    for (let i = 0; i < MAX_ENTRY_FILES; i++) put(`chain/${i}.ts`, `export * from "./${i + 1}"; export class C${i} {}`);
    put(`chain/${MAX_ENTRY_FILES}.ts`, "export class Last {}");
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("follows relative re-exports, also in a circle", () => {
    expect(read("index.ts")!.sort()).toEqual(["A", "B", "C", "default"]);
  });

  test.each(["package.ts", "lost.ts", "script.js", "worker.py", "absent.ts", "long.ts", "chain/0.ts"])(
    "says nothing of %s",
    (path) => expect(read(path)).toBeNull(),
  );

  test("reads up to its limits", () => {
    expect(read("full.ts")).toEqual(["A"]);
    expect(read("chain/1.ts")).toHaveLength(MAX_ENTRY_FILES);
  });
});
