/** Against what a release is verified: nothing that lies beside it may choose that. */

import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { dataPaths } from "../../../src/cli/local/data.ts";
import { acquireLock } from "../../../src/cli/local/lock.ts";
import { dataPins } from "../../../src/cli/own-pins.ts";
import { filePins } from "../../../src/cli/pins.ts";
import { locate } from "../../../src/cli/reach.ts";
import { type AnchorOptions, anchorOf } from "../../../src/cli/release/anchor.ts";
import { RELEASE_DOCUMENT_TYPE, type ReleaseDocument } from "../../../src/client/release.ts";
import type { TrustFile } from "../../../src/protocol/trust-file.ts";
import { ioIn } from "./support/io.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-anchor-"));
  await Promise.all(["home", "here"].map((name) => mkdir(join(dir, name))));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const OURS = "0a".repeat(32);
const THEIRS = "0b".repeat(32);

const of = (registry: string): ReleaseDocument => ({
  mediaType: RELEASE_DOCUMENT_TYPE,
  keys: {},
  release: { registry },
});
const pin = (genesis: string) => ({ genesis, origin: "tes.example", logKey: "", size: 3, root: "" });
const anchor = (
  registry: string,
  flags: Partial<AnchorOptions> = {},
  env: Record<string, string> = {},
  trust: TrustFile | null = null,
) => {
  const io = ioIn(join(dir, "here"), { HOME: join(dir, "home"), ...env });
  return anchorOf(io, { data: ".tes", ...flags }, trust, of(registry));
};
const userPins = () => filePins(join(dir, "home/.local/state/tes/pins"));

describe("a document of another registry that is pinned here too", () => {
  const url = "https://tes.example";

  beforeEach(async () => {
    await userPins().save(`${url}/default`, pin(OURS));
    await userPins().save(`${url}/theirs`, pin(THEIRS));
  });

  test("is none of the one that is meant", async () => {
    expect(await anchor("default", { url })).toMatchObject({ registry: "default", genesis: OURS });
    await expect(anchor("theirs", { url })).rejects.toMatchObject({
      code: "genesis_mismatch",
      detail: expect.stringContaining("--registry theirs, if you meant that one"),
    });
    expect(await anchor("theirs", { url, registry: "theirs" })).toMatchObject({ genesis: THEIRS });
    await expect(anchor("default", { url, registry: "theirs" })).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test("is none of the one that the registry file names", async () => {
    const file = { registry: "theirs", authority: { url }, entities: [] };
    await writeFile(join(dir, "here/tes.registry.json"), JSON.stringify(file));
    expect(await anchor("theirs")).toMatchObject({
      registry: "theirs",
      genesis: THEIRS,
      pinnedBy: expect.stringMatching(
        /^an earlier contact with https:\/\/tes\.example, which .*tes\.registry\.json names/,
      ),
    });
    await expect(anchor("default")).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test("unless its genesis is given, which is of one registry only", async () => {
    expect(await anchor("theirs", { genesis: THEIRS })).toMatchObject({ registry: "theirs", pinnedBy: "--genesis" });
    expect(await anchor("theirs", {}, { TES_PIN: THEIRS })).toMatchObject({ registry: "theirs", pinnedBy: "$TES_PIN" });
    await expect(anchor("theirs", {}, { TES_PIN: "?" })).rejects.toMatchObject({ code: "usage" });
    const trust = { registry: "theirs", genesis: THEIRS } as TrustFile;
    expect(await anchor("theirs", { trust: "t.json" }, {}, trust)).toMatchObject({ genesis: THEIRS });
    await expect(anchor("default", { trust: "t.json" }, {}, trust)).rejects.toMatchObject({ code: "genesis_mismatch" });
    await expect(anchor("theirs", { genesis: THEIRS, registry: "default" })).rejects.toMatchObject({
      code: "genesis_mismatch",
    });
  });
});

describe("what lies beside a release is not believed by itself", () => {
  const THERE = "there and names";
  const pinsHere = () => filePins(join(dir, "here/.tes/pins"));
  /** As a command does that spoke with the authority of that directory. */
  const used = (home = "home", data = "here/.tes") =>
    dataPins(ioIn(join(dir, "here"), { HOME: join(dir, home) }), dataPaths(join(dir, data)));

  test("pins of a data directory, unless this user's own runs recorded the same, or the command names them", async () => {
    await pinsHere().save("data:/default", pin(THEIRS));
    const refused = {
      code: "genesis_unpinned",
      detail: expect.stringMatching(new RegExp(`${THERE} ${THEIRS}.*--data .tes`)),
    };
    await expect(anchor("default")).rejects.toMatchObject(refused);
    const named = await anchor("default", { dataNamed: true });
    expect(named).toMatchObject({ genesis: THEIRS });
    const kept = /kept in (.*)$/.exec(named.pinnedBy)![1]!;
    expect(JSON.parse(await readFile(kept, "utf8"))).toMatchObject({ genesis: THEIRS });
    const pins = join(dir, "here/.tes/pins");
    expect(await anchor("default", { pins })).toMatchObject({ genesis: THEIRS });

    await used("another").save("data:/default", pin(THEIRS));
    await used("home", "there/.tes").save("data:/default", pin(THEIRS));
    await expect(anchor("default")).rejects.toMatchObject(refused);
    await used().save("data:/default", pin(OURS));
    expect(await anchor("default")).toMatchObject({ genesis: OURS });
    // A download that was unpacked over it.
    await rm(pins, { recursive: true });
    await pinsHere().save("data:/default", pin(THEIRS));
    await expect(anchor("default")).rejects.toMatchObject(refused);
  });

  test("the genesis of a registry file, unless the command names it, or this user's own pins agree", async () => {
    const url = "https://tes.example";
    const path = join(dir, "here/tes.registry.json");
    await writeFile(path, JSON.stringify({ authority: { url, genesis: THEIRS }, entities: [] }));
    await expect(anchor("default")).rejects.toMatchObject({
      code: "genesis_unpinned",
      detail: expect.stringContaining(
        `${path} is ${THERE} ${THEIRS}. It may have come with the release, so it is not believed by itself: --file tes.registry.json`,
      ),
    });
    const file = "tes.registry.json";
    expect(await anchor("default", { file })).toEqual({
      registry: "default",
      genesis: THEIRS,
      pinnedBy: `${path} (--file)`,
    });
    await expect(anchor("other", { file, registry: "other" })).rejects.toMatchObject({ code: "genesis_unpinned" });
    await userPins().save(`${url}/default`, pin(OURS));
    expect(await anchor("default")).toMatchObject({ genesis: OURS });
    await expect(anchor("default", { file })).rejects.toMatchObject({ code: "genesis_mismatch" });
  });

  test("what a contact pinned that a registry file led to, which nobody named", async () => {
    const url = "https://tes.example";
    const path = join(dir, "here/tes.registry.json");
    await writeFile(path, JSON.stringify({ authority: { url, genesis: THEIRS }, entities: [] }));
    // As any command does that reaches the authority from here.
    const io = ioIn(join(dir, "here"), { HOME: join(dir, "home") });
    const { store, pinKey } = await locate(io, { data: ".tes" });
    await store.save(pinKey, pin(THEIRS));
    expect((await locate(io, { data: ".tes" })).pinKey).toBe(pinKey);
    await expect(anchor("default")).rejects.toMatchObject({ code: "genesis_unpinned" });
    await expect(anchor("default", { url })).rejects.toMatchObject({ code: "genesis_unpinned" });
    expect(await anchor("default", { file: "tes.registry.json" })).toMatchObject({ genesis: THEIRS });
  });

  test("the address in the lock of a data directory, unless it is this machine", async () => {
    const io = ioIn(join(dir, "here"), { HOME: join(dir, "home") });
    const paths = dataPaths(join(dir, "here/.tes"));
    await mkdir(paths.root);
    const held = await acquireLock(paths, join(dir, "config"));
    const workerd = { pid: process.pid, started: "" };
    for (const [url, found] of [
      ["https://tes.example", null],
      ["http://127.0.0.1:4321", "http://127.0.0.1:4321"],
    ] as const) {
      await held.record({ workerd, url });
      expect((await locate(io, { data: ".tes" })).url).toBe(found);
    }
    await held.release();
  });

  test("a home that cannot be written is in nobody's way", async () => {
    await writeFile(join(dir, "file"), "");
    const store = used("file");
    await store.save("data:/default", pin(OURS));
    expect(await store.load("data:/default")).toMatchObject({ genesis: OURS });
  });
});
