/** What a route gets and gives, and what several of them need. */

import { concat, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { JsonValue } from "../core/json.ts";
import type { Receipt } from "../protocol/answers.ts";
import type { PageSession } from "../protocol/page-session.ts";
import { allows, type TokenClaims } from "../protocol/tokens.ts";
import type { Command } from "../registry/decide.ts";
import type { Shelf } from "./artifacts/shelf.ts";
import type { Ledger, Write } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { Page } from "./page.ts";
import type { Sessions } from "./sessions.ts";
import { type Saying, sayJson } from "./sign-response.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Store, StoredBlob } from "./store.ts";
import type { Tickets } from "./tickets.ts";
import type { Writer } from "./writer.ts";

/** What a route may ask of the object it runs in. */
export interface Host {
  readonly metrics: Metrics;
  readonly tickets: Tickets;
  readonly keyCache: { readonly hits: number; readonly misses: number };
  /** Open sockets. */
  subscribers(): number;
  /** The receipts of the statements that changed who signs, each of the tree just after it. */
  announcements(): Promise<Receipt[]>;
  /** Tells another registry's object that it is not listed any more. */
  delisted(name: string): Promise<void>;
  /** Ends what a page's session opened elsewhere: its sockets, and tickets to others. */
  signedOut(sid: string): void;
  readonly shelf: Pick<Shelf, "begin" | "standing">;
  /** Lets other requests in. */
  pause(): Promise<void>;
}

/** What a route may use. */
export interface RouteContext {
  readonly ledger: Ledger;
  readonly store: Store;
  readonly writer: Writer;
  readonly keys: SigningKeys;
  readonly sessions: Sessions;
  readonly host: Host;
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Of the token, if one came or a session stands for one. */
  readonly claims: TokenClaims | undefined;
  /** What the browser said of the page that asks. */
  readonly page: Page | undefined;
  /** That page's session, where it stands for a token. */
  readonly session: PageSession | undefined;
  /** The body of a write, parsed strictly. */
  readonly json: JsonValue;
  /** Milliseconds. */
  readonly now: number;
  /** Of a write that carries an Idempotency-Key. */
  readonly idempotency: Write["idempotency"];
}

export type Handler = (context: RouteContext) => Saying | Promise<Saying>;

/** The token's id, if it may do this. @throws TesError `token_missing`, `forbidden` */
export function authorise(claims: TokenClaims | undefined, needed: Parameters<typeof allows>[1]): string {
  if (claims === undefined) throw new TesError("token_missing");
  if (!allows(claims, needed)) {
    const scope = typeof needed === "string" ? needed : `${needed.verb}:${needed.entity}`;
    throw new TesError("forbidden", { detail: `It needs the scope ${scope}.` });
  }
  return claims.jti;
}

/** @throws TesError `idempotency_key_required` */
export function keyed(context: RouteContext): NonNullable<Write["idempotency"]> {
  if (context.idempotency === undefined) throw new TesError("idempotency_key_required");
  return context.idempotency;
}

/** Writes the statement of one command, an admin's unless said otherwise, and says its receipt; null when it already was so. */
export async function writeOne(
  context: RouteContext,
  command: Command,
  blob?: StoredBlob,
  needed: Parameters<typeof allows>[1] = "admin",
): Promise<Saying> {
  const by = authorise(context.claims, needed);
  const [receipt] = await context.writer.submit({
    commands: [command],
    by,
    now: context.now,
    idempotency: keyed(context),
    ...(blob === undefined ? {} : { blobs: [blob] }),
  });
  return sayJson({ receipt: receipt ?? null });
}

/** Salt: as long as a UUID, so that a guess at a short text cannot be tested against its digest. */
const SALT_BYTES = 16;

/** A text as it lies beside the log. */
export function blobOf(text: string): StoredBlob {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  return { digest: sha256Hex(concat(salt, utf8(text))), salt, text };
}
