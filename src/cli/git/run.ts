/** Running the git program: no shell, no prompt, its own repository only, its words in English. */

import { spawn } from "node:child_process";
import { TesError } from "../../core/errors.ts";
import { GIT_READ_TIMEOUT_MS, MAX_GIT_OUTPUT_BYTES } from "../../core/limits.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface GitRun {
  /** The exit code: one of those that were accepted. */
  readonly code: number;
  /** Standard output as text; bytes that are not UTF-8 become U+FFFD. */
  readonly stdout: string;
}

export interface GitOptions {
  /** Written to git's standard input. */
  readonly input?: string;
  /** Exit codes that are answers; 0 alone unless named. */
  readonly accept?: readonly number[];
  /** Whether it writes: then the publisher's hooks run, in their own locale, and as long as they take. */
  readonly writes?: boolean;
  /** Milliseconds after which a command that only reads is ended. */
  readonly timeoutMs?: number;
  /** What is read of its output. */
  readonly maxBytes?: number;
}

/** What is shown of git's own words. */
const MAX_SHOWN_CHARS = 2_000;

/**
 * What of `GIT_*` reaches git: who commits, and the configuration that the user or a CI job chose. All else is left
 * out, first of all `GIT_DIR`, `GIT_WORK_TREE` and `GIT_INDEX_FILE`: a hook that calls TES has them set, and git would
 * then work on another repository, or another index, than the one TES was pointed at.
 */
const KEPT =
  /^GIT_(?:(?:AUTHOR|COMMITTER)_(?:NAME|EMAIL|DATE)|CONFIG_(?:GLOBAL|SYSTEM|NOSYSTEM|COUNT|(?:KEY|VALUE)_\d+)|CEILING_DIRECTORIES|EXEC_PATH)$/;

/** What neither git nor a hook has any business with: tokens and signing keys. */
const OURS = /^(?:TES_|VERSION_SIGNING_KEY)/;

/** The environment for git: see KEPT and OURS. */
export function gitEnvironment(env: Environment, writes: boolean): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || OURS.test(name) || (/^GIT_/i.test(name) && !KEPT.test(name))) continue;
    kept[name] = value;
  }
  kept.GIT_TERMINAL_PROMPT = "0";
  if (writes) return kept;
  // Its messages are told apart by their English text; and reading must not take the index lock from somebody else.
  delete kept.LANGUAGE;
  return { ...kept, LC_ALL: "C", GIT_OPTIONAL_LOCKS: "0" };
}

/**
 * Runs one git command in `dir`.
 *
 * @throws git_unknown outside a checkout, git_failed for every other exit code that is not accepted
 */
export async function runGit(
  dir: string,
  env: Environment,
  args: readonly string[],
  options: GitOptions = {},
): Promise<GitRun> {
  const { accept = [0], writes = false, timeoutMs = GIT_READ_TIMEOUT_MS, maxBytes = MAX_GIT_OUTPUT_BYTES } = options;
  const name = args.find((arg) => !arg.startsWith("-")) ?? "";
  const refuse = (detail: string, cause?: unknown) =>
    new TesError("git_failed", { detail: `git ${name}: ${detail}`, cause });
  const { promise, resolve, reject } = Promise.withResolvers<GitRun>();
  const child = spawn("git", ["--no-pager", ...args], {
    cwd: dir,
    env: gitEnvironment(env, writes),
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
    ...(writes ? {} : { timeout: timeoutMs, killSignal: "SIGKILL" as const }),
  });
  const out: Buffer[] = [];
  let size = 0;
  let words = "";
  child.stdout.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) out.push(chunk);
    else child.kill("SIGKILL");
  });
  // Its last words say why; a hook may print more than anybody wants to keep.
  child.stderr.on("data", (chunk: Buffer) => {
    words = (words + chunk.toString("utf8")).slice(-4 * MAX_SHOWN_CHARS);
  });
  child.on("error", (cause) => reject(refuse(`git cannot be started in ${dir}. Is it installed?`, cause)));
  // A signal ends git alone: what it started may hold the pipes open, so there is no waiting for their end.
  child.on("exit", (code, signal) => {
    if (code !== null) return;
    child.stdout.destroy();
    child.stderr.destroy();
    if (size > maxBytes) return reject(refuse(`it printed more than ${maxBytes} bytes`));
    reject(refuse(writes || signal !== "SIGKILL" ? `it was ended by ${signal}` : `no end within ${timeoutMs} ms`));
  });
  child.on("close", (code) => {
    if (code === null) return;
    if (size > maxBytes) return reject(refuse(`it printed more than ${maxBytes} bytes`));
    if (accept.includes(code)) return resolve({ code, stdout: Buffer.concat(out).toString("utf8") });
    if (/^fatal: not a git repository/m.test(words)) return reject(new TesError("git_unknown", { detail: dir }));
    reject(refuse(shown(words) || `exit code ${code}`));
  });
  // git may end before it has read all: its exit code then says why, not the broken pipe.
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  return promise;
}

/** The end of what git said, whole lines. */
function shown(words: string): string {
  const text = words.trim();
  if (text.length <= MAX_SHOWN_CHARS) return text;
  const tail = text.slice(-MAX_SHOWN_CHARS);
  return `…${tail.slice(tail.indexOf("\n"))}`;
}
