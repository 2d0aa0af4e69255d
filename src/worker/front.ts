/**
 * What stands before the objects: answers from memory, one question at a time for each of them, and a limit for each
 * address. It never signs, and what it hands out is what an object signed for this very request line.
 */

import { TesError } from "../core/errors.ts";
import { DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import { answerArtifact, artifactObject, isArtifactPath } from "./artifacts/front.ts";
import { type Answer, askOf, isUpgrade, READ_HEADERS } from "./ask.ts";
import { authorityOf } from "./authorities.ts";
import { ADDRESS_RATE, addressOf, type Buckets, createBuckets, parseRate } from "./bucket.ts";
import { defaultObject, type Told } from "./deployment.ts";
import type { WorkerEnv } from "./env.ts";
import { createEvents } from "./events.ts";
import { createReadCache } from "./read-cache.ts";
import { minSizeOf } from "./request.ts";
import { sayProblem, unsigned } from "./sign-response.ts";

const reportFailure = createEvents((line) => console.error(line));

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

/** Names that `default` was found to know, so that it is asked once for each in the life of this isolate. */
const known = new Set<string>();
/** Bounds it; a deployment with more asks again now and then. */
const MAX_KNOWN_NAMES = 10_000;

/** What there is to say about a name before its object is asked; undefined: ask it. */
async function refusalOf(request: Request, url: URL, env: WorkerEnv, registry: string): Promise<Answer | undefined> {
  if (registry === DEFAULT_REGISTRY || known.has(registry)) return undefined;
  const base = pathOf.state(registry);
  const opens = (request.method === "POST" && url.pathname === base) || url.pathname === pathOf.import(registry);
  const authorization = opens ? request.headers.get("authorization") : null;
  let told: Told<boolean>;
  try {
    told = await defaultObject(env).knows(registry, authorization);
  } catch {
    // Without the list nobody can tell: the object knows whether it is one, and says what else is wrong.
    return undefined;
  }
  if ("ok" in told && told.ok) {
    if (authorization === null) {
      if (known.size >= MAX_KNOWN_NAMES) known.clear();
      known.add(registry);
    }
    return undefined;
  }
  await request.body?.cancel();
  if ("ok" in told) return unsigned(sayProblem(new TesError("registry_unknown")));
  const detail = told.detail === "" ? {} : { detail: told.detail };
  return unsigned(sayProblem(new TesError(told.code, detail)));
}

/** Asks the object, with a body and headers as they came. What it cannot answer is an outage, and unsigned. */
async function askObject(request: Request, url: URL, env: WorkerEnv, registry: string): Promise<Answer> {
  const refusal = await refusalOf(request, url, env, registry);
  if (refusal !== undefined) return refusal;
  try {
    const stub = env.VERSION_DO.get(env.VERSION_DO.idFromName(registry));
    return await stub.answer(await askOf(request, url, authorityOf(url), registry), registry);
  } catch (thrown) {
    return failed(thrown, registry);
  }
}

function failed(thrown: unknown, registry: string): Answer {
  const cause = thrown instanceof Error ? thrown.message : "";
  reportFailure("object", "object.failed", { registry, meta: { cause } });
  const full = /SQLITE_FULL|SQLITE_IOERR|disk/i.test(cause);
  return unsigned(sayProblem(new TesError(full ? "storage_full" : "internal")));
}

async function openSocket(request: Request, url: URL, env: WorkerEnv, registry: string): Promise<Response> {
  const refusal = await refusalOf(request, url, env, registry);
  if (refusal !== undefined) return responseOf(refusal, request.method);
  try {
    return await env.VERSION_DO.get(env.VERSION_DO.idFromName(registry)).fetch(request);
  } catch (thrown) {
    return responseOf(failed(thrown, registry), request.method);
  }
}

const responseOf = (answer: Answer, method: string): Response =>
  new Response(method === "HEAD" ? null : answer.body, { status: answer.status, headers: answer.headers });

/**
 * An answer from memory, ahead of all routing: routing and checks look at nothing but the URL and the environment, and
 * this very text passed them when the answer was kept. Whoever gets undefined asks with `answerFor`.
 */
export function fromMemory(request: Request, env: WorkerEnv): Response | undefined {
  if (env.TES_READ_CACHE === "off" || !isShareable(request)) return undefined;
  const minSize = minSizeOf(request.headers.get("tes-min-size"));
  return minSize === undefined ? undefined : cache.find(request.method, request.url, minSize, Date.now());
}

/**
 * Answers one request to a registry, when memory did not.
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
  const wait = waitOf(request, env.TES_ADDRESS_RATE);
  if (wait > 0) {
    const error = new TesError("rate_limited", { facts: { retryAfter: wait } });
    return responseOf(unsigned(sayProblem(error, { "retry-after": String(wait) })), method);
  }
  // A socket cannot cross a method call: the object answers this one over HTTP.
  if (url.pathname === pathOf.watch(registry) && isUpgrade(request)) return openSocket(request, url, env, registry);
  if (isArtifactPath(url.pathname)) {
    const refusal = await refusalOf(request, url, env, registry);
    if (refusal !== undefined) return responseOf(refusal, method);
    try {
      return await answerArtifact(request, url, env, registry, artifactObject(env, registry), defer);
    } catch (thrown) {
      return responseOf(failed(thrown, registry), method);
    }
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
