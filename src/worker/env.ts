/** The bindings of the Worker and of its Durable Object. Every text binding is optional: absent means the safe choice. */

import type { VersionManagementDO } from "./version-management-do.ts";

/** What the Durable Object reads. */
export interface VersionDOEnv {
  /** Immutable bytes and the guide only; never versions. */
  KV: KVNamespace;
  /** Master key, 64 hexadecimal characters, as a secret. */
  VERSION_SIGNING_KEY?: string | null;
  /** The other slot, for rotation. */
  VERSION_SIGNING_KEY_V2?: string | null;
  /** `deny` turns the fallback to storage and generation off. */
  TES_KEY_FALLBACK?: string;
  /** Origin of new logs; `<TES_ORIGIN>/<registry>`. Fixed for a registry by its genesis. */
  TES_ORIGIN?: string;
  /** `auto`: the registry `default` makes its own genesis on its first request. Local authorities only. */
  TES_GENESIS?: string;
  /** Public half (base64url) of the recovery key that an automatic genesis names. */
  TES_RECOVERY_KEY?: string;
}

/** What the Worker reads. */
export interface WorkerEnv extends VersionDOEnv {
  VERSION_DO: DurableObjectNamespace<VersionManagementDO>;
  /** Comma-separated host names (with port where it is not the default) that this authority answers to. */
  TES_AUTHORITIES?: string;
}
