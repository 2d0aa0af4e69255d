/** What became of who signed a release: as the command line judges it. */

import { describe, expect, test } from "vitest";
import { standingOf, type Watched } from "../../../src/client/index.ts";
import { goneOf, newestAbout } from "../../../src/dashboard/model/signers.ts";

const keys = (...kids: string[]) => kids.map((kid) => ({ kid, x: kid, seq: 1 }));
const released = (threshold: number, ...kids: string[]) => ({
  signers: keys(...kids),
  publishers: { revision: 1, threshold, keys: 3, recovered: false },
});

describe("signers of a release", () => {
  test.each([
    [released(2, "ada", "grace"), 2, ["ada", "grace"], null],
    [released(2, "ada", "grace"), 2, ["ada"], /revision 4: grace\. Of the signers 1 is one still, and it takes 2\./],
    [released(2, "ada", "grace"), 1, ["ada"], null],
    [released(1, "ada"), 3, ["edsger"], /revision 4: ada\. Of the signers 0 are one still, and it takes 1\./],
    [released(1, "ada", "grace"), 2, ["grace"], null],
  ])("case %#: said where too few remain", (release, threshold, kids, said) => {
    const now = standingOf(release, { revision: 4, threshold, kids });
    if (said === null) expect(goneOf("a:1", now)).toBeNull();
    else expect(goneOf("a:1", now)).toMatch(said);
  });

  test("what changes a release is found in the feed, and what does not is not", () => {
    const feed = [
      { index: 9, json: { type: "version.bumped", entity: "a:1" } },
      { index: 8, json: { type: "release.yanked", entity: "a:1", version: "2.0.0" } },
      { index: 7, json: { type: "release.yanked", entity: "b:1", version: "1.0.0" } },
      { index: 6, json: { type: "publishers.set", entity: "a:1" } },
      { index: 5, json: { type: "release.published", entity: "a:1", version: "1.0.0" } },
    ] as unknown as Watched[];
    expect(newestAbout(feed, "a:1")).toBe(8);
    expect(newestAbout(feed, "a:1", "1.0.0")).toBe(6);
    expect(newestAbout(feed, "b:1", "2.0.0")).toBe(-1);
  });
});
