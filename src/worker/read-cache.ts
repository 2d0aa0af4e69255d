/**
 * Whole signed answers of public reads, kept in the Worker's memory for at most one second. An answer is kept with its
 * signatures and sent byte for byte: the Worker still signs nothing.
 */

import type { Answer } from "./ask.ts";

/** How long an answer may be served from memory. Its signature is good for much longer; its news is not. */
export const CACHE_LIFETIME_MS = 1_000;
/** From this age on one request goes to the object and brings a fresh answer, while the others still get this one. */
export const CACHE_REFRESH_MS = 500;
/** Bounds on memory: an isolate has 128 MiB for everything. */
export const MAX_CACHED_ANSWERS = 512;
export const MAX_CACHED_BYTES = 8 * 1_048_576;

interface Entry {
  readonly answer: Answer;
  readonly size: number;
  readonly headers: Headers;
  readonly at: number;
  refreshing: boolean;
}

export interface ReadCache {
  /**
   * A Response for this very URL, or undefined when the object has to be asked.
   *
   * @param minSize the log size below which the caller takes no answer
   */
  find(method: string, url: string, minSize: number, now: number): Response | undefined;
  keep(method: string, url: string, answer: Answer, now: number): void;
  readonly bytes: number;
  readonly count: number;
}

export function createReadCache(): ReadCache {
  const entries = new Map<string, Entry>();
  let bytes = 0;

  const drop = (key: string, entry: Entry) => {
    entries.delete(key);
    bytes -= entry.answer.body.length;
  };

  return {
    find(method, url, minSize, now) {
      const key = `${method} ${url}`;
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const age = now - entry.at;
      // A clock that went back makes no answer younger.
      if (age >= CACHE_LIFETIME_MS || age < 0) {
        drop(key, entry);
        return undefined;
      }
      if (entry.size < minSize) return undefined;
      if (age >= CACHE_REFRESH_MS && !entry.refreshing) {
        entry.refreshing = true;
        return undefined;
      }
      // A cached Response cannot be cloned across requests (workerd answers 500); bytes and shared Headers can.
      return new Response(method === "HEAD" ? null : entry.answer.body, {
        status: entry.answer.status,
        headers: entry.headers,
      });
    },
    keep(method, url, answer, now) {
      if (answer.shared === undefined || answer.body.length > MAX_CACHED_BYTES / 8) return;
      const key = `${method} ${url}`;
      const old = entries.get(key);
      if (old !== undefined) drop(key, old);
      const { size } = answer.shared;
      entries.set(key, { answer, size, headers: new Headers(answer.headers), at: now, refreshing: false });
      bytes += answer.body.length;
      for (const [oldest, entry] of entries) {
        if (entries.size <= MAX_CACHED_ANSWERS && bytes <= MAX_CACHED_BYTES) break;
        drop(oldest, entry);
      }
    },
    get bytes() {
      return bytes;
    },
    get count() {
      return entries.size;
    },
  };
}
