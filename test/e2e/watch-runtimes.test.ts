/** WebSocket clients that nobody here wrote, and our own client in each runtime that it is made for. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { prepareData, serve } from "./support/authority.ts";
import { declaration, sendWrite } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { RUNTIMES } from "./support/runtimes.ts";

const NAME = "tes-subproto-v1";
let client: string;

interface Opened extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
}

async function openAuthority(): Promise<Opened> {
  const place = await makePlace();
  const signing = keyOf("runtimes");
  await prepareData(place, { signing, recovery: keyOf("runtimes recovery") });
  const { url } = await serve(place);
  const token = mintToken(signing);
  using wire = openWire(url);
  await sendWrite(wire, token, declaration("declare"));
  return { url, token, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), "tes-client-"));
  const entry = join(import.meta.dirname, "../../src/client/index.ts");
  await promisify(execFile)("bun", ["build", entry, "--target", "browser", "--outfile", join(dir, "client.js")]);
  client = await readFile(join(dir, "client.js"), "utf8");
  await rm(dir, { recursive: true });
});

/** A bare session with the runtime's own WebSocket. */
const BARE = `
  const ws = new WebSocket(url.replace("http", "ws") + "/v1/default/watch", ["unknown", "${NAME}"]);
  const frames = [];
  return new Promise((resolve, reject) => {
    ws.onerror = () => reject(new Error("the socket failed"));
    ws.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      frames.push(frame.type);
      if (frame.type === "challenge") ws.send('{"type":"anonymous"}');
      if (frame.type === "welcome") ws.send('{"type":"subscribe","since":0,"window":131072}');
      if (frame.type === "event") ws.send('{"type":"ping"}');
      if (frame.type === "pong") ws.send("no JSON");
      if (frame.type === "error") frames.push(frame.code);
    };
    ws.onclose = ({ code, reason }) => resolve({ protocol: ws.protocol, frames, code, reason });
  });`;

/** Our own client: it proves a token, watches from the start, and bumps once to see that too. */
const ours = (token: string) => `
  const { createClient } = await import("data:text/javascript;base64,${Buffer.from(client).toString("base64")}");
  const tes = createClient({ url, trustFirst: true, token: "${token}" });
  const seen = [];
  for await (const { index, statement, checkpoint } of tes.watch({ since: 0 })) {
    seen.push(index);
    if (index === 1) await tes.bump({ entity: "global:main", scope: "patch" });
    if (index === 2) return { seen, last: statement.type, size: checkpoint.size };
  }`;

describe.each(RUNTIMES)("$name", ({ name, missing, evaluate }) => {
  if (missing !== null) console.warn(`no sockets of ${name}: ${missing}`);

  test.skipIf(missing !== null)(
    "negotiates, reads, is closed with the documented code; and our client watches in it",
    async () => {
      await using authority = await openAuthority();
      expect(await evaluate(BARE, authority.url)).toEqual({
        protocol: NAME,
        frames: ["challenge", "welcome", "subscribed", "event", "pong", "error", "json_invalid"],
        code: 1008,
        reason: "json_invalid",
      });
      const watched = await evaluate(ours(authority.token), authority.url);
      expect(watched).toEqual({ seen: [0, 1, 2], last: "version.bumped", size: 3 });
    },
  );
});

describe("the package ws", () => {
  const answerTo = (url: string, protocols: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const ws = new WebSocket(`${url.replace("http", "ws")}/v1/default/watch`, protocols);
      ws.on("open", () => {
        resolve(`101 ${ws.protocol} ${ws.extensions}`.trim());
        ws.terminate();
      });
      ws.on("error", reject);
      ws.on("unexpected-response", (_request, response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(`${response.statusCode} ${JSON.parse(text).code}`));
      });
    });

  test("is given the subprotocol, and no compression, though it asks for it; and is refused without one", async () => {
    await using authority = await openAuthority();
    const offer = (...names: string[]) => answerTo(authority.url, names);
    expect(await offer(NAME)).toBe(`101 ${NAME}`);
    expect(await offer("chat", NAME, "other")).toBe(`101 ${NAME}`);
    expect(await offer()).toBe("400 subprotocol_unknown");
    expect(await offer("tes-subproto-v2")).toBe("400 subprotocol_unknown");
  });
});

test("a name that is offered twice is refused, on one line and on two", async () => {
  await using authority = await openAuthority();
  const { hostname, port } = new URL(authority.url);
  const offer = (names: string | string[]): Promise<number> =>
    new Promise((resolve, reject) => {
      const headers = {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": Buffer.alloc(16, 7).toString("base64"),
        "sec-websocket-protocol": names,
      };
      const sent = request({ hostname, port, path: "/v1/default/watch", headers });
      sent.on("response", (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      sent.on("upgrade", (response, socket) => {
        socket.destroy();
        resolve(response.statusCode!);
      });
      sent.on("error", reject);
      sent.end();
    });
  expect(await offer(`${NAME}, ${NAME}`)).toBe(400);
  expect(await offer([NAME, NAME])).toBe(400);
  expect(await offer(["chat", NAME])).toBe(101);
});
