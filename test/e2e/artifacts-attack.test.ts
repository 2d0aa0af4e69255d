/** Files of releases on raw workerd, as somebody would bring them who breaks off, kills, lies about lengths or never ends. */

import { createHash, hash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, rename, truncate, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient, type TesClient } from "../../src/client/index.ts";
import { ARTIFACT_PART_BYTES, MAX_TOKEN_UPLOADS } from "../../src/core/limits.ts";
import { prepareData, type Served, serve } from "./support/authority.ts";
import { rollDice } from "./support/dice.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, noneLeftIn, type Place } from "./support/place.ts";

/** Another seed is other bytes at which uploads break off: TES_SEED=… npm test. */
const SEED = process.env.TES_SEED ?? "artifacts";
const signing = keyOf("artifacts attack");
const token = mintToken(signing, { scope: ["release:*", "read"] });
const sha256 = (bytes: Uint8Array): string => hash("sha256", bytes);
const fieldOf = (bytes: Uint8Array): string => `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`;

interface Stage extends AsyncDisposable {
  readonly place: Place;
  authority: Served;
  readonly client: TesClient;
  again(): Promise<void>;
}

async function opened(env: Record<string, string> = {}): Promise<Stage> {
  const place = await makePlace();
  await prepareData(place, { signing, recovery: keyOf("artifacts attack recovery") });
  const start = (): Promise<Served> => serve(place, { env });
  const clientOf = ({ url }: Served): TesClient => createClient({ url, token, trustFirst: true, attempts: 1 });
  let authority = await start();
  let client = clientOf(authority);
  await client.trust();
  return {
    place,
    get authority() {
      return authority;
    },
    get client() {
      return client;
    },
    async again() {
      await authority.run.exited;
      await noneLeftIn(place.dir);
      authority = await start();
      client = clientOf(authority);
    },
    async [Symbol.asyncDispose]() {
      await authority.stop();
      await place[Symbol.asyncDispose]();
    },
  };
}

const target = (digest: string, rest = ""): string => `/v1/default/artifacts/${digest}${rest}`;
const auth = (as = token) => ({ authorization: `Bearer ${as}` });
const codeOf = async (answer: Response): Promise<string | number> =>
  answer.status === 200 ? 200 : ((await answer.json()) as { code: string }).code;
const begin = async ({ authority }: Stage, digest: string, size: unknown, as = token) =>
  codeOf(
    await fetch(authority.url + target(digest), {
      method: "POST",
      body: JSON.stringify({ size }),
      headers: { ...auth(as), "content-type": "application/json" },
    }),
  );
const put = ({ authority }: Stage, digest: string, n: string, body: Uint8Array<ArrayBuffer>, headers = {}) =>
  fetch(authority.url + target(digest, `/parts/${n}`), {
    method: "POST",
    body,
    headers: {
      ...auth(),
      "content-type": "application/octet-stream",
      "content-digest": fieldOf(body),
      ...headers,
    },
  });
const complete = async ({ authority }: Stage, digest: string) =>
  codeOf(
    await fetch(authority.url + target(digest, "/complete"), {
      method: "POST",
      body: "{}",
      headers: { ...auth(), "content-type": "application/json" },
    }),
  );
const filesIn = async (dir: string): Promise<string[]> => {
  const found = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
};
const storeOf = ({ place }: Stage): string => join(place.dir, "data/artifacts");

/** A part on a socket of its own: head, then some of its bytes. */
async function send({ authority }: Stage, digest: string, n: number, body: Uint8Array, upTo: number): Promise<Socket> {
  const { hostname, port, host } = new URL(authority.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  const head = [
    `POST ${target(digest, `/parts/${n}`)} HTTP/1.1`,
    `host: ${host}`,
    `authorization: Bearer ${token}`,
    "content-type: application/octet-stream",
    `content-digest: ${fieldOf(body)}`,
    `content-length: ${body.length}`,
  ];
  socket.write(`${head.join("\r\n")}\r\n\r\n`);
  await new Promise<void>((resolve) => socket.write(body.subarray(0, upTo), () => resolve()));
  return socket;
}

test(`a part that breaks off at a byte drawn from the seed ${JSON.stringify(SEED)} is no part`, async () => {
  await using stage = await opened();
  const dice = rollDice(SEED);
  const bytes = new Uint8Array(randomBytes(1_000_000));
  const digest = sha256(bytes);
  expect(await begin(stage, digest, bytes.length)).toBe(200);
  for (const at of [0, 1, bytes.length - 1, ...Array.from({ length: 5 }, () => dice.between(2, bytes.length - 2))]) {
    const socket = await send(stage, digest, 1, bytes, at);
    socket.destroy();
    await once(socket, "close");
  }
  await expect.poll(() => filesIn(storeOf(stage)), { timeout: 10_000 }).toEqual([]);
  expect(await complete(stage, digest)).toBe("upload_invalid");
  expect((await put(stage, digest, "1", bytes)).status).toBe(200);
  expect(await complete(stage, digest)).toBe(200);
});

test("kill -9 of workerd in the middle of a part, and of the reading back, loses no part that was acknowledged", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(2 * ARTIFACT_PART_BYTES);
  for (let at = 0; at < bytes.length; at += 65_536) bytes.set(randomBytes(64), at);
  const digest = sha256(bytes);
  const [first, second] = [bytes.slice(0, ARTIFACT_PART_BYTES), bytes.slice(ARTIFACT_PART_BYTES)];
  expect(await begin(stage, digest, bytes.length)).toBe(200);
  expect((await put(stage, digest, "1", first)).status).toBe(200);
  await send(stage, digest, 2, second, second.length / 2);
  stage.authority.kill("workerd");
  await stage.again();
  expect(
    await stage.client.upload({
      sha256: digest,
      size: bytes.length,
      read: async (from, to) => {
        // The first part was acknowledged, and is not asked for again.
        expect(from).toBe(ARTIFACT_PART_BYTES);
        return bytes.slice(from, to);
      },
    }),
  ).toMatchObject({ state: "stored" });
  const other = sha256(first);
  expect(await begin(stage, other, first.length)).toBe(200);
  expect((await put(stage, other, "1", first)).status).toBe(200);
  const ended = complete(stage, other).catch(() => "broken");
  stage.authority.kill("workerd");
  await ended;
  await stage.again();
  expect(await complete(stage, other)).toBe(200);
});

test("storage that fails is an answer and no hanging request", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(randomBytes(100_000));
  const digest = sha256(bytes);
  expect(await begin(stage, digest, bytes.length)).toBe(200);
  await writeFile(join(storeOf(stage), "default"), "a file where a directory should be");
  const answer = await put(stage, digest, "1", bytes);
  expect(answer.status).toBeGreaterThanOrEqual(400);
  await rename(join(storeOf(stage), "default"), join(stage.place.dir, "aside"));
  expect((await put(stage, digest, "1", bytes)).status).toBe(200);
  expect(await complete(stage, digest)).toBe(200);
  // A part that somebody shortened: the range breaks off, and the whole is told as damaged before a byte of it came.
  const [path] = await filesIn(storeOf(stage));
  await truncate(path!, 60_000);
  for (const headers of [{}, { range: "bytes=50000-99999" }]) {
    const got = fetch(stage.authority.url + target(digest), { headers: { ...auth(), ...headers } }).then(
      async (read) => {
        expect(read.status === 200 || read.status === 206).toBe(true);
        return read.arrayBuffer();
      },
    );
    await expect(got).rejects.toThrow();
  }
});

test("hostile names, parts, lengths and bodies have their codes, and leave nothing", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(randomBytes(1_000));
  const digest = sha256(bytes);
  const { url } = stage.authority;
  for (const [name, code] of [
    [digest.toUpperCase(), "invalid_field"],
    [digest.slice(1), "invalid_field"],
    [`${digest}0`, "invalid_field"],
    [`${digest}%00`, "invalid_field"],
    ["%2e%2e%2fdo", "invalid_field"],
    ["a".repeat(4_096), "invalid_field"],
    [`${digest}/../${digest}/x`, "route_unknown"],
  ] as const) {
    expect(await begin(stage, name, 1_000), name).toBe(code);
    expect([400, 404, 422], name).toContain((await fetch(url + target(name), { headers: auth() })).status);
  }
  for (const size of [-1, 1.5, "1000", null, 2 ** 53, 1e300]) {
    expect(await begin(stage, digest, size), String(size)).toMatch(/^(invalid_field|artifact_limit|json_number)$/);
  }
  expect(await begin(stage, digest, 1_000)).toBe(200);
  for (const n of ["0", "2", "01", "-1", "1.0", "1e0", "99999", "100000", "%31", "x", "9".repeat(100)]) {
    expect((await put(stage, digest, n, bytes)).status, n).toBeGreaterThanOrEqual(400);
  }
  const spelt = `%${digest.charCodeAt(0).toString(16)}${digest.slice(1)}`;
  expect(await complete(stage, spelt)).toMatch(/^(upload_invalid|artifact_unknown)$/);
  for (const [headers, code] of [
    [{ "content-digest": "" }, "content_digest_mismatch"],
    [{ "content-digest": fieldOf(bytes.slice(1)) }, "content_digest_mismatch"],
    [{ "content-digest": `${fieldOf(bytes)}, ${fieldOf(bytes.slice(1))}` }, "content_digest_mismatch"],
    [{ "content-encoding": "gzip" }, "upload_invalid"],
    [{ authorization: "" }, "token_missing"],
    [{ authorization: `Bearer ${mintToken(signing, { scope: ["read"] })}` }, "forbidden"],
    [{ authorization: `Bearer ${mintToken(signing, { lifetime: -10 })}` }, "token_expired"],
  ] as const) {
    expect(await codeOf(await put(stage, digest, "1", bytes, headers)), JSON.stringify(headers)).toMatch(
      new RegExp(`^(${code}|token_invalid)$`),
    );
  }
  // One that does not say how long it is, and gives less, or more, or never ends.
  for (const length of [999, 1_001, 3_000_000]) {
    const chunks = new Blob([new Uint8Array(length)]).stream();
    const init = {
      method: "POST",
      body: chunks,
      duplex: "half",
      headers: { ...auth(), "content-type": "application/octet-stream", "content-digest": fieldOf(bytes) },
    };
    const code = await fetch(url + target(digest, "/parts/1"), init as RequestInit).then(codeOf, () => "broken");
    expect(code, String(length)).toMatch(/^(upload_invalid|content_digest_mismatch|broken)$/);
  }
  await expect.poll(() => filesIn(storeOf(stage)), { timeout: 10_000 }).toEqual([]);
});

test(`one token has ${MAX_TOKEN_UPLOADS} uploads open, another one its own`, async () => {
  await using stage = await opened();
  const digestOf = (n: number): string => sha256(Buffer.from(`upload ${n}`));
  for (let n = 0; n < MAX_TOKEN_UPLOADS; n++) expect(await begin(stage, digestOf(n), 9)).toBe(200);
  expect(await begin(stage, digestOf(MAX_TOKEN_UPLOADS), 9)).toBe("rate_limited");
  // One that is open already, or another token's, is none more.
  expect(await begin(stage, digestOf(0), 9)).toBe(200);
  const other = mintToken(signing, { scope: ["release:*"] });
  expect(await begin(stage, digestOf(MAX_TOKEN_UPLOADS), 9, other)).toBe(200);
});

test("on disk too what nobody published goes by itself, bytes and all", async () => {
  await using stage = await opened({ TES_UPLOAD_GRACE_S: "1" });
  const bytes = new Uint8Array(randomBytes(1_000));
  const { state } = await stage.client.upload({
    sha256: sha256(bytes),
    size: bytes.length,
    read: async (from, to) => bytes.slice(from, to),
  });
  expect(state).toBe("stored");
  expect(await filesIn(storeOf(stage))).toHaveLength(1);
  await expect.poll(() => filesIn(storeOf(stage)), { timeout: 15_000 }).toEqual([]);
  expect((await fetch(stage.authority.url + target(sha256(bytes)), { headers: auth() })).status).toBe(404);
});

test("a client that is stopped keeps what has come, and goes on from there", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(ARTIFACT_PART_BYTES + 10);
  bytes.set(randomBytes(64));
  const source = (asked: number[], stop?: AbortController) => ({
    sha256: sha256(bytes),
    size: bytes.length,
    ...(stop === undefined ? {} : { signal: stop.signal }),
    read: async (from: number, to: number) => {
      asked.push(from);
      stop?.abort();
      return bytes.slice(from, to);
    },
  });
  const [first, second]: [number[], number[]] = [[], []];
  await expect(stage.client.upload(source(first, new AbortController()))).rejects.toMatchObject({
    code: "interrupted",
  });
  expect(await stage.client.upload(source(second))).toMatchObject({ state: "stored" });
  expect([first, second]).toEqual([[0], [ARTIFACT_PART_BYTES]]);
  const stop = new AbortController();
  const hash = createHash("sha256");
  const hasher = () => ({
    update: (piece: Uint8Array) => void hash.update(piece),
    digest: () => new Uint8Array(hash.digest()),
  });
  const reading = (async () => {
    for await (const _ of stage.client.download(sha256(bytes), bytes.length, { hasher, signal: stop.signal }))
      stop.abort();
  })();
  await expect(reading).rejects.toMatchObject({ code: "interrupted" });
});
