/** What a token says and allows. Signing and checking its signature is the rim's work (docs/formats.md, Token). */
import * as v from "valibot";
import { type Bytes, fromBase64Url, toBase64Url } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../core/limits.ts";
import { EVERY_ENTITY, isScopeGlob } from "./ids.ts";
import { clip, parseWith } from "./parse.ts";

/** JWT header `typ` of a token. */
export const TOKEN_TYPE = "tes-token+jwt";

/** Bytes of a token's id. */
const ID_BYTES = 16;

const VERBS = ["bump", "release", "channel"] as const;
const PLAIN = ["read", "watch", "admin"] as const;

/** What is done to an entity. */
export type Verb = (typeof VERBS)[number];

/** One scope, taken apart. */
export type TokenScope = { readonly kind: (typeof PLAIN)[number] } | { readonly kind: Verb; readonly glob: string };

/** What a route needs. `entity` is an id, or `*` for every entity at once. */
export type Needed = { readonly verb: Verb; readonly entity: string } | (typeof PLAIN)[number];

const Seconds = v.pipe(
  v.number(),
  v.check((n) => Number.isSafeInteger(n) && n >= 0, "whole seconds since 1970"),
);

const Claims = v.strictObject({
  aud: v.string(),
  jti: v.pipe(
    v.string(),
    v.check((text) => fromBase64Url(text)?.length === ID_BYTES, "16 bytes as base64url"),
  ),
  iat: Seconds,
  exp: Seconds,
  scope: v.pipe(
    v.array(v.pipe(v.string(), v.check(isScope, "a scope"))),
    v.minLength(1, "at least one scope"),
    v.maxLength(MAX_TOKEN_SCOPES, `at most ${MAX_TOKEN_SCOPES} scopes`),
  ),
  sub: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x20-\x7e]{1,64}$/, "1 to 64 visible ASCII characters"))),
});
/** The claims of a token (RFC 7519). `iat` and `exp` are seconds since 1970. */
export type TokenClaims = v.InferOutput<typeof Claims>;

/** The audience of a registry's tokens. */
export function tokenAudience(registry: string): string {
  return `tes:${registry}`;
}

/**
 * Reads claims. Does not look at the clock, the audience or the signature.
 *
 * @throws token_invalid
 */
export function parseTokenClaims(json: JsonValue): TokenClaims {
  const claims = parseWith(Claims, json, "token_invalid");
  if (claims.exp <= claims.iat || claims.exp - claims.iat > MAX_TOKEN_LIFETIME_S) {
    throw new TesError("token_invalid", { field: "/exp", detail: "a token lives at most 366 days" });
  }
  return claims;
}

export function isScope(text: string): boolean {
  if ((PLAIN as readonly string[]).includes(text)) return true;
  const colon = text.indexOf(":");
  return (VERBS as readonly string[]).includes(text.slice(0, colon)) && isScopeGlob(text.slice(colon + 1));
}

/** @throws invalid_field */
export function parseScope(text: string): TokenScope {
  if (!isScope(text)) {
    throw new TesError("invalid_field", {
      detail: `a scope is bump:<glob>, release:<glob>, channel:<glob>, read, watch or admin, not ${clip(text)}`,
    });
  }
  const colon = text.indexOf(":");
  if (colon < 0) return { kind: text as (typeof PLAIN)[number] };
  return { kind: text.slice(0, colon) as Verb, glob: text.slice(colon + 1) };
}

/**
 * Whether claims cover what a route needs. `admin` includes all; nothing else includes another. What touches every
 * entity needs a glob of `*` alone: `bump:*`.
 *
 * @example
 * allows({ ...claims, scope: ["bump:component:*"] }, { verb: "bump", entity: "component:dashboard" }); // true
 */
export function allows(claims: Pick<TokenClaims, "scope">, needed: Needed): boolean {
  return claims.scope.map(parseScope).some((scope) => {
    if (scope.kind === "admin") return true;
    if (typeof needed === "string") return scope.kind === needed;
    return scope.kind === needed.verb && "glob" in scope && covers(scope.glob, needed.entity);
  });
}

/**
 * Whether a glob covers an id. The pieces between the stars are looked for from left to right, each once: taking the
 * leftmost place never loses a match, so nothing backtracks.
 */
function covers(glob: string, entity: string): boolean {
  if (entity === EVERY_ENTITY) return glob === EVERY_ENTITY;
  const pieces = glob.split("*");
  const first = pieces[0]!;
  if (pieces.length === 1) return glob === entity;
  const last = pieces.at(-1)!;
  if (entity.length < first.length + last.length || !entity.startsWith(first) || !entity.endsWith(last)) return false;
  const end = entity.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = entity.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

/**
 * A new token's id: 16 random bytes as base64url. None begins with a hyphen, which command lines take for an option.
 *
 * @param random gives that many fresh random bytes
 */
export function drawTokenId(random: (bytes: number) => Bytes): string {
  for (;;) {
    const id = toBase64Url(random(ID_BYTES));
    if (!id.startsWith("-")) return id;
  }
}
