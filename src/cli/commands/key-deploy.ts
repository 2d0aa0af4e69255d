/** `tes key deploy`: one key to one or more deployed Workers, checked before and proved after. */

import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import type { Bytes } from "../../core/bytes.ts";
import { ERRORS, TesError, toTesError } from "../../core/errors.ts";
import { generateMasterKey, parseMasterKey } from "../../core/keys.ts";
import { MAX_PROPAGATION_MS } from "../../core/limits.ts";
import type { Secret } from "../../core/secret.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { requireNoVariable, SLOTS, type SlotName } from "../deployment/guards.ts";
import { type KeyOutcome, putKey } from "../deployment/put-key.ts";
import {
  chooseTargets,
  collectEnv,
  type Deployable,
  readDeployable,
  shownTarget,
  type Target,
} from "../deployment/targets.ts";
import { parseWait, showElapsed } from "../duration.ts";
import { askKey, askYes, isPiped, readKeyFromStdin } from "../input.ts";
import { requireGoodKey } from "../keys/audit.ts";
import { createKeyFile, keyText, readIfPresent, readKeyFile } from "../local/data.ts";
import { type CommandIo, paint, printJson, printNote, reportFinding, table } from "../output.ts";
import { createTokenFile, mintToken } from "../tokens.ts";
import { listSecrets, openWrangler, type WranglerTool } from "../wrangler.ts";

export interface KeyDeployFlags {
  readonly env: string[];
  readonly config?: string;
  readonly keyFile?: string;
  readonly generate?: true;
  readonly out?: string;
  readonly adminToken?: string;
  readonly slot: SlotName;
  readonly registry: string;
  readonly replace?: true;
  readonly newWorker?: true;
  readonly undeployed?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly wait: number;
}

/** The first token is for setting up: entities, then narrower tokens. */
export const FIRST_TOKEN_LIFETIME_S = 24 * 3_600;

export function deployCommand(io: CommandIo): Command {
  return new Command("deploy")
    .description(
      "Put a key on deployed Workers, by the real wrangler, and have each prove that it holds it. The key comes from a\n" +
        "hidden prompt, a pipe (--stdin is not needed), --key-file, or --generate. Run it again to finish what failed.",
    )
    .option("--env <name>", 'environment, "" for the top level; may be repeated', collectEnv, [])
    .option("--config <file>", "wrangler configuration (default: the one wrangler would read)")
    .option("--key-file <file>", "file with the key")
    .option("--generate", "make a key now and never show it; with --out and --admin-token")
    .option("--out <file>", "with --generate: new file for the key, mode 0600; one that is there is used again")
    .option("--admin-token <file>", "write a token of scope admin for one day to this file, mode 0600")
    .addOption(new Option("--slot <name>", "which secret").choices([...SLOTS]).default(SLOTS[0]))
    .option(
      "--registry <name>",
      "registry that proves it",
      (text: string) => parseRegistryName(text, "--registry"),
      DEFAULT_REGISTRY,
    )
    .option("--new-worker", "deploy the Worker together with the key where it is not there yet")
    .option("--replace", "replace a key that signs a registry: its answers are refused from then on")
    .option(
      "--undeployed",
      "where the latest version is not deployed: add the secret to that version, without deploying it",
    )
    .option("--yes", "do not ask")
    .option("--dry-run", "check everything, change nothing")
    .option("--wait <span>", "how long a new secret may take to be seen", parseWait, MAX_PROPAGATION_MS)
    .addHelpText(
      "after",
      '\nExample:\n  $ tes key deploy --env ""\n  $ tes key deploy --env staging --env production --key-file signing.key\n' +
        '  $ tes key generate | tes key deploy --env ""\n  $ tes key deploy --env "" --generate --out signing.key',
    )
    .action((flags: KeyDeployFlags) => deploy(io, flags));
}

interface Row {
  readonly env: string;
  readonly worker: string;
  readonly url: string | null;
  readonly action: KeyOutcome["action"] | "failed" | "would put" | "would deploy";
  readonly outcome: KeyOutcome | null;
  readonly error: TesError | null;
}

async function deploy(io: CommandIo, flags: KeyDeployFlags): Promise<void> {
  const deployable = await readDeployable(io, flags.config);
  const targets = chooseTargets(deployable, flags.env);
  checkFlags(flags);
  for (const target of targets) requireNoVariable(deployable, target, flags.slot);
  const wrangler = await openWrangler(io, deployable.path);
  const given = flags.generate === true ? null : await readKey(io, flags, targets);
  if (flags.dryRun === true) {
    finish(io, flags, await Promise.all(targets.map((target) => look(wrangler, target))));
    return;
  }
  if (io.interactive && flags.yes !== true) {
    const names = targets.map(({ worker }) => worker).join(", ");
    if (!(await askYes(`Put ${flags.slot} on ${names}?`)))
      throw new TesError("interrupted", { detail: "Nothing was changed." });
  }
  const rows: Row[] = [];
  for (const target of targets)
    rows.push(await deployOne(io, flags, { deployable, target, wrangler, several: targets.length > 1 }, given));
  finish(io, flags, rows);
}

function checkFlags({ generate, keyFile, out, adminToken, env }: KeyDeployFlags): void {
  if (generate !== true && out !== undefined) throw new TesError("usage", { detail: "--out goes with --generate." });
  if (generate === true && keyFile !== undefined)
    throw new TesError("usage", { detail: "Either --generate or --key-file." });
  if (generate === true && out === undefined && adminToken === undefined) {
    throw new TesError("usage", {
      detail:
        "Of a key that is never shown something must stay here, or nobody could ever mint a token: --out, --admin-token, or both.",
    });
  }
  if (generate === true && out === undefined && env.length > 1) {
    throw new TesError("usage", {
      detail: "With several environments each gets a key of its own: name their files with --out.",
    });
  }
}

async function readKey(
  io: CommandIo,
  { keyFile, slot }: KeyDeployFlags,
  targets: readonly Target[],
): Promise<Secret<Bytes>> {
  if (keyFile !== undefined) return requireGoodKey(keyText(await readKeyFile(resolve(io.cwd, keyFile))));
  if (isPiped()) return requireGoodKey(await readKeyFromStdin());
  return requireGoodKey(await askKey(`${slot} for ${targets.map(({ worker }) => worker).join(", ")} (hidden)`));
}

interface One {
  readonly deployable: Deployable;
  readonly target: Target;
  readonly wrangler: WranglerTool;
  readonly several: boolean;
}

async function deployOne(io: CommandIo, flags: KeyDeployFlags, one: One, given: Secret<Bytes> | null): Promise<Row> {
  const { target, several } = one;
  const row = { env: target.env, worker: target.worker, url: target.url };
  const pathFor = (path: string): string =>
    resolve(io.cwd, several ? `${path}.${target.env === "" ? "default" : target.env}` : path);
  const made: string[] = [];
  try {
    const master = given ?? (await makeKey(flags.out === undefined ? null : pathFor(flags.out), made));
    // Before the key is dropped, and before it is anywhere else.
    if (flags.adminToken !== undefined) await writeFirstToken(io, pathFor(flags.adminToken), master, flags.registry);
    const step = (text: string): void => (io.json ? undefined : printNote(io, text));
    const put = (deploy: "never" | "if-missing"): Promise<KeyOutcome> =>
      putKey({
        ...one,
        slot: flags.slot,
        registry: flags.registry,
        master,
        replace: flags.replace === true,
        deploy,
        undeployed: flags.undeployed === true,
        waitMs: flags.wait,
        step,
      });
    const outcome = await put(flags.newWorker === true ? "if-missing" : "never").catch(async (thrown: unknown) => {
      const missing = thrown instanceof TesError && thrown.code === "worker_missing";
      if (!missing || !io.interactive || flags.yes === true) throw thrown;
      if (!(await askYes(`There is no Worker ${target.worker}. Deploy it now, together with its key?`))) throw thrown;
      return put("if-missing");
    });
    return { ...row, action: outcome.action, outcome, error: null };
  } catch (thrown) {
    const error = toTesError(thrown);
    // A key that certainly reached nobody is no use to anybody.
    if (["worker_missing", "key_in_place", "deploy_refused"].includes(error.code))
      for (const path of made) await rm(path, { force: true });
    return { ...row, action: "failed", outcome: null, error };
  }
}

async function makeKey(path: string | null, made: string[]): Promise<Secret<Bytes>> {
  if (path !== null && (await readIfPresent(path)) !== null) return requireGoodKey(keyText(await readKeyFile(path)));
  const key = generateMasterKey();
  if (path !== null) {
    await createKeyFile(path, key);
    made.push(path);
  }
  return parseMasterKey(key.reveal());
}

/** A token that an earlier run wrote gives way: it was of a key that is gone. @throws {TesError} `file_exists` for any other file */
export async function writeFirstToken(
  io: CommandIo,
  path: string,
  master: Secret<Bytes>,
  registry: string,
): Promise<void> {
  const { token } = await mintToken(master, {
    registry,
    scope: ["admin"],
    lifetimeSeconds: FIRST_TOKEN_LIFETIME_S,
    label: "first",
    now: io.now(),
  });
  const before = await readIfPresent(path, 8_192);
  if (before !== null && /^eyJ[\w-]+\.[\w-]+\.[\w-]+\n?$/.test(before)) await rm(path);
  await createTokenFile(path, token);
}

async function look(wrangler: WranglerTool, target: Target): Promise<Row> {
  const row = { env: target.env, worker: target.worker, url: target.url, outcome: null };
  try {
    const secrets = await listSecrets(wrangler, target.env);
    return { ...row, action: secrets === null ? "would deploy" : "would put", error: null };
  } catch (thrown) {
    return { ...row, action: "failed", error: toTesError(thrown) };
  }
}

function finish(io: CommandIo, flags: KeyDeployFlags, rows: readonly Row[]): void {
  if (rows.some(({ error }) => error !== null)) reportFinding(io);
  if (io.json) {
    const results = rows.map(({ env, worker, url, action, outcome, error }) => {
      const proof = outcome?.proved?.proof;
      const proved =
        proof === undefined
          ? {}
          : {
              keyid: proof.kid,
              source: proof.source,
              ms: Math.round(outcome!.proved!.ms),
              genesis: outcome!.proved!.answer.genesis,
            };
      return {
        env,
        worker,
        url,
        slot: flags.slot,
        action,
        ...proved,
        ...(error === null ? {} : { code: error.code, detail: error.detail ?? "" }),
      };
    });
    printJson(io, { results });
    return;
  }
  const columns = [{ title: "environment" }, { title: "Worker" }, { title: "result" }, { title: "proof" }];
  const cells = rows.map(({ env, worker, action, outcome, error }) => [
    shownTarget(env),
    worker,
    error === null ? action : `${action}: ${error.code}`,
    shownProof(outcome),
  ]);
  io.stdout(table(columns, cells));
  const color = paint(io);
  for (const { env, worker, error } of rows) {
    if (error === null) continue;
    const detail = error.detail === undefined ? "" : `\n  ${error.detail.split("\n").join("\n  ")}`;
    io.stderr(
      `${color.red("error")} ${shownTarget(env)} (${worker}): ${ERRORS[error.code].title} (${error.code})${detail}\n  way out: ${ERRORS[error.code].remedy}\n`,
    );
  }
}

function shownProof(outcome: KeyOutcome | null): string {
  if (outcome === null) return "none";
  if (outcome.proved === null) return "none yet: deploy that version (wrangler versions deploy)";
  const { proof, answer, ms } = outcome.proved;
  const log =
    answer.announced === null
      ? "no genesis yet"
      : answer.announced === proof.kid
        ? "the log names it"
        : "the log names another";
  return `holds ${proof.kid.slice(0, 12)}…, ${log}, after ${showElapsed(ms)}`;
}
