/** An authority at the other end of sockets that lead nowhere: it says what a test lets it say. */

import { createHmac } from "node:crypto";
import type { SocketMaker } from "../../../src/client/index.ts";
import { type Bytes, fromBase64Url, toBase64, utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { appendLeaf, EMPTY_FRONTIER, type Frontier, leafHash } from "../../../src/core/merkle.ts";
import { Secret } from "../../../src/core/secret.ts";
import { type ClientFrame, parseClientFrame } from "../../../src/protocol/frames.ts";
import {
  challengeDigest,
  checkProof,
  deriveSessionKey,
  isSealed,
  makeNonce,
  makeProof,
} from "../../../src/protocol/handshake.ts";
import { statementBytes } from "../../../src/protocol/statements.ts";
import type { TestRegistry } from "./registry.ts";

const TOKEN_KEY = sha256(utf8("watch tests"));
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signOf = (claims: string) => createHmac("sha256", TOKEN_KEY).update(claims).digest();
const CLAIMS = `${part({ alg: "HS256" })}.${part({ scope: ["watch"] })}`;
/** A token whose signature this authority knows. */
export const TOKEN = `${CLAIMS}.${signOf(CLAIMS).toString("base64url")}`;

/** One socket, from the authority's end. */
export interface Line {
  readonly received: ClientFrame[];
  say(frame: JsonObject): void;
  /** An event of the statements from `from` to before `to`, proved at `to`. */
  event(from: number, to?: number): Promise<void>;
  close(code?: number, reason?: string): void;
}

export interface WatchAuthority {
  readonly makeSocket: SocketMaker;
  /** Every socket that was opened. */
  readonly lines: Line[];
  /** Resolves with the next subscription. */
  subscription(): Promise<{ line: Line; since: number }>;
}

export interface Behaviour {
  /** Whose log it tells. */
  registry: TestRegistry;
  /** Members of the challenge that are not as they should be. */
  challenge?: JsonObject;
  /** Proves itself with the client's own proof. */
  reflects?: boolean;
  refuses?: boolean;
}

export function frontierAt(registry: TestRegistry, size: number): string[] {
  let frontier: Frontier = EMPTY_FRONTIER;
  for (const statement of registry.statements.slice(0, size)) {
    frontier = appendLeaf(frontier, leafHash(statementBytes(statement)));
  }
  return frontier.hashes.map(toBase64);
}

export function watchAuthority(behaviour: Behaviour): WatchAuthority {
  const lines: Line[] = [];
  const subscriptions: { line: Line; since: number }[] = [];
  let wake: () => void = () => undefined;

  const makeSocket: SocketMaker = () => {
    const listeners = new Map<string, (event: never) => void>();
    const tell = (type: string, event: object = {}) =>
      queueMicrotask(() => (listeners.get(type) as ((event: object) => void) | undefined)?.(event));
    const received: ClientFrame[] = [];
    let closed = false;
    let key: CryptoKey | undefined;
    let challenge = "";
    let n = 0;

    const line: Line = {
      received,
      say: (frame) => tell("message", { data: JSON.stringify(frame) }),
      async event(from, to = behaviour.registry.statements.length) {
        const statements = behaviour.registry.statements.slice(from, to) as unknown as JsonObject[];
        line.say({ type: "event", from, statements, checkpoint: await behaviour.registry.note(to) });
      },
      close(code = 1006, reason = "") {
        if (!closed) tell("close", { code, reason });
        closed = true;
      },
    };

    const take = async (text: string): Promise<void> => {
      const { frame, json } = parseClientFrame(text);
      if (frame.type === "ping") return line.say({ type: "pong" });
      received.push(frame);
      if (key !== undefined && !((await isSealed(key, json)) && (frame as { n?: number }).n === ++n)) {
        return line.say({ type: "error", code: "frame_forged", title: "", remedy: "" });
      }
      if (frame.type === "anonymous" || frame.type === "ticket") return line.say({ type: "welcome" });
      if (frame.type === "proof") {
        const signature = new Secret<Bytes>(fromBase64Url(signOf(frame.claims).toString("base64url"))!);
        const { registry, authority, nonce: serverNonce } = JSON.parse(challenge);
        const handshake = { registry, authority, serverNonce, clientNonce: frame.nonce };
        await checkProof(signature, "client", handshake, frame.mac, "proof_refused");
        key = await deriveSessionKey(signature, handshake, challengeDigest(challenge), frame.claims);
        const mac = behaviour.reflects === true ? frame.mac : await makeProof(signature, "server", handshake);
        return line.say({ type: "welcome", mac });
      }
      if (frame.type === "subscribe") {
        const { registry } = behaviour;
        const size = registry.statements.length;
        line.say({ type: "subscribed", since: frame.since, size, frontier: frontierAt(registry, frame.since) });
        subscriptions.push({ line, since: frame.since });
        wake();
      }
    };

    lines.push(line);
    let turn: Promise<void> = Promise.resolve();
    void (async () => {
      await undefined;
      if (behaviour.refuses === true) return line.close(1006, "refused");
      const nonce = makeNonce((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
      const checkpoint = await behaviour.registry.note();
      const frame = {
        type: "challenge",
        nonce,
        registry: "default",
        authority: "tes.test",
        checkpoint,
        keyid: "k",
        expires: 1,
        ...behaviour.challenge,
      };
      challenge = JSON.stringify(frame);
      tell("open");
      tell("message", { data: challenge });
    })();
    return {
      protocol: "tes-subproto-v1",
      send: (text) => {
        turn = turn.then(() => take(text));
      },
      close: () => line.close(1000),
      addEventListener: (type: string, listener: (event: never) => void) => void listeners.set(type, listener),
    };
  };

  return {
    makeSocket,
    lines,
    async subscription() {
      while (subscriptions.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return subscriptions.shift()!;
    },
  };
}
