/** Keys on deployed Workers: the real wrangler against a stand-in account, and the Workers that it received on workerd. */

import { expect, test } from "vitest";
import { makeProject } from "./support/cloudflare/project.ts";
import { keyOf } from "./support/keys.ts";

const key = keyOf("deployed").hex;

test("a new Worker gets its key in the deploy itself, proves it, and a second run changes nothing", async () => {
  await using project = await makeProject();
  const { api } = project;
  const missing = await project.run(["key", "deploy", "--json"], { input: `${key}\n` });
  expect(missing).toMatchObject({
    exit: 1,
    json: { results: [{ env: "", action: "failed", code: "worker_missing" }] },
  });
  // No stray Worker: wrangler itself would have made a draft.
  expect(api.account.scripts.size).toBe(0);

  const first = await project.run(["key", "deploy", "--new-worker", "--json"], { input: `${key}\n` });
  expect(first.stderr).toBe("");
  expect(first).toMatchObject({ exit: 0, json: { results: [{ action: "created", source: "env", genesis: null }] } });
  expect(api.account.active("tes")?.secrets.get("VERSION_SIGNING_KEY")).toBe(key);
  expect(api.calls.filter(({ method, path }) => method === "PUT" && path === "/workers/scripts/tes")).toHaveLength(1);

  const again = await project.run(["key", "deploy", "--json"], { input: `${key}\n` });
  expect(again).toMatchObject({ exit: 0, json: { results: [{ action: "unchanged" }] } });
  expect(api.unknown).toEqual([]);
});
