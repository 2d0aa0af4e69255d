/**
 * Subscribers by the hundred, on the package ws: each wants every statement once and in order. What an event says is
 * proved by the other implementation of the log; since an event is the same bytes for everyone, once for all.
 */

import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { WebSocket } from "ws";
import { type Json, jcs, leafOf, noteChecker, type ReceiptJson, Tree } from "../../independent/log.ts";

export const NAME = "tes-subproto-v1";
export const WINDOW = 262_144;

interface EventJson {
  readonly type: "event";
  readonly from: number;
  readonly statements: ReceiptJson["statement"][];
  readonly checkpoint: string;
}

/** The log as all of them must see it. */
export interface Prover {
  /** Proves an event and gives the index after it. @throws when it is not of this log */
  prove(text: string): { readonly from: number; readonly end: number };
  readonly size: number;
  readonly statements: ReceiptJson["statement"][];
  /** Different events that were proved. */
  readonly events: number;
}

export function createProver(): Prover {
  const tree = new Tree();
  const statements: ReceiptJson["statement"][] = [];
  const proved = new Map<string, { from: number; end: number }>();
  let checkNote: ReturnType<typeof noteChecker> | undefined;
  return {
    statements,
    get size() {
      return tree.size;
    },
    get events() {
      return proved.size;
    },
    prove(text) {
      const known = proved.get(text);
      if (known !== undefined) return known;
      const event = JSON.parse(text) as EventJson;
      for (const [at, statement] of event.statements.entries()) {
        const index = event.from + at;
        if (statement.seq !== index) throw new Error(`statement ${statement.seq} stands at ${index}`);
        const leaf = leafOf(statement);
        const before = tree.leaf(index);
        if (before === undefined && index !== tree.size) throw new Error(`nobody has seen what is before ${index}`);
        if (before !== undefined && !before.equals(leaf)) throw new Error(`statement ${index} is another one now`);
        if (before === undefined) {
          tree.push(leaf);
          statements.push(statement);
        }
      }
      const genesis = statements[0] as unknown as { origin: string; keys: { "log-ed25519": { x: string } } };
      checkNote ??= noteChecker(genesis.origin, genesis.keys["log-ed25519"].x);
      const head = checkNote(event.checkpoint);
      const end = event.from + event.statements.length;
      if (head.size !== end || !head.root.equals(tree.root(end)))
        throw new Error(`the event from ${event.from} does not prove`);
      const result = { from: event.from, end };
      proved.set(text, result);
      return result;
    },
  };
}

export interface Watcher {
  /** Index of the statement that comes next. */
  readonly next: number;
  /** Resolves when it has everything below an index; rejects when it got anything twice, late or unproved. */
  reached(index: number): Promise<void>;
  readonly ws: WebSocket;
  close(): void;
}

export interface WatcherOptions {
  readonly url: string;
  readonly prover: Prover;
  readonly since?: number;
  /** Proves this one; without it the watcher is anonymous. */
  readonly token?: string;
}

const hmac = (key: Buffer, ...words: string[]) =>
  createHmac("sha256", key).update(words.join("\n")).digest("base64url");

/** What the frames of one session are sealed with; null for one without a key. */
type Seal = ((frame: { readonly [member: string]: Json }) => string) | null;

/** Answers a challenge as docs/protocol.md says. */
function answer(text: string, token: string | undefined): { first: string; seal: Seal } {
  if (token === undefined) return { first: '{"type":"anonymous"}', seal: null };
  const { nonce: serverNonce, registry, authority } = JSON.parse(text) as Record<string, string>;
  const end = token.lastIndexOf(".");
  const [claims, signature] = [token.slice(0, end), Buffer.from(token.slice(end + 1), "base64url")];
  const nonce = randomBytes(32).toString("base64url");
  const mac = hmac(signature, NAME, "client", registry!, authority!, serverNonce!, nonce);
  const digest = createHash("sha256").update(text).digest("hex");
  const info = createHash("sha256").update([NAME, "session", digest, nonce, claims].join("\n")).digest("hex");
  const key = Buffer.from(hkdfSync("sha256", signature, serverNonce! + nonce, info, 32));
  let n = 0;
  return {
    first: JSON.stringify({ type: "proof", nonce, claims, mac }),
    seal(frame) {
      const counted = { ...frame, n: ++n };
      return JSON.stringify({ ...counted, mac: hmac(key, NAME, "frame", jcs(counted)) });
    },
  };
}

/** Opens a watcher. Resolves when it is subscribed. */
export function openWatcher({ url, prover, since = 0, token }: WatcherOptions): Promise<Watcher> {
  const ws = new WebSocket(`${url.replace(/^http/, "ws")}/v1/default/watch`, [NAME], { perMessageDeflate: false });
  const waiting: { index: number; resolve: () => void; reject: (reason: Error) => void }[] = [];
  let failed: Error | undefined;
  let next = since;
  let unacknowledged = 0;
  let seal: Seal = null;
  const send = (frame: { readonly [member: string]: Json }) =>
    ws.send(seal === null ? JSON.stringify(frame) : seal(frame));

  const watcher: Watcher = {
    ws,
    get next() {
      return next;
    },
    reached: (index) =>
      new Promise((resolve, reject) => {
        if (failed !== undefined) reject(failed);
        else if (next >= index) resolve();
        else waiting.push({ index, resolve, reject });
      }),
    close: () => ws.close(),
  };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      failed ??= error;
      reject(failed);
      for (const one of waiting.splice(0)) one.reject(failed);
      ws.terminate();
    };
    const take = (text: string): void => {
      if (text.startsWith('{"type":"event"')) {
        const { from, end } = prover.prove(text);
        if (from !== next) throw new Error(`statement ${next} was due, and ${from} came`);
        next = end;
        unacknowledged += text.length;
        if (unacknowledged >= WINDOW / 4) {
          send({ type: "ack", index: next - 1 });
          unacknowledged = 0;
        }
        for (let at = waiting.length - 1; at >= 0; at--)
          if (waiting[at]!.index <= next) waiting.splice(at, 1)[0]!.resolve();
      } else if (text.startsWith('{"type":"challenge"')) {
        const answered = answer(text, token);
        ws.send(answered.first);
        seal = answered.seal;
      } else if (text.startsWith('{"type":"welcome"')) send({ type: "subscribe", since, window: WINDOW });
      else if (text.startsWith('{"type":"subscribed"')) resolve(watcher);
      else throw new Error(text);
    };
    ws.on("message", (data: Buffer) => {
      try {
        take(String(data));
      } catch (thrown) {
        fail(thrown as Error);
      }
    });
    ws.on("error", fail);
    ws.on("close", (code, reason) => fail(new Error(`closed with ${code} ${String(reason)}`)));
  });
}

/** Opens many, a few at a time. */
export async function openWatchers(count: number, options: WatcherOptions, atOnce = 50): Promise<Watcher[]> {
  const watchers: Watcher[] = [];
  while (watchers.length < count) {
    const some = Array.from({ length: Math.min(atOnce, count - watchers.length) }, () => openWatcher(options));
    watchers.push(...(await Promise.all(some)));
  }
  return watchers;
}
