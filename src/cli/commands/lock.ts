/** `tes lock`: from a configuration to a Worker that proves its key, in one run that can be run again. */

import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { MAX_PROPAGATION_MS } from "../../core/limits.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { chooseTarget, collectEnv, readDeployable } from "../deployment/targets.ts";
import { inTurn } from "../deployment/turn.ts";
import { parseWait, showElapsed } from "../duration.ts";
import { DEFAULT_LOG } from "../lock/log.ts";
import { replayLog } from "../lock/replay.ts";
import { type PhaseEvent, runLock } from "../lock/run.ts";
import { type CommandIo, paint, printable, printJson, reportFinding } from "../output.ts";

interface LockFlags {
  readonly env: string[];
  readonly config?: string;
  readonly registry: string;
  readonly log: string;
  readonly keyFile?: string;
  readonly adminToken?: string;
  readonly recoveryKey?: string;
  readonly wait: number;
  readonly replay?: string;
}

export function lockCommand(io: CommandIo): Command {
  return new Command("lock")
    .description(
      "Mend the configuration, make the key, deploy it, and prove the binding. A run that failed goes on where it ended.\n" +
        "The key is never shown, and kept only with --key-file. Writes an execution log, as Markdown and as JSON.",
    )
    .option("--env <name>", 'environment, "" for the top level', collectEnv, [])
    .option("--config <file>", "wrangler configuration (default: the one wrangler would read)")
    .option("--registry <name>", "registry", (text: string) => parseRegistryName(text, "--registry"), DEFAULT_REGISTRY)
    .option("--log <file>", "execution log", DEFAULT_LOG)
    .option("--key-file <file>", "keep the key in this file, mode 0600; one that is there is used")
    .option("--admin-token <file>", "first token, one day, mode 0600 (default: .tes/<Worker>.admin.token)")
    .option("--recovery-key <file>", "recovery key, mode 0600 (default: .tes/<Worker>.recovery.key)")
    .option("--wait <span>", "how long a new secret may take to be seen", parseWait, MAX_PROPAGATION_MS)
    .option("--replay <log>", "check what a log claims instead")
    .addHelpText(
      "after",
      '\nExample:\n  $ tes lock --env ""\n  $ tes lock --replay docs/TES-OPS-004-B-4-2-EXECUTION-LOG.md',
    )
    .action((flags: LockFlags) => (flags.replay === undefined ? lock(io, flags) : replay(io, flags.replay)));
}

async function lock(io: CommandIo, flags: LockFlags): Promise<void> {
  const { worker } = chooseTarget(await readDeployable(io, flags.config), flags.env);
  const fileOf = async (named: string | undefined, kind: string): Promise<string> => {
    const path = resolve(io.cwd, named ?? join(".tes", `${worker}.${kind}`));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  };
  const color = paint(io);
  const tell = (event: PhaseEvent): void => {
    if (io.json) printJson(io, event);
    else if (event.state === "begins") io.stdout(`${event.phase.padEnd(15)} ${color.dim("…")}\n`);
    else
      io.stdout(
        `${event.phase.padEnd(15)} ${showElapsed(event.ms).padStart(8)}  ${color.dim(`at ${showElapsed(event.elapsedMs)}`)}  ${printable(event.result)}\n`,
      );
  };
  const log = resolve(io.cwd, flags.log);
  const turn = resolve(io.cwd, ".tes", `${worker}.turn`);
  const options = {
    config: flags.config,
    envs: flags.env,
    registry: flags.registry,
    log,
    keyFile: flags.keyFile === undefined ? null : resolve(io.cwd, flags.keyFile),
    adminToken: await fileOf(flags.adminToken, "admin.token"),
    recoveryKey: await fileOf(flags.recoveryKey, "recovery.key"),
    waitMs: flags.wait,
    tell,
  };
  const body = await inTurn(turn, () => runLock(io, options));
  if (io.json) printJson(io, { log, worker, keyid: body.key?.keyid, genesis: body.genesis });
  else
    io.stdout(
      `${worker} holds its key, proved it, and ${log} says how\n${body.risks.map((risk) => `${color.yellow("keep in mind")} ${printable(risk)}\n`).join("")}`,
    );
}

async function replay(io: CommandIo, path: string): Promise<void> {
  const { claims } = await replayLog(io, resolve(io.cwd, path));
  if (claims.some(({ state }) => state === "broken")) reportFinding(io);
  if (io.json) printJson(io, { claims });
  else {
    const color = paint(io);
    const shown = { holds: color.green("holds "), broken: color.red("broken"), gone: color.yellow("gone  ") };
    for (const { claim, state, detail } of claims)
      io.stdout(`${shown[state]}  ${printable(claim)}: ${printable(detail)}\n`);
  }
}
