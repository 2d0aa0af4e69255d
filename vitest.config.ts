import { defineConfig } from "vitest/config";

/**
 * unit: pure code. workerd: the Worker in workerd. e2e: whole processes. runtimes: the client in every runtime.
 * package: what npm packs, installed. `npm test` runs the first three; TES_REPORT names the report of the others.
 */
const SUITES = ["unit", "workerd", "e2e", "runtimes", "package"];

export default defineConfig({
  test: {
    // The Worker says each thing that happens, a line each; nobody reads thousands of them here.
    onConsoleLog: (text) => (text.startsWith('{"id":"0x6001"') ? false : undefined),
    projects: SUITES.map((name) => `test/${name}/vitest.config.ts`),
    reporters: ["default", ["json", { outputFile: `reports/${process.env.TES_REPORT ?? "vitest"}.json` }]],
  },
});
