/** `tes key scan`: does a live key stand where others read it? */

import { resolve } from "node:path";
import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { ed25519Kid } from "../../core/keys.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { keyidsOfMaster, type Sighting, scanKeys } from "../keys/scan.ts";
import { readKeyFile } from "../local/data.ts";
import { type CommandIo, paint, printable, printJson, printNote, reportFinding } from "../output.ts";
import { DEFAULT_DATA, type ReachOptions, reach } from "../reach.ts";

interface ScanFlags {
  readonly keyid: string[];
  readonly keyFile: string[];
  readonly registry: string[];
  readonly url?: string;
  readonly data: string;
  readonly all?: true;
}

export function scanCommand(io: CommandIo): Command {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  return new Command("scan")
    .description(
      "Look for keys in a tree and in its whole git history, commits that nothing reaches any more included. Every string\n" +
        "of 64 hexadecimal characters is compared with the keyids of live keys and with the key that everybody knows.",
    )
    .argument("[path]", "a folder or a file", ".")
    .option(
      "--keyid <id>",
      "keyid of a live key; may be repeated (default: those of the authority in reach)",
      collect,
      [],
    )
    .option("--key-file <file>", "file with a live key to look for; may be repeated", collect, [])
    .option("--registry <name>", "registry that the keyids are of; may be repeated", collect, [])
    .option("--url <url>", "take the keyids of this authority")
    .option("--data <dir>", "data directory of an authority on this machine", DEFAULT_DATA)
    .option("--all", "list what matches nothing, too")
    .addHelpText("after", "\nExample:\n  $ tes key scan . --key-file signing.key")
    .action((path: string, flags: ScanFlags) => scan(io, path, flags));
}

async function scan(io: CommandIo, path: string, flags: ScanFlags): Promise<void> {
  const registries =
    flags.registry.length === 0
      ? [DEFAULT_REGISTRY]
      : flags.registry.map((name) => parseRegistryName(name, "--registry"));
  const keyids = new Set(flags.keyid);
  for (const id of keyids) {
    if (/^(?:[0-9a-f]{16}|[A-Za-z0-9_-]{43})$/.test(id)) continue;
    throw new TesError("usage", {
      detail: "A keyid is 16 hexadecimal characters, or 43 of base64url.",
      field: "--keyid",
    });
  }
  for (const file of flags.keyFile) {
    for (const id of await keyidsOfMaster(await readKeyFile(resolve(io.cwd, file)), registries)) keyids.add(id);
  }
  if (keyids.size === 0) for (const id of await liveKeyids(io, flags, registries)) keyids.add(id);
  if (keyids.size === 0)
    printNote(io, "no live keyid is known (--keyid, --key-file, --url): only the public key is looked for");
  const { sightings, ...seen } = await scanKeys({ root: resolve(io.cwd, path), env: io.env, keyids, registries });
  const bad = sightings.filter(({ kind, kept }) => kind !== "other" && kept !== true);
  const kept = sightings.filter((one) => one.kept === true);
  const others = sightings.filter(({ kind }) => kind === "other");
  if (bad.length > 0) reportFinding(io);
  if (io.json) {
    printJson(io, {
      keyids: [...keyids],
      findings: bad,
      kept,
      others: flags.all === true ? others : others.length,
      ...seen,
    });
    return;
  }
  for (const one of bad) io.stdout(`${paint(io).red("error")} ${printable(one.where)}: ${sentence(one)}\n`);
  for (const { where } of kept)
    printNote(io, `${where} is a live key, in a file that git ignores and only its owner reads`);
  if (flags.all === true) for (const { where } of others) io.stdout(`other ${printable(where)}\n`);
  const left = [seen.large > 0 ? `${seen.large} too large` : "", seen.binary > 0 ? `${seen.binary} binary` : ""]
    .filter(Boolean)
    .join(", ");
  const where = seen.history
    ? `${seen.files} files and ${seen.objects} objects of git's history`
    : `${seen.files} files, no git history`;
  io.stdout(
    `${where}: ${bad.length} found, ${others.length} other strings of 64 hexadecimal characters${left === "" ? "" : `; left out: ${left}`}\n`,
  );
  if (bad.length > 0) {
    io.stderr(
      "  A key that stood in a file others can read is theirs: rotate it. Taking it out of the history is not enough.\n",
    );
  }
}

const sentence = ({ kind, keyid }: Sighting): string =>
  kind === "live"
    ? `this holds your live key (keyid ${keyid})`
    : "this is the key that is printed in a public document";

/** The keyids that the authority in reach announces; none where there is none. */
async function liveKeyids(io: CommandIo, { url, data }: ScanFlags, registries: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const registry of registries) {
    const options: ReachOptions = { data, registry, ...(url === undefined ? {} : { url }) };
    const reached = await reach(io, options).catch((thrown: unknown) => {
      if (thrown instanceof TesError && thrown.code === "authority_unreachable" && url === undefined) return null;
      throw thrown;
    });
    if (reached === null) continue;
    const { answer, trust } = await reached.client.keys();
    ids.push(...answer.keys.map(({ kid }) => kid), ed25519Kid(trust.recovery));
  }
  return ids;
}
