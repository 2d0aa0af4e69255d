/** A directory of files to bump. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { applyEdits, type FilePlan, type PlanOptions, planEdits, type VersionChange } from "../../../src/cli/files.ts";

export class Directory {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(files: Readonly<Record<string, string>> = {}): Promise<Directory> {
    const directory = new Directory(await mkdtemp(join(tmpdir(), "tes-files-")));
    for (const [path, text] of Object.entries(files)) await directory.put(path, text);
    return directory;
  }

  async put(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), text);
  }

  read(path: string): Promise<string> {
    return readFile(join(this.root, path), "utf8");
  }

  plan(changes: VersionChange[], options?: PlanOptions): Promise<FilePlan> {
    return planEdits(this.root, changes, options);
  }

  /** Plans, writes, and gives the plan. */
  async write(changes: VersionChange[], options?: PlanOptions): Promise<FilePlan> {
    const plan = await this.plan(changes, options);
    await applyEdits(plan.edits);
    return plan;
  }

  remove(): Promise<void> {
    return rm(this.root, { recursive: true, force: true });
  }
}

/** A change from 1.0.0 to 1.1.0 unless told otherwise. A path may be followed by ` :: ` and a pattern. */
export function change(entity: string, paths: readonly string[], from = "1.0.0", to = "1.1.0"): VersionChange {
  const files = paths.map((text) => {
    const [path, pattern] = text.split(" :: ") as [string, string?];
    return { path, ...(pattern === undefined ? {} : { pattern }) };
  });
  return { entity, from, to, files };
}
