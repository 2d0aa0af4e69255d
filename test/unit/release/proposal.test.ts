import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createProposal,
  proposeSet,
  readProposal,
  replaceProposal,
  signProposal,
  stateOf,
} from "../../../src/cli/release/proposal.ts";
import { importEd25519Seed } from "../../../src/core/keys.ts";
import { Secret } from "../../../src/core/secret.ts";

const publisher = (label: string) =>
  importEd25519Seed(new Secret(new Uint8Array(createHash("sha256").update(label).digest())));
const [a, b, c, recovery] = await Promise.all(["a", "b", "c", "recovery"].map(publisher));
const SCOPE = { registry: "default", genesis: createHash("sha256").update("genesis").digest("hex") };
const key = ({ kid, x }: { kid: string; x: string }) => ({ kid, x });

const first = () => proposeSet(SCOPE, "component:app", null, { add: [key(a!)], remove: [] });
const second = (threshold?: number) =>
  proposeSet(
    SCOPE,
    "component:app",
    { revision: 1, keys: [key(a!)], threshold: 1 },
    { add: [key(b!)], remove: [], threshold },
  );

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-proposal-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));
const path = () => join(dir, "p.json");

describe("a set that is proposed", () => {
  test("the first one is revision 1, with one key and threshold 1", () => {
    expect(first()).toMatchObject({ revision: 1, keys: [key(a!)], threshold: 1, before: null, signatures: [] });
  });

  test("the next one keeps what is not changed, with its keys in order", () => {
    const { revision, keys, threshold } = second();
    expect([revision, threshold]).toEqual([2, 1]);
    expect(keys.map(({ kid }) => kid)).toEqual([a!.kid, b!.kid].sort());
  });

  test.each([
    ["a key that is there", { add: [key(a!)], remove: [] }, "--add"],
    ["one that is not", { add: [], remove: [b!.kid] }, "--remove"],
    ["nobody left", { add: [], remove: [a!.kid] }, "--remove"],
    ["a threshold above their number", { add: [], remove: [], threshold: 2 }, "--threshold"],
    ["a threshold of none", { add: [], remove: [], threshold: 0 }, "--threshold"],
  ])("%s is refused", (_, changes, field) => {
    const current = { revision: 1, keys: [key(a!)], threshold: 1 };
    expect(() => proposeSet(SCOPE, "component:app", current, changes)).toThrow(expect.objectContaining({ field }));
  });

  test("17 are too many", () => {
    const add = Array.from({ length: 17 }, (_, i) => ({ kid: `${i}`.padStart(43, "A"), x: "x" }));
    expect(() => proposeSet(SCOPE, "component:app", null, { add, remove: [] })).toThrow(
      expect.objectContaining({ field: "--add" }),
    );
    expect(proposeSet(SCOPE, "component:app", null, { add: add.slice(1), remove: [] }).keys).toHaveLength(16);
  });
});

describe("its signatures", () => {
  test("gather in any order, each once, and say what is missing", async () => {
    let proposal = await signProposal(second(2), b!);
    expect(stateOf(proposal)).toEqual({ newMissing: [], agreed: 0, needed: 1, added: [b!.kid], removed: [] });
    proposal = await signProposal(await signProposal(proposal, a!), a!);
    expect(stateOf(proposal)).toMatchObject({ newMissing: [], agreed: 1, needed: 1 });
    expect(proposal.signatures.map(({ kid }) => kid)).toEqual([a!.kid, b!.kid].sort());
  });

  test("survive the file, and that of the recovery key is carried along", async () => {
    const proposal = await signProposal(await signProposal(second(), b!), recovery!);
    await createProposal(path(), proposal);
    expect(await readProposal(path())).toEqual(proposal);
    const more = await signProposal(proposal, a!);
    await replaceProposal(path(), more);
    expect(await readProposal(path())).toEqual(more);
    expect(await readdir(dir)).toEqual(["p.json"]);
    await expect(createProposal(path(), proposal)).rejects.toMatchObject({ code: "file_exists" });
  });

  test.each([
    ["another registry", { registry: "other" }],
    ["another genesis", { genesis: "0".repeat(64) }],
    ["another entity", { entity: "component:other" }],
    ["another revision", { revision: 3 }],
    ["another threshold", { threshold: 2 }],
    ["another key", { keys: [key(b!), key(c!)].sort((x, y) => (x.kid < y.kid ? -1 : 1)) }],
  ])("do not hold for %s", async (_, change) => {
    await writeFile(path(), JSON.stringify({ ...(await signProposal(second(), b!)), ...change }));
    await expect(readProposal(path())).rejects.toMatchObject({ code: "signature_invalid" });
  });

  test("a key under another's id is refused", async () => {
    await createProposal(path(), await signProposal(second(), b!));
    const text = await readFile(path(), "utf8");
    await writeFile(path(), text.replaceAll(b!.x, c!.x));
    await expect(readProposal(path())).rejects.toMatchObject({ code: "key_unknown" });
  });

  test.each(["", "{}", "[]", '{"kind":"tes-publishers-v2"}', "x".repeat(1_000)])(
    "a file of %j is none",
    async (text) => {
      await writeFile(path(), text);
      await expect(readProposal(path())).rejects.toMatchObject({ code: "file_unreadable" });
    },
  );
});
