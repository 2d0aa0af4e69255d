import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseLog } from "../../../src/cli/git/log.ts";
import { gitEnvironment, runGit } from "../../../src/cli/git/run.ts";
import {
  type Checkout,
  commitPaths,
  commitsSince,
  createTag,
  currentBranch,
  dirtyPaths,
  listFiles,
  listTags,
  openCheckout,
  requireClean,
  requireCommittable,
  requireTagFree,
} from "../../../src/cli/git.ts";
import { Repository } from "./repository.ts";

/** Settings that change what git prints or does, as somebody may well have them. */
const HOSTILE_CONFIG = `
[color]
  ui = always
[core]
  quotePath = true
  abbrev = 4
[log]
  showSignature = true
  decorate = full
  date = relative
[format]
  pretty = oneline
[status]
  short = true
  showUntrackedFiles = no
  relativePaths = true
  branch = true
[diff]
  renames = copies
  noprefix = true
[commit]
  cleanup = strip
  status = true
[tag]
  sort = -version:refname
`;

let repository: Repository;
let checkout: Checkout;

beforeEach(async () => {
  repository = await Repository.create(HOSTILE_CONFIG);
  checkout = await openCheckout(repository.dir, repository.env);
});
afterEach(() => repository.remove());

const read = (path: string) => readFile(join(repository.dir, path), "utf8");

describe("finding the checkout", () => {
  test("from its root and from below", async () => {
    await mkdir(join(repository.dir, "a b/ü"), { recursive: true });
    expect(checkout).toMatchObject({ root: repository.dir, prefix: "" });
    const below = await openCheckout(join(repository.dir, "a b/ü"), repository.env);
    expect(below).toMatchObject({ root: repository.dir, prefix: "a b/ü/" });
  });

  test("GIT_DIR, GIT_WORK_TREE and GIT_INDEX_FILE of a hook that calls us do not lead elsewhere", async () => {
    const other = await Repository.create();
    try {
      const env = {
        ...repository.env,
        GIT_DIR: join(other.dir, ".git"),
        GIT_WORK_TREE: other.dir,
        GIT_INDEX_FILE: join(other.dir, "index"),
        GIT_PREFIX: "x/",
      };
      expect(await openCheckout(repository.dir, env)).toMatchObject({ root: repository.dir, prefix: "" });
    } finally {
      await other.remove();
    }
  });

  test("who commits and the chosen configuration reach git; secrets and the rest of GIT_* do not", () => {
    const env = {
      PATH: "/bin",
      GIT_AUTHOR_NAME: "a",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      GIT_EXTERNAL_DIFF: "evil",
      GIT_OBJECT_DIRECTORY: "/x",
      GIT_LITERAL_PATHSPECS: "1",
      TES_TOKEN: "t",
      VERSION_SIGNING_KEY: "k",
      LC_ALL: "de_DE.UTF-8",
      UNSET: undefined,
    };
    const kept = { PATH: "/bin", GIT_AUTHOR_NAME: "a", GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory" };
    const both = { ...kept, GIT_CONFIG_VALUE_0: "*", GIT_TERMINAL_PROMPT: "0" };
    expect(gitEnvironment(env, false)).toEqual({ ...both, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" });
    expect(gitEnvironment(env, true)).toEqual({ ...both, LC_ALL: "de_DE.UTF-8" });
  });

  test("outside a checkout, in a bare repository, and where git itself objects", async () => {
    const outside = dirname(repository.dir);
    await expect(openCheckout(outside, repository.env)).rejects.toMatchObject({ code: "git_unknown" });
    await expect(openCheckout(join(repository.dir, ".git"), repository.env)).rejects.toMatchObject({
      code: "git_state",
    });
    await writeFile(join(repository.dir, ".git/config"), "[core\n");
    await expect(openCheckout(repository.dir, repository.env)).rejects.toMatchObject({
      code: "git_failed",
      detail: expect.stringContaining("bad config line 1"),
    });
  });

  test("no git at all", async () => {
    await expect(openCheckout(repository.dir, { ...repository.env, PATH: "/nowhere" })).rejects.toMatchObject({
      code: "git_failed",
      detail: expect.stringContaining("Is it installed?"),
    });
  });
});

describe("running git", () => {
  test("what takes too long is ended, what prints too much is refused", async () => {
    // Nobody ever writes to this pipe.
    await promisify(execFile)("mkfifo", [join(repository.dir, "pipe")]);
    const late = runGit(repository.dir, repository.env, ["hash-object", "--no-filters", "pipe"], { timeoutMs: 20 });
    await expect(late).rejects.toMatchObject({
      code: "git_failed",
      detail: expect.stringContaining("no end within 20 ms"),
    });
    await repository.put("big", "x".repeat(100_001));
    const hash = await repository.git("hash-object", "-w", "big");
    const print = (maxBytes: number) =>
      runGit(repository.dir, repository.env, ["cat-file", "blob", hash], { maxBytes });
    await expect(print(100_000)).rejects.toMatchObject({ detail: "git cat-file: it printed more than 100000 bytes" });
    expect((await print(100_001)).stdout).toHaveLength(100_001);
    await expect(print(1)).rejects.toMatchObject({ code: "git_failed" });
  });
});

describe("what is clean", () => {
  test("staged, unstaged, untracked, ignored and clean, with names that look like patterns", async () => {
    await repository.commit("first", {
      "a*.json": "1",
      "ab.json": "1",
      ":(top)x": "1",
      "ü.json": "1",
      "-f": "1",
      ".gitignore": "hidden",
    });
    await repository.put("hidden", "1");
    await repository.put("new", "1");
    await repository.put("ab.json", "2");
    expect(await dirtyPaths(checkout, ["a*.json", ":(top)x", "ü.json", "-f"])).toEqual([]);
    await requireClean(checkout, ["a*.json", ":(top)x", "ü.json", "-f"]);
    await repository.put("ü.json", "2");
    await repository.git("add", "ü.json");
    const paths = ["a*.json", "ab.json", "ü.json", "new", "hidden"];
    expect(await dirtyPaths(checkout, paths)).toEqual(["ab.json", "ü.json", "new", "hidden"]);
    await expect(requireClean(checkout, paths)).rejects.toMatchObject({ code: "git_dirty", field: "ab.json" });
  });

  test("paths are from the directory that was opened", async () => {
    await repository.commit("first", { "package.json": "1", "sub/package.json": "1" });
    await repository.put("package.json", "2");
    const below = await openCheckout(join(repository.dir, "sub"), repository.env);
    expect(await dirtyPaths(below, ["package.json"])).toEqual([]);
    expect(await listFiles(below)).toEqual(["package.json"]);
    expect(await listFiles(checkout)).toEqual(["package.json", "sub/package.json"]);
  });
});

describe("committing", () => {
  test("only the given paths, as they are on disk; what else is staged stays staged", async () => {
    await repository.commit("first", { "package.json": "1", other: "1", staged: "1", "*": "1" });
    await repository.put("package.json", "2");
    await repository.put("other", "2");
    await repository.put("staged", "2");
    await repository.put("added", "1");
    await repository.git("add", "staged", "added");
    const message = "# Release 1.1.0\n\n- ein Wort: ü\n\n\n\nno more";
    const made = await commitPaths(checkout, ["package.json"], message);
    expect(made).toEqual({ sha: await repository.git("rev-parse", "HEAD"), paths: ["package.json"] });
    expect(await repository.git("log", "-1", "--format=%B", "--no-color", "--no-show-signature")).toBe(
      "# Release 1.1.0\n\n- ein Wort: ü\n\nno more",
    );
    expect(await repository.git("diff", "--cached", "--name-only", "--no-color")).toBe("added\nstaged");
    expect(await read("other")).toBe("2");
    expect(await commitPaths(checkout, ["package.json"], "again")).toBeNull();
    expect(await commitPaths(checkout, [], "none")).toBeNull();
  });

  test("a path that is a pattern is that path alone", async () => {
    await repository.commit("first", { "*": "1", a: "1" });
    await repository.put("*", "2");
    await repository.put("a", "2");
    expect(await commitPaths(checkout, ["*"], "star")).toMatchObject({ paths: ["*"] });
  });

  test("hooks run; one that refuses is quoted, and leaves the files as they are", async () => {
    await repository.commit("first", { "package.json": "1" });
    const hook = join(repository.dir, ".git/hooks/pre-commit");
    await writeFile(hook, "#!/bin/sh\necho the linter objects >&2\nexit 1\n");
    await chmod(hook, 0o755);
    await repository.put("package.json", "2");
    await expect(commitPaths(checkout, ["package.json"], "x")).rejects.toMatchObject({
      code: "git_failed",
      detail: "git commit: the linter objects",
    });
    expect(await read("package.json")).toBe("2");
  });

  test("refused: what git does not track, a detached HEAD, a merge under way, an author nobody knows", async () => {
    const first = await repository.commit("first", { a: "1" });
    await repository.put("new", "1");
    await expect(commitPaths(checkout, ["new"], "x")).rejects.toMatchObject({ code: "git_dirty", field: "new" });
    expect(await requireCommittable(checkout)).toBe("main");

    await repository.git("switch", "--quiet", "-c", "side");
    await repository.commit("side", { a: "2" });
    await repository.git("switch", "--quiet", "main");
    await repository.commit("main", { a: "3" });
    await expect(repository.git("merge", "side")).rejects.toThrow();
    await expect(requireCommittable(checkout)).rejects.toMatchObject({
      code: "git_state",
      detail: expect.stringContaining("a merge is under way"),
    });
    await repository.git("merge", "--abort");

    const { GIT_AUTHOR_NAME: _a, GIT_AUTHOR_EMAIL: _b, ...nobody } = repository.env;
    const config = { GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "user.useConfigOnly", GIT_CONFIG_VALUE_0: "true" };
    await expect(requireCommittable({ ...checkout, env: { ...nobody, ...config } })).rejects.toMatchObject({
      code: "git_failed",
      detail: expect.stringContaining("tell me who you are"),
    });

    await repository.git("switch", "--quiet", "--detach", first);
    expect(await currentBranch(checkout)).toBeNull();
    await repository.put("a", "9");
    await expect(commitPaths(checkout, ["a"], "x")).rejects.toMatchObject({
      code: "git_state",
      detail: expect.stringContaining("detached"),
    });
  });
});

describe("tags", () => {
  test("an annotated tag, once", async () => {
    const first = await repository.commit("first");
    await repository.commit("second");
    await createTag(checkout, "@scope/a@1.0.0-rc.1+b", "# Release\n\nü", first);
    expect(await repository.git("cat-file", "-t", "@scope/a@1.0.0-rc.1+b")).toBe("tag");
    expect(await repository.git("rev-parse", "@scope/a@1.0.0-rc.1+b^{commit}")).toBe(first);
    expect(await repository.git("tag", "--list", "--format=%(contents)")).toBe("# Release\n\nü");
    await expect(createTag(checkout, "@scope/a@1.0.0-rc.1+b", "x")).rejects.toMatchObject({ code: "tag_exists" });
    await requireTagFree(checkout, "v1.0.0");
  });

  test.each(["", "-d", "a..b", "a b", "a~1", "x.lock", "a\nb", "../heads/main"])("%j is no name", async (tag) => {
    await expect(requireTagFree(checkout, tag)).rejects.toMatchObject({ code: "git_failed" });
  });

  test("all, and those that HEAD can reach; none before the first commit", async () => {
    expect(await listTags(checkout, "reachable")).toEqual([]);
    expect(await commitsSince(checkout, null)).toEqual([]);
    await repository.commit("first");
    await createTag(checkout, "v1.0.0", "x");
    await repository.git("switch", "--quiet", "-c", "next");
    await repository.commit("next");
    await createTag(checkout, "v2.0.0", "x");
    await repository.git("tag", "light");
    await repository.git("switch", "--quiet", "main");
    expect(await listTags(checkout, "reachable")).toEqual(["v1.0.0"]);
    expect((await listTags(checkout, "all")).sort()).toEqual(["light", "v1.0.0", "v2.0.0"]);
  });
});

describe("commits since a tag", () => {
  test("newest first, without merges, with messages, trailers and paths of any kind", async () => {
    await repository.commit("feat: before", { a: "1" });
    await repository.git("tag", "v1.0.0");
    await repository.git("switch", "--quiet", "-c", "side");
    const message = "fix(a): ü\nsecond line\n\nBody with \u001b[31mred\u001b[0m\n\nRefs: #1\nSigned-off-by: A\n  <a@b>";
    const side = await repository.commit(message, { "d/ü b": "1", "d/\n\nx": "1" });
    await repository.git("switch", "--quiet", "main");
    await repository.git("merge", "--quiet", "--no-ff", "-m", "feat!: Merge branch side", "side");
    const empty = await repository.commit("chore: nothing");
    await repository.git("mv", "a", "b");
    const moved = await repository.commit("refactor: move");
    const commits = await commitsSince(checkout, "v1.0.0");
    expect(commits.map(({ sha, paths }) => [sha, paths])).toEqual([
      [moved, ["a", "b"]],
      [empty, []],
      [side, ["d/\n\nx", "d/ü b"]],
    ]);
    expect(commits[2]).toMatchObject({
      subject: "fix(a): ü second line",
      message: `${message}\n`,
      trailers: [
        { key: "Refs", value: "#1" },
        { key: "Signed-off-by", value: "A <a@b>" },
      ],
    });
    expect((await commitsSince(checkout, null)).map(({ subject }) => subject)).toContain("feat: before");
  });

  test("signatures that the configuration wants to see do not come between", async () => {
    const gpg = join(repository.dir, "../gpg");
    const words =
      "echo '[GNUPG:] SIG_CREATED ' >&2; echo '-----BEGIN PGP SIGNATURE-----'; echo; echo '-----END PGP SIGNATURE-----'";
    const verify = "echo 'gpg: Good signature' >&2; echo '[GNUPG:] GOODSIG 1 A'";
    await writeFile(gpg, `#!/bin/sh\ncase "$*" in *--verify*) ${verify};; *) cat >/dev/null; ${words};; esac\n`, {
      mode: 0o755,
    });
    await repository.git("config", "gpg.program", gpg);
    await repository.git("config", "commit.gpgSign", "true");
    await repository.commit("fix: signed", { a: "1" });
    expect(await repository.git("log", "--show-signature", "-1")).toContain("Good signature");
    expect(await commitsSince(checkout, null)).toMatchObject([{ subject: "fix: signed", paths: ["a"] }]);
  });

  test("a path that is another commit's id is a path", () => {
    const [a, b] = ["a".repeat(40), "b".repeat(40)];
    const record = (sha: string, ...paths: string[]) =>
      `\0${sha}\0s\0s\n\0\0\0${paths.length === 0 ? "" : `\n${paths.map((path) => `${path}\0`).join("")}`}`;
    const commits = parseLog(record(a, b, "x") + record(b) + record(a, "y"));
    expect(commits.map(({ sha, paths }) => [sha, paths])).toEqual([
      [a, [b, "x"]],
      [b, []],
      [a, ["y"]],
    ]);
    expect(() => parseLog("warning: x\0y\0")).toThrow(expect.objectContaining({ code: "git_failed" }));
  });

  test("a shallow clone is refused when its end lies in the range, and good enough when it does not", async () => {
    await repository.commit("one", { a: "1" });
    await repository.git("tag", "v1.0.0");
    await repository.commit("two", { a: "2" });
    await repository.git("tag", "v1.1.0");
    await repository.commit("three", { a: "3" });
    await repository.git("clone", "--quiet", "--depth=2", `file://${repository.dir}`, "../clone");
    const clone = await openCheckout(join(repository.dir, "../clone"), repository.env);
    expect((await commitsSince(clone, "v1.1.0")).map(({ subject }) => subject)).toEqual(["three"]);
    await expect(commitsSince(clone, null)).rejects.toMatchObject({
      code: "git_state",
      detail: expect.stringContaining("fetch-depth: 0"),
    });
  });

  test("a tag that is not there", async () => {
    await repository.commit("one");
    await expect(commitsSince(checkout, "v9")).rejects.toMatchObject({ code: "git_failed" });
  });
});
