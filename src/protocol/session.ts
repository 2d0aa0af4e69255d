/**
 * One socket of tes-subproto-v1 as the authority sees it, as a pure function: what came in and when, and what follows.
 * It does no input or output, knows no clock and no key. A session is plain data, so that it survives a hibernation.
 */

import { TesError } from "../core/errors.ts";
import { ACK_WAIT_MS, FIRST_FRAME_MS, SOCKET_SILENCE_MS } from "../core/limits.ts";
import type { ClientFrame, ServerFrame } from "./frames.ts";
import type { TokenClaims } from "./tokens.ts";

/** Who is at the other end. Without claims: a reader who said nothing of itself. */
export interface Access {
  readonly kind: "proof" | "ticket" | "anonymous";
  /** Of the token behind it. */
  readonly claims?: TokenClaims;
  /** Id of the page's session that its ticket came from. */
  readonly page?: string | undefined;
}

/** A challenge was sent and nothing has come back. */
export interface Challenged {
  readonly phase: "challenged";
  readonly opened: number;
}

/** The first frame is being checked. Its nonce is spent, whatever comes of it. */
export interface Checking {
  readonly phase: "checking";
  readonly opened: number;
}

interface Entered {
  readonly access: Access;
  /** Counter of the last frame; 0 before the first. */
  readonly n: number;
  /** Milliseconds. */
  readonly heard: number;
}

export interface Open extends Entered {
  readonly phase: "open";
}

export interface Subscribed extends Entered {
  readonly phase: "subscribed";
  /** Index of the first statement that was not sent. */
  readonly next: number;
  readonly window: number;
  /** What was sent and is not acknowledged: up to which index, how many bytes. Oldest first. */
  readonly marks: readonly Mark[];
  /** Since when the window has been too full for what waits, or null. */
  readonly stalled: number | null;
}

/** `end` is the index after the last statement. */
export type Mark = readonly [end: number, bytes: number];

export interface Closed {
  readonly phase: "closed";
}

export type Session = Challenged | Checking | Open | Subscribed | Closed;

/** What follows from an event, in order. */
export type Act =
  | { readonly do: "check"; readonly frame: Extract<ClientFrame, { type: "proof" | "ticket" | "anonymous" }> }
  | { readonly do: "subscribe"; readonly since: number }
  | { readonly do: "fill" }
  | { readonly do: "bump"; readonly frame: Extract<ClientFrame, { type: "bump" }>; readonly claims: TokenClaims }
  | { readonly do: "send"; readonly frame: ServerFrame }
  | { readonly do: "refuse"; readonly id: string; readonly error: TesError }
  | { readonly do: "close"; readonly error: TesError };

export interface Step {
  readonly session: Session;
  readonly acts: readonly Act[];
}

/** Marks kept apart; more are merged, and then their bytes come free together. Bounds what a session holds. */
const MAX_MARKS = 16;

export const opened = (now: number): Session => ({ phase: "challenged", opened: now });

const end = (error: TesError): Step => ({ session: { phase: "closed" }, acts: [{ do: "close", error }] });
const unexpected = (detail: string): Step => end(new TesError("frame_unexpected", { detail }));

/**
 * A frame came.
 *
 * @param authentic whether its MAC holds; of frames that need none it does not matter
 * @param size statements in the log
 */
export function received(session: Session, frame: ClientFrame, authentic: boolean, size: number, now: number): Step {
  if (session.phase === "closed") return { session, acts: [] };
  if (frame.type === "ping") return pinged(session, now);
  if (session.phase === "checking") return unexpected("Wait for the welcome.");
  if (session.phase === "challenged") {
    if (now >= session.opened + FIRST_FRAME_MS) return end(new TesError("handshake_timeout"));
    if (frame.type !== "proof" && frame.type !== "ticket" && frame.type !== "anonymous") {
      return unexpected("The first frame is a proof, a ticket or anonymous.");
    }
    return { session: { phase: "checking", opened: session.opened }, acts: [{ do: "check", frame }] };
  }
  if (frame.type === "proof" || frame.type === "ticket" || frame.type === "anonymous") {
    return unexpected("This socket has been welcomed already.");
  }
  if (isExpired(session.access, now)) return end(new TesError("token_expired"));
  const { kind } = session.access;
  if (kind !== "proof" && (frame.n !== undefined || frame.mac !== undefined)) {
    return end(new TesError("frame_forged", { detail: "This session has no key: leave out n and mac." }));
  }
  if (kind === "proof" && !(authentic && frame.n === session.n + 1)) return end(new TesError("frame_forged"));
  const heard = { ...session, n: frame.n ?? 0, heard: now };
  switch (frame.type) {
    case "subscribe":
      return subscribe(heard, frame, size);
    case "ack":
      return acknowledge(heard, frame.index);
    case "bump":
      return bump(heard, frame);
  }
}

function pinged(session: Exclude<Session, Closed>, now: number): Step {
  if (session.phase === "challenged" || session.phase === "checking") return unexpected("Answer the challenge first.");
  return { session: { ...session, heard: now }, acts: [{ do: "send", frame: { type: "pong" } }] };
}

function subscribe(session: Open | Subscribed, frame: Extract<ClientFrame, { type: "subscribe" }>, size: number): Step {
  if (session.phase === "subscribed") return unexpected("A socket subscribes once.");
  if (frame.since > size) {
    return end(new TesError("invalid_field", { field: "/since", detail: `The log has ${size} statements.` }));
  }
  const { since, window } = frame;
  return {
    session: { ...session, phase: "subscribed", next: since, window, marks: [], stalled: null },
    acts: [{ do: "subscribe", since }, { do: "fill" }],
  };
}

function acknowledge(session: Open | Subscribed, index: number): Step {
  if (session.phase !== "subscribed") return unexpected("Subscribe first.");
  if (index >= session.next) {
    return end(new TesError("invalid_field", { field: "/index", detail: "It was not sent yet." }));
  }
  const marks = session.marks.filter(([end]) => end > index + 1);
  return { session: { ...session, marks, stalled: null }, acts: [{ do: "fill" }] };
}

function bump(session: Open | Subscribed, frame: Extract<ClientFrame, { type: "bump" }>): Step {
  const { kind, claims } = session.access;
  if (kind === "proof" && claims !== undefined) return { session, acts: [{ do: "bump", frame, claims }] };
  // Nothing vouches for what such a session sends after its first frame, so it only reads.
  const error = new TesError("token_missing", { detail: "Only a session that began with a proof may bump." });
  return { session, acts: [{ do: "refuse", id: frame.id, error }] };
}

/** The first frame was checked and is good. @param mac the authority's own proof, where there is a key */
export function welcomed(session: Session, access: Access, now: number, mac?: string): Step {
  if (session.phase !== "checking") return { session, acts: [] };
  const frame: ServerFrame = { type: "welcome", ...(mac === undefined ? {} : { mac }) };
  return { session: { phase: "open", access, n: 0, heard: now }, acts: [{ do: "send", frame }] };
}

/** Bytes that may be sent now. */
export function room({ window, marks }: Subscribed): number {
  return window - marks.reduce((sum, [, bytes]) => sum + bytes, 0);
}

/** An event with everything up to before `next` was sent. */
export function sent(session: Subscribed, next: number, bytes: number): Subscribed {
  const marks = [...session.marks, [next, bytes] as const];
  if (marks.length > MAX_MARKS) {
    const [[, first], [end, second]] = marks.splice(0, 2) as [Mark, Mark];
    marks.unshift([end, first + second]);
  }
  return { ...session, next, marks };
}

/** There is more to send, and the window has no room for it. */
export function stalled(session: Subscribed, now: number): Subscribed {
  return session.stalled === null ? { ...session, stalled: now } : session;
}

const isExpired = ({ claims }: Access, now: number): boolean => claims !== undefined && claims.exp * 1000 <= now;

/** When this session should be looked at again if nothing comes, in milliseconds; null for one that is over. */
export function deadline(session: Session): number | null {
  switch (session.phase) {
    case "closed":
      return null;
    case "challenged":
    case "checking":
      return session.opened + FIRST_FRAME_MS;
    default: {
      const times = [session.heard + SOCKET_SILENCE_MS];
      if (session.access.claims !== undefined) times.push(session.access.claims.exp * 1000);
      if (session.phase === "subscribed" && session.stalled !== null) times.push(session.stalled + ACK_WAIT_MS);
      return Math.min(...times);
    }
  }
}

/**
 * Time has passed.
 *
 * @param pinged when a ping was last answered on its behalf, milliseconds; 0 if never
 */
export function elapsed(session: Session, pinged: number, now: number): Step {
  if (session.phase === "closed") return { session, acts: [] };
  if (session.phase === "challenged" || session.phase === "checking") {
    return now >= session.opened + FIRST_FRAME_MS ? end(new TesError("handshake_timeout")) : { session, acts: [] };
  }
  if (isExpired(session.access, now)) return end(new TesError("token_expired"));
  if (session.phase === "subscribed" && session.stalled !== null && now >= session.stalled + ACK_WAIT_MS) {
    return end(new TesError("ack_timeout"));
  }
  const heard = Math.max(session.heard, pinged);
  if (now >= heard + SOCKET_SILENCE_MS) return end(new TesError("session_silent"));
  return { session: { ...session, heard }, acts: [] };
}
