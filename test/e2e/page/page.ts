/** In the dashboard's place: what a page of the authority can do, for tests to call. */

import { createClient, type SessionAnswer } from "../../../src/client/index.ts";

/** Where every page keeps its half of a session: its own origin reads it, and no other. */
const KEPT = "tes-csrf";

const url = location.origin;
const trustFirst = true;

const page = {
  createClient,
  /** Exchanges a token, keeps one half, and forgets the token. */
  async signIn(token: string, registry = "default"): Promise<SessionAnswer> {
    const answer = await createClient({ url, registry, token, trustFirst }).openSession();
    localStorage.setItem(KEPT, answer.csrf);
    return answer;
  },
  /** A client that is signed in, as long as its half is kept. */
  client: (registry = "default") =>
    createClient({ url, registry, trustFirst, session: { csrf: () => localStorage.getItem(KEPT) ?? undefined } }),
  /** What came of it: its result, or the code it was refused with. */
  async outcome(work: () => Promise<unknown>): Promise<unknown> {
    try {
      return await work();
    } catch (thrown) {
      return (thrown as { readonly code?: string }).code ?? String(thrown);
    }
  },
};

export type TestPage = typeof page;
Object.assign(globalThis, { page });
