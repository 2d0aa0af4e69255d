/** The commands of docs/verifiers.md, run as they stand there over the folder of a release. */

import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isInstalled, run, type Verdict } from "./programs.ts";

const root = join(import.meta.dirname, "../..");
export const VERIFIERS_PAGE = readFileSync(join(root, "docs/verifiers.md"), "utf8");
const blocks = new Map(
  [...VERIFIERS_PAGE.matchAll(/^```\w+ ([\w.-]+)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => [name!, text!]),
);
/** Whose release the page shows, and of which file. */
const SHOWN = { publisher: /publisher is `([0-9a-f]{8})`/.exec(VERIFIERS_PAGE)![1]!, file: "hello.txt" };

const PROGRAMS: Readonly<Record<string, string>> = {
  signify: "signify-openbsd",
  sigstore: "node",
  "sigstore-bun": "bun",
};

/** Commands of the page whose programs are here; the others are named, with the reason. */
export const COMMANDS: readonly string[] = [...blocks.keys()].filter(
  (name) => name !== "verify.mjs" && isInstalled(PROGRAMS[name] ?? name),
);

/** Runs a command in a folder, with the names of this release in the place of those that the page shows. */
export function runCommand(
  name: string,
  directory: string,
  release: {
    readonly publisher?: string;
    readonly file?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Verdict> {
  const { publisher = SHOWN.publisher, file = SHOWN.file, env = {} } = release;
  const modules = join(directory, "node_modules");
  if (!existsSync(modules)) {
    symlinkSync(join(root, "node_modules"), modules);
    writeFileSync(join(directory, "verify.mjs"), blocks.get("verify.mjs")!);
  }
  const command = blocks.get(name)!.replaceAll(SHOWN.publisher, publisher).replaceAll(SHOWN.file, file);
  const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`);
  return run("env", ["-C", directory, ...settings, "sh", "-c", command]);
}
