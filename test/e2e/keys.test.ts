/** Which key signs, across real restarts: one for ever, and another in its place is refused and changes nothing. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { askSigned, trustOf } from "./support/answers.ts";
import { prepareData, type Served, serve } from "./support/authority.ts";
import { declaration, sendWrite } from "./support/bumps.ts";
import { openWire } from "./support/http.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { readObjects } from "./support/storage.ts";

const recovery = keyOf("keys recovery");
const other = keyOf("keys other");
const STATE = "/v1/default";

/** Reads and writes alike get the same unsigned problem. */
async function expectNoKey({ url }: Served, code: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${mintToken(other)}`,
    "content-type": "application/json",
    "idempotency-key": "no",
  };
  const write = declaration("no");
  for (const answer of [
    await fetch(`${url}${STATE}`),
    await fetch(`${url}${write.path}`, { method: "POST", headers, body: write.body }),
  ]) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get("signature")).toBeNull();
    expect(await answer.json()).toMatchObject({ code });
  }
}

/** The key that an authority made for itself, out of its storage. */
async function storedKeys(dir: string): Promise<string[]> {
  const objects = [...(await readObjects(dir)).values()];
  return objects.flatMap((tables) => (tables.get("signing_key") ?? []).map(({ hex }) => String(hex)));
}

test("two first requests at once get one key, which signs after a restart and gives way to no other", async () => {
  await using place = await makePlace();
  const dir = await prepareData(place, { recovery });
  const first = await serve(place);
  // Nobody has asked anything yet: both find a registry without genesis and without key.
  const answers = await Promise.all([fetch(`${first.url}${STATE}`), fetch(`${first.url}${STATE}/keys`)]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const keyids = answers.map(({ headers }) =>
    [...headers.get("signature-input")!.matchAll(/keyid="[^"]+"/g)].map(String),
  );
  expect(keyids[0]).toHaveLength(2);
  expect(keyids[0]).toEqual(keyids[1]);
  const trust = await trustOf(first.url);
  const before = await askSigned(first.url, STATE, trust);
  expect(before).toMatchObject({ source: "generated", slot: "VERSION_SIGNING_KEY", json: { size: 1 } });
  expect(await first.stop()).toBe(0);

  const [master, ...more] = await storedKeys(dir);
  expect(more).toEqual([]);
  await before.verifyHmac(master!);

  // The pinned genesis of before proves the answers of now; the same key mints and checks tokens.
  const second = await serve(place);
  const after = await askSigned(second.url, STATE, trust);
  expect(after).toMatchObject({ source: "storage", keyids: before.keyids, json: before.json });
  await after.verifyHmac(master!);
  {
    using wire = openWire(second.url);
    await sendWrite(wire, mintToken({ ...other, hex: master! }), declaration("declare"));
  }
  const declared = await askSigned(second.url, STATE, trust);
  expect(await second.stop()).toBe(0);

  const stored = await readObjects(dir);
  const third = await serve(place, { env: { VERSION_SIGNING_KEY: other.hex } });
  await expectNoKey(third, "signing_key_mismatch");
  expect(await third.stop()).toBe(0);
  expect(await readObjects(dir)).toEqual(stored);

  const fourth = await serve(place);
  expect(await askSigned(fourth.url, STATE, trust)).toMatchObject({ keyids: before.keyids, json: declared.json });
});

test("a key file signs; another file in its place is refused and changes nothing, and so is none", async () => {
  await using place = await makePlace();
  const signing = keyOf("keys");
  const dir = await prepareData(place, { signing, recovery });
  const file = join(dir, "signing.key");
  const first = await serve(place);
  const trust = await trustOf(first.url);
  const before = await askSigned(first.url, STATE, trust);
  expect(before).toMatchObject({ source: "env", slot: "VERSION_SIGNING_KEY" });
  await before.verifyHmac(signing.hex);
  await first.stop();
  const stored = await readObjects(dir);
  expect(await storedKeys(dir)).toEqual([]);

  const text = await readFile(file, "utf8");
  await writeFile(file, `${other.hex}\n`);
  const second = await serve(place);
  await expectNoKey(second, "signing_key_mismatch");
  await second.stop();

  // The log's own key in the other slot signs from there.
  const third = await serve(place, { env: { VERSION_SIGNING_KEY_V2: signing.hex } });
  const fromOtherSlot = await askSigned(third.url, STATE, trust);
  expect(fromOtherSlot).toMatchObject({ slot: "VERSION_SIGNING_KEY_V2", keyids: before.keyids, json: before.json });
  await third.stop();

  await rm(file);
  const fourth = await serve(place);
  await expectNoKey(fourth, "signing_key_missing");
  await fourth.stop();
  expect(await readObjects(dir)).toEqual(stored);

  await writeFile(file, text);
  const fifth = await serve(place);
  expect(await askSigned(fifth.url, STATE, trust)).toMatchObject({ keyids: before.keyids, json: before.json });
});

test("where the fallback is denied no key is made", async () => {
  await using place = await makePlace();
  const dir = await prepareData(place, { recovery });
  const authority = await serve(place, { env: { TES_KEY_FALLBACK: "deny" } });
  const answer = await fetch(`${authority.url}${STATE}`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ code: "signing_key_missing" });
  await authority.stop();
  expect(await storedKeys(dir)).toEqual([]);
});
