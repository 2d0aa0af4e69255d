/** A real git repository in a directory of its own, away from the configuration of whoever runs the tests. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export class Repository {
  readonly dir: string;
  readonly env: Record<string, string>;

  private constructor(dir: string, home: string) {
    this.dir = dir;
    this.env = {
      PATH: process.env.PATH ?? "",
      HOME: home,
      GIT_CONFIG_GLOBAL: join(home, "gitconfig"),
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_AUTHOR_NAME: "A. Author",
      GIT_AUTHOR_EMAIL: "author@example.com",
      GIT_COMMITTER_NAME: "A. Committer",
      GIT_COMMITTER_EMAIL: "committer@example.com",
    };
  }

  /** An empty repository on the branch main; `config` is the user's own configuration. */
  static async create(config = ""): Promise<Repository> {
    const base = await realpath(await mkdtemp(join(tmpdir(), "tes-git-")));
    await mkdir(join(base, "home"));
    await mkdir(join(base, "work"));
    await writeFile(join(base, "home/gitconfig"), config);
    const repository = new Repository(join(base, "work"), join(base, "home"));
    await repository.git("init", "--quiet", "--initial-branch=main", ".");
    return repository;
  }

  async remove(): Promise<void> {
    await rm(dirname(this.dir), { recursive: true, force: true });
  }

  async git(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("git", args, { cwd: this.dir, env: this.env });
    return stdout.trimEnd();
  }

  async put(path: string, text: string | Uint8Array): Promise<void> {
    await mkdir(dirname(join(this.dir, path)), { recursive: true });
    await writeFile(join(this.dir, path), text);
  }

  /** Writes files and commits everything. */
  async commit(message: string, files: Record<string, string> = {}): Promise<string> {
    for (const [path, text] of Object.entries(files)) await this.put(path, text);
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "--allow-empty", "--message", message);
    return this.git("rev-parse", "HEAD");
  }
}
