/** The authority as the tests meet it: a Worker that is asked over HTTP, its keys, its tokens, what it stores. */

import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { SignJWT } from "jose";
import { expect } from "vitest";
import { type Bytes, fromHex, toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { type JsonObject, parseJson } from "../../src/core/json.ts";
import type { WorkerEnv } from "../../src/worker/env.ts";

export const ORIGIN = "https://tes.test";
/** A public key; nobody holds its private half. */
export const RECOVERY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
export const ENTITY_ID = "global:main";

/** A master key out of a label, the same in every run. */
export const masterOf = (label: string): string => sha256Hex(utf8(`workerd tests: ${label}`));
export const MASTER = masterOf("the key in place");

/** Text bindings for the objects that start from now on, and for the Worker at once; undefined takes one away. */
export function configure(bindings: Partial<Record<keyof WorkerEnv, string | undefined>>): void {
  for (const [name, value] of Object.entries(bindings)) {
    if (value === undefined) Reflect.deleteProperty(env, name);
    else Reflect.set(env, name, value);
  }
}

/** A request and its answer, as they stood on the wire. Header names are lower case. */
export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Bytes;
  /** A body that comes in pieces and does not say how long it is. */
  readonly stream?: string;
}

type Fetch = (request: Request) => Promise<Response>;

/** Sends one request to the Worker, or to `fetch`. */
export async function ask(path: string, asking: Asking = {}, fetch?: Fetch): Promise<Exchange> {
  const url = path.startsWith("https:") ? path : `${ORIGIN}${path}`;
  const body = asking.stream === undefined ? asking.body : new Blob([asking.stream]).stream();
  const method = asking.method ?? (body === undefined ? "GET" : "POST");
  const headers = { ...asking.headers };
  const init: RequestInit = {
    method,
    headers,
    redirect: "manual",
    ...(body === undefined ? {} : { body }),
  };
  const request = new Request(url, init);
  const response = await (fetch ?? ((asked) => exports.default.fetch(asked)))(request);
  return {
    request: { method, url, headers },
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: new Uint8Array(await response.arrayBuffer()),
  };
}

export interface Writing extends Asking {
  readonly token?: string;
  /** Idempotency-Key; default random, null leaves it out. */
  readonly key?: string | null;
}

export const randomKey = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(16)));

/** What our own clients send with a write: type, digest, idempotency key, nonce, token. */
export function writing(json: unknown, { token, key, headers, ...rest }: Writing = {}): Asking {
  const body = utf8(JSON.stringify(json));
  return {
    method: "POST",
    body,
    ...rest,
    headers: {
      "content-type": "application/json",
      "content-digest": contentDigest(body),
      "tes-nonce": randomKey(),
      ...(key === null ? {} : { "idempotency-key": key ?? randomKey() }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  };
}

export const post = (path: string, json: unknown, options?: Writing): Promise<Exchange> =>
  ask(path, writing(json, options));

/** The JSON of an answer, read as strictly as everything else. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export const jsonOf = (exchange: Exchange): any => parseJson(exchange.body);

export const textOf = (exchange: Exchange): string => new TextDecoder().decode(exchange.body);

/** The documented code of a problem answer, whose status and type have to fit it. */
export function codeOf(exchange: Exchange): string {
  expect(exchange.headers["content-type"]).toBe("application/problem+json");
  const problem = jsonOf(exchange) as JsonObject;
  expect(problem.status).toBe(exchange.status);
  return String(problem.code);
}

export const isSigned = ({ headers }: Exchange): boolean => "signature" in headers && "signature-input" in headers;

/** HKDF-SHA-256 as docs/formats.md has it, by the platform, so that nothing of src/ vouches for itself. */
export async function derived(master: string, info: string): Promise<Bytes> {
  const ikm = await crypto.subtle.importKey("raw", fromHex(master)!, "HKDF", false, ["deriveBits"]);
  const params = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8(info) };
  return new Uint8Array(await crypto.subtle.deriveBits(params, ikm, 256));
}

export interface TokenParts {
  readonly header: Record<string, unknown>;
  readonly claims: Record<string, unknown>;
  readonly master: string;
}

/** A token as `tes token mint` makes it from the master key; `change` spoils parts of it. */
export async function mint(
  registry: string,
  scope: readonly string[],
  change: Partial<TokenParts> = {},
): Promise<string> {
  const master = change.master ?? MASTER;
  const kid = sha256Hex(await derived(master, `tes/v1/keyid/token-hs256/${registry}`)).slice(0, 16);
  const iat = Math.floor(Date.now() / 1000);
  const claims = { aud: `tes:${registry}`, jti: randomKey(), iat, exp: iat + 600, scope, ...change.claims };
  return new SignJWT(dropUndefined(claims))
    .setProtectedHeader(dropUndefined({ alg: "HS256", typ: "tes-token+jwt", kid, ...change.header }) as { alg: string })
    .sign(await derived(master, `tes/v1/token-hs256/${registry}`));
}

const dropUndefined = (object: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

export const GENESIS_REQUEST = { visibility: "public", recovery: { x: RECOVERY } };

/** Opens a registry and gives an admin token for it. */
export async function openRegistry(registry: string, visibility: "public" | "private" = "public"): Promise<string> {
  const token = await mint(registry, ["admin"]);
  const opened = await post(`/v1/${registry}`, { ...GENESIS_REQUEST, visibility }, { token });
  expect(opened.status, textOf(opened)).toBe(201);
  return token;
}

/** Declares entities; strings stand for independent ones at 1.0.0. */
export async function declare(
  registry: string,
  token: string,
  entities: readonly (string | object)[],
): Promise<Exchange> {
  const list = entities.map((entity) => (typeof entity === "string" ? { entity, version: "1.0.0" } : entity));
  const declared = await post(`/v1/${registry}/entities`, { entities: list }, { token });
  expect(declared.status, textOf(declared)).toBe(200);
  return declared;
}

export const stubOf = (registry: string) => env.VERSION_DO.get(env.VERSION_DO.idFromName(registry));

/** Ends the object's life in memory; the next request starts it from storage. */
export const restart = (registry: string): Promise<void> => evictDurableObject(stubOf(registry));

/** Every row of every table of a registry, in order. */
export function rowsOf(registry: string): Promise<Record<string, unknown[]>> {
  return runInDurableObject(stubOf(registry), (_instance, { storage: { sql } }) => {
    const tables = sql.exec<{ name: string }>(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name`,
    );
    return Object.fromEntries(
      tables.toArray().map(({ name }) => [name, sql.exec(`SELECT * FROM "${name}" ORDER BY 1, 2`).toArray()]),
    );
  });
}

/** All that a registry is: what it stores, what it says, its signed head. */
export async function snapshot(registry: string, token?: string): Promise<object> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const [rows, state, checkpoint] = await Promise.all([
    rowsOf(registry),
    ask(`/v1/${registry}`, { headers }),
    ask(`/v1/${registry}/log/checkpoint`, { headers }),
  ]);
  return { rows, state: textOf(state), checkpoint: textOf(checkpoint) };
}
