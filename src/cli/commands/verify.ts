/** `tes verify`: what is proved, by which key, and what is not. */

import { resolve } from "node:path";
import { Command } from "commander";
import { type LogTrust, type VerifiedReceipt, verifyReceipt } from "../../client/receipt.ts";
import { toBase64, utf8 } from "../../core/bytes.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../../core/keys.ts";
import { MAX_ANSWER_BYTES } from "../../core/limits.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import type { Statement } from "../../protocol/statements.ts";
import { readSmallFile } from "../local/data.ts";
import { type CommandIo, printable, printJson, printNote } from "../output.ts";
import { notProved, say } from "../proved.ts";
import { type Located, locate, type Reached, reach, withReach } from "../reach.ts";
import { isReceiptShaped, kindOf } from "../release/evidence.ts";
import { isAddress } from "../release/fetch-file.ts";
import { type VerifyReleaseFlags, verifyAddress, verifyPath } from "./verify-release.ts";

interface VerifyFlags extends VerifyReleaseFlags {
  readonly offline?: true;
}

export function verifyCommand(io: CommandIo): Command {
  return withReach(new Command("verify"))
    .description(
      "Of a released file, the folder of a release, a Sigstore bundle or an address: whether " +
        "a release proves it, offline, with what lies beside it and what is pinned. Of a " +
        "receipt: that it holds, and that the log still extends it. Without an argument: ask " +
        "the authority and check everything it says. Exit code 1 on any doubt.",
    )
    .argument("[file]", "file, folder, release.tes.json, bundle, receipt, or https:// address")
    .option("--offline", "of a receipt: check it with what is pinned, and ask nobody")
    .option("--online", "of a release: also ask whether it was withdrawn since, and for its proof where none is here")
    .option("--trust <file>", "trust file, as tes trust export writes one")
    .option("--release <file>", "release document (default: release.tes.json beside)")
    .option("--allow-removed", "take a release whose signers are publishers no more")
    .option("--expect <release>", "entity or entity@version that it has to be")
    .addHelpText(
      "after",
      "\nExamples:\n  $ tes verify app-1.2.3.tgz --genesis 54a1…\n" +
        "  $ tes verify https://dl.example/app-1.2.3.tgz --trust acme.trust.json\n" +
        "  $ tes verify release/component-app-1.2.3 --online\n" +
        "  $ tes bump global:main patch --receipt bump.json && tes verify bump.json",
    )
    .action(async (file: string | undefined, given: VerifyFlags, self: Command) => {
      const flags = { ...given, dataNamed: self.getOptionValueSource("data") === "cli" };
      if (flags.offline === true && flags.online === true) {
        throw new TesError("usage", { detail: "--offline asks nobody, and --online asks: take one." });
      }
      if (file === undefined) {
        if (flags.offline === true) {
          throw new TesError("usage", { detail: "Without an authority there is only a file to check: name it." });
        }
        refuseForReleases(flags, ["expect", "trust", "release", "allowRemoved"], "no file is named");
        return verifyAuthority(io, await reach(io, flags));
      }
      if (file === "") throw new TesError("usage", { detail: "The file has an empty name: is a variable not set?" });
      if (isAddress(file)) return verifyAddress(io, file, flags);
      const path = resolve(io.cwd, file);
      const found = await kindOf(path);
      const kind = flags.release === undefined || found === "folder" ? found : "artifact";
      if (kind !== "receipt") return verifyPath(io, path, kind, flags);
      refuseForReleases(flags, ["expect", "trust", "online", "allowRemoved"], `${printable(file)} is a receipt`);
      if (flags.offline === true) await verifyOffline(io, await locate(io, flags), path);
      else await verifyFile(io, await reach(io, flags), path);
    });
}

/** Whoever says what a release has to be, must not hear that something else holds. @throws {TesError} `usage` */
function refuseForReleases(flags: VerifyFlags, names: readonly (keyof VerifyFlags)[], why: string): void {
  const given = names.find((name) => flags[name] !== undefined);
  if (given === undefined) return;
  const option = given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new TesError("usage", { detail: `--${option} is for releases, and ${why}.` });
}

async function verifyAuthority(io: CommandIo, { client, url, firstTrust }: Reached): Promise<void> {
  const { trust } = await client.keys();
  const checkpoint = await client.checkpoint();
  const facts = {
    url,
    registry: trust.registry,
    genesis: trust.genesis,
    origin: trust.origin,
    size: checkpoint.size,
    root: toBase64(checkpoint.root),
    logKey: trust.logKey.kid,
  };
  if (io.json) {
    printJson(io, { verified: true, ...facts });
    return;
  }
  if (trust.moved !== undefined && trust.moved.url !== new URL(url).origin) {
    printNote(io, `it has moved to ${trust.moved.url} with statement ${trust.moved.seq}: here it is read-only`);
  }
  const first = firstTrust();
  if (first !== null) notProved(io, `genesis ${first}: nothing was pinned here before, so it was taken as it came`);
  say(io, [
    ...(first === null ? ([["genesis", `is the pinned one, ${facts.genesis}`]] as const) : []),
    ["keys", "their chain starts at the genesis, and the answer is signed by the key it names"],
    ["checkpoint", `size ${facts.size}, signed by the log key ${facts.logKey}`],
    ["consistency", "the log extends every one that was seen from here before"],
  ]);
  notProved(io, "that the authority shows others the same log: compare checkpoints with them");
}

async function verifyFile(io: CommandIo, { client }: Reached, path: string): Promise<void> {
  const trust = await client.trust();
  const verified = await verifyReceipt(await readReceipt(path), trust);
  const { statement } = verified;
  const head = await client.checkpoint();
  const now = await client.receipt(statement.seq);
  if (canonicalize(now.receipt.statement) !== canonicalize(verified.receipt.statement)) {
    throw new TesError("checkpoint_inconsistent", {
      detail: `Statement ${statement.seq} is another one in the log now.`,
    });
  }
  report(io, verified, trust, false);
  if (!io.json) say(io, [["now", `the log has size ${head.size} and still holds it`]]);
}

async function verifyOffline(io: CommandIo, located: Located, path: string): Promise<void> {
  const trust = await pinnedTrust(located);
  report(io, await verifyReceipt(await readReceipt(path), trust), trust, true);
  if (!io.json) notProved(io, "that the log still holds it: leave out --offline to ask the authority");
}

async function readReceipt(path: string): Promise<JsonValue> {
  const text = await readSmallFile(path, MAX_ANSWER_BYTES);
  try {
    const json = parseJson(utf8(text));
    parseAnswer("receipt", json);
    if (!isReceiptShaped(json as JsonObject)) throw new TesError("answer_malformed", { detail: "It holds more." });
    return json;
  } catch (cause) {
    throw new TesError("file_unreadable", {
      detail: `${printable(path)} is no receipt, as tes bump --receipt writes one.`,
      cause,
    });
  }
}

function report(io: CommandIo, { statement, checkpoint }: VerifiedReceipt, trust: LogTrust, offline: boolean): void {
  if (io.json) {
    const { origin, size } = checkpoint;
    printJson(io, {
      verified: true,
      offline,
      statement,
      checkpoint: { origin, size, root: toBase64(checkpoint.root) },
    });
    return;
  }
  say(io, [
    ["statement", describe(statement)],
    ["inclusion", `leaf ${statement.seq} of a log of size ${checkpoint.size}`],
    ["checkpoint", `signed by a log key in the chain of ${trust.origin}`],
  ]);
}

/** What a pin alone is good for: receipts. The genesis statement itself is not kept, its hash is. */
async function pinnedTrust({ store, pinKey, registry }: Located): Promise<LogTrust> {
  const pin = await store.load(pinKey);
  if (pin === undefined) throw new TesError("genesis_unpinned");
  const { logKey: x, origin } = pin;
  return { registry, origin, logKey: { kid: ed25519Kid(x), x, key: await importEd25519Public(x) } };
}

function describe(statement: Statement): string {
  const at = new Date(statement.at).toISOString();
  if (statement.type !== "version.bumped") return `${statement.type} at ${at}`;
  const changes = statement.changes.map(({ entity, from, to }) => `${entity} ${from} → ${to}`).join(", ");
  return `${changes}, at ${at} by token ${statement.by}`;
}
