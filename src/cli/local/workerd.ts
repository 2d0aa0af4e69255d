/** An authority on this machine: workerd on a data directory, from its lock to its last breath. */

import { type ChildProcess, spawn } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { TesError } from "../../core/errors.ts";
import { KV_MODULE, placeDashboard, WORKER_MODULE, writeWorkers } from "./bundle.ts";
import { loopbackAuthorities, renderConfig } from "./config.ts";
import { type DataPaths, prepareDataDir, readRecoveryPublic, reasonOf } from "./data.ts";
import { acquireLock, type DirectoryLock } from "./lock.ts";
import { HOST, pickPort, USUAL_PORT } from "./port.ts";
import { identify } from "./process.ts";
import { workerdProgram } from "./programs.ts";

export interface AuthorityOptions {
  readonly dataDir: string;
  /** undefined: 8787, or a free one when that is taken; 0: a free one; else exactly that one. */
  readonly port?: number | undefined;
  /**
   * Where the settings come from: VERSION_SIGNING_KEY and VERSION_SIGNING_KEY_V2 (64 hexadecimal characters), TES_ORIGIN,
   * TES_GENESIS, TES_RECOVERY_KEY, TES_KEY_FALLBACK, TES_UPLOAD_GRACE_S. Nothing else of it reaches workerd.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told in sentences what the operator should know: another port, an orphan that was ended. */
  readonly note?: (text: string) => void;
  /** Gets every line that workerd writes. */
  readonly log?: (line: string) => void;
  /** A Worker to bundle in place of src/worker/worker.ts, for tests. */
  readonly workerEntry?: string | undefined;
  /** A directory of built files in place of the dashboard's, for tests. */
  readonly dashboard?: string | undefined;
}

/** A running authority. */
export interface Authority {
  /** `http://127.0.0.1:<port>`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  /** This process. */
  readonly pid: number;
  readonly workerdPid: number;
  /** Ends workerd, waits for it and gives the directory back. May be called more than once. */
  stop(): Promise<void>;
  /** Settles when workerd ends, asked or not, with its exit code (128 + the signal's number when a signal ended it). */
  readonly exited: Promise<number>;
}

const CONFIG_FILE = "config.capnp";
const CONFIG_MODE = 0o600;
const SECRET_NAMES = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"] as const;
const TEXT_NAMES = [
  "TES_ORIGIN",
  "TES_KEY_FALLBACK",
  "TES_ADDRESS_RATE",
  "TES_READ_CACHE",
  "TES_UPLOAD_GRACE_S",
] as const;
/** workerd says on this descriptor, in JSON, that it listens. */
const CONTROL_FD = 3;
/** What is kept of workerd's words, to say why it would not start. */
const MAX_LOG_TAIL_CHARS = 4_096;
/** A cold start takes 0.4 s; a machine under load is given much more. */
const START_LIMIT_MS = 30_000;
/** How long workerd may finish open requests. Sockets never end by themselves, so it does get killed with those. */
const STOP_WAIT_MS = 2_000;
/** Others may take a free port before workerd does. */
const MAX_PORT_TRIES = 5;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** What one attempt to start came to. */
interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<number>;
}

/**
 * Starts workerd on a data directory and waits until the Worker answers.
 *
 * @throws {TesError} `data_dir_in_use`, `port_in_use`, `install_incomplete`, `file_unwritable`, `authority_unreachable`
 *   with workerd's own words when it would not start
 * @example
 * const authority = await startAuthority({ dataDir: ".tes", port: 0, env: process.env });
 * await fetch(`${authority.url}/healthz`);
 * await authority.stop();
 */
export async function startAuthority(options: AuthorityOptions): Promise<Authority> {
  const program = workerdProgram();
  const paths = await prepareDataDir(options.dataDir);
  const configPath = join(paths.run, CONFIG_FILE);
  const lock = await acquireLock(paths, configPath, options.note);
  try {
    const [dashboard] = await Promise.all([
      options.dashboard ?? placeDashboard(paths.run),
      writeWorkers(paths.run, options.workerEntry),
    ]);
    for (let tries = 1; ; tries++) {
      const port = await pickPort(options.port);
      await writeConfig(configPath, paths, port, dashboard, options.env);
      try {
        const authority = await settled(await launch(program, configPath, port, options), port, lock);
        if (options.port === undefined && port !== USUAL_PORT)
          options.note?.(`port ${USUAL_PORT} is taken: using ${port}`);
        return authority;
      } catch (thrown) {
        if (!isAddressTaken(thrown) || tries === MAX_PORT_TRIES) throw thrown;
      }
    }
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

async function writeConfig(
  path: string,
  paths: DataPaths,
  port: number,
  dashboard: string,
  env: AuthorityOptions["env"],
): Promise<void> {
  const recovery = env.TES_RECOVERY_KEY ?? (await readRecoveryPublic(paths));
  const texts: Record<string, string> = {
    TES_AUTHORITIES: loopbackAuthorities(port).join(","),
    TES_GENESIS: env.TES_GENESIS ?? "auto",
    // Whoever holds the machine may use it as hard as it goes.
    TES_TOKEN_RATE: env.TES_TOKEN_RATE ?? "off",
    ...(recovery === null ? {} : { TES_RECOVERY_KEY: recovery }),
  };
  for (const name of TEXT_NAMES) if (env[name] !== undefined) texts[name] = env[name];
  const config = renderConfig({
    port,
    objects: paths.objects,
    artifacts: paths.artifacts,
    workerModule: WORKER_MODULE,
    kvModule: KV_MODULE,
    dashboard,
    texts,
    environment: SECRET_NAMES.filter((name) => env[name] !== undefined),
  });
  try {
    await writeFile(path, config, { mode: CONFIG_MODE });
    await chmod(path, CONFIG_MODE);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
}

/** Starts one workerd and resolves when its Worker answers; leaves nothing behind when it does not. */
async function launch(program: string, config: string, port: number, options: AuthorityOptions): Promise<Started> {
  const secrets = Object.fromEntries(SECRET_NAMES.map((name) => [name, options.env[name]]));
  const child = spawn(program, ["serve", config, `--control-fd=${CONTROL_FD}`], {
    env: secrets as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A group of its own: Ctrl-C at the terminal reaches tes alone, which then ends workerd in order.
    detached: true,
  });
  const killNow = (): void => void child.kill("SIGKILL");
  process.once("exit", killNow);
  const exited = new Promise<number>((resolve) => {
    child.once("exit", (code, signal) => {
      process.off("exit", killNow);
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal ?? ""] ?? 0));
    });
    child.once("error", () => resolve(127));
  });
  const tail = collectLog(child, options.log);
  const limit = AbortSignal.timeout(START_LIMIT_MS);
  try {
    await Promise.race([
      listening(child.stdio[CONTROL_FD] as Readable).then(() => checkHealth(port, limit)),
      exited.then((code) => Promise.reject(new Error(`it ended with code ${code}`))),
      new Promise<never>((_, reject) => {
        limit.addEventListener("abort", () => reject(new Error(`it did not listen within ${START_LIMIT_MS} ms`)));
      }),
    ]);
  } catch (cause) {
    killNow();
    await exited;
    throw new TesError("authority_unreachable", { detail: `workerd: ${reasonOf(cause)}. ${tail()}`.trim(), cause });
  }
  return { child, exited };
}

/** Resolves when workerd says that its socket listens. */
function listening(control: Readable): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    control.setEncoding("utf8");
    control.on("data", (chunk: string) => {
      text += chunk;
      if (text.includes('"event":"listen"')) resolve();
    });
  });
}

/** One request, now that the socket listens: a Worker that fails to load shows here and not in a user's first call. */
async function checkHealth(port: number, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`http://${HOST}:${port}/healthz`, { signal, headers: { connection: "close" } });
  await answer.body?.cancel();
  if (answer.status !== 200) throw new Error(`/healthz answered ${answer.status}`);
}

/** Passes workerd's lines on and keeps the last of them. */
function collectLog(child: ChildProcess, log: ((line: string) => void) | undefined): () => string {
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (chunk: string) => {
      tail = (tail + chunk).slice(-MAX_LOG_TAIL_CHARS);
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      for (const line of lines) log?.(line);
    });
  }
  return () => tail.trim();
}

async function settled({ child, exited }: Started, port: number, lock: DirectoryLock): Promise<Authority> {
  const url = `http://${HOST}:${port}`;
  const workerd = await identify(child.pid!);
  if (workerd === null) throw new TesError("authority_unreachable", { detail: "workerd ended at once." });
  await lock.record({ workerd, url });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_WAIT_MS);
    await exited;
    clearTimeout(kill);
    await lock.release();
  };
  return {
    url,
    port,
    pid: process.pid,
    workerdPid: workerd.pid,
    stop: () => (stopping ??= stop()),
    exited,
  };
}

function isAddressTaken(thrown: unknown): boolean {
  return thrown instanceof TesError && /address (?:already )?in use/i.test(thrown.detail ?? "");
}
