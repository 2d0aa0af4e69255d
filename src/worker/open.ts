/** A registry that is open: its genesis is in the log and its key is in place. */

import { TesError } from "../core/errors.ts";
import type { PageSession } from "../protocol/page-session.ts";
import type { Statement } from "../protocol/statements.ts";
import type { TokenClaims } from "../protocol/tokens.ts";
import { announcementsOf } from "./announcements.ts";
import type { Ask } from "./ask.ts";
import { createTokenVerifier, type TokenVerifier } from "./auth.ts";
import { registryObject } from "./deployment.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Emit } from "./events.ts";
import type { Ledger } from "./ledger.ts";
import type { Metrics } from "./metrics.ts";
import type { Host } from "./route.ts";
import { createSessions, type Ended, type Sessions } from "./sessions.ts";
import { type Saying, sayJson } from "./sign-response.ts";
import type { SigningKeys } from "./signing-key.ts";
import type { Store } from "./store.ts";
import type { Tickets } from "./tickets.ts";
import { createWriter, type Writer } from "./writer.ts";

export interface Open {
  readonly keys: SigningKeys;
  readonly ledger: Ledger;
  readonly writer: Writer;
  readonly tokens: TokenVerifier;
  readonly sessions: Sessions;
  readonly host: Host;
}

export interface OpenParts {
  readonly env: VersionDOEnv;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly tickets: Tickets;
  readonly ended: Ended;
  readonly emit: Emit;
  readonly keyCache: Host["keyCache"];
  readonly subscribers: Host["subscribers"];
  /** Resolves when what was written is durable. */
  readonly sync: () => Promise<void>;
  readonly isDelisted: () => boolean;
  /** Ends the sockets that a token, or a page's session, opened. */
  readonly closeSocketsOf: (id: string, error: TesError) => void;
  readonly shelf: Host["shelf"];
  /** Told in the same turn what was written, and how many milliseconds after the write came in. */
  readonly written: (statements: readonly Statement[], duration: number) => void;
}

/** Takes a log that has its genesis, and the keys that sign for it, into service. */
export function serveRegistry(parts: OpenParts, ledger: Ledger, keys: SigningKeys): Open {
  const { env, store, metrics, tickets, ended, emit, keyCache, subscribers, sync, isDelisted, written } = parts;
  const { registry } = ledger;
  const host: Host = {
    metrics,
    tickets,
    keyCache,
    shelf: parts.shelf,
    subscribers,
    announcements: () => announcementsOf(ledger, store, keys),
    delisted: (name) => registryObject(env, name).delisted(name),
    signedOut: (sid) => {
      tickets.forget(sid);
      parts.closeSocketsOf(sid, new TesError("session_expired"));
    },
    pause: () => scheduler.wait(0),
  };
  const writer = createWriter(ledger, keys, sync, metrics, isDelisted, written);
  const meta = { slot: keys.slot, size: ledger.size };
  emit("registry", "registry.opened", { registry, ref: keys.source, meta });
  const sessions = createSessions(keys, ended);
  return { keys, ledger, writer, tokens: createTokenVerifier(keys, registry), sessions, host };
}

/** Who asks, if a token came. @throws TesError `token_revoked`, and what makes a token worthless */
export async function claimsOf(
  { tokens, ledger }: Pick<Open, "tokens" | "ledger">,
  authorization: string | undefined,
  now: number,
): Promise<TokenClaims | undefined> {
  const claims = await tokens.verify(authorization, now);
  if (claims !== undefined && ledger.rows.revoked(claims.jti) !== undefined) throw new TesError("token_revoked");
  return claims;
}

/** Who asks, and by which page's session if by one. A token that came goes before a session. */
export interface Asker {
  readonly claims: TokenClaims | undefined;
  readonly session: PageSession | undefined;
}

/** @throws TesError what makes the token or the session worthless, `csrf_refused` */
export async function askerOf(
  open: Pick<Open, "tokens" | "ledger" | "sessions">,
  ask: Ask,
  now: number,
): Promise<Asker> {
  const { authorization } = ask.headers;
  if (authorization !== undefined) return { claims: await claimsOf(open, authorization, now), session: undefined };
  const session = await open.sessions.verify(ask, now);
  if (session !== undefined && open.ledger.rows.revoked(session.token.jti) !== undefined) {
    throw new TesError("token_revoked");
  }
  return { claims: session?.token, session };
}

/** The answer to whoever made this registry. */
export async function sayGenesis({ ledger, writer }: Pick<Open, "ledger" | "writer">): Promise<Saying> {
  const receipt = await writer.receipt(0);
  return sayJson({ genesis: ledger.rows.registry()!.genesis, receipt }, 201);
}
