/** `tes watch` as a user runs it, and the client from any place in a log of several pages. */

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { prepareData, serve } from "./support/authority.ts";
import { declaration, ENTITY, sendWrite, startLoad } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, type Place } from "./support/place.ts";
import { createProver, openWatcher } from "./support/watchers.ts";

const SIGNING = keyOf("watch");

async function open(place: Place) {
  const data = await prepareData(place, { signing: SIGNING, recovery: keyOf("watch recovery") });
  const token = mintToken(SIGNING);
  await writeFile(join(data, "admin.token"), `${token}\n`, { mode: 0o600 });
  const authority = await serve(place);
  const wire = openWire(authority.url);
  await sendWrite(wire, token, declaration("declare"));
  const bump = (key: string) =>
    sendWrite(wire, token, { key, path: "/v1/default/bump", body: JSON.stringify({ entity: ENTITY, scope: "patch" }) });
  return { ...authority, token, wire, bump, [Symbol.dispose]: () => wire[Symbol.dispose]() };
}

test("tes watch shows people a line and programs an object for each statement", async () => {
  await using place = await makePlace();
  using authority = await open(place);
  await authority.bump("first");
  const args = ["watch", "--data", join(place.dir, "data"), "--since", "0", "--count", "3"];
  const people = place.tes(args);
  expect(await people.exited, people.stderr).toBe(0);
  const lines = people.stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^ {5}0 {2}\d{4}-\S+Z {2}registry\.genesis, by genesis$/);
  expect(lines[2]).toMatch(/^ {5}2 {2}\d{4}-\S+Z {2}global:main 0\.1\.0 → 0\.1\.1, by \S+$/);
  expect(people.stderr).toContain("from statement 0, and the log has 3");

  const program = place.tes([...args, "--json"]);
  expect(await program.exited, program.stderr).toBe(0);
  const objects = program.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(objects.map(({ index, statement, checkpoint }) => [index, statement.seq, checkpoint.size])).toEqual([
    [0, 0, 3],
    [1, 1, 3],
    [2, 2, 3],
  ]);
});

test("it waits for what comes, over a restart of the authority, and ends on SIGINT with 0", async () => {
  await using place = await makePlace();
  using authority = await open(place);
  const watching = place.tes([
    "watch",
    "--url",
    authority.url,
    "--trust-first",
    "--pins",
    join(place.dir, "pins"),
    "--json",
  ]);
  // It begins with what is written after it has connected.
  await until(() => watching.stderr.includes("from statement 2"));
  await authority.bump("one");
  expect(JSON.parse(await watching.firstLine()).index).toBe(2);
  authority.kill("workerd");
  await authority.run.exited;
  await until(() => watching.stderr.includes("Trying again"));
  await serve(place, { args: ["--port", new URL(authority.url).port] });
  await authority.bump("two");
  await until(() => watching.stdout.split("\n").length === 3);
  expect(JSON.parse(watching.stdout.split("\n")[1]!).index).toBe(3);
  watching.child.kill("SIGINT");
  expect(await watching.exited).toBe(0);
});

test("a hook gets the statement as data, no token, and ends the watch when it fails", async () => {
  await using place = await makePlace();
  using authority = await open(place);
  await authority.bump("first");
  const env = { TES_TOKEN: authority.token, VERSION_SIGNING_KEY: SIGNING.hex };
  const common = ["watch", "--data", join(place.dir, "data"), "--since", "1", "--count", "2", "--json"];
  const hook = `cat >> statements; echo "$TES_INDEX $TES_TYPE $TES_ENTITY $TES_VERSION" >> variables; env >> environment`;
  const good = place.tes([...common, "--exec", hook], { env });
  expect(await good.exited, good.stderr).toBe(0);
  const read = (name: string) => readFile(join(place.dir, name), "utf8");
  expect(await read("variables")).toBe(`1 entity.declared ${ENTITY} \n2 version.bumped ${ENTITY} 0.1.1\n`);
  const statements = (await read("statements"))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(statements.map(({ seq }) => seq)).toEqual([1, 2]);
  const environment = await read("environment");
  expect(environment).not.toContain(authority.token);
  expect(environment).not.toContain(SIGNING.hex);

  const bad = place.tes([...common, "--exec", "exit 3"]);
  expect(await bad.exited).toBe(1);
  expect(JSON.parse(bad.stderr.trimEnd().split("\n").at(-1)!)).toMatchObject({
    code: "hook_failed",
    detail: "It ended with 3 at statement 1.",
  });
  // What was not dealt with was not passed over.
  expect(bad.stdout.trimEnd().split("\n")).toHaveLength(1);
});

test("from any place in a log of many pages: before, on and after the borders of tiles", async () => {
  await using place = await makePlace();
  using authority = await open(place);
  const load = startLoad(authority.wire, { token: authority.token, clients: 32, each: 60, name: "pages" });
  await load.done;
  const size = 2 + 32 * 60;
  const prover = createProver();
  const all = await openWatcher({ url: authority.url, prover });
  await all.reached(size);
  expect(prover.events).toBeGreaterThan(3);
  all.ws.terminate();
  for (const since of [0, 1, 2, 255, 256, 257, 511, 512, 1_000, size - 1]) {
    const client = createClient({ url: authority.url, trustFirst: true });
    let next = since;
    for await (const { index, json } of client.watch({ since })) {
      if (index !== next || json.seq !== next) expect.unreachable(`${next} was due from ${since}, and ${index} came`);
      if (++next === size) break;
    }
    const known = await client.checkpoint();
    expect(known.size).toBe(size);
  }
});

/** Looks again until something is so; the test's own limit ends it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
}
