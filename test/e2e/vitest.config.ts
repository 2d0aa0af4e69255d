import { defineConfig } from "vitest/config";

/**
 * What takes a browser, a deployment or minutes: `npm run test:deep` runs these and nothing else, CI runs both, and
 * `npm test` stays within the time that somebody waits for it.
 */
const DEEP = [
  "dashboard/**/*.test.ts",
  "dashboard-attacks.test.ts",
  "deploy.test.ts",
  "deploy-dashboard.test.ts",
  "artifacts-attack.test.ts",
  "doctor.test.ts",
  "key-terminal.test.ts",
  "lock.test.ts",
  "release-broken-off.test.ts",
  "release-folder.test.ts",
  "release-large.test.ts",
  "release-restored.test.ts",
  "release-self.test.ts",
  "release-verifiers.test.ts",
  "release-verify.test.ts",
  "watch-attack.test.ts",
  "watch-runtimes.test.ts",
];
const isDeep = process.env.TES_DEEP === "only";

/** Whole processes on loopback: one file at a time, so that a load test does not starve its neighbour. */
export default defineConfig({
  test: {
    name: "e2e",
    root: import.meta.dirname,
    include: isDeep ? DEEP : ["**/*.test.ts"],
    exclude: isDeep ? [] : DEEP,
    setupFiles: ["support/setup.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
