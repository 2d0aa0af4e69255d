/** The client over a real network: Node's own fetch against a server on this machine that misbehaves. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ClientOptions, createClient, type TesClient } from "../../../src/client/index.ts";
import { exchange } from "../../../src/client/transport.ts";
import { CLIENT_TIMEOUT_MS, MAX_ANSWER_BYTES } from "../../../src/core/limits.ts";
import { bumpOf, makeRegistry, NOW_S, type TestRegistry } from "./registry.ts";

const BUMP = { entity: "global:main", scope: "minor" } as const;

/** Handles a request; what it returns is sent, and undefined means that it has dealt with the socket itself. */
type Handler = (
  request: Request,
  raw: { request: IncomingMessage; response: ServerResponse },
) => Promise<Response | undefined>;

const servers: Server[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A server on a free port; `seen` are the requests that reached it. */
async function serve(handler: Handler): Promise<{ readonly url: string; readonly seen: Request[] }> {
  const seen: Request[] = [];
  const server = createServer(async (message, response) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of message) chunks.push(chunk);
    const headers = Object.entries(message.headers).map(([name, value]): [string, string] => [name, String(value)]);
    const request = new Request(`http://${message.headers.host}${message.url}`, {
      method: message.method!,
      headers,
      ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
    });
    seen.push(request.clone());
    const answer = await handler(request, { request: message, response });
    if (answer === undefined) return;
    response.writeHead(answer.status, Object.fromEntries(answer.headers));
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const pathOf = (request: Request) => new URL(request.url).pathname;
const keysOf = async (registry: TestRegistry, request: Request) =>
  registry.answer(request, { body: await registry.keys() });

function connect(registry: TestRegistry, url: string, options: Partial<ClientOptions> = {}): TesClient {
  return createClient({
    url,
    genesis: registry.genesis,
    token: "aaaa.bbbb.cccc",
    now: () => NOW_S * 1000,
    delay: async () => undefined,
    ...options,
  });
}

test("a connection cut after the write is asked again with the same key, and gives the one receipt", async () => {
  const registry = await makeRegistry("wire");
  let writes = 0;
  const { url, seen } = await serve(async (request, { request: raw }) => {
    if (pathOf(request) === "/v1/default/keys") return keysOf(registry, request);
    if (pathOf(request) === "/v1/default/log/consistency") {
      return registry.answer(request, { body: { from: 1, size: 2, proof: registry.proof(1, 2), checkpoint: "" } });
    }
    if (writes++ === 0) {
      registry.add(...bumpOf("1.0.0", "1.1.0", await request.text()));
      raw.socket.destroy();
      return undefined;
    }
    const receipt = await registry.receipt(1);
    const body = { dryRun: false, ...BUMP, changes: [{ entity: "global:main", from: "1.0.0", to: "1.1.0" }], receipt };
    return registry.answer(request, { body });
  });
  const { receipt, idempotencyKey } = await connect(registry, url).bump(BUMP);
  expect(receipt!.statement.seq).toBe(1);
  const bumps = seen.filter((request) => pathOf(request) === "/v1/default/bump");
  expect(bumps.map(({ headers }) => headers.get("idempotency-key"))).toEqual([idempotencyKey, idempotencyKey]);
  expect(registry.statements).toHaveLength(2);
});

test("an answer cut in its middle is no answer", async () => {
  const registry = await makeRegistry("wire");
  const { url, seen } = await serve(async (request, { response }) => {
    const answer = await keysOf(registry, request);
    const body = Buffer.from(await answer.arrayBuffer());
    response.writeHead(200, { ...Object.fromEntries(answer.headers), "content-length": String(body.length) });
    response.write(body.subarray(0, 100), () => response.destroy());
    return undefined;
  });
  await expect(connect(registry, url, { attempts: 2 }).trust()).rejects.toMatchObject({
    code: "authority_unreachable",
  });
  expect(seen).toHaveLength(2);
});

test.each([301, 302, 303, 307, 308])(
  "a redirect (%d) is not followed, and the token goes nowhere else",
  async (status) => {
    const registry = await makeRegistry("wire");
    const thief = await serve(async () => new Response("thanks"));
    const { url } = await serve(async (request) =>
      pathOf(request) === "/v1/default/keys"
        ? keysOf(registry, request)
        : new Response(null, { status, headers: { location: `${thief.url}/v1/default/bump` } }),
    );
    await expect(connect(registry, url).bump(BUMP)).rejects.toMatchObject({
      code: "answer_unsigned",
      detail: "It is a redirect, and redirects are not followed.",
    });
    expect(thief.seen).toEqual([]);
  },
);

test("nobody there is told as such, with the way out", async () => {
  const registry = await makeRegistry("wire");
  const { url } = await serve(async () => undefined);
  const closed = servers.pop()!;
  closed.closeAllConnections();
  await new Promise((resolve) => closed.close(resolve));
  const failed = connect(registry, url, { attempts: 1 }).trust();
  await expect(failed).rejects.toMatchObject({
    code: "authority_unreachable",
    detail: `The connection failed: ${url}.`,
  });
});

test("another server on the same port, under another key, is refused before it gets a write", async () => {
  const registry = await makeRegistry("wire");
  const stranger = await makeRegistry("stranger");
  const { url, seen } = await serve((request) => keysOf(stranger, request));
  await expect(connect(registry, url).bump(BUMP)).rejects.toMatchObject({ code: "genesis_mismatch" });
  expect(seen.map(({ method }) => method)).toEqual(["GET"]);
});

test("an answer to another host name is refused: the signature is bound to the one that was asked", async () => {
  const registry = await makeRegistry("wire");
  const { url } = await serve((request) => keysOf(registry, request));
  const other = url.replace("127.0.0.1", "localhost");
  const fetch = (asked: string, init: RequestInit) => globalThis.fetch(asked.replace("localhost", "127.0.0.1"), init);
  await expect(connect(registry, other, { fetch }).trust()).rejects.toMatchObject({ code: "signature_invalid" });
});

describe("limits", () => {
  const sending = { method: "GET", url: new URL("http://127.0.0.1/"), headers: {} } as const;
  /** Chunks of 64 KiB, and the rest. */
  const bodyOf = (bytes: number) => {
    let left = bytes;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        const size = Math.min(left, 65_536);
        left -= size;
        if (size > 0) controller.enqueue(new Uint8Array(size));
        else controller.close();
      },
    });
  };

  test("an answer as long as allowed is read, and one byte more is refused", async () => {
    const read = (bytes: number) => exchange(sending, { fetch: async () => new Response(bodyOf(bytes)) });
    expect((await read(MAX_ANSWER_BYTES)).body.length).toBe(MAX_ANSWER_BYTES);
    await expect(read(MAX_ANSWER_BYTES + 1)).rejects.toMatchObject({ code: "answer_too_large" });
  });

  test("too long an answer of a real server is not read to its end", async () => {
    const registry = await makeRegistry("wire");
    let written = 0;
    const { url } = await serve(async (_request, { response }) => {
      const more = () => {
        while (!response.destroyed && written < 20 * MAX_ANSWER_BYTES) {
          written += 1_000_000;
          if (!response.write(new Uint8Array(1_000_000))) return void response.once("drain", more);
        }
      };
      response.writeHead(200, { "content-type": "application/json" });
      more();
      return undefined;
    });
    await expect(connect(registry, url).trust()).rejects.toMatchObject({ code: "answer_too_large" });
    expect(written).toBeLessThan(4 * MAX_ANSWER_BYTES);
  });

  test("an answer that does not come is waited for as long as the limit says", async () => {
    const registry = await makeRegistry("wire");
    const clock = new AbortController();
    const timeout = vi.spyOn(AbortSignal, "timeout").mockReturnValue(clock.signal);
    const { url } = await serve(async () => {
      clock.abort(new DOMException("over", "TimeoutError"));
      return undefined;
    });
    await expect(connect(registry, url, { attempts: 1 }).trust()).rejects.toMatchObject({
      code: "authority_unreachable",
      detail: `Nothing came within ${CLIENT_TIMEOUT_MS} ms: ${url}.`,
    });
    expect(timeout).toHaveBeenCalledWith(CLIENT_TIMEOUT_MS);
  });
});
