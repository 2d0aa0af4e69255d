/** `tes registry`: the registries of one deployment. */

import { join, resolve } from "node:path";
import { Command } from "commander";
import { createClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { newRecoveryKey } from "../founding.ts";
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
    .description("Take a registry off the list: from then on it is unknown to the outside. Its log is kept.")
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
  const x = path === null ? flags.recoveryPublic! : await newRecoveryKey(path);
  const client = createClient({
    url: deployment.url,
    registry: name,
    token,
    store: deployment.store,
    pinKey: deployment.local ? `data:/${name}` : `${new URL(deployment.url).origin}/${name}`,
    now: io.now,
  });
  await client.createRegistry({
    visibility: flags.private === true ? "private" : "public",
    recovery: { x },
    ...(flags.origin === undefined ? {} : { origin: flags.origin }),
  });
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
