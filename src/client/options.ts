/** What a client is made of, checked once. */

import { TesError } from "../core/errors.ts";
import { FIRST_RETRY_DELAY_MS, MAX_CLIENT_ATTEMPTS, MAX_TOKEN_CHARS } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";
import { parseRegistryName } from "../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../protocol/paths.ts";
import { memoryPins, type PinStore } from "./pins.ts";
import type { VerifiedResponse } from "./response.ts";
import type { Fetch } from "./transport.ts";
import type { Restored } from "./trust.ts";

export interface ClientOptions {
  /** Where the authority is: scheme, host and port, nothing more. */
  readonly url: string | URL;
  /** Default `default`. */
  readonly registry?: string | undefined;
  /** The pinned genesis hash, 64 hex characters, as its operator publishes it. */
  readonly genesis?: string | undefined;
  /** Without a pin: take the genesis that comes first, and hold the authority to it from then on. Default false. */
  readonly trustFirst?: boolean | undefined;
  /** Called when a genesis was taken on first use, so that a person can compare it. */
  readonly onFirstTrust?: ((genesis: string) => void) | undefined;
  /**
   * Called when the log was set back and opened again under the recovery key's signature, and this client, which had
   * seen more, follows.
   */
  readonly onRestored?: ((restored: Restored) => void) | undefined;
  /** Called with each answer whose signature held, before it is read: which key signed it, and where that came from. */
  readonly onVerified?: ((response: VerifiedResponse) => void) | undefined;
  /**
   * Bearer token. Sent over https, and over http to this machine only; and not before the authority has proved itself
   * by its keys (docs/formats.md, The chain of keys).
   */
  readonly token?: string | Secret<string> | undefined;
  /**
   * In place of a token, for a page of the authority's own origin that is signed in: the session's second half, which
   * its cookie goes with (docs/formats.md, Session). Asked for before each request; undefined: ask as anyone.
   */
  readonly session?: PageSessionOption | undefined;
  /** Default: in memory. */
  readonly store?: PinStore | undefined;
  /** Under which name the pin is kept. Default `<url>/<registry>`. */
  readonly pinKey?: string | undefined;
  /**
   * Read without nonce and token, so that the authority may answer from memory: up to one second old, and replayable
   * while its signature lives. For public registries. Default false.
   */
  readonly hotReads?: boolean | undefined;
  readonly fetch?: Fetch | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** That many random bytes. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
  /** Waits between attempts. */
  readonly delay?: ((ms: number) => Promise<void>) | undefined;
  /** How often one request is sent at most, when the network or the authority fails. Default 4. */
  readonly attempts?: number | undefined;
  readonly timeoutMs?: number | undefined;
}

/** What a page holds of its session. */
export interface PageSessionOption {
  readonly csrf: () => string | undefined;
}

/** The options with everything in place. */
export interface Settings {
  readonly url: URL;
  readonly registry: string;
  readonly genesis: string | undefined;
  readonly trustFirst: boolean;
  readonly onFirstTrust: (genesis: string) => void;
  readonly token: Secret<string> | undefined;
  readonly session: PageSessionOption | undefined;
  readonly store: PinStore;
  readonly onRestored: (restored: Restored) => void;
  readonly onVerified: (response: VerifiedResponse) => void;
  readonly pinKey: string;
  readonly hotReads: boolean;
  readonly fetch: Fetch;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly attempts: number;
  readonly timeoutMs: number | undefined;
  /** Waits. Milliseconds. */
  readonly delay: (ms: number) => Promise<void>;
  /** Waits before attempt number `next`, counted from 1, a little longer each time and never in step with others. */
  readonly backOff: (next: number) => Promise<void>;
}

/** @throws invalid_field for a URL, pin or token that cannot be one, and for a token that would cross a network openly */
export function settle(options: ClientOptions): Settings {
  const url = parseUrl(options.url);
  const registry = parseRegistryName(options.registry ?? DEFAULT_REGISTRY, "registry");
  if (options.session !== undefined) {
    requirePrivateWay(url);
    if (options.token !== undefined) {
      throw new TesError("invalid_field", { field: "session", detail: "A client has a token or a session, not both." });
    }
  }
  const random = options.random ?? ((bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)));
  const delay = options.delay ?? ((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)));
  return {
    url,
    registry,
    genesis: options.genesis === undefined ? undefined : parsePin(options.genesis),
    trustFirst: options.trustFirst ?? false,
    onFirstTrust: options.onFirstTrust ?? (() => undefined),
    onRestored: options.onRestored ?? (() => undefined),
    onVerified: options.onVerified ?? (() => undefined),
    token: options.token === undefined ? undefined : parseToken(options.token, url),
    session: options.session,
    store: options.store ?? memoryPins(),
    pinKey: options.pinKey ?? `${url.origin}/${registry}`,
    hotReads: options.hotReads ?? false,
    // Bound: a browser's fetch refuses to be called as somebody else's method.
    fetch: options.fetch ?? ((target, init) => globalThis.fetch(target, init)),
    now: options.now ?? Date.now,
    random,
    attempts: options.attempts ?? MAX_CLIENT_ATTEMPTS,
    timeoutMs: options.timeoutMs,
    delay,
    backOff: (next) => delay(FIRST_RETRY_DELAY_MS * 2 ** (next - 2) * (0.75 + random(1)[0]! / 512)),
  };
}

/** Whether requests say who asks: by a token, or by a page's session that is open now. */
export function isHolder({ token, session }: Pick<Settings, "token" | "session">): boolean {
  return token !== undefined || session?.csrf() !== undefined;
}

/** Whether a host is this machine, so that nothing sent there crosses a network. */
export function isLoopback(url: URL): boolean {
  return url.hostname === "localhost" || url.hostname === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(url.hostname);
}

function parseUrl(given: string | URL): URL {
  const refuse = (cause?: unknown) =>
    new TesError("invalid_field", {
      field: "url",
      detail: "It is http:// or https:// with a host, and nothing behind it.",
      cause,
    });
  let url: URL;
  try {
    url = new URL(given);
  } catch (cause) {
    throw refuse(cause);
  }
  const bare =
    url.pathname === "/" && url.search === "" && url.hash === "" && url.username === "" && url.password === "";
  if (!bare || (url.protocol !== "https:" && url.protocol !== "http:")) throw refuse();
  return url;
}

function parsePin(genesis: string): string {
  if (/^[0-9a-f]{64}$/.test(genesis)) return genesis;
  throw new TesError("invalid_field", { field: "genesis", detail: "A genesis hash is 64 lower-case hex characters." });
}

function parseToken(given: string | Secret<string>, url: URL): Secret<string> {
  const token = typeof given === "string" ? new Secret(given) : given;
  const text = token.reveal();
  if (text.length > MAX_TOKEN_CHARS || !/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(text)) {
    throw new TesError("token_invalid", { detail: "It is not three parts of base64url joined by dots." });
  }
  requirePrivateWay(url);
  return token;
}

/** @throws invalid_field where what says who asks would cross a network openly */
function requirePrivateWay(url: URL): void {
  if (url.protocol !== "http:" || isLoopback(url)) return;
  throw new TesError("invalid_field", {
    field: "url",
    detail: "Neither a token nor a session is sent over plain http to another machine.",
  });
}
