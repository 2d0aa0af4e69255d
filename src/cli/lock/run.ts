/** The phases of `tes lock`. Each finds out first what is done already, so that a run goes on where the last one ended. */

import { readFile } from "node:fs/promises";
import { relative } from "node:path";
import { createClient, type TesClient } from "../../client/client.ts";
import { memoryPins } from "../../client/pins.ts";
import type { Bytes } from "../../core/bytes.ts";
import { utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import { deriveEd25519, ed25519Kid, generateMasterKey, importEd25519Seed, parseMasterKey } from "../../core/keys.ts";
import type { Secret } from "../../core/secret.ts";
import { LOG_FORMAT, type PhaseLog } from "../../protocol/execution-log.ts";
import { declarationOf } from "../../protocol/registry-file.ts";
import { TES_VERSION } from "../../protocol/version.ts";
import { findCheckout } from "../checkout.ts";
import { declareAll } from "../commands/entity.ts";
import { writeFirstToken } from "../commands/key-deploy.ts";
import { mendFile } from "../config/fix/mend-file.ts";
import { replaceFile } from "../config/fix/write.ts";
import { requireGuards } from "../deployment/guards.ts";
import { provisionKv } from "../deployment/kv.ts";
import { putKey } from "../deployment/put-key.ts";
import { chooseTarget, type Deployable, readDeployable, type Target } from "../deployment/targets.ts";
import { requireGoodKey } from "../keys/audit.ts";
import { createKeyFile, keyText, readIfPresent, readKeyFile } from "../local/data.ts";
import type { CommandIo } from "../output.ts";
import { readTokenFile } from "../tokens.ts";
import { mustSucceed, openWrangler, type WranglerTool } from "../wrangler.ts";
import { type Body, readLog, writeLog } from "./log.ts";

export interface LockOptions {
  readonly config: string | undefined;
  readonly envs: readonly string[];
  readonly registry: string;
  /** Absolute. */
  readonly log: string;
  /** Where the key is kept; null: in memory only, until it is on the Worker. */
  readonly keyFile: string | null;
  readonly adminToken: string;
  readonly recoveryKey: string;
  readonly waitMs: number;
  /** Told of each phase when it begins and when it ends. */
  readonly tell: (event: PhaseEvent) => void;
}

export type PhaseEvent =
  | { readonly phase: string; readonly state: "begins" }
  | {
      readonly phase: string;
      readonly state: "done";
      readonly ms: number;
      readonly elapsedMs: number;
      readonly result: string;
    };

/** What a phase comes to. */
interface Outcome {
  readonly result: string;
  readonly files?: PhaseLog["files"];
  readonly findings?: readonly string[];
}

/** Where a run is. */
interface Run {
  readonly io: CommandIo;
  readonly options: LockOptions;
  readonly wrangler: WranglerTool;
  body: Body;
}

/**
 * Runs every phase.
 *
 * @returns the log as it was written
 * @throws {TesError} what the phase that failed throws; the log then holds the phases before it
 */
export async function runLock(io: CommandIo, options: LockOptions): Promise<Body> {
  const deployable = await readDeployable(io, options.config);
  const target = chooseTarget(deployable, options.envs);
  const before = await readLog(options.log);
  const wrangler = await openWrangler(io, deployable.path);
  const config = relative(io.cwd, deployable.path);
  const same = before !== null && before.target.worker === target.worker && before.target.registry === options.registry;
  const run: Run = {
    io,
    options,
    wrangler,
    body: {
      format: LOG_FORMAT,
      status: "running",
      target: { config, env: target.env, worker: target.worker, url: target.url ?? "", registry: options.registry },
      tools: { tes: TES_VERSION, runtime: runtimeName(), wrangler: `${wrangler.version} (${wrangler.from})` },
      started: new Date(io.now()).toISOString(),
      phases: [],
      key: same ? before.key : null,
      genesis: same ? before.genesis : null,
      recovery: same ? before.recovery : null,
      bump: null,
      risks: [],
    },
  };
  const started = performance.now();
  const phase = async (name: string, work: () => Promise<Outcome>): Promise<void> => {
    options.tell({ phase: name, state: "begins" });
    const at = new Date(io.now()).toISOString();
    const ran = wrangler.runs.length;
    const begun = performance.now();
    const { result, files = [], findings = [] } = await work();
    const ms = Math.round(performance.now() - begun);
    const commands = wrangler.runs
      .slice(ran)
      .map(({ command, exit, ms: took }) => ({ command, exit, ms: Math.round(took) }));
    run.body = {
      ...run.body,
      phases: [...run.body.phases, { name, result, at, ms, commands, files: [...files], findings: [...findings] }],
    };
    await writeLog(options.log, run.body);
    options.tell({ phase: name, state: "done", ms, elapsedMs: Math.round(performance.now() - started), result });
  };
  await phase("configuration", () => mendConfiguration(run, deployable));
  // Read again: the mend may have changed it.
  let now = await readDeployable(io, options.config);
  let there = chooseTarget(now, options.envs);
  await phase("dry run", () => dryRun(run, now, there));
  await phase("storage", () => provision(run, now, there));
  now = await readDeployable(io, options.config);
  there = chooseTarget(now, options.envs);
  await phase("key", () => placeKey(run, now, there));
  await phase("genesis", () => openRegistry(run, there));
  await phase("replay", () => replayBump(run, there));
  run.body = { ...run.body, status: "complete", risks: risksOf(run) };
  await writeLog(options.log, run.body);
  return run.body;
}

function runtimeName(): string {
  return process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`;
}

const sumOf = async (path: string): Promise<string> => sha256Hex(new Uint8Array(await readFile(path)));

async function mendConfiguration({ io }: Run, { file }: Deployable): Promise<Outcome> {
  const before = await sumOf(file.absolute);
  const { text, done, refused } = mendFile(file);
  if (text !== file.text) await replaceFile(file.path, file.absolute, file.bytes, utf8(text));
  const left = refused.map(({ rule, reason }) => `not mended: ${rule}: ${reason}`);
  const files = [{ path: relative(io.cwd, file.absolute), before, after: await sumOf(file.absolute) }];
  return {
    result: done.length === 0 ? "nothing to mend" : `${done.length} mended`,
    files,
    findings: [...done.map(({ rule, what }) => `${rule}: ${what}`), ...left],
  };
}

async function dryRun({ wrangler }: Run, deployable: Deployable, target: Target): Promise<Outcome> {
  requireGuards(deployable, target);
  const { warnings } = mustSucceed(await wrangler.run(["deploy", "--dry-run"], target.env));
  return {
    result: `wrangler takes it, ${warnings.length} warnings`,
    findings: warnings.map((text) => text.split("\n")[0]!),
  };
}

async function provision({ io, wrangler }: Run, deployable: Deployable, target: Target): Promise<Outcome> {
  const before = await sumOf(deployable.path);
  const { action, id } = await provisionKv(wrangler, deployable, target);
  const after = await sumOf(deployable.path);
  const files = before === after ? [] : [{ path: relative(io.cwd, deployable.path), before, after }];
  return { result: `KV namespace ${id} ${action === "there" ? "was there" : action}`, files };
}

async function placeKey(run: Run, deployable: Deployable, target: Target): Promise<Outcome> {
  const { io, options, wrangler } = run;
  // The key of an earlier run that is gone from here: what the log is signed with speaks for it from now on.
  if (options.keyFile === null && run.body.key !== null && (await signedBy(run, target, run.body.key.keyid))) {
    return { result: `in place since an earlier run: the log names ${run.body.key.keyid}` };
  }
  const kept = options.keyFile === null ? null : await readIfPresent(options.keyFile);
  const master =
    kept === null ? await makeKey(options.keyFile) : requireGoodKey(keyText(await readKeyFile(options.keyFile!)));
  const { kid } = await deriveEd25519(master, "response-ed25519", options.registry);
  // Before the key is anywhere else: were it lost after the genesis, nobody could ever mint a token.
  await writeFirstToken(io, options.adminToken, master, options.registry);
  const where = options.keyFile === null ? "nowhere but on the Worker" : relative(io.cwd, options.keyFile);
  run.body = { ...run.body, key: { keyid: kid, slot: "VERSION_SIGNING_KEY", source: "env", kept: where } };
  await writeLog(options.log, run.body);
  const { action, proved } = await putKey({
    wrangler,
    deployable,
    target,
    slot: "VERSION_SIGNING_KEY",
    registry: options.registry,
    master,
    replace: false,
    deploy: "always",
    waitMs: options.waitMs,
  });
  const said = action === "unchanged" ? "was in place, the Worker deployed again" : "deployed together with the Worker";
  return { result: `${said}; ${target.worker} proved ${proved!.proof.kid}` };
}

async function makeKey(path: string | null): Promise<Secret<Bytes>> {
  const key = generateMasterKey();
  if (path !== null) await createKeyFile(path, key);
  return parseMasterKey(key.reveal());
}

/** Whether the registry is open, and its genesis names this key. */
async function signedBy(run: Run, target: Target, keyid: string): Promise<boolean> {
  try {
    const { answer } = await clientOf(run, target).keys();
    return answer.keys.some(({ kid }) => kid === keyid);
  } catch (thrown) {
    if (thrown instanceof TesError) return false;
    throw thrown;
  }
}

function clientOf({ io, options, body }: Run, { url }: Target, token?: Secret<string>): TesClient {
  return createClient({
    url: url!,
    registry: options.registry,
    store: memoryPins(),
    now: io.now,
    // What an earlier run saw holds; before the genesis there is only the Worker that just proved its key.
    ...(body.genesis === null ? { trustFirst: true } : { genesis: body.genesis }),
    ...(token === undefined ? {} : { token }),
  });
}

async function openRegistry(run: Run, target: Target): Promise<Outcome> {
  const { io, options } = run;
  const token = await readTokenFile(options.adminToken);
  const known = await readIfPresent(options.recoveryKey);
  if (known === null) await createKeyFile(options.recoveryKey, generateMasterKey());
  const { x } = await importEd25519Seed(await readKeyFile(options.recoveryKey));
  const client = clientOf(run, target, token);
  let result = "opened";
  try {
    await client.createRegistry({ visibility: "public", recovery: { x } });
  } catch (thrown) {
    if (!(thrown instanceof TesError) || thrown.code !== "genesis_exists") throw thrown;
    result = "was open";
  }
  const trust = await client.trust();
  if (!(await signedBy(run, target, run.body.key!.keyid)))
    throw new TesError("signing_key_mismatch", { detail: "The genesis names another key." });
  run.body = { ...run.body, genesis: trust.genesis, recovery: ed25519Kid(trust.recovery) };
  const checkout = await findCheckout(io.cwd);
  if (checkout === null) return { result: `${result}, genesis ${trust.genesis}` };
  const { written, unchanged } = await declareAll(client, checkout.file.entities.map(declarationOf));
  return {
    result: `${result}, genesis ${trust.genesis}; ${written.length} entities declared, ${unchanged.length} as they were`,
  };
}

/** `POST /bump` as a dry run: answered, signed and verified, and nothing is written. */
async function replayBump(run: Run, target: Target): Promise<Outcome> {
  const client = clientOf(run, target, await readTokenFile(run.options.adminToken));
  const before = await client.checkpoint();
  let answer: string;
  try {
    const { changes } = await client.bump({ entity: "*", scope: "patch", dryRun: true });
    answer = `${changes.length} would change: ${changes.map(({ entity, from, to }) => `${entity} ${from} → ${to}`).join(", ")}`;
  } catch (thrown) {
    if (!(thrown instanceof TesError) || thrown.code !== "nothing_to_bump") throw thrown;
    answer = "signed refusal nothing_to_bump, since no entity is declared";
  }
  const after = await client.checkpoint();
  if (after.size !== before.size)
    throw new TesError("checkpoint_inconsistent", { detail: "A dry run wrote something." });
  const provenance = `signed by ${run.body.key!.keyid}, log size ${after.size} before and after`;
  run.body = { ...run.body, bump: { entity: "*", answer, provenance } };
  return { result: answer };
}

/** What is true of this very deployment, and nothing else. */
function risksOf({ io, options }: Run): string[] {
  const risks = [
    `${relative(io.cwd, options.recoveryKey)} can name a new signing key: move it to a medium that is locked away.`,
  ];
  const token = relative(io.cwd, options.adminToken);
  risks.push(
    `${token} may do everything until it expires, one day after this run: mint narrower tokens, then delete it.`,
  );
  if (options.keyFile === null)
    risks.push(
      "No copy of the signing key is kept: should the Worker be deleted, the recovery key has to name a new one.",
    );
  else
    risks.push(`${relative(io.cwd, options.keyFile)} holds the signing key: who reads it can sign as this authority.`);
  return risks;
}
