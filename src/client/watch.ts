/** Watching a registry's log over tes-subproto-v1 (docs/protocol.md): every statement once, in order, proved. */

import type { Checkpoint } from "../core/checkpoint.ts";
import { ERRORS, type ErrorCode, TesError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import {
  CLIENT_PING_MS,
  CLIENT_TIMEOUT_MS,
  FIRST_RETRY_DELAY_MS,
  MAX_RECONNECT_DELAY_MS,
  MAX_WINDOW_BYTES,
} from "../core/limits.ts";
import { parseAnswer } from "../protocol/answers.ts";
import { type Challenge, parseServerFrame, type ServerFrame } from "../protocol/frames.ts";
import {
  challengeDigest,
  checkProof,
  deriveSessionKey,
  makeNonce,
  makeProof,
  sealFrame,
  splitToken,
} from "../protocol/handshake.ts";
import { pathOf } from "../protocol/paths.ts";
import { parseStatement, type Statement } from "../protocol/statements.ts";
import { type Anchor, createFollower, type Followed, type Follower, frontierFrom } from "./follower.ts";
import { isHolder, type Settings } from "./options.ts";
import { jsonOf } from "./response.ts";
import type { Session } from "./session.ts";
import { openTextSocket, type SocketMaker, type TextSocket } from "./watch-socket.ts";

export interface WatchOptions {
  /** Index of the first statement wanted, 0 for the whole log. Default: what is written from now on. */
  readonly since?: number | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
  /** Default: the runtime's own WebSocket. Node before 22 has none: give it the package ws. */
  readonly makeSocket?: SocketMaker | undefined;
  /** For pages that hold neither token nor session: gets a ticket from whoever does, for each connection. */
  readonly ticket?: (() => Promise<string>) | undefined;
  /** Told of each connection and each outage. */
  readonly onConnection?: ((connection: Connection) => void) | undefined;
  /** Milliseconds between two pings. */
  readonly pingMs?: number | undefined;
}

export type Connection =
  | { readonly state: "connected"; readonly next: number; readonly size: number }
  /** Connects again after `inMs` milliseconds. */
  | { readonly state: "waiting"; readonly error: TesError; readonly inMs: number };

/** A statement of the log. */
export interface Watched {
  readonly index: number;
  /** As it stands in the log, whatever its type. */
  readonly json: JsonObject;
  /** The same, read; undefined for a type or format that is newer than this release. */
  readonly statement: Statement | undefined;
  /** The signed head that it was proved under. */
  readonly checkpoint: Checkpoint;
}

/** Errors of the authority that connecting again may mend. All others end the iteration. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "authority_unreachable",
  "ack_timeout",
  "handshake_timeout",
  "internal",
  "rate_limited",
  "session_silent",
  "signing_key_mismatch",
  "signing_key_missing",
  "storage_full",
]);

const isPassing = (error: TesError): boolean =>
  PASSING.has(error.code) || (error.code === "answer_unsigned" && Number(error.facts?.status ?? 0) >= 500);

const builtIn: SocketMaker = (url, protocols) => new WebSocket(url, [...protocols]);

/** A socket that was entered: frames in, sealed frames out. */
interface Entered {
  readonly socket: TextSocket;
  send(frame: JsonObject): Promise<void>;
}

export async function* watchLog(
  settings: Settings,
  session: Session,
  options: WatchOptions,
): AsyncGenerator<Watched, void, void> {
  const { signal } = options;
  let follower: Follower | undefined;
  let failures = 0;
  const isStopped = (): boolean => signal?.aborted === true;
  while (!isStopped()) {
    let socket: TextSocket | undefined;
    try {
      await session.trust();
      const atLeast = await session.view.size();
      socket = await open(settings, options);
      const { entered, head } = await enter(settings, session, options, socket, atLeast);
      // Asked for again: the challenge may have led to keys that are newer than those before.
      const trust = await session.trust();
      const since = follower?.next ?? options.since ?? head.size;
      if (since > head.size) throw behind(since, head.size);
      await entered.send({ type: "subscribe", since, window: MAX_WINDOW_BYTES });
      const subscribed = await expectFrame(socket, "subscribed");
      if (subscribed.since !== since) throw new TesError("statements_skipped", { detail: "It begins elsewhere." });
      follower ??= createFollower(frontierFrom(since, subscribed.frontier), await anchorsOf(session, head));
      options.onConnection?.({ state: "connected", next: since, size: subscribed.size });
      let unacknowledged = 0;
      for (;;) {
        const { frame, chars } = await receive(socket);
        // Whatever comes shows that the connection works.
        failures = 0;
        if (frame?.type !== "event") continue;
        const { followed, checkpoint } = await follower.take(frame, trust, await anchorsOf(session, head));
        await session.view.extend(checkpoint);
        for (const one of followed) yield watched(one, checkpoint);
        unacknowledged += chars;
        // Twice in a window: seldom enough to cost nothing, and soon enough that the next event always fits.
        if (unacknowledged < MAX_WINDOW_BYTES / 4) continue;
        await entered.send({ type: "ack", index: follower.next - 1 });
        unacknowledged = 0;
      }
    } catch (thrown) {
      if (isStopped()) return;
      if (!(thrown instanceof TesError) || !isPassing(thrown)) throw thrown;
      const inMs = backOff(++failures, settings.random);
      options.onConnection?.({ state: "waiting", error: thrown, inMs });
      await unlessAborted(settings.delay(inMs), signal);
    } finally {
      socket?.close();
    }
  }
}

/** Twice as long after each failure, and never in step with others: half of it is chance. */
function backOff(failures: number, random: Settings["random"]): number {
  const most = Math.min(MAX_RECONNECT_DELAY_MS, FIRST_RETRY_DELAY_MS * 2 ** Math.min(failures - 1, 16));
  return Math.round(most * (0.5 + random(1)[0]! / 511));
}

/** Resolves with the work, or at once when there is no more use for it. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  await Promise.race([work, promise]);
  signal.removeEventListener("abort", stop);
}

const behind = (since: number, size: number): TesError =>
  new TesError("checkpoint_stale", {
    detail: `The log has ${size} statements, and ${since} were asked to be passed over.`,
  });

/** Heads that the log must lead through: the one just shown, and the highest seen in any other way. */
async function anchorsOf(session: Session, head: Anchor): Promise<Anchor[]> {
  const known = await session.view.head();
  return known === undefined ? [head] : [head, known];
}

function watched({ index, json }: Followed, checkpoint: Checkpoint): Watched {
  let statement: Statement | undefined;
  try {
    statement = parseStatement(json);
  } catch (thrown) {
    // It is in the log, and proved; this release only does not know what it says.
    if (!(thrown instanceof TesError)) throw thrown;
  }
  return { index, json, statement, checkpoint };
}

function open({ url, registry, timeoutMs }: Settings, options: WatchOptions): Promise<TextSocket> {
  const target = new URL(pathOf.watch(registry), url);
  target.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return openTextSocket(target.href, {
    make: options.makeSocket ?? builtIn,
    timeoutMs: timeoutMs ?? CLIENT_TIMEOUT_MS,
    pingMs: options.pingMs ?? CLIENT_PING_MS,
    signal: options.signal,
  });
}

/** The next frame; an error that it carries is thrown. */
async function receive(socket: TextSocket): Promise<{ readonly frame: ServerFrame | null; readonly chars: number }> {
  const data = await socket.next();
  const frame = parseServerFrame(data);
  if (frame?.type === "error" && frame.id === undefined) throw errorOf(frame);
  return { frame, chars: String(data).length };
}

function errorOf({ code, detail }: Extract<ServerFrame, { type: "error" }>): TesError {
  const known = Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "authority_unreachable";
  return new TesError(known, detail === undefined ? {} : { detail: `The authority says: ${detail}` });
}

/** The next frame of a type. Others, pongs and unknown ones, are passed over. */
async function expectFrame<T extends ServerFrame["type"]>(
  socket: TextSocket,
  type: T,
): Promise<Extract<ServerFrame, { type: T }>> {
  for (;;) {
    const { frame } = await receive(socket);
    if (frame?.type === type) return frame as Extract<ServerFrame, { type: T }>;
    if (frame !== null && frame.type !== "pong") {
      throw new TesError("answer_malformed", { detail: `${type} was due, and ${frame.type} came.` });
    }
  }
}

/** Takes the challenge, proves, and has the other end prove itself. */
async function enter(
  settings: Settings,
  session: Session,
  options: WatchOptions,
  socket: TextSocket,
  atLeast: number,
): Promise<{ readonly entered: Entered; readonly head: Checkpoint }> {
  const data = await socket.next();
  const challenge = parseServerFrame(data);
  if (challenge?.type !== "challenge")
    throw new TesError("answer_malformed", { detail: "It begins with no challenge." });
  const authority = settings.url.host.toLowerCase();
  if (challenge.registry !== settings.registry || challenge.authority !== authority) {
    throw new TesError("authority_unproven", { detail: "The challenge is of another registry or authority." });
  }
  // Signed, and an extension of everything that was seen before: over HTTP, if need be.
  const head = await session.note(challenge.checkpoint, atLeast);
  if (settings.token !== undefined && options.ticket === undefined) {
    return { entered: await prove(settings, socket, challenge, String(data)), head };
  }
  const ticket = await (options.ticket === undefined ? ticketOf(settings, session) : options.ticket());
  const first: JsonObject = ticket === undefined ? { type: "anonymous" } : { type: "ticket", ticket };
  socket.send(JSON.stringify(first));
  await expectFrame(socket, "welcome");
  return { entered: { socket, send: async (frame) => socket.send(JSON.stringify(frame)) }, head };
}

/**
 * A page that is signed in gets its tickets by its session. Whoever is not, or may not, watches as anyone does, where
 * anyone may.
 */
async function ticketOf(settings: Settings, session: Session): Promise<string | undefined> {
  if (settings.session === undefined || !isHolder(settings)) return undefined;
  const asked = session.write({ origin: settings.url.origin });
  const { response } = await session.ask(pathOf.tickets(settings.registry), asked);
  try {
    return parseAnswer("ticket", jsonOf(response), "answer_malformed").ticket;
  } catch (thrown) {
    if (thrown instanceof TesError && thrown.code === "forbidden") return undefined;
    throw thrown;
  }
}

async function prove(
  { registry, token, random }: Settings,
  socket: TextSocket,
  challenge: Challenge,
  text: string,
): Promise<Entered> {
  const { claims, signature } = splitToken(token!);
  const { authority, nonce: serverNonce } = challenge;
  const handshake = { registry, authority, serverNonce, clientNonce: makeNonce(random) };
  const mac = await makeProof(signature, "client", handshake);
  socket.send(JSON.stringify({ type: "proof", nonce: handshake.clientNonce, claims, mac }));
  const welcome = await expectFrame(socket, "welcome");
  await checkProof(signature, "server", handshake, welcome.mac ?? "", "authority_unproven");
  const key = await deriveSessionKey(signature, handshake, challengeDigest(text), claims);
  let n = 0;
  return {
    socket,
    send: async (frame) => socket.send(JSON.stringify(await sealFrame(key, { ...frame, n: ++n }))),
  };
}
