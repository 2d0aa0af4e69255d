/** Every golden directory opens with the code as it is, says what it said, and goes on from there. */

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { verifyReceipt } from "../../src/client/receipt.ts";
import { fromBase64 } from "../../src/core/bytes.ts";
import { parseJson } from "../../src/core/json.ts";
import { verifyConsistency } from "../../src/core/merkle.ts";
import { parseAnswer } from "../../src/protocol/answers.ts";
import { serve } from "./support/authority.ts";
import { GOLDEN_KEYS, GOLDEN_TOKEN_OPTIONS, type GoldenFacts } from "./support/golden.ts";
import { mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";

const GOLDEN = join(import.meta.dirname, "..", "golden");
const names = await readdir(GOLDEN);

test("there is golden data", () => expect(names).toContain("main-job"));

test.each(names)("%s", async (name) => {
  await using place = await makePlace();
  const facts = JSON.parse(await readFile(join(GOLDEN, name, "facts.json"), "utf8")) as GoldenFacts;
  await cp(join(GOLDEN, name, "data"), join(place.dir, "data"), { recursive: true });
  await writeFile(join(place.dir, "data", "signing.key"), `${GOLDEN_KEYS.signing.hex}\n`, { mode: 0o600 });
  const authority = await serve(place);
  const token = mintToken(GOLDEN_KEYS.signing, GOLDEN_TOKEN_OPTIONS);
  const client = createClient({ url: authority.url, genesis: facts.state.genesis, token });

  const state = await client.state();
  expect(state).toMatchObject(facts.state);
  const trust = await client.trust();
  for (const receipt of facts.receipts) {
    // The receipt that was given then still proves, and the same statement is still there.
    const kept = await verifyReceipt(parseJson(new TextEncoder().encode(JSON.stringify(receipt))), trust);
    expect((await client.receipt(kept.statement.seq)).receipt.statement).toEqual(receipt.statement);
  }
  const head = await client.checkpoint();
  for (const note of facts.checkpoints) {
    const [, size, root] = note.split("\n");
    const from = Number(size);
    const answer = await fetch(`${authority.url}/v1/default/log/consistency?from=${from}&to=${head.size}`);
    const { proof } = parseAnswer("consistency", parseJson(new Uint8Array(await answer.arrayBuffer())));
    const hashes = proof.map((hash) => fromBase64(hash)!);
    verifyConsistency({ from, to: head.size, fromRoot: fromBase64(root!)!, toRoot: head.root, proof: hashes });
  }
  const { changes } = await client.bump({ entity: "global:main", scope: "major" });
  const before = facts.state.entities.find(({ entity }) => entity === "global:main")!;
  expect(changes[0]).toMatchObject({ entity: "global:main", from: before.version });
  expect((await client.checkpoint()).size).toBe(facts.state.size + 1);
});
