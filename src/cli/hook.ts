/** A command of the user's, run for each statement. What the log says reaches it as data, never as part of a command. */

import { spawn } from "node:child_process";
import { TesError } from "../core/errors.ts";
import type { JsonObject } from "../core/json.ts";
import type { CommandIo } from "./output.ts";

/** What no hook has any business with. */
const SECRETS = /^(?:TES_TOKEN|VERSION_SIGNING_KEY)/;
/** Values that an environment can hold and a terminal can show. */
const PLAIN = /^[\x20-\x7e]{1,256}$/;

/** What a hook is told in its environment: where the statement stands and, of a bump, which version it gave. */
export function hookVariables(url: string, index: number, json: JsonObject): Record<string, string> {
  const { registry, type, entity, changes } = json;
  const [first] = Array.isArray(changes) ? (changes as { to?: unknown }[]) : [];
  const found = {
    TES_URL: url,
    TES_REGISTRY: registry,
    TES_INDEX: String(index),
    TES_TYPE: type,
    TES_ENTITY: entity,
    TES_VERSION: first?.to,
  };
  return Object.fromEntries(
    Object.entries(found).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string" && PLAIN.test(pair[1]),
    ),
  );
}

/**
 * Runs a command line in the user's shell, exactly as it was given. The statement stands on its standard input, one line
 * of JSON; its output goes to stderr when `--json` keeps stdout for JSON.
 *
 * @throws hook_failed when it cannot be run or ends with anything but 0
 */
export async function runHook(
  io: CommandIo,
  command: string,
  json: JsonObject,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  const inherited = Object.entries(io.env).filter(([name, value]) => value !== undefined && !SECRETS.test(name));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const refuse = (detail: string, cause?: unknown): void => reject(new TesError("hook_failed", { detail, cause }));
  const child = spawn(command, {
    shell: true,
    cwd: io.cwd,
    env: { ...Object.fromEntries(inherited), ...variables } as NodeJS.ProcessEnv,
    stdio: ["pipe", "pipe", "pipe"],
    windowsHide: true,
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => (io.json ? io.stderr(text) : io.stdout(text)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => io.stderr(text));
  // A hook need not read what it is told.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${JSON.stringify(json)}\n`);
  child.once("error", (cause) => refuse("It could not be started.", cause));
  child.once("close", (code, signal) => {
    if (code === 0) resolve();
    else refuse(`It ended with ${signal ?? code} at statement ${variables.TES_INDEX}.`);
  });
  await promise;
}
