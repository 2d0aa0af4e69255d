/** The fourth capability: a provenance names its bills of materials, and one names that it has none. */

import { createClient } from "../../src/client/index.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { GOLDEN_KEYS, GOLDEN_TOKEN_OPTIONS } from "../../test/e2e/support/golden.ts";
import { openWire } from "../../test/e2e/support/http.ts";
import { mintToken } from "../../test/e2e/support/keys.ts";
import { envelopeOf, publisherOf, setRequest } from "../../test/e2e/support/publisher.ts";
import type { Scenario } from "./scenario.ts";

const ENTITY = "global:main";
const FILES = [{ name: "tool.tgz", text: "the tool" }];
export const attestations: Scenario = async ({ url }) => {
  const token = mintToken(GOLDEN_KEYS.signing, GOLDEN_TOKEN_OPTIONS);
  const client = createClient({ url, token, trustFirst: true });
  const ada = publisherOf("golden ada");
  await client.declare([{ entity: ENTITY, version: "1.0.0" }]);
  const scope = { registry: "default", genesis: (await client.trust()).genesis, entity: ENTITY };
  await client.setPublishers(ENTITY, setRequest(scope, 1, [ada], 1));
  const publish = async (version: string, documents: readonly object[]): Promise<void> => {
    const at = { ...scope, version };
    const beside = documents.map((predicate) =>
      envelopeOf(at, FILES, [ada], { predicateType: "https://cyclonedx.org/bom", predicate }),
    );
    const byproducts = beside.map(({ payload }) => ({
      name: "https://cyclonedx.org/bom",
      mediaType: "application/vnd.in-toto+json",
      digest: { sha256: sha256Hex(Buffer.from(payload, "base64")) },
    }));
    const predicate = {
      buildDefinition: { buildType: "urn:tes:release:v1", externalParameters: at },
      runDetails: { builder: { id: "urn:tes:golden" }, byproducts },
    };
    await client.release({ envelope: envelopeOf(at, FILES, [ada], { predicate }), attestations: beside });
  };
  const bom = { bomFormat: "CycloneDX", specVersion: "1.6" };
  await publish("1.0.0", [{ ...bom, components: [{ type: "library", name: "part", version: "1.0.0" }] }, bom]);
  await client.bump({ entity: ENTITY, scope: "minor" });
  await publish("1.1.0", []);

  const state = await client.state();
  const documents = await Promise.all(
    ["1.0.0", "1.1.0"].map(async (version) => (await client.releaseOf(ENTITY, version)).document),
  );
  const seqs = Array.from({ length: state.size }, (_, seq) => seq);
  const all = await Promise.all(seqs.map(async (seq) => (await client.receipt(seq)).receipt));
  using wire = openWire(url);
  const note = await wire.send("/v1/default/log/checkpoint", { headers: { "tes-nonce": "A".repeat(22) } });
  const lines = await Array.fromAsync(client.exportLines());
  return {
    facts: {
      state,
      checkpoints: [note.text],
      receipts: all,
      releases: JSON.parse(JSON.stringify(documents)),
      export: "default.jsonl",
    },
    files: { "default.jsonl": lines.join("") },
  };
};
