/** The bindings of the Worker and of its Durable Object. Every text binding is optional: absent means the safe choice. */

import type { VersionManagementDO } from "./version-management-do.ts";

/** What the Durable Object reads. */
export interface VersionDOEnv {
  /** The objects of this deployment, one for each registry. */
  VERSION_DO: DurableObjectNamespace<VersionManagementDO>;
  /** Immutable bytes and the guide only; never versions. */
  KV: KVNamespace;
  /** Where files of releases are kept: an R2 bucket, or a directory that workerd serves. With neither, releases name addresses. */
  TES_BUNDLE_BUCKET?: R2Bucket | null;
  TES_BUNDLE_DISK?: Fetcher | null;
  /** Seconds for which an upload that no release refers to is kept. Default a day. */
  TES_UPLOAD_GRACE_S?: string;
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
  /** Requests of one token, `burst/perSecond`, or `off`. */
  TES_TOKEN_RATE?: string;
}

/** What the Worker reads. */
export interface WorkerEnv extends VersionDOEnv {
  /** Comma-separated host names (with port where it is not the default) that this authority answers to. */
  TES_AUTHORITIES?: string;
  /**
   * Requests of one address that reach an object, `burst/perSecond`, or `off`. Cloudflare names the address; where
   * nobody does, there is no limit unless this is set, and then one for all.
   */
  TES_ADDRESS_RATE?: string;
  /** The dashboard's built files: `/index.html` and `/assets/*`. Without it there is no dashboard. */
  ASSETS?: Fetcher;
  /** `off`: every read goes to its object. */
  TES_READ_CACHE?: string;
}
