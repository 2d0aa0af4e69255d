/**
 * What the objects of one deployment say to each other. `default` keeps the list of the others, and its admin tokens
 * may open registries. Only objects of this Worker can call each other, so that what comes back is believed.
 */

import type { ErrorCode, TesError } from "../core/errors.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import type { TokenClaims } from "../protocol/tokens.ts";
import type { VersionDOEnv } from "./env.ts";

/** Errors do not keep their class across a call. */
export type Told<T> = { readonly ok: T } | { readonly code: ErrorCode; readonly detail: string };

/** Does some work for another object or the Worker: what it throws is told by its code. */
export const teller =
  (report: (thrown: unknown) => TesError) =>
  async <T>(work: () => Promise<T>): Promise<Told<T>> => {
    try {
      return { ok: await work() };
    } catch (thrown) {
      const { code, detail = "" } = report(thrown);
      return { code, detail };
    }
  };

/** `absent`: there is no registry `default`, so that nothing can be listed. */
export type Listing = "absent" | "unlisted" | "listed" | "delisted";

/** The calls, as the object offers them. */
export interface DeploymentCalls {
  /** Whether `default` believes this bearer token, and it has the scope admin. */
  admits(authorization: string): Promise<Told<TokenClaims>>;
  /**
   * Whether requests for another registry may reach its object: it is on the list, or the bearer token may open it. On
   * one machine an object is a file from the moment it is asked, so that unknown names must not get that far.
   */
  knows(name: string, authorization: string | null): Promise<Told<boolean>>;
  listingOf(name: string): Promise<Told<Listing>>;
  enlist(name: string, genesis: string, by: string): Promise<Told<"listed">>;
  /** Told to a registry that `default` delisted. */
  delisted(name: string): Promise<void>;
}

const objectOf = (env: VersionDOEnv, name: string): DeploymentCalls =>
  env.VERSION_DO.get(env.VERSION_DO.idFromName(name)) as unknown as DeploymentCalls;

export const defaultObject = (env: VersionDOEnv): DeploymentCalls => objectOf(env, DEFAULT_REGISTRY);
export const registryObject = objectOf;
