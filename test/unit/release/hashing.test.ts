import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  closeSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hashFile, sha256File } from "../../../src/cli/release/hashing.ts";
import { mediaTypeOf } from "../../../src/cli/release/media-type.ts";
import { renderProgress, showBytes } from "../../../src/cli/release/progress.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-hashing-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const at = (name: string) => join(dir, name);
const hex = (name: string, data: string | Uint8Array) => createHash(name).update(data).digest("hex");

describe("a file's digests", () => {
  test.each([0, 1, 1_048_575, 1_048_576, 1_048_577, 3_000_000])(
    "of %i bytes are what other tools say",
    async (size) => {
      const data = Buffer.alloc(size, "version ");
      await writeFile(at("a.bin"), data);
      let seen = 0;
      const { sha256, sha512, blake2b, ...rest } = await hashFile(at("a.bin"), (bytes) => {
        seen += bytes;
      });
      expect(rest).toEqual({ path: at("a.bin"), name: "a.bin", size });
      expect(sha256).toBe(hex("sha256", data));
      expect(sha512).toBe(hex("sha512", data));
      expect(Buffer.from(blake2b).toString("hex")).toBe(hex("blake2b512", data));
      expect(seen).toBe(size);
      expect(await sha256File(at("a.bin"))).toBe(sha256);
    },
  );

  test("are those that the system's own programs print", async () => {
    await writeFile(at("a.bin"), "a release\n");
    const { sha256, sha512, blake2b } = await hashFile(at("a.bin"));
    const of = (program: string) => execFileSync(program, [at("a.bin")], { encoding: "utf8" }).split(" ")[0];
    expect([sha256, sha512, Buffer.from(blake2b).toString("hex")]).toEqual(["sha256sum", "sha512sum", "b2sum"].map(of));
  });

  test("of a link are those of what it points at", async () => {
    await writeFile(at("a.bin"), "x");
    await symlink("a.bin", at("b.bin"));
    expect(await hashFile(at("b.bin"))).toMatchObject({ name: "b.bin", sha256: hex("sha256", "x") });
  });
});

describe("a file that changes while it is read", () => {
  const big = async () => writeFile(at("a.bin"), Buffer.alloc(4_000_000, 1));
  /** Does something once, after the first megabyte, before the next is read. */
  const once = (work: () => void) => {
    let done = false;
    return () => {
      if (!done) work();
      done = true;
    };
  };

  test.each([
    ["grows", () => appendFileSync(at("a.bin"), "more")],
    ["shrinks", () => truncateSync(at("a.bin"), 2_000_000)],
    [
      "is written to in place",
      () => {
        const file = openSync(at("a.bin"), "r+");
        writeSync(file, "x", 0);
        closeSync(file);
      },
    ],
    [
      "is replaced by another",
      () => {
        writeFileSync(at("b.bin"), Buffer.alloc(4_000_000, 2));
        renameSync(at("b.bin"), at("a.bin"));
      },
    ],
  ])("and %s is told", async (_, work) => {
    await big();
    await expect(hashFile(at("a.bin"), once(work))).rejects.toMatchObject({ code: "file_changed" });
  });

  test("and is taken away is told", async () => {
    await big();
    const taken = hashFile(
      at("a.bin"),
      once(() => rmSync(at("a.bin"))),
    );
    await expect(taken).rejects.toMatchObject({ code: "file_changed" });
  });
});

describe("what is no file", () => {
  test("a directory is refused with what to do", async () => {
    await mkdir(at("d"));
    await expect(hashFile(at("d"))).rejects.toMatchObject({
      code: "file_unreadable",
      detail: expect.stringContaining("Pack it"),
    });
  });

  test("a pipe is refused instead of waited for", async () => {
    execFileSync("mkfifo", [at("p")]);
    await expect(hashFile(at("p"))).rejects.toMatchObject({ code: "file_unreadable" });
  });

  test.each([
    ["NUL", "a\0b"],
    ["4,096 characters", "a".repeat(4_096)],
    ["nothing there", "missing"],
  ])("%s", async (_, name) => {
    await expect(hashFile(at(name))).rejects.toMatchObject({ code: "file_unreadable" });
  });
});

test("media types come from the longest ending that is known", () => {
  expect(["a.tar.gz", "A.ZIP", "tool-1.2.3.exe", "a.unknown", "README", ".tgz"].map(mediaTypeOf)).toEqual([
    "application/gzip",
    "application/zip",
    "application/vnd.microsoft.portable-executable",
    "application/octet-stream",
    "application/octet-stream",
    "application/gzip",
  ]);
});

test("a bar says how much of how much, and how fast", () => {
  expect(renderProgress({ color: false }, "hashing", 512 * 1_024 ** 2, 1_024 ** 3, 2_000)).toBe(
    "hashing ████████████░░░░░░░░░░░░  50 %  512 MiB of 1.0 GiB  256 MiB/s",
  );
  expect([0, 1_023, 1_536, 5 * 1_024 ** 4].map(showBytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]);
});
