/** The page's own thinking: addresses, pins, trees, words, standings. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { showBytes } from "../../../src/cli/release/progress.ts";
import type { Statement } from "../../../src/client/index.ts";
import { type EntityView, ERRORS, type ErrorCode, TesError } from "../../../src/client/index.ts";
import { forgetPin, givenPin, pinSource, storedPins, trusting } from "../../../src/dashboard/model/pins.ts";
import { addressOf, parseAddress, TABS } from "../../../src/dashboard/model/route.ts";
import { branchesOf, cascadeOf, linesOf } from "../../../src/dashboard/model/tree.ts";
import { detailOf, explain, findingOf, tell, verdictOf } from "../../../src/dashboard/model/verdict.ts";
import { ago, bytes, say, short, versionIn, visible } from "../../../src/dashboard/model/words.ts";

const HEX = "ab".repeat(32);

function memoryStorage(): Storage {
  const held = new Map<string, string>();
  return {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
    removeItem: (key: string) => void held.delete(key),
    clear: () => held.clear(),
    key: () => null,
    get length() {
      return held.size;
    },
  };
}

const entity = (id: string, parent: string | null = null, more: Partial<EntityView> = {}): EntityView => ({
  entity: id,
  version: "1.0.0",
  strategy: "linked",
  parent,
  files: [],
  seq: 1,
  at: 0,
  ...more,
});

describe("addresses", () => {
  test("what is written is read again", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...TABS),
        fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { maxLength: 3 }),
        (tab, rest) => {
          const { route, pin } = parseAddress(addressOf("team-a", tab, ...rest));
          expect(route).toEqual({ registry: "team-a", tab, rest });
          expect(pin).toBeUndefined();
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each([
    ["", "default", "entities", undefined],
    [`#pin=${HEX}`, "default", "entities", HEX],
    [`#/team/keys?pin=${HEX}`, "team", "keys", HEX],
    [`#/../../etc/passwd`, "default", "entities", undefined],
    [`#/Team/nothing`, "default", "entities", undefined],
    [`#pin=${HEX.toUpperCase()}`, "default", "entities", undefined],
    ["#/%E0%A4%A/history", "default", "history", undefined],
  ])("%s", (hash, registry, tab, pin) => {
    expect(parseAddress(hash)).toMatchObject({ route: { registry, tab }, pin });
  });
});

describe("pins", () => {
  const key = "https://tes.test/default";
  const pin = { genesis: HEX, origin: "o", logKey: "k", size: 5, root: "r" };

  test("are remembered, and never go back", async () => {
    const storage = memoryStorage();
    await storedPins(storage).save(key, pin);
    await storedPins(storage).save(key, { ...pin, size: 4 });
    expect(await storedPins(storage).load(key)).toEqual(pin);
    storage.setItem(`tes-pin:${key}`, "{");
    expect(await storedPins(storage).load(key)).toBeUndefined();
  });

  test("a link counts before anything is known, and changes nothing afterwards", async () => {
    const storage = memoryStorage();
    expect(trusting(givenPin(storage, key))).toEqual({ trustFirst: true });
    expect(givenPin(storage, key, HEX)).toBe(HEX);
    expect(trusting(givenPin(storage, key))).toEqual({ genesis: HEX });
    expect(pinSource(storage, key)).toBe("address");
    forgetPin(storage, key);
    await storedPins(storage).save(key, pin);
    // This visit is held to the link, and refused if it does not fit; what was remembered stays.
    expect(givenPin(storage, key, "cd".repeat(32))).toBe("cd".repeat(32));
    expect(givenPin(storage, key)).toBeUndefined();
    expect(pinSource(storage, key)).toBe("first-use");
  });
});

describe("the tree", () => {
  const all = [
    entity("a:1"),
    entity("a:2", "a:1"),
    entity("a:3", "a:2"),
    entity("b:1", "gone:1"),
    entity("a:4", "a:1", { retired: true }),
  ];
  const shown = (options: Partial<Parameters<typeof linesOf>[1]> = {}) =>
    linesOf(all, { closed: new Set(), filter: "", retired: true, ...options }).map(
      ({ entity, depth }) => `${depth} ${entity.entity}`,
    );

  test("children stand below their parents; who has lost a parent stands alone", () => {
    expect(shown()).toEqual(["0 a:1", "1 a:2", "2 a:3", "1 a:4", "0 b:1"]);
    expect(shown({ retired: false })).not.toContain("1 a:4");
    expect(shown({ closed: new Set(["a:1"]) })).toEqual(["0 a:1", "0 b:1"]);
  });

  test("a match brings those above it along, also where they are closed", () => {
    expect(shown({ filter: "A:3", closed: new Set(["a:1"]) })).toEqual(["0 a:1", "1 a:2", "2 a:3"]);
    expect(shown({ filter: "nothing" })).toEqual([]);
  });

  test("branches turn at the last child, and go on past those that have more beside them", () => {
    expect(branchesOf(cascadeOf(all, "a:1")).map(({ branches }) => branches)).toEqual([
      ["last"],
      ["on", "turn"],
      ["turn"],
    ]);
  });

  test("a cascade of parents that form a ring ends", () => {
    const ring = [entity("a:1", "a:2"), entity("a:2", "a:1")];
    expect(() => linesOf(ring, { closed: new Set(), filter: "", retired: true })).not.toThrow();
  });
});

describe("standings", () => {
  test("each code is one finding, and only findings of a check are refusals", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const error = new TesError(code);
      expect(explain(error)).not.toBe("");
      expect(verdictOf(error, 0).standing).not.toBe("proven");
    }
    expect(findingOf(new TesError("proof_invalid"))).toBe("refused");
    expect(findingOf(new TesError("answer_unsigned"))).toBe("outage");
    expect(findingOf(new TesError("session_expired"))).toBe("sign-in");
    expect(findingOf(new TesError("version_conflict"))).toBe("answer");
  });
});

test("an error is told with its detail once, and with what to do", () => {
  const told = tell(new TesError("forbidden", { detail: "It lacks bump\u202e." }));
  expect(told.split("It lacks bump\\u{202e}.")).toHaveLength(2);
  expect(told).toContain(ERRORS.forbidden.remedy);
  expect(explain(new TesError("forbidden", { detail: "It lacks bump." }))).toBe(ERRORS.forbidden.title);
});

test("a detail is a sentence of its own, and names the field", () => {
  expect(tell(new TesError("version_conflict", { detail: "component:z is at 1.0.3" }))).toBe(
    `${ERRORS.version_conflict.title} component:z is at 1.0.3. ${ERRORS.version_conflict.remedy}`,
  );
  const missing = new TesError("log_altered", { detail: "this member is required", field: "/phases" });
  expect(tell(missing)).toContain(". At /phases: this member is required. Restore it");
  expect(detailOf(new TesError("invalid_field", { detail: "expected a text" }))).toBe("Expected a text.");
  expect(detailOf(new TesError("invalid_field"))).toBe("");
});

describe("words", () => {
  test("of a release with several signers each statement says whose it is", () => {
    const signed = (index: number, of: number) =>
      say(
        {
          type: "release.published",
          entity: "a:1",
          version: "2.0.3",
          signer: `${"k".repeat(42)}${index}`,
          part: { index, of },
        } as unknown as Statement,
        "release.published",
      ).more;
    expect([signed(0, 2), signed(1, 2)]).toEqual(["signed 1 of 2 by kkkkkkkk…kkk0", "signed 2 of 2 by kkkkkkkk…kkk1"]);
    expect(signed(0, 1)).toBe("signed by kkkkkkkk…kkk0");
  });

  test("what does not show in a text of others is made visible", () => {
    expect(visible("a\u202eb\u0000c\u00add\ne")).toBe("a\\u{202e}b\\u{0}c\\u{ad}d\\u{a}e");
    expect(visible("a\r\n\tb\u2066\u2028\u001b", true)).toBe("a\n\tb\\u{2066}\\u{2028}\\u{1b}");
    expect(visible("שלום 東京 é", true)).toBe("שלום 東京 é");
    expect(say(undefined, "new\u202ekind").about).toBe("new\\u{202e}kind");
  });

  test("digests are short, times and sizes plain", () => {
    expect(short(HEX)).toBe("abababab…abab");
    expect(ago(0, 400)).toBe("0.4 s ago");
    expect(ago(0, 61_000)).toBe("1 min ago");
    expect(ago(1_000, 0)).toBe("0.0 s ago");
  });

  test("sizes are in the units of the command line", () => {
    const sizes = [0, 1, 999, 1_023, 1_024, 300_000, 123_456_789, 268_435_456, 2 ** 43, 2 ** 53];
    expect(sizes.map(bytes)).toEqual(sizes.map(showBytes));
    expect(bytes(300_000)).toBe("293 KiB");
  });

  test("a bump says its own step and how many went along; which version it gives whom", () => {
    const bumped = {
      type: "version.bumped",
      entity: "a:1",
      changes: [
        { entity: "a:1", from: "1.0.0", to: "1.1.0" },
        { entity: "a:2", from: "2.0.0", to: "2.1.0" },
      ],
    } as unknown as Statement;
    expect(say(bumped, "version.bumped")).toEqual({
      about: "a:1",
      text: "",
      code: "1.0.0 → 1.1.0",
      more: "and 1 other",
    });
    expect([versionIn(bumped, "a:2"), versionIn(bumped, "a:3")]).toEqual(["2.1.0", undefined]);
    expect(say(undefined, "new.kind").about).toBe("new.kind");
    const yanked = { type: "release.yanked", entity: "a:1", version: "1.0.0" } as unknown as Statement;
    expect(say(yanked, yanked.type)).toEqual({ about: "a:1", text: "withdrawn", code: "1.0.0" });
  });
});
