/**
 * HTTP load on connections that stay open, one request at a time on each. Raw sockets: a client that costs more than
 * the server it measures would measure itself.
 */

import { HOST } from "../src/cli/local/port.ts";

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  /** The next request, as it goes over the wire (Latin-1). */
  readonly request: () => string;
  /** Any other status is a failure. */
  readonly status: number;
}

export interface Load {
  /** Answers that came whole, with the expected status. */
  readonly answered: number;
  /** The first request on every connection. */
  start(): void;
  /** Resolves when every request that was sent has its answer. Rejects with the first failure. */
  stop(): Promise<void>;
}

interface Pending {
  rest: Buffer | undefined;
}

const HEAD_END = "\r\n\r\n";

/** Where the first answer in a buffer ends, or -1 while it is not whole. @throws for another status or framing */
export function endOfAnswer(buffer: Buffer, status: number): number {
  const head = buffer.indexOf(HEAD_END);
  if (head < 0) return -1;
  const text = buffer.toString("latin1", 0, head);
  if (!text.startsWith(`HTTP/1.1 ${status} `)) {
    throw new Error(`${text.split("\r\n", 1)[0]} instead of ${status}: ${buffer.toString("latin1", head, head + 300)}`);
  }
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
  if (length === undefined) throw new Error(`an answer without Content-Length: ${text}`);
  const end = head + HEAD_END.length + Number(length);
  return end <= buffer.length ? end : -1;
}

/** Opens the connections; nothing is sent before `start`. */
export async function openLoad({ port, connections, request, status }: LoadOptions): Promise<Load> {
  let answered = 0;
  let running = false;
  let waiting = 0;
  const done = Promise.withResolvers<void>();
  // It is for whoever stops the load to hear of a failure.
  done.promise.catch(() => undefined);

  const send = (socket: Bun.Socket<Pending>): void => {
    const bytes = request();
    if (socket.write(bytes) !== bytes.length) done.reject(new Error("a request did not fit the socket's buffer"));
  };
  const sockets = await Promise.all(
    Array.from({ length: connections }, () =>
      Bun.connect<Pending>({
        hostname: HOST,
        port,
        data: { rest: undefined },
        socket: {
          data(socket, chunk) {
            try {
              const { rest } = socket.data;
              const buffer = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
              const end = endOfAnswer(buffer, status);
              if (end < 0) {
                // The chunk's memory is used again after this call.
                socket.data.rest = Buffer.from(buffer);
                return;
              }
              if (end < buffer.length) throw new Error("more than one answer to one request");
              socket.data.rest = undefined;
              answered++;
              if (running) send(socket);
              else if (--waiting === 0) done.resolve();
            } catch (thrown) {
              done.reject(thrown);
            }
          },
          close: () => done.reject(new Error("the server closed a connection")),
          error: (_, error) => done.reject(error),
        },
      }),
    ),
  );
  return {
    get answered() {
      return answered;
    },
    start() {
      running = true;
      waiting = connections;
      for (const socket of sockets) send(socket);
    },
    async stop() {
      running = false;
      try {
        await done.promise;
      } finally {
        for (const socket of sockets) socket.end();
      }
    },
  };
}
