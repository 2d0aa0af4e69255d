/**
 * The routes of one registry, as a table: who may call each, what it takes, what it says. The object dispatches by it,
 * and documentation is generated from it.
 */

import { TrieRouter } from "hono/router/trie-router";
import { compareCodeUnits, toBase64, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import type { EntityView } from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import { parseBumpRequest, parseDeclareRequest, parseTicketRequest, parseTokenRequest } from "../protocol/requests.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import { declareCommands, planBump } from "../registry/decide.ts";
import type { EntityRow } from "../registry/rows.ts";
import { mintToken } from "./auth.ts";
import type { Ledger } from "./ledger.ts";
import { type Saying, sayJson, sayProblem, TEXT_TYPE } from "./sign-response.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Tickets } from "./tickets.ts";
import type { Writer } from "./writer.ts";

/** What a route may use. */
export interface RouteContext {
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly keys: SigningKeys;
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Of the token, if one came. */
  readonly claims: TokenClaims | undefined;
  /** The body of a write, parsed strictly. */
  readonly json: JsonValue;
  /** Milliseconds. */
  readonly now: number;
  readonly tickets: Tickets;
  /** Of a write that carries an Idempotency-Key. */
  readonly idempotency: { readonly key: string; readonly request: string } | undefined;
}

export interface Route {
  readonly name: string;
  readonly method: "GET" | "POST";
  /** Below /v1/{registry}. */
  readonly path: string;
  /** `read`: anyone on a public registry, scope `read` on a private one. `token`: the route checks scopes itself. */
  readonly access: "read" | "token";
  readonly query: readonly string[];
  readonly summary: string;
  readonly run: (context: RouteContext) => Saying | Promise<Saying>;
}

const viewOf = (row: EntityRow): EntityView => ({
  entity: row.entity,
  version: row.version,
  strategy: row.strategy,
  parent: row.parent,
  files: row.files.map((file) => ({ ...file })),
  seq: row.seq,
  at: row.at,
});

/** All entities, by id in code unit order. */
const viewsOf = ({ rows }: Ledger): EntityView[] =>
  Array.from(rows.entities(), viewOf).sort((a, b) => compareCodeUnits(a.entity, b.entity));

/** A log index out of the query. @throws TesError `invalid_field` */
function indexOf(query: Readonly<Record<string, string>>, field: string, below: number): number {
  const text = query[field] ?? "";
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value < below)) throw new TesError("invalid_field", { field, detail: `An integer from 0 to ${below - 1}.` });
  return value;
}

/** The token's id, if it may do this. @throws TesError `token_missing`, `forbidden` */
function authorise(claims: TokenClaims | undefined, needed: Parameters<typeof allows>[1]): string {
  if (claims === undefined) throw new TesError("token_missing");
  if (!allows(claims, needed)) {
    const scope = typeof needed === "string" ? needed : `${needed.verb}:${needed.entity}`;
    throw new TesError("forbidden", { detail: `It needs the scope ${scope}.` });
  }
  return claims.jti;
}

const keyed = (context: RouteContext) => {
  if (context.idempotency === undefined) throw new TesError("idempotency_key_required");
  return context.idempotency;
};

export const ROUTES: readonly Route[] = [
  {
    name: "state",
    method: "GET",
    path: "/",
    access: "read",
    query: [],
    summary: "The registry: its genesis hash, log size and all entities.",
    run: ({ ledger }) => {
      const registry = ledger.rows.registry()!;
      return sayJson({
        registry: registry.registry,
        visibility: registry.visibility,
        origin: registry.origin,
        genesis: registry.genesis,
        size: ledger.size,
        entities: viewsOf(ledger),
      });
    },
  },
  {
    name: "bump",
    method: "POST",
    path: "/bump",
    access: "token",
    query: [],
    summary: "One atomic increment with its cascade; with dryRun, the plan only.",
    run: async (context) => {
      const request = parseBumpRequest(context.json);
      const by = authorise(context.claims, { verb: "bump", entity: request.entity });
      const { entity, scope } = request;
      if (request.dryRun === true) {
        const changes = planBump(context.ledger.rows, request);
        return sayJson({ dryRun: true, entity, scope, changes, receipt: null });
      }
      const [receipt] = await context.writer.submit({
        commands: [{ kind: "bump", request }],
        by,
        now: context.now,
        idempotency: keyed(context),
      });
      return sayJson({ dryRun: false, entity, scope, changes: receipt!.statement.changes, receipt });
    },
  },
  {
    name: "entities",
    method: "GET",
    path: "/entities",
    access: "read",
    query: [],
    summary: "All entities.",
    run: ({ ledger }) => sayJson({ registry: ledger.registry, size: ledger.size, entities: viewsOf(ledger) }),
  },
  {
    name: "declare",
    method: "POST",
    path: "/entities",
    access: "token",
    query: [],
    summary: "Declares entities, or changes their parent, strategy and files: all of them or none.",
    run: async (context) => {
      const by = authorise(context.claims, "admin");
      const request = parseDeclareRequest(context.json);
      const receipts = await context.writer.submit({
        commands: declareCommands(request),
        by,
        now: context.now,
        idempotency: keyed(context),
      });
      const written = new Set(receipts.map(({ statement }) => statement.entity));
      const unchanged = request.entities.map(({ entity }) => entity).filter((entity) => !written.has(entity));
      return sayJson({ receipts, unchanged });
    },
  },
  {
    name: "entity",
    method: "GET",
    path: "/entities/:entity",
    access: "read",
    query: [],
    summary: "One entity.",
    run: ({ ledger, params }) => {
      const { id } = parseEntityId(params.entity!, "entity");
      const row = ledger.rows.entity(id);
      if (row === undefined) throw new TesError("entity_unknown", { detail: `There is no ${id}.` });
      return sayJson({ registry: ledger.registry, size: ledger.size, entity: viewOf(row) });
    },
  },
  {
    name: "tokens",
    method: "POST",
    path: "/tokens",
    access: "token",
    query: [],
    summary: "A token for this registry: its scopes and life as asked. Writes no statement.",
    run: async ({ claims, json, keys, ledger, now }) => {
      authorise(claims, "admin");
      return sayJson(await mintToken(parseTokenRequest(json), keys, ledger.registry, now));
    },
  },
  {
    name: "tickets",
    method: "POST",
    path: "/tickets",
    access: "token",
    query: [],
    summary: "A ticket with which one page opens one socket. Writes no statement.",
    run: ({ claims, json, tickets, now }) => {
      authorise(claims, "watch");
      return sayJson(tickets.issue(claims!, parseTicketRequest(json).origin, now));
    },
  },
  {
    name: "watch",
    method: "GET",
    path: "/watch",
    access: "read",
    query: [],
    summary: "The log as it grows, over a WebSocket (docs/protocol.md).",
    // RFC 9110 section 15.5.22: the answer names the protocol.
    run: () => sayProblem(new TesError("upgrade_required"), { upgrade: "websocket" }),
  },
  {
    name: "keys",
    method: "GET",
    path: "/keys",
    access: "read",
    query: [],
    summary: "The genesis and every key announced since: checked by itself, before and apart from its signature.",
    run: async ({ ledger, writer }) => {
      const genesis = ledger.statement(0);
      if (genesis.type !== "registry.genesis") throw new TesError("internal", { cause: "statement 0 is no genesis" });
      const { keys } = genesis;
      const ed25519 = (use: "log-ed25519" | "response-ed25519") => ({
        kid: keys[use].kid,
        use,
        alg: "ed25519",
        kty: "OKP",
        crv: "Ed25519",
        x: keys[use].x,
        status: "active",
      });
      const symmetric = (use: "response-hmac" | "token-hs256") => ({
        kid: keys[use].kid,
        use,
        alg: "hmac-sha256",
        status: "active",
      });
      return sayJson({
        registry: ledger.registry,
        genesis,
        announcements: [],
        keys: [
          ed25519("log-ed25519"),
          ed25519("response-ed25519"),
          symmetric("response-hmac"),
          symmetric("token-hs256"),
        ],
        checkpoint: await writer.checkpoint(),
      });
    },
  },
  {
    name: "checkpoint",
    method: "GET",
    path: "/log/checkpoint",
    access: "read",
    query: [],
    summary: "The signed tree head, a C2SP checkpoint.",
    run: async ({ writer }) => ({ status: 200, type: TEXT_TYPE, body: utf8(await writer.checkpoint()) }),
  },
  {
    name: "consistency",
    method: "GET",
    path: "/log/consistency",
    access: "read",
    query: ["from", "to"],
    summary: "A proof that the log of size `from` is a prefix of the log of size `to`, or as it is now.",
    run: async ({ ledger, writer, query }) => {
      const size = query.to === undefined ? ledger.size : indexOf(query, "to", ledger.size + 1);
      const from = indexOf(query, "from", size + 1);
      const proof = ledger.consistency(from, size).map(toBase64);
      return sayJson({ from, size, proof, checkpoint: await writer.checkpoint() });
    },
  },
  {
    name: "receipt",
    method: "GET",
    path: "/log/proof",
    access: "read",
    query: ["seq"],
    summary: "The receipt of one statement.",
    run: async ({ ledger, writer, query }) => sayJson(await writer.receipt(indexOf(query, "seq", ledger.size))),
  },
];

const router = new TrieRouter<Route>();
for (const route of ROUTES) router.add(route.method, route.path, route);

/** Finds the route for a method and a path below /v1/{registry}. HEAD is answered by GET's route. */
export function findRoute(method: string, path: string): { route: Route; params: Record<string, string> } {
  const found = match(method === "HEAD" ? "GET" : method, path);
  if (found !== undefined) return found;
  const allowed = [...new Set(ROUTES.map((route) => route.method))].filter((other) => match(other, path) !== undefined);
  if (allowed.length === 0) throw new TesError("route_unknown");
  const allow = allowed.flatMap((name) => (name === "GET" ? ["GET", "HEAD"] : [name])).join(", ");
  throw new TesError("method_not_allowed", { facts: { allow } });
}

function match(method: string, path: string): { route: Route; params: Record<string, string> } | undefined {
  const [handlers] = router.match(method, path);
  const hit = handlers[0] as [Route, Record<string, string>] | undefined;
  if (hit === undefined) return undefined;
  const params: Record<string, string> = {};
  for (const [name, raw] of Object.entries(hit[1] ?? {})) {
    try {
      params[name] = decodeURIComponent(raw);
    } catch {
      throw new TesError("invalid_field", { field: name, detail: "It is not percent-encoded UTF-8." });
    }
  }
  return { route: hit[0], params };
}
