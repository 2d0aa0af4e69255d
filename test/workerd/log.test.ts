import { beforeAll, describe, expect, test } from "vitest";
import { type Bytes, concat, fromBase64, fromBase64Url, toBase64, utf8 } from "../../src/core/bytes.ts";
import { canonicalBytes } from "../../src/core/canonical-json.ts";
import { verifyConsistency, verifyInclusion } from "../../src/core/merkle.ts";
import { ask, configure, declare, jsonOf, MASTER, openRegistry, post, restart, rowsOf, textOf } from "./authority.ts";

const sha256 = async (...parts: Uint8Array[]): Promise<Bytes> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));

/** RFC 6962 section 2.1 over leaf contents, word for word and by the platform's hash: shares nothing with src/. */
async function treeHash(contents: readonly Bytes[]): Promise<Bytes> {
  if (contents.length === 0) return sha256();
  if (contents.length === 1) return sha256(Uint8Array.of(0), contents[0]!);
  let k = 1;
  while (2 * k < contents.length) k *= 2;
  const [left, right] = await Promise.all([treeHash(contents.slice(0, k)), treeHash(contents.slice(k))]);
  return sha256(Uint8Array.of(1), left, right);
}

/** A C2SP checkpoint, read by hand from its text and checked against the published key. */
async function readCheckpoint(note: string, origin: string, x: string) {
  const [body, signatures, ...rest] = note.split("\n\n");
  expect(rest).toEqual([]);
  const lines = body!.split("\n");
  expect([lines[0], lines.length]).toEqual([origin, 3]);
  const [, name, blob] = /^— (\S+) (\S+)\n$/.exec(signatures!)!;
  expect(name).toBe(origin);
  const raw = fromBase64Url(x)!;
  const bytes = fromBase64(blob!)!;
  const hint = (await sha256(utf8(`${origin}\n`), Uint8Array.of(1), raw)).subarray(0, 4);
  expect(bytes.subarray(0, 4)).toEqual(hint);
  const key = await crypto.subtle.importKey("raw", raw, "Ed25519", true, ["verify"]);
  expect(await crypto.subtle.verify("Ed25519", key, bytes.subarray(4), utf8(`${body}\n`))).toBe(true);
  return { size: Number(lines[1]), root: fromBase64(lines[2]!)! };
}

const logKey = async (registry: string): Promise<string> =>
  jsonOf(await ask(`/v1/${registry}/keys`)).keys.find(({ use }: { use: string }) => use === "log-ed25519").x;
const headOf = async (registry: string) =>
  readCheckpoint(textOf(await ask(`/v1/${registry}/log/checkpoint`)), `tes.local/${registry}`, await logKey(registry));
const statementsOf = async (registry: string): Promise<Bytes[]> =>
  ((await rowsOf(registry)).statement as { body: string }[]).map(({ body }) => utf8(body));

beforeAll(() => configure({ VERSION_SIGNING_KEY: MASTER }));

describe("the log", () => {
  let token: string;

  beforeAll(async () => {
    token = await openRegistry("acme");
    await declare("acme", token, ["global:main", { entity: "component:a", parent: "global:main", strategy: "linked" }]);
    for (let i = 0; i < 4; i++) await post("/v1/acme/bump", { entity: "global:main", scope: "patch" }, { token });
  });

  test("is a C2SP checkpoint over the RFC 6962 root of what is stored, which is canonical", async () => {
    const answer = await ask("/v1/acme/log/checkpoint");
    expect(answer.headers["content-type"]).toBe("text/plain; charset=utf-8");
    const head = await headOf("acme");
    const bodies = await statementsOf("acme");
    expect(head).toEqual({ size: 7, root: await treeHash(bodies) });
    for (const body of bodies) expect(canonicalBytes(JSON.parse(new TextDecoder().decode(body)))).toEqual(body);
  });

  test("proves every statement at its size", async () => {
    const { root } = await headOf("acme");
    const bodies = await statementsOf("acme");
    for (const [seq, body] of bodies.entries()) {
      const { statement, inclusion, checkpoint } = jsonOf(await ask(`/v1/acme/log/proof?seq=${seq}`));
      expect(canonicalBytes(statement)).toEqual(body);
      expect([inclusion.index, inclusion.size]).toEqual([seq, 7]);
      expect(checkpoint).toBe(textOf(await ask("/v1/acme/log/checkpoint")));
      const leaf = await sha256(Uint8Array.of(0), body);
      verifyInclusion({ leaf, index: seq, size: 7, proof: inclusion.proof.map(fromBase64), root });
    }
  });

  test("proves that each size extends each smaller one", async () => {
    const bodies = await statementsOf("acme");
    for (let to = 0; to <= 7; to++) {
      for (let from = 0; from <= to; from++) {
        const answer = jsonOf(await ask(`/v1/acme/log/consistency?from=${from}&to=${to}`));
        expect([answer.from, answer.size]).toEqual([from, to]);
        const [fromRoot, toRoot] = await Promise.all([treeHash(bodies.slice(0, from)), treeHash(bodies.slice(0, to))]);
        verifyConsistency({ from, to, fromRoot, toRoot, proof: answer.proof.map(fromBase64) });
      }
    }
    const now = jsonOf(await ask("/v1/acme/log/consistency?from=3"));
    expect([now.from, now.size]).toEqual([3, 7]);
    expect(now).toEqual(jsonOf(await ask("/v1/acme/log/consistency?from=3&to=7")));
  });

  test("has its size in every answer's provenance, refusals too", async () => {
    for (const path of ["/v1/acme", "/v1/acme/nothing", "/v1/acme/log/checkpoint"]) {
      expect((await ask(path)).headers["tes-provenance"]).toBe(
        'source=env, slot="VERSION_SIGNING_KEY", registry="acme", size=7',
      );
    }
    const bumped = await post("/v1/acme/bump", { entity: "component:a", scope: "patch" }, { token });
    expect(bumped.headers["tes-provenance"]).toMatch(/size=8$/);
  });
});

describe("around the border of a tile", () => {
  const proofs = async (seqs: readonly number[]) =>
    Promise.all(seqs.map(async (seq) => jsonOf(await ask(`/v1/tiles/log/proof?seq=${seq}`))));

  test("the log is the same after a restart, at 255, 256, 257 and 512 statements, and goes on", async () => {
    const token = await openRegistry("tiles");
    let made = 0;
    const grow = async (size: number) => {
      while (made + 1 < size) {
        const count = Math.min(100, size - 1 - made);
        await declare(
          "tiles",
          token,
          Array.from({ length: count }, () => `many:e${made++}`),
        );
      }
    };
    const heads: { size: number; root: Bytes }[] = [{ size: 0, root: await treeHash([]) }];
    for (const size of [254, 255, 256, 257, 258, 511, 512, 513]) {
      await grow(size);
      const before = textOf(await ask("/v1/tiles/log/checkpoint"));
      await restart("tiles");
      const head = await headOf("tiles");
      expect(textOf(await ask("/v1/tiles/log/checkpoint"))).toBe(before);
      const bodies = await statementsOf("tiles");
      expect(head.size).toBe(size);
      expect(toBase64(head.root)).toBe(toBase64(await treeHash(bodies)));
      expect((await rowsOf("tiles")).tile).toHaveLength(Math.floor(size / 256));
      const seqs = [0, 1, 127, 128, 253, 254, 255, 256, 257, 511, 512].filter((seq) => seq < size);
      for (const { statement, inclusion } of await proofs(seqs)) {
        const leaf = await sha256(Uint8Array.of(0), canonicalBytes(statement));
        const proof = inclusion.proof.map(fromBase64);
        verifyInclusion({ leaf, index: inclusion.index, size, proof, root: head.root });
      }
      for (const { size: from, root: fromRoot } of heads) {
        const { proof } = jsonOf(await ask(`/v1/tiles/log/consistency?from=${from}`));
        verifyConsistency({ from, to: size, fromRoot, toRoot: head.root, proof: proof.map(fromBase64) });
      }
      heads.push(head);
    }
    // The same statements without a restart in between: the sizes above were not special.
    const { changes } = jsonOf(await post("/v1/tiles/bump", { entity: "many:e255", scope: "minor" }, { token }));
    expect(changes).toEqual([{ entity: "many:e255", from: "1.0.0", to: "1.1.0" }]);
  });

  test("a request that seals a tile and is then refused leaves none behind", async () => {
    const token = await openRegistry("sealed");
    for (let i = 0; i < 2; i++)
      await declare(
        "sealed",
        token,
        Array.from({ length: 100 }, (_, j) => `many:e${i}-${j}`),
      );
    const before = await rowsOf("sealed");
    const checkpoint = textOf(await ask("/v1/sealed/log/checkpoint"));
    // 201 statements; the 56th declaration below would fill the tile, and the last one has no parent.
    const entities = [
      ...Array.from({ length: 99 }, (_, i) => ({ entity: `more:e${i}` })),
      { entity: "more:last", parent: "global:absent" },
    ];
    const refused = await post("/v1/sealed/entities", { entities }, { token });
    expect([refused.status, jsonOf(refused).code]).toEqual([422, "parent_unknown"]);
    expect(await rowsOf("sealed")).toEqual(before);
    expect(textOf(await ask("/v1/sealed/log/checkpoint"))).toBe(checkpoint);
    await declare(
      "sealed",
      token,
      Array.from({ length: 60 }, (_, i) => `more:e${i}`),
    );
    const head = await headOf("sealed");
    expect(toBase64(head.root)).toBe(toBase64(await treeHash(await statementsOf("sealed"))));
    await restart("sealed");
    expect(await headOf("sealed")).toEqual(head);
  });
});
