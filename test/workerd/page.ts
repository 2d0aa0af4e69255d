/** A page of the authority's own origin, by what its browser sends. */

import { expect } from "vitest";
import type { SessionAnswer } from "../../src/protocol/answers.ts";
import { type Exchange, jsonOf, ORIGIN, post, textOf } from "./authority.ts";

/** What a browser says of such a page with every request. */
export const PAGE = { origin: ORIGIN, "sec-fetch-site": "same-origin" };

export interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly attributes: readonly string[];
}

export interface SignedIn extends Cookie {
  readonly answer: SessionAnswer;
  readonly exchange: Exchange;
}

/** Takes a Set-Cookie apart. */
export function cookieOf({ headers }: Exchange): Cookie {
  const [pair = "", ...attributes] = headers["set-cookie"]!.split("; ");
  const equals = pair.indexOf("=");
  return { name: pair.slice(0, equals), value: pair.slice(equals + 1), attributes };
}

/** Exchanges a token for a session. @param headers sent beside those of every page */
export async function signIn(
  token: string,
  registry = "acme",
  headers: Readonly<Record<string, string>> = {},
): Promise<SignedIn> {
  const exchange = await post(`/v1/${registry}/session`, {}, { token, key: null, headers: { ...PAGE, ...headers } });
  expect(exchange.status, textOf(exchange)).toBe(200);
  return { answer: jsonOf(exchange), exchange, ...cookieOf(exchange) };
}

/** Both halves of a session, and what a browser says of its page. */
export const halves = ({ name, value, answer }: Omit<SignedIn, "attributes" | "exchange">): Record<string, string> => ({
  ...PAGE,
  cookie: `${name}=${value}`,
  "tes-csrf": answer.csrf,
});
