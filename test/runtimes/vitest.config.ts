import { defineConfig } from "vitest/config";

/** The client's one suite in every runtime. Needs Chromium, so it is not part of `npm test`. */
export default defineConfig({
  test: {
    name: "runtimes",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
