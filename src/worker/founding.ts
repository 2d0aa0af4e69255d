/** How a registry comes to be here: its genesis, by a request or by the configuration of a local authority. */

import { TesError } from "../core/errors.ts";
import { ed25519Kid } from "../core/keys.ts";
import { defaultOrigin } from "../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { type GenesisRequest, parseGenesisRequest } from "../protocol/requests.ts";
import type { Answer, Ask } from "./ask.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Emit } from "./events.ts";
import type { Failures } from "./failures.ts";
import { type Ledger, openLedger, type Write } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import { type Open, sayGenesis } from "./open.ts";
import { bodyOf, checkHeaders, idempotencyOf, queryOf } from "./request.ts";
import { sayProblem, unsigned } from "./sign-response.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Standing } from "./standing.ts";
import type { Store } from "./store.ts";

export interface FoundingParts {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly emit: Emit;
  readonly standing: Standing;
  readonly failures: Failures;
  readonly dispatcher: Pick<Dispatcher, "answer" | "sign">;
  readonly registry: () => string;
  readonly isImporting: () => boolean;
  /** Keeps other requests out meanwhile. */
  readonly gated: <T>(work: () => Promise<T>) => Promise<T>;
  readonly keysFor: (ledger: Ledger) => Promise<SigningKeys>;
  readonly serve: (ledger: Ledger, keys: SigningKeys) => Open;
  /** What is open already, if anything. */
  readonly current: () => Open | undefined;
  /** From here on this is what is open. */
  readonly settle: (open: Open) => void;
}

export interface Founding {
  /** Writes the first statement. */
  begin(ledger: Ledger, keys: SigningKeys, request: GenesisRequest, write: Omit<Write, "commands">): Open;
  /** Answers the request for a genesis. One at a time. */
  found(ask: Ask): Promise<Answer>;
}

export function createFounding(parts: FoundingParts): Founding {
  const { env, store, metrics, emit, standing, failures, dispatcher, registry, serve } = parts;

  const begin: Founding["begin"] = (ledger, keys, request, { by, now, idempotency }) => {
    const base = env.TES_ORIGIN;
    const origin = request.origin ?? (base ? `${base}/${registry()}` : defaultOrigin(registry()));
    const recovery = { kid: ed25519Kid(request.recovery.x), x: request.recovery.x };
    const { visibility } = request;
    const commands = [{ kind: "genesis", visibility, origin, keys: keys.record, recovery }] as const;
    ledger.append({ commands, by, now, idempotency });
    metrics.wrote("registry.genesis");
    emit("log", "registry.genesis", { registry: registry(), ref: visibility, actor: by, index: 0 });
    if (registry() !== DEFAULT_REGISTRY) store.putMeta("listed", "pending");
    return serve(ledger, keys);
  };

  /** The genesis, written now or by an earlier try that ended before it was listed. */
  const beginOrGoOn = (keys: SigningKeys, request: GenesisRequest, write: Omit<Write, "commands">): Open => {
    const ledger = openLedger(store, registry(), write.now);
    const open = ledger.size === 0 ? begin(ledger, keys, request, write) : serve(ledger, keys);
    const { visibility, recovery } = ledger.rows.registry()!;
    if (visibility !== request.visibility || recovery.x !== request.recovery.x) throw new TesError("genesis_exists");
    return open;
  };

  return {
    begin,
    async found(ask) {
      const now = Date.now();
      try {
        // All that can be refused is refused before the write: nothing that failed may have happened.
        checkHeaders(ask);
        const claims = await standing.deployer(ask.headers.authorization, now);
        queryOf(ask.query, []);
        const request = parseGenesisRequest(bodyOf(ask));
        const idempotency = idempotencyOf(ask, claims, `/v1/${registry()}`);
        await standing.needDefault();
        if (parts.isImporting()) throw new TesError("genesis_exists", { detail: "An import is under way." });
        const keys = await parts.gated(async () => parts.keysFor(openLedger(store, registry(), now)));
        // Whoever waited for its turn finds what the one before it made, whose keys then sign the refusal.
        const current = parts.current();
        if (current !== undefined) return await dispatcher.answer(current, ask);
        const open = beginOrGoOn(keys, request, { by: claims.jti, now, idempotency });
        await standing.enlist(open.ledger);
        parts.settle(open);
        return await dispatcher.sign(ask, await sayGenesis(open), keys, open.ledger.size, now);
      } catch (thrown) {
        return unsigned(sayProblem(failures.report(thrown)));
      }
    },
  };
}
