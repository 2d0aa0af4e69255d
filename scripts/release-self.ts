/**
 * Releases this project with itself: its npm package and its Worker bundle, as the version that package.json has, with
 * the bill of materials that npm writes. Run by a maintainer: npm run release:self -- [options of tes release].
 *
 * The package is packed the same way every time, so that the same commit is the same release: run it again after a
 * failure.
 */

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = join(import.meta.dirname, "..");
const ENTITY = "global:main";

const { name, version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  readonly name: string;
  readonly version: string;
};
const folder = mkdtempSync(join(tmpdir(), "tes-release-self-"));
try {
  const npm = (...args: string[]) =>
    execFileSync("npm", args, {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
      maxBuffer: 2 ** 26,
    });
  // Builds dist/ first (prepack), which has the Worker too.
  npm("pack", "--silent", "--pack-destination", folder);
  const packed = readdirSync(folder).find((file) => file.endsWith(".tgz"))!;
  const worker = `${name}-worker-${version}.js`;
  copyFileSync(join(ROOT, "dist/worker.js"), join(folder, worker));
  const sbom = join(folder, "sbom.cdx.json");
  writeFileSync(sbom, npm("sbom", "--omit=dev", "--sbom-format=cyclonedx", "--package-lock-only"));
  const files = [packed, worker].map((file) => join(folder, file));
  const options = process.argv.slice(2);
  const out = options.includes("--out") ? [] : ["--out", resolve(`release/${name}-${version}`)];
  const args = ["release", `${ENTITY}@${version}`, ...files, "--sbom", sbom, ...out, ...options];
  const run = spawnSync(process.execPath, [join(ROOT, "src/cli/entry.ts"), ...args], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
