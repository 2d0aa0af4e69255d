/** What the routes of a page's session do. */

import type { SessionAnswer } from "../protocol/answers.ts";
import { type PageSession, sessionCookie } from "../protocol/page-session.ts";
import { parseEmptyRequest } from "../protocol/requests.ts";
import type { Handler, RouteContext } from "./route.ts";
import type { Issued } from "./sessions.ts";
import { type Saying, sayJson } from "./sign-response.ts";

const answerOf = ({ exp, token: { jti, scope, sub } }: PageSession, csrf: string): SessionAnswer => ({
  csrf,
  expires: exp,
  jti,
  scope,
  ...(sub === undefined ? {} : { sub }),
});

/** RFC 6265bis: no script reads it, no other site's request carries it, and it dies with the session. */
function setCookie({ ledger, page }: RouteContext, value: string, seconds: number): Record<string, string> {
  const name = sessionCookie(ledger.registry, new URL(page!.own).host);
  return { "set-cookie": `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; Secure; SameSite=Strict` };
}

function sayIssued(context: RouteContext, { session, cookie, csrf }: Issued): Saying {
  const seconds = Math.ceil((session.exp - context.now) / 1000);
  return { ...sayJson(answerOf(session, csrf)), headers: setCookie(context, cookie, seconds) };
}

export const open: Handler = async (context) => {
  parseEmptyRequest(context.json);
  return sayIssued(context, await context.sessions.open(context.claims!, context.page, context.now));
};

export const show: Handler = async ({ session, sessions }) =>
  sayJson(answerOf(session!, await sessions.csrfOf(session!)));

export const renew: Handler = async (context) => {
  parseEmptyRequest(context.json);
  return sayIssued(context, await context.sessions.renew(context.session!, context.now));
};

export const end: Handler = (context) => {
  parseEmptyRequest(context.json);
  context.sessions.end(context.session!, context.now);
  context.host.signedOut(context.session!.sid);
  return { ...sayJson({ ended: true }), headers: setCookie(context, "", 0) };
};
