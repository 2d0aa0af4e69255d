/**
 * The Worker: names, sizes and routing, nothing else. Whatever concerns a registry goes to its object, and only the
 * object signs.
 */

import { type Context, Hono } from "hono";
import { TesError } from "../core/errors.ts";
import { GUIDE_PATH } from "../protocol/guide.ts";
import { DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import type { Answer } from "./ask.ts";
import { parseAuthorities, readWire } from "./authorities.ts";
import { preflightHeaders } from "./cors.ts";
import { dashAnswer, isDashboard } from "./dash.ts";
import type { WorkerEnv } from "./env.ts";
import { createEvents } from "./events.ts";
import { answerFor, fromMemory } from "./front.ts";
import OPENAPI from "./generated/openapi.json";
import { guideAnswer } from "./guide.ts";
import { sayJson, sayProblem, TEXT_TYPE, unsigned } from "./sign-response.ts";

export { VersionManagementDO } from "./version-management-do.ts";

const responseOf = (answer: Answer, method: string): Response =>
  new Response(method === "HEAD" ? null : answer.body, answer);

const refuse = (error: TesError, method: string): Response => responseOf(unsigned(sayProblem(error)), method);

const app = new Hono<{ Bindings: WorkerEnv }>({ strict: true });

app.use(async (context, next) => {
  const { method, url } = context.req;
  const wire = readWire(url);
  if (wire === undefined) {
    return refuse(new TesError("bad_request", { detail: "The host or the target of the request is none." }), method);
  }
  if (!parseAuthorities(context.env.TES_AUTHORITIES).has(wire.authority)) {
    return refuse(new TesError("misdirected_request"), method);
  }
  // One thing has one path: a spelling that a URL parser would rewrite is not another name for it.
  if (wire.path !== new URL(url).pathname) {
    return refuse(new TesError("bad_request", { detail: "The path has dot segments or is not encoded." }), method);
  }
  return next();
});

/** A preflight asks for nobody's answer, so that no object is asked. */
app.options("*", (context) => {
  const headers = preflightHeaders(context.req.header("access-control-request-method") ?? null);
  return responseOf(unsigned({ status: 200, type: TEXT_TYPE, body: new Uint8Array(0), headers }), "OPTIONS");
});

app.get("/healthz", (context) => responseOf(unsigned(sayJson({ ok: true })), context.req.method));

app.get("/openapi.json", (context) =>
  responseOf(unsigned({ ...sayJson(OPENAPI), headers: { "access-control-allow-origin": "*" } }), context.req.method),
);

app.get(GUIDE_PATH, async (context) => {
  try {
    return responseOf(await guideAnswer(context.env), context.req.method);
  } catch (thrown) {
    if (thrown instanceof TesError) return refuse(thrown, context.req.method);
    throw thrown;
  }
});

const emit = createEvents((line) => console.log(line));

app.use(async (context, next) => {
  const url = new URL(context.req.url);
  if (!isDashboard(url.pathname)) return next();
  try {
    return await dashAnswer(context.req.raw, url, context.env, emit);
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const { allow } = thrown.facts ?? {};
    return responseOf(unsigned(sayProblem(thrown, typeof allow === "string" ? { allow } : {})), context.req.method);
  }
});

const ask = (context: Context<{ Bindings: WorkerEnv }>, registry: string): Promise<Response> =>
  answerFor(context.req.raw, context.env, registry, (promise) => context.executionCtx.waitUntil(promise));

app.all("/bump", (context) => {
  // The router decodes what it matches: `/%62ump` is another path, and a signature would speak of that one.
  if (new URL(context.req.url).pathname !== pathOf.bumpAlias()) return context.notFound();
  return ask(context, DEFAULT_REGISTRY);
});

app.all("/v1/:registry/*", (context) => {
  const registry = /^\/v1\/([a-z0-9][a-z0-9-]{0,62})(?:\/|$)/.exec(new URL(context.req.url).pathname)?.[1];
  if (registry === undefined) return refuse(new TesError("registry_unknown"), context.req.method);
  return ask(context, registry);
});

app.notFound((context) => refuse(new TesError("route_unknown"), context.req.method));

app.onError((thrown, context) => {
  createEvents((line) => console.error(line))("object", "worker.failed", {
    registry: "",
    meta: { cause: thrown.message },
  });
  return refuse(new TesError("internal"), context.req.method);
});

export default {
  fetch: (request: Request, env: WorkerEnv, context: ExecutionContext): Response | Promise<Response> =>
    fromMemory(request, env) ?? app.fetch(request, env, context),
};
