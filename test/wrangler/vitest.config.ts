import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Every way a deployment can go wrong, with the real wrangler: too many of its seconds for `npm test`. npm run test:wrangler */
export default defineConfig({
  test: {
    name: "wrangler",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    globalSetup: ["../public-key.ts"],
    fileParallelism: false,
    reporters: ["default", ["json", { outputFile: join(import.meta.dirname, "../../reports/deployments.json") }]],
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
