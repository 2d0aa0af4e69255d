/** What a browser says of the page that asks, and no page can say otherwise: taken for sessions, signed by nobody. */

import { MAX_HEADER_BYTES, MAX_SESSION_CHARS } from "../core/limits.ts";
import { sessionCookie } from "../protocol/page-session.ts";

export interface Page {
  /** The origin of this authority, as the request reached it. */
  readonly own: string;
  /** `Origin` (RFC 6454 section 7). */
  readonly origin: string | null;
  /** `Sec-Fetch-Site` (Fetch Metadata). */
  readonly site: string | null;
  /** The value of this registry's cookie; empty for one that cannot be a session. */
  readonly cookie: string | null;
}

/**
 * @param own scheme, host and port of this authority
 * @returns undefined where a browser would have said something: most requests are none of a page
 */
export function pageOf(request: Request, own: string, registry: string, authority: string): Page | undefined {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site");
  const cookie = cookieIn(request.headers.get("cookie"), sessionCookie(registry, authority));
  if (origin === null && site === null && cookie === null) return undefined;
  return { own, origin: clip(origin), site: clip(site), cookie };
}

const clip = (text: string | null): string | null => (text === null ? null : text.slice(0, MAX_HEADER_BYTES));

/** RFC 6265 section 4.2.1: pairs, apart by semicolons. */
function cookieIn(header: string | null, name: string): string | null {
  if (header === null || !header.includes(name)) return null;
  const values: string[] = [];
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
  }
  if (values.length === 0) return null;
  // Two of one name: one was planted, and nothing says which.
  return values.length === 1 && values[0]!.length <= MAX_SESSION_CHARS ? values[0]! : "";
}
