/**
 * What stands before the objects: answers from memory, one question at a time for each of them, and a limit for each
 * address. It never signs, and what it hands out is what an object signed for this very request line.
 */

import { TesError } from "../core/errors.ts";
import { type Answer, askOf, READ_HEADERS } from "./ask.ts";
import { authorityOf } from "./authorities.ts";
import { ADDRESS_RATE, addressOf, type Buckets, createBuckets, parseRate } from "./bucket.ts";
import type { WorkerEnv } from "./env.ts";
import { createReadCache } from "./read-cache.ts";
import { minSizeOf } from "./request.ts";
import { sayProblem, unsigned } from "./sign-response.ts";

/** How long a request waits for an answer that another one asked for, before it asks by itself. */
const MAX_WAIT_MS = 1_000;

const cache = createReadCache();
/** Questions on their way to an object, by method and URL. */
const flights = new Map<string, Promise<Answer>>();
let buckets: { readonly rate: string; readonly of: Buckets } | undefined;

/** Takes one from the bucket of whoever asks. @returns seconds to wait, 0 for none */
function waitOf(request: Request, rate: string | undefined): number {
  const address = request.headers.get("cf-connecting-ip");
  // Nobody names the address on a machine of one's own, and a header that anyone may write is no address there: with no
  // rate set there is no limit, with one set there is one bucket.
  if (address === null && rate === undefined) return 0;
  if (buckets?.rate !== (rate ?? "")) {
    buckets = { rate: rate ?? "", of: createBuckets(parseRate(rate, ADDRESS_RATE)) };
  }
  return buckets.of.take(address === null ? "" : addressOf(address), Date.now());
}

/**
 * Whether anyone may be given the same answer: a GET with nothing that its signature would cover, and no more than a
 * least size that a header may ask for.
 */
function isShareable({ method, headers }: Request): boolean {
  return method === "GET" && READ_HEADERS.every((name) => name === "tes-min-size" || !headers.has(name));
}

/** Asks the object, with a body and headers as they came. What it cannot answer is an outage, and unsigned. */
async function askObject(request: Request, url: URL, env: WorkerEnv, registry: string): Promise<Answer> {
  try {
    const stub = env.VERSION_DO.get(env.VERSION_DO.idFromName(registry));
    return await stub.answer(await askOf(request, url, authorityOf(url)), registry);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : "";
    console.error(JSON.stringify({ event: "object_failed", registry, message }));
    const full = /SQLITE_FULL|SQLITE_IOERR|disk/i.test(message);
    return unsigned(sayProblem(new TesError(full ? "storage_full" : "internal")));
  }
}

const responseOf = (answer: Answer, method: string): Response =>
  new Response(method === "HEAD" ? null : answer.body, { status: answer.status, headers: answer.headers });

/**
 * Answers one request to a registry.
 *
 * @param defer keeps a promise going after the request that made it has gone
 */
export async function answerFor(
  request: Request,
  env: WorkerEnv,
  registry: string,
  defer: (promise: Promise<unknown>) => void,
): Promise<Response> {
  const url = new URL(request.url);
  const { method } = request;
  const minSize = minSizeOf(request.headers.get("tes-min-size"));
  const shareable = minSize !== undefined && env.TES_READ_CACHE !== "off" && isShareable(request);
  if (shareable) {
    const kept = cache.find(method, url.href, minSize, Date.now());
    if (kept !== undefined) return kept;
  }
  const wait = waitOf(request, env.TES_ADDRESS_RATE);
  if (wait > 0) {
    const error = new TesError("rate_limited", { facts: { retryAfter: wait } });
    return responseOf(unsigned(sayProblem(error, { "retry-after": String(wait) })), method);
  }
  if (!shareable) return responseOf(await askObject(request, url, env, registry), method);
  const answer = await joined(request, url, env, registry, minSize, defer);
  return responseOf(answer, method);
}

/** The answer that somebody is asking for already, or one of one's own. */
async function joined(
  request: Request,
  url: URL,
  env: WorkerEnv,
  registry: string,
  minSize: number,
  defer: (promise: Promise<unknown>) => void,
): Promise<Answer> {
  const key = `${request.method} ${url.href}`;
  const flight = flights.get(key);
  if (flight !== undefined) {
    // The one who asked may be gone, and its promise with it: nobody waits for ever.
    const answer = await Promise.race([flight, scheduler.wait(MAX_WAIT_MS).then(() => undefined)]);
    if (answer !== undefined && (answer.shared?.size ?? -1) >= minSize) return answer;
    return askObject(request, url, env, registry);
  }
  const asked = askObject(request, url, env, registry).then((answer) => {
    if (answer.shared !== undefined) cache.keep(request.method, url.href, answer, Date.now());
    return answer;
  });
  flights.set(key, asked);
  const landed = asked.finally(() => flights.delete(key));
  defer(landed);
  return landed;
}
