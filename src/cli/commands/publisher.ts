/** `tes publisher`: who may publish an entity. Their keys stay with them; the authority logs their public halves. */

import { resolve } from "node:path";
import { Command } from "commander";
import type { TesClient } from "../../client/client.ts";
import type { Publishers } from "../../client/publishing.ts";
import { TesError } from "../../core/errors.ts";
import { importEd25519Seed } from "../../core/keys.ts";
import { parseEntityId } from "../../protocol/ids.ts";
import type { PublishersProposal } from "../../protocol/publisher-proposal.ts";
import { readKeyFile } from "../local/data.ts";
import { type CommandIo, paint, printJson, printNote, table } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { ensurePublisherKey, type KeyOptions, readPublisherKey, withKeyOptions } from "../release/key-file.ts";
import {
  createProposal,
  proposeSet,
  readProposal,
  replaceProposal,
  signProposal,
  stateOf,
} from "../release/proposal.ts";
import { publicKeyFiles, readPublicKey } from "../release/public-key.ts";
import { shortKid } from "../release/short-kid.ts";

interface InitFlags extends ReachOptions, KeyOptions {
  readonly entity: readonly string[];
  readonly out?: string;
}

interface ProposeFlags extends ReachOptions, KeyOptions {
  readonly add?: readonly string[];
  readonly remove?: readonly string[];
  readonly threshold?: number;
  readonly out: string;
  readonly sign?: true;
}

interface SignFlags extends KeyOptions {
  readonly recoveryKey?: string;
}

export function publisherCommand(io: CommandIo): Command {
  const command = new Command("publisher").description(
    "Say who may publish an entity. Publishers keep their keys; the log has the public halves, and only " +
      "they themselves change their number.",
  );
  withKeyOptions(withReach(command.command("init")))
    .description(
      "Make a publisher's key unless the file is there, and name it as the publisher of entities that " +
        "have none. For an entity that has some, write a proposal for them to sign.",
    )
    .requiredOption("--entity <id>", "entity to publish; repeatable", collect)
    .option("--no-passphrase", "make a key that no passphrase locks")
    .option("--out <file>", "where a proposal goes (default: by the entity's name)")
    .addHelpText("after", "\nExample:\n  $ tes publisher init --entity component:app")
    .action((flags: InitFlags) => init(io, flags));
  withReach(command.command("list <entity>"))
    .description("Show the publishers of an entity and how many have to sign; every revision is proved.")
    .addHelpText("after", "\nExample:\n  $ tes publisher list component:app")
    .action((entity: string, flags: ReachOptions) => list(io, entity, flags));
  withKeyOptions(withReach(command.command("propose <entity>")))
    .description("Write the next set of publishers to a file, for the present ones and the new ones to sign.")
    .option("--add <file>", "public key of a new publisher (minisign, PEM or SSH); repeatable", collect)
    .option("--remove <kid>", "publisher that leaves: its kid or the 8 characters that list shows; repeatable", collect)
    .option("--threshold <n>", "how many have to sign from then on", parseThreshold)
    .requiredOption("--out <file>", "new file for the proposal")
    .option("--sign", "sign it with --key at once")
    .addHelpText("after", "\nExample:\n  $ tes publisher propose component:app --add bob.pub --out next.json")
    .action((entity: string, flags: ProposeFlags) => propose(io, entity, flags));
  withKeyOptions(command.command("sign <proposal>"))
    .description("Show what a proposal changes, and add a signature to it.")
    .option("--recovery-key <file>", "sign with the registry's recovery key, for publishers whose keys are lost")
    .addHelpText("after", "\nExample:\n  $ tes publisher sign next.json --key bob.key")
    .action((file: string, flags: SignFlags) => sign(io, file, flags));
  withReach(command.command("apply <proposal>"))
    .description("Bring a proposal to the authority. The signatures decide, the token only carries it.")
    .addHelpText("after", "\nExample:\n  $ tes publisher apply next.json")
    .action((file: string, flags: ReachOptions) => apply(io, file, flags));
  withKeyOptions(command.command("key"))
    .description("Make a key unless the file is there, and show its public half.")
    .option("--no-passphrase", "make a key that no passphrase locks")
    .option("--public", "print the public key as minisign writes it, and nothing else")
    .addHelpText("after", "\nExample:\n  $ tes publisher key --key bob.key --public > bob.pub")
    .action((flags: KeyOptions & { readonly public?: true }) => key(io, flags));
  return command;
}

async function init(io: CommandIo, flags: InitFlags): Promise<void> {
  const entities = [...new Set(flags.entity)].map((id) => parseEntityId(id, "--entity").id);
  if (flags.out !== undefined && entities.length > 1) {
    throw new TesError("usage", { detail: "--out names one proposal, and there are several entities." });
  }
  const { client } = await reach(io, flags);
  // What stands in the way at the authority shows before a key is made for nothing.
  const sets = await Promise.all(entities.map((entity) => client.publishers(entity)));
  const { key: own, made, path } = await ensurePublisherKey(io, flags);
  const scope = await client.trust();
  const done: Record<string, unknown>[] = [];
  for (const [i, entity] of entities.entries()) {
    const current = sets[i]!;
    if (current.keys.some(({ kid }) => kid === own.kid)) {
      done.push({ entity, outcome: "already", revision: current.revision });
      continue;
    }
    const before = current.revision === 0 ? null : current;
    const add = [{ kid: own.kid, x: own.x }];
    const { registry, genesis } = scope;
    const proposal = await signProposal(proposeSet({ registry, genesis }, entity, before, { add, remove: [] }), own);
    if (before === null) {
      const { receipt } = await set(client, proposal);
      done.push({ entity, outcome: "named", revision: 1, seq: receipt?.statement.seq ?? null });
      continue;
    }
    const out = flags.out ?? `publishers-${entity.replace(":", "-")}-${proposal.revision}.json`;
    await createProposal(resolve(io.cwd, out), proposal);
    done.push({ entity, outcome: "proposed", revision: proposal.revision, file: out });
  }
  if (io.json) return void printJson(io, { key: path, made, kid: own.kid, short: shortKid(own.kid), entities: done });
  io.stdout(`${made ? "made" : "kept"}  ${path}  publisher ${own.kid}\n`);
  for (const { entity, outcome, revision, file } of done) {
    if (outcome === "named") io.stdout(`${entity}: publisher named, revision 1, 1 signature a release\n`);
    else if (outcome === "already") io.stdout(`${entity}: is its publisher already, revision ${revision}\n`);
    else io.stdout(`${entity}: proposed in ${file}; a present publisher signs it: tes publisher sign ${file}\n`);
  }
  if (made) adviseKey(io, path);
}

function adviseKey(io: CommandIo, path: string): void {
  const color = paint(io);
  io.stderr(
    `${color.yellow("keep")} a copy of ${path} and its passphrase apart from this machine. If it is lost, the other\n` +
      "     publishers name another, or the registry's recovery key does (docs/releases.md).\n",
  );
}

function set(client: TesClient, { entity, revision, keys, threshold, signatures }: PublishersProposal) {
  return client.setPublishers(entity, { revision, keys, threshold, signatures });
}

async function list(io: CommandIo, id: string, flags: ReachOptions): Promise<void> {
  const entity = parseEntityId(id, "entity").id;
  const { client } = await reach(io, flags);
  const found = await client.publishers(entity);
  const { revision, threshold, keys, history } = found;
  if (io.json) return void printJson(io, { entity, revision, threshold, keys, history: historyOf(found) });
  if (revision === 0) {
    io.stdout(`${entity} has no publishers yet: tes publisher init --entity ${entity}\n`);
    return;
  }
  let since = new Map<string, number>();
  // Whoever left and came back is a publisher since they came back.
  for (const { statement } of history) {
    since = new Map(statement.keys.map(({ kid }) => [kid, since.get(kid) ?? statement.revision]));
  }
  const rows = keys.map(({ kid }) => [shortKid(kid), kid, String(since.get(kid))]);
  io.stdout(table([{ title: "short" }, { title: "kid" }, { title: "since revision", align: "right" }], rows));
  const last = history.at(-1)!.statement;
  io.stdout(
    `${threshold} of ${keys.length} sign a release; revision ${revision}, statement ${last.seq}, ${new Date(last.at).toISOString()}\n`,
  );
  for (const { statement, recovered } of history) {
    if (recovered) printNote(io, `revision ${statement.revision} was named by the registry's recovery key`);
  }
}

function historyOf({ history }: Publishers) {
  return history.map(({ statement, recovered }) => ({
    revision: statement.revision,
    seq: statement.seq,
    at: statement.at,
    keys: statement.keys.map(({ kid }) => kid),
    threshold: statement.threshold,
    recovered,
  }));
}

async function propose(io: CommandIo, id: string, flags: ProposeFlags): Promise<void> {
  const entity = parseEntityId(id, "entity").id;
  if (flags.add === undefined && flags.remove === undefined && flags.threshold === undefined) {
    throw new TesError("usage", { detail: "Nothing would change: --add, --remove or --threshold." });
  }
  const add = await Promise.all((flags.add ?? []).map((file) => readPublicKey(resolve(io.cwd, file))));
  const { client } = await reach(io, flags);
  const [current, { registry, genesis }] = await Promise.all([client.publishers(entity), client.trust()]);
  const remove = (flags.remove ?? []).map((named) => kidOf(named, current));
  const changes = { add, remove, threshold: flags.threshold };
  let proposal = proposeSet({ registry, genesis }, entity, current.revision === 0 ? null : current, changes);
  if (flags.sign === true) proposal = await signProposal(proposal, await readPublisherKey(io, flags));
  await createProposal(resolve(io.cwd, flags.out), proposal);
  tell(io, flags.out, proposal);
}

/** A publisher by its kid, or by the beginning that files are named with. */
function kidOf(named: string, { keys }: Publishers): string {
  const found = keys.filter(({ kid }) => kid === named || shortKid(kid) === named.toLowerCase());
  if (found.length === 1) return found[0]!.kid;
  throw new TesError("invalid_field", {
    field: "--remove",
    detail: `${named.slice(0, 64)} is ${found.length === 0 ? "not one" : "more than one"} of the publishers`,
  });
}

async function sign(io: CommandIo, file: string, flags: SignFlags): Promise<void> {
  const path = resolve(io.cwd, file);
  const proposal = await readProposal(path);
  if (!io.json) io.stderr(describe(proposal));
  const signer =
    flags.recoveryKey === undefined
      ? await readPublisherKey(io, flags)
      : await importEd25519Seed(await readKeyFile(resolve(io.cwd, flags.recoveryKey)));
  const known = new Set([...proposal.keys, ...(proposal.before?.keys ?? [])].map(({ kid }) => kid));
  if (flags.recoveryKey === undefined && !known.has(signer.kid)) {
    throw new TesError("signatures_insufficient", {
      detail: `${signer.kid} is neither a publisher of ${proposal.entity} nor proposed as one: its signature would count for nothing.`,
    });
  }
  const signed = await signProposal(proposal, signer);
  await replaceProposal(path, signed);
  tell(io, file, signed);
}

/** What a set would be and what it was: both are signed, and the authority takes no signature over another past. */
function describe({ entity, registry, genesis, revision, keys, threshold, before }: PublishersProposal): string {
  const present = new Set(before?.keys.map(({ kid }) => kid));
  const next = new Set(keys.map(({ kid }) => kid));
  const gone = [...present].filter((kid) => !next.has(kid));
  return [
    `revision ${revision} of the publishers of ${entity}, registry ${registry}, genesis ${genesis}`,
    ...keys.map(({ kid }) => `  ${present.has(kid) ? " " : "+"} ${shortKid(kid)}  ${kid}`),
    ...gone.map((kid) => `  - ${shortKid(kid)}  ${kid}`),
    `  ${threshold} of ${keys.length} sign a release${before === null ? ", before nobody" : `, before ${before.threshold} of ${before.keys.length}`}`,
    "",
  ].join("\n");
}

function tell(io: CommandIo, file: string, proposal: PublishersProposal): void {
  const state = stateOf(proposal);
  if (io.json) return void printJson(io, { file, entity: proposal.entity, revision: proposal.revision, ...state });
  const { newMissing, agreed, needed } = state;
  const recovery = recoverySigned(proposal);
  io.stdout(`${file}  ${agreed} of the ${needed} present publishers that it takes signed`);
  if (recovery) io.stdout(", and another key, which counts if it is the registry's recovery key");
  io.stdout(newMissing.length === 0 ? "\n" : `; new ones still have to: ${newMissing.map(shortKid).join(", ")}\n`);
  if (newMissing.length === 0 && (agreed >= needed || recovery)) io.stdout(`ready: tes publisher apply ${file}\n`);
  else io.stdout(`next: those who are missing run tes publisher sign ${file}\n`);
}

/** Whether a key signed that is in neither set: the recovery key is in none. */
function recoverySigned({ keys, before, signatures }: PublishersProposal): boolean {
  const named = new Set([...keys, ...(before?.keys ?? [])].map(({ kid }) => kid));
  return signatures.some(({ kid }) => !named.has(kid));
}

async function apply(io: CommandIo, file: string, flags: ReachOptions): Promise<void> {
  const proposal = await readProposal(resolve(io.cwd, file));
  const { client } = await reach(io, { ...flags, registry: flags.registry ?? proposal.registry });
  const { genesis } = await client.trust();
  if (genesis !== proposal.genesis) {
    throw new TesError("genesis_mismatch", { facts: { proposed: proposal.genesis, found: genesis } });
  }
  if (!io.json) io.stderr(describe(proposal));
  const { receipt } = await set(client, proposal);
  const { entity, revision, threshold, keys } = proposal;
  const seq = receipt?.statement.seq ?? null;
  if (io.json) return void printJson(io, { entity, revision, threshold, keys, seq });
  io.stdout(
    seq === null
      ? `${entity} has these publishers already, revision ${revision}\n`
      : `${entity} has revision ${revision} of its publishers, statement ${seq}: ${threshold} of ${keys.length} sign a release\n`,
  );
}

async function key(io: CommandIo, flags: KeyOptions & { readonly public?: true }): Promise<void> {
  const { key: own, made, path } = await ensurePublisherKey(io, flags);
  const files = new Map(publicKeyFiles(own));
  if (io.json) {
    return void printJson(io, {
      key: path,
      made,
      kid: own.kid,
      x: own.x,
      short: shortKid(own.kid),
      public: Object.fromEntries(files),
    });
  }
  if (flags.public === true) {
    io.stdout(files.get("minisign.pub")!);
    return;
  }
  io.stdout(`${made ? "made" : "kept"}  ${path}\nkid   ${own.kid}\nshort ${shortKid(own.kid)}\n`);
  if (made) adviseKey(io, path);
}

function parseThreshold(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new TesError("usage", { detail: "--threshold takes a number from 1." });
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
