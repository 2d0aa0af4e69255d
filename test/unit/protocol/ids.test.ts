import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_ENTITY_NAME_CHARS, MAX_ENTITY_TYPE_CHARS, MAX_REGISTRY_CHARS } from "../../../src/core/limits.ts";
import {
  defaultOrigin,
  isEntityId,
  isOrigin,
  isRegistryName,
  isScopeGlob,
  parseEntityId,
  parseOrigin,
  parseRegistryName,
} from "../../../src/protocol/ids.ts";
import { refusal, thrownBy } from "./samples.ts";

test("a registry name is one DNS label", () => {
  for (const name of ["default", "a", "0", "a-", "team-7", "a".repeat(MAX_REGISTRY_CHARS)]) {
    expect(parseRegistryName(name)).toBe(name);
  }
  for (const name of ["", "-a", "A", "a.b", "a/b", "a\n", "ａ", "a".repeat(MAX_REGISTRY_CHARS + 1)]) {
    expect(isRegistryName(name), JSON.stringify(name)).toBe(false);
    expect(refusal(() => parseRegistryName(name, "registry"))).toBe("invalid_field registry");
  }
});

test("an entity id is taken apart", () => {
  expect(parseEntityId("component:dashboard")).toEqual({
    id: "component:dashboard",
    type: "component",
    name: "dashboard",
  });
  expect(parseEntityId("api:v1.2_x-y").name).toBe("v1.2_x-y");
});

test("entity ids hold up to their limits and not beyond", () => {
  const type = "t".repeat(MAX_ENTITY_TYPE_CHARS);
  const name = "n".repeat(MAX_ENTITY_NAME_CHARS);
  expect(isEntityId(`${type}:${name}`)).toBe(true);
  expect(isEntityId(`${type}t:${name}`)).toBe(false);
  expect(isEntityId(`t:${name}n`)).toBe(false);
});

test.each([
  ["no colon", "global"],
  ["nothing", ""],
  ["no type", ":main"],
  ["no name", "global:"],
  ["two colons", "a:b:c"],
  ["upper case", "Global:main"],
  ["a digit first in the type", "1a:main"],
  ["a dot first in the name", "a:.b"],
  ["a dash first in the name", "a:-b"],
  ["a dot last", "a:b."],
  ["two dots", "a:b..c"],
  ["a slash", "a:b/c"],
  ["an escaped slash", "a:b%2fc"],
  ["a backslash", "a:b\\c"],
  ["NUL", "a:b\0"],
  ["a line end", "a:b\n"],
  ["a space", "a: b"],
  ["a Cyrillic look-alike", "globаl:main"],
  ["a full-width look-alike", "ｇlobal:main"],
  ["a zero-width joiner", "a:b\u200dc"],
  ["the every-entity sign", "*"],
  ["ten thousand characters", `a:${"b".repeat(10_000)}`],
])("refuses an entity id with %s", (_, id) => {
  expect(isEntityId(id)).toBe(false);
  const error = thrownBy(() => parseEntityId(id, "/entity"));
  expect(error?.code).toBe("invalid_field");
  expect(error?.field).toBe("/entity");
  expect(error!.detail!.length).toBeLessThan(200);
  expect(error!.detail).toMatch(/^[\x20-\x7e…]*$/);
});

test("every accepted id stands in a URL path as it is", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,5}:[a-z0-9][a-z0-9._-]{0,8}$/), (id) => {
      fc.pre(isEntityId(id));
      expect(new URL(`http://x/v1/default/entities/${id}`).pathname).toBe(`/v1/default/entities/${id}`);
    }),
  );
});

test("an origin is a host-like path", () => {
  for (const origin of [defaultOrigin("default"), "versions.example.com", "a/b_c/d.e", "a".repeat(128)]) {
    expect(parseOrigin(origin)).toBe(origin);
  }
  for (const origin of ["", "https://a", "a//b", "a/", "/a", "A", "a b", "a\nb", "a+b", "a".repeat(129)]) {
    expect(isOrigin(origin), origin).toBe(false);
    expect(refusal(() => parseOrigin(origin))).toBe("invalid_field");
  }
});

test("a scope's glob holds the characters of ids and stars", () => {
  for (const glob of ["*", "component:*", "*:main", "a:b*c*d"]) expect(isScopeGlob(glob), glob).toBe(true);
  for (const glob of ["", "**", "a:**", "A:*", "a:?", "a b", "a".repeat(162)])
    expect(isScopeGlob(glob), glob).toBe(false);
});
