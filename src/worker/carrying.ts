/** How a registry of another authority comes to be here: its log imported, or its backup restored. */

import { TesError } from "../core/errors.ts";
import type { TokenClaims } from "../protocol/tokens.ts";
import type { Answer, Ask } from "./ask.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Failures } from "./failures.ts";
import { type Importer, openImporter } from "./importer.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import type { Open } from "./open.ts";
import { bodyOf, checkHeaders, checkLines, idempotencyOf, linesOf, queryOf } from "./request.ts";
import { findRoute } from "./routes.ts";
import { type Saying, sayJson, unsigned } from "./sign-response.ts";
import { loadSigningKey, type SigningKeys } from "./signing-key.ts";
import type { Standing } from "./standing.ts";
import type { Store } from "./store.ts";
import { restore } from "./transfer.ts";

export interface CarryingParts {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly standing: Standing;
  readonly failures: Failures;
  readonly dispatcher: Pick<Dispatcher, "sign">;
  readonly registry: () => string;
  /** Keeps other requests out meanwhile. */
  readonly gated: <T>(work: () => Promise<T>) => Promise<T>;
  readonly serve: (ledger: Ledger, keys: SigningKeys) => Open;
  /** Forgets what is open: what storage holds is another registry's state now. */
  readonly close: () => void;
}

export interface Carrying {
  /** An import has begun and not ended. */
  isImporting(): boolean;
  /** An import may begin, or go on. */
  isImportable(): boolean;
  /** Answers an import, and the restore of another authority's backup. One at a time. */
  transfer(ask: Ask): Promise<Answer>;
}

export function createCarrying(parts: CarryingParts): Carrying {
  const { env, store, standing, failures, dispatcher, registry, gated, serve, close } = parts;
  let importer: Importer | undefined;

  const isImporting = (): boolean => store.exists() && !store.outdated() && store.meta("import") !== undefined;
  const isImportable = (): boolean => !store.exists() || store.size() === 0 || isImporting();

  const carryIn = async (ask: Ask, keys: SigningKeys, now: number): Promise<Saying> => {
    const { route } = findRoute(registry(), ask.method, "/import");
    queryOf(ask.query, route.query);
    if (!isImportable()) throw new TesError("genesis_exists");
    importer ??= openImporter(store, registry());
    const current = importer;
    let done = false;
    if (route.method === "POST") {
      checkLines(ask);
      done = current.take(linesOf(ask.body), now);
      if (done) {
        await current.finish(keys.record);
        importer = undefined;
        close();
        await standing.enlist(openLedger(store, registry(), now));
      }
    }
    const { received, size } = current;
    return sayJson({ registry: registry(), keys: keys.record, received, size, done });
  };

  const reopen = async (ask: Ask, claims: TokenClaims, keys: SigningKeys, now: number): Promise<Saying> => {
    queryOf(ask.query, []);
    const open = serve(openLedger(store, registry(), now), keys);
    const idempotency = idempotencyOf(ask, claims, ask.path);
    const saying = await restore({
      ...open,
      store,
      params: {},
      query: {},
      claims,
      page: ask.page,
      session: undefined,
      json: bodyOf(ask),
      now,
      idempotency,
    });
    close();
    return saying;
  };

  return {
    isImporting,
    isImportable,
    async transfer(ask) {
      const now = Date.now();
      let keys: SigningKeys | undefined;
      let saying: Saying;
      try {
        checkHeaders(ask);
        const claims = await standing.deployer(ask.headers.authorization, now);
        await standing.needDefault();
        keys = await gated(() => loadSigningKey(env, store, registry(), undefined, true));
        saying = ask.path.endsWith("/restore") ? await reopen(ask, claims, keys, now) : await carryIn(ask, keys, now);
      } catch (thrown) {
        saying = failures.refuse(thrown);
      }
      if (keys === undefined) return unsigned(saying);
      return dispatcher.sign(ask, saying, keys, store.exists() ? store.size() : 0, now);
    },
  };
}
