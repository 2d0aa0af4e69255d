/** The dashboard's files, built from src/dashboard: hashed names, nothing inline. */

import { createHash } from "node:crypto";
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
    entrypoints: [join(SOURCE, "main.ts")],
    outdir: join(outDir, "assets"),
    naming: { entry: "[name]-[hash].[ext]", chunk: "[name]-[hash].[ext]", asset: "[name]-[hash].[ext]" },
    target: "browser",
    format: "esm",
    splitting: true,
    minify: true,
    publicPath: ASSETS,
    define: { "process.env.NODE_ENV": '"production"' },
    throw: false,
  });
  if (!built.success) {
    throw new TesError("internal", { detail: `Bundling the dashboard failed: ${built.logs.map(String).join("; ")}` });
  }
  const script = built.outputs.find(({ kind }) => kind === "entry-point")!;
  const assets = join(outDir, "assets");
  const [page, icon] = await Promise.all([
    place(assets, "page.css", smaller(await readFile(join(SOURCE, "look/page.css"), "utf8"))),
    place(assets, "icon.svg", await readFile(join(SOURCE, "look/icon.svg"), "utf8")),
  ]);
  const shell = (await readFile(join(SOURCE, "index.html"), "utf8"))
    .replace("main.ts", ASSETS + basename(script.path))
    .replace("look/page.css", page)
    .replace("look/icon.svg", icon);
  await writeFile(join(outDir, "index.html"), shell);
}

/** Writes a file under a name that is its content's. @returns its address */
async function place(directory: string, file: string, text: string): Promise<string> {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8);
  const name = file.replace(".", `-${hash}.`);
  await writeFile(join(directory, name), text);
  return ASSETS + name;
}

/**
 * CSS without comments and spaces that say nothing. Bun's bundler would also put variables of its own in the place of
 * light-dark().
 */
function smaller(css: string): string {
  return css
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\s*([{};,])\s*/g, "$1")
    .replaceAll(/: /g, ":");
}
