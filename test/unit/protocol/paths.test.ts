import { expect, test } from "vitest";
import { canonicalPath, HEADERS, pathOf } from "../../../src/protocol/paths.ts";

test("paths are those of the design", () => {
  expect(pathOf.state("default")).toBe("/v1/default");
  expect(pathOf.bump("default")).toBe("/v1/default/bump");
  expect(pathOf.entity("team", "component:dashboard")).toBe("/v1/team/entities/component:dashboard");
  expect(pathOf.checkpoint("default")).toBe("/v1/default/log/checkpoint");
  expect(pathOf.consistency("default", 3)).toBe("/v1/default/log/consistency?from=3");
  expect(pathOf.consistency("default", 3, 9)).toBe("/v1/default/log/consistency?from=3&to=9");
});

test("the alias counts as what it stands for, and nothing else does", () => {
  expect(canonicalPath("/bump")).toBe("/v1/default/bump");
  for (const path of ["/v1/team/bump", "/bump/", "/Bump", "/"]) expect(canonicalPath(path)).toBe(path);
});

test("header names stand once each", () => {
  const names = Object.values(HEADERS).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(names.length);
});
