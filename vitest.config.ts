import { defineConfig } from "vitest/config";

/** Three suites: pure code (unit), the Worker in workerd (workerd), whole processes (e2e). */
export default defineConfig({
  test: {
    projects: ["test/unit/vitest.config.ts", "test/workerd/vitest.config.ts", "test/e2e/vitest.config.ts"],
    // The Worker says what happens, a line each time; it is worth reading where a test failed.
    silent: "passed-only",
    reporters: ["default", ["json", { outputFile: "reports/vitest.json" }]],
  },
});
