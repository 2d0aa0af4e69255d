/** Sockets that mean no good, against raw workerd: each ends as documented, memory stays bounded, others notice nothing. */

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { WebSocket } from "ws";
import { prepareData, serve } from "./support/authority.ts";
import { sendWrite, type Write } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { createProver, NAME, openWatcher, WINDOW } from "./support/watchers.ts";

const STUCK = 60;
const MUTE = 20;
const ENTITIES = 300;
/** Each about 40 KB. */
const LARGE = 30;

const write = (key: string, path: string, body: object): Write => ({
  key,
  path: `/v1/default/${path}`,
  body: JSON.stringify(body),
});

const rssOf = async (pid: number): Promise<number> => {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, "utf8"));
  return Number(found![1]) * 1024;
};

/** How a socket ends: `code reason`. */
const endOf = (ws: WebSocket): Promise<string> =>
  new Promise((resolve) => ws.on("close", (code, reason) => resolve(`${code} ${String(reason)}`)));

/** The code in the error frame with which a socket ends. */
const lastWordOf = (ws: WebSocket): Promise<string> =>
  new Promise((resolve) => {
    ws.on("message", (data) => {
      const { type, code } = JSON.parse(String(data)) as { type: string; code?: string };
      if (type === "error") resolve(code!);
    });
  });

test("readers that stop, sockets that say nothing, floods and torn connections", async () => {
  await using place = await makePlace();
  const signing = keyOf("watch attack");
  await prepareData(place, { signing, recovery: keyOf("watch attack recovery") });
  const authority = await serve(place);
  const { url } = authority;
  const token = mintToken(signing);
  using wire = openWire(url);
  const open = () => new WebSocket(`${url.replace("http", "ws")}/v1/default/watch`, [NAME]);

  const entities = Array.from({ length: ENTITIES }, (_, n) => ({ entity: `component:${"x".repeat(100)}${n}` }));
  for (let at = 0; at < ENTITIES; at += 100) {
    await sendWrite(
      wire,
      token,
      write(`declare ${at}`.replace(" ", "-"), "entities", { entities: entities.slice(at, at + 100) }),
    );
  }
  const bumpAll = (n: number) => sendWrite(wire, token, write(`bump-${n}`, "bump", { entity: "*", scope: "patch" }));
  for (let n = 0; n < LARGE; n++) await bumpAll(n);
  const size = 1 + ENTITIES + LARGE;

  const prover = createProver();
  const good = await openWatcher({ url, prover, token });
  await good.reached(size);
  const before = await rssOf(authority.pids.workerd);

  // They ask for everything and read nothing.
  const stuck = await Promise.all(
    Array.from({ length: STUCK }, async () => {
      const ws = open();
      await new Promise((resolve) => ws.once("message", resolve));
      ws.send('{"type":"anonymous"}');
      await new Promise((resolve) => ws.once("message", resolve));
      ws.pause();
      ws.send(JSON.stringify({ type: "subscribe", since: 0, window: WINDOW }));
      return ws;
    }),
  );
  // They say nothing at all.
  const mute = Array.from({ length: MUTE }, open);
  const silenced = Promise.all(mute.map(lastWordOf));
  // They say too much.
  const floods = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const ws = open();
      ws.on("error", () => undefined);
      await new Promise((resolve) => ws.once("message", resolve));
      ws.send('{"type":"anonymous"}');
      for (let n = 0; n < 1_000; n++) ws.send('{"type": "ping"}');
      return endOf(ws);
    }),
  );
  expect(new Set(floods)).toEqual(new Set(["1013 rate_limited"]));
  // They are torn away in the middle of a frame.
  for (let n = 0; n < 20; n++) {
    const ws = open();
    await new Promise((resolve) => ws.once("message", resolve));
    const { _socket: socket } = ws as unknown as { _socket: { write(bytes: Buffer): void; resetAndDestroy(): void } };
    ws.on("error", () => undefined);
    socket.write(Buffer.from([0x81, 0xfe, 0x10, 0x00]));
    socket.resetAndDestroy();
  }

  for (let n = LARGE; n < LARGE + 10; n++) await bumpAll(n);
  await good.reached(size + 10);
  const grown = (await rssOf(authority.pids.workerd)) - before;
  // One window each, however long the log is (2 MB and more here), and room for the sockets themselves.
  expect(grown).toBeLessThan(STUCK * 2 * WINDOW + 80 * 1_048_576);
  console.log(
    `${STUCK} readers that stopped: ${Math.round(grown / STUCK / 1024)} KiB each, of a log of ${Math.round((LARGE * 40_000) / 1024)} KiB`,
  );

  expect(new Set(await silenced)).toEqual(new Set(["handshake_timeout"]));
  for (const ws of mute) ws.terminate();
  await bumpAll(LARGE + 10);
  await good.reached(size + 11);
  for (const ws of stuck) ws.terminate();
  good.ws.terminate();
  expect(await authority.stop()).toBe(0);
}, 40_000);

test("a socket that the client closes is closed at once, with the client's code", async () => {
  await using place = await makePlace();
  await prepareData(place, { signing: keyOf("watch close"), recovery: keyOf("watch close recovery") });
  const { url } = await serve(place);
  for (const code of [1000, 4000, undefined]) {
    const ws = new WebSocket(`${url.replace("http", "ws")}/v1/default/watch`, [NAME]);
    await new Promise((resolve) => ws.once("message", resolve));
    const began = performance.now();
    ws.close(code);
    // ws waits 30 seconds for an answer, and would then say 1006.
    expect(await endOf(ws)).toBe(`${code ?? 1000} `);
    expect(performance.now() - began).toBeLessThan(5_000);
  }
});
