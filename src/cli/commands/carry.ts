/** `tes registry move` and `tes registry restore`: a registry that goes on elsewhere, or from a backup. */

import { resolve } from "node:path";
import { Command } from "commander";
import { createImportTarget } from "../../client/carry.ts";
import { settle } from "../../client/options.ts";
import { fromBase64, toBase64, toBase64Url, utf8 } from "../../core/bytes.ts";
import { parseCheckpointBody } from "../../core/checkpoint.ts";
import { TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { importEd25519Seed } from "../../core/keys.ts";
import { MAX_NOTE_BYTES } from "../../core/limits.ts";
import { type ExportHeader, kindOfLine, parseExportHeader } from "../../protocol/export.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import type { RestoreRequest } from "../../protocol/requests.ts";
import { parseStatement, restoreBytes } from "../../protocol/statements.ts";
import { readKeyFile, readSmallFile } from "../local/data.ts";
import { type CommandIo, printJson, printNote } from "../output.ts";
import { findToken, locate, type ReachOptions, reach, withReach } from "../reach.ts";
import { readTokenFile } from "../tokens.ts";
import { linesOf } from "./export.ts";

interface MoveFlags extends ReachOptions {
  readonly to: string;
  readonly toTokenFile: string;
  readonly yes?: true;
}

interface RestoreFlags extends ReachOptions {
  readonly recoveryKey: string;
  readonly lost: string;
  readonly floor?: readonly { readonly entity: string; readonly version: string }[];
}

export function moveCommand(io: CommandIo): Command {
  return withReach(new Command("move"))
    .description(
      "Hand a registry over to another authority: the log's last statement here names the new place and its keys, " +
        "then everything is read in there. From then on nothing is written here.",
    )
    .argument("<name>", "registry")
    .requiredOption("--to <url>", "the other authority")
    .requiredOption("--to-token-file <file>", "admin token, minted with the other authority's key")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nExample:\n  $ tes registry move default --to https://new.example --to-token-file new.token",
    )
    .action((name: string, flags: MoveFlags) => move(io, parseRegistryName(name, "name"), flags));
}

export function restoreCommand(io: CommandIo): Command {
  return withReach(new Command("restore"))
    .description(
      "Open a backup as a new epoch of its registry, authorised by the recovery key. Clients that saw more of the lost " +
        "log accept it once, and no version comes twice: raise with --floor what may have been handed out since.",
    )
    .argument("<export>", "the backup: a file that tes export wrote")
    .requiredOption("--recovery-key <file>", "the recovery key; it is read here and sent nowhere")
    .requiredOption("--lost <file>", "the last checkpoint that is known of the lost log")
    .option("--floor <entity=version>", "the least version of an entity from here on; repeatable", collectFloor)
    .addHelpText(
      "after",
      "\nExample:\n  $ tes registry restore backup.jsonl --recovery-key recovery.key \\\n" +
        "      --lost last.checkpoint --floor global:main=1.9.0",
    )
    .action((file: string, flags: RestoreFlags) => restore(io, resolve(io.cwd, file), flags));
}

async function move(io: CommandIo, name: string, flags: MoveFlags): Promise<void> {
  const source = await reach(io, { ...flags, registry: name });
  const token = await readTokenFile(resolve(io.cwd, flags.toTokenFile));
  const target = createImportTarget(settle({ url: flags.to, registry: name, token, now: io.now }));
  // The other side is asked first: what it cannot take must not be given up here.
  const { keys } = await target.state();
  if (flags.yes !== true) {
    if (!io.interactive) throw new TesError("usage", { detail: "Nobody can be asked here: pass --yes." });
    const { confirm, isCancel } = await import("@clack/prompts");
    const answer = await confirm({ message: `After this nothing more is written to ${name} here. Go on?` });
    if (isCancel(answer) || !answer) {
      io.stderr("Nothing was moved.\n");
      return;
    }
  }
  const moved = await source.client.move({ url: new URL(flags.to).origin, keys }).catch((thrown: unknown) => {
    // A run that was broken off after the statement goes on with the copy.
    if (thrown instanceof TesError && thrown.code === "registry_read_only") return null;
    throw thrown;
  });
  const answer = await target.send(source.client.exportLines(), ({ received, size }) => {
    if (!io.json) io.stderr(`${received} of ${size ?? "?"} statements\n`);
  });
  if (!answer.done) throw new TesError("import_invalid", { detail: "The copy is not complete: run this again." });
  if (io.json) printJson(io, { registry: name, to: flags.to, size: answer.size, seq: moved?.receipt?.statement.seq });
  else io.stdout(`${name} goes on at ${flags.to} with ${answer.size} statements; here it is read-only\n`);
}

async function restore(io: CommandIo, path: string, flags: RestoreFlags): Promise<void> {
  const recovery = await importEd25519Seed(await readKeyFile(resolve(io.cwd, flags.recoveryKey)));
  const lost = await readCheckpoint(resolve(io.cwd, flags.lost));
  const { header, epoch } = await readBackup(path);
  const { registry, genesis, size, root } = header;
  const located = await locate(io, { ...flags, registry });
  if (located.url === null) throw new TesError("authority_unreachable", { detail: "No authority runs there." });
  const token = await findToken(io, flags, located.local ? located.paths.adminToken : null, registry);
  if (token === undefined) throw new TesError("token_missing");
  const target = createImportTarget(settle({ url: located.url, registry, token, now: io.now }));
  const { keys } = await target.state();
  const answer = await target.send(linesOf(path));
  if (!answer.done) throw new TesError("import_invalid", { detail: `${path} ends before its end line.` });
  const first = header.origin.replace(/\/epoch-\d+$/, "");
  const body = {
    epoch: epoch + 1,
    origin: `${first}/epoch-${epoch + 1}`,
    lost: { size: lost.size, root: toBase64(lost.root) },
    floor: [...(flags.floor ?? [])],
    keys,
  };
  const bytes = restoreBytes({ registry, genesis, size, root }, body);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", recovery.privateKey, bytes));
  const request: RestoreRequest = { ...body, recovery: { kid: recovery.kid, signature: toBase64Url(signature) } };
  await target.restore(request, toBase64Url(crypto.getRandomValues(new Uint8Array(16))));
  if (io.json) printJson(io, { registry, epoch: body.epoch, origin: body.origin, from: size, lost: body.lost });
  else
    io.stdout(`${registry} goes on in epoch ${body.epoch} from ${size} statements; ${lost.size} were known before\n`);
  if (body.floor.length === 0) {
    printNote(io, "no --floor was given: versions handed out after the backup may come again");
  }
}

async function readBackup(path: string): Promise<{ readonly header: ExportHeader; readonly epoch: number }> {
  let header: ExportHeader | undefined;
  let epoch = 1;
  for await (const line of linesOf(path)) {
    if (header === undefined) header = parseExportHeader(parseJson(utf8(line)));
    else if (kindOfLine(line) !== "statement") break;
    else if (line.includes('"registry.restored"')) {
      const statement = parseStatement(parseJson(utf8(line)));
      if (statement.type === "registry.restored") epoch = statement.epoch;
    }
  }
  if (header === undefined || fromBase64(header.root) === null) {
    throw new TesError("import_invalid", { detail: `${path} is empty.` });
  }
  return { header, epoch };
}

/** The body of a signed note. Its signature may be of keys that are lost too: the recovery key vouches for it now. */
async function readCheckpoint(path: string) {
  const note = await readSmallFile(path, MAX_NOTE_BYTES);
  const end = note.indexOf("\n\n");
  return parseCheckpointBody(end < 0 ? note : note.slice(0, end + 1));
}

function collectFloor(text: string, before: RestoreFlags["floor"] = []): NonNullable<RestoreFlags["floor"]> {
  const [entity, version, ...rest] = text.split("=");
  if (entity === undefined || version === undefined || rest.length > 0) {
    throw new TesError("usage", { detail: "--floor takes entity=version." });
  }
  return [...before, { entity, version }];
}
