/** A file at an address: hashed as it comes. What is a release document is kept, everything else passes by. */

import { createHash } from "node:crypto";
import { basename } from "node:path";
import { isLoopback } from "../../client/options.ts";
import { decodeUtf8, toHex } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { MAX_ANSWER_BYTES, MAX_ARTIFACT_BYTES } from "../../core/limits.ts";
import type { CommandIo } from "../output.ts";
import { type Kind, kindOfBytes } from "./evidence.ts";
import { openProgress } from "./progress.ts";

/** Silence for so long is the end of a download. */
const IDLE_MS = 60_000;
/** And so is less than this on average, from a minute on: a body that never ends would never be given up. */
const MIN_BYTES_PER_S = 1_024;
const MAX_REDIRECTS = 5;

export interface FetchedFile {
  /** As it was asked for, before any redirect: what lies beside it is found from here. */
  readonly url: string;
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly sha512: string;
  readonly kind: Kind;
  /** Of a document; undefined for everything else. */
  readonly text?: string;
}

export function isAddress(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

/**
 * Downloads and hashes, at most `maxBytes`. Redirects are followed: nothing secret is sent, and nothing is believed for where it came from.
 *
 * @throws {TesError} `usage` for plain http to another machine; `download_failed` (facts: status), `artifact_limit`
 */
export async function fetchFile(
  io: CommandIo,
  address: string,
  maxBytes: number = MAX_ARTIFACT_BYTES,
): Promise<FetchedFile> {
  const first = parseAddress(address);
  const [sha256, sha512] = [createHash("sha256"), createHash("sha512")];
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), IDLE_MS);
  };
  try {
    alive();
    const response = await follow(first, stop.signal);
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      throw new TesError("download_failed", {
        detail: `${shown(first)} answered ${response.status}.`,
        facts: { status: response.status },
      });
    }
    const bar = openProgress(io, "fetching", Number(response.headers.get("content-length") ?? 0));
    const began = performance.now();
    let size = 0;
    let kept: Uint8Array[] | null = [];
    try {
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        alive();
        size += chunk.length;
        const seconds = (performance.now() - began) / 1_000;
        if (seconds > IDLE_MS / 1_000 && size < seconds * MIN_BYTES_PER_S) stop.abort();
        if (size > maxBytes) {
          throw new TesError("artifact_limit", { detail: `${shown(first)} is longer than ${maxBytes} bytes.` });
        }
        for (const hash of [sha256, sha512]) hash.update(chunk);
        if (size > MAX_ANSWER_BYTES) kept = null;
        kept?.push(chunk);
        bar.add(chunk.length);
      }
    } finally {
      bar.end();
    }
    const bytes = kept === null ? null : Buffer.concat(kept);
    const kind = bytes === null ? "artifact" : kindOfBytes(bytes);
    return {
      url: first.href,
      name: decodeName(first),
      size,
      sha256: toHex(sha256.digest()),
      sha512: toHex(sha512.digest()),
      kind,
      ...(kind === "document" ? { text: decodeUtf8(bytes!) } : {}),
    };
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    const why = stop.signal.aborted ? `nothing came for ${IDLE_MS / 1_000} s` : "the connection failed";
    throw new TesError("download_failed", { detail: `${shown(first)}: ${why}.`, cause });
  } finally {
    clearTimeout(timer);
  }
}

async function follow(first: URL, signal: AbortSignal): Promise<Response> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const response = await fetch(url, { redirect: "manual", signal, cache: "no-store" });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    const next = new URL(location, url);
    // What a server far away names must not make this machine ask its own services.
    if (!isTaken(next) || (isLoopback(next) && !isLoopback(url))) {
      throw new TesError("download_failed", { detail: `${shown(first)} leads to an address that is not followed.` });
    }
    url = next;
  }
  throw new TesError("download_failed", { detail: `${shown(first)} leads in circles.` });
}

const isTaken = (url: URL): boolean => url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));

/** @throws {TesError} `usage` */
function parseAddress(text: string): URL {
  if (URL.canParse(text)) {
    const url = new URL(text);
    if (isTaken(url)) return url;
  }
  throw new TesError("usage", { detail: "An address is https://, or http:// on this machine." });
}

/** The last segment of the path, as a file would be called. */
function decodeName(url: URL): string {
  try {
    return basename(decodeURIComponent(url.pathname)) || "index";
  } catch {
    return basename(url.pathname);
  }
}

/** An address without what a signed one carries in its query. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
