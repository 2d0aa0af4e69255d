/** What was asked of an authority and what came back, as a test saw it from outside. */

import { hash } from "node:crypto";
import { type Json, jcs } from "./log.ts";

export type JsonObject = { readonly [member: string]: Json };

/** A statement as it comes out of `JSON.parse`. */
export interface Statement extends JsonObject {
  readonly seq: number;
  readonly at: number;
  readonly by: string;
  readonly type: string;
}

/** What a token says of itself. */
export interface Token {
  readonly jti: string;
  /** Whose token it is. */
  readonly registry: string;
  readonly scope: readonly string[];
}

export interface Declaration extends JsonObject {
  readonly entity: string;
}

export interface BumpBody extends JsonObject {
  readonly entity: string;
  readonly scope: string;
}

/** What a call wants, one kind for each route of docs/answers.md that the tests use. */
export type Action =
  | {
      readonly kind: "create";
      readonly body: { readonly visibility: string; readonly recovery: { readonly x: string } };
    }
  | { readonly kind: "bump"; readonly body: BumpBody }
  | { readonly kind: "declare"; readonly body: { readonly entities: readonly Declaration[] } }
  | { readonly kind: "retire"; readonly entity: string; readonly body: { readonly reason?: string } }
  | { readonly kind: "revoke"; readonly token: string; readonly body: { readonly exp?: number } }
  | { readonly kind: "delist"; readonly name: string; readonly body: JsonObject }
  | { readonly kind: "mint"; readonly body: { readonly scope: readonly string[]; readonly expiresIn: number } }
  | { readonly kind: "state"; readonly size?: number }
  | { readonly kind: "entity"; readonly entity: string; readonly size?: number }
  | { readonly kind: "history"; readonly entity: string; readonly limit: number; readonly cursor?: number }
  | { readonly kind: "registries" };

export interface Answer {
  readonly status: number;
  readonly json: JsonObject;
  /** `registry` and `size` of TES-Provenance; absent when the answer is unsigned. */
  readonly from?: { readonly registry: string; readonly size: number };
}

/** One request: a retry is another call with the same key. */
export interface Call {
  readonly registry: string;
  readonly action: Action;
  readonly token?: Token;
  /** Idempotency-Key. */
  readonly key?: string;
  /** Of a read that the Worker may answer from memory: the log size below which the caller takes no answer. */
  readonly minSize?: number;
  /** When it was sent, and when its answer was there whole: readings of one clock that only counts. */
  readonly invoked: number;
  ended?: number;
  answer?: Answer;
}

/** Method, path below the host, and body of a request: docs/answers.md. */
export function requestOf(registry: string, action: Action): { method: "GET" | "POST"; path: string; body?: string } {
  const base = `/v1/${registry}`;
  const post = (path: string, body: Json) => ({
    method: "POST" as const,
    path: base + path,
    body: JSON.stringify(body),
  });
  const get = (path: string, query: Readonly<Record<string, number | undefined>> = {}) => {
    const given = Object.entries(query).filter(([, value]) => value !== undefined);
    const text = given.map(([name, value]) => `${name}=${value}`).join("&");
    return { method: "GET" as const, path: base + path + (text === "" ? "" : `?${text}`) };
  };
  switch (action.kind) {
    case "create":
      return post("", action.body);
    case "bump":
      return post("/bump", action.body);
    case "declare":
      return post("/entities", action.body);
    case "retire":
      return post(`/entities/${action.entity}/retire`, action.body);
    case "revoke":
      return post(`/tokens/${action.token}/revoke`, action.body);
    case "delist":
      return post(`/registries/${action.name}/delist`, action.body);
    case "mint":
      return post("/tokens", action.body);
    case "state":
      return get("", { size: action.size });
    case "entity":
      return get(`/entities/${action.entity}`, { size: action.size });
    case "history":
      return get(`/entities/${action.entity}/history`, { limit: action.limit, cursor: action.cursor });
    case "registries":
      return get("/registries");
  }
}

export const isRead = ({ kind }: Action): boolean => ["state", "entity", "history", "registries"].includes(kind);

const sha256 = (text: string): string => hash("sha256", text, "hex");

/** `idempotency` of the statements that a call writes (docs/formats.md, Statement); undefined without a key. */
export function idempotencyOf({ registry, action, token, key }: Call): { key: string; request: string } | undefined {
  if (key === undefined || token === undefined) return undefined;
  const { method, path, body = "" } = requestOf(registry, action);
  return { key: sha256(jcs([token.jti, method, path, key])), request: sha256(body) };
}

/** A call in one line, for an error. */
export function tell({ registry, action, token, key, answer, invoked, ended }: Call): string {
  const said = answer === undefined ? "no answer" : `${answer.status} ${jcs(answer.json).slice(0, 600)}`;
  const who = token === undefined ? "anyone" : `${token.jti} (${token.scope})`;
  return `${registry} ${jcs(action as unknown as Json)} by ${who} under ${key} at ${invoked}–${ended}: ${said}`;
}
