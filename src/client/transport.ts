/** One HTTP exchange, unbelieved: bytes out, bytes in, within limits of size and time. */

import type { Bytes } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { type HttpRequestParts, requestParts } from "../core/http-signatures.ts";
import { CLIENT_TIMEOUT_MS, MAX_ANSWER_BYTES } from "../core/limits.ts";

/** The part of `fetch` that a client uses, so that any runtime's, and a test's, fits. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What is sent. Header names are lower case. */
export interface Sending {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Bytes | undefined;
  /** Only for pages: whether the cookies of their own origin go along. Some runtimes refuse the very word. */
  readonly credentials?: "same-origin" | "omit" | undefined;
}

/** What came back, before anything of it is believed. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name; null when it was not sent. */
  readonly header: (name: string) => string | null;
  readonly body: Bytes;
  /** What it has to be an answer to. */
  readonly request: HttpRequestParts;
}

export interface ExchangeOptions {
  readonly fetch: Fetch;
  readonly timeoutMs?: number | undefined;
  readonly maxBytes?: number | undefined;
}

/**
 * Sends one request and reads its answer whole.
 *
 * @throws authority_unreachable when no complete answer came, answer_unsigned for a redirect, answer_too_large
 */
export async function exchange(sending: Sending, options: ExchangeOptions): Promise<RawAnswer> {
  const { method, url, headers, body, credentials } = sending;
  const timeoutMs = options.timeoutMs ?? CLIENT_TIMEOUT_MS;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    // A redirect would answer for another request than the one that gets verified, and carry the token along.
    const response = await options.fetch(url.href, {
      method,
      headers: { ...headers },
      redirect: "manual",
      cache: "no-store",
      signal,
      ...(body === undefined ? {} : { body }),
      ...(credentials === undefined ? {} : { credentials }),
    });
    // As text: runtimes without opaque redirects leave that word out of the type.
    if ((response.type as string) === "opaqueredirect" || (response.status >= 300 && response.status < 400)) {
      await response.body?.cancel();
      throw new TesError("answer_unsigned", { detail: "It is a redirect, and redirects are not followed." });
    }
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      body: await readCapped(response, options.maxBytes ?? MAX_ANSWER_BYTES),
      request: requestParts(method, url, (name) => headers[name] ?? null),
    };
  } catch (thrown) {
    if (thrown instanceof TesError) throw thrown;
    const why = signal.aborted ? `Nothing came within ${timeoutMs} ms` : "The connection failed";
    throw new TesError("authority_unreachable", { detail: `${why}: ${url.origin}.`, cause: thrown });
  }
}

/** Reads a body and stops at the first byte too many, whatever Content-Length says. */
async function readCapped(response: Response, maxBytes: number): Promise<Bytes> {
  if (response.body === null) return new Uint8Array(0);
  const reader = response.body.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new TesError("answer_too_large", { detail: `More than ${maxBytes} bytes.` });
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
