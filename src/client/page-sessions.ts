/** A page's session, from sign-in to sign-out (docs/formats.md, Session). The cookie is the browser's business. */

import { parseAnswer, type SessionAnswer } from "../protocol/answers.ts";
import { pathOf } from "../protocol/paths.ts";
import { jsonOf } from "./response.ts";
import type { Session } from "./session.ts";

export interface PageSessions {
  /**
   * Exchanges this client's token for a session of the page that runs it. Forget the token then, keep `csrf` where only
   * this origin reads it, and make a client with `session`.
   *
   * @throws csrf_refused where this is no page of the authority's own origin
   */
  openSession(): Promise<SessionAnswer>;
  /** Who is signed in. @throws session_missing, session_expired, token_revoked */
  readSession(): Promise<SessionAnswer>;
  /** The same session with more time, never past its token. @throws session_expired */
  renewSession(): Promise<SessionAnswer>;
  /** Signs out: no copy of the session is worth anything from then on. */
  endSession(): Promise<void>;
}

export function createPageSessions(session: Session, registry: string): PageSessions {
  const post = async (path: string) => jsonOf((await session.ask(path, session.write({}))).response);
  return {
    openSession: async () => parseAnswer("session", await post(pathOf.session(registry)), "answer_malformed"),
    async readSession() {
      const { response } = await session.ask(pathOf.session(registry));
      return parseAnswer("session", jsonOf(response), "answer_malformed");
    },
    renewSession: async () => parseAnswer("session", await post(pathOf.renewSession(registry)), "answer_malformed"),
    async endSession() {
      parseAnswer("sessionEnd", await post(pathOf.endSession(registry)), "answer_malformed");
    },
  };
}
