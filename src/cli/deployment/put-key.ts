/** Putting one key on one deployed Worker, so that a second run finishes what a first one could not. */

import type { Bytes } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import type { Secret } from "../../core/secret.ts";
import { type Proved, proveKey } from "../keys/proof.ts";
import { keyText } from "../local/data.ts";
import { faultOf, listSecrets, mustSucceed, type WranglerTool } from "../wrangler.ts";
import { requireGuards, requireNoVariable, type SlotName } from "./guards.ts";
import type { Deployable, Target } from "./targets.ts";

export interface PutKey {
  readonly wrangler: WranglerTool;
  readonly deployable: Deployable;
  readonly target: Target;
  readonly slot: SlotName;
  readonly registry: string;
  readonly master: Secret<Bytes>;
  /** Whether a key that signs a log may be replaced. */
  readonly replace: boolean;
  /** Whether the Worker itself is deployed in the same request: never, when there is none, or in any case. */
  readonly deploy: "never" | "if-missing" | "always";
  /** Adds the secret to the latest version without deploying it, where Cloudflare takes no other way. */
  readonly undeployed?: boolean;
  readonly waitMs: number;
  /** Told what is about to happen. */
  readonly step?: (text: string) => void;
}

export interface KeyOutcome {
  /** `unchanged`: it was there. `created`: with the Worker itself. `staged`: in a version that is not deployed. */
  readonly action: "unchanged" | "put" | "created" | "staged";
  /** Null for a staged key: no Worker with it answers yet. */
  readonly proved: Proved | null;
}

/**
 * Checks, puts, and has the Worker prove it.
 *
 * @throws {TesError} `secret_in_vars`, `worker_missing`, `key_in_place`, `worker_version_pending`, `deploy_refused`, what
 *   faultOf and proveKey give
 */
export async function putKey(options: PutKey): Promise<KeyOutcome> {
  const { wrangler, deployable, target, slot, step = () => undefined } = options;
  requireNoVariable(deployable, target, slot);
  step(`ask which secrets ${target.worker} has`);
  const before = await listSecrets(wrangler, target.env);
  if (before === null) {
    if (options.deploy === "never") {
      throw new TesError("worker_missing", { detail: `${target.worker} is not there, and nothing was made.` });
    }
    return deployWithKey(options);
  }
  const there = before.includes(slot) && (await isInPlace(options));
  if (options.deploy === "always") {
    return { ...(await deployWithKey(options)), action: there ? "unchanged" : "created" };
  }
  if (there) return { action: "unchanged", proved: await prove(options, 0) };
  step(`put ${slot} on ${target.worker}`);
  const run = await wrangler.run(["secret", "put", slot], target.env, { stdin: keyText(options.master) });
  if (run.exit !== 0) {
    const fault = faultOf(run);
    if (fault.code !== "worker_version_pending" || options.undeployed !== true) throw fault;
    mustSucceed(
      await wrangler.run(["versions", "secret", "put", slot], target.env, { stdin: keyText(options.master) }),
    );
    return { action: "staged", proved: null };
  }
  await requireListed(options);
  step(`wait until ${target.worker} proves it`);
  return { action: "put", proved: await prove(options, options.waitMs) };
}

/** The Worker with its key in the same request: there is no moment in which it answers without one. */
async function deployWithKey(options: PutKey): Promise<KeyOutcome> {
  const { wrangler, deployable, target, slot, master, step } = options;
  requireGuards(deployable, target);
  step?.(`deploy ${target.worker} together with ${slot}`);
  mustSucceed(await wrangler.run(["deploy"], target.env, { secretsFile: { [slot]: keyText(master) } }));
  await requireListed(options);
  return { action: "created", proved: await prove(options, options.waitMs) };
}

async function requireListed({ wrangler, target, slot }: PutKey): Promise<void> {
  const after = await listSecrets(wrangler, target.env);
  if (after?.includes(slot) === true) return;
  throw new TesError("wrangler_failed", {
    detail: `wrangler reported success, and ${target.worker} has no secret ${slot}.`,
  });
}

/** Whether the Worker holds this very key. @throws {TesError} `key_in_place` when it holds one that must not be lost */
async function isInPlace(options: PutKey): Promise<boolean> {
  try {
    const { proof } = await prove(options, 0);
    return proof.slot === options.slot;
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    if (options.replace) return false;
    // Answers with none of these are down already, or nothing was ever signed: there is nothing to lose.
    if (["signing_key_missing", "signing_key_mismatch", "key_public", "key_format"].includes(thrown.code)) return false;
    if (thrown.code === "key_proof_failed" && thrown.facts?.genesis === false) return false;
    const why = thrown.code === "key_proof_failed" ? "" : ` It could not be asked: ${thrown.message}`;
    throw new TesError("key_in_place", {
      detail: `${options.target.worker} has a secret ${options.slot}.${why}`,
      cause: thrown,
    });
  }
}

function prove({ target, registry, master }: PutKey, waitMs: number): Promise<Proved> {
  if (target.url === null) {
    throw new TesError("deploy_refused", {
      detail: `TES_AUTHORITIES of ${target.worker} is empty, so nothing says where it would prove its key.`,
    });
  }
  return proveKey({ url: target.url, registry, master, waitMs });
}
