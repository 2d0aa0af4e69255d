/**
 * The real wrangler, run so that no secret can be seen: a secret goes in on stdin or through a pipe, never in arguments,
 * environment or files, and wrangler's own log files are off.
 */

import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { TesError } from "../core/errors.ts";
import { MAX_WRANGLER_MS, MAX_WRANGLER_OUTPUT_CHARS } from "../core/limits.ts";
import type { Secret } from "../core/secret.ts";
import { findWrangler, readBlocks } from "./config/dry-run.ts";
import type { CommandIo } from "./output.ts";

/** What one call of wrangler came to. Texts are without colour codes. */
export interface WranglerRun {
  /** As it would be typed; holds no secret, since none is in the arguments. */
  readonly command: string;
  readonly exit: number;
  readonly stdout: string;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
  readonly ms: number;
}

export interface WranglerTool {
  readonly version: string;
  readonly from: "project" | "tes";
  /** Every call so far, in order. */
  readonly runs: readonly WranglerRun[];
  /**
   * Runs it for one environment, "" for the top level; null for calls that concern the account.
   *
   * @param secrets goes in on stdin, or, with `--secrets-file`, as JSON through a named pipe
   */
  run(args: readonly string[], env: string | null, options?: RunInput): Promise<WranglerRun>;
}

interface RunInput {
  readonly stdin?: Secret<string>;
  readonly secretsFile?: Readonly<Record<string, Secret<string>>>;
}

/** Not for wrangler, nor for a build command that it runs. */
const WITHHELD = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2", "TES_TOKEN"];
// biome-ignore lint/suspicious/noControlCharactersInRegex: ESC is what a colour code begins with.
const ANSI = /\u001b\[[0-?]*[ -/]*[@-~]/g;

/**
 * Finds the wrangler of the project that a configuration belongs to, or the one that comes with TES.
 *
 * @param limitMs after this long a call is ended, and counts as failed
 * @throws {TesError} `install_incomplete`
 */
export async function openWrangler(
  io: Pick<CommandIo, "env">,
  configPath: string,
  limitMs: number = MAX_WRANGLER_MS,
): Promise<WranglerTool> {
  const found = await findWrangler(configPath);
  if (found === null)
    throw new TesError("install_incomplete", {
      detail: "wrangler is not installed here: npm install --save-dev wrangler.",
    });
  const runs: WranglerRun[] = [];
  return {
    version: found.version,
    from: found.from,
    runs,
    async run(args, env, input = {}) {
      const scratch = await mkdtemp(join(tmpdir(), "tes-wrangler-"));
      const whole = [...args, `--config=${basename(configPath)}`, ...(env === null ? [] : [`--env=${env}`])];
      const pipe = input.secretsFile === undefined ? null : await openSecretsPipe(scratch, input.secretsFile);
      const started = performance.now();
      try {
        const captured = await capture(
          [found.script, ...whole, ...(pipe === null ? [] : [`--secrets-file=${pipe.path}`])],
          {
            cwd: dirname(configPath),
            env: { ...environment(io), WRANGLER_LOG_PATH: join(scratch, "wrangler.log") },
            stdin: input.stdin,
            limitMs,
          },
        );
        const run: WranglerRun = {
          command: `wrangler ${whole.join(" ")}${pipe === null ? "" : " --secrets-file=<pipe>"}`,
          exit: captured.exit,
          stdout: captured.stdout.replace(ANSI, ""),
          ...readBlocks(captured.stderr + captured.stdout),
          ms: performance.now() - started,
        };
        runs.push(run);
        return run;
      } finally {
        await pipe?.close();
        await rm(scratch, { recursive: true, force: true });
      }
    },
  };
}

function environment(io: Pick<CommandIo, "env">): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...io.env };
  for (const name of WITHHELD) delete env[name];
  return {
    ...env,
    // Its debug log holds every request body once WRANGLER_LOG_SANITIZE is false, so there is no log, and it is true.
    WRANGLER_WRITE_LOGS: "false",
    WRANGLER_LOG_SANITIZE: "true",
    WRANGLER_LOG: "log",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_SEND_ERROR_REPORTS: "false",
    // Nobody answers its questions: what it would ask is checked before it runs.
    CI: "1",
  };
}

interface SecretsPipe {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * A named pipe that gives its content to whoever opens it first: nothing of it is ever on a disk. Where there are no
 * named pipes it is a file of mode 0600 in a directory of mode 0700, gone as soon as wrangler ends.
 */
async function openSecretsPipe(
  scratch: string,
  secrets: Readonly<Record<string, Secret<string>>>,
): Promise<SecretsPipe> {
  const path = join(scratch, "secrets.json");
  const text = JSON.stringify(
    Object.fromEntries(Object.entries(secrets).map(([name, secret]) => [name, secret.reveal()])),
  );
  const made = await new Promise<boolean>((done) => {
    const child = spawn("mkfifo", ["-m", "600", path], { stdio: "ignore" });
    child.once("error", () => done(false));
    child.once("exit", (code) => done(code === 0));
  });
  if (!made) {
    await writeFile(path, text, { mode: 0o600, flag: "wx" });
    await chmod(path, 0o600);
    return { path, close: () => rm(path, { force: true }) };
  }
  // A process of its own waits for the reader: it can be ended when none comes, a blocked open() cannot.
  const feeder = spawn("sh", ["-c", 'exec cat > "$0"', path], { stdio: ["pipe", "ignore", "ignore"] });
  const gone = new Promise<void>((done) => {
    feeder.once("exit", () => done());
    feeder.once("error", () => done());
  });
  const kill = (): void => void feeder.kill("SIGKILL");
  process.once("exit", kill);
  feeder.stdin.on("error", () => undefined);
  feeder.stdin.end(text);
  return {
    path,
    async close() {
      kill();
      process.off("exit", kill);
      await gone;
    },
  };
}

interface Capturing {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Secret<string> | undefined;
  readonly limitMs: number;
}

function capture(
  args: readonly string[],
  { cwd, env, stdin, limitMs }: Capturing,
): Promise<{ exit: number; stdout: string; stderr: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ exit: number; stdout: string; stderr: string }>();
  const stdio = [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"] as const;
  const child = spawn(process.execPath, args, { cwd, env, stdio: [...stdio] });
  const text = { stdout: "", stderr: "" };
  let late = false;
  for (const name of ["stdout", "stderr"] as const) {
    child[name]!.setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk.slice(0, MAX_WRANGLER_OUTPUT_CHARS - text[name].length);
    });
  }
  const stop = (): void => void child.kill("SIGTERM");
  process.once("exit", stop);
  const timer = setTimeout(() => {
    late = true;
    stop();
  }, limitMs);
  // It may end before it has read everything, and says so by its exit code.
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(stdin?.reveal());
  child.once("error", reject);
  child.once("exit", () => {
    clearTimeout(timer);
    process.off("exit", stop);
    // What it started may hold the pipes open: there is no waiting for their end.
    if (!late) return;
    child.stdout!.destroy();
    child.stderr!.destroy();
  });
  child.once("close", (code) => {
    if (late) text.stderr += `\nX [ERROR] It did not end within ${limitMs / 1_000} seconds.\n`;
    resolve({ exit: code ?? 1, ...text });
  });
  return promise;
}

/** What wrangler says, and what that is in our words. The first that fits counts. */
const FAULTS: readonly (readonly [RegExp, ConstructorParameters<typeof TesError>[0]])[] = [
  [/No environment found in configuration/, "env_unknown"],
  [
    /necessary to set a CLOUDFLARE_API_TOKEN|Authentication (?:error|failed)|\[code: (?:9106|10000|9109)\]|not authenticated|Invalid API Token/i,
    "cloudflare_token",
  ],
  [
    /Worker "[^"]*"(?: \(env: [^)]*\))? not found|service_not_found|\[code: (?:10007|10090)\]|does not exist on your account/,
    "worker_missing",
  ],
  [/latest version of your Worker isn't currently deployed|\[code: 1021[45]\]/, "worker_version_pending"],
  [
    /fetch failed|ECONNRESET|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENOTFOUND|socket|network connection|Malformed response|Unable to connect/i,
    "cloudflare_unreachable",
  ],
];

/** A failed call as one of ours, with what wrangler said. */
export function faultOf(run: WranglerRun): TesError {
  const said = [...run.errors, ...(run.errors.length === 0 ? [run.stdout] : [])].join("\n");
  const code = FAULTS.find(([pattern]) => pattern.test(said))?.[1] ?? "wrangler_failed";
  const detail = `${run.command} ended with ${run.exit}: ${said.trim().split("\n").slice(0, 12).join("\n")}`;
  return new TesError(code, { detail });
}

/** Throws unless the call succeeded. */
export function mustSucceed(run: WranglerRun): WranglerRun {
  if (run.exit !== 0) throw faultOf(run);
  return run;
}

/**
 * The names of a Worker's secrets, or null when there is no such Worker.
 *
 * @throws {TesError} what faultOf gives
 */
export async function listSecrets(wrangler: WranglerTool, env: string): Promise<readonly string[] | null> {
  const run = await wrangler.run(["secret", "list"], env);
  if (run.exit !== 0) {
    const fault = faultOf(run);
    if (fault.code === "worker_missing") return null;
    throw fault;
  }
  try {
    return (JSON.parse(run.stdout) as { name: string }[]).map(({ name }) => name);
  } catch (cause) {
    throw new TesError("wrangler_failed", { detail: `${run.command} did not print a list.`, cause });
  }
}
