/** The dashboard's files, built from src/dashboard: hashed names, nothing inline. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TesError } from "../../core/errors.ts";

const SOURCE = fileURLToPath(new URL("../../dashboard/", import.meta.url));
/** Where the files are served. Absolute, since the shell has two addresses. */
const ASSETS = "/dash/assets/";

/**
 * Builds index.html and assets/ into a directory. Runs from a checkout only.
 *
 * @throws {TesError} `internal` with what the bundler said
 */
export async function buildDashboard(outDir: string): Promise<void> {
  await mkdir(join(outDir, "assets"), { recursive: true });
  const built = await Bun.build({
    entrypoints: ["main.ts", "look/page.css", "look/icon.svg"].map((name) => join(SOURCE, name)),
    outdir: join(outDir, "assets"),
    naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    publicPath: ASSETS,
    loader: { ".svg": "file" },
    define: { "process.env.NODE_ENV": '"production"' },
    throw: false,
  });
  if (!built.success) {
    throw new TesError("internal", { detail: `Bundling the dashboard failed: ${built.logs.map(String).join("; ")}` });
  }
  const find = (start: string, end: string): string => {
    const found = built.outputs.map(({ path }) => basename(path)).find((name) => name.startsWith(start) && name.endsWith(end));
    if (found === undefined) throw new TesError("internal", { detail: `The dashboard was built without ${start}${end}.` });
    return ASSETS + found;
  };
  const shell = (await readFile(join(SOURCE, "index.html"), "utf8"))
    .replace("main.ts", find("main-", ".js"))
    .replace("look/page.css", find("page-", ".css"))
    .replace("look/icon.svg", find("icon-", ".svg"));
  await writeFile(join(outDir, "index.html"), shell);
}
