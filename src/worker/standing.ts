/** Where a registry stands in its deployment: whether `default` lists it, and who may open it or carry it in. */

import { TesError } from "../core/errors.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import { audienceOf, createTokenVerifier } from "./auth.ts";
import { type DeploymentCalls, defaultObject, type Told } from "./deployment.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Ledger } from "./ledger.ts";
import { loadSigningKey } from "./signing-key.ts";
import type { Store } from "./store.ts";

export interface StandingParts {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly registry: () => string;
  readonly report: (thrown: unknown) => TesError;
}

export interface Standing {
  /** `default` took it off the list: unknown to the outside, readable for its own admins. */
  readonly delisted: boolean;
  delist(): void;
  /** Asks `default`. True while a genesis is written and not listed: then the registry is not there yet. */
  isPending(ledger: Ledger): Promise<boolean>;
  /** Enters the list. @throws TesError what `default` refused with */
  enlist(ledger: Ledger): Promise<void>;
  /** @throws TesError `registry_unknown`, `genesis_exists`: what nobody could list must not be made */
  needDefault(): Promise<void>;
  /**
   * Who may open a registry, or carry one in: an admin token that the holder of the master key minted offline for its
   * name, or one of `default`.
   *
   * @throws TesError `registry_unknown` without a token: to the outside there is nothing here
   */
  deployer(authorization: string | undefined, now: number): Promise<TokenClaims>;
}

/** An error as it was told, without an empty detail. */
export function toldError({ code, detail }: Extract<Told<never>, { code: unknown }>): TesError {
  return new TesError(code, detail === "" ? {} : { detail });
}

export function createStanding({ env, store, registry, report }: StandingParts): Standing {
  let delisted = false;

  const ask = async <T>(call: (calls: DeploymentCalls) => Promise<Told<T>>): Promise<Told<T>> => {
    try {
      return await call(defaultObject(env));
    } catch (thrown) {
      const { code, detail = "" } = report(thrown);
      return { code, detail };
    }
  };

  const standing: Standing = {
    get delisted() {
      return delisted;
    },
    delist() {
      store.putMeta("listed", "no");
      delisted = true;
    },
    async isPending(ledger) {
      if (registry() === DEFAULT_REGISTRY) return false;
      // The log of `default` is the truth; what is kept here stands in while it is away.
      const kept = store.meta("listed");
      const told = await ask((calls) => calls.listingOf(registry()));
      const listing = "ok" in told ? told.ok : "absent";
      if (listing === "listed") return false;
      if (listing === "delisted" || (listing === "absent" && kept === "no")) {
        delisted = true;
        return false;
      }
      if (kept === "pending") return true;
      // It lost its place, or is from before there was a list: it enters by itself.
      if (listing === "unlisted") await standing.enlist(ledger);
      return false;
    },
    async enlist(ledger) {
      if (registry() === DEFAULT_REGISTRY) return;
      const { genesis } = ledger.rows.registry()!;
      const { by } = ledger.statement(0);
      const told = await ask((calls) => calls.enlist(registry(), genesis, by));
      if ("code" in told) throw toldError(told);
      store.putMeta("listed", "yes");
    },
    async needDefault() {
      if (registry() === DEFAULT_REGISTRY) return;
      const told = await ask((calls) => calls.listingOf(registry()));
      if ("code" in told) throw toldError(told);
      if (told.ok === "absent") throw new TesError("registry_unknown", { detail: "Open the registry default first." });
      if (told.ok === "delisted") {
        throw new TesError("genesis_exists", { detail: "It was delisted, and its log is kept." });
      }
    },
    async deployer(authorization, now) {
      if (authorization === undefined) throw new TesError("registry_unknown");
      if (registry() !== DEFAULT_REGISTRY && audienceOf(authorization) === `tes:${DEFAULT_REGISTRY}`) {
        const told = await ask((calls) => calls.admits(authorization));
        if ("code" in told) throw toldError(told);
        return told.ok;
      }
      const keys = await loadSigningKey(env, store, registry(), undefined, false);
      const claims = await createTokenVerifier(keys, registry()).verify(authorization, now);
      if (claims === undefined) throw new TesError("registry_unknown");
      if (!allows(claims, "admin")) throw new TesError("forbidden", { detail: "It needs the scope admin." });
      return claims;
    },
  };
  return standing;
}
