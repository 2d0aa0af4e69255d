import fc from "fast-check";
import { expect, test } from "vitest";
import type { JsonValue } from "../../../src/core/json.ts";
import { MAX_TOKEN_LIFETIME_S, MAX_TOKEN_SCOPES } from "../../../src/core/limits.ts";
import {
  MAX_DECLARATIONS,
  parseBumpRequest,
  parseDeclareRequest,
  parseGenesisRequest,
  parseTokenRequest,
} from "../../../src/protocol/requests.ts";
import { bytes32, refusal, thrownBy } from "./samples.ts";

const ALL = [parseGenesisRequest, parseDeclareRequest, parseBumpRequest, parseTokenRequest];
const GENESIS = { visibility: "private", recovery: { x: bytes32("recovery") } };
const entities = (count: number): JsonValue => ({
  entities: Array.from({ length: count }, (_, i) => ({ entity: `a:n${i}` })),
});

test("requests are read as they are", () => {
  const bump = { entity: "global:main", scope: "prerelease", preid: "rc", expected: "1.0.0", dryRun: true };
  expect(parseBumpRequest(bump)).toEqual(bump);
  const declare = {
    entities: [
      {
        entity: "global:main",
        version: "1.0.0",
        strategy: "independent",
        parent: null,
        files: [{ path: "package.json" }],
      },
      { entity: "component:a" },
    ],
  };
  expect(parseDeclareRequest(declare)).toEqual(declare);
  expect(parseGenesisRequest(GENESIS)).toEqual(GENESIS);
  const token = { scope: ["bump:*", "read"], expiresIn: 60, label: "ci" };
  expect(parseTokenRequest(token)).toEqual(token);
});

test.each<[string, JsonValue, string]>([
  ["nothing", {}, "invalid_field /entity"],
  ["null", null, "invalid_field "],
  ["a list", [], "invalid_field /entity"],
  ["a text", "global:main", "invalid_field "],
  ["no scope", { entity: "a:b" }, "invalid_field /scope"],
  ["an unknown scope", { entity: "a:b", scope: "Major" }, "invalid_field /scope"],
  ["an id that is none", { entity: "a/b", scope: "patch" }, "invalid_field /entity"],
  ["a number for an id", { entity: 7, scope: "patch" }, "invalid_field /entity"],
  ["every entity", { entity: "*", scope: "patch" }, "accepted"],
  ["a misspelt member", { entity: "a:b", scope: "patch", expceted: "1.0.0" }, "invalid_field /expceted"],
  ["expected null", { entity: "a:b", scope: "patch", expected: null }, "invalid_field /expected"],
  ["expected with every entity", { entity: "*", scope: "patch", expected: "1.0.0" }, "invalid_field /expected"],
  ["expected that is no version", { entity: "a:b", scope: "patch", expected: "v1" }, "invalid_field /expected"],
  ["a dry run in words", { entity: "a:b", scope: "patch", dryRun: "true" }, "invalid_field /dryRun"],
  ["a preid with a plain scope", { entity: "a:b", scope: "patch", preid: "rc" }, "invalid_field /preid"],
  ["a preid with release", { entity: "a:b", scope: "release", preid: "rc" }, "invalid_field /preid"],
  ["a preid of every kind of character", { entity: "a:b", scope: "prepatch", preid: "0-9aZ" }, "accepted"],
  ["a preid of 16", { entity: "a:b", scope: "prepatch", preid: "a".repeat(16) }, "accepted"],
  ["a preid of 17", { entity: "a:b", scope: "prepatch", preid: "a".repeat(17) }, "invalid_field /preid"],
  ["a preid of digits", { entity: "a:b", scope: "prepatch", preid: "12" }, "invalid_field /preid"],
  ["a preid with a dot", { entity: "a:b", scope: "prepatch", preid: "a.b" }, "invalid_field /preid"],
])("bump with %s", (_, json, expected) => {
  expect(refusal(() => parseBumpRequest(json))).toBe(expected);
});

test.each<[string, JsonValue, string]>([
  ["none", entities(0), "invalid_field /entities"],
  ["one", entities(1), "accepted"],
  ["as many as one request takes", entities(MAX_DECLARATIONS), "accepted"],
  ["one more", entities(MAX_DECLARATIONS + 1), "invalid_field /entities"],
  ["one twice", { entities: [{ entity: "a:b" }, { entity: "a:b" }] }, "invalid_field /entities/1/entity"],
  ["an unknown strategy", { entities: [{ entity: "a:b", strategy: "follow" }] }, "invalid_field /entities/0/strategy"],
  ["a parent that is no id", { entities: [{ entity: "a:b", parent: "*" }] }, "invalid_field /entities/0/parent"],
  ["a null version", { entities: [{ entity: "a:b", version: null }] }, "invalid_field /entities/0/version"],
  [
    "a bad pattern",
    { entities: [{ entity: "a:b", files: [{ path: "x", pattern: "y" }] }] },
    "invalid_field /entities/0/files/0/pattern",
  ],
  [
    "a hook of git",
    { entities: [{ entity: "a:b", files: [{ path: "x" }, { path: ".git/hooks/pre-push" }] }] },
    "invalid_field /entities/0/files/1",
  ],
  ["the whole as a list", [{ entity: "a:b" }], "invalid_field /entities"],
])("declaring %s", (_, json, expected) => {
  expect(refusal(() => parseDeclareRequest(json))).toBe(expected);
});

test.each<[string, JsonValue, string]>([
  ["an origin", { ...GENESIS, origin: "log.example.com/x" }, "accepted"],
  ["a URL for an origin", { ...GENESIS, origin: "https://log.example.com" }, "invalid_field /origin"],
  ["no recovery key", { visibility: "public" }, "invalid_field /recovery"],
  ["a short recovery key", { ...GENESIS, recovery: { x: "AAAA" } }, "invalid_field /recovery/x"],
  ["a padded recovery key", { ...GENESIS, recovery: { x: `${bytes32("recovery")}=` } }, "invalid_field /recovery/x"],
  [
    "a secret beside the recovery key",
    { ...GENESIS, recovery: { ...GENESIS.recovery, d: "x" } },
    "invalid_field /recovery/d",
  ],
  ["another visibility", { ...GENESIS, visibility: "hidden" }, "invalid_field /visibility"],
])("genesis with %s", (_, json, expected) => {
  expect(refusal(() => parseGenesisRequest(json))).toBe(expected);
});

test.each<[string, JsonValue, string]>([
  ["no scope", { scope: [], expiresIn: 1 }, "invalid_field /scope"],
  ["an unknown scope", { scope: ["write"], expiresIn: 1 }, "invalid_field /scope/0"],
  ["as many scopes as it may hold", { scope: Array(MAX_TOKEN_SCOPES).fill("read"), expiresIn: 1 }, "accepted"],
  ["one scope more", { scope: Array(MAX_TOKEN_SCOPES + 1).fill("read"), expiresIn: 1 }, "invalid_field /scope"],
  ["the longest life", { scope: ["read"], expiresIn: MAX_TOKEN_LIFETIME_S }, "accepted"],
  ["a second more", { scope: ["read"], expiresIn: MAX_TOKEN_LIFETIME_S + 1 }, "invalid_field /expiresIn"],
  ["no life", { scope: ["read"], expiresIn: 0 }, "invalid_field /expiresIn"],
  ["half a second", { scope: ["read"], expiresIn: 0.5 }, "invalid_field /expiresIn"],
  ["a label with a line end", { scope: ["read"], expiresIn: 1, label: "a\nb" }, "invalid_field /label"],
])("a token with %s", (_, json, expected) => {
  expect(refusal(() => parseTokenRequest(json))).toBe(expected);
});

test("an error shows at most 64 characters of what was sent, in visible ASCII", () => {
  // A mark at the end of foreign text: it must not come through.
  const long = `${"q".repeat(64)}ZZZ`;
  for (const json of [
    { entity: long, scope: "patch" },
    { entity: "a:b", scope: long },
    { entity: "a:b", scope: "patch", [long]: 1 },
    { entity: "a:b", scope: "patch", expected: `\u202e\0${long}` },
  ]) {
    const error = thrownBy(() => parseBumpRequest(json))!;
    for (const text of [error.message, error.detail!, error.field!]) {
      expect(text).not.toContain("ZZ");
      expect(text).not.toMatch(/[\u202e\0]/);
      expect(text.length).toBeLessThan(250);
    }
  }
});

test.each<[string, JsonValue, string]>([
  ["a member too few", { entity: "a:b" }, "this member is required"],
  ["a member too many", { entity: "a:b", scope: "patch", expceted: 1 }, 'unknown member "expceted"'],
  ["a wrong type", { entity: "a:b", scope: "patch", dryRun: "yes" }, 'expected boolean, not "yes"'],
  ["a rule that is broken", { entity: "a/b", scope: "patch" }, "an entity id, type:name, or * for every entity"],
])("the detail says what is wrong: %s", (_, json, detail) => {
  expect(thrownBy(() => parseBumpRequest(json))?.detail).toBe(detail);
});

test("any JSON at all is taken or refused as an invalid field", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...ALL), (json, parse) => {
      expect(refusal(() => parse(json as JsonValue))).toMatch(/^(accepted$|invalid_field (\/|$))/);
    }),
  );
});
