/** docs/cost.md: requests of the object, rows read and rows written for each operation, counted by the object itself. */

import { expect, test } from "vitest";
import DOCUMENT from "../../docs/cost.md?raw";
import { ask, configure, declare, MASTER, openRegistry, post, textOf } from "./authority.ts";

interface Cost {
  readonly read: number;
  readonly written: number;
}

const LEAVES = 9;

/** A registry with a root, some entities that follow it, and enough statements for proofs of several hashes. */
async function prepare(): Promise<{ token: string; rows: () => Promise<Cost> }> {
  configure({ VERSION_SIGNING_KEY: MASTER });
  // Its first request makes the genesis of default, which lists the others.
  await ask("/v1/default");
  const token = await openRegistry("costs");
  const followers = Array.from({ length: LEAVES }, (_, i) => ({
    entity: `component:c${i}`,
    version: "1.0.0",
    strategy: "linked",
    parent: "global:main",
  }));
  await declare("costs", token, ["global:main", "api:alone", ...followers]);
  const rows = async (): Promise<Cost> => {
    const text = textOf(await ask("/v1/costs/metrics", { headers: { authorization: `Bearer ${token}` } }));
    const count = (kind: string): number =>
      Number(new RegExp(`^tes_rows_total\\{[^}]*kind="${kind}"[^}]*\\} (\\d+)$`, "m").exec(text)?.[1]);
    return { read: count("read"), written: count("written") };
  };
  return { token, rows };
}

test("the rows of the table are those that are counted", async () => {
  const { token, rows } = await prepare();
  const auth = { headers: { authorization: `Bearer ${token}` } };
  const bump = (entity: string, more: object = {}) =>
    post("/v1/costs/bump", { entity, scope: "patch", ...more }, { token });
  const operations: Readonly<Record<string, () => Promise<{ status: number }>>> = {
    "bump of one entity": () => bump("api:alone"),
    "bump with 9 that follow": () => bump("global:main"),
    "bump, dry run": () => bump("api:alone", { dryRun: true }),
    "declare one entity": () =>
      post("/v1/costs/entities", { entities: [{ entity: "api:late", version: "1.0.0" }] }, { token }),
    "state, 12 entities": () => ask("/v1/costs", auth),
    "one entity": () => ask("/v1/costs/entities/api:alone", auth),
    "history of one entity": () => ask("/v1/costs/entities/api:alone/history", auth),
    keys: () => ask("/v1/costs/keys", auth),
    checkpoint: () => ask("/v1/costs/log/checkpoint", auth),
    receipt: () => ask("/v1/costs/log/proof?seq=3", auth),
    "consistency proof": () => ask("/v1/costs/log/consistency?from=3", auth),
    "key proof": () => ask(`/v1/costs/key-proof?nonce=${"n".repeat(22)}`),
    "mint a token": () => post("/v1/costs/tokens", { scope: ["read"], expiresIn: 60 }, { token }),
  };
  // The metrics themselves are asked in between, and cost what they cost.
  const first = await rows();
  const second = await rows();
  const own = { read: second.read - first.read, written: second.written - first.written };
  const measured: string[] = [];
  for (const [name, work] of Object.entries(operations)) {
    const before = await rows();
    expect((await work()).status, name).toBeLessThan(300);
    const after = await rows();
    measured.push(
      `${name} | 1 | ${after.read - before.read - own.read} | ${after.written - before.written - own.written}`,
    );
  }
  const documented = DOCUMENT.split("\n")
    .map((line) => /^\| ([^|]*?) *\| *(\d+) *\| *(\d+) *\| *(\d+) *\|/.exec(line))
    .filter((row) => row !== null)
    .map(([, name, requests, read, written]) => `${name} | ${requests} | ${read} | ${written}`);
  expect(documented).toEqual(measured);
});
