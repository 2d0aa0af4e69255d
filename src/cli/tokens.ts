/** Tokens made offline by whoever holds the master key (docs/formats.md, Token), and files that hold one. */

import { decodeJwt, SignJWT } from "jose";
import type { Bytes } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { deriveHmacKey, symmetricKid } from "../core/keys.ts";
import { MAX_TOKEN_CHARS } from "../core/limits.ts";
import { Secret } from "../core/secret.ts";
import { drawTokenId, parseTokenClaims, TOKEN_TYPE, type TokenClaims, tokenAudience } from "../protocol/tokens.ts";
import { createExclusive, readSmallFile } from "./local/data.ts";

const PURPOSE = "token-hs256";

export interface MintOptions {
  readonly registry: string;
  /** For example `bump:component:*`, `read`, `admin`. */
  readonly scope: readonly string[];
  readonly lifetimeSeconds: number;
  /** Becomes `sub`: who the token is for. */
  readonly label?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
}

export interface MintedToken {
  readonly token: Secret<string>;
  readonly claims: TokenClaims;
}

/**
 * Makes a token that the registry's object believes, without asking it: both derive the same key.
 *
 * @throws {TesError} `token_invalid` for scopes or a label that no token may carry
 * @example
 * const { token } = await mintToken(master, { registry: "default", scope: ["admin"], lifetimeSeconds: 3600, now });
 */
export async function mintToken(master: Secret<Bytes>, options: MintOptions): Promise<MintedToken> {
  const iat = Math.floor(options.now / 1_000);
  const claims = parseTokenClaims({
    aud: tokenAudience(options.registry),
    jti: drawTokenId((bytes) => crypto.getRandomValues(new Uint8Array(bytes))),
    iat,
    exp: iat + options.lifetimeSeconds,
    scope: [...options.scope],
    ...(options.label === undefined ? {} : { sub: options.label }),
  });
  const kid = await symmetricKid(master, PURPOSE, options.registry);
  const key = await deriveHmacKey(master, PURPOSE, options.registry);
  const token = await new SignJWT({ ...claims }).setProtectedHeader({ alg: "HS256", typ: TOKEN_TYPE, kid }).sign(key);
  return { token: new Secret(token), claims };
}

/**
 * Writes a token to a file that did not exist, for its owner only.
 *
 * @throws {TesError} `file_exists`, `file_unwritable`
 */
export function createTokenFile(path: string, token: Secret<string>): Promise<void> {
  return createExclusive(path, `${token.reveal()}\n`, 0o600);
}

/**
 * Reads a token file: the token on one line.
 *
 * @throws {TesError} `file_unreadable`, `token_invalid`
 */
export async function readTokenFile(path: string): Promise<Secret<string>> {
  return checkedToken(await readSmallFile(path, MAX_TOKEN_CHARS + 2), path);
}

/** A token's text without the white space around it. @throws {TesError} `token_invalid`, without any of the text */
export function checkedToken(text: string, from: string): Secret<string> {
  const token = text.trim();
  if (/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token)) return new Secret(token);
  throw new TesError("token_invalid", { detail: `${from} does not hold a token: three parts of base64url with dots.` });
}

/** Whether a token says that it is for a registry. Nothing is believed by it. */
export function isFor(token: Secret<string>, registry: string): boolean {
  try {
    return decodeJwt(token.reveal()).aud === tokenAudience(registry);
  } catch {
    return false;
  }
}
