import fc from "fast-check";
import { expect, test } from "vitest";
import { type Provenance, parseProvenance, renderProvenance } from "../../../src/protocol/provenance.ts";
import { refusal } from "./samples.ts";

const TEXT = 'source=env, slot="VERSION_SIGNING_KEY", registry="default", size=12';

test("renders the field of docs/formats.md and reads it back", () => {
  const provenance: Provenance = { source: "env", slot: "VERSION_SIGNING_KEY", registry: "default", size: 12 };
  expect(renderProvenance(provenance)).toBe(TEXT);
  expect(parseProvenance(TEXT)).toEqual(provenance);
});

test("every provenance survives the way there and back", () => {
  fc.assert(
    fc.property(
      fc.record({
        source: fc.constantFrom("env" as const, "storage" as const, "generated" as const),
        slot: fc.constantFrom("VERSION_SIGNING_KEY" as const, "VERSION_SIGNING_KEY_V2" as const),
        registry: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/),
        size: fc.integer({ min: 0, max: 999_999_999_999_999 }),
      }),
      (provenance) => {
        expect(parseProvenance(renderProvenance(provenance))).toEqual(provenance);
      },
    ),
  );
});

test("members of later releases are passed over, in any order", () => {
  expect(parseProvenance(`epoch=2, size=12, ${TEXT.replace(", size=12", "")}`).size).toBe(12);
});

test.each([
  ["nothing", ""],
  ["no dictionary", "((("],
  ["a missing size", TEXT.replace(", size=12", "")],
  ["a negative size", TEXT.replace("12", "-1")],
  ["a fraction", TEXT.replace("12", "1.5")],
  ["a size in quotes", TEXT.replace("12", '"12"')],
  ["a source in quotes", TEXT.replace("env", '"env"')],
  ["an unknown source", TEXT.replace("env", "kv")],
  ["a source that is a name of every object", TEXT.replace("env", "toString")],
  ["a slot as a token", TEXT.replace('"VERSION_SIGNING_KEY"', "VERSION_SIGNING_KEY")],
  ["an unknown slot", TEXT.replace("KEY", "KEY_V3")],
  ["a registry that is no name", TEXT.replace('"default"', '"Default"')],
  ["a list for a registry", TEXT.replace('"default"', '("default")')],
  ["a parameter", TEXT.replace("12", "12;a")],
  ["a member twice", `${TEXT}, size=13`],
])("refuses %s", (_, text) => {
  expect(refusal(() => parseProvenance(text))).toMatch(/^provenance_invalid/);
});
