/** `tes init`: keys, genesis, operator's token and registry file, each only where it is missing. */

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { createClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import { parseMasterKey } from "../../core/keys.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { declarationOf, REGISTRY_FILE_NAME, type RegistryFile } from "../../protocol/registry-file.ts";
import { findCheckout } from "../checkout.ts";
import { newRecoveryKey, prepareAdminToken, prepareKeys } from "../founding.ts";
import { openCheckout } from "../git.ts";
import { readKeyFile, readRecoveryPublic, reasonOf } from "../local/data.ts";
import { proposeFromGit } from "../manifests.ts";
import { type CommandIo, paint, printJson, printNote, table } from "../output.ts";
import { proposeRegistryFile } from "../proposal.ts";
import { locate, type ReachOptions, reach, withReach } from "../reach.ts";
import { mintToken } from "../tokens.ts";
import { declareAll } from "./entity.ts";
import { openAuthority, type ServeOptions, signingKeys } from "./serve.ts";

interface InitFlags extends ReachOptions {
  readonly keyFile?: string;
  readonly recoveryKey?: string;
  readonly private?: true;
  readonly declare: boolean;
  readonly fromGit?: true;
}

/** A genesis token is used at once. */
const GENESIS_TOKEN_LIFETIME_S = 300;

export function initCommand(io: CommandIo): Command {
  return withReach(new Command("init"))
    .description(
      "Open a registry: make what is missing of signing key, recovery key, genesis, operator's token and " +
        `${REGISTRY_FILE_NAME}, and declare what the file lists. Run it again at any time.`,
    )
    .option("--key-file <file>", "file with the signing key (default: signing.key in --data, made if missing)")
    .option("--recovery-key <file>", "with --url: new file for the recovery key, mode 0600")
    .option("--private", "only holders of a token may read; fixed for ever")
    .option("--from-git", `propose ${REGISTRY_FILE_NAME} from the manifests and tags of this git checkout`)
    .option("--no-declare", "do not declare the entities of the registry file")
    .addHelpText(
      "after",
      "\nExample:\n  $ tes init\n  $ tes init --url https://tes.example --key-file k --recovery-key r",
    )
    .action(async (flags: InitFlags) => {
      const located = await locate(io, flags);
      if (located.local) await initLocal(io, flags, located.registry);
      else await initRemote(io, flags, located.url!, located.registry);
    });
}

async function initLocal(io: CommandIo, flags: InitFlags, registry: string): Promise<void> {
  const dataDir = resolve(io.cwd, flags.data);
  const given = flags.keyFile !== undefined || (io.env.VERSION_SIGNING_KEY ?? "") !== "";
  const running = (await locate(io, flags)).url;
  const { paths, signing, recovery } = await prepareKeys(dataDir, given, () => hasBegun(io, flags, running));
  if (running !== null && (signing === "made" || recovery === "made")) {
    throw new TesError("data_dir_in_use", {
      detail: `Keys were made in ${dataDir}, and the authority that runs on it does not know them. Stop it, run tes init again, then start it.`,
    });
  }
  const authority = running === null ? await openAuthority(io, { ...flags, port: 0 }) : null;
  try {
    const master = (await signingKeys(io, dataDir, flags.keyFile)).VERSION_SIGNING_KEY;
    const key = master === undefined ? null : parseMasterKey(master);
    const token = key === null ? null : await prepareAdminToken(paths, key, registry, io.now());
    const reached = await reach(io, flags);
    if (registry !== "default" || flags.private === true) {
      if (key === null) throw noKey();
      await openRegistry(io, flags, reached.url, registry, key, (await readRecoveryPublic(paths))!);
    }
    const { genesis } = await reached.client.trust();
    const file = await ensureRegistryFile(io, registry, flags);
    const { written, unchanged } =
      flags.declare && token !== null ? await declareAll(reached.client, file.entities.map(declarationOf)) : nothing;
    const rows = [
      ["signing key", signing === "elsewhere" ? "given from elsewhere" : `${signing}: ${paths.signingKey}`],
      ["recovery key", `${recovery}: ${paths.recoveryKey}`],
      ["genesis", genesis],
      ["operator's token", token === null ? "none: the key is not at hand" : paths.adminToken],
      ["entities", `${written.length} declared, ${unchanged.length} unchanged`],
    ];
    finish(io, rows, { registry, genesis, dataDir, declared: written, unchanged });
    if (recovery === "made") adviseRecovery(io, paths.recoveryKey);
  } finally {
    await authority?.stop();
  }
}

/** Whether the authority of a data directory has a registry. One that does not run is started for the question. */
export async function hasBegun(io: CommandIo, options: ServeOptions, running: string | null): Promise<boolean> {
  // The question alone must not open a registry.
  const asking = { ...io, env: { ...io.env, TES_GENESIS: "off" } };
  const authority = running === null ? await openAuthority(asking, { ...options, port: 0 }) : null;
  try {
    const answer = await fetch(`${running ?? authority!.url}/v1/${DEFAULT_REGISTRY}`);
    await answer.body?.cancel();
    return answer.status !== 404;
  } finally {
    await authority?.stop();
  }
}

const nothing = { written: [] as string[], unchanged: [] as string[] };

async function initRemote(io: CommandIo, flags: InitFlags, url: string, registry: string): Promise<void> {
  if (flags.keyFile === undefined || flags.recoveryKey === undefined) {
    throw new TesError("usage", {
      detail:
        "Opening a registry elsewhere needs --key-file (the key that the Worker holds) and --recovery-key (a new file).",
    });
  }
  const key = await readKeyFile(resolve(io.cwd, flags.keyFile));
  const path = resolve(io.cwd, flags.recoveryKey);
  const x = await newRecoveryKey(path);
  const genesis = await openRegistry(io, flags, url, registry, key, x);
  finish(
    io,
    [
      ["recovery key", `made: ${path}`],
      ["genesis", genesis],
    ],
    { registry, genesis, url },
  );
  adviseRecovery(io, path);
}

/** Writes the genesis, authorised by a token that only the holder of the master key can make. */
async function openRegistry(
  io: CommandIo,
  flags: InitFlags,
  url: string,
  registry: string,
  key: ReturnType<typeof parseMasterKey>,
  recovery: string,
): Promise<string> {
  const located = await locate(io, flags);
  const { token } = await mintToken(key, {
    registry,
    scope: ["admin"],
    lifetimeSeconds: GENESIS_TOKEN_LIFETIME_S,
    label: "genesis",
    now: io.now(),
  });
  const client = createClient({ url, registry, token, store: located.store, pinKey: located.pinKey, now: io.now });
  try {
    await client.createRegistry({
      visibility: flags.private === true ? "private" : "public",
      recovery: { x: recovery },
    });
  } catch (thrown) {
    if (!(thrown instanceof TesError) || thrown.code !== "genesis_exists") throw thrown;
    // Opened before. It is ours only if its genesis names this recovery key.
    if ((await client.trust()).recovery !== recovery) throw thrown;
  }
  return (await client.trust()).genesis;
}

async function ensureRegistryFile(io: CommandIo, registry: string, flags: InitFlags): Promise<RegistryFile> {
  const found = await findCheckout(io.cwd, flags.file);
  if (found !== null) {
    if (flags.fromGit === true) printNote(io, `${found.path} is there already, and is used as it is`);
    return found.file;
  }
  const git = flags.fromGit === true ? await openCheckout(io.cwd, io.env) : null;
  const { file, lines } =
    git === null ? await proposeRegistryFile(io.cwd, registry) : await proposeFromGit(git, registry);
  const path = join(git?.dir ?? io.cwd, REGISTRY_FILE_NAME);
  try {
    await writeFile(path, `${JSON.stringify(file, null, 2)}\n`, { flag: "wx" });
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
  printNote(io, `wrote ${path}`);
  for (const line of lines) printNote(io, line);
  return file;
}

function finish(io: CommandIo, rows: readonly (readonly string[])[], facts: Record<string, unknown>): void {
  if (io.json) printJson(io, facts);
  else io.stdout(table([{ title: "what" }, { title: "where" }], rows));
}

/** The recovery key is worth most where an intruder of this machine does not find it. */
export function adviseRecovery(io: CommandIo, path: string): void {
  const color = paint(io);
  io.stderr(
    `${color.yellow("keep")} ${path} offline: copy it to a medium that you lock away, then delete it here.\n` +
      `     It alone can name a new signing key after a compromise. Nothing in daily use needs it.\n`,
  );
}

function noKey(): TesError {
  return new TesError("signing_key_missing", {
    detail: "The genesis of this registry needs the signing key: --key-file.",
  });
}
