/** Carrying a registry over, opening a backup again, and deriving the state anew. */

import { reset, runInDurableObject } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, createClient, memoryPins, openImport, type PinStore } from "../../src/client/index.ts";
import { toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { sha256, sha256Hex } from "../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../src/core/keys.ts";
import { MAX_EXPORT_PAGE_BYTES } from "../../src/core/limits.ts";
import { Secret } from "../../src/core/secret.ts";
import type { RestoreRequest } from "../../src/protocol/requests.ts";
import { restoreBytes } from "../../src/protocol/statements.ts";
import {
  ask,
  codeOf,
  configure,
  type Exchange,
  isSigned,
  jsonOf,
  MASTER,
  masterOf,
  mint,
  post,
  restart,
  rowsOf,
  stubOf,
  textOf,
  writing,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

const SOURCE = "https://tes.test";
const TARGET = "https://tes.test:8443";
const TARGET_MASTER = masterOf("the key of the target");

let recovery: Ed25519Pair;
beforeAll(async () => {
  recovery = await importEd25519Seed(new Secret(sha256(utf8("recovery of transfer tests"))));
});
beforeEach(() => configure({ VERSION_SIGNING_KEY: MASTER, TES_GENESIS: "auto" }));
afterEach(() => reset());

const fetch: NonNullable<ClientOptions["fetch"]> = (url, init) => exports.default.fetch(new Request(url, init));
const connect = (options: Partial<ClientOptions> = {}) =>
  createClient({ url: SOURCE, registry: "acme", trustFirst: true, fetch, attempts: 1, ...options });
const adminOf = (master: string) => mint("acme", ["admin"], { master });
const collect = async (lines: AsyncIterable<string>): Promise<string[]> => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
};
async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** A registry with something of everything in its log. */
async function build(): Promise<void> {
  const token = await adminOf(MASTER);
  const client = connect({ token });
  await client.createRegistry({ visibility: "public", recovery: { x: recovery.x } });
  await client.declare([
    { entity: "a:root", version: "1.0.0", metadata: { team: "core" } },
    { entity: "a:link", version: "1.0.0", parent: "a:root", strategy: "linked" },
    { entity: "b:old" },
  ]);
  await client.bump({ entity: "a:root", scope: "minor", reason: "kept" });
  const { receipt } = await client.bump({ entity: "a:root", scope: "minor", reason: "taken away" });
  await client.eraseBlob(receipt!.statement.reason!.digest);
  await client.retire("b:old", { reason: "nobody" });
  await client.revoke("A".repeat(22), { exp: 2_000_000_000 });
}

/** The whole of an export, with the source handed over to the target's keys. */
async function moveAway(): Promise<string[]> {
  configure({ VERSION_SIGNING_KEY: TARGET_MASTER });
  const { keys } = await openImport({
    url: TARGET,
    registry: "acme",
    fetch,
    token: await adminOf(TARGET_MASTER),
  }).state();
  await reset();
  configure({ VERSION_SIGNING_KEY: MASTER });
  await build();
  const client = connect({ token: await adminOf(MASTER) });
  await client.move({ url: TARGET, keys });
  return collect(client.exportLines());
}

/** Another authority, with nothing in it and another key. */
async function goToTarget() {
  await reset();
  configure({ VERSION_SIGNING_KEY: TARGET_MASTER });
  const token = await adminOf(TARGET_MASTER);
  return { token, target: openImport({ url: TARGET, registry: "acme", fetch, token }) };
}

const postLines = async (lines: readonly string[], token: string): Promise<Exchange> =>
  ask("/v1/acme/import", {
    body: lines.join(""),
    headers: { "content-type": "application/jsonl", authorization: `Bearer ${token}` },
  });

describe("a move", () => {
  test("carries the same tree to another key; the source only answers; clients verify on both sides", async () => {
    const pins = memoryPins();
    const pinned = { store: pins, pinKey: "acme" };
    const lines = await moveAway();
    const before = connect(pinned);
    const head = await before.checkpoint();
    const state = await before.state();
    // The source says where it went, and takes nothing.
    for (const again of [false, true]) {
      if (again) await restart("acme");
      const trust = await connect(pinned).trust();
      expect([trust.moved, trust.announced]).toEqual([{ url: TARGET, seq: head.size - 1 }, 1]);
      const refused = await post(
        "/v1/acme/bump",
        { entity: "a:root", scope: "minor" },
        { token: await adminOf(MASTER) },
      );
      expect([refused.status, codeOf(refused)]).toEqual([409, "registry_read_only"]);
      expect(jsonOf(refused).detail).toBe(`It has moved, and goes on at ${TARGET}.`);
      await expectSigned(refused, await keysOf("acme"));
      expect((await connect(pinned).checkpoint()).size).toBe(head.size);
    }
    const header = JSON.parse(lines[0]!);
    expect(header).toMatchObject({ tes: "export-v1", registry: "acme", size: head.size });
    expect(lines.at(-1)).toBe(`${JSON.stringify({ end: sha256Hex(utf8(lines.slice(0, -1).join(""))) })}\n`);
    const sourceRows = await rowsOf("acme");

    const { target, token } = await goToTarget();
    const answer = await target.send(each(lines));
    expect(answer).toMatchObject({ done: true, received: head.size, size: head.size });
    const client = connect({ ...pinned, url: TARGET, token });
    const moved = await client.checkpoint();
    expect([moved.size, moved.root, moved.origin]).toEqual([head.size, head.root, head.origin]);
    expect(await client.state()).toEqual(state);
    expect((await client.receipt(1)).statement.type).toBe("entity.declared");
    const { receipt } = await client.bump({ entity: "a:root", scope: "major" });
    expect(receipt?.statement).toMatchObject({ seq: head.size, changes: expect.any(Array) });
    // Somebody who saw neither, with the genesis hash alone.
    const fresh = connect({ url: TARGET, genesis: state.genesis, trustFirst: false });
    expect((await fresh.state()).size).toBe(head.size + 1);
    const rows = await rowsOf("acme");
    for (const table of ["tile", "touch", "blob"])
      expect(rows[table]!.slice(0, sourceRows[table]!.length).length).toBe(sourceRows[table]!.length);
    expect(rows.statement!.slice(0, head.size)).toEqual(sourceRows.statement);
    // The text that was kept came along; the one that was erased did not; the revoked token stays revoked.
    expect(JSON.stringify(rows.blob)).toContain("kept");
    expect(JSON.stringify(rows)).not.toContain("taken away");
    expect(rows.state).toContainEqual(expect.objectContaining({ tbl: "revoked", key: "A".repeat(22) }));
    // What went over can be listed, exported and restarted like any other.
    await restart("acme");
    expect((await connect({ ...pinned, url: TARGET }).state()).size).toBe(head.size + 1);
    expect(jsonOf(await ask("/v1/default/registries")).registries[0].name).toBe("acme");
    const further = await collect(connect({ url: TARGET, token }).exportLines());
    expect(further.filter((line) => line.startsWith('{"announcement":'))).toHaveLength(1);
  });

  test("the old key, after it handed over, signs for nothing more", async () => {
    const lines = await moveAway();
    const pins = memoryPins();
    const { target, token } = await goToTarget();
    await target.send(each(lines));
    const client = connect({ url: TARGET, token, store: pins, pinKey: "acme" });
    await client.bump({ entity: "a:root", scope: "patch" });
    await client.checkpoint();
    // The source goes on as if nothing had been: without the announcement, with a statement of its own.
    await reset();
    configure({ VERSION_SIGNING_KEY: MASTER });
    await build();
    const old = connect({ store: pins, pinKey: "acme", token: await adminOf(MASTER) });
    await expect(old.checkpoint()).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test("of somebody who may not is refused, and nothing is written", async () => {
    await build();
    const size = jsonOf(await ask("/v1/acme")).size;
    const { keys } = jsonOf(await ask("/v1/acme/log/proof?seq=0")).statement;
    const to = { url: TARGET, keys };
    const readers = await mint("acme", ["read", "bump:*"]);
    expect(codeOf(await post("/v1/acme/move", { to }, { token: readers }))).toBe("forbidden");
    expect(codeOf(await post("/v1/acme/move", { to }))).toBe("token_missing");
    expect(codeOf(await post("/v1/acme/move", { to: { ...to, url: "x" } }, { token: await adminOf(MASTER) }))).toBe(
      "invalid_field",
    );
    expect(jsonOf(await ask("/v1/acme")).size).toBe(size);
  });
});

describe("an import", () => {
  test("takes parts of any size, again, and after a restart; until the end nobody knows the registry", async () => {
    const lines = await moveAway();
    const { token } = await goToTarget();
    let sent = 0;
    for (const size of [1, 1, 2, 3, 5, 100]) {
      // Each part begins with lines that came before.
      const part = lines.slice(Math.max(0, sent - 2), sent + size);
      sent += size;
      const answer = await postLines(part, token);
      expect(answer.status, textOf(answer)).toBe(200);
      const { received, done } = jsonOf(answer);
      if (done) break;
      const unknown = await ask("/v1/acme");
      expect([unknown.status, isSigned(unknown)]).toEqual([404, false]);
      expect(codeOf(await post("/v1/acme", { visibility: "public", recovery: { x: recovery.x } }, { token }))).toBe(
        "genesis_exists",
      );
      await restart("acme");
      const state = jsonOf(await ask("/v1/acme/import", { headers: { authorization: `Bearer ${token}` } }));
      expect(state).toMatchObject({ received, done: false });
    }
    expect((await connect({ url: TARGET }).state()).entities).toHaveLength(3);
    const late = await postLines(lines, token);
    expect(codeOf(late)).toBe("genesis_exists");
  });

  const change = (lines: readonly string[], at: number, to: (line: string) => string) =>
    lines.map((line, i) => (i === at ? to(line) : line));
  test.each<[string, (lines: string[]) => string[], string]>([
    ["a statement changed", (lines) => change(lines, 5, (line) => line.replace("minor", "major")), "import_invalid"],
    [
      "a statement's label changed",
      (lines) => change(lines, 2, (line) => line.replace("core", "edge")),
      "import_invalid",
    ],
    ["a statement left out", (lines) => lines.filter((_, i) => i !== 4), "import_invalid"],
    [
      "two statements swapped",
      (lines) =>
        change(
          change(lines, 4, () => lines[5]!),
          5,
          () => lines[4]!,
        ),
      "import_invalid",
    ],
    ["a statement with space in it", (lines) => change(lines, 3, (line) => line.replace(":", ": ")), "import_invalid"],
    ["a key twice", (lines) => change(lines, 3, (line) => line.replace('{"at"', '{"at":1,"at"')), "import_invalid"],
    [
      "a type of a later release",
      (lines) => change(lines, 3, (line) => line.replace("entity.declared", "x.y")),
      "statement_unknown",
    ],
    [
      "the last statement left out",
      (lines) => lines.filter((line) => !line.includes("registry.moved")),
      "import_invalid",
    ],
    [
      "another root",
      (lines) => change(lines, 0, (line) => line.replace(/"root":"[^"]+"/, `"root":"${"A".repeat(43)}="`)),
      "import_invalid",
    ],
    [
      "another origin",
      (lines) => change(lines, 0, (line) => line.replace('"origin":"tes.local/acme"', '"origin":"tes.local/other"')),
      "import_invalid",
    ],
    [
      "another registry's",
      (lines) => change(lines, 0, (line) => line.replace('"registry":"acme"', '"registry":"other"')),
      "import_invalid",
    ],
    [
      "a signature of somebody else",
      (lines) => change(lines, 0, (line) => line.replace(/(\\n— [^ ]+ \S{8})\S{8}/, "$1AAAAAAAA")),
      "note_invalid",
    ],
    [
      "a text changed",
      (lines) => lines.map((line) => line.replace('"text":"kept"', '"text":"kepT"')),
      "import_invalid",
    ],
    ["a text that nothing refers to", (lines) => [...lines.slice(0, -1), strayBlob(), lines.at(-1)!], "import_invalid"],
    ["no header", (lines) => lines.slice(1), "import_invalid"],
    ["no line feed at its end", (lines) => [...lines.slice(0, -1), lines.at(-1)!.trimEnd()], "import_invalid"],
    ["lines that are not JSON", (lines) => change(lines, 3, () => "{\n"), "import_invalid"],
  ])("%s is refused, and can be done right afterwards", async (_name, spoil, code) => {
    const lines = await moveAway();
    const { token } = await goToTarget();
    const spoiled = spoil(lines);
    expect(spoiled).not.toEqual(lines);
    const answer = await postLines(spoiled, token);
    expect(codeOf(answer), textOf(answer)).toBe(code);
    expect((await ask("/v1/acme")).status).toBe(404);
    const good = await postLines(lines, token);
    expect(good.status, textOf(good)).toBe(200);
    expect((await connect({ url: TARGET }).state()).entities).toHaveLength(3);
  });
  const strayBlob = () => {
    const salt = new Uint8Array(16);
    const blob = sha256Hex(new Uint8Array([...salt, ...utf8("stray")]));
    return `${JSON.stringify({ blob, salt: btoa(String.fromCharCode(...salt)), text: "stray" })}\n`;
  };

  test.each<[string, () => Promise<string | undefined>, string]>([
    ["nobody", async () => undefined, "registry_unknown"],
    ["a reader", () => mint("acme", ["read"], { master: TARGET_MASTER }), "forbidden"],
    ["an admin under another key", () => mint("acme", ["admin"]), "token_invalid"],
    ["another registry's admin", () => mint("other", ["admin"], { master: TARGET_MASTER }), "token_invalid"],
  ])("by %s is refused, and stores nothing", async (_name, tokenOf, code) => {
    const lines = await moveAway();
    await goToTarget();
    const token = await tokenOf();
    const answer = await ask("/v1/acme/import", {
      body: lines.join(""),
      headers: { "content-type": "application/jsonl", ...(token && { authorization: `Bearer ${token}` }) },
    });
    expect(codeOf(answer)).toBe(code);
    expect(isSigned(answer)).toBe(false);
    expect(await rowsOf("acme")).toEqual({});
  });

  test("that nobody handed over is read only, under another key not even that", async () => {
    await build();
    const lines = await collect(connect({ token: await adminOf(MASTER) }).exportLines());
    await reset();
    const token = await adminOf(MASTER);
    await openImport({ url: SOURCE, registry: "acme", fetch, token }).send(each(lines));
    expect((await connect().state()).entities).toHaveLength(3);
    const refused = await post("/v1/acme/bump", { entity: "a:root", scope: "minor" }, { token });
    expect(jsonOf(refused)).toMatchObject({
      code: "registry_read_only",
      detail: expect.stringMatching(/a restore\.$/),
    });
    expect(textOf(refused)).not.toMatch(/has moved/i);
    const elsewhere = await goToTarget();
    await elsewhere.target.send(each(lines));
    const answer = await ask("/v1/acme");
    expect([answer.status, codeOf(answer), isSigned(answer)]).toEqual([503, "signing_key_mismatch", false]);
  });

  test("pages of an export fit what an import takes at once", async () => {
    const token = await adminOf(MASTER);
    const client = connect({ token });
    await client.createRegistry({ visibility: "public", recovery: { x: recovery.x } });
    const long = (i: number) => ({
      entity: `a:n${i}`,
      files: Array.from({ length: 32 }, (_, j) => ({ path: `${"p".repeat(500)}${j}` })),
    });
    for (let i = 0; i < 40; i++) await client.declare([long(i)]);
    const pages: number[] = [];
    const authorization = `Bearer ${token}`;
    for (let from = 0; from < 41; ) {
      const page = await ask(`/v1/acme/export/statements?from=${from}&size=41`, { headers: { authorization } });
      pages.push(page.body.length);
      from += textOf(page).split("\n").length - 1;
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(Math.max(...pages)).toBeLessThanOrEqual(MAX_EXPORT_PAGE_BYTES);
    const lines = await collect(client.exportLines());
    await reset();
    const parts: number[] = [];
    const target = openImport({ url: SOURCE, registry: "acme", fetch, token });
    await target.send(each(lines), ({ received }) => void parts.push(received));
    expect(parts.length).toBeGreaterThan(1);
    expect((await connect().state()).entities).toHaveLength(40);
  });
});

/** What the holder of the recovery key signs for the registry as it stands. */
async function signRestore(
  change: Partial<RestoreRequest>,
  of: { readonly size?: number; readonly by?: Ed25519Pair } = {},
): Promise<RestoreRequest> {
  const { genesis, size } = jsonOf(await ask("/v1/acme"));
  const keys = jsonOf(await ask("/v1/acme/log/proof?seq=0")).statement.keys;
  const root = textOf(await ask("/v1/acme/log/checkpoint")).split("\n")[2]!;
  const body = {
    epoch: 2,
    origin: "tes.local/acme/epoch-2",
    lost: { size, root },
    floor: [],
    keys,
    ...change,
  };
  const scope = { registry: "acme", genesis, size: of.size ?? size, root };
  const by = of.by ?? recovery;
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", by.privateKey, restoreBytes(scope, body)));
  return { ...body, recovery: { kid: recovery.kid, signature: toBase64Url(signature) } };
}

describe("a restore", () => {
  /** Yesterday's backup is back in place, and a client that saw today's log stands before it. */
  async function setBack(): Promise<{ store: PinStore; lost: { size: number; root: string }; seen: string[] }> {
    await build();
    const token = await adminOf(MASTER);
    const backup = await collect(connect({ token }).exportLines());
    const store = memoryPins();
    const client = connect({ store, token });
    const seen: string[] = [];
    for (let i = 0; i < 3; i++) seen.push((await client.bump({ entity: "a:root", scope: "patch" })).changes[0]!.to);
    await client.declare([{ entity: "c:late", version: "7.0.0" }]);
    seen.push((await client.bump({ entity: "c:late", scope: "patch" })).changes[0]!.to);
    await client.checkpoint();
    const { size, root } = (await store.load("https://tes.test/acme"))!;
    await reset();
    await openImport({ url: SOURCE, registry: "acme", fetch, token }).send(each(backup));
    return { store, lost: { size, root }, seen };
  }
  const floor = [
    { entity: "a:root", version: "1.2.3" },
    { entity: "c:late", version: "7.0.1" },
  ];

  test("a client that saw more refuses the old log, follows the recovery-signed epoch, and sees no version twice", async () => {
    const { store, lost, seen } = await setBack();
    const followed: unknown[] = [];
    const client = connect({
      store,
      token: await adminOf(MASTER),
      onRestored: (restored) => void followed.push(restored),
    });
    await expect(client.state()).rejects.toMatchObject({ code: "checkpoint_stale" });
    await expect(connect({ store }).checkpoint()).rejects.toMatchObject({ code: "checkpoint_stale" });
    const request = await signRestore({ lost, floor });
    const admin = connect({ token: await adminOf(MASTER) });
    const { receipt } = await admin.restore(request);
    expect(receipt?.statement).toMatchObject({ epoch: 2, lost, floor });
    expect(receipt?.checkpoint.origin).toBe("tes.local/acme/epoch-2");
    const state = await client.state();
    expect(state.origin).toBe("tes.local/acme/epoch-2");
    expect(followed).toHaveLength(1);
    expect(state.entities.find(({ entity }) => entity === "a:root")?.version).toBe("1.2.3");
    for (let i = 0; i < 3; i++)
      expect(seen).not.toContain((await client.bump({ entity: "a:root", scope: "patch" })).changes[0]!.to);
    await client.declare([{ entity: "c:late" }]);
    expect(seen).not.toContain((await client.bump({ entity: "c:late", scope: "patch" })).changes[0]!.to);
    // Once and on purpose: from here on the new log only grows.
    await client.checkpoint();
    expect(followed).toHaveLength(1);
    expect(await store.load("https://tes.test/acme")).toMatchObject({ epoch: 2, announced: 1 });
    await restart("acme");
    expect((await connect({ store }).state()).origin).toBe(state.origin);
    // Somebody new, with the genesis hash alone, and somebody who saw no more than the backup.
    const fresh = connect({ genesis: state.genesis, trustFirst: false });
    expect((await fresh.trust()).epoch).toBe(2);
    await fresh.checkpoint();
    // A receipt from before stays good.
    expect((await client.receipt(2)).statement.seq).toBe(2);
  });

  test("a restore that knows less than a client saw is not followed", async () => {
    const { store, lost } = await setBack();
    const admin = connect({ token: await adminOf(MASTER) });
    await admin.restore(await signRestore({ lost: { ...lost, size: lost.size - 1 }, floor }));
    await expect(connect({ store }).state()).rejects.toMatchObject({ code: "checkpoint_inconsistent" });
    expect(await store.load("https://tes.test/acme")).toMatchObject(lost);
  });

  test.each<[string, (lost: { size: number; root: string }) => Promise<RestoreRequest>]>([
    [
      "signed by somebody else",
      async (lost) => signRestore({ lost }, { by: await importEd25519Seed(new Secret(sha256(utf8("x")))) }),
    ],
    ["signed for another size", (lost) => signRestore({ lost }, { size: 3 })],
    ["of an epoch that is not the next", (lost) => signRestore({ lost, epoch: 3, origin: "tes.local/acme/epoch-3" })],
    ["of another origin", (lost) => signRestore({ lost, origin: "tes.local/acme" })],
    ["with a floor that was not signed", async (lost) => ({ ...(await signRestore({ lost })), floor })],
    [
      "under keys of another authority",
      async (lost) => {
        const { keys } = jsonOf(await ask("/v1/acme/log/proof?seq=0")).statement;
        return signRestore({ lost, keys: { ...keys, "response-hmac": { kid: "0".repeat(16) } } });
      },
    ],
  ])("%s is refused, and the log stays as it is", async (_name, make) => {
    const { lost } = await setBack();
    const request = await make(lost);
    const rows = await rowsOf("acme");
    const answer = await post("/v1/acme/restore", request, { token: await adminOf(MASTER) });
    expect([answer.status, codeOf(answer)]).toEqual([422, "epoch_invalid"]);
    expect(await rowsOf("acme")).toEqual(rows);
  });

  test("brings another authority's backup to life under a key that it had not", async () => {
    await build();
    const lines = await collect(connect({ token: await adminOf(MASTER) }).exportLines());
    const { genesis } = jsonOf(await ask("/v1/acme"));
    const { token, target } = await goToTarget();
    const { keys } = await target.state();
    const { size } = await target.send(each(lines));
    const root = JSON.parse(lines[0]!).root;
    const body = { epoch: 2, origin: "tes.local/acme/epoch-2", lost: { size: size!, root }, floor: [], keys };
    const scope = { registry: "acme", genesis, size: size!, root };
    const signature = await crypto.subtle.sign("Ed25519", recovery.privateKey, restoreBytes(scope, body));
    const request = { ...body, recovery: { kid: recovery.kid, signature: toBase64Url(new Uint8Array(signature)) } };
    const answer = await ask("/v1/acme/restore", writing(request, { token }));
    expect(answer.status, textOf(answer)).toBe(200);
    const client = connect({ url: TARGET, genesis, trustFirst: false, token });
    expect((await client.bump({ entity: "a:root", scope: "minor" })).receipt?.checkpoint.origin).toBe(body.origin);
  });
});

describe("a rebuild", () => {
  test("derives the same state, and mends what was damaged", async () => {
    await build();
    const token = await adminOf(MASTER);
    const before = await rowsOf("acme");
    const sound = jsonOf(await post("/v1/acme/rebuild", {}, { token }));
    expect(sound).toMatchObject({ statements: before.statement!.length, changed: 0 });
    expect(await rowsOf("acme")).toEqual(before);
    await runInDurableObject(stubOf("acme"), (_object, { storage: { sql } }) => {
      sql.exec(`UPDATE state SET value = json_set(value, '$.version', '9.9.9') WHERE key = 'a:root'`);
      sql.exec(`DELETE FROM touch WHERE seq = 4`);
    });
    await restart("acme");
    expect(jsonOf(await ask("/v1/acme/entities/a:root")).entity.version).toBe("9.9.9");
    expect(jsonOf(await post("/v1/acme/rebuild", {}, { token })).changed).toBe(1);
    expect(await rowsOf("acme")).toEqual(before);
    expect(jsonOf(await ask("/v1/acme/entities/a:root")).entity.version).toBe("1.2.0");
  });

  test("finds a statement that was changed in storage, and changes nothing", async () => {
    await build();
    await runInDurableObject(stubOf("acme"), (_object, { storage: { sql } }) => {
      sql.exec(`UPDATE statement SET body = replace(body, 'core', 'edge') WHERE seq = 1`);
    });
    const rows = await rowsOf("acme");
    const answer = await post("/v1/acme/rebuild", {}, { token: await adminOf(MASTER) });
    expect([answer.status, codeOf(answer)]).toEqual([500, "internal"]);
    expect(jsonOf(answer).detail).toMatch(/root of the log/);
    expect((await rowsOf("acme")).state).toEqual(rows.state);
  });
});
