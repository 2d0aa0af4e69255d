/** `tes lock`: one run from a faulty configuration to a Worker that proves its key; again; replayed; altered. */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeProject } from "./support/cloudflare/project.ts";

const LOG = "docs/TES-OPS-004-B-4-2-EXECUTION-LOG";

test("mends, deploys, proves and says so; run again it changes nothing; its log replays", async () => {
  await using project = await makeProject();
  const { place, api } = project;
  const config = await readFile(project.config, "utf8");
  await writeFile(project.config, config.replace("[[migrations]]", "[[durable_objects.migrations]]"));
  const run = await project.run(["lock", "--json"]);
  console.log(run.stdout, run.stderr);
  expect(run.exit).toBe(0);
  const secret = api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")!;
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  console.log(await readFile(join(place.dir, `${LOG}.md`), "utf8"));
  for (const name of ["tes.admin.token", "tes.recovery.key"]) {
    expect((await stat(join(place.dir, ".tes", name))).mode & 0o777).toBe(0o600);
  }
  const replay = await project.run(["lock", "--replay", `${LOG}.md`, "--json"]);
  console.log(replay.stdout, replay.stderr);
  expect(replay.exit).toBe(0);
  const again = await project.run(["lock", "--json"]);
  console.log(again.stdout, again.stderr);
  expect(again.exit).toBe(0);
  expect(api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")).toBe(secret);
  expect(api.unknown).toEqual([]);
});
