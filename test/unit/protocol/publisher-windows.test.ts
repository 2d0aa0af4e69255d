import fc from "fast-check";
import { expect, test } from "vitest";
import { publisherWindows } from "../../../src/protocol/publisher-windows.ts";

const set = (at: number, ...kids: string[]) => ({ at, keys: kids.map((kid) => ({ kid, x: `x of ${kid}` })) });

test("a key that stays has one window, one that leaves has its end, one that comes back has two", () => {
  const sets = [set(1, "ada", "bob"), set(2, "ada", "bob"), set(3, "ada"), set(4, "ada", "bob", "eve")];
  expect(publisherWindows(sets)).toEqual([
    { kid: "ada", x: "x of ada", from: 1 },
    { kid: "bob", x: "x of bob", from: 1, until: 3 },
    { kid: "bob", x: "x of bob", from: 4 },
    { kid: "eve", x: "x of eve", from: 4 },
  ]);
  expect(publisherWindows([])).toEqual([]);
});

test("at every time the windows that are open are the set of that time", () => {
  const kids = fc.uniqueArray(fc.constantFrom("ada", "bob", "eve", "joe"), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(kids, { maxLength: 8 }), (revisions) => {
      const windows = publisherWindows(revisions.map((revision, i) => set(10 * i, ...revision)));
      for (const [i, revision] of revisions.entries()) {
        const at = 10 * i + 5;
        const open = windows.filter(({ from, until }) => from <= at && (until === undefined || at < until));
        expect(open.map(({ kid }) => kid).sort()).toEqual(revision.toSorted());
      }
    }),
    { numRuns: 200 },
  );
});
