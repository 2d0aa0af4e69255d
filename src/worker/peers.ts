/** The sockets of an object, in memory and in their attachments. */

import { ERRORS, problemOf, type TesError } from "../core/errors.ts";
import { SOCKET_BURST_FRAMES, SOCKET_FRAMES_PER_S } from "../core/limits.ts";
import type { ServerFrame } from "../protocol/frames.ts";
import type { Session } from "../protocol/session.ts";
import { type Buckets, createBuckets } from "./bucket.ts";
import type { Emit } from "./events.ts";

/** The part of a socket that outlives the object. At most 16 KiB in all. */
export interface Kept {
  readonly registry: string;
  readonly authority: string;
  /** The page's, if it came from one. */
  readonly origin: string | null;
  readonly nonce: string;
  /** SHA-256 of the challenge, hex. */
  readonly challenge: string;
  readonly session: Session;
  /** Of a proof: the token without its signature, and the session key. */
  readonly claims?: string;
  readonly key?: Uint8Array;
}

/** A socket in memory. */
export interface Peer {
  readonly ws: WebSocket;
  kept: Kept;
  key: CryptoKey | undefined;
  readonly frames: Buckets;
  /** Ends when the frame before the next one has been handled. */
  turn: Promise<void>;
  filling: boolean;
}

export interface Peers {
  add(ws: WebSocket, kept: Kept): Peer;
  /** Undefined for a socket that has ended. */
  find(ws: WebSocket): Peer | undefined;
  /** Whether it has not ended. */
  holds(peer: Peer): boolean;
  /** Every socket; after a hibernation they are found again. */
  all(): Iterable<Peer>;
  keep(peer: Peer, session: Session): void;
  send(peer: Peer, text: string): void;
  say(peer: Peer, frame: ServerFrame): void;
  /** Says why, and closes. */
  end(peer: Peer, error: TesError): void;
  /** The other end has closed, or is gone. */
  forget(ws: WebSocket): void;
  readonly count: number;
}

/** An error as it is said on a socket. @param id of the bump that it answers */
export function errorFrame(error: TesError, id?: string): ServerFrame {
  const { code, title, remedy, detail, field } = problemOf(error);
  return {
    type: "error",
    code,
    title,
    remedy,
    ...(detail === undefined ? {} : { detail }),
    ...(field === undefined ? {} : { field }),
    ...(id === undefined ? {} : { id }),
  };
}

export function createPeers(ctx: DurableObjectState, emit: Emit): Peers {
  const known = new Map<WebSocket, Peer>();
  let complete = false;

  const peers: Peers = {
    add(ws, kept) {
      const frames = createBuckets({ burst: SOCKET_BURST_FRAMES, perSecond: SOCKET_FRAMES_PER_S });
      const peer: Peer = { ws, kept, key: undefined, frames, turn: Promise.resolve(), filling: false };
      known.set(ws, peer);
      return peer;
    },
    find(ws) {
      const peer = known.get(ws);
      if (peer !== undefined) return peer;
      const kept = ws.deserializeAttachment() as Kept | null;
      return kept === null || kept.session.phase === "closed" ? undefined : peers.add(ws, kept);
    },
    holds: (peer) => known.get(peer.ws) === peer,
    all() {
      if (!complete) for (const ws of ctx.getWebSockets()) peers.find(ws);
      complete = true;
      return known.values();
    },
    keep(peer, session) {
      peer.kept = { ...peer.kept, session };
      peer.ws.serializeAttachment(peer.kept);
    },
    send(peer, text) {
      try {
        peer.ws.send(text);
      } catch {
        // The other end closed or vanished in between; its close event tells.
      }
    },
    say: (peer, frame) => peers.send(peer, JSON.stringify(frame)),
    end(peer, error) {
      const { session, registry } = peer.kept;
      const actor = "access" in session ? session.access.claims?.jti : undefined;
      peers.keep(peer, { phase: "closed" });
      known.delete(peer.ws);
      peers.say(peer, errorFrame(error));
      try {
        peer.ws.close(ERRORS[error.code].close, error.code);
      } catch {
        // It is closing already.
      }
      emit("socket", "socket.closed", { registry, ref: error.code, actor, meta: { sockets: known.size } });
    },
    forget(ws) {
      const peer = known.get(ws);
      known.delete(ws);
      if (peer !== undefined) peer.kept = { ...peer.kept, session: { phase: "closed" } };
    },
    get count() {
      return known.size;
    },
  };
  return peers;
}
