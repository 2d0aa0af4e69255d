/** Attacks on an authority as it runs: names that nobody opened, and bodies without end or without haste. */

import { readdir } from "node:fs/promises";
import { request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { prepareData, serve } from "./support/authority.ts";
import { keyOf } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { OBJECTS } from "./support/storage.ts";

/** Spellings that every URL parser of a client would resolve first: they are sent as they stand. */
const RAW_PATHS = [
  "/v1/default/../other",
  "/v1/default/%2e%2e/other",
  "/v1/default/.%2E/other/bump",
  "/v1/default/entities/..",
  "/v1/default/./keys",
  "/v1/default/entities/a:b/%2e%2e/%2e%2e/keys",
  "/v1/default/registries/%2e%2e/delist",
  "/v1\\default\\keys",
  "/v1/default/entities/a b",
  "/v1/default/\u0430",
];

/** Sends bytes, and collects what comes until the other side closes. `half`: this side closes its half at once. */
function sendRaw({ hostname, port }: URL, text: string, half = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    let answer = "";
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      answer += chunk;
    });
    socket.once("error", reject).once("end", () => {
      socket.destroy();
      resolve(answer);
    });
    const bytes = Buffer.from(text, "latin1");
    if (half) socket.end(bytes);
    else socket.write(bytes);
  });
}

test("paths that a parser would rewrite are refused, not rewritten", async () => {
  await using place = await makePlace();
  await prepareData(place, { signing: keyOf("attacks"), recovery: keyOf("attacks recovery") });
  const authority = await serve(place);
  const url = new URL(authority.url);
  for (const path of RAW_PATHS) {
    for (const method of ["GET", "POST"]) {
      const raw = Buffer.from(path, "utf8").toString("latin1");
      const head = `${method} ${raw} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n`;
      const answer = await sendRaw(url, `${head}${method === "POST" ? "Content-Length: 0\r\n" : ""}\r\n`);
      expect(answer, `${method} ${path}`).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(answer.toLowerCase(), `${method} ${path}`).not.toContain("\nsignature:");
    }
  }
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(200);
  expect(await authority.stop()).toBe(0);
});

test("hosts, targets and bodies that are none are the sender's fault, and no line in the log", async () => {
  await using place = await makePlace();
  await prepareData(place, { signing: keyOf("attacks"), recovery: keyOf("attacks recovery") });
  const authority = await serve(place);
  const url = new URL(authority.url);
  const { host, port } = url;
  const get = (hosts: string, target = "/v1/default") =>
    sendRaw(url, `GET ${target} HTTP/1.1\r\n${hosts}\r\nConnection: close\r\n\r\n`);
  const none: [string, Promise<string>][] = [
    ...["a b", `${host}.evil`, `localhost:${port},evil`, `evil@localhost:${port}`, "localhost:999999"].map(
      (name): [string, Promise<string>] => [name, get(`Host: ${name}`)],
    ),
    ["two hosts", get(`Host: ${host}\r\nHost: evil`)],
    ["the same host twice", get(`Host: ${host}\r\nHost: ${host}`)],
    ["a star", get(`Host: ${host}`, "*")],
  ];
  for (const [what, answer] of none) expect(await answer, what).toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"bad_request"/);
  for (const name of ["evil", "0x7f.1", "127.1", "127.0.0.1.", "2130706433"].map((each) => `${each}:${port}`)) {
    expect(await get(`Host: ${name}`), name).toMatch(/^HTTP\/1\.1 421 /);
  }
  expect(await get(`Host: 127.0.0.1:0${port}`)).toMatch(/^HTTP\/1\.1 4(?:00|21) /);
  expect(await get(`Host: LocalHost:${port}`)).toMatch(/^HTTP\/1\.1 200 /);

  const post = (headers: string, body: string, half = false) =>
    sendRaw(
      url,
      `POST /v1/default/bump HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n${headers}\r\nConnection: close\r\n\r\n${body}`,
      half,
    );
  const bodies: [string, Promise<string>][] = [
    ["a chunk of no size", post("Transfer-Encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n")],
    ["a chunk cut short", post("Transfer-Encoding: chunked", "5\r\n{}", true)],
    ["a body cut short", post("Content-Length: 50", "{", true)],
  ];
  for (const [what, answer] of bodies) {
    expect(await answer, what).toMatch(/^HTTP\/1\.1 400 [\s\S]*\nsignature: [\s\S]*"code":"bad_request"/i);
  }
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(200);
  expect(await authority.stop()).toBe(0);
  expect(authority.run.stderr).not.toMatch(/worker_failed|object_failed|internal/);
});

const NAMES = 10_000;
const AT_ONCE = 64;

test("10,000 names that nobody opened store nothing, asked for in every way", { timeout: 60_000 }, async () => {
  await using place = await makePlace();
  const data = await prepareData(place, { signing: keyOf("attacks"), recovery: keyOf("attacks recovery") });
  const authority = await serve(place);
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(200);
  const files = async () => (await readdir(join(data, OBJECTS))).filter((name) => name.endsWith(".sqlite")).sort();
  const before = await files();
  const ways: readonly ((name: string) => Promise<Response>)[] = [
    (name) => fetch(`${authority.url}/v1/${name}`),
    (name) => fetch(`${authority.url}/v1/${name}/log/checkpoint`),
    (name) => fetch(`${authority.url}/v1/${name}/import`),
    (name) => fetch(`${authority.url}/v1/${name}`, { method: "POST", body: "{}" }),
    (name) =>
      fetch(`${authority.url}/v1/${name}/bump`, {
        method: "POST",
        body: "{}",
        headers: { authorization: "Bearer a.b.c" },
      }),
  ];
  let next = 0;
  const statuses = new Map<number, number>();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < NAMES) {
        const i = next++;
        const answer = await ways[i % ways.length]!(`n${i}`);
        await answer.arrayBuffer();
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        expect(answer.headers.has("signature")).toBe(false);
      }
    }),
  );
  expect([...statuses]).toEqual([[404, NAMES]]);
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(200);
  expect(await authority.stop()).toBe(0);
  // Not even an empty file: an object that is asked is one.
  expect(await files()).toEqual(before);
});

test("a body without end is cut off, and one that crawls keeps nobody waiting", { timeout: 60_000 }, async () => {
  await using place = await makePlace();
  await prepareData(place, { signing: keyOf("attacks"), recovery: keyOf("attacks recovery") });
  const authority = await serve(place);
  const { hostname, port } = new URL(authority.url);
  // Many that have said how much they will send, and send next to none of it.
  const crawlers = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const socket = connect(Number(port), hostname);
      await new Promise((resolve) => socket.once("connect", resolve));
      socket.on("error", () => undefined);
      socket.write(
        `POST /v1/default/bump HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n` +
          `Content-Length: 500000\r\n\r\n{`,
      );
      return socket;
    }),
  );
  for (let i = 0; i < 20; i++) {
    const read = await fetch(`${authority.url}/v1/default`, { headers: { "tes-nonce": "A".repeat(22) } });
    expect(read.status).toBe(200);
    await read.arrayBuffer();
  }
  for (const socket of crawlers) socket.destroy();
  // One that sends for ever, chunk by chunk, without saying how much.
  const sent = await new Promise<{ status: number; bytes: number }>((resolve, reject) => {
    let bytes = 0;
    let status = 0;
    const chunk = Buffer.alloc(65_536, 0x20);
    const outgoing = request(
      { hostname, port, path: "/v1/default/bump", method: "POST", headers: { "content-type": "application/json" } },
      (answer) => {
        status = answer.statusCode ?? 0;
        answer.resume();
        answer.once("end", () => {
          outgoing.destroy();
          resolve({ status, bytes });
        });
      },
    );
    outgoing.on("error", (error: NodeJS.ErrnoException) => {
      // The other side may close while this one still writes.
      if (status === 0 && !["ECONNRESET", "EPIPE"].includes(error.code ?? "")) reject(error);
      else resolve({ status, bytes });
    });
    const pump = (): void => {
      while (!outgoing.destroyed && bytes < 256 * 1_048_576) {
        bytes += chunk.length;
        if (!outgoing.write(chunk)) {
          outgoing.once("drain", pump);
          return;
        }
      }
    };
    pump();
  });
  expect([0, 413]).toContain(sent.status);
  expect(sent.bytes).toBeLessThan(64 * 1_048_576);
  expect((await fetch(`${authority.url}/v1/default`)).status).toBe(200);
  expect(await authority.stop()).toBe(0);
});
