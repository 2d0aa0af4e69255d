import fc from "fast-check";
import { expect, test } from "vitest";
import { nameComponents, sanitizeName } from "../../../src/cli/manifests/names.ts";
import { readPnpmGlobs } from "../../../src/cli/manifests/workspaces.ts";
import { isEntityId } from "../../../src/protocol/ids.ts";

test("any names give ids that are allowed, each once, whatever the order they come in", () => {
  const name = fc.oneof(
    fc.constantFrom("@a/ui", "@b/ui", "ui", "UI", "ui-2", "@ui/x", "a-ui", "", "..", "-", "x".repeat(300)),
    fc.string({ unit: "binary" }),
  );
  const packages = fc.uniqueArray(fc.record({ name: fc.option(name, { nil: undefined }), directory: fc.string() }), {
    selector: ({ directory }) => directory,
    maxLength: 12,
  });
  fc.assert(
    fc.property(packages, (list) => {
      const ids = nameComponents(list);
      expect(ids.every(isEntityId)).toBe(true);
      expect(new Set(ids).size).toBe(list.length);
      expect(nameComponents(list.toReversed()).toReversed()).toEqual(ids);
    }),
    { numRuns: 150 },
  );
});

test.each([
  ["Dash Board", "dash-board"],
  ["@x/a", "x-a"],
  ["a..b.", "a.b"],
  ["_private", "private"],
  ["é", "e"],
  ["", "package"],
  ["a".repeat(200), "a".repeat(128)],
])("%j: %j", (text, name) => {
  expect(sanitizeName(text)).toBe(name);
});

test.each([
  ["packages:\n  - a\n  - 'b/*'\n- c\n", ["a", "b/*", "c"]],
  ["packages: [a, \"b\", 'c d']\n", ["a", "b", "c d"]],
  ["\uFEFFx: 1\r\npackages:\r\n  - a # one\r\n\r\nnext:\r\n  - z\r\n", ["a"]],
  ["catalog:\n  packages:\n    - a\n", []],
  ["packages:\n", []],
])("pnpm's list in %j", (text, globs) => {
  expect(readPnpmGlobs(text)).toEqual(globs);
});
