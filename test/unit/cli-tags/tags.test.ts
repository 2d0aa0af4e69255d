import { describe, expect, test } from "vitest";
import { matchTag, nameTag, newestTag, parseTagForm, type TagOwner } from "../../../src/cli/tags.ts";

const root: TagOwner = { names: ["@acme/root", "root", "main"], bare: true };
const a: TagOwner = { names: ["@acme/a", "a", "packages/a"], bare: false };

describe("taking a tag apart", () => {
  test.each([
    [root, "v1.2.3", "1.2.3"],
    [root, "1.2.3", "1.2.3"],
    [root, "root-v1.2.3-rc.1+b.2", "1.2.3-rc.1+b.2"],
    [root, "@acme/root@1.2.3", "1.2.3"],
    [root, "@acme/a@1.2.3", null],
    [root, "v1.2", null],
    [root, "v01.2.3", null],
    [root, "release", null],
    [a, "@acme/a@1.2.3", "1.2.3"],
    [a, "a@v1.2.3", "1.2.3"],
    [a, "a-1.2.3", "1.2.3"],
    [a, "a-v1.2.3", "1.2.3"],
    [a, "packages/a/v1.2.3", "1.2.3"],
    [a, "v1.2.3", null],
    [a, "aa@1.2.3", null],
    [a, "b-a@1.2.3", null],
    [a, "a@", null],
    [{ ...a, form: "rel/{version}/{name}" }, "rel/1.2.3/a", "1.2.3"],
    [{ ...a, form: "rel/{version}/{name}" }, "a@1.2.3", null],
    [{ ...a, form: "x{version}x" }, "x", null],
    [{ names: ["$&"], bare: false }, "$&@1.2.3", "1.2.3"],
  ] as const)("%j %s: %s", (owner, tag, version) => {
    expect(matchTag(owner, tag)?.version ?? null).toBe(version);
  });
});

test("the newest is the highest version, not the last name", () => {
  const tags = ["v1.9.0", "v1.10.0", "v1.10.1-rc.1", "@acme/a@9.0.0", "nonsense"];
  expect(newestTag(root, tags)).toEqual({ tag: "v1.10.1-rc.1", version: "1.10.1-rc.1", form: "v{version}" });
  expect(newestTag(root, tags, { prereleases: false })?.tag).toBe("v1.10.0");
  expect(newestTag(a, ["v1.0.0"])).toBeNull();
  expect(newestTag(root, ["1.0.0", "v1.0.0"])?.tag).toBe("v1.0.0");
});

test("a new tag takes the form of the newest one", () => {
  expect(nameTag(root, "2.0.0", [])).toBe("v2.0.0");
  expect(nameTag(a, "2.0.0", [])).toBe("@acme/a@2.0.0");
  expect(nameTag(root, "2.0.0", ["1.0.0"])).toBe("2.0.0");
  expect(nameTag(a, "2.0.0", ["@acme/a@1.0.0", "a-v1.0.1"])).toBe("a-v2.0.0");
  expect(nameTag({ ...a, form: "{name}_{version}" }, "2.0.0", ["a@1.0.0"])).toBe("@acme/a_2.0.0");
});

test("what a form must hold", () => {
  for (const form of ["v{version}", "{name}@{version}"]) expect(parseTagForm(form)).toBe(form);
  for (const form of ["v", "{version}{version}", "{name}", "{name}{name}{version}", "{type}@{version}", ""]) {
    expect(() => parseTagForm(form)).toThrow(expect.objectContaining({ code: "usage" }));
  }
});
