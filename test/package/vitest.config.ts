import { defineConfig } from "vitest/config";

/** The package as npm packs it. Installs from the registry, so it is not part of `npm test`. */
export default defineConfig({
  test: {
    name: "package",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 40_000,
    hookTimeout: 180_000,
  },
});
