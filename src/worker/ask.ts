/** What passes between the Worker and the object: plain data, checked for size by the Worker, believed by nobody. */

import type { Bytes } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import { MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_IMPORT_BODY_BYTES, MAX_RELEASE_BODY_BYTES } from "../core/limits.ts";
import { type Page, pageOf } from "./page.ts";

/** The request headers that TES reads. A header not listed here cannot influence an answer. */
export const READ_HEADERS = [
  "authorization",
  "content-digest",
  "content-encoding",
  "content-type",
  "idempotency-key",
  "tes-csrf",
  "tes-min-size",
  "tes-nonce",
] as const;

/** Headers whose value never holds a comma: one in it means that the header was sent twice. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set(
  READ_HEADERS.filter((name) => name !== "content-digest" && name !== "content-encoding"),
);

/** A request as the object sees it. */
export interface Ask {
  readonly method: string;
  /** Lower case, without the default port; from the allow-list, never from a Host header alone. */
  readonly authority: string;
  readonly path: string;
  /** Raw, with its question mark, or empty. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
  /** What a browser said of the page that asks, when it said anything. */
  readonly page?: Page | undefined;
  /** What the Worker already found wrong. The object still signs the answer that says so. */
  readonly fault: { readonly code: ErrorCode; readonly detail: string } | null;
}

/** An answer as the object makes it: everything the Worker needs to build a Response, byte for byte. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
  /** Of a public read that went well, which the Worker may send again to others: the log size it speaks of. */
  readonly shared?: { readonly size: number };
}

/** What a route takes: a release comes with the documents that it attests, and so does its line of an export. */
function maxBodyOf(path: string): number {
  if (path.endsWith("/releases")) return MAX_RELEASE_BODY_BYTES;
  return path.endsWith("/import") ? MAX_IMPORT_BODY_BYTES : MAX_BODY_BYTES;
}

/** Reads at most `limit` bytes; null when there is more. Never buffers beyond the limit. */
export async function readBody(request: Request, limit: number): Promise<Bytes | null> {
  if (request.body === null) return new Uint8Array(0);
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > limit) {
    await request.body.cancel();
    return null;
  }
  if (declared <= limit) {
    // HTTP holds the sender to that length, and one read spares the steps of a stream.
    const body = new Uint8Array(await request.arrayBuffer());
    return body.length > limit ? null : body;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = request.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  if (chunks.length === 1) return chunks[0] as Bytes;
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Whether a request asks for a WebSocket (RFC 6455 section 4.1). */
export const isUpgrade = (request: Request): boolean =>
  request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";

/**
 * Turns a Request into an Ask; `unread` leaves the body where it is. Faults are carried along, since only the object may
 * sign an answer about them.
 */
export async function askOf(
  request: Request,
  url: URL,
  authority: string,
  registry: string,
  handling?: "unread",
): Promise<Ask> {
  const headers: Record<string, string> = {};
  let fault: Ask["fault"] = null;
  for (const name of READ_HEADERS) {
    const value = request.headers.get(name);
    if (value === null) continue;
    // Kept even when it is at fault: the answer that says so is signed over what was sent.
    headers[name] = value;
    if (value.length > MAX_HEADER_BYTES) fault ??= { code: "headers_too_large", detail: `${name}.` };
    else if (SINGLE_HEADERS.has(name) && value.includes(",")) fault ??= { code: "header_repeated", detail: `${name}.` };
  }
  let body: Bytes | null = new Uint8Array(0);
  if (request.method !== "GET" && request.method !== "HEAD" && handling !== "unread") {
    // What the sender broke off, or framed wrongly, is the sender's fault: nothing of it is acted on.
    const cut = { code: "bad_request", detail: "The body did not come whole." } as const;
    const limit = maxBodyOf(url.pathname);
    body = await readBody(request, limit).catch(() => {
      fault ??= cut;
      return new Uint8Array(0);
    });
    if (body === null) fault ??= { code: "body_too_large", detail: `At most ${limit} bytes.` };
  }
  return {
    method: request.method,
    authority,
    path: url.pathname,
    query: url.search,
    headers,
    body: body ?? new Uint8Array(0),
    page: pageOf(request, `${url.protocol}//${authority}`, registry, authority),
    fault,
  };
}
