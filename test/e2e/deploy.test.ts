/** `tes deploy` and `tes guide sync`: guards that change nothing, then everything in one go, then the page it serves. */

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LOUD, makeProject } from "./support/cloudflare/project.ts";
import { filesIn, findSecrets, masterSecrets } from "./support/search.ts";

test("a new Worker with key, KV and first token in one go; the guide on it; again it changes only the code", async () => {
  await using project = await makeProject();
  const { api, place } = project;
  const config = await readFile(project.config, "utf8");
  for (const [from, to, said] of [
    ['TES_KEY_FALLBACK = "deny"\n', "", "TES_KEY_FALLBACK"],
    [/TES_AUTHORITIES = ".*"/, 'TES_AUTHORITIES = ""', "TES_AUTHORITIES"],
    ["new_sqlite_classes", "new_classes", "SQLite"],
    ["new_sqlite_classes", 'deleted_classes = ["VersionManagementDO"]\nnew_sqlite_classes', "every registry"],
  ] as const) {
    await writeFile(project.config, config.replace(from, to));
    const refused = await project.run(["deploy", "--key-file", "signing.key", "--generate", "--json"]);
    expect(refused.exit, said).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({ code: "deploy_refused", detail: expect.stringContaining(said) });
  }
  await writeFile(project.config, config);
  expect(api.calls).toEqual([]);

  const first = await project.run(["deploy", "--key-file", "signing.key", "--generate", "--json"], { env: LOUD });
  expect(first.exit, first.stderr).toBe(0);
  expect(first.json).toMatchObject({ worker: "tes", genesis: null, Worker: "deployed together with its key" });
  const key = (await readFile(join(place.dir, "signing.key"), "utf8")).trim();
  expect(api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")).toBe(key);
  for (const name of ["signing.key", ".tes/tes.admin.token"]) {
    expect((await stat(join(place.dir, name))).mode & 0o777).toBe(0o600);
  }
  const [namespace] = api.account.namespaces.values();
  expect(namespace?.title).toBe("tes-KV");
  expect(await readFile(project.config, "utf8")).toBe(
    `${config}\n[[kv_namespaces]]\nbinding = "KV"\nid = "${namespace!.id}"\n`,
  );
  // Wherever wrangler might have logged: HOME, TMPDIR and the project all lie in the place.
  const left = findSecrets(masterSecrets("key", key), await filesIn(place.dir));
  expect(left).toEqual(["key in signing.key"]);

  const put = await project.run(["guide", "sync", "--json"]);
  expect(put.exit, put.stderr).toBe(0);
  expect(put.json.guides).toMatchObject([{ worker: "tes", action: "put" }]);
  const page = await fetch(`http://${await project.edge.authority("tes")}/guide/set-version-signing-key`);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  const html = await page.text();
  expect(html).toContain("<h1>Setting VERSION_SIGNING_KEY</h1>");
  expect(html).toContain("tes key deploy --env &quot;&quot;");
  const unchanged = await project.run(["guide", "sync", "--json"]);
  expect(unchanged.json.guides).toMatchObject([{ action: "unchanged" }]);
  expect(api.calls.filter(({ method, path }) => method === "PUT" && path.includes("/values/"))).toHaveLength(1);

  const again = await project.run(["deploy", "--json"]);
  expect(again.exit, again.stderr).toBe(0);
  expect(api.account.active("tes")!.secrets.get("VERSION_SIGNING_KEY")).toBe(key);
  expect(api.account.namespaces.size).toBe(1);
  expect(await project.run(["key", "verify", "--key-file", "signing.key", "--json"])).toMatchObject({ exit: 0 });
  expect(api.unknown).toEqual([]);
});
