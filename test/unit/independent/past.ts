/** A past that never was: calls to an authority that does one thing at a time, made up from the rules alone. */

import {
  type Action,
  type Answer,
  type Call,
  idempotencyOf,
  type JsonObject,
  type Statement,
  type Token,
} from "../../independent/call.ts";
import { type Json, leafOf } from "../../independent/log.ts";
import { type Body, RegistryModel } from "../../independent/rules.ts";

/** What tests turn into what must not have been. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type MutableCall = Mutable<Omit<Call, "answer" | "ended">> & { answer: Mutable<Answer>; ended: number };

export interface Past {
  readonly logs: Map<string, Statement[]>;
  readonly calls: MutableCall[];
  /** Does one thing, all of it between two readings of the clock. */
  call(registry: string, action: Action, token?: Token, key?: string): MutableCall;
}

export const tokenOf = (jti: string, scope = ["admin"], registry = "default"): Token => ({ jti, registry, scope });
export const ADMIN = tokenOf("admin");

export function newPast(): Past {
  const models = new Map<string, RegistryModel>();
  const logs = new Map<string, Statement[]>();
  const calls: MutableCall[] = [];
  let clock = 0;

  const write = (registry: string, by: string, body: Body, more: JsonObject = {}): Statement => {
    const log = logs.get(registry)!;
    const base = { v: 1, registry, seq: log.length, at: 1_000 * log.length, by };
    const statement = { ...base, ...more, ...body } as unknown as Statement;
    log.push(statement);
    models.get(registry)!.fold(statement);
    return statement;
  };
  const found = (registry: string, visibility: string, by: string, more: JsonObject, x: string): Statement => {
    models.set(registry, new RegistryModel(registry));
    logs.set(registry, []);
    return write(registry, by, { type: "registry.genesis", visibility, origin: "o", recovery: { x } }, more);
  };
  const sizeOf = (registry: string): { registry: string; size: number } => ({
    registry,
    size: logs.get(registry)!.length,
  });

  const answerTo = (call: Call): Answer => {
    const { registry, action, token } = call;
    const identity = idempotencyOf(call);
    const more: JsonObject = identity === undefined ? {} : { idempotency: { ...identity } };
    if (action.kind === "create") {
      const statement = found(registry, action.body.visibility, token!.jti, more, action.body.recovery.x);
      const genesis = leafOf(statement).toString("hex");
      write("default", token!.jti, { type: "registry.listed", name: registry, genesis });
      return { status: 201, json: { genesis, receipt: { statement } }, from: sizeOf(registry) };
    }
    const outcome = models.get(registry)!.judge(call);
    if (outcome === "replayed") throw new Error("nothing is sent twice here");
    if ("code" in outcome) {
      const facts = outcome.current === undefined ? {} : { facts: { current: outcome.current } };
      return { status: 409, json: { code: outcome.code, ...facts }, from: sizeOf(registry) };
    }
    if ("says" in outcome) return { status: 200, json: outcome.says, from: sizeOf(registry) };
    if ("mints" in outcome) return { status: 200, json: minted(registry, outcome.mints), from: sizeOf(registry) };
    const statements = outcome.writes.map((body) => write(registry, token!.jti, body, more));
    const receipts = statements.map((statement) => ({ statement }));
    return { status: 200, json: said(action, receipts), from: sizeOf(registry) };
  };

  found("default", "public", "genesis", {}, "x");
  return {
    logs,
    calls,
    call(registry, action, token, key) {
      const identity = { ...(token && { token }), ...(key !== undefined && { key }) };
      const call: Call = { registry, action, ...identity, invoked: clock++ };
      call.answer = answerTo(call);
      call.ended = clock++;
      calls.push(call as MutableCall);
      return call as MutableCall;
    },
  };
}

function said(action: Action, receipts: readonly { readonly statement: Statement }[]): JsonObject {
  if (action.kind === "declare") return { receipts, unchanged: [] };
  const [receipt] = receipts as [{ statement: Statement }];
  if (action.kind !== "bump") return { receipt };
  const { entity, scope } = action.body;
  return { dryRun: false, entity, scope, changes: receipt.statement.changes!, receipt };
}

function minted(registry: string, scope: readonly string[]): JsonObject {
  const claims: Json = { aud: `tes:${registry}`, jti: "minted", iat: 0, exp: 60, scope };
  const token = `.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.`;
  return { token, jti: "minted", exp: 60 };
}
