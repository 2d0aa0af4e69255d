/** The dashboard's files, built from src/dashboard: hashed names, nothing inline. */

import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { TesError } from "../../core/errors.ts";

/**
 * Builds index.html and assets/ into a directory. Runs from a checkout only.
 *
 * @throws {TesError} `internal` with what the bundler said
 */
export async function buildDashboard(outDir: string): Promise<void> {
  const entry = fileURLToPath(new URL("../../dashboard/main.ts", import.meta.url));
  await mkdir(join(outDir, "assets"), { recursive: true });
  if (!existsSync(entry)) {
    await writeFile(join(outDir, "index.html"), "<!doctype html>\n<title>TES</title>\n");
    return;
  }
  const built = await Bun.build({
    entrypoints: [entry],
    outdir: join(outDir, "assets"),
    naming: "[name]-[hash].[ext]",
    target: "browser",
    minify: true,
    throw: false,
  });
  if (!built.success) throw new TesError("internal", { detail: built.logs.map(String).join("; ") });
  const script = built.outputs.find(({ kind }) => kind === "entry-point")!;
  await writeFile(
    join(outDir, "index.html"),
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>TES</title>
<script type="module" src="/dash/assets/${basename(script.path)}"></script>
</html>
`,
  );
}
