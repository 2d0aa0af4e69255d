import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/core/bytes.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import {
  MAX_ARTIFACT_BYTES,
  MAX_ATTESTATION_BYTES,
  MAX_ATTESTATION_DEPTH,
  MAX_RELEASE_FILES,
} from "../../../src/core/limits.ts";
import {
  checkNewFiles,
  contentOf,
  missingBeside,
  parseAttestation,
  parseBeside,
  parseRelease,
  SBOM_TYPES,
} from "../../../src/protocol/intoto.ts";
import { refusalOf } from "../core/refusal.ts";

type Loose = ReturnType<typeof JSON.parse>;
const SCOPE = { registry: "default", genesis: "0".repeat(64), entity: "global:main", version: "1.0.0" };
const subjectOf = (name: string, size = 8) => ({
  name,
  digest: { sha256: "1".repeat(64), sha512: "2".repeat(128) },
  downloadLocation: `https://files.test/${encodeURIComponent(name)}`,
  annotations: { "tes.size": size },
});
const STATEMENT = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [subjectOf("tool.tgz")],
  predicateType: "https://slsa.dev/provenance/v1",
  predicate: {
    buildDefinition: { buildType: "urn:tes:release:v1", externalParameters: SCOPE },
    runDetails: { builder: { id: "urn:tes:test" } },
  },
};
const bytesOf = (json: unknown) => utf8(typeof json === "string" ? json : JSON.stringify(json));
const codeOf = (json: unknown) => refusalOf(() => parseRelease(bytesOf(json)));

/** The statement with what stands at a path of members changed; undefined takes it away. */
function bent(path: string, change: (value: Loose) => unknown): Loose {
  const copy = structuredClone(STATEMENT) as Loose;
  const members = path.split(".");
  const last = members.pop()!;
  const owner = members.reduce((value, member) => value[member], copy);
  const changed = change(owner[last]);
  if (changed === undefined) delete owner[last];
  else owner[last] = changed;
  return copy;
}

test("a release says which files, of which version of what, in which registry", () => {
  expect(parseRelease(bytesOf(STATEMENT))).toEqual({
    scope: SCOPE,
    predicateType: STATEMENT.predicateType,
    predicate: STATEMENT.predicate,
    named: null,
    subjects: [
      {
        name: "tool.tgz",
        size: 8,
        sha256: "1".repeat(64),
        sha512: "2".repeat(128),
        downloadLocation: "https://files.test/tool.tgz",
      },
    ],
  });
});

describe("is refused with", () => {
  const INVALID = "envelope_invalid";
  test.each<[string, unknown, string]>([
    ["nothing", "", INVALID],
    ["bytes after its end", `${JSON.stringify(STATEMENT)}{}`, INVALID],
    ["a member twice", JSON.stringify(STATEMENT).replace('"_type"', '"_type":"x","_type"'), INVALID],
    ["a byte order mark", `\ufeff${JSON.stringify(STATEMENT)}`, INVALID],
    ["nesting without end", "[".repeat(100_000), INVALID],
    ["a predicate one level too deep", bent("predicate.more", () => nest(MAX_ATTESTATION_DEPTH - 1)), INVALID],
    ["another type of statement", bent("_type", () => "https://in-toto.io/Statement/v0.1"), INVALID],
    ["an unknown member", bent("more", () => 1), INVALID],
    ["no files", bent("subject", () => []), INVALID],
    ["an unknown member of a file", bent("subject.0.uri", () => "x"), INVALID],
    ["another digest beside", bent("subject.0.digest.md5", () => "x"), INVALID],
    ["a digest in upper case", bent("subject.0.digest.sha256", () => "A".repeat(64)), INVALID],
    ["a short digest", bent("subject.0.digest.sha512", () => "2".repeat(64)), INVALID],
    ["no size", bent("subject.0.annotations", () => ({})), INVALID],
    ["a size below nothing", bent("subject.0.annotations", () => ({ "tes.size": -1 })), INVALID],
    ["half a byte", bent("subject.0.annotations", () => ({ "tes.size": 0.5 })), INVALID],
    ["an address without TLS", bent("subject.0.downloadLocation", () => "http://files.test/x"), INVALID],
    ["a script as an address", bent("subject.0.downloadLocation", () => "javascript:alert(1)"), INVALID],
    ["another predicate", bent("predicateType", () => "https://cyclonedx.org/bom"), INVALID],
    ["another build type", bent("predicate.buildDefinition.buildType", () => "urn:other"), INVALID],
    ["no version", bent("predicate.buildDefinition.externalParameters.version", () => undefined), INVALID],
    ["a version that is none", bent("predicate.buildDefinition.externalParameters.version", () => "1"), INVALID],
    ["no builder", bent("predicate.runDetails.builder", () => undefined), INVALID],
    ["a path as a name", bent("subject.0.name", () => "../tool"), "artifact_name"],
    ["an absolute path as a name", bent("subject.0.name", () => "/etc/passwd"), "artifact_name"],
    ["NUL in a name", bent("subject.0.name", () => "a\0b"), "artifact_name"],
    ["a name of 4,096 characters", bent("subject.0.name", () => "n".repeat(4_096)), "artifact_name"],
    ["a name that turns text around", bent("subject.0.name", () => "a\u202egpj.exe"), "artifact_name"],
    [
      "names that differ by case",
      bent("subject", () => [subjectOf("Tool"), subjectOf("tool")]),
      "artifact_name_collision",
    ],
    [
      "names that differ by width",
      bent("subject", () => [subjectOf("ｔool"), subjectOf("tool")]),
      "artifact_name_collision",
    ],
    ["one name twice", bent("subject", ([one]) => [one, one]), "artifact_name_collision"],
  ])("%s", (_, json, code) => {
    expect(codeOf(json)).toBe(code);
  });
});

describe("files of a new release", () => {
  const code = (change: object) =>
    refusalOf(() => checkNewFiles(parseRelease(bytesOf(bent("subject", ([one]) => [{ ...one, ...change }]))).subjects));

  test.each([
    ["https://files.test/a%20b.tgz?x=1#y", "accepted"],
    ["https://name:password@files.test/a", "envelope_invalid"],
    ["https://name@files.test/a", "envelope_invalid"],
    ["https://files.test/a\u202eb", "envelope_invalid"],
    ["https://files.test/a b", "envelope_invalid"],
    ["https://files.test/\u00e9", "envelope_invalid"],
  ])("the address %s: %s", (downloadLocation, expected) => {
    expect(code({ downloadLocation })).toBe(expected);
  });

  test("a name that a command would take for an option", () => {
    expect([code({ name: "-rf" }), code({ name: "--help" }), code({ name: "a-rf" })]).toEqual([
      "artifact_name",
      "artifact_name",
      "accepted",
    ]);
  });
});

describe("attestations that a provenance names", () => {
  const sbomOf = (serial: number) =>
    bytesOf({ ...STATEMENT, predicateType: SBOM_TYPES.CycloneDX, predicate: { bomFormat: "CycloneDX", serial } });
  const named = (payloads: readonly Uint8Array[], more: readonly object[] = []) =>
    bent("predicate.runDetails.byproducts", () => [
      ...payloads.map((payload) => ({
        name: SBOM_TYPES.CycloneDX,
        mediaType: "application/vnd.in-toto+json",
        digest: { sha256: sha256Hex(payload) },
      })),
      ...more,
    ]);
  const beside = (json: unknown, payload: Uint8Array) =>
    refusalOf(() => parseBeside(payload, parseRelease(bytesOf(json))));

  test("are those and no others; where none are named, any may be there", () => {
    const [one, other] = [sbomOf(1), sbomOf(2)];
    expect(beside(named([one]), one)).toBe("accepted");
    expect(beside(named([one]), other)).toBe("invalid_field");
    expect(beside(named([]), one)).toBe("invalid_field");
    expect(beside(STATEMENT, one)).toBe("accepted");
    const release = parseRelease(bytesOf(named([one, other])));
    expect(missingBeside(release, [other, one])).toEqual([]);
    expect(missingBeside(release, [other])).toEqual([{ name: SBOM_TYPES.CycloneDX, sha256: sha256Hex(one) }]);
    expect(missingBeside(parseRelease(bytesOf(STATEMENT)), [])).toEqual([]);
  });

  test("are told from what else a build leaves behind", () => {
    const log = { name: "build.log", digest: { sha256: "3".repeat(64) }, mediaType: "text/plain" };
    expect(parseRelease(bytesOf(named([], [log, {}, { mediaType: "application/vnd.in-toto+json" }]))).named).toEqual(
      [],
    );
    expect(codeOf(bent("predicate.runDetails.byproducts", () => ["x"]))).toBe("envelope_invalid");
    expect(codeOf(bent("predicate.runDetails.byproducts", () => ({})))).toBe("envelope_invalid");
  });

  test("are never a provenance, nor about other files", () => {
    const rider = bytesOf(bent("predicate.buildDefinition.externalParameters.version", () => "2.0.0"));
    expect(beside(named([rider]), rider)).toBe("envelope_invalid");
    const other = bytesOf({ ...STATEMENT, predicateType: SBOM_TYPES.SPDX, subject: [subjectOf("other.tgz")] });
    expect(beside(named([other]), other)).toBe("invalid_field");
  });
});

const nest = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);

describe("limits", () => {
  const files = (count: number) =>
    bent("subject", () => Array.from({ length: count }, (_, i) => subjectOf(`file-${i}`)));

  test("MAX_RELEASE_FILES files with names of ordinary length fit a payload; one more, and 10,000, are too many", () => {
    expect(codeOf(files(MAX_RELEASE_FILES))).toBe("accepted");
    expect(bytesOf(files(MAX_RELEASE_FILES)).length).toBeLessThan(MAX_ATTESTATION_BYTES);
    expect([codeOf(files(MAX_RELEASE_FILES + 1)), codeOf(files(10_000))]).toEqual(["artifact_limit", "artifact_limit"]);
  });

  test("a file has at most MAX_ARTIFACT_BYTES", () => {
    const size = (bytes: number) => bent("subject", () => [subjectOf("tool.tgz", bytes)]);
    expect(codeOf(size(MAX_ARTIFACT_BYTES))).toBe("accepted");
    expect(codeOf(size(MAX_ARTIFACT_BYTES + 1))).toBe("artifact_limit");
    expect(codeOf(size(0))).toBe("accepted");
  });
});

test("content is the same whatever the order, and another with any name, digest or size", () => {
  const subject = fc.record({
    name: fc.constantFrom("a", "b", "ü", "z"),
    sha256: fc.constantFrom("1".repeat(64), "2".repeat(64)),
    size: fc.constantFrom(0, 1),
  });
  const subjects = fc.uniqueArray(subject, { selector: ({ name }) => name, minLength: 1 });
  fc.assert(
    fc.property(subjects, subjects, (one, other) => {
      const sorted = (list: typeof one) => list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
      expect(contentOf(one) === contentOf(other)).toBe(same);
      expect(contentOf(one.toReversed())).toBe(contentOf(one));
    }),
    { numRuns: 300 },
  );
  const { subjects: read } = parseAttestation(bytesOf(STATEMENT));
  expect(contentOf(read)).toBe(contentOf([{ name: "tool.tgz", sha256: "1".repeat(64), size: 8 }]));
});
