/** `tes serve` as a process: what it says, what it will not start on, and that one directory has one authority. */

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import setup from "../public-key.ts";
import { beginServe, failure, prepareData, type Served, serve, served } from "./support/authority.ts";
import { keyOf } from "./support/keys.ts";
import { makePlace, type Place, type Running } from "./support/place.ts";

const USUAL_PORT = 8787;
const portOf = ({ url }: Served): number => Number(new URL(url).port);
const health = async ({ url }: Served): Promise<number> => (await fetch(`${url}/healthz`)).status;

/** Takes a port of the loopback address, unless somebody has it already: then it is taken, which is all that is needed. */
async function takePort(port: number): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: NodeJS.ErrnoException) => (error.code === "EADDRINUSE" ? resolve() : reject(error)));
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : port,
    async [Symbol.asyncDispose]() {
      if (server.listening) await new Promise((done) => server.close(done));
    },
  };
}

test("--json prints one line, and from then on it answers", async () => {
  await using place = await makePlace();
  const authority = await serve(place, { data: "new/deep" });
  expect(await health(authority)).toBe(200);
  expect(JSON.parse(authority.announced)).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    pid: expect.any(Number),
    workerdPid: expect.any(Number),
  });
  // Without a recovery key there is no genesis, and nothing is made up.
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(404);
  expect(await authority.stop()).toBe(0);
  expect(authority.run.stdout).toBe(`${authority.announced}\n`);
});

test("without it, it says where the dashboard is, and it is there, under its policy", async () => {
  await using place = await makePlace();
  const running = place.tes(["serve", "--port", "0", "--data", join(place.dir, "data")]);
  const url = /^(http:\S+)/.exec(await running.firstLine())![1]!;
  await expect.poll(() => running.stdout).toContain(`\ndashboard: ${url}/dash\n`);
  const page = await fetch(`${url}/dash`);
  expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(page.headers.get("content-security-policy")).toContain(`connect-src 'self' ws://${new URL(url).host};`);
  // What the disk would say of itself is not passed on.
  for (const path of ["/dash/assets/", "/dash/assets/..", "/dash/assets/%2e%2e/index.html", "/dash/index.html"]) {
    expect((await fetch(`${url}${path}`)).status).toBe(path === "/dash/assets/.." ? 200 : 404);
  }
  running.child.kill("SIGTERM");
  expect(await running.exited).toBe(0);
});

test("with the usual port taken it takes a free one and says so", async () => {
  await using place = await makePlace();
  await using taken = await takePort(USUAL_PORT);
  const authority = await serve(place, { port: "usual" });
  expect(portOf(authority)).not.toBe(taken.port);
  expect(await health(authority)).toBe(200);
  expect(authority.run.stderr).toContain(`port ${USUAL_PORT} is taken: using ${portOf(authority)}`);
});

test("a port that was asked for and is taken is port_in_use, and the directory is free again", async () => {
  await using place = await makePlace();
  await using taken = await takePort(0);
  expect(await failure(beginServe(place, { port: taken.port }))).toMatchObject({
    exit: 1,
    code: "port_in_use",
    facts: { port: taken.port },
  });
  const authority = await serve(place);
  expect(await health(authority)).toBe(200);
});

test("the port of one authority is port_in_use for another", async () => {
  await using place = await makePlace();
  const first = await serve(place, { data: "first" });
  const refused = await failure(beginServe(place, { data: "second", port: portOf(first) }));
  expect(refused).toMatchObject({ exit: 1, code: "port_in_use" });
  expect(await health(first)).toBe(200);
});

test("a directory in use is data_dir_in_use, which names the process that has it", async () => {
  await using place = await makePlace();
  const first = await serve(place);
  const refused = await failure(beginServe(place));
  expect(refused).toMatchObject({ exit: 1, code: "data_dir_in_use", facts: { pid: first.pids.tes } });
  expect(refused.detail).toContain(`process ${first.pids.tes}`);
  expect(await health(first)).toBe(200);
});

/** Starts several on one directory at once. @returns the one that serves; the others were refused */
async function race(place: Place, starters: number): Promise<Served> {
  const runs = Array.from({ length: starters }, () => beginServe(place));
  const outcome = async (run: Running) => {
    const first = await Promise.race([run.firstLine().catch(() => null), run.exited.then(() => null)]);
    return first === null ? failure(run) : served(run);
  };
  const outcomes = await Promise.all(runs.map(outcome));
  const winners = outcomes.filter((one): one is Served => "url" in one);
  expect(winners).toHaveLength(1);
  const losers = outcomes.filter((one) => !("url" in one));
  expect(losers.map((loser) => "code" in loser && loser.code)).toEqual(Array(starters - 1).fill("data_dir_in_use"));
  expect(await health(winners[0]!)).toBe(200);
  return winners[0]!;
}

test("of two that start at once on a new directory exactly one wins", async () => {
  await using place = await makePlace();
  const winner = await race(place, 2);
  expect(await winner.stop()).toBe(0);
});

test("of four that start at once after a kill exactly one wins", async () => {
  await using place = await makePlace();
  const killed = await serve(place);
  killed.kill("tes");
  await killed.run.exited;
  const winner = await race(place, 4);
  expect(await winner.stop()).toBe(0);
});

test.each([
  ["half a record", '{"tes":{"pid":'],
  ["nothing", ""],
  [
    "a living process that began at another time",
    JSON.stringify({ tes: { pid: process.pid, started: "x" }, nonce: "0" }),
  ],
])("a lock that holds %s holds nothing", async (_, text) => {
  await using place = await makePlace();
  const dir = await prepareData(place, { recovery: keyOf("lock") });
  await writeFile(join(dir, "lock"), text);
  const authority = await serve(place);
  expect(JSON.parse(await readFile(join(dir, "lock"), "utf8")).tes.pid).toBe(authority.pids.tes);
});

// Permissions do not stop root, so each of these stands in the way by what it is; sysfs takes nobody's directory.
const unwritable = "/sys/kernel/tes-data";
test("a directory that cannot be made is file_unwritable", async () => {
  if (process.platform !== "linux") return console.warn("Not run: only Linux has sysfs.");
  await using place = await makePlace();
  const refused = await failure(place.tes(["serve", "--json", "--port", "0", "--data", unwritable]));
  expect(refused).toMatchObject({ exit: 1, code: "file_unwritable", detail: expect.stringContaining(unwritable) });
});

test.each([
  ["a file where the directory should be", async (dir: string) => writeFile(dir, "")],
  ["a file where the objects should be", async (dir: string) => mkdir(dir).then(() => writeFile(join(dir, "do"), ""))],
  ["a directory where the lock should be", async (dir: string) => mkdir(join(dir, "lock"), { recursive: true })],
  [
    "a directory where the Worker should be",
    async (dir: string) => mkdir(join(dir, "run/worker.js"), { recursive: true }),
  ],
  [
    "a directory where its configuration should be",
    async (dir: string) => mkdir(join(dir, "run/config.capnp"), { recursive: true }),
  ],
])("%s is file_unwritable", async (_, obstruct) => {
  await using place = await makePlace();
  const dir = join(place.dir, "data");
  await obstruct(dir);
  const refused = await failure(beginServe(place));
  expect(refused).toMatchObject({ exit: 1, code: "file_unwritable" });
  expect(refused.detail).toContain(dir);
});

const good = keyOf("serve").hex;
const published = (() => {
  let text: string | null = null;
  setup({
    provide(_, value) {
      text = value;
    },
  });
  return text as string | null;
})();

test.each([
  ["63 characters", good.slice(1), "key_format", 2],
  ["65 characters", `${good}0`, "key_format", 2],
  ["a character that is not hexadecimal", `${good.slice(1)}g`, "key_format", 2],
  ["a blank before it", ` ${good.slice(1)}`, "key_format", 2],
  ["nothing", "", "key_format", 2],
  ...(published === null ? [] : [["the key of a public document", published, "key_public", 1] as const]),
] as const)("a key that is %s is refused from a file and from the environment", async (_, text, code, exit) => {
  await using place = await makePlace();
  const file = join(place.dir, "wrong.key");
  await writeFile(file, `${text}\n`);
  const fromFile = beginServe(place, { args: ["--key-file", file] });
  const fromEnv = beginServe(place, { data: "other", env: { VERSION_SIGNING_KEY_V2: text } });
  expect(await failure(fromFile)).toMatchObject({ exit, code, detail: expect.stringContaining(file) });
  expect(await failure(fromEnv)).toMatchObject({ exit, code, field: "VERSION_SIGNING_KEY_V2" });
  if (text === "") return;
  for (const { stdout, stderr } of [fromFile, fromEnv]) expect(stdout + stderr).not.toContain(text.trim());
});

test.each([
  ["is not there", async () => undefined],
  ["is a directory", async (file: string) => mkdir(file).then(() => undefined)],
  ["is far too long", async (file: string) => writeFile(file, good.repeat(100))],
])("a key file that %s is file_unreadable", async (_, make) => {
  await using place = await makePlace();
  const file = join(place.dir, "some.key");
  await make(file);
  expect(await failure(beginServe(place, { args: ["--key-file", file] }))).toMatchObject({
    exit: 1,
    code: "file_unreadable",
    detail: expect.stringContaining(file),
  });
});
