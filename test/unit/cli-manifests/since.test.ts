import { afterEach, beforeEach, expect, test } from "vitest";
import { openCheckout } from "../../../src/cli/git.ts";
import { tagOwnerOf } from "../../../src/cli/manifests.ts";
import { scopeSinceTag } from "../../../src/cli/since.ts";
import { nameTag } from "../../../src/cli/tags.ts";
import { Repository } from "../cli-git/repository.ts";

const ENTITIES = [
  { id: "global:main", files: [{ path: "package.json" }] },
  {
    id: "component:a",
    parent: "global:main",
    files: [{ path: "packages/a/package.json" }, { path: "package-lock.json" }],
  },
  { id: "component:b", parent: "global:main", files: [{ path: "packages/b/Cargo.toml" }] },
];

let repository: Repository;
beforeEach(async () => {
  repository = await Repository.create();
  await repository.commit("feat: all", {
    "package.json": '{"name":"root","version":"1.0.0"}',
    "packages/a/package.json": '{"name":"@x/a","version":"1.0.0"}',
    "packages/b/Cargo.toml": '[package]\nname = "b-crate"\nversion = "1.0.0"\n',
  });
});
afterEach(() => repository.remove());

const ownerOf = (i: number, form?: string) => tagOwnerOf(repository.dir, ENTITIES[i]!, ENTITIES, form);
const sinceTag = async (i: number, form?: string) =>
  scopeSinceTag(await openCheckout(repository.dir, repository.env), await ownerOf(i, form), {
    files: ENTITIES[i]!.files,
  });

test("whose tags: the package's names and the id; without a name only the one root's", async () => {
  expect(await ownerOf(0)).toEqual({ names: ["root", "main"], bare: true });
  expect(await ownerOf(1)).toEqual({ names: ["@x/a", "a"], bare: false });
  expect(await ownerOf(2, "{name}_{version}")).toEqual({
    names: ["b-crate", "b"],
    bare: false,
    form: "{name}_{version}",
  });
  const two = [ENTITIES[0]!, { id: "api:x", files: [{ path: "gone.json" }] }];
  expect(await tagOwnerOf(repository.dir, two[0]!, two)).toMatchObject({ bare: false });
  expect(await tagOwnerOf(repository.dir, two[1]!, two)).toEqual({ names: ["x"], bare: false });
});

test("from the beginning, since the repository's tag, since the package's own tag", async () => {
  expect(await sinceTag(1)).toMatchObject({
    scope: "minor",
    since: null,
    why: expect.stringMatching(/^From the beginning: 1 commit, /),
  });
  await repository.git("tag", "-a", "v1.0.0", "-m", "x");
  await repository.commit("feat: in a", { "packages/a/x": "1" });
  expect(await sinceTag(1)).toMatchObject({ scope: "minor", since: { tag: "v1.0.0" }, looked: 1 });
  await repository.git("tag", "-a", "@x/a@1.1.0", "-m", "x");
  await repository.commit("fix: in b", { "packages/b/x": "1" });
  expect(await sinceTag(1)).toMatchObject({
    scope: null,
    since: { tag: "@x/a@1.1.0" },
    why: "Since @x/a@1.1.0: no commits.",
  });
  expect(await sinceTag(2)).toMatchObject({ scope: "patch", since: { tag: "v1.0.0" } });
  expect(await sinceTag(0)).toMatchObject({ scope: "minor", since: { tag: "v1.0.0" }, looked: 2 });
  expect(await sinceTag(2, "{name}/{version}")).toMatchObject({ since: null });
});

test("a tag that HEAD cannot reach does not count, for the next name it does", async () => {
  await repository.git("switch", "--quiet", "-c", "side");
  await repository.commit("chore: side");
  await repository.git("tag", "a-v9.0.0");
  await repository.git("switch", "--quiet", "main");
  expect((await sinceTag(1)).since).toBeNull();
  expect(nameTag(await ownerOf(1), "9.0.1", ["a-v9.0.0"])).toBe("a-v9.0.1");
});

test("a tag ahead of what the authority gave is told, whatever the commits ask for", async () => {
  const since = async (version?: string) =>
    scopeSinceTag(await openCheckout(repository.dir, repository.env), await ownerOf(0), { version });
  await repository.git("tag", "v1.1.1");
  await repository.commit("feat: x");
  expect((await since("1.1.1")).warning).toBeNull();
  expect((await since("1.2.0")).warning).toBeNull();
  await repository.git("tag", "v9.9.9");
  await repository.commit("fix: y");
  const found = await since("1.1.1");
  expect(found).toMatchObject({ scope: "patch", since: { version: "9.9.9" } });
  expect(found.warning).toMatch(/^The tag v9\.9\.9 is ahead of 1\.1\.1, the version at the authority/);
  expect((await since("10.0.0-rc.1")).warning).toBeNull();
  expect((await since()).warning).toBeNull();
});
