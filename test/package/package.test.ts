/** `npm pack`, installed into an empty folder: the command line and the library, on Node 22 or later and on Bun. */

import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);
let folder: string;
let tarball: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tes-package-"));
  await run("npm", ["pack", "--pack-destination", folder], { cwd: ROOT });
  tarball = join(folder, (await readdir(folder)).find((name) => name.endsWith(".tgz"))!);
  await writeFile(join(folder, "package.json"), '{"private":true,"type":"module"}');
  // Node 22 comes as a package too: it is the oldest that the published package promises.
  await run("npm", ["install", "--no-audit", "--no-fund", tarball, "node@22"], { cwd: folder });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const runtimes = (): [string, string][] => [
  ["Node 22", join(folder, "node_modules/.bin/node")],
  ["this Node", process.execPath],
  ["Bun", join(ROOT, "node_modules/.bin/bun")],
];

describe("what is packed", () => {
  test("the built files, the launcher, licence and README, and nothing else", async () => {
    const { stdout } = await run("tar", ["-tzf", tarball]);
    const names = stdout.trim().split("\n");
    expect(names).toContain("package/dist/dash/index.html");
    expect(names).toContain("package/dist/client.js");
    expect(names).toContain("package/dist/types/client/index.d.ts");
    const allowed =
      /^package\/(?:package\.json|LICENSE|README\.md|bin\/[\w-]+\.mjs|dist\/[\w./-]+\.(?:js|d\.ts)|dist\/dash\/(?:index\.html|assets\/[\w.-]+))$/;
    expect(names.filter((name) => !allowed.test(name))).toEqual([]);
  });

  test("publint and are-the-types-wrong have nothing to say", async () => {
    await run(join(ROOT, "node_modules/.bin/publint"), ["--strict", tarball]);
    await run(join(ROOT, "node_modules/.bin/attw"), [tarball, "--profile", "esm-only"]);
  });

  test("its types serve a strict user, with either kind of module resolution", async () => {
    await writeFile(
      join(folder, "use.ts"),
      `import { createClient, type BumpResult, TesError } from "transcendent-edge-sentinel";
       const client = createClient({ url: "https://tes.example", trustFirst: true });
       export const next: Promise<BumpResult> = client.bump({ entity: "global:main", scope: "minor" });
       export const code = (error: unknown): string | null => (error instanceof TesError ? error.code : null);
       // @ts-expect-error a scope that does not exist
       client.bump({ entity: "global:main", scope: "huge" });\n`,
    );
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ]) {
      const flags = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "false",
        "--target",
        "es2022",
        "--lib",
        "es2024,dom,dom.iterable,dom.asynciterable",
      ];
      const types = ["--module", module!, "--moduleResolution", resolution!, "--types", ""];
      await run(join(ROOT, "node_modules/.bin/tsc"), [...flags, ...types, "use.ts"], { cwd: folder });
    }
  });
});

describe("where it is installed", () => {
  test.each(["Node 22", "this Node", "Bun"])("tes does the main job on %s", async (name) => {
    const program = runtimes().find(([known]) => known === name)![1];
    const data = join(folder, `data-${name.replaceAll(" ", "-")}`);
    const launcher = join(folder, "node_modules/transcendent-edge-sentinel/bin/tes.mjs");
    const { stdout } = await run(program, [launcher, "start", "--exit", "--port", "0", "--data", data], {
      cwd: folder,
    });
    expect(stdout).toMatch(/nothing was lost .* still proves/);
  });

  test.each(["Node 22", "this Node", "Bun"])("the library verifies an authority on %s", async (name) => {
    const program = runtimes().find(([known]) => known === name)![1];
    await writeFile(
      join(folder, "library.mjs"),
      `import { createClient, TesError } from "transcendent-edge-sentinel";
       const client = createClient({ url: process.env.TES_URL, trustFirst: true });
       const { entities, size } = await client.state();
       const { statement } = await client.receipt(0);
       const wrong = createClient({ url: process.env.TES_URL, genesis: "0".repeat(64) });
       const code = await wrong.state().catch((error) => error instanceof TesError && error.code);
       console.log(entities.length > 0 && size > 0, statement.type, code);\n`,
    );
    const launcher = join(folder, "node_modules/transcendent-edge-sentinel/bin/tes.mjs");
    const data = join(folder, "data-this-Node");
    const { spawn } = await import("node:child_process");
    const authority = spawn(process.execPath, [launcher, "serve", "--json", "--port", "0", "--data", data], {
      cwd: folder,
    });
    try {
      const line = await new Promise<string>((resolve, reject) => {
        authority.stdout.once("data", (chunk) => resolve(String(chunk)));
        authority.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
      });
      const { url } = JSON.parse(line) as { url: string };
      const { stdout } = await run(program, ["library.mjs"], { cwd: folder, env: { ...process.env, TES_URL: url } });
      expect(stdout.trim()).toBe("true registry.genesis genesis_mismatch");
    } finally {
      const ended = new Promise((resolve) => authority.once("exit", resolve));
      authority.kill("SIGTERM");
      await ended;
    }
  });
});
