/** `tes lock` killed at every boundary: each run goes on where the last one ended, and the end is as if none had been. */

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Body, writeLog } from "../../src/cli/lock/log.ts";
import { makeProject, type Project } from "../e2e/support/cloudflare/project.ts";

/** A process and all that it started, at once. */
async function killTree(root: number): Promise<void> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    const line = /^\d+$/.test(name) ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => null) : null;
    if (line !== null) parents.set(Number(name), Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const doomed = new Set([root]);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (doomed.has(parent) && !doomed.has(pid)) {
        doomed.add(pid);
        grew = true;
      }
    }
  }
  for (const pid of doomed) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended in between.
    }
  }
}

async function expectLocked(project: Project): Promise<void> {
  const done = await project.run(["lock", "--json"]);
  expect(done.exit, done.stderr).toBe(0);
  const { account } = project.api;
  expect([...account.scripts.keys()]).toEqual(["tes"]);
  expect([...account.namespaces.values()].map(({ title }) => title)).toEqual(["tes-KV"]);
  expect((await readFile(project.config, "utf8")).match(/binding = "KV"/g)).toHaveLength(1);
  const replay = await project.run(["lock", "--replay", "docs/TES-OPS-004-B-4-2-EXECUTION-LOG.md", "--json"]);
  expect(replay.exit, replay.stdout).toBe(0);
  const leftovers = (await readdir(join(project.place.dir, ".tes"))).sort();
  expect(leftovers).toEqual(["tes.admin.token", "tes.recovery.key"]);
}

test("killed before and after every call that changes something at Cloudflare", async () => {
  await using project = await makeProject();
  const met = new Set<string>();
  for (let rounds = 0; rounds < 24; rounds++) {
    const run = project.begin(["lock", "--json"]);
    let killed = "";
    const kill =
      (when: string) =>
      async ({ method, path }: { method: string; path: string }) => {
        const at = `${when} ${method} ${path}`;
        if (method === "GET" || killed !== "" || met.has(at)) return undefined;
        killed = at;
        met.add(at);
        await killTree(run.child.pid!);
        return "cut" as const;
      };
    project.api.interfere = { before: kill("before"), after: kill("after") };
    await run.exited;
    if (killed === "") break;
  }
  project.api.interfere = {};
  expect([...met].filter((at) => /PUT|KV|kv/.test(at)).length).toBeGreaterThanOrEqual(4);
  await expectLocked(project);
});

test("killed at the beginning and the end of every phase", async () => {
  await using project = await makeProject();
  const met = new Set<string>();
  for (let rounds = 0; rounds < 24; rounds++) {
    const run = project.begin(["lock", "--json"]);
    let killed = "";
    run.child.stdout!.on("data", () => {
      for (const line of run.stdout.split("\n").slice(0, -1)) {
        const { phase, state } = JSON.parse(line);
        if (phase === undefined || killed !== "" || met.has(`${phase} ${state}`)) continue;
        killed = `${phase} ${state}`;
        met.add(killed);
        void killTree(run.child.pid!);
      }
    });
    await run.exited;
    if (killed === "") break;
  }
  expect(met.size).toBe(12);
  await expectLocked(project);
});

test("two runs at once: one is told to wait, the other ends", async () => {
  await using project = await makeProject();
  const runs = await Promise.all([project.run(["lock", "--json"]), project.run(["lock", "--json"])]);
  expect(runs.map(({ exit }) => exit).sort()).toEqual([0, 1]);
  expect(runs.find(({ exit }) => exit === 1)!.stderr).toContain('"code":"conflict"');
  await expectLocked(project);
});

test("a log altered with a digest that fits again is contradicted by the world", async () => {
  await using project = await makeProject();
  const { place } = project;
  const run = await project.run(["lock", "--json"]);
  expect(run.exit, run.stderr).toBe(0);
  const text = await readFile(join(place.dir, "docs/TES-OPS-004-B-4-2-EXECUTION-LOG.json"), "utf8");
  const { digest: _, ...body } = JSON.parse(text) as Body & { digest: string };
  const other = "A".repeat(43);
  const alterations: Partial<Body>[] = [
    { key: { ...body.key!, keyid: other } },
    { recovery: other },
    { genesis: "0".repeat(64) },
    { target: { ...body.target, worker: "another" } },
    { bump: { ...body.bump!, provenance: "log size 99" } },
    { phases: [{ ...body.phases[0]!, files: [{ path: "wrangler.toml", before: null, after: "0".repeat(64) }] }] },
  ];
  const broken = await Promise.all(
    alterations.map(async (change, i) => {
      const path = join(place.dir, `altered-${i}.md`);
      await writeLog(path, { ...body, ...change });
      const { exit, json } = await project.run(["lock", "--replay", path, "--json"]);
      return [exit, json.claims.filter(({ state }: { state: string }) => state === "broken").length > 0];
    }),
  );
  expect(broken).toEqual(alterations.map(() => [1, true]));
});
