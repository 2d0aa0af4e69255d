/** Plain HTTP for tests that send very many requests: node:http on connections that stay open. */

import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Sent {
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Called when the whole request has been handed to the kernel. */
  readonly onSent?: () => void;
}

export interface Wire extends Disposable {
  /** Rejects when no whole answer came, with whatever the socket says. */
  send(path: string, sent?: Sent): Promise<Reply>;
}

/** Opens a way to an authority. Each request that waits for its answer has a connection of its own. */
export function openWire(url: string): Wire {
  const { hostname, port } = new URL(url);
  const agent = new Agent({ keepAlive: true });
  return {
    send: (path, { method = "GET", headers = {}, body, onSent } = {}) =>
      new Promise((resolve, reject) => {
        const request = httpRequest({ agent, hostname, port, path, method, headers }, (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("error", reject);
          response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
        });
        request.on("error", reject);
        request.end(body, onSent);
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}
