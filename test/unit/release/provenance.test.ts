import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readCi, withoutCredentials } from "../../../src/cli/release/ci.ts";
import {
  collectSource,
  LOCAL_BUILDER,
  readGit,
  shownCommand,
  shownRemote,
} from "../../../src/cli/release/provenance.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "tes-provenance-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const env = { PATH: process.env.PATH, HOME: "/nonexistent", GIT_CONFIG_NOSYSTEM: "1" };
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=A", "-c", "user.email=a@example.com", ...args], {
    cwd: dir,
    env,
    encoding: "utf8",
  }).trim();

async function checkout(): Promise<string> {
  git("init", "-q", "-b", "main");
  await writeFile(join(dir, "a.txt"), "a");
  git("add", "a.txt");
  git("commit", "-q", "-m", "first");
  return git("rev-parse", "HEAD");
}

describe("git", () => {
  test("a clean checkout: commit, branch, remote", async () => {
    const commit = await checkout();
    git("remote", "add", "origin", "https://user:ghp_secret@git.example/team/app.git");
    await mkdir(join(dir, "sub"));
    expect(await readGit(join(dir, "sub"), env)).toEqual({
      commit,
      ref: "refs/heads/main",
      remote: "https://git.example/team/app.git",
      dirty: false,
    });
  });

  test.each([
    ["a tracked file that differs", "a.txt"],
    ["an untracked file", "new.txt"],
  ])("%s makes it dirty", async (_, name) => {
    await checkout();
    await writeFile(join(dir, name), "other");
    expect(await readGit(dir, env)).toMatchObject({ dirty: true });
  });

  test("a detached head has no branch; without remotes none is named; an only one of another name is", async () => {
    const commit = await checkout();
    git("checkout", "-q", "--detach");
    expect(await readGit(dir, env)).toEqual({ commit, dirty: false });
    git("remote", "add", "upstream", "git@git.example:team/app.git");
    expect(await readGit(dir, env)).toMatchObject({ remote: "ssh://git.example/team/app.git" });
  });

  test("nothing where there is no checkout, no commit, no git", async () => {
    expect(await readGit(dir, { ...env, GIT_CEILING_DIRECTORIES: tmpdir() })).toBeNull();
    git("init", "-q");
    expect(await readGit(dir, env)).toBeNull();
    expect(await readGit(dir, { PATH: "/nonexistent" })).toBeNull();
  });

  test.each([
    ["https://token@host.example/a.git", "https://host.example/a.git"],
    ["https://a:b%40@host.example/a.git?access_token=x", "https://host.example/a.git"],
    ["ssh://git@host.example:22/a.git", "ssh://host.example:22/a.git"],
    ["git@host.example:a/b.git", "ssh://host.example/a/b.git"],
    ["/home/somebody/a.git", "urn:tes:local-remote"],
    ["file:///home/somebody/a.git", "urn:tes:local-remote"],
    ["C:\\Users\\somebody\\a", "urn:tes:local-remote"],
  ])("the remote %s shows as %s", (remote, shown) => {
    expect(shownRemote(remote)).toBe(shown);
  });
});

/** One job of each system, with what a real one sets and what must never leave. */
const SECRETS = {
  GITHUB_TOKEN: "ghs_secret",
  ACTIONS_RUNTIME_TOKEN: "secret",
  CI_JOB_TOKEN: "secret",
  CI_REPOSITORY_URL: "https://gitlab-ci-token:secret@gitlab.example/a/b.git",
  CIRCLE_OIDC_TOKEN: "secret",
  BUILDKITE_AGENT_ACCESS_TOKEN: "secret",
  SYSTEM_ACCESSTOKEN: "secret",
  BITBUCKET_STEP_OIDC_TOKEN: "secret",
  TES_TOKEN: "secret",
  TES_PUBLISHER_PASSPHRASE: "secret",
};
const SHA = "0123456789abcdef0123456789abcdef01234567";
const JOBS: readonly [string, Record<string, string>, { builder: string; invocation?: string }][] = [
  [
    "GitHub Actions",
    {
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: "a/b",
      GITHUB_SHA: SHA,
      GITHUB_RUN_ID: "7",
      GITHUB_RUN_ATTEMPT: "2",
      RUNNER_ENVIRONMENT: "github-hosted",
    },
    {
      builder: "https://github.com/actions/runner/github-hosted",
      invocation: "https://github.com/a/b/actions/runs/7/attempts/2",
    },
  ],
  [
    "GitLab CI",
    {
      GITLAB_CI: "true",
      CI_PROJECT_URL: "https://gitlab.example/a/b",
      CI_RUNNER_ID: "12",
      CI_COMMIT_SHA: SHA,
      CI_JOB_URL: "https://gitlab.example/a/b/-/jobs/9",
    },
    { builder: "https://gitlab.example/a/b/-/runners/12", invocation: "https://gitlab.example/a/b/-/jobs/9" },
  ],
  [
    "Jenkins",
    { JENKINS_URL: "https://ci.example/", BUILD_URL: "https://u:p@ci.example/job/a/3/", GIT_COMMIT: SHA },
    { builder: "https://ci.example/", invocation: "https://ci.example/job/a/3/" },
  ],
  [
    "CircleCI",
    { CIRCLECI: "true", CIRCLE_SHA1: SHA, CIRCLE_BUILD_URL: "https://circleci.com/gh/a/b/3" },
    { builder: "https://circleci.com/", invocation: "https://circleci.com/gh/a/b/3" },
  ],
  [
    "Buildkite",
    {
      BUILDKITE: "true",
      BUILDKITE_ORGANIZATION_SLUG: "a",
      BUILDKITE_COMMIT: SHA,
      BUILDKITE_BUILD_URL: "https://buildkite.com/a/b/builds/3",
      BUILDKITE_JOB_ID: "j",
    },
    { builder: "https://buildkite.com/a", invocation: "https://buildkite.com/a/b/builds/3#j" },
  ],
  [
    "Azure Pipelines",
    {
      TF_BUILD: "True",
      SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "https://dev.azure.com/a/",
      SYSTEM_TEAMPROJECT: "my project",
      BUILD_BUILDID: "3",
      BUILD_SOURCEVERSION: SHA,
    },
    {
      builder: "https://dev.azure.com/",
      invocation: "https://dev.azure.com/a/my%20project/_build/results?buildId=3",
    },
  ],
  [
    "Bitbucket Pipelines",
    {
      BITBUCKET_BUILD_NUMBER: "3",
      BITBUCKET_GIT_HTTP_ORIGIN: "https://bitbucket.org/a/b",
      BITBUCKET_COMMIT: SHA,
    },
    { builder: "https://bitbucket.org/", invocation: "https://bitbucket.org/a/b/pipelines/results/3" },
  ],
  [
    "Woodpecker CI",
    {
      CI: "woodpecker",
      CI_SYSTEM_URL: "https://ci.example",
      CI_COMMIT_SHA: SHA,
      CI_PIPELINE_URL: "https://ci.example/repos/1/pipeline/3",
    },
    { builder: "https://ci.example", invocation: "https://ci.example/repos/1/pipeline/3" },
  ],
  [
    "Cloudflare Workers Builds",
    { WORKERS_CI: "1", WORKERS_CI_BUILD_UUID: "8e5c", WORKERS_CI_COMMIT_SHA: SHA },
    { builder: "https://developers.cloudflare.com/workers/ci-cd/builds/", invocation: "urn:uuid:8e5c" },
  ],
  [
    "Cloudflare Pages",
    { CF_PAGES: "1", CF_PAGES_COMMIT_SHA: SHA, CF_PAGES_URL: "https://x.pages.dev" },
    { builder: "https://pages.cloudflare.com/", invocation: "https://x.pages.dev" },
  ],
];

describe("CI", () => {
  test.each(JOBS)("%s", (system, variables, { builder, invocation }) => {
    const facts = readCi({ ...variables, ...SECRETS });
    expect(facts).toMatchObject({ system, builder, commit: SHA });
    expect(facts?.invocation).toBe(invocation);
    expect(JSON.stringify(facts)).not.toMatch(/secret|u:p@/);
  });

  test("whatever else the environment holds stays where it is", () => {
    const job = fc.constantFrom(...JOBS.map(([, variables]) => variables));
    const noise = fc.dictionary(fc.stringMatching(/^[A-Z_]{3,20}$/), fc.constant("hunter2"));
    fc.assert(
      fc.property(job, noise, (variables, others) => {
        const given = { ...others, ...variables };
        const known = JOBS.flatMap(([, names]) => Object.keys(names));
        const facts = readCi(given);
        for (const name of Object.keys(facts?.variables ?? {}))
          expect(known.includes(name) || !(name in others)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("values are bounded and on one line", () => {
    const facts = readCi({
      GITHUB_ACTIONS: "true",
      GITHUB_REF: `refs/heads/${"x".repeat(2_000)}`,
      GITHUB_JOB: "a\nb\u202e",
    });
    expect(facts?.variables.GITHUB_REF).toHaveLength(512);
    expect(facts?.variables.GITHUB_JOB).toBe("a b ");
  });

  test("none on a machine of one's own", () => {
    expect(readCi({ CI: "true", HOME: "/root" })).toBeNull();
  });
});

describe("the command", () => {
  test("is as typed, with paths from here, and without what looks like a secret", () => {
    const key = "0f".repeat(16) + "e1".repeat(16);
    expect(
      shownCommand("/w", [
        "release",
        "a:b",
        "/w/dist/x.tgz",
        "/home/me/y.tgz",
        "--url",
        "https://u:p@h/x",
        key,
        "eyJh.eyJi.c",
      ]),
    ).toEqual(["tes", "release", "a:b", "dist/x.tgz", "y.tgz", "--url", "https://h/x", "[64 hex]", "[token]"]);
  });

  test("of 1,000 files is cut", () => {
    const shown = shownCommand("/w", ["release", ...Array.from({ length: 1_000 }, (_, i) => `f${i}`)]);
    expect(shown).toHaveLength(66);
    expect(shown.at(-1)).toBe("… and 937 more");
  });
});

test("all of it together is what a predicate takes", async () => {
  const commit = await checkout();
  git("remote", "add", "origin", "https://git.example/team/app.git");
  expect(await collectSource(dir, env, ["release", "a:b", "x"])).toMatchObject({
    command: ["tes", "release", "a:b", "x"],
    builder: LOCAL_BUILDER,
    internalParameters: { git: { commit, dirty: false } },
    resolvedDependencies: [
      { uri: "git+https://git.example/team/app.git@refs/heads/main", digest: { gitCommit: commit } },
    ],
  });
});

test("credentials go whatever they look like", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[^/?#\s]{1,20}$/), (secret) => {
      expect(withoutCredentials(`https://${secret}@host.example/a`)).toBe("https://host.example/a");
    }),
    { numRuns: 200 },
  );
});
