/**
 * An authority with a page of the tests in the dashboard's place, on raw workerd. Run by Bun, which bundles:
 * `bun page-authority.ts <data directory> <directory for the page>`. Says `{url, workerdPid}` and ends on SIGTERM.
 */

import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { startAuthority } from "../../../src/cli/local/workerd.ts";

const [dataDir, pageDir] = process.argv.slice(2) as [string, string];
const SOURCE = join(import.meta.dirname, "../page");
const assets = join(pageDir, "assets");

await mkdir(assets, { recursive: true });
await copyFile(join(SOURCE, "index.html"), join(pageDir, "index.html"));
await copyFile(join(SOURCE, "page.css"), join(assets, "page-0.css"));
await Bun.build({
  entrypoints: [join(SOURCE, "page.ts")],
  outdir: assets,
  naming: "page-0.[ext]",
  target: "browser",
  minify: true,
});
const key = (await readFile(join(dataDir, "signing.key"), "utf8")).trim();
const authority = await startAuthority({
  dataDir,
  port: 0,
  env: { VERSION_SIGNING_KEY: key },
  dashboard: pageDir,
  log: (line) => console.error(line),
});
process.on("SIGTERM", () => void authority.stop());
console.log(JSON.stringify({ url: authority.url, workerdPid: authority.workerdPid }));
process.exit(await authority.exited.then(() => 0));
