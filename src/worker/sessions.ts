/**
 * Sessions of pages (docs/formats.md, Session). One has two halves, and neither is worth anything alone: a cookie, which
 * no script reads, but which browsers send to every port of a host; and a token that no other origin reads, but which a
 * page has to hold. Nothing of a session is stored but that it was ended.
 */

import { fromBase64Url, toBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { hmacMatches, hmacSign } from "../core/hmac.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { MAX_ENDED_SESSIONS, MAX_SESSION_CHARS, SESSION_LIFETIME_S } from "../core/limits.ts";
import { type PageSession, parseSession } from "../protocol/page-session.ts";
import type { TokenClaims } from "../protocol/tokens.ts";
import type { Ask } from "./ask.ts";
import type { Page } from "./page.ts";
import type { SigningKeys } from "./signing-key.ts";

const SID_BYTES = 16;
const LIFETIME_MS = SESSION_LIFETIME_S * 1000;

/** Sessions that were ended before their time. */
export interface Ended {
  /** @throws TesError `rate_limited` when too many are remembered */
  end(sid: string, now: number): void;
  has(sid: string): boolean;
}

const PREFIX = "ended/";

/** In the object's key-value storage: signing out holds through a hibernation. */
export function openEnded({ kv }: Pick<DurableObjectStorage, "kv">): Ended {
  return {
    end(sid, now) {
      let kept = 0;
      for (const [key, until] of kv.list<number>({ prefix: PREFIX })) {
        if (until <= now) kv.delete(key);
        else kept++;
      }
      if (kept >= MAX_ENDED_SESSIONS) throw new TesError("rate_limited", { detail: "Too many sessions were ended." });
      // No cookie of it outlives that: the last renewal was before now.
      kv.put(`${PREFIX}${sid}`, now + LIFETIME_MS);
    },
    has: (sid) => kv.get(`${PREFIX}${sid}`) !== undefined,
  };
}

/** A session as it is handed out. */
export interface Issued {
  readonly session: PageSession;
  /** Value of the cookie. */
  readonly cookie: string;
  readonly csrf: string;
}

export interface Sessions {
  /** A new one, whatever the request came with. @throws TesError `csrf_refused`, `invalid_field` */
  open(token: TokenClaims, page: Page | undefined, now: number): Promise<Issued>;
  /** The same with more time. */
  renew(session: PageSession, now: number): Promise<Issued>;
  csrfOf(session: PageSession): Promise<string>;
  end(session: PageSession, now: number): void;
  /**
   * The session of a request that carries its second half; undefined for one that carries none, which is nobody's.
   *
   * @throws TesError `csrf_refused`, `session_missing`, `session_expired`
   */
  verify(ask: Ask, now: number): Promise<PageSession | undefined>;
}

/** What the second half is a MAC of. */
const csrfContent = (sid: string) => utf8(`tes-csrf-v1\n${sid}`);

export function createSessions(keys: Pick<SigningKeys, "session" | "csrf">, ended: Ended): Sessions {
  const csrfOf: Sessions["csrfOf"] = async ({ sid }) => toBase64Url(await hmacSign(keys.csrf, csrfContent(sid)));

  const issue = async (sid: string, token: TokenClaims, now: number): Promise<Issued> => {
    const session: PageSession = { sid, exp: Math.min(now + LIFETIME_MS, token.exp * 1000), token };
    const content = toBase64Url(utf8(JSON.stringify(session)));
    const cookie = `${content}.${toBase64Url(await hmacSign(keys.session, utf8(content)))}`;
    if (cookie.length > MAX_SESSION_CHARS) {
      throw new TesError("invalid_field", {
        field: "Authorization",
        detail: "Browsers would drop its cookie: sign in with a token of fewer or shorter scopes.",
      });
    }
    return { session, cookie, csrf: await csrfOf(session) };
  };

  const unseal = async (cookie: string): Promise<PageSession> => {
    const [content = "", seal = "", ...more] = cookie.split(".");
    const mac = fromBase64Url(seal);
    const bytes = fromBase64Url(content);
    if (mac === null || bytes === null || more.length > 0) throw new TesError("session_missing");
    if (!(await hmacMatches(keys.session, mac, utf8(content)))) throw new TesError("session_missing");
    return parseSession(parseJson(bytes) as JsonValue);
  };

  return {
    csrfOf,
    async open(token, page, now) {
      requireOwnPage(page, true);
      return issue(toBase64Url(crypto.getRandomValues(new Uint8Array(SID_BYTES))), token, now);
    },
    renew: ({ sid, token }, now) => issue(sid, token, now),
    end: ({ sid }, now) => ended.end(sid, now),
    async verify({ method, headers, page }, now) {
      const csrf = headers["tes-csrf"];
      const isRead = method === "GET" || method === "HEAD";
      if (csrf === undefined) {
        // A form of another page sends the cookie too, and can send no header.
        if (!isRead && page !== undefined && page.cookie !== null) throw new TesError("csrf_refused");
        return undefined;
      }
      requireOwnPage(page, !isRead);
      if (page === undefined || page.cookie === null) throw new TesError("session_missing");
      const session = await unseal(page.cookie);
      if (session.exp <= now || ended.has(session.sid)) throw new TesError("session_expired");
      const mac = fromBase64Url(csrf);
      if (mac === null || !(await hmacMatches(keys.csrf, mac, csrfContent(session.sid)))) {
        throw new TesError("csrf_refused", { detail: "TES-CSRF is not that of this session." });
      }
      return session;
    },
  };
}

/**
 * Holds a request to the pages of this very origin. What a browser does not send is not held against it, but for the
 * origin of a write, which every browser sends.
 *
 * @throws TesError `csrf_refused`
 */
function requireOwnPage(page: Page | undefined, isWrite: boolean): void {
  const { own, origin = null, site = null } = page ?? {};
  if (origin === null ? isWrite : origin !== own) {
    throw new TesError("csrf_refused", { detail: "Origin is not this authority's own." });
  }
  if (site !== null && site !== "same-origin") {
    throw new TesError("csrf_refused", { detail: "Sec-Fetch-Site is not same-origin." });
  }
}
