/** One registry: the object that decides, stores and signs. One object per registry name. */

import { DurableObject } from "cloudflare:workers";
import { decodeUtf8 } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { verifyContentDigest } from "../core/digest.ts";
import { TesError, toTesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { ed25519Kid } from "../core/keys.ts";
import { MAX_IDEMPOTENCY_KEY_CHARS, MAX_NONCE_CHARS, MIN_NONCE_CHARS } from "../core/limits.ts";
import { defaultOrigin, isRegistryName } from "../protocol/ids.ts";
import { canonicalPath, pathOf } from "../protocol/paths.ts";
import { type GenesisRequest, parseGenesisRequest } from "../protocol/requests.ts";
import type { GenesisKeys, Statement } from "../protocol/statements.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import { type Answer, type Ask, askOf, isUpgrade } from "./ask.ts";
import { createTokenVerifier, type TokenVerifier } from "./auth.ts";
import { authorityOf } from "./authorities.ts";
import type { VersionDOEnv } from "./env.ts";
import { createEvents, type Emit } from "./events.ts";
import { type Ledger, openLedger, type Write } from "./ledger.ts";
import { findRoute } from "./routes.ts";
import { JSON_TYPE, type Saying, sayJson, sayProblem, signResponse, unsigned } from "./sign-response.ts";
import { loadSigningKey, type SigningKeys } from "./signing-key.ts";
import { type BumpAsk, createSockets } from "./sockets.ts";
import { openStore, type Store } from "./store.ts";
import { chooseSubprotocol } from "./subprotocol.ts";
import { openTickets } from "./tickets.ts";
import { createWriter, type Writer } from "./writer.ts";

const NONCE = new RegExp(`^[A-Za-z0-9_-]{${MIN_NONCE_CHARS},${MAX_NONCE_CHARS}}$`);
const IDEMPOTENCY_KEY = new RegExp(`^[!-~]{1,${MAX_IDEMPOTENCY_KEY_CHARS}}$`);
const JSON_BODY = /^application\/json(?:\s*;\s*charset=utf-8)?$/i;

/** A registry whose genesis is in the log and whose key is in place. */
interface Open {
  readonly keys: SigningKeys;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly tokens: TokenVerifier;
}

/** The Durable Object class of TES. Its name is part of deployed configurations and never changes. */
export class VersionManagementDO extends DurableObject<VersionDOEnv> {
  readonly #store: Store = openStore(this.ctx.storage);
  readonly #tickets = openTickets(this.ctx.storage);
  readonly #emit: Emit = createEvents((line) => console.log(line));
  readonly #sockets = createSockets(this.ctx, {
    tickets: this.#tickets,
    emit: this.#emit,
    live: (registry) => this.#live(registry),
    claimsOf: async (live, authorization, now) => (await (live as Open).tokens.verify(authorization, now))!,
    bump: (live, asked) => this.#socketBump(live as Open, asked),
  });
  #registry = "";
  #opened: Promise<Open | TesError> | undefined;
  #keys: SigningKeys | undefined;
  /** Counted since the object started. */
  readonly #keyCache = { hits: 0, misses: 0 };

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
    if (this.#registry === "" && isRegistryName(registry)) this.#registry = registry;
    if (this.#registry === "" || (registry !== "" && registry !== this.#registry)) {
      return unsigned(sayProblem(new TesError("registry_unknown")));
    }
    // Under the object's concurrency gate: two first requests must not make two keys.
    if (this.#opened === undefined) this.#opened = this.ctx.blockConcurrencyWhile(() => this.#open());
    const opened = await this.#opened;
    if (!(opened instanceof TesError)) return this.#signed(opened, ask);
    if (opened.code === "registry_unknown" && ask.method === "POST" && ask.path === `/v1/${this.#registry}`) {
      return this.#authoriseGenesis(ask);
    }
    return unsigned(sayProblem(opened));
  }

  /** Opens a socket; null when that is not what was asked for, and the request with its fault when it cannot be. */
  async #upgrade(ask: Ask, request: Request): Promise<Response | Ask | null> {
    const registry = registryOf(ask.path);
    if (ask.path !== pathOf.watch(registry) || !isRegistryName(registry)) return null;
    if ((this.ctx.id.name ?? registry) !== registry || (this.#registry || registry) !== registry) return null;
    try {
      const live = await this.#live(registry);
      queryOf(ask.query, []);
      chooseSubprotocol(request.headers.get("sec-websocket-protocol"));
      return await this.#sockets.accept(live, {
        registry,
        authority: ask.authority,
        origin: request.headers.get("origin"),
      });
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

  /** The registry, opened if need be. @throws TesError why it is not open */
  async #live(registry: string): Promise<Open> {
    if (this.#registry === "") this.#registry = registry;
    if (this.#opened === undefined) this.#opened = this.ctx.blockConcurrencyWhile(() => this.#open());
    const opened = await this.#opened;
    if (opened instanceof TesError) throw opened;
    return opened;
  }

  /** The bump of a socket, by way of the very route that HTTP takes. */
  async #socketBump(open: Open, { authority, authorization, key, body }: BumpAsk) {
    const headers = { authorization, "content-type": JSON_TYPE, "idempotency-key": key };
    const path = pathOf.bump(this.#registry);
    const ask: Ask = { method: "POST", authority, path, query: "", headers, body, fault: null };
    const { receipt, changes } = JSON.parse(decodeUtf8((await this.#route(open, ask, Date.now())).body));
    return { receipt, changes };
  }

  #written(statements: readonly Statement[], duration: number): void {
    for (const statement of statements) {
      const { type, seq: index, by: actor } = statement;
      const ref = "entity" in statement ? statement.entity : undefined;
      this.#emit("log", type, { registry: this.#registry, ref, actor, index, duration });
    }
    this.#sockets.grown();
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
      const ledger = openLedger(this.#store, this.#registry);
      const { TES_GENESIS, TES_RECOVERY_KEY } = this.env;
      if (ledger.size === 0) {
        if (this.#registry !== "default" || TES_GENESIS !== "auto" || !TES_RECOVERY_KEY) {
          return new TesError("registry_unknown");
        }
        const keys = await this.#getSigningKey(undefined, true);
        const request: GenesisRequest = { visibility: "public", recovery: { x: TES_RECOVERY_KEY } };
        return this.#begin(ledger, keys, request, { by: "genesis", now: Date.now() });
      }
      const keys = await this.#getSigningKey(ledger.rows.registry()!.keys, false);
      return this.#serve(ledger, keys);
    } catch (thrown) {
      // A key may be put in place while this object lives: look again on the next request.
      this.#opened = undefined;
      return this.#report(thrown);
    }
  }

  #serve(ledger: Ledger, keys: SigningKeys): Open {
    const origin = () => ledger.rows.registry()!.origin;
    const writer = createWriter(
      ledger,
      keys,
      origin,
      () => this.ctx.storage.sync(),
      (statements, milliseconds) => this.#written(statements, milliseconds),
    );
    return { keys, ledger, writer, tokens: createTokenVerifier(keys, this.#registry) };
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
    ledger.append({ commands, by, now, ...(idempotency === undefined ? {} : { idempotency }) });
    this.#emit("log", "registry.genesis", { registry: this.#registry, ref: visibility, actor: by, index: 0 });
    return this.#serve(ledger, keys);
  }

  /** A genesis is authorised by a token that the holder of the master key minted offline for this registry. */
  async #authoriseGenesis(ask: Ask): Promise<Answer> {
    const now = Date.now();
    try {
      // All that can be refused is refused before the write: nothing that failed may have happened.
      checkHeaders(ask);
      if (ask.headers.authorization === undefined) throw new TesError("registry_unknown");
      const keys = await this.#getSigningKey(undefined, false);
      const claims = await createTokenVerifier(keys, this.#registry).verify(ask.headers.authorization, now);
      if (claims === undefined) throw new TesError("registry_unknown");
      if (!allows(claims, "admin")) throw new TesError("forbidden", { detail: "It needs the scope admin." });
      queryOf(ask.query, []);
      const request = parseGenesisRequest(bodyOf(ask));
      const idempotency = idempotencyOf(ask, claims, `/v1/${this.#registry}`);
      const ledger = openLedger(this.#store, this.#registry);
      // No await from the check to the write: a second genesis finds the first, whose keys then sign the refusal.
      if (ledger.size > 0) return await this.answer(ask, this.#registry);
      const open = this.#begin(ledger, keys, request, { by: claims.jti, now, ...(idempotency && { idempotency }) });
      this.#opened = Promise.resolve(open);
      return await signResponse(ask, await sayGenesis(open), keys, this.#registry, ledger.size, now, nonceOf(ask));
    } catch (thrown) {
      return unsigned(sayProblem(this.#report(thrown)));
    }
  }

  async #signed(open: Open, ask: Ask): Promise<Answer> {
    const now = Date.now();
    let saying: Saying;
    try {
      checkHeaders(ask);
      saying = await this.#route(open, ask, now);
    } catch (thrown) {
      saying = this.#refuse(thrown);
    }
    const keys = await this.#getSigningKey(open.ledger.rows.registry()?.keys, false);
    return await signResponse(ask, saying, keys, this.#registry, open.ledger.size, now, nonceOf(ask));
  }

  /** What was thrown as one of ours; what nobody foresaw goes to the Worker's log, never to the caller. */
  #report(thrown: unknown): TesError {
    const error = toTesError(thrown);
    if (error.code === "internal") {
      const cause = error.cause instanceof Error ? `${error.cause.name}: ${error.cause.message}` : String(error.cause);
      console.error(JSON.stringify({ event: "internal", registry: this.#registry, detail: error.detail, cause }));
    }
    return error;
  }

  #refuse(thrown: unknown): Saying {
    const error = this.#report(thrown);
    const allow = error.facts?.allow;
    return sayProblem(error, typeof allow === "string" ? { allow } : {});
  }

  async #route(open: Open, ask: Ask, now: number): Promise<Saying> {
    const { ledger, writer, keys } = open;
    const base = `/v1/${this.#registry}`;
    const path = canonicalPath(ask.path);
    // The registry's own path has no trailing slash: one resource, one name.
    if (path !== base && (!path.startsWith(`${base}/`) || path === `${base}/`)) throw new TesError("route_unknown");
    if (path === base && ask.method === "POST") return this.#genesisAgain(open, ask, now);
    const { route, params } = findRoute(ask.method, path.slice(base.length) || "/");
    const query = queryOf(ask.query, route.query);
    const claims = await open.tokens.verify(ask.headers.authorization, now);
    if (route.access === "read" && ledger.rows.registry()!.visibility === "private") {
      if (claims === undefined) throw new TesError("token_missing");
      if (!allows(claims, "read")) throw new TesError("forbidden", { detail: "It needs the scope read." });
    }
    if (route.method === "GET") {
      return route.run({
        ledger,
        writer,
        keys,
        tickets: this.#tickets,
        params,
        query,
        claims,
        json: null,
        now,
        idempotency: undefined,
      });
    }
    if (claims === undefined) throw new TesError("token_missing");
    const json = bodyOf(ask);
    const idempotency = idempotencyOf(ask, claims, path);
    const tickets = this.#tickets;
    return route.run({ ledger, writer, keys, tickets, params, query, claims, json, now, idempotency });
  }

  /** The request that made this registry, sent again, gets its receipt again; any other finds that there is one. */
  async #genesisAgain(open: Open, ask: Ask, now: number): Promise<Saying> {
    const claims = await open.tokens.verify(ask.headers.authorization, now);
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

/**
 * What makes a retry of a write recognisable (docs/formats.md, Statement); undefined when it carries no key.
 *
 * @param path the canonical one, so that an alias is no second write
 * @throws TesError `idempotency_key_invalid`
 */
function idempotencyOf(ask: Ask, claims: TokenClaims, path: string): Write["idempotency"] {
  const key = ask.headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (!IDEMPOTENCY_KEY.test(key)) throw new TesError("idempotency_key_invalid");
  return {
    key: sha256Hex(canonicalBytes([claims.jti, ask.method, path, key])),
    request: sha256Hex(ask.body),
  };
}

/** The nonce to sign under: an answer that refuses something else still carries it. */
function nonceOf(ask: Ask): string | undefined {
  const nonce = ask.headers["tes-nonce"];
  return nonce !== undefined && NONCE.test(nonce) ? nonce : undefined;
}

/** @throws TesError what the Worker found wrong; `nonce_invalid` */
function checkHeaders(ask: Ask): void {
  if (ask.fault !== null) throw new TesError(ask.fault.code, { detail: ask.fault.detail });
  if (ask.headers["tes-nonce"] !== undefined && nonceOf(ask) === undefined) throw new TesError("nonce_invalid");
}

/** The body of a write: its type, its digest if one came, then its JSON. */
function bodyOf(ask: Ask): JsonValue {
  if (!JSON_BODY.test(ask.headers["content-type"] ?? "")) throw new TesError("unsupported_media_type");
  const digest = ask.headers["content-digest"];
  if (digest !== undefined) {
    try {
      verifyContentDigest(digest, ask.body);
    } catch (cause) {
      throw new TesError("content_digest_mismatch", { cause });
    }
  }
  return parseJson(ask.body);
}

/** @throws TesError `query_unknown` for a parameter that the route does not know, or one that comes twice */
function queryOf(raw: string, known: readonly string[]): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(raw)) {
    if (!known.includes(name) || Object.hasOwn(query, name))
      throw new TesError("query_unknown", { field: name.slice(0, 64) });
    query[name] = value;
  }
  return query;
}
