/** `tes doctor`: is everything in place, and if not, what to do about it. */

import { stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { ERRORS, TesError, toTesError } from "../../core/errors.ts";
import { deriveEd25519, ed25519Kid, parseMasterKey } from "../../core/keys.ts";
import type { EntityView } from "../../protocol/answers.ts";
import { findCheckout } from "../checkout.ts";
import { planEdits } from "../files.ts";
import { listFiles, openCheckout } from "../git.ts";
import { codeOf, type DataPaths, dataPaths, readKeyFile } from "../local/data.ts";
import { readLock } from "../local/lock.ts";
import { type LogKeys, readLogKeys } from "../local/log-keys.ts";
import { workerdProgram } from "../local/programs.ts";
import { type CommandIo, paint, printable, printJson, reportFinding } from "../output.ts";
import { locate, type ReachOptions, reach, withReach } from "../reach.ts";

/** `note` does not count as a finding. */
type Level = "ok" | "note" | "warning" | "error";

const NEXT_KEY = "VERSION_SIGNING_KEY_V2";

interface Check {
  readonly name: string;
  readonly level: Level;
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
}

export function doctorCommand(io: CommandIo): Command {
  return withReach(new Command("doctor"))
    .description("Check this machine, the data directory, the authority and the checkout. Exit 1 on a finding.")
    .addHelpText("after", "\nExample:\n  $ tes doctor")
    .action(async (flags: ReachOptions) => {
      const paths = dataPaths(resolve(io.cwd, flags.data));
      const checks = [
        ...checkPrograms(),
        ...(await checkDataDir(paths)),
        ...(await checkSigningKey(io, flags, paths)),
        ...(await checkAuthority(io, flags)),
        ...(await checkCheckout(io, flags)),
      ];
      if (checks.some(({ level }) => level === "warning" || level === "error")) reportFinding(io);
      if (io.json) printJson(io, { checks });
      else for (const check of checks) io.stdout(render(io, check));
    });
}

function checkPrograms(): Check[] {
  const runtime = process.versions.bun === undefined ? `Node ${process.versions.node}` : `Bun ${process.versions.bun}`;
  const checks: Check[] = [{ name: "runtime", level: "ok", text: runtime }];
  try {
    checks.push({ name: "workerd", level: "ok", text: workerdProgram() });
  } catch (thrown) {
    checks.push(fault("workerd", thrown));
  }
  return checks;
}

async function checkDataDir(paths: DataPaths): Promise<Check[]> {
  const checks: Check[] = [];
  if ((await modeOf(paths.root)) === null) {
    return [{ name: "data", level: "note", text: `${paths.root} is not there`, remedy: "tes init makes one." }];
  }
  for (const [name, path] of [
    ["signing key", paths.signingKey],
    ["recovery key", paths.recoveryKey],
    ["operator's token", paths.adminToken],
  ] as const) {
    const mode = await modeOf(path);
    if (mode === null) continue;
    if ((mode & 0o077) !== 0) {
      const text = `${path} can be read by others (mode ${mode.toString(8)})`;
      checks.push({ name, level: "error", text, remedy: `chmod 600 ${path}, and replace what was in it.` });
    } else checks.push({ name, level: "ok", text: `${path} is for its owner only` });
  }
  if ((await modeOf(paths.signingKey)) !== null) {
    await readKeyFile(paths.signingKey).catch((thrown: unknown) => checks.push(fault("signing key", thrown)));
    if ((await modeOf(paths.recoveryKey)) !== null) {
      const text = "lies beside the signing key: who takes one takes both";
      checks.push({ name: "recovery key", level: "note", text, remedy: "Move it to a medium that you lock away." });
    }
  }
  const rootMode = (await modeOf(paths.root))!;
  if ((rootMode & 0o022) !== 0) {
    const text = `${paths.root} can be written by others (mode ${rootMode.toString(8)})`;
    checks.push({ name: "data", level: "error", text, remedy: `chmod 700 ${paths.root}` });
  }
  for (const path of await trackedIn(paths.root)) {
    const remedy = "git rm --cached it, and replace every key and token that was ever committed.";
    checks.push({ name: "git", level: "error", text: `${path} is tracked by git`, remedy });
  }
  const lock = await readLock(paths);
  if (lock?.running === true)
    checks.push({ name: "lock", level: "ok", text: `held by process ${lock.record.tes.pid}` });
  else if (lock !== null) {
    checks.push({ name: "lock", level: "note", text: "left by an authority that was killed; the next start takes it" });
  }
  return checks;
}

/** Whether the key file is the key that the logs name: with another in its place the next start answers nothing. */
async function checkSigningKey(io: CommandIo, flags: ReachOptions, paths: DataPaths): Promise<Check[]> {
  const name = "signing key";
  try {
    if ((await modeOf(paths.signingKey)) === null) return [];
    const master = await readKeyFile(paths.signingKey).catch(() => null);
    // That it cannot be read was told before.
    if (master === null) return [];
    const text = io.env[NEXT_KEY];
    const next = text === undefined || text === "" ? null : parseMasterKey(text);
    const { running, logs } = await namedKeys(io, flags, paths);
    if (logs === null) {
      const remedy = "tes serve, and then tes doctor again.";
      return [{ name, level: "note", text: "this runtime has no SQLite to compare it with the log by", remedy }];
    }
    const checks: Check[] = [];
    for (const { registry, logKeys } of logs) {
      const { x, kid } = await deriveEd25519(master, "log-ed25519", registry);
      if (logKeys.includes(x)) {
        checks.push({ name, level: "ok", text: `is the one that the log of ${registry} names` });
        continue;
      }
      // After a rotation the next key signs, and comes from the environment.
      if (next !== null && logKeys.includes((await deriveEd25519(next, "log-ed25519", registry)).x)) {
        checks.push({ name, level: "ok", text: `$${NEXT_KEY} is the one that the log of ${registry} names` });
        continue;
      }
      const { remedy } = ERRORS.signing_key_mismatch;
      const still = running ? " What runs still holds the right one, and would not start again." : "";
      const found = `${paths.signingKey} is not the key of ${registry}: it makes the log key ${kid}, and the log names ${ed25519Kid(logKeys[0]!)}.${still}`;
      checks.push({ name, level: "error", text: found, remedy: `${remedy} (signing_key_mismatch)` });
    }
    return checks;
  } catch (thrown) {
    return [fault(name, thrown)];
  }
}

/** The log keys as the authority of the directory proves them, or as its files have them where it does not answer. */
async function namedKeys(
  io: CommandIo,
  flags: ReachOptions,
  paths: DataPaths,
): Promise<{ readonly running: boolean; readonly logs: readonly LogKeys[] | null }> {
  const { local, url } = await locate(io, flags);
  if (local && url !== null) {
    const answer = await (await reach(io, flags)).client.keys().catch(() => null);
    // After a move away the chain ends in keys that sign elsewhere, and what signs here the files say.
    if (answer !== null && answer.trust.moved === undefined) {
      const { registry, logKey } = answer.trust;
      return { running: true, logs: [{ registry, logKeys: [logKey.x] }] };
    }
  }
  return { running: false, logs: await readLogKeys(paths) };
}

/** Files of a data directory that git tracks; none where there is no checkout. */
async function trackedIn(root: string): Promise<string[]> {
  try {
    const git = await openCheckout(root, process.env);
    return (await listFiles(git)).map((path) => join(root, path));
  } catch (thrown) {
    if (thrown instanceof TesError && /^git_/.test(thrown.code)) return [];
    throw thrown;
  }
}

async function checkAuthority(io: CommandIo, flags: ReachOptions): Promise<Check[]> {
  try {
    const located = await locate(io, flags);
    if (located.url === null) {
      return [{ name: "authority", level: "note", text: "none runs here", remedy: "tes serve starts it." }];
    }
    const { client, url } = await reach(io, flags);
    const { trust } = await client.keys();
    const { size } = await client.checkpoint();
    return [
      { name: "authority", level: "ok", text: `${url} answers, signed by the key that its genesis names` },
      { name: "log", level: "ok", text: `size ${size}, origin ${trust.origin}, extends what was seen before` },
    ];
  } catch (thrown) {
    return [fault("authority", thrown)];
  }
}

async function checkCheckout(io: CommandIo, flags: ReachOptions): Promise<Check[]> {
  try {
    const checkout = await findCheckout(io.cwd, flags.file);
    if (checkout === null) return [{ name: "checkout", level: "note", text: "no tes.registry.json here or above" }];
    const checks: Check[] = [{ name: "checkout", level: "ok", text: checkout.path }];
    const located = await locate(io, flags);
    const views = located.url === null ? null : await (await reach(io, flags)).client.entities().catch(() => null);
    const known = new Map<string, EntityView>((views ?? []).map((view) => [view.entity, view]));
    for (const { id, files = [] } of checkout.file.entities) {
      const view = known.get(id);
      if (views !== null && view === undefined) {
        checks.push({ name: id, level: "warning", text: "is not declared yet", remedy: "tes entity sync" });
        continue;
      }
      if (files.length === 0) continue;
      const version = view?.version;
      try {
        const plan = await planEdits(checkout.root, [{ entity: id, from: version, to: version ?? "0.0.0", files }]);
        for (const text of plan.warnings) {
          const remedy = `tes bump --finish ${view?.seq ?? "<seq>"}, if that statement is its last bump.`;
          checks.push({ name: id, level: "warning", text, remedy });
        }
        if (plan.warnings.length === 0) {
          const where = plan.edits.map(({ path }) => path).join(", ");
          checks.push({ name: id, level: "ok", text: version === undefined ? where : `${version} in ${where}` });
        }
      } catch (thrown) {
        checks.push(fault(id, thrown));
      }
    }
    return checks;
  } catch (thrown) {
    return [fault("checkout", thrown)];
  }
}

async function modeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mode & 0o777;
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return null;
    throw new TesError("file_unreadable", { detail: path, cause: thrown });
  }
}

function fault(name: string, thrown: unknown): Check {
  const error = toTesError(thrown);
  const { title, remedy } = ERRORS[error.code];
  return { name, level: "error", text: `${title} ${error.detail ?? ""}`.trim(), remedy: `${remedy} (${error.code})` };
}

function render(io: CommandIo, { name, level, text, remedy }: Check): string {
  const color = paint(io);
  const shown = { ok: color.green, note: color.dim, warning: color.yellow, error: color.red }[level](level.padEnd(8));
  const way = remedy === undefined ? "" : `${" ".repeat(9)}${color.dim("way out:")} ${printable(remedy)}\n`;
  return `${shown} ${printable(name)}: ${printable(text)}\n${way}`;
}
