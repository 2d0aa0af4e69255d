/**
 * Builds what the published package holds into dist/: the client as one file with its types, the command line for
 * Node and Bun, and the two Workers and the dashboard that `tes serve` starts. Run: npm run build (npm pack runs it first).
 */

import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { bundleWorker } from "../src/cli/local/bundle.ts";
import { buildDashboard } from "../src/cli/local/dashboard.ts";

const ROOT = join(import.meta.dirname, "..");
/** dist/, or the directory named on the command line. */
const DIST = resolve(process.argv[2] ?? join(ROOT, "dist"));
const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
};

async function bundle(options: Parameters<typeof Bun.build>[0]): Promise<void> {
  const built = await Bun.build({ ...options, throw: false });
  if (!built.success) throw new Error(`${options.entrypoints[0]}: ${built.logs.map(String).join("; ")}`);
}

rmSync(DIST, { recursive: true, force: true });
await bundle({ entrypoints: [join(ROOT, "src/client/index.ts")], outdir: DIST, naming: "client.js", format: "esm" });
await bundle({
  entrypoints: [join(ROOT, "src/cli/main.ts")],
  outdir: join(DIST, "cli"),
  target: "node",
  format: "esm",
  // One chunk for each command, so that none pays for the others.
  splitting: true,
  external: Object.keys(dependencies),
});
await writeFile(join(DIST, "worker.js"), await bundleWorker(join(ROOT, "src/worker/worker.ts")));
await writeFile(join(DIST, "kv-worker.js"), await bundleWorker(join(ROOT, "src/cli/local/kv-worker.ts")));
await buildDashboard(join(DIST, "dash"));
execFileSync(
  join(ROOT, "node_modules/.bin/tsc"),
  ["-p", join(ROOT, "tsconfig.build.json"), "--outDir", join(DIST, "types")],
  { stdio: "inherit" },
);
// The compiler keeps the extension of `import("./x.ts")` types and of comments that it copies as they are.
const types = join(DIST, "types");
for (const name of await readdir(types, { recursive: true })) {
  if (!name.endsWith(".d.ts")) continue;
  const path = join(types, name);
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replaceAll(/(from |import\()"(\.[^"]*)\.ts"/g, '$1"$2.js"'));
}
