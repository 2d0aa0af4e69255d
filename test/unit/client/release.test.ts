/** Offline proof of releases, over the golden documents: what is changed in them is found, whatever it is. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  findSubject,
  type ProvenRelease,
  parseReleaseDocument,
  type ReleaseDocument,
  TesError,
  verifyRelease,
} from "../../../src/client/index.ts";
import type { JsonValue } from "../../../src/core/json.ts";
import type { Subject } from "../../../src/protocol/intoto.ts";

const FACTS = JSON.parse(readFileSync(join(import.meta.dirname, "../../golden/releases/facts.json"), "utf8")) as {
  state: { genesis: string };
  releases: ReleaseDocument[];
};
const PIN = { registry: "default", genesis: FACTS.state.genesis };
const [ONE, TWO, THREE] = FACTS.releases as [ReleaseDocument, ReleaseDocument, ReleaseDocument];

const outcome = async (document: JsonValue): Promise<ProvenRelease | string> => {
  try {
    return await verifyRelease(parseReleaseDocument(document), PIN);
  } catch (thrown) {
    if (thrown instanceof TesError) return thrown.code;
    throw thrown;
  }
};
/** JSON of any shape: what is changed here is what nobody may trust. */
type Loose = ReturnType<typeof JSON.parse>;
const copyOf = (document: ReleaseDocument): Loose => JSON.parse(JSON.stringify(document));

test("says who published what, when, and under which publishers", async () => {
  expect(await outcome(copyOf(ONE))).toMatchObject({
    entity: "global:main",
    version: "1.0.0",
    publishers: { revision: 1, threshold: 1, keys: 1, recovered: false },
    subjects: [{ name: "tool-1.0.0.tgz" }, { name: "Notizen für alle.txt" }],
  });
  expect(await outcome(copyOf(TWO))).toMatchObject({
    publishers: { revision: 2, threshold: 2 },
    attestations: [{ predicateType: "https://cyclonedx.org/bom" }],
  });
});

test("a file is found by its name and digests, and under a name that the release does not have by its digests", async () => {
  const { subjects, ...release } = (await outcome(copyOf(ONE))) as ProvenRelease;
  const [one, two] = subjects as [Subject, Subject];
  const find = (file: Subject, name: string) => {
    try {
      return findSubject({ ...release, subjects }, file, name).name;
    } catch (thrown) {
      return (thrown as TesError).code;
    }
  };
  expect(find(one, one.name)).toBe(one.name);
  expect(find(two, "renamed")).toBe(two.name);
  // Two files of one release that were exchanged.
  expect(find(two, one.name)).toBe("digest_mismatch");
  expect(find(one, two.name)).toBe("digest_mismatch");
  expect(find({ ...one, size: one.size + 1 }, one.name)).toBe("digest_mismatch");
  expect(find({ ...one, sha512: two.sha512 }, "renamed")).toBe("artifact_unknown");
});

describe("is refused", () => {
  test.each<[string, (document: Loose) => unknown, string]>([
    ["a payload of another release", (d) => (d.release.payload = copyOf(THREE).release.payload), "digest_mismatch"],
    ["receipts of another release", (d) => (d.release.receipts = copyOf(THREE).release.receipts), "answer_malformed"],
    ["a threshold of two with one receipt", (d) => d.release.receipts.pop(), "signatures_insufficient"],
    ["one signer twice", (d) => (d.release.receipts[1] = d.release.receipts[0]), "signatures_insufficient"],
    ["publishers without their first revision", (d) => d.release.publishers.shift(), "answer_malformed"],
    ["no publishers at all", (d) => (d.release.publishers = []), "signatures_insufficient"],
    ["another name of version", (d) => (d.release.release.version = "9.9.9"), "answer_malformed"],
    ["another entity", (d) => (d.release.release.entity = "global:other"), "answer_malformed"],
    [
      "an SBOM of another release",
      (d) => (d.release.attestations = copyOf(THREE).release.attestations),
      "answer_malformed",
    ],
    ["no text", (d) => (d.release.payload = null), "blob_erased"],
    ["a member that it does not know", (d) => (d.script = "curl"), "answer_malformed"],
    ["no keys", (d) => delete d.keys, "answer_malformed"],
    ["another media type", (d) => (d.mediaType = "application/json"), "answer_malformed"],
  ])("%s", async (_, change, code) => {
    const document = copyOf(TWO);
    change(document);
    expect(await outcome(document)).toBe(code);
  });

  test("a document under another pin", async () => {
    const other = { ...PIN, genesis: "0".repeat(64) };
    await expect(verifyRelease(ONE, other)).rejects.toMatchObject({ code: "genesis_mismatch" });
    await expect(verifyRelease(ONE, { ...PIN, registry: "other" })).rejects.toMatchObject({ code: "genesis_mismatch" });
  });
});

/** Every place of a document at which a value stands. */
function placesOf(json: JsonValue, path: (string | number)[] = []): (string | number)[][] {
  if (typeof json !== "object" || json === null) return [path];
  const entries = Array.isArray(json) ? json.map((value, i) => [i, value] as const) : Object.entries(json);
  return entries.flatMap(([key, value]) => placesOf(value, [...path, key]));
}

/** What the answer says beside what it proves: nothing of it is believed but the withdrawal, and that is told as such. */
const UNPROVED =
  /^release\.(size|registry)$|^release\.release\.(seq|at|files|signers|content|yanked)|^keys\.(keys|checkpoint|registry)/;

test("any change of any value is found, or changes nothing that is said", async () => {
  const places = placesOf(copyOf(TWO)).filter((path) => !UNPROVED.test(path.join(".")));
  const original = (await outcome(copyOf(TWO))) as ProvenRelease;
  const changed = await fc.check(
    fc.asyncProperty(fc.constantFrom(...places), fc.nat(), fc.nat({ max: 7 }), async (path, at, bit) => {
      const document = copyOf(TWO);
      const parent = path.slice(0, -1).reduce((value: Loose, key) => value[key], document);
      const key = path.at(-1)!;
      const value = parent[key];
      if (typeof value === "number") parent[key] = value + 1;
      else if (typeof value === "boolean") parent[key] = !value;
      else if (value === null) parent[key] = "x";
      else if (value === "") parent[key] = "x";
      else {
        const place = at % value.length;
        parent[key] =
          value.slice(0, place) + String.fromCharCode(value.charCodeAt(place) ^ (1 << bit)) + value.slice(place + 1);
      }
      const found = await outcome(document);
      // The tail of a base64 text has bits that mean nothing; ours are refused all the same.
      if (typeof found !== "string") expect(found).toEqual(original);
      return typeof found === "string";
    }),
    { numRuns: 400 },
  );
  expect(changed.counterexample, JSON.stringify(changed.counterexample)).toBeNull();
});
