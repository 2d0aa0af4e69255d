import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { directoriesOf, scopeOf, scopeOfMessage } from "../../../src/cli/commits.ts";
import { type Commit, commitsSince, openCheckout } from "../../../src/cli/git.ts";
import { MAX_COMMIT_MESSAGE_CHARS } from "../../../src/core/limits.ts";
import { Repository } from "../cli-git/repository.ts";

describe("one message", () => {
  test.each([
    ["feat: a", "minor"],
    ["feat(ui): a", "minor"],
    ["feat(@scope/a, b): a", "minor"],
    ["FEAT: a", "minor"],
    ["fix: a", "patch"],
    ["perf(core): a", "patch"],
    ["docs: a", null],
    ["chore(deps): bump x from 1 to 2", null],
    ["feat!: a", "major"],
    ["chore(build)!: a", "major"],
    ["fix: a\n\nBREAKING CHANGE: gone", "major"],
    ["docs: a\n\nlong text\n\nBREAKING-CHANGE: gone", "major"],
    ["fix: a\n\nBREAKING CHANGE:\n  gone on its own line", "major"],
    ["whatever\n\nBREAKING CHANGE: gone", "major"],
    ["fix: a\n\nthis is no BREAKING CHANGE: at all", "patch"],
    ["fix: a\n\nBreaking changes are described elsewhere", "patch"],
    ["feat:no space", null],
    ["feat a", null],
    ["a feat: a", null],
    ["feat : a", null],
    ["", null],
    [" \n ", null],
    ["constructor: a", null],
    ["__proto__: a", null],
    ["fixup! feat: a", null],
    ['Revert "feat!: a"\n\nThis reverts commit 1234567.', "patch"],
    ["revert: feat: a", "patch"],
    ["feat: a\n\n-notes-\nx\n-type-\nfix\n-__proto__-\nx", "minor"],
    ["feat: a\r\n\r\nBREAKING CHANGE: b\r\n", "major"],
  ] as const)("%j: %s", (message, scope) => {
    expect(scopeOfMessage(message)).toBe(scope);
  });

  test("a message is read up to its limit", () => {
    const footer = "\n\nBREAKING CHANGE: x";
    const filled = (chars: number) => "fix: a\n\n".padEnd(chars - footer.length, "text\n") + footer;
    expect(scopeOfMessage(filled(MAX_COMMIT_MESSAGE_CHARS))).toBe("major");
    expect(scopeOfMessage(filled(MAX_COMMIT_MESSAGE_CHARS + footer.length))).toBe("patch");
  });

  test.each(["#", "a", "fix ", "http://", "@a", "-", "-a-\n", "close #1 ", "a/b#1,", "\n", " \t", "a: b\n"])(
    "a message full of %j takes no time",
    (piece) => {
      const text = `feat: ${piece.repeat(MAX_COMMIT_MESSAGE_CHARS / piece.length)}`;
      const started = performance.now();
      scopeOfMessage(text);
      scopeOfMessage(`fix: a\n\n${text}`);
      expect(performance.now() - started).toBeLessThan(2_000);
    },
  );
});

describe("commits", () => {
  let n = 0;
  const commit = (message: string, ...paths: string[]): Commit => {
    const sha = (++n).toString(16).padStart(7, "0").padEnd(40, "e");
    return { sha, subject: message.split("\n")[0]!, message, trailers: [], paths };
  };
  const newestFirst = (...commits: Commit[]) => commits.toReversed();

  test("the largest scope counts, and the answer says which commit asked for it", () => {
    const commits = newestFirst(commit("fix: a"), commit("feat: b"), commit("docs: c"), commit("fix: d"));
    const found = scopeOf(commits);
    expect(found.scope).toBe("minor");
    expect(found.counted.map(({ subject }) => subject)).toEqual(["fix: d", "feat: b", "fix: a"]);
    expect(found.why).toMatch(/^4 commits, 1 minor, 2 patch\. [0-9a-f]{12} asks for minor: feat: b$/);
  });

  test("nothing to bump", () => {
    expect(scopeOf([])).toEqual({ scope: null, counted: [], looked: 0, why: "no commits." });
    expect(scopeOf([commit("docs: a")])).toMatchObject({
      scope: null,
      why: "1 commit, none of them breaking, feat, fix, perf or a revert.",
    });
  });

  test("a breaking change while the version is 0.x", () => {
    const commits = [commit("feat!: a"), commit("fix: b")];
    expect(scopeOf(commits, { version: "0.3.1" }).scope).toBe("major");
    expect(scopeOf(commits, { version: "0.3.1", zeroMajor: "minor" }).scope).toBe("minor");
    expect(scopeOf(commits, { version: "1.0.0", zeroMajor: "minor" }).scope).toBe("major");
    expect(scopeOf([commit("fix: b")], { version: "0.3.1", zeroMajor: "minor" }).scope).toBe("patch");
  });

  test("a package counts the commits that touch its directories, not those beside it with the same beginning", () => {
    const commits = newestFirst(
      commit("feat!: core", "packages/core/src/x.ts"),
      commit("feat: both", "packages/a/x.ts", "packages/core/x.ts"),
      commit("feat!: ab", "packages/ab/x.ts"),
      commit("fix: nothing"),
    );
    expect(scopeOf(commits, { directories: ["packages/a"] })).toMatchObject({ scope: "minor", looked: 1 });
    expect(scopeOf(commits, { directories: ["packages/b"] })).toMatchObject({ scope: null, looked: 0 });
    expect(scopeOf(commits, { directories: [""] })).toMatchObject({ scope: "major", looked: 4 });
  });

  test.each([
    ["git's words", (sha: string) => `Revert "feat: a"\n\nThis reverts commit ${sha}.`],
    ["a beginning of the id", (sha: string) => `revert: let us forget it\n\nRefs: ${sha.slice(0, 7)}`],
    ["a subject alone", () => 'Revert "feat: a"'],
    ["GitHub's words", () => 'Revert "feat: a" (#13)\n\nReverts owner/repo#12'],
    ["the type", () => "revert: feat: a"],
  ])("what is taken back counts as little as the revert: %s", (_name, words) => {
    const feat = commit("feat: a");
    const commits = newestFirst(commit("fix: z"), feat, commit(words(feat.sha)));
    expect(scopeOf(commits)).toMatchObject({ scope: "patch", counted: [{ subject: "fix: z" }] });
    expect(scopeOf(commits.slice(0, 2)).scope).toBe(null);
    expect(scopeOf(commits.slice(0, 1)).scope).toBe("patch");
  });

  test("the revert of a revert brings it back; so does the third time", () => {
    const feat = commit("feat: a");
    const first = commit(`Revert "feat: a"\n\nThis reverts commit ${feat.sha}.`);
    const second = commit(`Reapply "feat: a"\n\nThis reverts commit ${first.sha}.`);
    const third = commit(`Revert "Reapply "feat: a""\n\nThis reverts commit ${second.sha}.`);
    expect(scopeOf(newestFirst(feat, first, second))).toMatchObject({ scope: "minor", counted: [{ sha: feat.sha }] });
    expect(scopeOf(newestFirst(feat, first, second, third)).scope).toBe(null);
  });

  test("a fix that says it reverts something is still a fix, and a revert of two needs both", () => {
    const [a, b] = [commit("feat: a"), commit("docs: b")];
    expect(scopeOf(newestFirst(a, commit(`fix: c\n\nThis reverts commit ${a.sha}.`))).scope).toBe("minor");
    const both = commit(`revert: both\n\nRefs: ${a.sha}, ${"f".repeat(40)}`);
    expect(scopeOf(newestFirst(a, b, both))).toMatchObject({ scope: "patch", counted: [{ subject: "revert: both" }] });
  });
});

describe("directories of an entity", () => {
  test.each([
    [["package.json"], "", [""]],
    [["packages/a/package.json", "package-lock.json"], "", ["packages/a"]],
    [["packages/a/package.json", "packages/a/src/version.ts", "docs/conf.py"], "", ["docs", "packages/a"]],
    [["Cargo.lock"], "", [""]],
    [[], "", [""]],
    [["package.json"], "sub/dir/", ["sub/dir"]],
    [[], "sub/dir/", ["sub/dir"]],
    [["a/package.json", "package.json"], "sub/", ["sub"]],
  ])("%j below %j: %j", (paths, prefix, expected) => {
    expect(
      directoriesOf(
        paths.map((path) => ({ path })),
        prefix,
      ),
    ).toEqual(expected);
  });
});

describe("a real repository", () => {
  let repository: Repository;
  beforeEach(async () => {
    repository = await Repository.create();
  });
  afterEach(() => repository.remove());

  test("squash, merge and git's own revert, seen from two packages", async () => {
    await repository.commit("feat!: before the tag", { "packages/a/x": "0", "packages/b/x": "0" });
    await repository.git("tag", "-a", "v1.0.0", "-m", "x");
    await repository.commit("feat: a", { "packages/a/x": "1" });
    await repository.git("revert", "--no-edit", "HEAD");
    await repository.commit("fix: a", { "packages/a/y": "1" });
    await repository.git("switch", "--quiet", "-c", "side");
    await repository.commit("feat(b): b\n\nBREAKING CHANGE: b", { "packages/b/x": "2" });
    await repository.git("switch", "--quiet", "main");
    await repository.git("merge", "--quiet", "--no-ff", "side", "-m", "feat!: merge side");
    const commits = await commitsSince(await openCheckout(repository.dir, repository.env), "v1.0.0");
    expect(scopeOf(commits, { directories: ["packages/a"] })).toMatchObject({ scope: "patch", looked: 3 });
    expect(scopeOf(commits, { directories: ["packages/b"] })).toMatchObject({ scope: "major", looked: 1 });
    expect(scopeOf(commits).counted).toHaveLength(2);
  });
});
