/**
 * The third capability: publishers that changed, releases with one signature and with two, with a bill of materials,
 * one withdrawn, one withdrawn and taken back, one whose text was erased.
 */

import { createClient } from "../../src/client/index.ts";
import { GOLDEN_KEYS, GOLDEN_TOKEN_OPTIONS } from "../../test/e2e/support/golden.ts";
import { openWire } from "../../test/e2e/support/http.ts";
import { mintToken } from "../../test/e2e/support/keys.ts";
import { envelopeOf, publisherOf, setRequest } from "../../test/e2e/support/publisher.ts";
import type { Scenario } from "./scenario.ts";

const ENTITY = "global:main";

export const releases: Scenario = async ({ url }) => {
  const token = mintToken(GOLDEN_KEYS.signing, GOLDEN_TOKEN_OPTIONS);
  const client = createClient({ url, token, trustFirst: true });
  const [ada, bob] = [publisherOf("golden ada"), publisherOf("golden bob")];
  await client.declare([{ entity: ENTITY, version: "1.0.0" }]);
  const scope = { registry: "default", genesis: (await client.trust()).genesis, entity: ENTITY };
  await client.setPublishers(ENTITY, setRequest(scope, 1, [ada], 1));

  const publish = async (signers = [ada], withSbom = false): Promise<string> => {
    const { version } = await client.entity(ENTITY);
    const files = [
      { name: `tool-${version}.tgz`, text: `the tool ${version}` },
      { name: "Notizen für alle.txt", text: "what is new" },
    ];
    const at = { ...scope, version };
    const sbom = {
      predicateType: "https://cyclonedx.org/bom",
      predicate: { bomFormat: "CycloneDX", specVersion: "1.6" },
    };
    await client.release({
      envelope: envelopeOf(at, files, signers),
      ...(withSbom ? { attestations: [envelopeOf(at, files, signers, sbom)] } : {}),
    });
    await client.bump({ entity: ENTITY, scope: "minor" });
    return version;
  };

  const first = await publish();
  await client.setPublishers(ENTITY, setRequest(scope, 2, [ada, bob], 2, [ada, bob], [[ada], 1]));
  const second = await publish([ada, bob], true);
  await client.setPublishers(ENTITY, setRequest(scope, 3, [bob], 1, [ada, bob], [[ada, bob], 2]));
  const third = await publish([bob], true);
  const fourth = await publish([bob]);
  await client.yank(ENTITY, first, { reason: "It eats files." });
  await client.yank(ENTITY, third);
  await client.unyank(ENTITY, third, { reason: "It was another one." });
  const { receipts } = await client.releaseAnswer(ENTITY, fourth);
  const { payload } = receipts[0]!.statement as unknown as { payload: { digest: string } };
  await client.eraseBlob(payload.digest);

  const state = await client.state();
  const documents = await Promise.all(
    [first, second, third].map(async (version) => (await client.releaseOf(ENTITY, version)).document),
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
      erased: [payload.digest],
      export: "default.jsonl",
    },
    files: { "default.jsonl": lines.join("") },
  };
};
