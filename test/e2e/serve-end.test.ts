/** How `tes serve` ends: asked to, killed, or with a part of it killed. Whatever ends it, the next start works. */

import { watch } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { beginServe, prepareData, type Served, serve, type Victim } from "./support/authority.ts";
import { declaration, sendWrite, startLoad } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, noneLeftIn, type Place, processesIn } from "./support/place.ts";
import { newWitness } from "./support/witness.ts";

const signing = keyOf("serve-end");
const recovery = keyOf("serve-end recovery");
const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** An authority with a declared entity, which is what a next start must find again. */
async function withEntity(place: Place): Promise<Served> {
  await prepareData(place, { signing, recovery });
  const authority = await serve(place);
  using wire = openWire(authority.url);
  await sendWrite(wire, mintToken(signing), declaration("declare"));
  return authority;
}

async function expectEntity({ url }: Served): Promise<void> {
  const state = await (await fetch(`${url}/v1/default`)).json();
  expect(state).toMatchObject({ size: 2, entities: [{ entity: "global:main", version: "0.1.0" }] });
}

test.each([
  ["SIGINT", "launcher"],
  ["SIGTERM", "launcher"],
  ["SIGHUP", "launcher"],
  ["SIGINT", "tes"],
  ["SIGTERM", "tes"],
] as const)("%s to the %s ends it with 0, leaves no process and gives the directory back", async (signal, to) => {
  await using place = await makePlace();
  const authority = await withEntity(place);
  authority.kill(to, signal);
  expect(await authority.run.exited).toBe(0);
  expect(await processesIn(place.dir)).toEqual([]);
  expect(await exists(join(place.dir, "data/lock"))).toBe(false);
  await expectEntity(await serve(place));
});

test("SIGTERM under load loses nothing that was acknowledged, and what was not is written once when it is sent again", async () => {
  await using place = await makePlace();
  const authority = await withEntity(place);
  const token = mintToken(signing);
  using wire = openWire(authority.url);
  let acknowledged = 0;
  const load = startLoad(wire, {
    token,
    clients: 32,
    each: 1_000,
    name: "term",
    onAcknowledged: () => {
      if (++acknowledged === 500) authority.kill("launcher", "SIGTERM");
    },
  });
  expect(await authority.run.exited).toBe(0);
  await load.done;
  expect(acknowledged).toBeLessThan(32_000);

  const next = await serve(place);
  using again = openWire(next.url);
  const witness = newWitness();
  await witness.meet(again);
  // The declaration was made under another token, so that its key names another write: only its statement counts here.
  const heads = load.writes.flatMap((write) =>
    write.receipt === undefined ? [] : [witness.note(write, write.receipt)],
  );
  await Promise.all(load.writes.map(async (write) => witness.note(write, await sendWrite(again, token, write))));
  const declared = JSON.parse((await again.send("/v1/default/log/proof?seq=1")).text);
  witness.note(declaration("declare"), declared);
  witness.confirm(await witness.meet(again), heads);
});

test.each<[Victim, number, string[]]>([
  ["workerd", 1, []],
  ["tes", 137, ["workerd"]],
  ["launcher", 137, []],
])(
  "after SIGKILL of %s it ends with %i, %j outlives it, and the next start has the directory",
  async (victim, exit, left) => {
    await using place = await makePlace();
    const authority = await withEntity(place);
    authority.kill(victim);
    expect(await authority.run.exited).toBe(exit);
    if (left.length === 0) await noneLeftIn(place.dir);
    else expect(await processesIn(place.dir)).toEqual([authority.pids.workerd]);
    const next = await serve(place);
    await expectEntity(next);
    if (left.length > 0) expect(next.run.stderr).toContain(`ended workerd (pid ${authority.pids.workerd})`);
    else expect(next.run.stderr).not.toContain("ended workerd");
  },
);

test("after SIGKILL of everything at once the next start has the directory", async () => {
  await using place = await makePlace();
  const authority = await withEntity(place);
  for (const victim of ["launcher", "tes", "workerd"] as const) authority.kill(victim);
  await authority.run.exited;
  const next = await serve(place);
  await expectEntity(next);
  expect(await next.stop()).toBe(0);
});

test("workerd's own end is told as authority_unreachable", async () => {
  await using place = await makePlace();
  const authority = await serve(place);
  authority.kill("workerd");
  await authority.run.exited;
  expect(authority.run.stderr).toContain('"code":"authority_unreachable"');
});

/** Resolves when a file of this name appears in a directory. */
function appears(dir: string, name: string): Promise<void> {
  return new Promise((resolve) => {
    const watcher = watch(dir, (_, file) => {
      if (file !== name) return;
      watcher.close();
      resolve();
    });
  });
}

test.each([
  ["launcher", ".", "lock"],
  ["launcher", "run", "config.capnp"],
  ["tes", ".", "lock"],
  ["tes", "run", "config.capnp"],
] as const)(
  "a start whose %s is killed when %s/%s appears leaves nothing in the next one's way",
  async (victim, sub, name) => {
    await using place = await makePlace();
    const dir = await prepareData(place, { signing, recovery });
    await mkdir(join(dir, "run"));
    const moment = appears(join(dir, sub), name);
    const run = beginServe(place);
    await moment;
    if (victim === "launcher") run.child.kill("SIGKILL");
    else process.kill(JSON.parse(await readFile(join(dir, "lock"), "utf8")).tes.pid, "SIGKILL");
    expect(await run.exited).toBe(137);
    if (victim === "launcher") await noneLeftIn(place.dir);
    const next = await serve(place);
    expect((await fetch(`${next.url}/v1/default`)).status).toBe(200);
    expect(await next.stop()).toBe(0);
    expect(await processesIn(place.dir)).toEqual([]);
  },
);

test("a start that is asked to end as it takes the lock ends, and gives it back", async () => {
  await using place = await makePlace();
  const dir = await prepareData(place, { signing, recovery });
  const moment = appears(dir, "lock");
  const run = beginServe(place);
  await moment;
  run.child.kill("SIGTERM");
  expect(await run.exited).toBe(0);
  expect(await processesIn(place.dir)).toEqual([]);
  expect(await exists(join(dir, "lock"))).toBe(false);
});
