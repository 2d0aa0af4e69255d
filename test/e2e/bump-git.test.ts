/** `tes init --from-git` and `tes bump` in real git repositories: scope from commits, one commit, one tag. */

import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { failure, serve } from "./support/authority.ts";
import { makePlace, type Place } from "./support/place.ts";

interface Repository {
  git(...args: string[]): string;
  write(path: string, text: string): Promise<void>;
  tes(...args: string[]): ReturnType<Place["tes"]>;
}

/** A monorepo at v1.0.0 with an authority running in it. */
async function makeRepository(place: Place): Promise<Repository> {
  const identity = {
    GIT_AUTHOR_NAME: "a",
    GIT_AUTHOR_EMAIL: "a@b.c",
    GIT_COMMITTER_NAME: "a",
    GIT_COMMITTER_EMAIL: "a@b.c",
  };
  const env = { ...identity, GIT_CONFIG_NOSYSTEM: "1" };
  const git = (...args: string[]) =>
    execFileSync("git", args, {
      cwd: place.dir,
      encoding: "utf8",
      env: { ...env, PATH: process.env.PATH, HOME: join(place.dir, "home") },
    });
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(place.dir, path)), { recursive: true });
    await writeFile(join(place.dir, path), text);
  };
  const tes = (...args: string[]) => place.tes(args, { env });
  git("init", "-q", "-b", "main");
  await write(".gitignore", ".tes/\nhome/\ntmp/\n");
  await write("package.json", '{"name":"root","version":"1.0.0","private":true,"workspaces":["packages/*"]}\n');
  await write("packages/a/package.json", '{"name":"@x/a","version":"1.0.0"}\n');
  await write("packages/b/package.json", '{"name":"@x/b","version":"0.4.0"}\n');
  git("add", ".");
  git("commit", "-qm", "feat: begin");
  git("tag", "v1.0.0");
  const init = tes("init", "--from-git");
  expect(await init.exited, init.stderr).toBe(0);
  git("add", ".");
  git("commit", "-qm", "chore: registry file");
  await serve(place, { data: ".tes", env });
  return { git, write, tes };
}

test("init proposes the entities from manifests and tags", async () => {
  await using place = await makePlace();
  await makeRepository(place);
  const { entities } = JSON.parse(await readFile(join(place.dir, "tes.registry.json"), "utf8")) as {
    entities: { id: string; version: string }[];
  };
  expect(entities.map(({ id, version }) => `${id} ${version}`)).toEqual([
    "global:main 1.0.0",
    "component:a 1.0.0",
    "component:b 0.4.0",
  ]);
});

test("the scope comes from the commits, and one commit with one tag is made of nothing but the files", async () => {
  await using place = await makePlace();
  const { git, write, tes } = await makeRepository(place);
  const none = tes("bump", "global:main", "--from-commits", "--tag");
  expect(await none.exited).toBe(0);
  expect(none.stdout).toContain("nothing to bump: Since v1.0.0");
  await write("feature", "x");
  git("add", "feature");
  git("commit", "-qm", "feat(core): more");
  await write("staged", "by the publisher");
  git("add", "staged");
  const run = tes("bump", "global:main", "--from-commits", "--tag");
  expect(await run.exited, run.stderr).toBe(0);
  expect(run.stdout).toMatch(/global:main +1\.0\.0 +1\.1\.0 +package\.json/);
  expect(run.stdout).toMatch(/1 file written, commit [0-9a-f]{12}, tag v1\.1\.0/);
  expect(git("show", "--name-only", "--format=%s", "HEAD").trim()).toBe(
    "chore(release): global:main 1.1.0\n\npackage.json",
  );
  expect(git("rev-list", "-1", "v1.1.0")).toBe(git("rev-parse", "HEAD"));
  expect(git("status", "--porcelain")).toBe("A  staged\n");
});

test("a package counts its own commits and has tags of its own", async () => {
  await using place = await makePlace();
  const { git, write, tes } = await makeRepository(place);
  await write("packages/b/new", "x");
  git("add", ".");
  git("commit", "-qm", "fix: in b");
  await write("packages/a/new", "x");
  git("add", ".");
  git("commit", "-qm", "feat!: in a");
  const run = tes("bump", "component:b", "--from-commits", "--tag", "--json");
  expect(await run.exited, run.stderr).toBe(0);
  expect(JSON.parse(run.stdout)).toMatchObject({ scope: "patch", tag: "@x/b@0.4.1" });
});

test("what git would refuse is refused before a version is taken", async () => {
  await using place = await makePlace();
  const { git, write, tes } = await makeRepository(place);
  const versions = async () => {
    const run = tes("entity", "show", "global:main", "--json");
    await run.exited;
    return (JSON.parse(run.stdout) as { version: string }).version;
  };
  const refused = async () => (await failure(tes("bump", "global:main", "minor", "--tag", "--json"))).code;
  git("tag", "v1.1.0");
  expect(await refused()).toBe("tag_exists");
  git("tag", "-d", "v1.1.0");
  await write("package.json", '{"name":"root","version":"1.0.0"}\n');
  expect(await refused()).toBe("git_dirty");
  git("checkout", "-q", "--", ".");
  git("checkout", "-q", "--detach");
  expect(await refused()).toBe("git_state");
  git("checkout", "-q", "main");
  expect(await versions()).toBe("1.0.0");
});

test("a hook that refuses the commit leaves a way to finish", async () => {
  await using place = await makePlace();
  const { git, write, tes } = await makeRepository(place);
  await write(".git/hooks/pre-commit", "#!/bin/sh\nexit 1\n");
  execFileSync("chmod", ["+x", join(place.dir, ".git/hooks/pre-commit")]);
  const refused = await failure(tes("bump", "global:main", "minor", "--tag", "--json"));
  expect(refused.code).toBe("git_failed");
  const finish = /Finish with: tes (bump --finish \d+[^']*--commit|bump --finish \d+.*)$/m.exec(
    String(refused.detail),
  )![1]!;
  execFileSync("rm", [join(place.dir, ".git/hooks/pre-commit")]);
  const run = tes(...finish.split(" "));
  expect(await run.exited, run.stderr).toBe(0);
  expect(git("tag")).toContain("v1.1.0");
  expect(git("status", "--porcelain")).toBe("");
});
