/** What a page's session says. Sealing it and checking its seal is the rim's work (docs/formats.md, Session). */
import { fromBase64Url } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { isJsonObject } from "./parse.ts";
import { parseTokenClaims, type TokenClaims } from "./tokens.ts";

export interface PageSession {
  /** 16 random bytes as base64url: new at each sign-in, the same through every renewal. */
  readonly sid: string;
  /** Milliseconds since 1970; never after the token's. */
  readonly exp: number;
  /** Of the token that was exchanged for it. */
  readonly token: TokenClaims;
}

/**
 * The cookie of a registry's sessions. A cookie knows no ports, so that two authorities on one host would take each
 * other's: the port is in its name.
 *
 * @example
 * sessionCookie("default", "127.0.0.1:8787"); // "__Host-tes-default.8787"
 */
export function sessionCookie(registry: string, authority: string): string {
  const port = /:([0-9]+)$/.exec(authority)?.[1];
  // RFC 6265bis section 4.1.3.2: over https (or to this machine) only, for this host alone, for all its paths.
  return `__Host-tes-${registry}${port === undefined ? "" : `.${port}`}`;
}

/**
 * Reads what was sealed. Does not look at the clock or the seal.
 *
 * @throws session_missing
 */
export function parseSession(json: JsonValue): PageSession {
  if (!isJsonObject(json)) throw new TesError("session_missing");
  const { sid, exp, token, ...rest } = json;
  const isOne = typeof sid === "string" && fromBase64Url(sid)?.length === 16 && Number.isSafeInteger(exp);
  if (!isOne || Object.keys(rest).length > 0) throw new TesError("session_missing");
  return { sid, exp: exp as number, token: parseTokenClaims(token ?? null) };
}
