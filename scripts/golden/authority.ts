/**
 * The second capability, whatever a log may hold: every type of statement, over several registries. Beside `default`
 * there is one that is listed, one that was delisted, one that came from another authority, one that went there, and
 * one that was restored from its backup.
 */

import { createClient, openImport, type TesClient } from "../../src/client/index.ts";
import { toBase64, toBase64Url } from "../../src/core/bytes.ts";
import { importEd25519Seed, parseMasterKey } from "../../src/core/keys.ts";
import type { BumpRequest, Declaration } from "../../src/protocol/requests.ts";
import { restoreBytes } from "../../src/protocol/statements.ts";
import { prepareData, serve } from "../../test/e2e/support/authority.ts";
import { GOLDEN_KEYS, GOLDEN_TOKEN_OPTIONS, type RegistryFacts } from "../../test/e2e/support/golden.ts";
import { openWire } from "../../test/e2e/support/http.ts";
import { keyOf, mintToken, type TestKey } from "../../test/e2e/support/keys.ts";
import type { Scenario } from "./scenario.ts";

/** So often all of STEPS: more than one tile of 256. */
const ROUNDS = 20;
const STEPS: readonly BumpRequest[] = [
  { entity: "global:main", scope: "patch" },
  { entity: "global:main", scope: "minor", reason: "A feature: 版本 №1" },
  { entity: "global:main", scope: "prepatch", preid: "beta" },
  { entity: "global:main", scope: "prerelease" },
  { entity: "global:main", scope: "release" },
  { entity: "global:main", scope: "preminor", preid: "rc" },
  { entity: "global:main", scope: "release" },
  { entity: "global:main", scope: "major", reason: "Nothing is as it was." },
  { entity: "global:main", scope: "premajor" },
  { entity: "global:main", scope: "prerelease", preid: "next" },
  { entity: "global:main", scope: "release" },
  { entity: "*", scope: "patch" },
  { entity: "api:versions", scope: "minor" },
];
const MAIN: Declaration = { entity: "global:main", version: "1.2.3", files: [{ path: "package.json" }] };
const ENTITIES: readonly Declaration[] = [
  { ...MAIN, metadata: { owner: "release team", tier: "1" } },
  { entity: "component:authority", strategy: "lockstep", parent: "global:main" },
  { entity: "component:dashboard", version: "0.1.0-beta.2", strategy: "linked", parent: "global:main" },
  { entity: "api:versions", version: "4.0.0", strategy: "independent", parent: "component:dashboard" },
  { entity: "api:old", version: "9.9.9", files: [{ path: "VERSION", pattern: "^v(.*)$" }] },
];

/** The types of statements that there were then. */
const TYPES = [
  "registry.genesis",
  "entity.declared",
  "version.bumped",
  "entity.retired",
  "token.revoked",
  "registry.listed",
  "registry.delisted",
  "blob.erased",
  "registry.moved",
  "registry.restored",
];

interface Side {
  readonly url: string;
  readonly token: (registry: string) => string;
  readonly client: (registry: string) => TesClient;
}

function sideOf(url: string, signing: TestKey): Side {
  const token = (registry: string) => mintToken(signing, { ...GOLDEN_TOKEN_OPTIONS, registry });
  return {
    url,
    token,
    client: (registry) => createClient({ url, registry, token: token(registry), trustFirst: true }),
  };
}

/** Reads what a registry says, to be held to it for ever. */
async function factsOf(
  client: TesClient,
  told: Partial<RegistryFacts> & { readonly checkpoints: readonly string[] },
): Promise<RegistryFacts> {
  const state = await client.state();
  const { size } = state;
  const seqs = [...new Set([0, 1, Math.floor(size / 2), 255, 256, size - 1])].filter((seq) => seq < size);
  const receipts = await Promise.all(seqs.map(async (seq) => (await client.receipt(seq)).receipt));
  const histories = await Promise.all(state.entities.map(({ entity }) => client.history(entity, { limit: 5 })));
  const diffs = [await client.diff(1), await client.diff(Math.floor(size / 2), size - 1)];
  return { state, receipts, histories, diffs, export: `${state.registry}.jsonl`, ...told };
}

/** The head as the authority signed it. */
async function noteOf({ url, token }: Side, registry: string): Promise<string> {
  using wire = openWire(url);
  const headers = { authorization: `Bearer ${token(registry)}`, "tes-nonce": "A".repeat(22) };
  const reply = await wire.send(`/v1/${registry}/log/checkpoint`, { headers });
  if (reply.status !== 200) throw new Error(`checkpoint of ${registry}: ${reply.status} ${reply.text}`);
  return reply.text;
}

async function found(side: Side, registry: string, visibility: "public" | "private"): Promise<TesClient> {
  const client = side.client(registry);
  await client.createRegistry({ visibility, recovery: { x: GOLDEN_KEYS.recovery.x } });
  await client.declare([MAIN]);
  await client.bump({ entity: "global:main", scope: "minor" });
  return client;
}

async function move(registry: string, client: TesClient, to: Side): Promise<void> {
  const target = openImport({ url: to.url, registry, token: to.token(registry) });
  await client.move({ url: to.url, keys: (await target.state()).keys });
  if (!(await target.send(client.exportLines())).done) throw new Error(`${registry} did not arrive`);
}

/** A backup is opened here as a new epoch; where it came from had gone on by one version. */
async function restore(registry: string, client: TesClient, to: Side): Promise<void> {
  const { genesis, origin } = await client.trust();
  const lines = await Array.fromAsync(client.exportLines());
  const backup = await client.checkpoint();
  await client.bump({ entity: "global:main", scope: "minor" });
  const lost = await client.checkpoint();
  const target = openImport({ url: to.url, registry, token: to.token(registry) });
  const { keys } = await target.state();
  await target.send(
    (async function* () {
      yield* lines;
    })(),
  );
  const { privateKey, kid } = await importEd25519Seed(parseMasterKey(GOLDEN_KEYS.recovery.hex));
  const body = {
    epoch: 2,
    origin: `${origin}/epoch-2`,
    lost: { size: lost.size, root: toBase64(lost.root) },
    floor: [{ entity: "global:main", version: "1.4.0" }],
    keys,
  };
  const bytes = restoreBytes({ registry, genesis, size: backup.size, root: toBase64(backup.root) }, body);
  const signature = toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, bytes)));
  await target.restore({ ...body, recovery: { kid, signature } }, "golden-restore");
}

/** The log of `default`. */
async function playDefault(side: Side): Promise<Partial<RegistryFacts> & { checkpoints: string[] }> {
  const client = side.client("default");
  await client.declare(ENTITIES);
  const checkpoints = [await noteOf(side, "default")];
  const reasons: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const step of STEPS) {
      // Compare and swap in every other round.
      const isGuarded = round % 2 === 1 && step.entity !== "*";
      const expected = isGuarded ? { expected: (await client.entity(step.entity)).version } : {};
      const { receipt } = await client.bump({ ...step, ...expected });
      const { reason } = receipt!.statement;
      if (reason !== undefined) reasons.push(reason.digest);
    }
    if (round % 7 === 6) checkpoints.push(await noteOf(side, "default"));
  }
  await client.declare([
    { entity: "global:main", metadata: { owner: "somebody else" } },
    { entity: "api:versions", strategy: "linked", files: [{ path: "api/version.txt" }] },
  ]);
  const retired = await client.retire("api:old", { reason: "Nobody asks it any more." });
  const { jti } = JSON.parse(atob(mintToken(GOLDEN_KEYS.signing).split(".")[1]!)) as { jti: string };
  await client.revoke(jti);
  const [first, second, ...others] = reasons;
  await client.eraseBlob(first!);
  await client.eraseBlob(second!);
  const kept = [retired.receipt!.statement.reason!.digest, ...others.slice(0, 2)];
  const blobs = await Promise.all(kept.map((digest) => client.blob(digest)));
  return { checkpoints, blobs, erased: [first!, second!], revoked: [jti] };
}

export const authority: Scenario = async ({ place, url }) => {
  const here = sideOf(url, GOLDEN_KEYS.signing);
  const elsewhere = { data: "elsewhere", signing: keyOf("golden elsewhere"), recovery: GOLDEN_KEYS.recovery };
  await prepareData(place, elsewhere);
  const other = await serve(place, { data: elsewhere.data });
  const there = sideOf(other.url, elsewhere.signing);
  // The first request to a local authority makes its genesis.
  for (const side of [here, there]) await side.client("default").trust();

  const told = new Map<string, Partial<RegistryFacts> & { checkpoints: string[] }>();
  told.set("default", await playDefault(here));
  const mobile = await found(here, "mobile", "public");
  const internal = await found(here, "internal", "private");
  const departed = await found(here, "departed", "public");
  await move("departed", departed, there);
  const arriving = await found(there, "arrived", "private");
  await move("arrived", arriving, here);
  const arrived = here.client("arrived");
  await arrived.bump({ entity: "global:main", scope: "patch" });
  await restore("restored", await found(there, "restored", "public"), here);
  const restored = here.client("restored");
  await restored.bump({ entity: "global:main", scope: "patch" });
  await other.stop();

  const facts: RegistryFacts[] = [];
  const files: Record<string, string> = {};
  const types = new Set<string>();
  const keep = async (registry: string, client: TesClient, end?: RegistryFacts["end"]): Promise<void> => {
    const { checkpoints, ...rest } = told.get(registry) ?? { checkpoints: [] };
    const head = await noteOf(here, registry);
    const lines = await Array.fromAsync(client.exportLines());
    for (const line of lines) types.add((JSON.parse(line) as { type?: string }).type ?? "");
    files[`${registry}.jsonl`] = lines.join("");
    const more = end === undefined ? rest : { ...rest, end };
    facts.push(await factsOf(client, { ...more, checkpoints: [...checkpoints, head] }));
  };
  // Before it is delisted nothing more is needed to be believed; what is said afterwards is the same.
  const client = here.client("default");
  await internal.bump({ entity: "global:main", scope: "major", reason: "The last." });
  await client.delist("internal");
  await keep("default", client);
  await keep("mobile", mobile);
  await keep("internal", internal, "delisted");
  await keep("arrived", arrived);
  await keep("departed", departed, "moved");
  await keep("restored", restored);
  const missing = TYPES.filter((type) => !types.has(type));
  if (missing.length > 0) throw new Error(`no statement of ${missing.join(", ")}`);
  return { facts: { registries: facts }, files };
};
