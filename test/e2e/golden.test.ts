/**
 * Every golden directory opens with the code as it is, says what it said, and goes on from there; and what was exported
 * from it then is taken in now, as the same log.
 */

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { linesOf } from "../../src/cli/commands/export.ts";
import { createClient, memoryPins, openImport, type TesClient, verifyRelease } from "../../src/client/index.ts";
import { verifyReceipt } from "../../src/client/receipt.ts";
import { fromBase64, toBase64 } from "../../src/core/bytes.ts";
import { parseJson } from "../../src/core/json.ts";
import { verifyConsistency } from "../../src/core/merkle.ts";
import { parseAnswer } from "../../src/protocol/answers.ts";
import { parseExportHeader } from "../../src/protocol/export.ts";
import { prepareData, serve } from "./support/authority.ts";
import {
  GOLDEN_KEYS,
  GOLDEN_TOKEN_OPTIONS,
  type GoldenFacts,
  type RegistryFacts,
  registriesOf,
} from "./support/golden.ts";
import { mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";

const GOLDEN = join(import.meta.dirname, "..", "golden");
const names = await readdir(GOLDEN);
const utf8 = new TextEncoder();

const factsIn = async (name: string): Promise<readonly RegistryFacts[]> =>
  registriesOf(JSON.parse(await readFile(join(GOLDEN, name, "facts.json"), "utf8")) as GoldenFacts);

const tokenFor = (registry: string): string => mintToken(GOLDEN_KEYS.signing, { ...GOLDEN_TOKEN_OPTIONS, registry });

test("there is golden data", () =>
  expect(names).toEqual(expect.arrayContaining(["attestations", "authority", "main-job", "releases"])));

test.each(names)("%s: it opens, and says what it said", async (name) => {
  await using place = await makePlace();
  await cp(join(GOLDEN, name, "data"), join(place.dir, "data"), { recursive: true });
  await writeFile(join(place.dir, "data", "signing.key"), `${GOLDEN_KEYS.signing.hex}\n`, { mode: 0o600 });
  const { url } = await serve(place);
  // Shared, so that `default`, which comes first, vouches for a registry that shows its keys to nobody any more.
  const store = memoryPins();
  for (const facts of await factsIn(name)) {
    const { registry, genesis } = facts.state;
    const token = tokenFor(registry);
    const client = createClient({ url, registry, genesis, token, store });
    expect(await client.state()).toMatchObject(facts.state);
    await checkFacts(client, facts);
    await checkCheckpoints(client, facts, (path) => fetch(`${url}${path}`, authorised(token)));
    // What is revoked already is not written again.
    for (const id of facts.revoked ?? []) expect((await client.revoke(id)).receipt).toBeNull();
    const { size, entities } = facts.state;
    const bumped = client.bump({ entity: "global:main", scope: "major" });
    if (facts.end !== undefined) {
      await expect(bumped, registry).rejects.toMatchObject({ code: "registry_read_only" });
      continue;
    }
    const before = entities.find(({ entity }) => entity === "global:main")!;
    expect((await bumped).changes[0]).toMatchObject({ entity: "global:main", from: before.version });
    expect((await client.checkpoint()).size).toBe(size + 1);
  }
});

const exported = await Promise.all(names.map(async (name) => ({ name, all: await factsIn(name) }))).then((found) =>
  found.filter(({ all }) => all.some((facts) => facts.export !== undefined)),
);

test.each(exported)("$name: its exports lead to the same logs elsewhere", async ({ name, all }) => {
  await using place = await makePlace();
  // `default` is taken in where there is no registry, the others where there is a `default` to list them.
  await prepareData(place, { data: "first", ...GOLDEN_KEYS });
  await prepareData(place, { data: "others", ...GOLDEN_KEYS });
  const [first, others] = [await serve(place, { data: "first" }), await serve(place, { data: "others" })];
  await createClient({ url: others.url, trustFirst: true }).trust();
  for (const facts of all) {
    const { registry, genesis, size } = facts.state;
    const { url } = registry === "default" ? first : others;
    const token = tokenFor(registry);
    const path = join(GOLDEN, name, facts.export!);
    const { value: header } = await linesOf(path).next();
    const { root } = parseExportHeader(parseJson(utf8.encode(header as string)));
    const target = openImport({ url, registry, token });
    expect(await target.send(linesOf(path)), registry).toMatchObject({ done: true, size });

    const client = createClient({ url, registry, genesis, token });
    const head = await client.checkpoint();
    expect({ size: head.size, root: toBase64(head.root) }, registry).toEqual({ size, root });
    expect(facts.checkpoints.at(-1)!.split("\n").slice(1, 3)).toEqual([String(size), root]);
    expect(await client.state(), registry).toMatchObject(facts.state);
    await checkFacts(client, facts);
  }
});

const authorised = (token: string): RequestInit => ({ headers: { authorization: `Bearer ${token}` } });

async function checkFacts(client: TesClient, facts: RegistryFacts): Promise<void> {
  const { histories = [], diffs = [], blobs = [], erased = [], releases = [] } = facts;
  const trust = await client.trust();
  for (const receipt of facts.receipts) {
    // The receipt that was given then still proves, and the same statement is still there.
    const kept = await verifyReceipt(parseJson(utf8.encode(JSON.stringify(receipt))), trust);
    expect((await client.receipt(kept.statement.seq)).receipt.statement).toEqual(receipt.statement);
  }
  for (const history of histories) {
    expect(await client.history(history.entity, { limit: history.entries.length })).toMatchObject(history);
  }
  for (const diff of diffs) expect(await client.diff(diff.from, diff.to)).toMatchObject(diff);
  for (const blob of blobs) expect(await client.blob(blob.digest)).toMatchObject(blob);
  for (const document of releases) {
    const kept = await verifyRelease(document, trust);
    const { release } = await client.releaseOf(kept.entity, kept.version);
    // The same, below a log that has grown.
    expect({ ...release, log: kept.log }).toEqual(kept);
  }
  for (const digest of erased) await expect(client.blob(digest)).rejects.toMatchObject({ code: "blob_erased" });
}

/** The log only grew: every head that was signed then is of a prefix of it. */
async function checkCheckpoints(
  client: TesClient,
  { checkpoints, state: { registry } }: RegistryFacts,
  get: (path: string) => Promise<Response>,
): Promise<void> {
  const head = await client.checkpoint();
  for (const note of checkpoints) {
    const [, size, root] = note.split("\n");
    const from = Number(size);
    const answer = await get(`/v1/${registry}/log/consistency?from=${from}&to=${head.size}`);
    const { proof } = parseAnswer("consistency", parseJson(new Uint8Array(await answer.arrayBuffer())));
    const hashes = proof.map((hash) => fromBase64(hash)!);
    verifyConsistency({ from, to: head.size, fromRoot: fromBase64(root!)!, toRoot: head.root, proof: hashes });
  }
}
