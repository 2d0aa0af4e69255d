/**
 * The Worker: names, sizes and routing, nothing else. Whatever concerns a registry goes to its object, and only the
 * object signs.
 */

import { Hono } from "hono";
import { TesError } from "../core/errors.ts";
import { DEFAULT_REGISTRY, pathOf } from "../protocol/paths.ts";
import { type Answer, askOf, isUpgrade } from "./ask.ts";
import { authorityOf, parseAuthorities } from "./authorities.ts";
import type { WorkerEnv } from "./env.ts";
import { sayJson, sayProblem, unsigned } from "./sign-response.ts";

export { VersionManagementDO } from "./version-management-do.ts";

const responseOf = (answer: Answer, method: string): Response =>
  new Response(method === "HEAD" ? null : answer.body, answer);

const refuse = (error: TesError, method: string): Response => responseOf(unsigned(sayProblem(error)), method);

/** Asks the object that answers for `registry`; what it cannot answer is an outage, and unsigned. */
async function ask(request: Request, env: WorkerEnv, registry: string): Promise<Response> {
  const url = new URL(request.url);
  const stub = env.VERSION_DO.get(env.VERSION_DO.idFromName(registry));
  try {
    // A socket cannot cross a method call: the object answers this one over HTTP.
    if (url.pathname === pathOf.watch(registry) && isUpgrade(request)) return await stub.fetch(request);
    return responseOf(await stub.answer(await askOf(request, url, authorityOf(url)), registry), request.method);
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : "";
    console.error(JSON.stringify({ event: "object_failed", registry, message }));
    const full = /SQLITE_FULL|SQLITE_IOERR|disk/i.test(message);
    return refuse(new TesError(full ? "storage_full" : "internal"), request.method);
  }
}

const app = new Hono<{ Bindings: WorkerEnv }>({ strict: true });

/** The path as it stands on the wire. `new URL` resolves dot segments, encoded ones too. */
const rawPath = (url: string): string => /^[a-z]+:\/\/[^/?#]*([^?#]*)/.exec(url)?.[1] ?? "";

app.use(async (context, next) => {
  const url = new URL(context.req.url);
  // One thing has one path: a spelling that a URL parser would rewrite is not another name for it.
  if (rawPath(context.req.url) !== url.pathname) {
    return refuse(
      new TesError("bad_request", { detail: "The path has dot segments or is not encoded." }),
      context.req.method,
    );
  }
  const authority = authorityOf(url);
  if (!parseAuthorities(context.env.TES_AUTHORITIES).has(authority)) {
    return refuse(new TesError("misdirected_request"), context.req.method);
  }
  return next();
});

app.get("/healthz", (context) => responseOf(unsigned(sayJson({ ok: true })), context.req.method));

app.all("/bump", (context) => {
  // The router decodes what it matches: `/%62ump` is another path, and a signature would speak of that one.
  if (new URL(context.req.url).pathname !== pathOf.bumpAlias()) return context.notFound();
  return ask(context.req.raw, context.env, DEFAULT_REGISTRY);
});

app.all("/v1/:registry/*", (context) => {
  const registry = /^\/v1\/([a-z0-9][a-z0-9-]{0,62})(?:\/|$)/.exec(new URL(context.req.url).pathname)?.[1];
  if (registry === undefined) return refuse(new TesError("registry_unknown"), context.req.method);
  return ask(context.req.raw, context.env, registry);
});

app.notFound((context) => refuse(new TesError("route_unknown"), context.req.method));

app.onError((thrown, context) => {
  console.error(JSON.stringify({ event: "worker_failed", message: thrown.message }));
  return refuse(new TesError("internal"), context.req.method);
});

export default app;
