/** A client whose network is a table of answers, by path. */

import { createHash } from "node:crypto";
import {
  type ClientOptions,
  createClient,
  type Fetch,
  memoryPins,
  type PinStore,
  type TesClient,
} from "../../../src/client/index.ts";
import { NOW_S, type TestRegistry } from "./registry.ts";

export const URL_OF_TEST = "https://tes.test";

export type Responder = (request: Request) => Promise<Response> | Response;

export interface TestClient {
  readonly client: TesClient;
  /** Everything that was sent. */
  readonly sent: Request[];
  readonly delays: number[];
  readonly store: PinStore;
  /** The network that it sees. */
  readonly fetch: Fetch;
  /** What a path answers from now on; the default answers keys, checkpoint and consistency proofs of the registry. */
  on(path: string, responder: Responder): void;
  /** What a path answers now. */
  answering(path: string): Responder;
}

export function clientOf(registry: TestRegistry, options: Partial<ClientOptions> = {}): TestClient {
  const sent: Request[] = [];
  const delays: number[] = [];
  const store = options.store ?? memoryPins();
  const routes = new Map<string, Responder>([
    ["/v1/default/keys", async (request) => registry.answer(request, { body: await registry.keys() })],
    [
      "/v1/default/log/checkpoint",
      async (request) => registry.answer(request, { type: "text/plain; charset=utf-8", body: await registry.note() }),
    ],
    [
      "/v1/default/log/consistency",
      async (request) => {
        const query = new URL(request.url).searchParams;
        const [from, size] = [Number(query.get("from")), Number(query.get("to"))];
        const body = { from, size, proof: registry.proof(from, size), checkpoint: await registry.note() };
        return registry.answer(request, { body });
      },
    ],
  ]);
  let drawn = 0;
  const fetch: Fetch = async (url, init) => {
    const request = new Request(url, init);
    sent.push(request.clone());
    const responder = routes.get(new URL(url).pathname);
    if (responder === undefined) throw new TypeError(`no answer for ${url}`);
    return responder(request);
  };
  const client = createClient({
    url: URL_OF_TEST,
    genesis: registry.genesis,
    store,
    now: () => NOW_S * 1000,
    random: (bytes) => createHash("sha256").update(`random ${drawn++}`).digest().subarray(0, bytes),
    delay: async (ms) => void delays.push(ms),
    fetch,
    ...options,
  });
  return {
    client,
    sent,
    delays,
    store,
    fetch,
    on: (path, responder) => void routes.set(path, responder),
    answering: (path) => routes.get(path)!,
  };
}

/** The answer with one thing about it changed after it was signed. */
export async function changed(
  answer: Response,
  change: { status?: number; headers?: Record<string, string | null>; body?: (text: string) => string },
): Promise<Response> {
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(change.headers ?? {})) {
    if (value === null) headers.delete(name);
    else headers.set(name, value);
  }
  const text = await answer.text();
  return new Response(change.body === undefined ? text : change.body(text), {
    status: change.status ?? answer.status,
    headers,
  });
}
