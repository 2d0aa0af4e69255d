import { defineConfig } from "vitest/config";

/** Whole processes on loopback: one file at a time, so that a load test does not starve its neighbour. */
export default defineConfig({
  test: {
    name: "e2e",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    setupFiles: ["support/setup.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
