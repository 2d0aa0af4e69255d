/**
 * The sockets of one registry (docs/protocol.md), over the hibernation API: what a socket is stands in its attachment,
 * so that the object may be gone between any two frames. The rules are in protocol/session.ts; here are the I/O and the
 * order of things.
 *
 * Frames of one socket are handled one after the other. Sending to subscribers is synchronous per event, so that nobody
 * sees one twice or misses one.
 */

import { type Bytes, toBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { hmacSign, importHmacKey } from "../core/hmac.ts";
import { FIRST_FRAME_MS, MAX_SOCKETS } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";
import { type Challenge, PING, PONG, parseClientFrame } from "../protocol/frames.ts";
import {
  challengeDigest,
  checkProof,
  deriveSessionKey,
  isSealed,
  makeNonce,
  makeProof,
  SUBPROTOCOL,
} from "../protocol/handshake.ts";
import {
  type Access,
  type Act,
  deadline,
  elapsed,
  opened,
  received,
  room,
  type Step,
  sent,
  stalled,
  welcomed,
} from "../protocol/session.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import type { Emit } from "./events.ts";
import type { Ledger } from "./ledger.ts";
import { createPeers, errorFrame, type Kept, type Peer } from "./peers.ts";
import type { SigningKeys } from "./signing-key.ts";
import { createEventSource, type EventSource, type EventText } from "./socket-events.ts";
import type { Tickets } from "./tickets.ts";
import type { Writer } from "./writer.ts";

/** A registry that is open. */
export interface Live {
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly keys: SigningKeys;
}

/** What the object does for its sockets. */
export interface SocketHost {
  /** @throws TesError why the registry cannot be used now */
  live(registry: string): Promise<Live>;
  /** Who a bearer token is of. @throws TesError what makes it worthless */
  claimsOf(live: Live, authorization: string, now: number): Promise<TokenClaims>;
  /** A bump as over HTTP, under the same rules: its answer's JSON. @throws TesError */
  bump(live: Live, asked: BumpAsk): Promise<{ readonly receipt: unknown; readonly changes: unknown }>;
  readonly tickets: Tickets;
  readonly emit: Emit;
}

export interface BumpAsk {
  readonly authority: string;
  readonly authorization: string;
  /** Idempotency-Key. */
  readonly key: string;
  readonly body: Bytes;
}

export interface Sockets {
  /** Accepts a socket that offered the subprotocol. @throws TesError `rate_limited` */
  accept(live: Live, from: { registry: string; authority: string; origin: string | null }): Promise<Response>;
  message(ws: WebSocket, data: string | ArrayBuffer): Promise<void>;
  /** The other end has closed, or is gone. @param code of its close frame, if there was one */
  closed(ws: WebSocket, code?: number): void;
  /** Looks after the sockets from which nothing comes. @returns when to look again */
  alarm(now: number): Promise<number | undefined>;
  /** The log has grown. */
  grown(): void;
  /** Ends every socket behind which a token stands, or a page's session. @returns how many */
  closeSocketsOf(id: string, error?: TesError): number;
  /** Ends every socket. */
  closeAll(error: TesError): void;
}

const NORMAL = 1000;
const NO_CODE = 1005;

export function createSockets(
  ctx: DurableObjectState,
  host: SocketHost,
  wakeAt: (at: number) => Promise<void>,
): Sockets {
  ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
  const peers = createPeers(ctx, host.emit);
  const { keep, send, say, end } = peers;
  let source: { readonly live: Live; readonly events: EventSource } | undefined;
  let publishing = false;
  let again = false;

  const sourceOf = (live: Live): EventSource => {
    if (source?.live.ledger !== live.ledger) {
      source = { live, events: createEventSource(live.ledger, live.writer, () => live.keys) };
    }
    return source.events;
  };

  const hand = (peer: Peer, event: EventText): boolean => {
    const { session } = peer.kept;
    if (session.phase !== "subscribed") return false;
    send(peer, event.text);
    keep(peer, sent(session, event.end, event.bytes));
    return true;
  };

  /** Sends what the window has room for. */
  const fill = async (peer: Peer, live: Live): Promise<void> => {
    if (peer.filling) return;
    peer.filling = true;
    try {
      const events = sourceOf(live);
      for (;;) {
        const { session } = peer.kept;
        if (session.phase !== "subscribed" || session.next >= live.ledger.size) return;
        const event = await events.event(session.next, room(session));
        if (event === undefined) {
          const waiting = stalled(session, Date.now());
          keep(peer, waiting);
          await wakeAt(deadline(waiting)!);
          return;
        }
        const now = peer.kept.session;
        if (now.phase !== "subscribed" || now.next !== session.next || !hand(peer, event)) return;
      }
    } finally {
      peer.filling = false;
    }
  };

  /** One event, made once, to everyone who has all that stands before it; the others are behind and fill up by themselves. */
  const publish = async (): Promise<void> => {
    const first = peers.all()[Symbol.iterator]().next();
    if (first.done === true) return;
    const live = await host.live(first.value.kept.registry);
    const { ledger } = live;
    const events = sourceOf(live);
    for (;;) {
      let next = -1;
      for (const { kept, filling } of peers.all()) {
        if (kept.session.phase !== "subscribed" || filling || kept.session.stalled !== null) continue;
        next = Math.max(next, kept.session.next);
      }
      if (next < 0 || next >= ledger.size) break;
      const from = next;
      const event = await events.event(from, Number.POSITIVE_INFINITY);
      if (event === undefined) break;
      for (const peer of peers.all()) {
        const { session } = peer.kept;
        if (session.phase !== "subscribed" || peer.filling) continue;
        if (session.next === from && room(session) >= event.bytes) hand(peer, event);
        else if (session.stalled === null && session.next < event.end) void fill(peer, live);
      }
    }
  };

  const enter = async (
    peer: Peer,
    live: Live,
    frame: Extract<Act, { do: "check" }>["frame"],
    now: number,
  ): Promise<Step> => {
    const { registry, authority, nonce: serverNonce, challenge, origin } = peer.kept;
    const isPublic = live.ledger.rows.registry()!.visibility === "public";
    if (frame.type === "anonymous") {
      if (!isPublic) throw new TesError("token_missing");
      return welcomed(peer.kept.session, { kind: "anonymous" }, now);
    }
    if (frame.type === "ticket") {
      const access: Access = { kind: "ticket", ...host.tickets.redeem(frame.ticket, origin, now) };
      return welcomed(peer.kept.session, access, now);
    }
    if (frame.nonce === serverNonce) throw new TesError("proof_refused");
    // The shared secret, computed again: it is what the token ends with, and never crosses the wire.
    const signature = new Secret(await hmacSign(live.keys.token.key, utf8(frame.claims)));
    const handshake = { registry, authority, serverNonce, clientNonce: frame.nonce };
    await checkProof(signature, "client", handshake, frame.mac, "proof_refused");
    const claims = await host.claimsOf(live, `Bearer ${frame.claims}.${toBase64Url(signature.reveal())}`, now);
    if (!isPublic && !allows(claims, "watch")) {
      throw new TesError("forbidden", { detail: "It needs the scope watch." });
    }
    const derived = await deriveSessionKey(signature, handshake, challenge, frame.claims, true);
    const key = new Uint8Array((await crypto.subtle.exportKey("raw", derived)) as ArrayBuffer);
    const mac = await makeProof(signature, "server", handshake);
    peer.key = derived;
    peer.kept = { ...peer.kept, claims: frame.claims, key };
    return welcomed(peer.kept.session, { kind: "proof", claims }, now, mac);
  };

  const bump = async (peer: Peer, live: Live, { frame }: Extract<Act, { do: "bump" }>): Promise<void> => {
    const { id, key, request } = frame;
    try {
      const claims = peer.kept.claims!;
      const signature = await hmacSign(live.keys.token.key, utf8(claims));
      const { receipt, changes } = await host.bump(live, {
        authority: peer.kept.authority,
        authorization: `Bearer ${claims}.${toBase64Url(signature)}`,
        key,
        body: utf8(JSON.stringify(request)),
      });
      const text = JSON.stringify(receipt === null ? { type: "plan", id, changes } : { type: "receipt", id, receipt });
      send(peer, text);
    } catch (thrown) {
      say(peer, errorFrame(toError(peer, thrown), id));
    }
  };

  const toError = (peer: Peer, thrown: unknown): TesError => {
    if (thrown instanceof TesError && thrown.code !== "internal") return thrown;
    const cause = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    host.emit("object", "object.failed", { registry: peer.kept.registry, meta: { cause } });
    return thrown instanceof TesError ? thrown : new TesError("internal", { cause: thrown });
  };

  const perform = async (peer: Peer, live: Live, step: Step, now: number): Promise<void> => {
    // A step that ends is kept by `end`, which still wants to know who it was.
    if (step.session.phase !== "closed") keep(peer, step.session);
    for (const act of step.acts) {
      switch (act.do) {
        case "send":
          say(peer, act.frame);
          break;
        case "close":
          end(peer, act.error);
          return;
        case "refuse":
          say(peer, errorFrame(act.error, act.id));
          break;
        case "subscribe":
          say(peer, {
            type: "subscribed",
            since: act.since,
            size: live.ledger.size,
            frontier: sourceOf(live).frontier(act.since),
          });
          break;
        case "fill":
          await fill(peer, live);
          break;
        case "bump":
          // Not waited for: bumps of one socket group like those of many, and the order of receipts means nothing.
          void bump(peer, live, act);
          break;
        case "check": {
          const entered = await enter(peer, live, act.frame, now);
          await perform(peer, live, entered, now);
          const { session, registry } = peer.kept;
          if (session.phase !== "open") return;
          const { kind, claims } = session.access;
          host.emit("socket", "socket.welcomed", {
            registry,
            ref: kind,
            actor: claims?.jti,
            meta: { sockets: peers.count },
          });
          await wakeAt(deadline(session)!);
        }
      }
    }
  };

  const handle = async (peer: Peer, data: string | ArrayBuffer): Promise<void> => {
    if (peer.kept.session.phase === "closed") return;
    try {
      const now = Date.now();
      const { frame, json } = parseClientFrame(data);
      const live = await host.live(peer.kept.registry);
      if (peer.key === undefined && peer.kept.key !== undefined) {
        peer.key = await importHmacKey(new Secret(peer.kept.key as Bytes));
      }
      const authentic = peer.key !== undefined && (await isSealed(peer.key, json));
      await perform(peer, live, received(peer.kept.session, frame, authentic, live.ledger.size, now), now);
    } catch (thrown) {
      // It may have been closed meanwhile, by the alarm or by a revocation.
      if (peers.holds(peer)) end(peer, toError(peer, thrown));
    }
  };

  return {
    async accept(live, { registry, authority, origin }) {
      if (ctx.getWebSockets().length >= MAX_SOCKETS) {
        throw new TesError("rate_limited", { detail: `This registry has ${MAX_SOCKETS} sockets open.` });
      }
      const now = Date.now();
      const challenge: Challenge = {
        type: "challenge",
        nonce: makeNonce((bytes) => crypto.getRandomValues(new Uint8Array(bytes))),
        registry,
        authority,
        checkpoint: await live.writer.checkpoint(),
        keyid: live.keys.token.kid,
        expires: now + FIRST_FRAME_MS,
      };
      const text = JSON.stringify(challenge);
      const { 0: theirs, 1: ours } = new WebSocketPair();
      ctx.acceptWebSocket(ours);
      const kept: Kept = {
        registry,
        authority,
        origin,
        nonce: challenge.nonce,
        challenge: challengeDigest(text),
        session: opened(now),
      };
      const peer = peers.add(ours, kept);
      keep(peer, kept.session);
      send(peer, text);
      await wakeAt(challenge.expires);
      return new Response(null, {
        status: 101,
        webSocket: theirs,
        headers: { "sec-websocket-protocol": SUBPROTOCOL },
      });
    },
    message(ws, data) {
      const peer = peers.find(ws);
      if (peer === undefined) return Promise.resolve();
      if (peer.frames.take("", Date.now()) > 0) {
        end(peer, new TesError("rate_limited", { detail: "Frames came faster than one socket may send them." }));
        return Promise.resolve();
      }
      peer.turn = peer.turn.then(() => handle(peer, data));
      return peer.turn;
    },
    closed(ws, code) {
      peers.forget(ws);
      if (code === undefined) return;
      try {
        // RFC 6455 section 5.5.1: a close frame is answered with one. The hibernation API does not do it by itself, and
        // the client then waits for its own time limit. 1005 says that there was no code, and is never sent.
        ws.close(code === NO_CODE ? NORMAL : code);
      } catch {
        // It is closed already, by us or by a code that must not be sent.
      }
    },
    async alarm(now) {
      let soonest = Number.POSITIVE_INFINITY;
      for (const peer of [...peers.all()]) {
        const pinged = ctx.getWebSocketAutoResponseTimestamp(peer.ws)?.getTime() ?? 0;
        const step = elapsed(peer.kept.session, pinged, now);
        const close = step.acts.find((act) => act.do === "close");
        if (close !== undefined) end(peer, close.error);
        else if (step.session !== peer.kept.session) keep(peer, step.session);
        soonest = Math.min(soonest, deadline(peer.kept.session) ?? Number.POSITIVE_INFINITY);
      }
      return Number.isFinite(soonest) ? soonest : undefined;
    },
    grown() {
      again = true;
      if (publishing) return;
      publishing = true;
      void (async () => {
        try {
          while (again) {
            again = false;
            await publish();
          }
        } catch (thrown) {
          const cause = thrown instanceof Error ? thrown.message : String(thrown);
          host.emit("object", "object.failed", { registry: "", meta: { cause } });
        } finally {
          publishing = false;
        }
      })();
    },
    closeSocketsOf(id, error = new TesError("token_revoked")) {
      let count = 0;
      for (const peer of [...peers.all()]) {
        const { session } = peer.kept;
        if (!("access" in session) || ![session.access.claims?.jti, session.access.page].includes(id)) continue;
        end(peer, error);
        count++;
      }
      return count;
    },
    closeAll(error) {
      for (const peer of [...peers.all()]) end(peer, error);
    },
  };
}
