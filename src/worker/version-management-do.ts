/** One registry: the object that decides, stores and signs. One object per registry name. */

import { DurableObject } from "cloudflare:workers";
import { TesError } from "../core/errors.ts";
import { isRegistryName } from "../protocol/ids.ts";
import { DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import type { GenesisRequest } from "../protocol/requests.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import type { TokenClaims } from "../protocol/tokens.ts";
import { createAlarm } from "./alarm.ts";
import { activeKeys } from "./announcements.ts";
import { type ArtifactCalls, createShelf } from "./artifacts/shelf.ts";
import { type Answer, type Ask, askOf, isUpgrade } from "./ask.ts";
import { authorityOf } from "./authorities.ts";
import { createCarrying } from "./carrying.ts";
import type { DeploymentCalls, Listing, Told } from "./deployment.ts";
import { createDesk } from "./desk.ts";
import { createDispatcher } from "./dispatcher.ts";
import type { VersionDOEnv } from "./env.ts";
import { createEvents, type Emit } from "./events.ts";
import { createFailures } from "./failures.ts";
import { createFounding } from "./founding.ts";
import { type Ledger, openLedger } from "./ledger.ts";
import { createMetrics } from "./metrics.ts";
import { askerOf, claimsOf, type Open, serveRegistry } from "./open.ts";
import { openEnded } from "./sessions.ts";
import { sayProblem, unsigned } from "./sign-response.ts";
import { loadSigningKey, type SigningKeys } from "./signing-key.ts";
import { createStanding } from "./standing.ts";
import { openStore, type Store } from "./store.ts";
import { openTickets } from "./tickets.ts";
import { createWatching, registryOf } from "./watching.ts";

/** The Durable Object class of TES. Its name is part of deployed configurations and never changes. */
export class VersionManagementDO extends DurableObject<VersionDOEnv> implements DeploymentCalls {
  #registry = "";
  #opened: Promise<Open | TesError> | undefined;
  /** The same, once it is there: asked for where nothing may wait. */
  #current: Open | undefined;
  /** What opens or carries in a registry happens one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #keys: SigningKeys | undefined;
  /** Counted since the object started. */
  readonly #keyCache = { hits: 0, misses: 0 };

  readonly #store: Store = openStore(this.ctx.storage);
  readonly #metrics = createMetrics();
  readonly #tickets = openTickets(this.ctx.storage);
  readonly #ended = openEnded(this.ctx.storage);
  readonly #emit: Emit = createEvents((line) => console.log(line));
  readonly #failures = createFailures(() => this.#registry);

  readonly #alarm = createAlarm(this.ctx.storage);

  // Its parts: what they may do with the object is what they are given here, since a public method can be called over RPC.
  readonly #standing = createStanding({
    env: this.env,
    store: this.#store,
    registry: () => this.#registry,
    report: (thrown) => this.#failures.report(thrown),
  });
  readonly #desk = createDesk<Open>({
    env: this.env,
    store: this.#store,
    opened: async () => (this.#isNamed(DEFAULT_REGISTRY) ? this.#whenOpen() : new TesError("registry_unknown")),
    claimsOf,
    report: (thrown) => this.#failures.report(thrown),
  });
  readonly #dispatcher = createDispatcher({
    env: this.env,
    store: this.#store,
    metrics: this.#metrics,
    standing: this.#standing,
    failures: this.#failures,
    registry: () => this.#registry,
    keysOf: (ledger) => this.#getSigningKey(activeKeys(ledger), false),
  });
  readonly #watching = createWatching(this.ctx, {
    tickets: this.#tickets,
    emit: this.#emit,
    standing: this.#standing,
    failures: this.#failures,
    dispatcher: this.#dispatcher,
    registry: () => this.#registry,
    isNamed: (registry) => this.#isNamed(registry),
    whenOpen: () => this.#whenOpen(),
    wakeAt: (at) => this.#alarm.wakeAt(at),
  });
  readonly #shelf = createShelf<Open>({
    env: this.env,
    store: this.#store,
    registry: () => this.#registry,
    opened: () => this.#whenServed(),
    claimsOf,
    askerOf,
    report: (thrown) => this.#failures.report(thrown),
    emit: this.#emit,
    wakeAt: (at) => this.#alarm.wakeAt(at),
  });
  readonly #carrying = createCarrying({
    env: this.env,
    store: this.#store,
    standing: this.#standing,
    failures: this.#failures,
    dispatcher: this.#dispatcher,
    registry: () => this.#registry,
    gated: (work) => this.#gated(work),
    serve: (ledger, keys) => this.#serve(ledger, keys),
    close: () => this.#close(),
  });
  readonly #founding = createFounding({
    env: this.env,
    store: this.#store,
    metrics: this.#metrics,
    emit: this.#emit,
    standing: this.#standing,
    failures: this.#failures,
    dispatcher: this.#dispatcher,
    registry: () => this.#registry,
    isImporting: () => this.#carrying.isImporting(),
    gated: (work) => this.#gated(work),
    keysFor: (ledger) => this.#getSigningKey(ledger.size === 0 ? undefined : activeKeys(ledger), ledger.size === 0),
    serve: (ledger, keys) => this.#serve(ledger, keys),
    current: () => this.#current,
    settle: (open) => {
      this.#current = open;
      this.#opened = Promise.resolve(open);
    },
  });

  /** Answers over plain HTTP too: `env.VERSION_DO.get(id).fetch("https://host/bump", …)` is signed like any other. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const registry = this.ctx.id.name ?? registryOf(url.pathname);
    const ask = await askOf(request, url, authorityOf(url), registry);
    const socket = isUpgrade(request) ? await this.#watching.upgrade(ask, request) : null;
    if (socket instanceof Response) return socket;
    const answer = await this.answer(socket ?? ask, registry);
    return new Response(request.method === "HEAD" ? null : answer.body, answer);
  }

  /**
   * Answers one request to this registry.
   *
   * @param registry the name the object was found by; the platform does not always hand it to the object
   */
  async answer(ask: Ask, registry: string): Promise<Answer> {
    if (!this.#isNamed(registry)) return unsigned(sayProblem(new TesError("registry_unknown")));
    const base = `/v1/${this.#registry}`;
    // Before anything is opened: a first request makes a genesis on a local authority, and an import needs none there.
    if (ask.path === `${base}/import` && this.#carrying.isImportable()) {
      return this.#inTurn(() => this.#carrying.transfer(ask));
    }
    const opened = await this.#whenOpen();
    if (!(opened instanceof TesError)) return this.#dispatcher.answer(opened, ask);
    if (opened.code === "registry_unknown" && ask.path === pathOf.keyProof(DEFAULT_REGISTRY)) {
      return this.#dispatcher.proveUnopened(ask);
    }
    if (ask.method === "POST") {
      if (opened.code === "registry_unknown" && ask.path === base) {
        return this.#inTurn(() => this.#founding.found(ask));
      }
      // A backup of another authority's log: its keys are not here, and a restore brings those that are.
      if (opened.code === "signing_key_mismatch" && ask.path === `${base}/restore`) {
        return this.#inTurn(() => this.#carrying.transfer(ask));
      }
    }
    return unsigned(sayProblem(opened));
  }

  admits(authorization: string): Promise<Told<TokenClaims>> {
    return this.#desk.admits(authorization);
  }

  knows(name: string, authorization: string | null): Promise<Told<boolean>> {
    return this.#desk.knows(name, authorization);
  }

  listingOf(name: string): Promise<Told<Listing>> {
    return this.#desk.listingOf(name);
  }

  enlist(name: string, genesis: string, by: string): Promise<Told<"listed">> {
    return this.#desk.enlist(name, genesis, by);
  }

  async delisted(name: string): Promise<void> {
    if (!this.#isNamed(name) || !this.#store.exists() || this.#store.size() === 0) return;
    this.#standing.delist();
    this.#watching.sockets.closeAll(new TesError("registry_unknown"));
  }

  /** What the Worker asks and tells of files. Only objects and the Worker of this deployment can call it. */
  async artifacts<K extends keyof ArtifactCalls>(
    registry: string,
    call: K,
    ...args: Parameters<ArtifactCalls[K]>
  ): Promise<Awaited<ReturnType<ArtifactCalls[K]>> | Told<never>> {
    if (!this.#isNamed(registry)) return { code: "registry_unknown", detail: "" };
    const work = this.#shelf[call] as (...given: Parameters<ArtifactCalls[K]>) => ReturnType<ArtifactCalls[K]>;
    return await work(...args);
  }

  override webSocketMessage(ws: WebSocket, data: string | ArrayBuffer): Promise<void> {
    return this.#watching.sockets.message(ws, data);
  }

  override webSocketClose(ws: WebSocket, code: number): void {
    this.#watching.sockets.closed(ws, code);
  }

  override webSocketError(ws: WebSocket): void {
    this.#watching.sockets.closed(ws);
  }

  override alarm(): Promise<void> {
    const jobs = [(now: number) => this.#watching.sockets.alarm(now), (now: number) => this.#shelf.collect(now)];
    return this.#alarm.ring(jobs);
  }

  #inTurn(work: () => Promise<Answer>): Promise<Answer> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  #isNamed(registry: string): boolean {
    if (this.#registry === "" && isRegistryName(registry)) this.#registry = registry;
    return this.#registry !== "" && (registry === "" || registry === this.#registry);
  }

  /** The registry, unless it is there for its own admins only. */
  async #whenServed(): Promise<Open | TesError> {
    return this.#standing.delisted ? new TesError("registry_unknown") : this.#whenOpen();
  }

  /** Under the object's concurrency gate: two first requests must not make two keys. */
  #whenOpen(): Promise<Open | TesError> {
    this.#opened ??= this.ctx.blockConcurrencyWhile(async () => {
      const opened = await this.#open();
      if (!(opened instanceof TesError)) this.#current = opened;
      return opened;
    });
    return this.#opened;
  }

  /** Keeps other requests out meanwhile. What is thrown passes the gate as a value: a throw in it ends the object. */
  async #gated<T>(work: () => Promise<T>): Promise<T> {
    const outcome = await this.ctx.blockConcurrencyWhile(() =>
      work().then(
        (value) => ({ value }),
        (thrown: unknown) => ({ thrown }),
      ),
    );
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.value;
  }

  /** Forgets what is open: what storage holds is another registry's state now. */
  #close(): void {
    this.#opened = undefined;
    this.#current = undefined;
    this.#keys = undefined;
    // Whoever watches connects again, and finds by what is signed there whether to follow.
    this.#watching.sockets.closeAll(new TesError("internal", { detail: "The log was replaced: connect again." }));
  }

  /** The key that signs: environment → storage → generate and store, then from memory. */
  async #getSigningKey(active: GenesisKeys | undefined, mayGenerate: boolean): Promise<SigningKeys> {
    if (this.#keys !== undefined) {
      this.#keyCache.hits++;
      return this.#keys;
    }
    this.#keyCache.misses++;
    this.#keys = await loadSigningKey(this.env, this.#store, this.#registry, active, mayGenerate);
    return this.#keys;
  }

  async #open(): Promise<Open | TesError> {
    try {
      const now = Date.now();
      if (this.#carrying.isImporting()) return new TesError("registry_unknown");
      const ledger = openLedger(this.#store, this.#registry, now);
      const { TES_GENESIS, TES_RECOVERY_KEY } = this.env;
      if (ledger.size === 0) {
        if (this.#registry !== DEFAULT_REGISTRY || TES_GENESIS !== "auto" || !TES_RECOVERY_KEY) {
          return new TesError("registry_unknown");
        }
        const keys = await this.#getSigningKey(undefined, true);
        const request: GenesisRequest = { visibility: "public", recovery: { x: TES_RECOVERY_KEY } };
        return this.#founding.begin(ledger, keys, request, { by: "genesis", now });
      }
      const open = this.#serve(ledger, await this.#getSigningKey(activeKeys(ledger), false));
      if (await this.#standing.isPending(ledger)) return new TesError("registry_unknown");
      return open;
    } catch (thrown) {
      // A key may be put in place while this object lives: look again on the next request.
      this.#opened = undefined;
      return this.#failures.report(thrown);
    }
  }

  #serve(ledger: Ledger, keys: SigningKeys): Open {
    const parts = {
      env: this.env,
      store: this.#store,
      metrics: this.#metrics,
      tickets: this.#tickets,
      ended: this.#ended,
      emit: this.#emit,
      keyCache: this.#keyCache,
      shelf: this.#shelf,
      subscribers: () => this.ctx.getWebSockets().length,
      sync: () => this.ctx.storage.sync(),
      isDelisted: () => this.#standing.delisted,
      closeSocketsOf: (id: string, error: TesError) => this.#watching.sockets.closeSocketsOf(id, error),
      written: this.#watching.written,
    };
    return serveRegistry(parts, ledger, keys);
  }
}
