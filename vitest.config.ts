import { defineConfig } from "vitest/config";

/** Three suites: pure code (unit), the Worker in workerd (workerd), whole processes (e2e). */
export default defineConfig({
  test: {
    projects: ["test/unit/vitest.config.ts", "test/workerd/vitest.config.ts", "test/e2e/vitest.config.ts"],
    // The Worker says each thing that happens, a line each; nobody reads thousands of them here.
    onConsoleLog: (text) => (text.startsWith('{"id":"0x6001"') ? false : undefined),
    reporters: ["default", ["json", { outputFile: "reports/vitest.json" }]],
  },
});
