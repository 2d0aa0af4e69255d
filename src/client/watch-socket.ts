/** One WebSocket as a queue of texts, with time limits, in any runtime. */

import { TesError } from "../core/errors.ts";
import { PING } from "../protocol/frames.ts";
import { SUBPROTOCOL } from "../protocol/handshake.ts";

/** The part of a WebSocket that is used: browsers, Bun, Deno, Node from 22 on, and the package ws have it. */
export interface SocketLike {
  /** Null in some runtimes until it is open. */
  readonly protocol: string | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

/** Makes a socket: `(url, protocols) => new WebSocket(url, protocols)`. */
export type SocketMaker = (url: string, protocols: readonly string[]) => SocketLike;

export interface TextSocket {
  send(text: string): void;
  /** The next text. @throws authority_unreachable when the socket ends first, or nothing comes in time */
  next(): Promise<unknown>;
  close(): void;
}

export interface SocketOptions {
  readonly make: SocketMaker;
  /** How long the opening may take. Milliseconds. */
  readonly timeoutMs: number;
  /** How often to ping. Two pings without any answer end the socket. Milliseconds. */
  readonly pingMs: number;
  readonly signal: AbortSignal | undefined;
}

const NORMAL = 1000;

const unreachable = (detail: string, cause?: unknown): TesError =>
  new TesError("authority_unreachable", { detail, cause });

function makeSocket(make: SocketMaker, url: string): SocketLike {
  try {
    return make(url, [SUBPROTOCOL]);
  } catch (cause) {
    throw unreachable("The WebSocket could not be made.", cause);
  }
}

/** @throws authority_unreachable */
export async function openTextSocket(url: string, options: SocketOptions): Promise<TextSocket> {
  const { timeoutMs, pingMs, signal } = options;
  const socket = makeSocket(options.make, url);
  const texts: unknown[] = [];
  let ended: TesError | undefined;
  let wake: () => void = () => undefined;
  let silent = 0;
  let ping: ReturnType<typeof setInterval> | undefined;

  const end = (error: TesError): void => {
    if (ended !== undefined) return;
    ended = error;
    clearInterval(ping);
    clearTimeout(limit);
    signal?.removeEventListener("abort", abort);
    socket.close(NORMAL);
    wake();
  };
  const abort = (): void => end(unreachable("It was stopped."));
  const limit = setTimeout(() => end(unreachable(`No socket opened within ${timeoutMs} ms.`)), timeoutMs);
  signal?.addEventListener("abort", abort);
  socket.addEventListener("message", ({ data }) => {
    silent = 0;
    texts.push(data);
    wake();
  });
  socket.addEventListener("close", ({ code, reason }) => end(unreachable(`The socket closed with ${code} ${reason}.`)));
  // What went wrong is not told to scripts; a close event follows in every runtime but some versions of Deno.
  socket.addEventListener("error", () => end(unreachable("The socket failed.")));
  await new Promise<void>((resolve) => {
    wake = resolve;
    socket.addEventListener("open", () => resolve());
    if (signal?.aborted === true) abort();
  });
  clearTimeout(limit);
  if (ended === undefined && socket.protocol !== SUBPROTOCOL)
    end(unreachable("The other end speaks another protocol."));
  if (ended !== undefined) throw ended;
  ping = setInterval(() => {
    if (silent++ === 2) end(unreachable(`Two pings had no answer within ${2 * pingMs} ms.`));
    else socket.send(PING);
  }, pingMs);

  return {
    send: (text) => {
      if (ended === undefined) socket.send(text);
    },
    async next() {
      for (;;) {
        if (texts.length > 0) return texts.shift();
        if (ended !== undefined) throw ended;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close: () => end(unreachable("It was closed.")),
  };
}
