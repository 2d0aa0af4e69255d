/** The real `wrangler deploy --dry-run`, once for each environment, in a form that can be shown and compared. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { MAX_DRY_RUN_MS, MAX_DRY_RUN_OUTPUT_CHARS } from "../../core/limits.ts";

/** An installed wrangler. */
export interface Wrangler {
  /** Its script, which Node or Bun runs. */
  readonly script: string;
  readonly version: string;
  /** Whether it is the audited project's own, or the one that came with TES. */
  readonly from: "project" | "tes";
}

/** What one dry run said. */
export interface DryRun {
  /** null for the top level, as `--env=""` targets it. */
  readonly env: string | null;
  readonly exit: number;
  /** wrangler's own blocks, without colour codes and frames. */
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
}

/** The wrangler that a configuration's project has installed, else the one beside TES, else null. */
export async function findWrangler(configPath: string): Promise<Wrangler | null> {
  for (let folder = dirname(resolve(configPath)); ; folder = dirname(folder)) {
    const found = await wranglerIn(join(folder, "node_modules", "wrangler"), "project");
    if (found !== null) return found;
    if (folder === dirname(folder)) break;
  }
  try {
    return await wranglerIn(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "tes");
  } catch {
    return null; // Not installed: createRequire says so by throwing.
  }
}

async function wranglerIn(folder: string, from: Wrangler["from"]): Promise<Wrangler | null> {
  const script = join(folder, "bin", "wrangler.js");
  if (!existsSync(script)) return null;
  const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version: string };
  return { script, version, from };
}

/**
 * Runs `wrangler deploy --dry-run` on one environment. It bundles the Worker (a `build.command` of the project runs),
 * uploads nothing and needs no network.
 *
 * @param limitMs after this long it is killed, which counts as an error
 */
export async function dryRun(
  wrangler: Wrangler,
  configPath: string,
  env: string | null,
  limitMs: number = MAX_DRY_RUN_MS,
): Promise<DryRun> {
  const scratch = await mkdtemp(join(tmpdir(), "tes-dry-run-"));
  try {
    const args = ["deploy", "--dry-run", `--outdir=${join(scratch, "out")}`, `--config=${basename(configPath)}`];
    const { exit, output, killed } = await capture([wrangler.script, ...args, `--env=${env ?? ""}`], {
      timeout: limitMs,
      cwd: dirname(resolve(configPath)),
      env: {
        ...process.env,
        // Keeps it off the network and out of the home directory.
        WRANGLER_HIDE_BANNER: "true",
        WRANGLER_SEND_METRICS: "false",
        WRANGLER_LOG_PATH: join(scratch, "wrangler.log"),
        CI: "1",
      },
    });
    const { warnings, errors } = readBlocks(output);
    if (killed) errors.push(`It did not end within ${limitMs / 1_000} seconds.`);
    return { env, exit, warnings, errors };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Captured {
  readonly exit: number;
  readonly killed: boolean;
  readonly output: string;
}

/** Runs a script with the Node or Bun that runs this. */
function capture(
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv; readonly timeout: number },
): Promise<Captured> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, {
      ...options,
      stdio: ["ignore", "pipe", "pipe"],
      killSignal: "SIGKILL",
    });
    let output = "";
    const take = (chunk: string): void => {
      output += chunk.slice(0, MAX_DRY_RUN_OUTPUT_CHARS - output.length);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", fail);
    child.on("close", (code, signal) => done({ exit: code ?? 1, killed: signal === "SIGKILL", output }));
  });
}

/** CSI sequences (ECMA-48 section 5.4), which wrangler writes whatever NO_COLOR says. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: ESC is what a colour code begins with.
const ANSI = /\u001b\[[0-?]*[ -/]*[@-~]/g;
const BLOCK = /^(?:▲|✘|X) \[(WARNING|ERROR)\] ?/;

/** wrangler's warnings and errors: a block starts with its sign and goes on while lines are blank or indented. */
export function readBlocks(output: string): { readonly warnings: string[]; readonly errors: string[] } {
  const blocks: { kind: string; lines: string[] }[] = [];
  let open: { kind: string; lines: string[] } | null = null;
  for (const line of output.replace(ANSI, "").split(/\r?\n/)) {
    const start = BLOCK.exec(line);
    if (start !== null) {
      open = { kind: start[1]!, lines: [line.slice(start[0].length)] };
      blocks.push(open);
    } else if (open !== null && /^(?:\s|$)/.test(line)) open.lines.push(line);
    else open = null;
  }
  const of = (kind: string): string[] =>
    blocks.filter((block) => block.kind === kind).map((block) => block.lines.join("\n").trim());
  return { warnings: of("WARNING"), errors: of("ERROR") };
}
