/** One registry: the object that decides, stores and signs. One object per registry name. */

import { DurableObject } from "cloudflare:workers";
import { decodeUtf8 } from "../core/bytes.ts";
import { TesError, toTesError } from "../core/errors.ts";
import { ed25519Kid } from "../core/keys.ts";
import { defaultOrigin, isRegistryName } from "../protocol/ids.ts";
import { parseProofNonce } from "../protocol/key-proof.ts";
import { canonicalPath, DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import { type GenesisRequest, parseGenesisRequest } from "../protocol/requests.ts";
import type { GenesisKeys, Statement } from "../protocol/statements.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import { activeKeys, announcementsOf } from "./announcements.ts";
import { type Answer, type Ask, askOf, isUpgrade } from "./ask.ts";
import { audienceOf, createTokenVerifier, type TokenVerifier } from "./auth.ts";
import { authorityOf } from "./authorities.ts";
import { createBuckets, parseRate, TOKEN_RATE } from "./bucket.ts";
import { PUBLIC_READ_HEADERS } from "./cors.ts";
import { type DeploymentCalls, type Listing, registryObject, type Told } from "./deployment.ts";
import { createDesk } from "./desk.ts";
import type { VersionDOEnv } from "./env.ts";
import { createEvents, type Emit } from "./events.ts";
import { type Importer, openImporter } from "./importer.ts";
import { type Ledger, openLedger, type Write } from "./ledger.ts";
import { createMetrics } from "./metrics.ts";
import { bodyOf, checkHeaders, checkLines, idempotencyOf, linesOf, nonceOf, queryOf } from "./request.ts";
import type { Host } from "./route.ts";
import { findRoute } from "./routes.ts";
import { JSON_TYPE, type Saying, sayJson, sayProblem, signResponse, unsigned } from "./sign-response.ts";
import { loadSigningKey, proveKeys, type SigningKeys } from "./signing-key.ts";
import { type BumpAsk, createSockets } from "./sockets.ts";
import { createStanding } from "./standing.ts";
import { openStore, type Store } from "./store.ts";
import { chooseSubprotocol } from "./subprotocol.ts";
import { openTickets } from "./tickets.ts";
import { restore } from "./transfer.ts";
import { createWriter, DELISTED, type Writer } from "./writer.ts";

/** A registry whose genesis is in the log and whose key is in place. */
interface Open {
  readonly keys: SigningKeys;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly tokens: TokenVerifier;
  readonly host: Host;
}

/** The Durable Object class of TES. Its name is part of deployed configurations and never changes. */
export class VersionManagementDO extends DurableObject<VersionDOEnv> implements DeploymentCalls {
  readonly #store: Store = openStore(this.ctx.storage);
  readonly #metrics = createMetrics();
  readonly #tickets = openTickets(this.ctx.storage);
  readonly #emit: Emit = createEvents((line) => console.log(line));
  readonly #sockets = createSockets(this.ctx, {
    tickets: this.#tickets,
    emit: this.#emit,
    live: (registry) => this.#live(registry),
    claimsOf: async (live, authorization, now) => (await this.#claimsOf(live as Open, authorization, now))!,
    bump: (live, asked) => this.#socketBump(live as Open, asked),
  });
  readonly #quota = createBuckets(parseRate(this.env.TES_TOKEN_RATE, TOKEN_RATE));
  #registry = "";
  #opened: Promise<Open | TesError> | undefined;
  /** The same, once it is there: asked for where nothing may wait. */
  #current: Open | undefined;
  /** What opens or carries in a registry happens one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #importer: Importer | undefined;
  #keys: SigningKeys | undefined;
  /** Counted since the object started. */
  readonly #keyCache = { hits: 0, misses: 0 };
  readonly #standing = createStanding({
    env: this.env,
    store: this.#store,
    registry: () => this.#registry,
    report: (thrown) => this.#report(thrown),
  });
  readonly #desk = createDesk<Open>({
    env: this.env,
    store: this.#store,
    opened: async () => (this.#isNamed(DEFAULT_REGISTRY) ? this.#whenOpen() : new TesError("registry_unknown")),
    claimsOf: (open, authorization, now) => this.#claimsOf(open, authorization, now),
    report: (thrown) => this.#report(thrown),
  });

  /** Answers over plain HTTP too: `env.VERSION_DO.get(id).fetch("https://host/bump", …)` is signed like any other. */
  override async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const ask = await askOf(request, url, authorityOf(url));
    const socket = isUpgrade(request) ? await this.#upgrade(ask, request) : null;
    if (socket instanceof Response) return socket;
    const answer = await this.answer(socket ?? ask, this.ctx.id.name ?? registryOf(ask.path));
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
    if (ask.path === `${base}/import` && this.#isImportable()) {
      return this.#inTurn(() => this.#transfer(ask));
    }
    const opened = await this.#whenOpen();
    if (!(opened instanceof TesError)) return this.#signed(opened, ask);
    if (opened.code === "registry_unknown" && ask.path === pathOf.keyProof(DEFAULT_REGISTRY)) {
      return this.#proofUnopened(ask);
    }
    if (ask.method === "POST") {
      if (opened.code === "registry_unknown" && ask.path === base) {
        return this.#inTurn(() => this.#found(ask));
      }
      // A backup of another authority's log: its keys are not here, and a restore brings those that are.
      if (opened.code === "signing_key_mismatch" && ask.path === `${base}/restore`) {
        return this.#inTurn(() => this.#transfer(ask));
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
    this.#sockets.closeAll(new TesError("registry_unknown"));
  }

  /** Opens a socket; null when that is not what was asked for, and the request with its fault when it cannot be. */
  async #upgrade(ask: Ask, request: Request): Promise<Response | Ask | null> {
    const registry = registryOf(ask.path);
    if (!isRegistryName(registry) || ask.path !== pathOf.watch(registry)) return null;
    if ((this.ctx.id.name ?? registry) !== registry || !this.#isNamed(registry)) return null;
    const opened = await this.#whenOpen();
    if (opened instanceof TesError || this.#standing.delisted) return null;
    try {
      queryOf(ask.query, []);
      chooseSubprotocol(request.headers.get("sec-websocket-protocol"));
      const origin = request.headers.get("origin");
      return await this.#sockets.accept(opened, { registry, authority: ask.authority, origin });
    } catch (thrown) {
      const { code, detail = "" } = this.#report(thrown);
      return { ...ask, fault: { code, detail } };
    }
  }

  override webSocketMessage(ws: WebSocket, data: string | ArrayBuffer): Promise<void> {
    return this.#sockets.message(ws, data);
  }

  override webSocketClose(ws: WebSocket, code: number): void {
    this.#sockets.closed(ws, code);
  }

  override webSocketError(ws: WebSocket): void {
    this.#sockets.closed(ws);
  }

  override alarm(): Promise<void> {
    return this.#sockets.alarm();
  }

  /** The registry behind a socket. @throws TesError why it is not open */
  async #live(registry: string): Promise<Open> {
    if (!this.#isNamed(registry)) throw new TesError("registry_unknown");
    const opened = await this.#whenOpen();
    if (opened instanceof TesError) throw opened;
    if (this.#standing.delisted) throw new TesError("registry_unknown");
    return opened;
  }

  /** The bump of a socket, by way of the very route that HTTP takes. */
  async #socketBump(open: Open, { authority, authorization, key, body }: BumpAsk) {
    const headers = { authorization, "content-type": JSON_TYPE, "idempotency-key": key };
    const path = pathOf.bump(this.#registry);
    const ask: Ask = { method: "POST", authority, path, query: "", headers, body, fault: null };
    const { receipt, changes } = JSON.parse(decodeUtf8((await this.#route(open, ask, Date.now(), { route: "" })).body));
    return { receipt, changes };
  }

  #written(statements: readonly Statement[], duration: number): void {
    for (const statement of statements) {
      const { type, seq: index, by: actor } = statement;
      const ref = "entity" in statement ? statement.entity : undefined;
      this.#emit("log", type, { registry: this.#registry, ref, actor, index, duration });
      if (statement.type === "token.revoked") this.#sockets.closeSocketsOf(statement.token);
    }
    this.#sockets.grown();
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
    this.#sockets.closeAll(new TesError("internal", { detail: "The log was replaced: connect again." }));
  }

  /**
   * The key that signs: environment → storage → generate and store, then from memory. Not a public method, since those
   * can be called over RPC.
   */
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
      if (this.#isImporting()) return new TesError("registry_unknown");
      const ledger = openLedger(this.#store, this.#registry, now);
      const { TES_GENESIS, TES_RECOVERY_KEY } = this.env;
      if (ledger.size === 0) {
        if (this.#registry !== DEFAULT_REGISTRY || TES_GENESIS !== "auto" || !TES_RECOVERY_KEY) {
          return new TesError("registry_unknown");
        }
        const keys = await this.#getSigningKey(undefined, true);
        const request: GenesisRequest = { visibility: "public", recovery: { x: TES_RECOVERY_KEY } };
        return this.#begin(ledger, keys, request, { by: "genesis", now });
      }
      const open = this.#serve(ledger, await this.#getSigningKey(activeKeys(ledger), false));
      if (await this.#standing.isPending(ledger)) return new TesError("registry_unknown");
      return open;
    } catch (thrown) {
      // A key may be put in place while this object lives: look again on the next request.
      this.#opened = undefined;
      return this.#report(thrown);
    }
  }

  #serve(ledger: Ledger, keys: SigningKeys): Open {
    const writer = createWriter(
      ledger,
      keys,
      () => this.ctx.storage.sync(),
      this.#metrics,
      () => this.#standing.delisted,
      (statements, duration) => this.#written(statements, duration),
    );
    const host: Host = {
      metrics: this.#metrics,
      tickets: this.#tickets,
      keyCache: this.#keyCache,
      announcements: () => announcementsOf(ledger, this.#store, keys),
      delisted: (name) => registryObject(this.env, name).delisted(name),
      pause: () => scheduler.wait(0),
    };
    const meta = { slot: keys.slot, size: ledger.size };
    this.#emit("registry", "registry.opened", { registry: this.#registry, ref: keys.source, meta });
    return { keys, ledger, writer, tokens: createTokenVerifier(keys, this.#registry), host };
  }

  /** Writes the first statement. */
  #begin(
    ledger: Ledger,
    keys: SigningKeys,
    request: GenesisRequest,
    { by, now, idempotency }: Omit<Write, "commands">,
  ): Open {
    const base = this.env.TES_ORIGIN;
    const origin = request.origin ?? (base ? `${base}/${this.#registry}` : defaultOrigin(this.#registry));
    const recovery = { kid: ed25519Kid(request.recovery.x), x: request.recovery.x };
    const { visibility } = request;
    const commands = [{ kind: "genesis", visibility, origin, keys: keys.record, recovery }] as const;
    ledger.append({ commands, by, now, idempotency });
    this.#metrics.wrote("registry.genesis");
    this.#emit("log", "registry.genesis", { registry: this.#registry, ref: visibility, actor: by, index: 0 });
    if (this.#registry !== DEFAULT_REGISTRY) this.#store.putMeta("listed", "pending");
    return this.#serve(ledger, keys);
  }

  async #found(ask: Ask): Promise<Answer> {
    const now = Date.now();
    try {
      // All that can be refused is refused before the write: nothing that failed may have happened.
      checkHeaders(ask);
      const claims = await this.#standing.deployer(ask.headers.authorization, now);
      queryOf(ask.query, []);
      const request = parseGenesisRequest(bodyOf(ask));
      const idempotency = idempotencyOf(ask, claims, `/v1/${this.#registry}`);
      await this.#standing.needDefault();
      if (this.#isImporting()) throw new TesError("genesis_exists", { detail: "An import is under way." });
      const keys = await this.#gated(async () => {
        const ledger = openLedger(this.#store, this.#registry, now);
        return this.#getSigningKey(ledger.size === 0 ? undefined : activeKeys(ledger), ledger.size === 0);
      });
      // Whoever waited for its turn finds what the one before it made, whose keys then sign the refusal.
      if (this.#current !== undefined) return await this.#signed(this.#current, ask);
      const open = this.#founding(keys, request, { by: claims.jti, now, idempotency });
      await this.#standing.enlist(open.ledger);
      this.#current = open;
      this.#opened = Promise.resolve(open);
      return await this.#sign(ask, await sayGenesis(open), keys, open.ledger.size, now);
    } catch (thrown) {
      return unsigned(sayProblem(this.#report(thrown)));
    }
  }

  /** Shows which keys are in place, before the genesis too: whoever just put one there has to be told if it arrived. */
  async #proof(ask: Ask, ledger: Ledger | undefined): Promise<Saying> {
    const nonce = parseProofNonce(queryOf(ask.query, ["nonce"]).nonce);
    const announced = ledger === undefined ? null : activeKeys(ledger)["response-ed25519"].kid;
    const genesis = ledger?.rows.registry()?.genesis ?? null;
    const subject = { registry: this.#registry, authority: ask.authority, nonce, announced, genesis };
    return sayJson(await proveKeys(this.env, this.#store, subject));
  }

  /** The proof of `default` before its genesis. It proves itself, and so it is not signed. */
  async #proofUnopened(ask: Ask): Promise<Answer> {
    try {
      checkHeaders(ask);
      findRoute(this.#registry, ask.method, "/key-proof");
      return unsigned(await this.#proof(ask, undefined));
    } catch (thrown) {
      return unsigned(this.#refuse(thrown));
    }
  }

  /** The genesis, written now or by an earlier try that ended before it was listed. */
  #founding(keys: SigningKeys, request: GenesisRequest, write: Omit<Write, "commands">): Open {
    const ledger = openLedger(this.#store, this.#registry, write.now);
    const open = ledger.size === 0 ? this.#begin(ledger, keys, request, write) : this.#serve(ledger, keys);
    const { visibility, recovery } = ledger.rows.registry()!;
    if (visibility !== request.visibility || recovery.x !== request.recovery.x) throw new TesError("genesis_exists");
    return open;
  }

  #isImporting(): boolean {
    return this.#store.exists() && !this.#store.outdated() && this.#store.meta("import") !== undefined;
  }

  #isImportable(): boolean {
    return !this.#store.exists() || this.#store.size() === 0 || this.#isImporting();
  }

  /** What happens where no registry is open: an import, and the restore of another authority's backup. */
  async #transfer(ask: Ask): Promise<Answer> {
    const now = Date.now();
    let keys: SigningKeys | undefined;
    let saying: Saying;
    try {
      checkHeaders(ask);
      const claims = await this.#standing.deployer(ask.headers.authorization, now);
      await this.#standing.needDefault();
      keys = await this.#gated(() => loadSigningKey(this.env, this.#store, this.#registry, undefined, true));
      saying = ask.path.endsWith("/restore")
        ? await this.#restore(ask, claims, keys, now)
        : await this.#import(ask, keys, now);
    } catch (thrown) {
      saying = this.#refuse(thrown);
    }
    if (keys === undefined) return unsigned(saying);
    return this.#sign(ask, saying, keys, this.#store.exists() ? this.#store.size() : 0, now);
  }

  async #import(ask: Ask, keys: SigningKeys, now: number): Promise<Saying> {
    const { route } = findRoute(this.#registry, ask.method, "/import");
    queryOf(ask.query, route.query);
    if (!this.#isImportable()) throw new TesError("genesis_exists");
    this.#importer ??= openImporter(this.#store, this.#registry);
    const importer = this.#importer;
    let done = false;
    if (route.method === "POST") {
      checkLines(ask);
      done = importer.take(linesOf(ask.body), now);
      if (done) {
        await importer.finish(keys.record);
        this.#importer = undefined;
        this.#close();
        await this.#standing.enlist(openLedger(this.#store, this.#registry, now));
      }
    }
    const { received, size } = importer;
    return sayJson({ registry: this.#registry, keys: keys.record, received, size, done });
  }

  async #restore(ask: Ask, claims: TokenClaims, keys: SigningKeys, now: number): Promise<Saying> {
    queryOf(ask.query, []);
    const open = this.#serve(openLedger(this.#store, this.#registry, now), keys);
    const idempotency = idempotencyOf(ask, claims, ask.path);
    const saying = await restore({
      ...open,
      store: this.#store,
      params: {},
      query: {},
      claims,
      json: bodyOf(ask),
      now,
      idempotency,
    });
    this.#close();
    return saying;
  }

  async #signed(open: Open, ask: Ask): Promise<Answer> {
    const now = Date.now();
    const started = performance.now();
    const seen = { route: "none" };
    let saying: Saying;
    let isHidden = this.#standing.delisted;
    try {
      checkHeaders(ask);
      if (isHidden) {
        await this.#checkInsider(open, ask, now);
        isHidden = false;
        if (ask.method === "POST") throw new TesError("registry_read_only", { detail: DELISTED });
      }
      saying = await this.#route(open, ask, now, seen);
    } catch (thrown) {
      saying = this.#refuse(thrown);
      if (isHidden) return unsigned(sayProblem(new TesError("registry_unknown")));
    }
    const isPublic = open.ledger.rows.registry()!.visibility === "public" && !this.#standing.delisted;
    if (isPublic && (ask.method === "GET" || ask.method === "HEAD") && !seen.route.startsWith("token ")) {
      saying = { ...saying, headers: { ...saying.headers, ...PUBLIC_READ_HEADERS } };
    } else if (saying.shared === true) saying = { ...saying, shared: false };
    const keys = await this.#getSigningKey(activeKeys(open.ledger), false);
    const answer = await this.#sign(ask, saying, keys, open.ledger.size, now);
    this.#metrics.answered(seen.route.replace("token ", ""), answer.status, (performance.now() - started) / 1000);
    return answer;
  }

  /** A delisted registry shows itself to its own admins only. @throws what nobody else may learn */
  async #checkInsider(open: Open, ask: Ask, now: number): Promise<void> {
    const claims = await this.#claimsOf(open, ask.headers.authorization, now);
    if (claims === undefined || !allows(claims, "admin")) throw new TesError("registry_unknown");
  }

  #sign(ask: Ask, saying: Saying, keys: SigningKeys, size: number, now: number): Promise<Answer> {
    this.#metrics.signed("hmac-sha256", "answer");
    this.#metrics.signed("ed25519", "answer");
    return signResponse(ask, saying, keys, this.#registry, size, now, nonceOf(ask));
  }

  /** What was thrown as one of ours; what nobody foresaw goes to the Worker's log, never to the caller. */
  #report(thrown: unknown): TesError {
    const error = toTesError(thrown);
    if (error.code === "internal") {
      const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : String(error.cause);
      const meta = { cause, ...(error.detail === undefined ? {} : { detail: error.detail }) };
      createEvents((line) => console.error(line))("object", "object.failed", { registry: this.#registry, meta });
    }
    return error;
  }

  #refuse(thrown: unknown): Saying {
    const error = this.#report(thrown);
    const { allow, retryAfter } = error.facts ?? {};
    return sayProblem(error, {
      ...(typeof allow === "string" ? { allow } : {}),
      ...(typeof retryAfter === "number" ? { "retry-after": String(retryAfter) } : {}),
    });
  }

  /** Who asks, if a token came. @throws TesError `token_revoked`, `rate_limited`, and what makes a token worthless */
  async #claimsOf(
    { tokens, ledger }: Pick<Open, "tokens" | "ledger">,
    authorization: string | undefined,
    now: number,
  ): Promise<TokenClaims | undefined> {
    const claims = await tokens.verify(authorization, now);
    if (claims !== undefined && ledger.rows.revoked(claims.jti) !== undefined) throw new TesError("token_revoked");
    return claims;
  }

  async #route(open: Open, ask: Ask, now: number, seen: { route: string }): Promise<Saying> {
    const { ledger } = open;
    const base = `/v1/${this.#registry}`;
    const path = canonicalPath(ask.path);
    // The registry's own path has no trailing slash: one resource, one name.
    if (path !== base && (!path.startsWith(`${base}/`) || path === `${base}/`)) throw new TesError("route_unknown");
    const { route, params } = findRoute(this.#registry, ask.method, path.slice(base.length) || "/");
    const forAll = route.access === "read" || route.access === "open";
    seen.route = forAll ? route.name : `token ${route.name}`;
    if (route.name === "genesis") return this.#genesisAgain(open, ask, now);
    if (route.name === "keyProof") return this.#proof(ask, ledger);
    const query = queryOf(ask.query, route.query);
    const claims = await this.#claimsOf(open, ask.headers.authorization, now);
    if (claims !== undefined) {
      const wait = this.#quota.take(claims.jti, now);
      if (wait > 0) throw new TesError("rate_limited", { facts: { retryAfter: wait } });
    }
    if (route.access === "read" && ledger.rows.registry()!.visibility === "private") {
      if (claims === undefined) throw new TesError("token_missing");
      if (!allows(claims, "read")) throw new TesError("forbidden", { detail: "It needs the scope read." });
    }
    const context = { ...open, store: this.#store, params, query, claims, now };
    if (route.method === "GET") {
      const saying = await route.run({ ...context, json: null, idempotency: undefined });
      return route.cached ? { ...saying, shared: true } : saying;
    }
    if (claims === undefined) throw new TesError("token_missing");
    if (route.name === "import") return route.run({ ...context, json: null, idempotency: undefined });
    return route.run({ ...context, json: bodyOf(ask), idempotency: idempotencyOf(ask, claims, path) });
  }

  /** The request that made this registry, sent again, gets its receipt again; any other finds that there is one. */
  async #genesisAgain(open: Open, ask: Ask, now: number): Promise<Saying> {
    const { authorization } = ask.headers;
    const own = authorization === undefined || audienceOf(authorization) === `tes:${this.#registry}`;
    const claims = own
      ? await this.#claimsOf(open, authorization, now)
      : await this.#standing.deployer(ask.headers.authorization, now);
    const idempotency = claims && idempotencyOf(ask, claims, ask.path);
    if (idempotency !== undefined && open.ledger.earlier(idempotency) !== undefined) return sayGenesis(open);
    throw new TesError("genesis_exists");
  }
}

/** The registry that a path names. */
const registryOf = (path: string): string => /^\/v1\/([^/]*)/.exec(canonicalPath(path))?.[1] ?? "";

async function sayGenesis({ ledger, writer }: Open): Promise<Saying> {
  const receipt = await writer.receipt(0);
  return sayJson({ genesis: ledger.rows.registry()!.genesis, receipt }, 201);
}
