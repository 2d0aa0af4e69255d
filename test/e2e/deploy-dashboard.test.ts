/** `tes deploy` of a Worker with the dashboard: built by wrangler's own build step, uploaded, and under its headers. */

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { makeProject } from "./support/cloudflare/project.ts";
import { makePlace } from "./support/place.ts";

const ROOT = join(import.meta.dirname, "../..");
const OWN = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
/** The very lines of our own configuration, and a build that leaves what a real one would. */
const ASSETS = /\[assets\]\n(?:.+\n)+/.exec(OWN)![0];
const BUILD = `
[build]
command = "mkdir -p dist/dash/assets && echo '<!doctype html>built' > dist/dash/index.html && echo 1 > dist/dash/assets/page-1.js"
`;

test("our own configuration: the audit finds nothing to mend, and wrangler builds and reads the assets", async () => {
  await using place = await makePlace();
  const audit = place.tes(["config", "audit", join(ROOT, "wrangler.toml"), "--json"]);
  expect(await audit.exited, audit.stderr).toBe(0);
  const { findings } = JSON.parse(audit.stdout) as { findings: { rule: string }[] };
  // A build step may write the entry point, so the audit leaves its exports to wrangler's dry run: which follows.
  expect(findings.map(({ rule }) => rule)).toEqual(["entry-unread"]);
  const args = ["deploy", "--dry-run", "--outdir", join(place.dir, "out")];
  const { stdout, stderr } = await promisify(execFile)(join(ROOT, "node_modules/.bin/wrangler"), args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: join(place.dir, "home"), NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" },
  });
  expect(`${stdout}${stderr}`).toMatch(/env\.ASSETS\s+Assets/);
  expect(`${stdout}${stderr}`).not.toMatch(/WARNING|ERROR/);
  expect(existsSync(join(ROOT, "dist/dash/index.html"))).toBe(true);
});

test("the page is there after a deploy, and nothing of it goes past the Worker", async () => {
  await using project = await makeProject({ more: `\n${ASSETS}${BUILD}` });
  const { api } = project;
  const audit = await project.run(["config", "audit"]);
  expect(audit.exit, audit.stdout).toBe(0);
  const first = await project.run(["deploy", "--key-file", "signing.key", "--generate", "--json"]);
  expect(first.exit, first.stderr).toBe(0);
  expect(first.json).toMatchObject({ worker: "tes", Worker: "deployed together with its key" });
  const version = api.account.active("tes")!;
  expect(version.metadata.assets?.config).toMatchObject({ html_handling: "none", run_worker_first: true });
  expect([...api.account.assets.get(version.metadata.assets!.jwt)!.keys()].sort()).toEqual([
    "/assets/page-1.js",
    "/index.html",
  ]);
  const url = `http://${await project.edge.authority("tes")}`;
  const page = await fetch(`${url}/dash`);
  expect([page.status, await page.text()]).toEqual([200, "<!doctype html>built\n"]);
  expect(page.headers.get("content-security-policy")).toContain("default-src 'none'");
  const script = await fetch(`${url}/dash/assets/page-1.js`);
  expect([script.status, script.headers.get("content-type")]).toEqual([200, "text/javascript; charset=utf-8"]);
  for (const path of ["/index.html", "/assets/page-1.js"]) {
    const past = await fetch(`${url}${path}`);
    expect([past.status, await past.json()]).toMatchObject([404, { code: "route_unknown" }]);
  }

  const again = await project.run(["deploy", "--json"]);
  expect(again.exit, again.stderr).toBe(0);
  expect((await fetch(`${url}/dash`)).status).toBe(200);
  expect(await readFile(join(project.place.dir, "dist/dash/index.html"), "utf8")).toContain("built");
  expect(api.unknown).toEqual([]);
});
