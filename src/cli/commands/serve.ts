/** `tes serve`: an authority on this machine, until it is told to stop. */

import { resolve } from "node:path";
import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { parseMasterKey } from "../../core/keys.ts";
import { pathOf } from "../../protocol/paths.ts";
import { dataPaths, keyText, looseMode, readIfPresent, readKeyFile, readRecoveryPublic } from "../local/data.ts";
import { parsePort, USUAL_PORT } from "../local/port.ts";
import { type Authority, type AuthorityOptions, startAuthority } from "../local/workerd.ts";
import { type CommandIo, paint, printJson, printNote } from "../output.ts";
import { DEFAULT_DATA } from "../reach.ts";

/** Options that every command with an authority of its own takes. */
export interface ServeOptions {
  readonly port?: number;
  readonly data: string;
  readonly keyFile?: string;
}

/** How an event of the Worker begins (docs/operations.md). */
const EVENT = '{"id":"0x6001"';

/** `disconnect`: bin/tes.mjs, which started this process, was killed before it could pass a signal on. */
const STOP_EVENTS = ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"] as const;

export function serveCommand(io: CommandIo): Command {
  return new Command("serve")
    .description("Run an authority on this machine until Ctrl-C. Its data survive a kill.")
    .option("--port <n>", `port on 127.0.0.1; 0 picks a free one (default: ${USUAL_PORT}, or a free one)`, parsePort)
    .option("--data <dir>", "data directory", DEFAULT_DATA)
    .option("--key-file <file>", "file with the signing key (default: signing.key in the data directory)")
    .addHelpText("after", "\nExample:\n  $ tes serve --port 0 --data /var/lib/tes --json")
    .action(async (options: ServeOptions) => {
      const stop = stopSignal();
      try {
        const authority = await openAuthority(io, options, { events: true });
        announce(io, authority, options);
        await adviseInit(io, options);
        await untilStopped(authority, stop.asked);
      } finally {
        stop.ignore();
      }
    });
}

/**
 * Starts the authority that the options describe, with the signing key they lead to. With `events` the Worker's events
 * go to stderr too.
 *
 * @throws {TesError} whatever startAuthority and readKeyFile throw
 */
export async function openAuthority(
  io: CommandIo,
  options: ServeOptions,
  { events = false, ...extra }: Pick<AuthorityOptions, "workerEntry"> & { readonly events?: boolean } = {},
): Promise<Authority> {
  const dataDir = resolve(io.cwd, options.data);
  const keys = await signingKeys(io, dataDir, options.keyFile);
  if (keys.VERSION_SIGNING_KEY === undefined) {
    printNote(io, "no signing key is given, so the authority uses its own, from which no token can be minted");
  }
  const loose = await looseMode(
    options.keyFile === undefined ? dataPaths(dataDir).signingKey : resolve(io.cwd, options.keyFile),
  );
  if (loose !== null) printNote(io, loose);
  return startAuthority({
    dataDir,
    port: options.port,
    env: { ...io.env, ...keys },
    note: (text) => printNote(io, text),
    log: (line) => {
      // What happened, line by line, is for whoever runs a service; a person at a terminal sees the result.
      if (events || !line.startsWith(EVENT)) io.stderr(`${line}\n`);
    },
    ...extra,
  });
}

/**
 * The signing keys by binding name: a named file, else the data directory's, else the environment's, else none.
 *
 * @throws {TesError} what readKeyFile throws
 */
export async function signingKeys(io: CommandIo, dataDir: string, keyFile?: string): Promise<Record<string, string>> {
  const own = dataPaths(dataDir).signingKey;
  const path = keyFile === undefined ? own : resolve(io.cwd, keyFile);
  const keys: Record<string, string> = {};
  for (const name of ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"]) {
    const text = io.env[name];
    if (text === undefined) continue;
    keys[name] = keyText(checkedKey(name, text)).reveal();
  }
  if (keyFile !== undefined || (await readIfPresent(own)) !== null) {
    keys.VERSION_SIGNING_KEY = keyText(await readKeyFile(path)).reveal();
  }
  return keys;
}

function checkedKey(name: string, text: string): ReturnType<typeof parseMasterKey> {
  try {
    return parseMasterKey(text);
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    throw new TesError(thrown.code, { detail: `${name}: ${thrown.detail ?? "refused."}`, field: name, cause: thrown });
  }
}

function announce(io: CommandIo, authority: Authority, options: ServeOptions): void {
  if (io.json) {
    printJson(io, { url: authority.url, pid: authority.pid, workerdPid: authority.workerdPid });
    return;
  }
  const address = paint(io).bold(authority.url);
  const data = resolve(io.cwd, options.data);
  io.stdout(`${address}  data in ${data}, stop with Ctrl-C\ndashboard: ${dashboardUrl(authority)}\n`);
}

/** Where the dashboard is. */
export const dashboardUrl = ({ url }: Pick<Authority, "url">): string => `${url}${pathOf.dashboard()}`;

/** Without a recovery key no registry opens by itself: whoever starts here should know what comes first. */
async function adviseInit(io: CommandIo, options: ServeOptions): Promise<void> {
  const known = await readRecoveryPublic(dataPaths(resolve(io.cwd, options.data)));
  if (known !== null || (io.env.TES_RECOVERY_KEY ?? "") !== "" || options.keyFile !== undefined) return;
  const data = options.data === DEFAULT_DATA ? "" : ` --data ${options.data}`;
  printNote(io, `no registry is here yet: stop this, run tes init${data}, and start it again`);
}

/** A request to stop, from the terminal or a supervisor. */
export interface StopSignal {
  /** Resolves on the first SIGINT, SIGTERM or SIGHUP, and when the launcher is gone. */
  readonly asked: Promise<void>;
  /** Stops listening: a signal then ends the process again. */
  ignore(): void;
}

/** Listens for signals. Taken before an authority starts, so that none is left behind when one comes meanwhile. */
export function stopSignal(): StopSignal {
  let stop = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    stop = resolve;
  });
  for (const event of STOP_EVENTS) process.on(event, stop);
  return {
    asked,
    ignore: () => {
      for (const event of STOP_EVENTS) process.off(event, stop);
    },
  };
}

/**
 * Waits until it is asked to stop, then stops the authority.
 *
 * @throws {TesError} `authority_unreachable` when workerd ends by itself
 */
export async function untilStopped(authority: Authority, asked: Promise<void>): Promise<void> {
  const code = await Promise.race([asked.then(() => null), authority.exited]);
  await authority.stop();
  if (code === null) return;
  throw new TesError("authority_unreachable", { detail: `workerd ended by itself with code ${code}.` });
}
