/** What the client weighs in a page or a bundle. Counted, not timed. */

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Bench, Line } from "./bench.ts";

const KIB = 1_024;
const MAX_VERIFY_KIB = 12;

const BUNDLES = [
  { what: "client, verify only", entry: "verify-only.ts", aimKib: MAX_VERIFY_KIB },
  { what: "client, whole", entry: "../src/client/index.ts" },
] as const;

/** Bytes of a module with all it needs, minified, before and after gzip. */
export async function bundleSize(entry: string): Promise<{ readonly plain: number; readonly gzip: number }> {
  const built = await Bun.build({ entrypoints: [entry], format: "esm", target: "browser", minify: true, throw: false });
  const [output] = built.outputs;
  if (!built.success || output === undefined) throw new Error(`${entry}: ${built.logs.map(String).join("; ")}`);
  const text = await output.text();
  return { plain: Buffer.byteLength(text), gzip: gzipSync(text, { level: 9 }).length };
}

export const size: Bench = {
  name: "size",
  title: "Client size",
  method:
    "Bundled with all it needs for a browser, minified by Bun, gzip level 9. Verify only: `bench/verify-only.ts`.",
  async run() {
    const found: Line[] = [];
    for (const bundle of BUNDLES) {
      const { plain, gzip } = await bundleSize(join(import.meta.dirname, bundle.entry));
      found.push({
        what: bundle.what,
        value: `${(gzip / KIB).toFixed(1)} KiB`,
        ...("aimKib" in bundle ? { aim: `≤ ${bundle.aimKib} KiB`, met: gzip <= bundle.aimKib * KIB } : {}),
        beside: `${(plain / KIB).toFixed(1)} KiB before gzip`,
      });
    }
    return found;
  },
};
