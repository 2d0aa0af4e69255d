/** What the object of `default` tells the others of its deployment, and the Worker (see deployment.ts). */

import { TesError } from "../core/errors.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import { audienceOf, createTokenVerifier } from "./auth.ts";
import { type DeploymentCalls, type Listing, teller } from "./deployment.ts";
import type { VersionDOEnv } from "./env.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { loadSigningKey } from "./signing-key.ts";
import type { Store } from "./store.ts";
import type { Writer } from "./writer.ts";

export interface DeskParts<O extends { readonly ledger: Ledger; readonly writer: Writer }> {
  readonly env: VersionDOEnv;
  readonly store: Store;
  /** The registry `default`, open, or why it is not. */
  readonly opened: () => Promise<O | TesError>;
  readonly claimsOf: (open: O, authorization: string, now: number) => Promise<TokenClaims | undefined>;
  readonly report: (thrown: unknown) => TesError;
}

export type Desk = Omit<DeploymentCalls, "delisted">;

export function createDesk<O extends { readonly ledger: Ledger; readonly writer: Writer }>({
  env,
  store,
  opened,
  claimsOf,
  report,
}: DeskParts<O>): Desk {
  const tell = teller(report);
  const open = async (): Promise<O> => {
    const found = await opened();
    if (found instanceof TesError) throw found;
    return found;
  };
  const admitted = (claims: TokenClaims | undefined): TokenClaims => {
    if (claims !== undefined && allows(claims, "admin")) return claims;
    throw new TesError("forbidden", { detail: "It needs the scope admin." });
  };

  return {
    admits: (authorization) => tell(async () => admitted(await claimsOf(await open(), authorization, Date.now()))),
    knows: (name, authorization) =>
      tell(async () => {
        const found = await opened();
        const now = Date.now();
        const missing = found instanceof TesError;
        if (missing && found.code === "registry_unknown" && authorization === null) return false;
        // The list is there even while the key is not.
        const ledger = missing ? openLedger(store, DEFAULT_REGISTRY, now) : found.ledger;
        if (ledger.rows.listing(name) !== undefined) return true;
        if (authorization === null) return false;
        if (audienceOf(authorization) === `tes:${DEFAULT_REGISTRY}`) {
          admitted(await claimsOf(await open(), authorization, now));
          return true;
        }
        // Who minted it offline holds the key of the environment: what this object made for itself nobody has seen.
        const keys = await loadSigningKey({ ...env, TES_KEY_FALLBACK: "deny" }, store, name, undefined, false);
        admitted(await createTokenVerifier(keys, name).verify(authorization, now));
        return true;
      }),
    async listingOf(name) {
      const told = await tell(async (): Promise<Listing> => {
        const row = (await open()).ledger.rows.listing(name);
        if (row === undefined) return "unlisted";
        return row.delisted === true ? "delisted" : "listed";
      });
      return "code" in told && told.code === "registry_unknown" ? { ok: "absent" } : told;
    },
    enlist: (name, genesis, by) =>
      tell(async () => {
        const { writer } = await open();
        await writer.submit({ commands: [{ kind: "list", name, genesis }], by, now: Date.now() });
        return "listed" as const;
      }),
  };
}
