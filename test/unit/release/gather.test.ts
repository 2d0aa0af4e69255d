import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CommandIo } from "../../../src/cli/output.ts";
import { checkFolderNames } from "../../../src/cli/release/contents.ts";
import { gatherFiles, parseUrlTemplate, subjectsOf } from "../../../src/cli/release/gather.ts";
import { shortKid } from "../../../src/cli/release/short-kid.ts";
import { folderOf, needVersion, parseTarget } from "../../../src/cli/release/target.ts";
import type { TesError } from "../../../src/core/errors.ts";
import { MAX_RELEASE_FILES } from "../../../src/core/limits.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-gather-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const io = (): CommandIo => ({
  stdout: () => undefined,
  stderr: () => undefined,
  color: false,
  json: false,
  terminal: false,
  interactive: false,
  cwd: dir,
  env: {},
  now: () => 1_800_000_000_000,
});
const put = async (path: string, content = "x") => {
  await mkdir(join(dir, path, ".."), { recursive: true });
  await writeFile(join(dir, path), content);
  return path;
};
const refused = (paths: readonly string[]) =>
  gatherFiles(io(), paths).then(
    () => "taken",
    (thrown: { code: string }) => thrown.code,
  );

describe("files of a release", () => {
  test("are found from here, hashed, and in order of their names", async () => {
    const paths = [await put("dist/b.txt"), await put("dist/a.tgz"), "./dist/../dist/c.bin"];
    await put("dist/c.bin");
    const files = await gatherFiles(io(), paths);
    expect(files.map(({ name }) => name)).toEqual(["a.tgz", "b.txt", "c.bin"]);
    expect(subjectsOf(files, null)[0]).toMatchObject({ name: "a.tgz", size: 1, mediaType: "application/gzip" });
    const [subject] = subjectsOf(files, (name) => `https://dl.example/${name}`);
    expect(subject!.downloadLocation).toBe("https://dl.example/a.tgz");
  });

  test.each([
    ["two directories, one name", ["one/app.tgz", "two/app.tgz"], "artifact_name_collision"],
    ["case", ["App.tgz", "app.tgz"], "artifact_name_collision"],
    ["width", ["a/ａpp", "b/app"], "artifact_name_collision"],
    ["composition", ["a/e\u0301", "b/x"], "artifact_name"],
    ["bidirectional override", ["gpj.\u202eexe"], "artifact_name"],
    ["a device of Windows", ["nul.txt"], "artifact_name"],
    ["a trailing dot", ["a."], "artifact_name"],
    ["a wildcard", ["a*"], "artifact_name"],
    ["a backslash", ["..\\a"], "artifact_name"],
    ["a line end", ["a\nb"], "artifact_name"],
  ])("%s is refused", async (_, paths, code) => {
    for (const path of paths) await put(path);
    expect(await refused(paths)).toBe(code);
  });

  test.each([
    ["the directory above", "..", "artifact_name"],
    ["the root", "/", "artifact_name"],
    ["NUL", "a\0b", "artifact_name"],
    ["4,096 characters", "a".repeat(4_096), "artifact_name"],
    ["a path of 4,096 characters", `${"a/".repeat(2_048)}b`, "file_unreadable"],
    ["nothing there", "missing", "file_unreadable"],
    ["a directory", ".", "file_unreadable"],
  ])("%s is refused with a code", async (what, path, code) => {
    expect([code, ...(what === "a directory" || what === "the directory above" ? ["file_unreadable"] : [])]).toContain(
      await refused([path]),
    );
  });

  test("as many as a release holds, and no more; nothing is read for too many", async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `f${i}`);
    expect(await refused(many)).toBe("artifact_limit");
    expect(await refused(many.slice(0, MAX_RELEASE_FILES + 1))).toBe("artifact_limit");
    for (const path of many.slice(0, MAX_RELEASE_FILES)) writeFileSync(join(dir, path), "");
    expect(await gatherFiles(io(), many.slice(0, MAX_RELEASE_FILES))).toHaveLength(MAX_RELEASE_FILES);
  });

  test("one that is larger than a store takes is refused unread", async () => {
    await put("sparse");
    await truncate(join(dir, "sparse"), 167_772_160_001);
    expect(await refused(["sparse"])).toBe("artifact_limit");
  });
});

describe("links", () => {
  /** Paths are gathered; what was noted. */
  const noted = async (...paths: string[]) => {
    const notes: string[] = [];
    const [file] = await gatherFiles({ ...io(), stderr: (text) => void notes.push(text) }, paths);
    return { file: file!, notes: notes.join("") };
  };
  const detail = (...paths: string[]) =>
    gatherFiles(io(), paths).then(
      () => "taken",
      (thrown: TesError) => `${thrown.code}: ${thrown.detail}`,
    );

  test("that were named are followed, under their own names, and it is said", async () => {
    await put("out/app-1.2.3.tgz", "the app");
    await symlink("out/app-1.2.3.tgz", join(dir, "app.tgz"));
    const { file, notes } = await noted("app.tgz");
    const target = await realpath(join(dir, "out/app-1.2.3.tgz"));
    expect(file).toMatchObject({ name: "app.tgz", size: 7, target });
    expect(notes).toBe(`note app.tgz is a link: released is what lies at ${target}, as app.tgz\n`);
    // Also out of here: nobody but its user named it.
    const outside = await mkdtemp(join(tmpdir(), "tes-outside-"));
    try {
      await writeFile(join(outside, "b.tgz"), "b");
      await symlink(join(outside, "b.tgz"), join(dir, "b.tgz"));
      expect((await noted("./b.tgz")).file).toMatchObject({ name: "b.tgz", size: 1 });
    } finally {
      await rm(outside, { recursive: true });
    }
    expect((await noted("out/app-1.2.3.tgz")).notes).toBe("");
  });

  test("inside a folder lead to what lies there, and nowhere else", async () => {
    await put("dist/v1/app.tgz");
    await symlink("v1/app.tgz", join(dir, "dist/latest.tgz"));
    expect((await noted("dist/latest.tgz")).file).toMatchObject({ name: "latest.tgz" });
    await put(".ssh/id_ed25519", "secret");
    await put("dist-old/app.tgz");
    await symlink("../.ssh/id_ed25519", join(dir, "dist/key"));
    await symlink("../dist-old/app.tgz", join(dir, "dist/old.tgz"));
    await symlink("key", join(dir, "dist/again"));
    for (const name of ["dist/key", "dist/old.tgz", "dist/again"]) {
      expect(await detail("dist/latest.tgz", name)).toMatch(
        new RegExp(`^file_unreadable: ${name} is a link out of its folder, to /.*name that file itself`),
      );
    }
  });

  test("to directories on the way to a file are followed, and it is said where the files lie", async () => {
    await put("project/README");
    await put("secret/a.tgz", "one");
    await put("secret/b.tgz");
    await put("project/out/bin/c.tgz");
    await mkdir(join(dir, "project/dist"));
    await symlink("../secret", join(dir, "project/distlink"));
    await symlink("../../secret", join(dir, "project/dist/keys"));
    await symlink("out", join(dir, "project/bazel-out"));
    const cwd = join(dir, "project");
    const secret = await realpath(join(dir, "secret"));
    const gathered = async (...paths: string[]) => {
      const notes: string[] = [];
      const files = await gatherFiles({ ...io(), cwd, stderr: (text) => void notes.push(text) }, paths);
      return { notes, targets: files.map(({ target }) => target) };
    };
    const both = [join(secret, "a.tgz"), join(secret, "b.tgz")];
    expect(await gathered("distlink/a.tgz", "distlink/b.tgz")).toEqual({
      notes: [
        `note distlink is a link: released is what lies in ${secret}, outside of the working directory: a.tgz, b.tgz\n`,
      ],
      targets: both,
    });
    expect(await gathered("dist/keys/a.tgz", "./dist/../dist/keys/b.tgz")).toEqual({
      notes: [
        `note dist/keys is a link: released is what lies in ${secret}, outside of the working directory: a.tgz, b.tgz\n`,
      ],
      targets: both,
    });
    expect(await gathered("../project/bazel-out/bin/c.tgz", "README")).toEqual({
      notes: [`note bazel-out is a link: released is what lies in ${await realpath(join(cwd, "out/bin"))}: c.tgz\n`],
      targets: [undefined, join(await realpath(cwd), "out/bin/c.tgz")],
    });
    // From beside the project too, and the whole path.
    expect((await gathered(join(dir, "secret/a.tgz"))).notes).toEqual([]);
    await symlink("project", join(dir, "elsewhere"));
    expect((await gathered("../elsewhere/out/bin/c.tgz")).notes).toEqual([
      `note ../elsewhere is a link: released is what lies in ${await realpath(join(cwd, "out/bin"))}: c.tgz\n`,
    ]);
  });

  test("to directories, to nothing and in circles are refused with what they are", async () => {
    await put(".ssh/id_ed25519", "secret");
    await put("dist/app.tgz");
    for (const [to, name] of [
      ["../.ssh", "ssh"],
      ["nowhere", "gone"],
      ["round", "round"],
    ] as const) {
      await symlink(to, join(dir, "dist", name));
    }
    await symlink(".ssh", join(dir, "ssh"));
    expect(await detail("dist/ssh")).toMatch(/^file_unreadable: dist\/ssh is a link to the directory .*\.ssh\. Pack/);
    expect(await detail("ssh")).toMatch(/^file_unreadable: ssh is a link to the directory/);
    expect(await detail("dist/gone")).toMatch(/is a link that cannot be followed: nothing is there/);
    expect(await detail("dist/round")).toMatch(/is a link that cannot be followed: ELOOP/);
  });
});

describe("names in the folder", () => {
  const kid = Buffer.alloc(32, 0xab).toString("base64url");
  const other = Buffer.alloc(32, 0xcd).toString("base64url");
  test("a kid is short and plain", () => expect(shortKid(kid)).toBe("abababab"));

  test.each([
    [["app.tgz"], true],
    [["app.tgz", "app.tgz.minisig"], false],
    [["app.tgz", "app.tgz.SIG"], false],
    [["SHA256SUMS"], false],
    [["sha256sums"], false],
    [["release.tes.json"], false],
    [["trusted_root.json"], false],
    [["abababab.sigstore.json"], false],
    [["abababab.sbom.sigstore.json"], false],
    [["app.tgz", "app.tgz.cdcdcdcd.minisig"], false],
    [["publisher-cdcdcdcd.pem"], false],
  ])("%j beside the signatures: %s", (names, fits) => {
    const check = () => checkFolderNames(names, [kid, other], 1);
    if (fits) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code: "artifact_name_collision" }));
  });

  test("a name that leaves no room for its signature's is refused", () => {
    expect(() => checkFolderNames(["a".repeat(250)], [kid], 0)).toThrow(
      expect.objectContaining({ code: "artifact_name" }),
    );
  });
});

describe("addresses", () => {
  const release = { entity: "component:app", version: "1.2.3+b.1" };
  test("are filled in and escaped", () => {
    const urlOf = parseUrlTemplate("https://dl.example/{type}/{name}/{version}/{file}", release, 2);
    expect(urlOf("a b#c.tgz")).toBe("https://dl.example/component/app/1.2.3%2Bb.1/a%20b%23c.tgz");
  });
  test.each([
    ["http://dl.example/{file}", 1],
    ["https://u:p@dl.example/{file}", 1],
    ["https://dl.example/{file}?sig=abc", 1],
    ["https://dl.example/{file}#part", 1],
    ["dl.example/{file}", 1],
    ["https://dl.example/{what}", 1],
    ["https://dl.example/{file", 1],
    ["https://dl.example/one", 2],
  ])("%s for %i files is refused", (template, files) => {
    expect(() => parseUrlTemplate(template, release, files)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

describe("which release", () => {
  test("entity, or entity@version", () => {
    expect(parseTarget("component:app")).toEqual({ entity: "component:app", version: undefined });
    expect(needVersion("component:app@1.2.3-rc.1+b")).toEqual({ entity: "component:app", version: "1.2.3-rc.1+b" });
    expect(folderOf({ entity: "component:app", version: "1.2.3" })).toBe("release/component-app-1.2.3");
  });
  test.each([
    ["app", "invalid_field"],
    ["component:app@", "semver_invalid"],
    ["component:app@1.2", "semver_invalid"],
    ["component:app@../../etc", "semver_invalid"],
  ])("%s is none", (text, code) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code }));
  });
});
