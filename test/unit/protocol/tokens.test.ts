import fc from "fast-check";
import { expect, test } from "vitest";
import { toBase64Url } from "../../../src/core/bytes.ts";
import { MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../../../src/core/limits.ts";
import {
  allows,
  drawTokenId,
  isScope,
  type Needed,
  parseScope,
  parseTokenClaims,
  tokenAudience,
} from "../../../src/protocol/tokens.ts";
import { refusal, TOKEN_ID } from "./samples.ts";

const CLAIMS = {
  aud: tokenAudience("default"),
  jti: TOKEN_ID,
  iat: 1_700_000_000,
  exp: 1_700_000_060,
  scope: ["read"],
};

test("claims are read as they are", () => {
  expect(CLAIMS.aud).toBe("tes:default");
  expect(parseTokenClaims(CLAIMS)).toEqual(CLAIMS);
  expect(parseTokenClaims({ ...CLAIMS, sub: "ci of main" }).sub).toBe("ci of main");
});

test.each([
  ["the longest life", { exp: CLAIMS.iat + MAX_TOKEN_LIFETIME_S }, "accepted"],
  ["a second more", { exp: CLAIMS.iat + MAX_TOKEN_LIFETIME_S + 1 }, "token_invalid /exp"],
  ["no life", { exp: CLAIMS.iat }, "token_invalid /exp"],
  ["an expiry in words", { exp: "soon" }, "token_invalid /exp"],
  ["a fraction", { iat: 1.5 }, "token_invalid /iat"],
  ["a short id", { jti: TOKEN_ID.slice(1) }, "token_invalid /jti"],
  ["the id genesis", { jti: "genesis" }, "token_invalid /jti"],
  ["several audiences", { aud: ["tes:default"] }, "token_invalid /aud"],
  ["scopes in one text", { scope: "read" }, "token_invalid /scope"],
  ["no scopes", { scope: [] }, "token_invalid /scope"],
  ["too many scopes", { scope: Array(MAX_TOKEN_SCOPES + 1).fill("read") }, "token_invalid /scope"],
  ["an unknown scope", { scope: ["root"] }, "token_invalid /scope/0"],
  ["a claim of another kind", { nbf: 1 }, "token_invalid /nbf"],
])("claims with %s", (_, change, expected) => {
  expect(refusal(() => parseTokenClaims({ ...CLAIMS, ...change }))).toBe(expected);
});

test("scopes are taken apart", () => {
  expect(parseScope("admin")).toEqual({ kind: "admin" });
  expect(parseScope("bump:component:*")).toEqual({ kind: "bump", glob: "component:*" });
  for (const text of ["", "bump", "bump:", ":*", "read:*", "bump:**", "Bump:*", "write:*", "admin ", "bump:a b"]) {
    expect(isScope(text), text).toBe(false);
    expect(refusal(() => parseScope(text))).toBe("invalid_field");
  }
});

test.each<[string[], Needed, boolean]>([
  [["read"], "read", true],
  [["read"], "watch", false],
  [["read"], "admin", false],
  [["bump:*"], "read", false],
  [["admin"], "read", true],
  [["admin"], "watch", true],
  [["admin"], { verb: "bump", entity: "a:b" }, true],
  [["admin"], { verb: "bump", entity: "*" }, true],
  [["bump:a:b"], { verb: "bump", entity: "a:b" }, true],
  [["bump:a:b"], { verb: "bump", entity: "a:bc" }, false],
  [["bump:a:b"], { verb: "release", entity: "a:b" }, false],
  [["bump:a:*"], { verb: "bump", entity: "a:anything" }, true],
  [["bump:a:*"], { verb: "bump", entity: "aa:b" }, false],
  [["bump:*:b"], { verb: "bump", entity: "a:b" }, true],
  [["bump:*:b"], { verb: "bump", entity: "a:bb" }, false],
  [["bump:a*a:b"], { verb: "bump", entity: "a:b" }, false],
  [["bump:a*a:b"], { verb: "bump", entity: "aa:b" }, true],
  [["bump:*b*b*"], { verb: "bump", entity: "a:b" }, false],
  [["bump:*b*b*"], { verb: "bump", entity: "a:bb" }, true],
  [["bump:*"], { verb: "bump", entity: "*" }, true],
  [["bump:*:*"], { verb: "bump", entity: "*" }, false],
  [["bump:a:*"], { verb: "bump", entity: "*" }, false],
  [["release:*"], { verb: "bump", entity: "*" }, false],
  [["bump:x:y", "bump:a:b"], { verb: "bump", entity: "a:b" }, true],
  [[], "read", false],
])("%j for %j: %s", (scope, needed, expected) => {
  expect(allows({ scope }, needed)).toBe(expected);
});

test("globs match as the plain definition does", () => {
  // The definition, exponential but short: a star takes nothing, or one character and stays.
  const matches = (glob: string, text: string): boolean =>
    glob === ""
      ? text === ""
      : glob[0] === "*"
        ? matches(glob.slice(1), text) || (text !== "" && matches(glob, text.slice(1)))
        : glob[0] === text[0] && matches(glob.slice(1), text.slice(1));
  const letters = fc.array(fc.constantFrom("a", "b", ":"), { maxLength: 7 });
  const globs = fc.array(fc.constantFrom("a", "b", ":", "*"), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(globs, letters, (glob, text) => {
      const scope = `bump:${glob.join("")}`;
      fc.pre(isScope(scope));
      const entity = text.join("");
      expect(allows({ scope: [scope] }, { verb: "bump", entity })).toBe(matches(glob.join(""), entity));
    }),
    { numRuns: 2_000 },
  );
});

test("an id that a command line would take for an option is drawn again", () => {
  const draws = [0xf8, 0xfb, 0xfc].map((first) => new Uint8Array(16).fill(first, 0, 1));
  expect(toBase64Url(draws[1]!)).toMatch(/^-/);
  expect(drawTokenId((bytes) => draws.shift()!.subarray(0, bytes))).toBe("_AAAAAAAAAAAAAAAAAAAAA");
  expect(draws).toEqual([]);
});
