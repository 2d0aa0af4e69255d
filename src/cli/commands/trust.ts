/** `tes trust`: files from which others verify offline. */

import { resolve } from "node:path";
import { Command } from "commander";
import type { TesClient } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonObject } from "../../core/json.ts";
import { parseEntityId } from "../../protocol/ids.ts";
import { TRUST_KIND, type TrustFile } from "../../protocol/trust-file.ts";
import { createExclusive } from "../local/data.ts";
import { type CommandIo, printJson, printNote } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { TRUSTED_ROOT_NAME } from "../release/contents.ts";

interface ExportFlags extends ReachOptions {
  readonly out: string;
  readonly entity?: readonly string[];
}

interface RootFlags extends ReachOptions {
  readonly out: string;
}

const READABLE_FILE = 0o644;
/** Questions at a time: quick for a registry of hundreds of entities, and nothing to an authority. */
const AT_ONCE = 8;

export function trustCommand(io: CommandIo): Command {
  const command = new Command("trust").description("Write files from which others verify releases offline.");
  withReach(command.command("export"))
    .description(
      "Write what tes verify --trust reads: the genesis, the chain of keys, and who publishes what. Hand it on by a " +
        "way that is trusted: whoever has it needs no network to verify.",
    )
    .requiredOption("--out <file>", "new file")
    .option("--entity <id>", "publishers of this entity; repeatable (default: all)", collect)
    .addHelpText("after", "\nExample:\n  $ tes trust export --out acme.trust.json")
    .action((flags: ExportFlags) => exportTrust(io, flags));
  withReach(command.command("root"))
    .description("Write the trusted_root.json of the log, which the verifiers of Sigstore read.")
    .option("--out <file>", "new file", TRUSTED_ROOT_NAME)
    .addHelpText("after", "\nExample:\n  $ tes trust root --out trusted_root.json")
    .action((flags: RootFlags) => exportRoot(io, flags));
  return command;
}

async function exportTrust(io: CommandIo, flags: ExportFlags): Promise<void> {
  const { client } = await reach(io, flags);
  const { answer, trust } = await client.keys();
  const asked = flags.entity?.map((id) => parseEntityId(id, "--entity").id);
  const entities = asked ?? (await client.entities()).map(({ entity }) => entity);
  const publishers = await publishersOf(client, entities, asked !== undefined);
  const { registry, genesis } = trust;
  const file: TrustFile = {
    kind: TRUST_KIND,
    registry,
    genesis,
    at: io.now(),
    keys: answer as unknown as JsonObject,
    publishers,
  };
  const path = resolve(io.cwd, flags.out);
  await createExclusive(path, `${JSON.stringify(file)}\n`, READABLE_FILE);
  const named = publishers.map(({ entity }) => entity);
  if (io.json) return void printJson(io, { file: path, registry, genesis, entities: named });
  io.stdout(`${path}  registry ${registry}, genesis ${genesis}\n`);
  if (named.length === 0) printNote(io, "no entity has publishers yet: tes publisher init names the first");
  else io.stdout(`publishers of ${named.join(", ")}\n`);
}

/** @throws {TesError} `publishers_missing` for one that was asked for by name */
async function publishersOf(
  client: TesClient,
  entities: readonly string[],
  named: boolean,
): Promise<TrustFile["publishers"]> {
  const found: TrustFile["publishers"] = [];
  for (let i = 0; i < entities.length; i += AT_ONCE) {
    const some = entities.slice(i, i + AT_ONCE);
    for (const { entity, receipts } of await Promise.all(some.map((id) => client.publishers(id)))) {
      if (receipts.length > 0) found.push({ entity, receipts: [...receipts] });
      else if (named) throw new TesError("publishers_missing", { detail: entity });
    }
  }
  return found;
}

async function exportRoot(io: CommandIo, flags: RootFlags): Promise<void> {
  const { client } = await reach(io, flags);
  const root = await client.trustedRoot();
  const path = resolve(io.cwd, flags.out);
  await createExclusive(path, `${JSON.stringify(root, null, 2)}\n`, READABLE_FILE);
  if (io.json) printJson(io, { file: path });
  else io.stdout(`${path}\n`);
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
