import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { folderState, writeFolder } from "../../../src/cli/release/folder.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-folder-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const out = () => join(dir, "release", "app-1.2.3");
const beside = async () => (await readdir(join(dir, "release"))).sort();

async function artifact(name: string, content: string) {
  const path = join(dir, name);
  await writeFile(path, content);
  return { path, name, sha256: createHash("sha256").update(content).digest("hex") };
}

test("copies the files and writes the rest, all of them readable, and leaves no draft", async () => {
  const artifacts = [await artifact("a.tgz", "a")];
  await chmod(artifacts[0]!.path, 0o755);
  await writeFolder(out(), { artifacts, files: new Map([["SHA256SUMS", "sums"]]) });
  expect((await readdir(out())).sort()).toEqual(["SHA256SUMS", "a.tgz"]);
  expect(await readFile(join(out(), "a.tgz"), "utf8")).toBe("a");
  expect((await stat(join(out(), "SHA256SUMS"))).mode & 0o777).toBe(0o644);
  expect((await stat(join(out(), "a.tgz"))).mode & 0o111).toBe(0o111);
  expect(await beside()).toEqual(["app-1.2.3"]);
  // A later build that writes into the original reaches no copy.
  await writeFile(artifacts[0]!.path, "b");
  expect(await readFile(join(out(), "a.tgz"), "utf8")).toBe("a");
});

test("an artifact that is no longer what was signed leaves nothing behind", async () => {
  const artifacts = [await artifact("a.tgz", "a"), await artifact("b.tgz", "b")];
  await writeFile(artifacts[1]!.path, "c");
  await expect(writeFolder(out(), { artifacts, files: new Map() })).rejects.toMatchObject({ code: "file_changed" });
  await rm(artifacts[1]!.path);
  await expect(writeFolder(out(), { artifacts, files: new Map() })).rejects.toMatchObject({ code: "file_changed" });
  expect(await beside()).toEqual([]);
});

test("what is there already is left alone; an empty directory is taken", async () => {
  await mkdir(out(), { recursive: true });
  expect(await folderState(out())).toBe("free");
  await writeFolder(out(), { artifacts: [], files: new Map([["a", "1"]]) });
  expect(await folderState(out())).toBe("taken");
  await expect(writeFolder(out(), { artifacts: [], files: new Map([["a", "2"]]) })).rejects.toMatchObject({
    code: "file_exists",
  });
  expect(await readFile(join(out(), "a"), "utf8")).toBe("1");
  await writeFile(join(dir, "file"), "");
  expect(await folderState(join(dir, "file"))).toBe("taken");
  await expect(writeFolder(join(dir, "file"), { artifacts: [], files: new Map() })).rejects.toMatchObject({
    code: "file_exists",
  });
});

test("a draft of a killed run is cleared away, that of a living one is not, nor is another folder's", async () => {
  const dead = spawnSync("true").pid;
  for (const name of [`.app-1.2.3.${dead}.draft`, `.app-1.2.3.${process.ppid}.draft`, `.other.${dead}.draft`]) {
    await mkdir(join(dir, "release", name), { recursive: true });
  }
  await writeFolder(out(), { artifacts: [], files: new Map([["a", "1"]]) });
  expect(await beside()).toEqual([`.app-1.2.3.${process.ppid}.draft`, `.other.${dead}.draft`, "app-1.2.3"].sort());
});

test.each(["../x", "/tmp/x", "a/b", "..", ".", "", "a\0b", "a\\b"])("a name %j is written nowhere", async (name) => {
  await expect(writeFolder(out(), { artifacts: [], files: new Map([[name, "x"]]) })).rejects.toMatchObject({
    code: "artifact_name",
  });
  const artifacts = [{ ...(await artifact("a.tgz", "a")), name }];
  await expect(writeFolder(out(), { artifacts, files: new Map() })).rejects.toMatchObject({ code: "artifact_name" });
  expect(await readdir(dir)).toEqual(["a.tgz"]);
});
