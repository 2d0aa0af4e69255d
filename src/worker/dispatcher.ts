/** From a request to an open registry to its signed answer: who asks, by which route, and what is said. */

import { TesError } from "../core/errors.ts";
import { parseProofNonce } from "../protocol/key-proof.ts";
import { canonicalPath } from "../protocol/paths.ts";
import { allows } from "../protocol/tokens.ts";
import { activeKeys } from "./announcements.ts";
import type { Answer, Ask } from "./ask.ts";
import { audienceOf } from "./auth.ts";
import { createBuckets, parseRate, TOKEN_RATE } from "./bucket.ts";
import { PUBLIC_READ_HEADERS } from "./cors.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Failures } from "./failures.ts";
import type { Ledger } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import { askerOf, claimsOf, type Open, sayGenesis } from "./open.ts";
import { bodyOf, checkHeaders, idempotencyOf, nonceOf, queryOf } from "./request.ts";
import { findRoute } from "./routes.ts";
import { type Saying, sayJson, sayProblem, signResponse, unsigned } from "./sign-response.ts";
import { proveKeys, type SigningKeys } from "./signing-key.ts";
import type { Standing } from "./standing.ts";
import type { Store } from "./store.ts";
import { DELISTED } from "./writer.ts";

export interface DispatcherParts {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly standing: Pick<Standing, "delisted" | "deployer">;
  readonly failures: Failures;
  readonly registry: () => string;
  /** The keys that sign now. */
  readonly keysOf: (ledger: Ledger) => Promise<SigningKeys>;
}

export interface Dispatcher {
  /** Answers a request to an open registry, signed. */
  answer(open: Open, ask: Ask): Promise<Answer>;
  /** The same by its route alone, for who signs by other means. @throws TesError */
  run(open: Open, ask: Ask, now: number): Promise<Saying>;
  /** @param size of the log that the answer speaks of */
  sign(ask: Ask, saying: Saying, keys: SigningKeys, size: number, now: number): Promise<Answer>;
  /** The key proof of `default` before its genesis. It proves itself, and so it is not signed. */
  proveUnopened(ask: Ask): Promise<Answer>;
}

export function createDispatcher(parts: DispatcherParts): Dispatcher {
  const { env, store, metrics, standing, failures, registry, keysOf } = parts;
  const quota = createBuckets(parseRate(env.TES_TOKEN_RATE, TOKEN_RATE));

  const sign: Dispatcher["sign"] = async (ask, saying, keys, size, now) => {
    metrics.signed("hmac-sha256", "answer");
    metrics.signed("ed25519", "answer");
    const began = performance.now();
    const answer = await signResponse(ask, saying, keys, registry(), size, now, nonceOf(ask));
    metrics.took((performance.now() - began) / 1000);
    return answer;
  };

  /** Shows which keys are in place, before the genesis too: whoever just put one there has to be told if it arrived. */
  const prove = async (ask: Ask, ledger: Ledger | undefined): Promise<Saying> => {
    const nonce = parseProofNonce(queryOf(ask.query, ["nonce"]).nonce);
    const announced = ledger === undefined ? null : activeKeys(ledger)["response-ed25519"].kid;
    const genesis = ledger?.rows.registry()?.genesis ?? null;
    const subject = { registry: registry(), authority: ask.authority, nonce, announced, genesis };
    return sayJson(await proveKeys(env, store, subject));
  };

  /** A delisted registry shows itself to its own admins only. @throws what nobody else may learn */
  const checkInsider = async (open: Open, ask: Ask, now: number): Promise<void> => {
    const { claims } = await askerOf(open, ask, now);
    if (claims === undefined || !allows(claims, "admin")) throw new TesError("registry_unknown");
  };

  /** The request that made this registry, sent again, gets its receipt again; any other finds that there is one. */
  const genesisAgain = async (open: Open, ask: Ask, now: number): Promise<Saying> => {
    const { authorization } = ask.headers;
    const own = authorization === undefined || audienceOf(authorization) === `tes:${registry()}`;
    const claims = own ? await claimsOf(open, authorization, now) : await standing.deployer(authorization, now);
    const idempotency = claims && idempotencyOf(ask, claims, ask.path);
    if (idempotency !== undefined && open.ledger.earlier(idempotency) !== undefined) return sayGenesis(open);
    throw new TesError("genesis_exists");
  };

  /** @param seen learns the route as soon as it is known, whatever comes of it */
  const run = async (open: Open, ask: Ask, now: number, seen: { route: string }): Promise<Saying> => {
    const { ledger } = open;
    const base = `/v1/${registry()}`;
    const path = canonicalPath(ask.path);
    // The registry's own path has no trailing slash: one resource, one name.
    if (path !== base && (!path.startsWith(`${base}/`) || path === `${base}/`)) throw new TesError("route_unknown");
    const { route, params } = findRoute(registry(), ask.method, path.slice(base.length) || "/");
    const forAll = route.access === "read" || route.access === "open";
    seen.route = forAll ? route.name : `token ${route.name}`;
    if (route.name === "genesis") return genesisAgain(open, ask, now);
    if (route.name === "keyProof") return prove(ask, ledger);
    const query = queryOf(ask.query, route.query);
    const { claims, session } = await askerOf(open, ask, now);
    if (claims !== undefined) {
      const wait = quota.take(claims.jti, now);
      if (wait > 0) throw new TesError("rate_limited", { facts: { retryAfter: wait } });
    }
    if (route.access === "read" && ledger.rows.registry()!.visibility === "private") {
      if (claims === undefined) throw new TesError("token_missing");
      if (!allows(claims, "read")) throw new TesError("forbidden", { detail: "It needs the scope read." });
    }
    if (route.access === "session" && session === undefined) throw new TesError("session_missing");
    const context = { ...open, store, params, query, claims, page: ask.page, session, now };
    if (route.method === "GET") {
      const saying = await route.run({ ...context, json: null, idempotency: undefined });
      return route.cached ? { ...saying, shared: true } : saying;
    }
    if (claims === undefined) throw new TesError("token_missing");
    if (route.name === "import" || route.request === "bytes")
      return route.run({ ...context, json: null, idempotency: undefined });
    return route.run({ ...context, json: bodyOf(ask), idempotency: idempotencyOf(ask, claims, path) });
  };

  return {
    sign,
    run: (open, ask, now) => run(open, ask, now, { route: "" }),
    async answer(open, ask) {
      const now = Date.now();
      const started = performance.now();
      const seen = { route: "none" };
      let saying: Saying;
      let isHidden = standing.delisted;
      try {
        checkHeaders(ask);
        if (isHidden) {
          await checkInsider(open, ask, now);
          isHidden = false;
          if (ask.method === "POST") throw new TesError("registry_read_only", { detail: DELISTED });
        }
        saying = await run(open, ask, now, seen);
      } catch (thrown) {
        saying = failures.refuse(thrown);
        if (isHidden) return unsigned(sayProblem(new TesError("registry_unknown")));
      }
      // What a page's session gets is that page's: no other site reads it, and nobody is answered with it again.
      const isPage = ask.headers["tes-csrf"] !== undefined;
      const isPublic = !isPage && open.ledger.rows.registry()!.visibility === "public" && !standing.delisted;
      if (isPublic && (ask.method === "GET" || ask.method === "HEAD") && !seen.route.startsWith("token ")) {
        saying = { ...saying, headers: { ...saying.headers, ...PUBLIC_READ_HEADERS } };
      } else if (saying.shared === true) saying = { ...saying, shared: false };
      const answer = await sign(ask, saying, await keysOf(open.ledger), open.ledger.size, now);
      metrics.answered(seen.route.replace("token ", ""), answer.status, (performance.now() - started) / 1000);
      return answer;
    },
    async proveUnopened(ask) {
      try {
        checkHeaders(ask);
        findRoute(registry(), ask.method, "/key-proof");
        return unsigned(await prove(ask, undefined));
      } catch (thrown) {
        return unsigned(failures.refuse(thrown));
      }
    },
  };
}
