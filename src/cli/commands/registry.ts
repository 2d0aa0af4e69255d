/** `tes registry`: the registries of one deployment. */

import { join, resolve } from "node:path";
import { Command } from "commander";
import { createClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import { importEd25519Seed } from "../../core/keys.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { newRecoveryKey } from "../founding.ts";
import { readKeyFile } from "../local/data.ts";
import { type CommandIo, printJson, printNote, table } from "../output.ts";
import { findToken, type ReachOptions, reach, withReach } from "../reach.ts";
import { moveCommand, restoreCommand } from "./carry.ts";
import { adviseRecovery } from "./init.ts";

interface CreateFlags extends ReachOptions {
  readonly private?: true;
  readonly origin?: string;
  readonly recoveryKey?: string;
  readonly recoveryPublic?: string;
}

export function registryCommand(io: CommandIo): Command {
  const command = new Command("registry").description("Create, list and delete the registries of a deployment.");
  withReach(command.command("create <name>"))
    .description("Open another registry, authorised by an admin token of the deployment (of the registry default).")
    .option("--private", "only holders of a token may read; fixed for ever")
    .option("--origin <origin>", "origin of its log, fixed for ever (default: the deployment's, then its name)")
    .option(
      "--recovery-key <file>",
      "new file for its recovery key, mode 0600 (default: <name>.recovery.key in --data)",
    )
    .option("--recovery-public <x>", "public half of a recovery key that was made elsewhere, base64url")
    .addHelpText("after", "\nExample:\n  $ tes registry create mobile --private --recovery-key mobile.recovery.key")
    .action((name: string, flags: CreateFlags) => create(io, parseRegistryName(name, "name"), flags));
  withReach(command.command("list"))
    .description("The other registries of the deployment.")
    .addHelpText("after", "\nExample:\n  $ tes registry list")
    .action(async (flags: ReachOptions) => {
      const { client } = await reach(io, { ...flags, registry: DEFAULT_REGISTRY });
      const registries = await client.registries();
      if (io.json) printJson(io, { registries });
      else if (registries.length === 0) io.stdout("No registry beside default. Make one: tes registry create NAME\n");
      else {
        const rows = registries.map(({ name, genesis, at }) => [name, new Date(at).toISOString(), genesis]);
        io.stdout(table([{ title: "registry" }, { title: "since" }, { title: "genesis" }], rows));
      }
    });
  withReach(command.command("delete <name>"))
    .description(
      "Take a registry off the list: from then on it is unknown to the outside. Its log is " +
        "kept, and its name stays taken.",
    )
    .option("--yes", "do not ask")
    .addHelpText("after", "\nExample:\n  $ tes registry delete mobile --yes")
    .action(async (name: string, flags: ReachOptions & { readonly yes?: true }) => {
      await remove(io, parseRegistryName(name, "name"), flags);
    });
  command.addCommand(moveCommand(io)).addCommand(restoreCommand(io));
  return command;
}

async function create(io: CommandIo, name: string, flags: CreateFlags): Promise<void> {
  const deployment = await reach(io, { ...flags, registry: DEFAULT_REGISTRY });
  const token = await findToken(io, flags, deployment.local ? deployment.paths.adminToken : null, DEFAULT_REGISTRY);
  if (token === undefined) throw new TesError("token_missing");
  const path = recoveryPath(io, name, flags, deployment.local ? deployment.paths.root : null);
  // Whatever is in the way shows before a key is made for nothing.
  if ((await deployment.client.registries()).some((registry) => registry.name === name)) {
    throw new TesError("genesis_exists", { detail: `${name} is on the list: tes registry list` });
  }
  const x = path === null ? flags.recoveryPublic! : await newRecoveryKey(path).catch(explainKey(path, name));
  const client = createClient({
    url: deployment.url,
    registry: name,
    token,
    store: deployment.store,
    pinKey: deployment.local ? `data:/${name}` : `${new URL(deployment.url).origin}/${name}`,
    now: io.now,
  });
  await client
    .createRegistry({
      visibility: flags.private === true ? "private" : "public",
      recovery: { x },
      ...(flags.origin === undefined ? {} : { origin: flags.origin }),
    })
    .catch(explainRefusal(path, name));
  const { genesis, origin, visibility } = await client.trust();
  if (io.json) printJson(io, { registry: name, genesis, origin, visibility, recoveryKey: path });
  else {
    const rows = [
      ["registry", `${name}, ${visibility}`],
      ["genesis", genesis],
      ["origin", origin],
      ...(path === null ? [] : [["recovery key", path]]),
    ];
    io.stdout(table([{ title: "what" }, { title: "value" }], rows));
    printNote(io, `tokens of its own: tes token mint --registry ${name} --scope admin`);
  }
  if (path !== null) adviseRecovery(io, path);
}

/** A key that is there is never overwritten: it may be all that can bring a log back. */
function explainKey(path: string, name: string): (thrown: unknown) => Promise<never> {
  return async (thrown) => {
    if (!(thrown instanceof TesError) || thrown.code !== "file_exists") throw thrown;
    const own = await readKeyFile(path)
      .then(importEd25519Seed)
      .catch(() => null);
    const what =
      own === null
        ? `${path} is there already, and is no recovery key.`
        : `${path} is a recovery key: of a registry ${name} that was made before and deleted, or whose making broke off. Keep it, only this key can restore that log.`;
    const goOn = own === null ? "" : `, or go on with the key that is there (--recovery-public ${own.x})`;
    throw new TesError("file_exists", {
      detail: `${what}\nName another new file for the key (--recovery-key FILE)${goOn}. The name of a deleted registry stays taken: choose another for a new one.`,
      cause: thrown,
    });
  };
}

/** What a refusal means, and what to do with the key that was made for the registry. */
function explainRefusal(path: string | null, name: string): (thrown: unknown) => never {
  return (thrown) => {
    // The list has just been read under the same token: who hides a registry then is the one that was deleted.
    const isHidden =
      thrown instanceof TesError && thrown.code === "answer_unsigned" && thrown.facts?.claim === "registry_unknown";
    const isTaken = thrown instanceof TesError && thrown.code === "genesis_exists";
    if (!isHidden && !isTaken) throw thrown;
    const left = path === null ? "" : `\n${path} was made for it just now, and is of no registry: delete it.`;
    const why = isHidden ? `${name} was deleted: its log is kept, and its name stays taken.` : `${name} is taken.`;
    throw new TesError("genesis_exists", { detail: `${why} Choose another name.${left}`, cause: thrown });
  };
}

function recoveryPath(io: CommandIo, name: string, flags: CreateFlags, data: string | null): string | null {
  if (flags.recoveryPublic !== undefined) {
    if (flags.recoveryKey === undefined) return null;
    throw new TesError("usage", {
      detail: "--recovery-key makes a key, --recovery-public names one: give one of them.",
    });
  }
  if (flags.recoveryKey !== undefined) return resolve(io.cwd, flags.recoveryKey);
  if (data !== null) return join(data, `${name}.recovery.key`);
  throw new TesError("usage", { detail: "Name a new file for the recovery key: --recovery-key FILE." });
}

async function remove(io: CommandIo, name: string, flags: ReachOptions & { readonly yes?: true }): Promise<void> {
  const { client } = await reach(io, { ...flags, registry: DEFAULT_REGISTRY });
  if (flags.yes !== true) {
    if (!io.interactive) throw new TesError("usage", { detail: "Nobody can be asked here: pass --yes." });
    const { text, isCancel } = await import("@clack/prompts");
    const typed = await text({ message: `Its clients will find nothing any more. Type ${name} to go on.` });
    if (isCancel(typed) || typed !== name) {
      io.stderr("Nothing was deleted.\n");
      return;
    }
  }
  const { receipt } = await client.delist(name);
  if (io.json) printJson(io, { registry: name, seq: receipt?.statement.seq ?? null });
  else io.stdout(receipt === null ? `${name} was off the list already\n` : `${name} is off the list\n`);
}
