/**
 * Two publishers race to release the same versions while workerd is killed: each version has one release or none, whole
 * with all its signatures and attestations; what was acknowledged is there; what was not can be sent again.
 */

import { expect, test } from "vitest";
import { createClient, parseReleaseDocument, TesError, verifyRelease } from "../../src/client/index.ts";
import type { JsonValue } from "../../src/core/json.ts";
import { prepareData, serve } from "./support/authority.ts";
import { rollDice } from "./support/dice.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, noneLeftIn } from "./support/place.ts";
import { envelopeOf, publisherOf, type Scope, setRequest } from "./support/publisher.ts";

const SEED = process.env.TES_SEED ?? "releases";
const ROUNDS = 3;
const VERSIONS = 6;
const ENTITY = "global:main";

interface Attempt {
  readonly version: string;
  readonly by: string;
  readonly request: Parameters<ReturnType<typeof createClient>["release"]>[0];
  readonly key: string;
  outcome?: "published" | "release_exists" | "unheard";
  seqs?: readonly number[];
}

test(`a release is whole or not there, ${ROUNDS} kills drawn from the seed ${JSON.stringify(SEED)}`, async () => {
  await using place = await makePlace();
  const dice = rollDice(SEED);
  const signing = keyOf(`${SEED} signing`);
  await prepareData(place, { signing, recovery: keyOf(`${SEED} recovery`) });
  const token = mintToken(signing);
  const publishers = [publisherOf("ada"), publisherOf("bob")];
  const clientOf = (url: string, attempts = 1) => createClient({ url, token, trustFirst: true, attempts });

  let authority = await serve(place);
  const first = clientOf(authority.url);
  await first.declare([{ entity: ENTITY, version: "1.0.0" }]);
  const scope: Scope = { registry: "default", genesis: (await first.trust()).genesis, entity: ENTITY };
  await first.setPublishers(ENTITY, setRequest(scope, 1, publishers, 2));

  let unheard = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const client = clientOf(authority.url);
    const attempts: Attempt[] = [];
    for (let i = 0; i < VERSIONS; i++) {
      const version = (await client.entity(ENTITY)).version;
      for (const by of ["ada", "bob"]) {
        const files = [{ name: "tool.tgz", text: `${by} built ${version}` }];
        const at = { ...scope, version };
        const sbom = { predicateType: "https://cyclonedx.org/bom", predicate: { bomFormat: "CycloneDX" } };
        attempts.push({
          version,
          by,
          key: `${round}-${version}-${by}`,
          request: {
            envelope: envelopeOf(at, files, publishers),
            attestations: [envelopeOf(at, files, publishers, sbom)],
          },
        });
      }
      await client.bump({ entity: ENTITY, scope: "minor" });
    }
    const play = async (with_: typeof client, attempt: Attempt): Promise<void> => {
      try {
        const { receipts } = await with_.release(attempt.request, { idempotencyKey: attempt.key });
        attempt.outcome = "published";
        attempt.seqs = receipts.map(({ statement }) => statement.seq);
      } catch (thrown) {
        if (!(thrown instanceof TesError)) throw thrown;
        if (thrown.code === "release_exists") attempt.outcome = "release_exists";
        else attempt.outcome = "unheard";
      }
    };
    const deadline = dice.between(1, attempts.length - 2);
    let heard = 0;
    await Promise.all(
      attempts.map(async (attempt) => {
        await play(client, attempt);
        if (++heard === deadline) authority.kill("workerd");
      }),
    );
    await authority.run.exited;
    await noneLeftIn(place.dir);
    authority = await serve(place);
    const again = clientOf(authority.url, 4);

    for (const attempt of attempts) {
      const before = { ...attempt };
      if (before.outcome === "unheard") unheard += 1;
      await play(again, attempt);
      if (before.outcome !== "unheard") expect(attempt).toEqual(before);
    }
    for (const version of new Set(attempts.map((attempt) => attempt.version))) {
      const rivals = attempts.filter((attempt) => attempt.version === version);
      expect(rivals.map(({ outcome }) => outcome).sort()).toEqual(["published", "release_exists"]);
      const winner = rivals.find(({ outcome }) => outcome === "published")!;
      const { document } = await again.releaseOf(ENTITY, version);
      const kept = JSON.parse(JSON.stringify(document)) as JsonValue;
      const proven = await verifyRelease(parseReleaseDocument(kept), { registry: "default", genesis: scope.genesis });
      expect(proven.signers.map(({ kid }) => kid).sort()).toEqual(publishers.map(({ kid }) => kid).sort());
      expect(proven.attestations[0]?.signers).toHaveLength(2);
      // Two signatures of the release, two of its SBOM, one after another: nothing came in between.
      expect(winner.seqs).toEqual([0, 1, 2, 3].map((i) => proven.seq + i));
    }
  }
  expect(unheard).toBeGreaterThan(0);
  expect(await authority.stop()).toBe(0);
});
