/** The first capability: entities are declared and bumped. */

import { GOLDEN_KEYS, GOLDEN_TOKEN_OPTIONS, type RegistryFacts } from "../../test/e2e/support/golden.ts";
import { openWire } from "../../test/e2e/support/http.ts";
import { mintToken } from "../../test/e2e/support/keys.ts";
import type { Scenario } from "./scenario.ts";

/** More than one tile of 256, so that a sealed one and an open one are there. */
const BUMPS = 300;
const SCOPES = ["patch", "minor", "prerelease", "release", "major", "prepatch", "premajor"] as const;
const ENTITIES = [
  { entity: "global:main", version: "1.2.3", files: [{ path: "package.json" }] },
  { entity: "component:authority", strategy: "lockstep", parent: "global:main" },
  { entity: "component:dashboard", version: "0.1.0-beta.2", strategy: "linked", parent: "global:main" },
  { entity: "api:versions", version: "4.0.0", strategy: "independent", parent: "component:dashboard" },
];

export const mainJob: Scenario = async ({ url }) => {
  using wire = openWire(url);
  const token = mintToken(GOLDEN_KEYS.signing, GOLDEN_TOKEN_OPTIONS);
  const post = async (path: string, key: string, body: object): Promise<unknown> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "idempotency-key": key };
    const reply = await wire.send(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (reply.status !== 200) throw new Error(`${path}: ${reply.status} ${reply.text}`);
    return JSON.parse(reply.text);
  };
  const get = async (path: string): Promise<string> =>
    (await wire.send(path, { headers: { "tes-nonce": "A".repeat(22) } })).text;

  await wire.send("/v1/default");
  await post("/v1/default/entities", "golden-declare", { entities: ENTITIES });
  const checkpoints = [await get("/v1/default/log/checkpoint")];
  for (let i = 0; i < BUMPS; i++) {
    const scope = SCOPES[i % SCOPES.length]!;
    const entity = i % 5 === 4 ? "api:versions" : "global:main";
    // `release` goes up only from a prerelease.
    const body = { entity, scope: scope === "release" ? "patch" : scope };
    await post("/v1/default/bump", `golden-${i}`, body);
    if (i % 100 === 99) checkpoints.push(await get("/v1/default/log/checkpoint"));
  }
  const state = JSON.parse(await get("/v1/default")) as RegistryFacts["state"];
  const receipts = await Promise.all(
    [0, 1, 100, 255, 256, state.size - 1].map(async (seq) => JSON.parse(await get(`/v1/default/log/proof?seq=${seq}`))),
  );
  return { facts: { state, checkpoints, receipts } };
};
