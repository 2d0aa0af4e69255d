/** `tes deploy`: the guards, then the real wrangler, then the proof that what answers holds the key. */

import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { Command } from "commander";
import type { Bytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { generateMasterKey } from "../../core/keys.ts";
import { MAX_PROPAGATION_MS } from "../../core/limits.ts";
import type { Secret } from "../../core/secret.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { requireGuards, SLOTS } from "../deployment/guards.ts";
import { provisionKv } from "../deployment/kv.ts";
import { type KeyOutcome, putKey } from "../deployment/put-key.ts";
import { chooseTarget, collectEnv, readDeployable, type Target } from "../deployment/targets.ts";
import { inTurn } from "../deployment/turn.ts";
import { parseWait, showElapsed } from "../duration.ts";
import { askYes } from "../input.ts";
import { requireGoodKey } from "../keys/audit.ts";
import { createKeyFile, keyText, readIfPresent, readKeyFile } from "../local/data.ts";
import { type CommandIo, printJson, printNote, table } from "../output.ts";
import { listSecrets, mustSucceed, openWrangler, type WranglerTool } from "../wrangler.ts";
import { writeFirstToken } from "./key-deploy.ts";

interface DeployFlags {
  readonly env: string[];
  readonly config?: string;
  readonly keyFile?: string;
  readonly generate?: true;
  readonly adminToken?: string;
  readonly registry: string;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly wait: number;
}

export function deployWorkerCommand(io: CommandIo): Command {
  return new Command("deploy")
    .description(
      "Deploy the Worker: first the guards, which change nothing, then KV where the account has none, then the real\n" +
        "wrangler, then the proof. A new Worker comes with its key in one request, and leaves a first token here.",
    )
    .option("--env <name>", 'environment, "" for the top level', collectEnv, [])
    .option("--config <file>", "wrangler configuration (default: the one wrangler would read)")
    .option("--key-file <file>", "file with the signing key; needed for a new Worker, and to prove one that is there")
    .option("--generate", "make that file if it is missing, mode 0600")
    .option("--admin-token <file>", "first token, one day, mode 0600 (default: .tes/<Worker>.admin.token)")
    .option(
      "--registry <name>",
      "registry that proves the key",
      (text: string) => parseRegistryName(text, "--registry"),
      DEFAULT_REGISTRY,
    )
    .option("--yes", "do not ask")
    .option("--dry-run", "guards and wrangler's dry run only")
    .option("--wait <span>", "how long a new version may take to be seen", parseWait, MAX_PROPAGATION_MS)
    .addHelpText("after", '\nExample:\n  $ tes deploy --env "" --key-file signing.key --generate')
    .action((flags: DeployFlags) => deploy(io, flags));
}

async function deploy(io: CommandIo, flags: DeployFlags): Promise<void> {
  const before = await readDeployable(io, flags.config);
  const target = chooseTarget(before, flags.env);
  if (flags.generate === true && flags.keyFile === undefined)
    throw new TesError("usage", { detail: "--generate goes with --key-file." });
  requireGuards(before, target);
  const wrangler = await openWrangler(io, before.path);
  if (flags.dryRun === true) {
    const { warnings } = mustSucceed(await wrangler.run(["deploy", "--dry-run"], target.env));
    for (const warning of warnings) printNote(io, warning);
    finish(io, target, [
      ["guards", "hold"],
      ["dry run", `wrangler takes it, ${warnings.length} warnings`],
    ]);
    return;
  }
  if (io.interactive && flags.yes !== true && !(await askYes(`Deploy ${target.worker}?`))) {
    throw new TesError("interrupted", { detail: "Nothing was changed." });
  }
  await inTurn(resolve(io.cwd, ".tes", `${target.worker}.turn`), () => carryOut(io, flags, wrangler, target));
}

async function carryOut(io: CommandIo, flags: DeployFlags, wrangler: WranglerTool, target: Target): Promise<void> {
  const say = (text: string): void => (io.json ? undefined : printNote(io, text));
  say(`ask which secrets ${target.worker} has`);
  const secrets = await listSecrets(wrangler, target.env);
  const holds = secrets?.some((name) => SLOTS.some((slot) => slot === name)) === true;
  const master = await keyOf(io, flags, holds);
  const rows: string[][] = [["guards", "hold"]];
  const { action, id } = await provisionKv(wrangler, await readDeployable(io, flags.config), target);
  rows.push(["KV", `${id} ${action === "there" ? "was there" : action}`]);
  // Read again: the binding may be new.
  const deployable = await readDeployable(io, flags.config);
  const facts: Record<string, unknown> = {};
  if (master === null) {
    say(`deploy ${target.worker}`);
    mustSucceed(await wrangler.run(["deploy"], target.env));
    rows.push(
      ["Worker", "deployed"],
      ["proof", "none: name the key with --key-file, or ask later with tes key verify"],
    );
  } else {
    // Before the key is on a Worker: were this to fail afterwards, the first token would be missing.
    const first = flags.adminToken !== undefined || !holds;
    const path = resolve(io.cwd, flags.adminToken ?? join(".tes", `${target.worker}.admin.token`));
    if (first) {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFirstToken(io, path, master, flags.registry);
    }
    const outcome = await putKey({
      wrangler,
      deployable,
      target,
      slot: SLOTS[0],
      registry: flags.registry,
      master,
      replace: false,
      deploy: "always",
      waitMs: flags.wait,
      step: say,
    });
    rows.push(["Worker", holds ? "deployed" : "deployed together with its key"], ["proof", shownProof(outcome)]);
    if (first) rows.push(["first token", path]);
    Object.assign(facts, {
      keyid: outcome.proved!.proof.kid,
      genesis: outcome.proved!.answer.genesis,
      ...(first ? { adminToken: path } : {}),
    });
  }
  finish(io, target, rows, facts);
}

/** @throws {TesError} `signing_key_missing` when the Worker has no key, and none is named */
async function keyOf(io: CommandIo, { keyFile, generate }: DeployFlags, holds: boolean): Promise<Secret<Bytes> | null> {
  if (keyFile === undefined) {
    if (holds) return null;
    throw new TesError("signing_key_missing", {
      detail: "The Worker has no key yet: name one with --key-file (and --generate to make it).",
    });
  }
  const path = resolve(io.cwd, keyFile);
  if (generate === true && (await readIfPresent(path)) === null) await createKeyFile(path, generateMasterKey());
  return requireGoodKey(keyText(await readKeyFile(path)));
}

function shownProof({ proved }: KeyOutcome): string {
  const { proof, answer, ms } = proved!;
  return `holds ${proof.kid}, ${answer.genesis === null ? "no genesis yet (tes init --url)" : `genesis ${answer.genesis}`}, after ${showElapsed(ms)}`;
}

function finish(
  io: CommandIo,
  target: Target,
  rows: readonly (readonly string[])[],
  facts: Record<string, unknown> = {},
): void {
  if (io.json) {
    printJson(io, {
      env: target.env,
      worker: target.worker,
      url: target.url,
      ...Object.fromEntries(rows.map(([name, text]) => [name, text])),
      ...facts,
    });
  } else io.stdout(table([{ title: "what" }, { title: target.worker }], rows));
}
