import { defineConfig } from "vitest/config";

/** One process for all files: what is tested here is pure, and starting a worker for each file costs a third of the time. */
export default defineConfig({
  test: {
    name: "unit",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    isolate: false,
    setupFiles: ["./fresh.ts"],
    // Each ends within a second or two; a machine with other work is no failure.
    testTimeout: 60_000,
  },
});
