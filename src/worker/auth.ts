/** Bearer tokens: who asks, and what they may do. The format is in docs/formats.md, section Token. */

import { decodeJwt, errors, jwtVerify, SignJWT } from "jose";
import { fromBase64Url } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_TOKEN_CHARS } from "../core/limits.ts";
import type { TokenAnswer } from "../protocol/answers.ts";
import type { TokenRequest } from "../protocol/requests.ts";
import { drawTokenId, parseTokenClaims, TOKEN_TYPE, type TokenClaims, tokenAudience } from "../protocol/tokens.ts";
import type { SigningKeys } from "./signing-key.ts";

/** Believed tokens kept in memory, so that a busy job is not verified anew on each request. */
const MAX_CACHED_TOKENS = 256;

export interface TokenVerifier {
  /**
   * The claims of a bearer token, or undefined when the request carries none.
   *
   * @param now milliseconds
   * @throws TesError `token_invalid`, `token_expired`
   */
  verify(authorization: string | undefined, now: number): Promise<TokenClaims | undefined>;
}

export function createTokenVerifier(keys: SigningKeys, registry: string): TokenVerifier {
  const believed = new Map<string, TokenClaims>();
  return {
    async verify(authorization, now) {
      if (authorization === undefined) return undefined;
      const token = /^Bearer ([A-Za-z0-9_.-]+)$/i.exec(authorization)?.[1];
      if (token === undefined) throw new TesError("token_invalid", { detail: "Send Authorization: Bearer <token>." });
      if (token.length > MAX_TOKEN_CHARS) throw new TesError("token_invalid", { detail: "It is too long." });
      // One token has one text: the last character of a part may have bits that decoders pass over.
      if (token.split(".").some((part) => fromBase64Url(part) === null)) {
        throw new TesError("token_invalid", {
          detail: "A part of it is not base64url, or not the shortest form of it.",
        });
      }
      const known = believed.get(token);
      if (known !== undefined) {
        if (known.exp * 1000 > now) return known;
        believed.delete(token);
        throw new TesError("token_expired");
      }
      const claims = await verifyToken(token, keys, registry, now);
      if (believed.size >= MAX_CACHED_TOKENS) believed.delete(believed.keys().next().value!);
      believed.set(token, claims);
      return claims;
    },
  };
}

/** Which registry a bearer token says it is for. Says nothing about whether it is: whoever is named has to verify it. */
export function audienceOf(authorization: string): string | undefined {
  try {
    const { aud } = decodeJwt(authorization.replace(/^Bearer /i, ""));
    return typeof aud === "string" ? aud : undefined;
  } catch {
    // No token at all: the caller's own verifier says so.
    return undefined;
  }
}

async function verifyToken(token: string, keys: SigningKeys, registry: string, now: number): Promise<TokenClaims> {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys.token.key, {
      algorithms: ["HS256"],
      typ: TOKEN_TYPE,
      audience: tokenAudience(registry),
      currentDate: new Date(now),
      requiredClaims: ["jti", "iat", "exp"],
    });
    if (protectedHeader.kid !== keys.token.kid || Object.keys(protectedHeader).length !== 3) {
      throw new TesError("token_invalid", { detail: "Its header names another key." });
    }
    return parseTokenClaims(payload as JsonValue);
  } catch (thrown) {
    if (thrown instanceof errors.JWTExpired) throw new TesError("token_expired", { cause: thrown });
    if (thrown instanceof TesError && thrown.code === "token_expired") throw thrown;
    throw new TesError("token_invalid", { cause: thrown });
  }
}

/**
 * Makes a token of this registry. Nothing of it is stored: whoever loses it asks for another.
 *
 * @param now milliseconds
 * @throws TesError `invalid_field` when its scopes make it longer than a token may be
 */
export async function mintToken(
  { scope, expiresIn, label }: TokenRequest,
  keys: SigningKeys,
  registry: string,
  now: number,
): Promise<TokenAnswer> {
  const iat = Math.floor(now / 1000);
  const exp = iat + expiresIn;
  const jti = drawTokenId((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const claims: TokenClaims = {
    aud: tokenAudience(registry),
    jti,
    iat,
    exp,
    scope,
    ...(label === undefined ? {} : { sub: label }),
  };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: TOKEN_TYPE, kid: keys.token.kid })
    .sign(keys.token.key);
  if (token.length > MAX_TOKEN_CHARS) {
    throw new TesError("invalid_field", {
      field: "/scope",
      detail: `The token would pass ${MAX_TOKEN_CHARS} characters.`,
    });
  }
  return { token, jti, exp };
}
