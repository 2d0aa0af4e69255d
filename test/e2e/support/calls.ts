/** Calls of clients, and a record of each: when it was sent, when its answer came, and what that was. */

import { randomBytes } from "node:crypto";
import { type Action, type Answer, type Call, type JsonObject, requestOf, type Token } from "../../independent/call.ts";
import { isBroken } from "./bumps.ts";
import type { Wire } from "./http.ts";

/** A token as it is sent, and what it says. */
export interface Bearer {
  readonly text: string;
  readonly token: Token;
}

/** What a client is about to do. */
export interface Intent {
  readonly registry: string;
  readonly action: Action;
  readonly bearer?: Bearer;
  readonly key?: string;
  /** Takes an answer from the Worker's memory, of a log no smaller than this. Otherwise the object is asked. */
  readonly minSize?: number;
}

export interface Recorder {
  /** Every call that was begun, and the intent behind it. Grows. */
  readonly calls: Map<Call, Intent>;
  /** Sends once. The call that comes back has no answer when the connection broke. */
  perform(wire: Wire, intent: Intent, onSent?: () => void): Promise<Call>;
}

export function bearerOf(text: string): Bearer {
  const claims = JSON.parse(Buffer.from(text.split(".")[1]!, "base64url").toString()) as Omit<Token, "registry"> & {
    readonly aud: string;
  };
  const { jti, aud, scope } = claims;
  return { text, token: { jti, registry: aud.slice("tes:".length), scope } };
}

export function newRecorder(): Recorder {
  const calls = new Map<Call, Intent>();
  let clock = 0;
  return {
    calls,
    async perform(wire, intent, onSent) {
      const { registry, action, bearer, key, minSize } = intent;
      const { method, path, body } = requestOf(registry, action);
      const call: Call = {
        registry,
        action,
        ...(bearer && { token: bearer.token }),
        ...(key !== undefined && { key }),
        ...(minSize !== undefined && { minSize }),
        invoked: clock++,
      };
      calls.set(call, intent);
      const headers = {
        ...(bearer && { authorization: `Bearer ${bearer.text}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(key !== undefined && { "idempotency-key": key }),
        ...(minSize === undefined
          ? { "tes-nonce": randomBytes(16).toString("base64url") }
          : { "tes-min-size": String(minSize) }),
      };
      try {
        const reply = await wire.send(path, {
          method,
          headers,
          ...(body !== undefined && { body }),
          ...(onSent && { onSent }),
        });
        call.answer = answerOf(reply.status, reply.text, reply.headers);
        call.ended = clock++;
      } catch (thrown) {
        if (!isBroken(thrown)) throw thrown;
      }
      return call;
    },
  };
}

function answerOf(status: number, text: string, headers: Readonly<Record<string, unknown>>): Answer {
  const json = JSON.parse(text) as JsonObject;
  if (headers.signature === undefined) return { status, json };
  const found = /registry="([a-z0-9-]+)", size=(\d+)/.exec(String(headers["tes-provenance"]));
  if (found === null) throw new Error(`signed, and of no registry: ${String(headers["tes-provenance"])}`);
  return { status, json, from: { registry: found[1]!, size: Number(found[2]) } };
}
