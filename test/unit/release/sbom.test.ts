import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readSbom } from "../../../src/cli/release/sbom.ts";
import { MAX_SBOM_FILE_BYTES } from "../../../src/core/limits.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-sbom-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function read(content: string) {
  const path = join(dir, "sbom.json");
  await writeFile(path, content);
  return readSbom(path);
}

const cyclonedx = { bomFormat: "CycloneDX", specVersion: "1.6", version: 1, components: [] };
const spdx = { spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", name: "a", packages: [] };
const spdx3 = { "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [] };

test.each([
  [cyclonedx, "CycloneDX", "1.6", "https://cyclonedx.org/bom"],
  [spdx, "SPDX", "SPDX-2.3", "https://spdx.dev/Document"],
  [spdx3, "SPDX", "SPDX-3.0.1", "https://spdx.dev/Document"],
])("%j is %s %s", async (document, format, version, predicateType) => {
  expect(await read(JSON.stringify(document))).toMatchObject({ format, version, predicateType, document });
});

test.each([
  ["another kind of JSON", "{}"],
  ["a list", "[]"],
  ["no JSON", "<bom/>"],
  ["nothing", ""],
  ["two answers to one question", '{"bomFormat":"CycloneDX","specVersion":"1.6","specVersion":"1.5"}'],
  ["no version", JSON.stringify({ bomFormat: "CycloneDX" })],
  ["another format under its member", JSON.stringify({ ...cyclonedx, bomFormat: "cyclonedx" })],
  ["components that are none", JSON.stringify({ ...cyclonedx, components: {} })],
  ["a document of SPDX that is none", JSON.stringify({ ...spdx, SPDXID: "SPDXRef-Package" })],
  ["too deep", "[".repeat(10_000)],
])("%s is refused", async (_, content) => {
  await expect(read(content)).rejects.toMatchObject({ code: "sbom_unknown" });
});

test("as large as MAX_SBOM_FILE_BYTES with its blanks, and no larger", async () => {
  const padded = (bytes: number) => JSON.stringify(cyclonedx).padEnd(bytes, " ");
  await expect(read(padded(MAX_SBOM_FILE_BYTES))).resolves.toMatchObject({ format: "CycloneDX" });
  await expect(read(padded(MAX_SBOM_FILE_BYTES + 1))).rejects.toMatchObject({ code: "attestation_too_large" });
});
