/**
 * Tickets: what a page uses to open a socket, since a browser's WebSocket can carry no header and a page should hold no
 * token. Random, good for 30 seconds, once, for one origin. Kept by hash in the object's key-value storage, so that they
 * outlive a hibernation.
 */

import { fromBase64Url, toBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { MAX_TICKETS, TICKET_LIFETIME_MS } from "../core/limits.ts";
import type { TokenClaims } from "../protocol/tokens.ts";

/** Who a ticket stands for. */
export interface Holder {
  readonly claims: TokenClaims;
  /** Id of the page's session that asked for it. */
  readonly page?: string | undefined;
}

interface Kept extends Holder {
  readonly origin: string;
  /** Milliseconds. */
  readonly exp: number;
}

export interface Tickets {
  /** @throws TesError `rate_limited` when too many wait to be used */
  issue(holder: Holder, origin: string, now: number): { readonly ticket: string; readonly exp: number };
  /** Spends a ticket. @throws TesError `ticket_invalid` */
  redeem(ticket: string, origin: string | null, now: number): Holder;
  /** Makes those of a page's session worthless. */
  forget(page: string): void;
}

const PREFIX = "ticket/";
const TICKET_BYTES = 32;

export function openTickets({ kv }: Pick<DurableObjectStorage, "kv">): Tickets {
  const keyOf = (ticket: string) => `${PREFIX}${sha256Hex(utf8(ticket))}`;

  return {
    issue({ claims, page }, origin, now) {
      let waiting = 0;
      for (const [key, kept] of kv.list<Kept>({ prefix: PREFIX })) {
        if (kept.exp <= now) kv.delete(key);
        else waiting++;
      }
      if (waiting >= MAX_TICKETS) throw new TesError("rate_limited", { detail: "Too many tickets wait to be used." });
      const ticket = toBase64Url(crypto.getRandomValues(new Uint8Array(TICKET_BYTES)));
      const exp = now + TICKET_LIFETIME_MS;
      kv.put<Kept>(keyOf(ticket), { claims, page, origin, exp });
      return { ticket, exp };
    },
    redeem(ticket, origin, now) {
      if (fromBase64Url(ticket)?.length !== TICKET_BYTES) throw new TesError("ticket_invalid");
      const key = keyOf(ticket);
      const kept = kv.get<Kept>(key);
      // Spent by being shown, whether it is good or not.
      if (kept !== undefined) kv.delete(key);
      if (kept === undefined || kept.exp <= now || kept.origin !== origin) throw new TesError("ticket_invalid");
      return { claims: kept.claims, page: kept.page };
    },
    forget(page) {
      for (const [key, kept] of kv.list<Kept>({ prefix: PREFIX })) if (kept.page === page) kv.delete(key);
    },
  };
}
