/**
 * The dashboard's files: from the assets beside the Worker, under headers that let its page load nothing but them, talk
 * to nobody but this authority, and be framed by nobody.
 */

import { TesError } from "../core/errors.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { MAX_REPORT_BYTES } from "../core/limits.ts";
import { pathOf } from "../protocol/paths.ts";
import { readBody } from "./ask.ts";
import { createBuckets, type Rate } from "./bucket.ts";
import type { WorkerEnv } from "./env.ts";
import type { Emit } from "./events.ts";
import { TEXT_TYPE } from "./sign-response.ts";

/** What may be among them. A name's last part tells; what the assets say of it is not asked. */
const TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  ico: "image/x-icon",
  js: "text/javascript; charset=utf-8",
  json: "application/json",
  map: "application/json",
  png: "image/png",
  svg: "image/svg+xml",
  txt: TEXT_TYPE,
  webmanifest: "application/manifest+json",
  woff2: "font/woff2",
};

/** A file in dist/dash/assets: no directory of its own, no name that begins with a dot. */
const ASSET = /^\/dash\/assets\/([A-Za-z0-9_-][A-Za-z0-9_.-]*\.([a-z0-9]+))$/;
const SHELL = "/index.html";

/** Powers of a page that this one has no use for. */
const NO_POWERS = [
  "accelerometer",
  "autoplay",
  "browsing-topics",
  "camera",
  "display-capture",
  "encrypted-media",
  "geolocation",
  "gyroscope",
  "hid",
  "magnetometer",
  "microphone",
  "midi",
  "payment",
  "publickey-credentials-get",
  "screen-wake-lock",
  "serial",
  "usb",
  "xr-spatial-tracking",
];

/** @param url of the request: its host is one of this authority's own names by now */
function policy(url: URL): string {
  const socket = `${url.protocol === "https:" ? "wss" : "ws"}://${url.host}`;
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    // Not every browser takes 'self' for the socket too.
    `connect-src 'self' ${socket}`,
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    // The one policy there is, by which lit makes its templates.
    "trusted-types lit-html",
    `report-uri ${pathOf.dashboardReports()}`,
  ].join("; ");
}

const headersOf = (url: URL): Record<string, string> => ({
  "content-security-policy": policy(url),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": NO_POWERS.map((name) => `${name}=()`).join(", "),
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
});

/** Whether a path is the dashboard's, there or not. */
export const isDashboard = (path: string): boolean => path === pathOf.dashboard() || path.startsWith("/dash/");

/**
 * Answers what is asked below /dash. Unsigned: what the page shows is proved by the page.
 *
 * @throws TesError `route_unknown`, `method_not_allowed`, and of a report `body_too_large`
 */
export async function dashAnswer(request: Request, url: URL, env: WorkerEnv, emit: Emit): Promise<Response> {
  const { method } = request;
  const path = url.pathname;
  if (path === pathOf.dashboardReports()) return takeReport(request, url, emit);
  const isShell = path === pathOf.dashboard() || path === `${pathOf.dashboard()}/`;
  const [, name, ending = ""] = ASSET.exec(path) ?? [];
  const type = isShell ? TYPES.html : TYPES[ending];
  if (type === undefined) throw new TesError("route_unknown");
  if (method !== "GET" && method !== "HEAD")
    throw new TesError("method_not_allowed", { facts: { allow: "GET, HEAD" } });
  if (url.search !== "") throw new TesError("query_unknown", { detail: "What a page shows stands behind its #." });
  // Nothing of the request goes along: neither a range nor a condition can make of a file what it is not.
  const found = await env.ASSETS?.fetch(new Request(`https://assets${isShell ? SHELL : `/assets/${name}`}`));
  if (found?.status !== 200) {
    await found?.body?.cancel();
    throw new TesError("route_unknown", { detail: "The dashboard is not built into this deployment." });
  }
  if (method === "HEAD") await found.body?.cancel();
  return new Response(method === "HEAD" ? null : found.body, {
    headers: {
      ...headersOf(url),
      "content-type": type,
      // The name of a file holds its hash: another content has another name.
      "cache-control": isShell ? "no-store, no-transform" : "public, max-age=31536000, immutable, no-transform",
    },
  });
}

/** Anyone may send one, and a page that is not ours makes many: the log is for what happens here. */
const REPORT_RATE: Rate = { burst: 50, perSecond: 1 };
const reports = createBuckets(REPORT_RATE);

/** Members of a report (CSP3 section 5.3) that tell what was kept out. */
const REPORTED = ["effective-directive", "violated-directive", "blocked-uri", "source-file", "line-number"] as const;

/** A browser's word that the policy kept something out: one line in the log. */
async function takeReport(request: Request, url: URL, emit: Emit): Promise<Response> {
  if (request.method !== "POST") throw new TesError("method_not_allowed", { facts: { allow: "POST" } });
  const site = request.headers.get("sec-fetch-site");
  const type = request.headers.get("content-type") ?? "";
  if (site !== null && site !== "same-origin") throw new TesError("csrf_refused");
  if (!type.startsWith("application/csp-report")) throw new TesError("unsupported_media_type");
  const body = await readBody(request, MAX_REPORT_BYTES);
  if (body === null) throw new TesError("body_too_large", { detail: `At most ${MAX_REPORT_BYTES} bytes.` });
  if (reports.take("", Date.now()) === 0) emit("page", "page.blocked", { registry: "", meta: reportOf(body) });
  return new Response(null, { status: 200, headers: { ...headersOf(url), "cache-control": "no-store, no-transform" } });
}

function reportOf(body: Uint8Array): Record<string, string | number> {
  let report: JsonValue | undefined;
  try {
    const json = parseJson(body);
    report = (json as { readonly "csp-report"?: JsonValue })["csp-report"];
  } catch {
    return { unreadable: body.length };
  }
  if (typeof report !== "object" || report === null) return { unreadable: body.length };
  const members = report as Readonly<Record<string, unknown>>;
  const meta: Record<string, string | number> = {};
  for (const name of REPORTED) {
    const value = members[name];
    if (typeof value === "string" || typeof value === "number") meta[name] = value;
  }
  return meta;
}
