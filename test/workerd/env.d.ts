import type { WorkerEnv } from "../../src/worker/env.ts";

/** What `cloudflare:workers` gives in these tests. */
declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import("../../src/worker/worker.ts");
      durableNamespaces: "VersionManagementDO";
    }
    interface Env extends WorkerEnv {}
  }
}

declare module "vitest" {
  interface ProvidedContext {
    /** See test/public-key.ts. */
    publicKey: string | null;
  }
}
