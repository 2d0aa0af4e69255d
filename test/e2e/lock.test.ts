/** `tes lock`: one run from a faulty configuration to a Worker that proves its key; again; replayed. */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Body } from "../../src/cli/lock/log.ts";
import { makeProject } from "./support/cloudflare/project.ts";
import { filesIn, findSecrets, masterSecrets, tokenSecret } from "./support/search.ts";

const LOG = "docs/TES-OPS-004-B-4-2-EXECUTION-LOG";
const PHASES = ["configuration", "dry run", "storage", "key", "genesis", "replay"];

test("mends, deploys, proves and says so; run again it changes nothing; its log replays", async () => {
  await using project = await makeProject();
  const { place, api } = project;
  const inPlace = (name: string) => readFile(join(place.dir, name), "utf8");
  await writeFile(
    project.config,
    (await inPlace("wrangler.toml")).replace("[[migrations]]", "[[durable_objects.migrations]]"),
  );
  const registry = { registry: "default", entities: [{ id: "global:main", version: "1.2.3", files: [] }] };
  await writeFile(join(place.dir, "tes.registry.json"), JSON.stringify(registry));

  const run = await project.run(["lock", "--json"]);
  expect(run.exit, run.stderr).toBe(0);
  const events = run.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(events.filter(({ state }) => state === "done").map(({ phase }) => phase)).toEqual(PHASES);
  const key = api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")!;
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect((await stat(join(place.dir, ".tes/tes.admin.token"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(place.dir, ".tes/tes.recovery.key"))).mode & 0o777).toBe(0o600);
  const log = JSON.parse(await inPlace(`${LOG}.json`)) as Body;
  expect(log).toMatchObject({
    status: "complete",
    target: { worker: "tes", env: "", registry: "default" },
    bump: { answer: "1 would change: global:main 1.2.3 → 1.2.4" },
    genesis: run.json.genesis,
  });
  // The key is on the Worker, and in nothing that lies here or was printed.
  const token = (await inPlace(".tes/tes.admin.token")).trim();
  const secrets = [...masterSecrets("key", key), tokenSecret("token", token)];
  const printed = place.runs.map(({ stdout, stderr }) => ({ where: "output", bytes: Buffer.from(stdout + stderr) }));
  expect(findSecrets(secrets, [...printed, ...(await filesIn(place.dir))])).toEqual(["token in .tes/tes.admin.token"]);

  const replay = () => project.run(["lock", "--replay", `${LOG}.md`, "--json"]);
  const first = await replay();
  expect(first.exit, first.stdout).toBe(0);
  expect(first.json.claims.map(({ state }: { state: string }) => state)).toEqual(
    Array(first.json.claims.length).fill("holds"),
  );

  const again = await project.run(["lock", "--json"]);
  expect(again.exit, again.stderr).toBe(0);
  expect(api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")).toBe(key);
  expect(again.json.genesis).toBe(run.json.genesis);

  expect(api.unknown).toEqual([]);
});
