import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** The Worker inside workerd. Keys come from test code, never from this file. */
export default defineConfig({
  plugins: [
    cloudflareTest({
      main: "../../src/worker/worker.ts",
      miniflare: {
        compatibilityDate: "2026-11-02",
        durableObjects: { VERSION_DO: { className: "VersionManagementDO", useSQLite: true } },
        kvNamespaces: ["KV"],
        r2Buckets: ["TES_BUNDLE_BUCKET"],
        bindings: {
          TES_AUTHORITIES: "tes.test, tes.test:8443",
          TES_GENESIS: "auto",
          // Most tests read what they have just written; those of the cache turn it on.
          TES_READ_CACHE: "off",
          TES_TOKEN_RATE: "off",
          // A public key; nobody holds its private half.
          TES_RECOVERY_KEY: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
      },
    }),
  ],
  test: {
    name: "workerd",
    root: import.meta.dirname,
    include: ["**/*.test.ts"],
    globalSetup: ["../public-key.ts"],
    // Each ends within seconds; a machine with other work is no failure.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
