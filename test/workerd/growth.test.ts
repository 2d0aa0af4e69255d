/** What one write costs does not grow with the log: rows counted by storage, at a thousand statements and a million. */

import { reset, runInDurableObject } from "cloudflare:test";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openTileRange, tileLevels } from "../../src/core/tiles.ts";
import { ask, configure, declare, MASTER, openRegistry, post, restart, stubOf, textOf } from "./authority.ts";

const MILLION = 1_000_000;
let token: string;

beforeAll(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  await declare("acme", token, ["a:root", { entity: "a:link", parent: "a:root", strategy: "linked" }]);
});
afterAll(() => reset());

/** Storage as a log of that size leaves it where an append looks: the tiles that are not full, and their leaves. */
async function grow(size: number): Promise<void> {
  await runInDurableObject(stubOf("acme"), (_object, { storage: { sql } }) => {
    const [last] = sql.exec<{ body: string }>(`SELECT body FROM statement ORDER BY seq DESC LIMIT 1`).toArray();
    for (let level = 0; level < tileLevels(size); level++) {
      const { first, count } = openTileRange(size, level);
      for (let i = first; i < first + count; i++) {
        if (level === 0) {
          const body = last!.body.replace(/"seq":\d+/, `"seq":${i}`);
          sql.exec(`INSERT OR REPLACE INTO statement (seq, leaf, body) VALUES (?, ?, ?)`, i, new Uint8Array(32), body);
        } else {
          const [root, nodes] = [new Uint8Array(32), new Uint8Array(16_320)];
          sql.exec(`INSERT OR REPLACE INTO tile VALUES (?, ?, ?, ?)`, level - 1, i, root, nodes);
        }
      }
    }
  });
  await restart("acme");
}

/** Rows read and written by one bump, each of the last of some: the first ones open what the rest has open. */
async function costOfBump(): Promise<{ read: number; written: number; size: number }> {
  const rows = async () => {
    const text = textOf(await ask("/v1/acme/metrics", { headers: { authorization: `Bearer ${token}` } }));
    const value = (sample: string) => Number(new RegExp(`^${sample}[^\n]* (\\d+)$`, "m").exec(text)![1]);
    return {
      read: value('tes_rows_total\\{registry="acme",kind="read"'),
      written: value('tes_rows_total\\{registry="acme",kind="written"'),
      size: value("tes_log_size"),
    };
  };
  const bump = () => post("/v1/acme/bump", { entity: "a:root", scope: "patch" }, { token });
  expect((await bump()).status).toBe(200);
  const before = await rows();
  expect((await bump()).status).toBe(200);
  const after = await rows();
  return { read: after.read - before.read, written: after.written - before.written, size: after.size };
}

test("a bump at 10^6 reads and writes at most 1.2 times the rows of one at 10^3", async () => {
  await grow(1_000);
  const small = await costOfBump();
  await grow(MILLION);
  const large = await costOfBump();
  expect([small.size, large.size]).toEqual([1_002, MILLION + 2]);
  console.log(`rows of a bump that moves two entities: ${JSON.stringify({ small, large })}`);
  expect(large.written).toBeLessThanOrEqual(1.2 * small.written);
  expect(large.read).toBeLessThanOrEqual(1.2 * small.read);
});

test("a start reads no more of a long log than of a short one, but for what is open of its tiles", async () => {
  await restart("acme");
  expect((await ask("/v1/acme")).status).toBe(200);
  const text = textOf(await ask("/v1/acme/metrics", { headers: { authorization: `Bearer ${token}` } }));
  const read = Number(/kind="read"\} (\d+)/.exec(text)![1]);
  // 64 leaves, 66 roots, 15 roots above, a few rows of state and of the schema.
  expect(read).toBeLessThan(300);
});
