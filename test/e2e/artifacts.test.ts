/** Files of releases on one machine: in parts, whole or not at all, checked on the way in and on the way out. */

import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { open, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient, type TesClient, TesError } from "../../src/client/index.ts";
import { ARTIFACT_PART_BYTES } from "../../src/core/limits.ts";
import { prepareData, type Served, serve } from "./support/authority.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace, noneLeftIn, type Place } from "./support/place.ts";
import { envelopeOf, publisherOf, setRequest, type TestFile } from "./support/publisher.ts";

const ENTITY = "global:main";
const signing = keyOf("artifacts");
const token = mintToken(signing);
const ada = publisherOf("ada");

interface Stage extends AsyncDisposable {
  readonly place: Place;
  readonly authority: Served;
  readonly client: TesClient;
  readonly scope: { readonly registry: string; readonly genesis: string; readonly entity: string };
  /** After a death. */
  again(): Promise<void>;
}

async function opened(): Promise<Stage> {
  const place = await makePlace();
  await prepareData(place, { signing, recovery: keyOf("artifacts recovery") });
  let authority: Served;
  let client: TesClient;
  const again = async (): Promise<void> => {
    authority = await serve(place);
    client = createClient({ url: authority.url, token, trustFirst: true });
  };
  await again();
  await client!.declare([{ entity: ENTITY, version: "1.0.0" }]);
  const scope = { registry: "default", genesis: (await client!.trust()).genesis, entity: ENTITY };
  await client!.setPublishers(ENTITY, setRequest(scope, 1, [ada], 1));
  return {
    place,
    get authority() {
      return authority;
    },
    get client() {
      return client;
    },
    scope,
    again,
    async [Symbol.asyncDispose]() {
      await authority.stop();
      await place[Symbol.asyncDispose]();
    },
  };
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const sourceOf = (bytes: Uint8Array) => ({
  sha256: sha256(bytes),
  size: bytes.length,
  read: async (from: number, to: number) => new Uint8Array(bytes.slice(from, to)),
});
const urlOf = ({ authority }: Stage, digest: string, rest = ""): string =>
  `${authority.url}/v1/default/artifacts/${digest}${rest}`;
const bearer = { authorization: `Bearer ${token}` };
const hasher = () => {
  const hash = createHash("sha256");
  return { update: (bytes: Uint8Array) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
};
const refused = async (work: Promise<unknown>): Promise<string> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof TesError) return thrown.code;
  throw thrown ?? new Error("It was not refused.");
};

/** Uploads a file, releases it as the next version, and gives that version. */
async function release({ client, scope }: Stage, bytes: Uint8Array, name = "tool.bin"): Promise<string> {
  await client.upload(sourceOf(bytes));
  const { version } = await client.entity(ENTITY);
  const file: TestFile = { name, bytes, stored: true };
  await client.release({ envelope: envelopeOf({ ...scope, version }, [file], [ada]) });
  await client.bump({ entity: ENTITY, scope: "minor" });
  return version;
}

/** Where storage keeps the parts of a file. */
async function partsOnDisk({ place }: Stage, digest: string): Promise<string[]> {
  const root = join(place.dir, "data/artifacts/default", digest);
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const rssOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;

test("a file is nobody's to see until it is released, and comes back as it was", async () => {
  await using stage = await opened();
  const { client } = stage;
  const bytes = new Uint8Array(randomBytes(100_000));
  const digest = sha256(bytes);
  const seen: number[] = [];
  const { state, parts } = await client.upload({ ...sourceOf(bytes), onProgress: (done) => void seen.push(done) });
  expect({ state, parts }).toEqual({ state: "stored", parts: [1] });
  expect(seen).toEqual([0, 100_000]);
  expect((await fetch(urlOf(stage, digest))).status).toBe(404);
  expect((await fetch(urlOf(stage, digest), { headers: bearer })).status).toBe(200);
  await release(stage, bytes);
  const answer = await fetch(urlOf(stage, digest));
  expect(answer.status).toBe(200);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "content-length": "100000",
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "repr-digest": `sha-256=:${Buffer.from(digest, "hex").toString("base64")}:`,
    "cache-control": expect.stringContaining("immutable"),
  });
  expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(digest);
  const pieces = await Array.fromAsync(client.download(digest, bytes.length, { hasher }));
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
  // Brought again: it is there.
  expect(await client.upload(sourceOf(bytes))).toMatchObject({ state: "stored" });
});

test("an empty file is a file", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(0);
  await release(stage, bytes, "empty");
  const answer = await fetch(urlOf(stage, sha256(bytes)));
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
});

test("a range is what RFC 9110 says", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(randomBytes(ARTIFACT_PART_BYTES + 1_000));
  const digest = sha256(bytes);
  await release(stage, bytes);
  const end = bytes.length;
  for (const [range, from, to] of [
    ["bytes=0-0", 0, 1],
    ["bytes=5-9", 5, 10],
    [`bytes=${ARTIFACT_PART_BYTES - 3}-${ARTIFACT_PART_BYTES + 2}`, ARTIFACT_PART_BYTES - 3, ARTIFACT_PART_BYTES + 3],
    [`bytes=${ARTIFACT_PART_BYTES}-`, ARTIFACT_PART_BYTES, end],
    ["bytes=-7", end - 7, end],
    ["bytes=-99999999", 0, end],
    ["bytes=0-99999999", 0, end],
  ] as const) {
    const answer = await fetch(urlOf(stage, digest), { headers: { range } });
    expect(answer.status, range).toBe(206);
    expect(answer.headers.get("content-range")).toBe(`bytes ${from}-${to - 1}/${end}`);
    expect(Buffer.from(await answer.arrayBuffer()).equals(bytes.subarray(from, to)), range).toBe(true);
  }
  for (const range of ["bytes=9-5", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"]) {
    const answer = await fetch(urlOf(stage, digest), { headers: { range } });
    expect(answer.status, range).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBe(end);
  }
  for (const range of [`bytes=${end}-`, "bytes=-0"]) {
    const answer = await fetch(urlOf(stage, digest), { headers: { range } });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([416, "range_unsatisfiable"]);
    expect(answer.headers.get("signature")).not.toBeNull();
    expect(answer.headers.get("content-range")).toBe(`bytes */${end}`);
  }
  const head = await fetch(urlOf(stage, digest), { method: "HEAD", headers: { range: "bytes=0-1" } });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, String(end)]);
});

test("an upload that does not fit has its code, and leaves nothing behind", async () => {
  await using stage = await opened();
  const { client, scope } = stage;
  const bytes = new Uint8Array(randomBytes(1_000));
  const digest = sha256(bytes);
  const digestField = (of: Uint8Array): string => `sha-256=:${createHash("sha256").update(of).digest("base64")}:`;
  const part = async (n: number, body: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) => {
    const answer = await fetch(urlOf(stage, digest, `/parts/${n}`), {
      method: "POST",
      body,
      headers: {
        ...bearer,
        "content-type": "application/octet-stream",
        "content-digest": digestField(body),
        ...headers,
      },
    });
    return ((await answer.json()) as { code?: string }).code ?? answer.status;
  };
  const begin = (size: unknown, of = digest, headers = bearer as Record<string, string>) =>
    fetch(urlOf(stage, of), {
      method: "POST",
      body: JSON.stringify({ size }),
      headers: { ...headers, "content-type": "application/json" },
    }).then(async (answer) => ((await answer.json()) as { code?: string }).code ?? answer.status);

  {
    expect(await part(1, bytes)).toBe("artifact_unknown");
    expect(await begin(-1)).toBe("invalid_field");
    expect(await begin(1e15)).toBe("artifact_limit");
    expect(await begin(1_000, "x")).toBe("invalid_field");
    expect(await begin(1_000, digest, {})).toBe("token_missing");
    const reader = mintToken(signing, { scope: ["read"] });
    expect(await begin(1_000, digest, { authorization: `Bearer ${reader}` })).toBe("forbidden");
    expect(await begin(1_000)).toBe(200);
    expect(await part(2, bytes)).toBe("upload_invalid");
    expect(await part(0, bytes)).toBe("upload_invalid");
    expect(await part(1, bytes.slice(1))).toBe("upload_invalid");
    expect(await part(1, bytes, { "content-digest": digestField(bytes.slice(1)) })).toBe("content_digest_mismatch");
    expect(await part(1, bytes, { "content-digest": "md5=:AAAA:" })).toBe("content_digest_mismatch");
    expect(await partsOnDisk(stage, digest)).toEqual([]);
    const incomplete = await fetch(urlOf(stage, digest, "/complete"), {
      method: "POST",
      body: "{}",
      headers: { ...bearer, "content-type": "application/json" },
    });
    expect(((await incomplete.json()) as { code: string }).code).toBe("upload_invalid");
    expect(await part(1, bytes)).toBe(200);
    expect(await part(1, bytes)).toBe(200);
    expect(await partsOnDisk(stage, digest)).toHaveLength(1);
  }

  {
    // Under a digest that is not its own it is taken away when it is whole.
    const other = sha256(new Uint8Array(randomBytes(8)));
    expect(await refused(client.upload({ ...sourceOf(bytes), sha256: other }))).toBe("artifact_corrupt");
    expect(await partsOnDisk(stage, other)).toEqual([]);
    expect(await begin(1_000, other)).toBe(200);
  }

  {
    // A wrong size that somebody said first is no obstacle to the right one.
    const mine = new Uint8Array(randomBytes(500));
    expect(await begin(7, sha256(mine))).toBe(200);
    expect(await client.upload(sourceOf(mine))).toMatchObject({ state: "stored", size: 500 });
    expect(await begin(7, sha256(mine))).toBe("artifact_corrupt");
  }

  {
    // A release whose file is not there whole.
    const { version } = await client.entity(ENTITY);
    const file: TestFile = { name: "missing", bytes: new Uint8Array(randomBytes(9)), stored: true };
    const envelope = envelopeOf({ ...scope, version }, [file], [ada]);
    expect(await refused(client.release({ envelope }))).toBe("artifact_missing");
    expect(await refused(client.release({ envelope, dryRun: true }))).toBe("artifact_missing");
  }
});

test("an upload that breaks off, at any byte and by any death, goes on where it was", async () => {
  await using stage = await opened();
  const bytes = new Uint8Array(randomBytes(2 * ARTIFACT_PART_BYTES + 5_000));
  const source = sourceOf(bytes);
  const { url } = stage.authority;
  const cut = createClient({ url, token, trustFirst: true, attempts: 1 });
  // The second part breaks off in the middle of its body.
  let reads = 0;
  const broken = createClient({
    url,
    token,
    trustFirst: true,
    attempts: 1,
    fetch: (target, init) => {
      if (!target.includes("/parts/") || ++reads !== 2) return fetch(target, init);
      const body = init.body as Uint8Array<ArrayBuffer>;
      const at = 1 + Math.floor(Math.random() * (body.length - 1));
      const stream = new ReadableStream({
        start(controller) {
          controller.enqueue(body.subarray(0, at));
        },
        pull(controller) {
          controller.error(new Error("cut"));
        },
      });
      return fetch(target, { ...init, body: stream, duplex: "half" } as RequestInit);
    },
  });
  expect(await refused(broken.upload(source))).toMatch(/^(authority_unreachable|upload_invalid)$/);
  // workerd dies while a part is on its way.
  const dying = cut.upload({
    ...source,
    read: async (from, to) => {
      if (from > ARTIFACT_PART_BYTES) stage.authority.kill("workerd");
      return source.read(from, to);
    },
  });
  expect(await refused(dying)).toBe("authority_unreachable");
  await stage.authority.run.exited;
  await noneLeftIn(stage.place.dir);
  await stage.again();
  const { client } = stage;
  const asked: number[] = [];
  const done = await client.upload({
    ...source,
    read: async (from, to) => {
      asked.push(from);
      return source.read(from, to);
    },
  });
  expect(done).toMatchObject({ state: "stored", parts: [1, 2, 3] });
  // What had come was not sent again.
  expect(asked).not.toContain(0);
  const version = await release(stage, bytes);
  expect((await client.releaseOf(ENTITY, version)).release.subjects[0]!.sha256).toBe(source.sha256);
});

test("a byte that was changed in storage is noticed on the way out, and never passes for the whole", async () => {
  await using stage = await opened();
  const { client } = stage;
  const bytes = new Uint8Array(randomBytes(300_000));
  const digest = sha256(bytes);
  await release(stage, bytes, "spoiled");
  const [path] = await partsOnDisk(stage, digest);
  const file = await open(path!, "r+");
  await file.write(Uint8Array.of(bytes[150_000]! ^ 1), 0, 1, 150_000);
  await file.close();
  const answer = await fetch(urlOf(stage, digest));
  expect(answer.status).toBe(200);
  await expect(answer.arrayBuffer()).rejects.toThrow();
  expect(await refused(Array.fromAsync(client.download(digest, bytes.length, { hasher })))).toMatch(
    /^(authority_unreachable|digest_mismatch)$/,
  );
  // A range says nothing of the whole, and whoever puts it together finds out.
  expect((await fetch(urlOf(stage, digest), { headers: { range: "bytes=0-9" } })).status).toBe(206);
  // A part that is gone altogether.
  await writeFile(path!, "");
  const gone = await fetch(urlOf(stage, digest));
  expect([gone.status, ((await gone.json()) as { code: string }).code]).toEqual([500, "artifact_damaged"]);
});

test("64 MiB go up and down, and workerd stays within 128 MiB above idle", async () => {
  await using stage = await opened();
  const size = 64 * 1024 * 1024;
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) bytes.set(randomBytes(64), at);
  const idle = rssOf(stage.authority.pids.workerd);
  let highest = idle;
  const watch = setInterval(() => {
    highest = Math.max(highest, rssOf(stage.authority.pids.workerd));
  }, 20);
  try {
    await release(stage, bytes, "large.bin");
    // Several times: what is left behind by each shows in their sum.
    for (let turn = 0; turn < 4; turn++) {
      let got = 0;
      for await (const piece of stage.client.download(sha256(bytes), size, { hasher })) got += piece.length;
      expect(got).toBe(size);
    }
  } finally {
    clearInterval(watch);
  }
  const above = (highest - idle) / 1_048_576;
  console.info(`workerd ${Math.round(above)} MiB above idle`);
  expect(above).toBeLessThan(128);
});
