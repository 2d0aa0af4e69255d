/** Who signs a draft is shown all of what is signed, whatever others wrote into it. */

import { expect, test } from "vitest";
import { provenancePayload, sbomPayload } from "../../../src/cli/release/payload.ts";
import { recognizeSbom } from "../../../src/cli/release/sbom.ts";
import { describeDraft } from "../../../src/cli/release/summary.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import { sha256Hex } from "../../../src/core/hash.ts";
import type { JsonObject, JsonValue } from "../../../src/core/json.ts";
import { parseBeside, parseRelease } from "../../../src/protocol/intoto.ts";
import { DRAFT_KIND } from "../../../src/protocol/release-draft.ts";

const SCOPE = { registry: "default", genesis: sha256Hex(utf8("genesis")), entity: "component:app", version: "1.2.3" };
const SUBJECTS = [
  {
    name: "app.tgz",
    size: 7,
    sha256: sha256Hex(utf8("the app")),
    sha512: "0".repeat(128),
    mediaType: "application/gzip",
  },
];
const COMMIT = "c0ffee".padEnd(40, "0");
const SOURCE = {
  command: ["tes", "release", "component:app", "dist/my app.tgz"],
  builder: "https://github.com/o/r/.github/workflows/w.yml@refs/heads/main",
  internalParameters: { git: { commit: COMMIT, dirty: true } },
  resolvedDependencies: [{ uri: "git+https://example.org/r@refs/heads/main", digest: { gitCommit: COMMIT } }],
  git: null,
};

/** What is shown of a release, its provenance changed as given, and of bills of materials. */
function shown(change: (predicate: JsonObject) => unknown = () => undefined, ...boms: JsonObject[]) {
  const beside = boms.map((bom) => sbomPayload(SUBJECTS, { path: "b", ...recognizeSbom(bom, "b") }));
  const statement = JSON.parse(
    new TextDecoder().decode(provenancePayload(SUBJECTS, SCOPE, SOURCE, 1_800_000_000_000, beside)),
  ) as { predicate: JsonObject };
  change(statement.predicate);
  const payloads = [JSON.stringify(statement), ...beside.map((bytes) => new TextDecoder().decode(bytes))];
  const { scope, ...release } = parseRelease(utf8(payloads[0]!));
  const text = describeDraft({
    draft: { kind: DRAFT_KIND, payloads, files: [], signers: [] },
    scope,
    release,
    beside: beside.map((bytes) => parseBeside(bytes, release)),
  });
  return { text, lines: text.split("\n"), digests: payloads.map((payload) => sha256Hex(utf8(payload))) };
}

const at = (json: JsonValue, ...path: string[]) =>
  path.reduce((found, name) => (found as JsonObject)[name]!, json) as Record<string, JsonValue>;

test("files with their types, the builder, the source, the command and what is signed", () => {
  const { lines, digests } = shown();
  expect(lines[0]).toBe(`component:app@1.2.3 of the registry default, genesis ${SCOPE.genesis}`);
  expect(lines[2]).toMatch(/^app\.tgz +7 B +[0-9a-f]{64} +application\/gzip +stored by the authority$/);
  expect(lines.slice(3)).toEqual([
    "signed by nobody yet",
    `builder: ${SOURCE.builder}`,
    `source: git+https://example.org/r@refs/heads/main at ${COMMIT}, with changes that were not committed`,
    'command: tes release component:app "dist/my app.tgz"',
    "finished: 2027-01-15T08:00:00Z",
    `provenance: SHA-256 of what is signed ${digests[0]}`,
    "",
  ]);
  expect(
    shown((predicate) => (at(predicate, "buildDefinition", "internalParameters", "git").dirty = false)).text,
  ).not.toContain("committed");
});

test("each bill of materials, by its format, name, serial and number of components", () => {
  const { lines, digests } = shown(
    undefined,
    {
      bomFormat: "CycloneDX",
      specVersion: "1.6",
      serialNumber: "urn:uuid:1",
      metadata: { component: { name: "the app" } },
      components: [{ name: "a", components: [{ name: "b" }] }],
    },
    {
      spdxVersion: "SPDX-2.3",
      SPDXID: "SPDXRef-DOCUMENT",
      name: "doc",
      documentNamespace: "urn:x",
      packages: [{}, {}],
    },
    {
      "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
      "@graph": [{ type: "SpdxDocument", name: "three" }, { type: "software_Package" }],
    },
  );
  const boms = lines.filter((line) => line.startsWith("bill of materials: "));
  expect(boms.map((line) => line.replace(/, [\d,.]+ \w+, SHA-256.*/, ""))).toEqual([
    "bill of materials: CycloneDX 1.6, name the app, serial urn:uuid:1, 2 components",
    "bill of materials: SPDX-2.3, name doc, serial urn:x, 2 components",
    "bill of materials: SPDX-3.0.1, name three, 1 component",
  ]);
  for (const [i, line] of boms.entries()) expect(line).toContain(`SHA-256 of what is signed ${digests[i + 1]}`);
});

test("what has no line of its own is shown as it is: nobody signs what was not shown", () => {
  const { lines } = shown((predicate) => {
    at(predicate, "buildDefinition", "externalParameters").approved = "by the auditor";
    (at(predicate, "buildDefinition").resolvedDependencies as unknown as JsonValue[]).push({ uri: "pkg:npm/evil@1" });
    (at(predicate, "runDetails").byproducts as unknown as JsonValue[]).push({ name: "log.txt" });
    at(predicate, "buildDefinition", "internalParameters", "git").commit = "another";
  });
  expect(lines).toContain('source: {"uri":"pkg:npm/evil@1"}');
  expect(lines).toContain('by-products: [{"name":"log.txt"}]');
  expect(lines).toContain(
    'also signed: {"buildDefinition":{"externalParameters":{"approved":"by the auditor"},"internalParameters":{"git":{"commit":"another"}}}}',
  );
});

test("nothing in a draft makes a line of its own, moves the cursor or hides the rest", () => {
  const { text } = shown(
    (predicate) => {
      at(predicate, "runDetails", "builder").id = "a\nbuilder: b\u001b[2K\u202e";
      at(predicate, "buildDefinition", "externalParameters").command = ["tes", "x".repeat(9_000), "\u001b[8m"];
    },
    { bomFormat: "CycloneDX", specVersion: "1.6", serialNumber: "\u001b[8m\r\n", components: [] },
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
  expect(text).toContain("builder: a\\u{a}builder: b\\u{1b}[2K\\u{202e}\n");
  expect(text).toMatch(/^command: tes x+… and \d{4} characters more$/m);
});
