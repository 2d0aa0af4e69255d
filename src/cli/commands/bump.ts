/** `tes bump`: the next version from the authority, then into the files that carry it. */

import { writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Argument, Command } from "commander";
import type { BumpResult } from "../../client/client.ts";
import { TesError } from "../../core/errors.ts";
import { SCOPES, type Scope } from "../../core/semver.ts";
import type { EntityView } from "../../protocol/answers.ts";
import { EVERY_ENTITY } from "../../protocol/ids.ts";
import type { BumpRequest } from "../../protocol/requests.ts";
import type { Change } from "../../protocol/statements.ts";
import { applyEdits, type FilePlan, planEdits } from "../files.ts";
import { reasonOf } from "../local/data.ts";
import { type CommandIo, paint, printJson, printNote, table } from "../output.ts";
import { type Reached, type ReachOptions, reach, withReach } from "../reach.ts";

interface BumpFlags extends ReachOptions {
  readonly preid?: string;
  readonly expected?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly files: boolean;
  readonly finish?: number;
  readonly idempotencyKey?: string;
  readonly receipt?: string;
}

const NO_FILES: FilePlan = { edits: [], warnings: [], notes: [] };

export function bumpCommand(io: CommandIo): Command {
  return withReach(new Command("bump"))
    .description(
      "Take the next version of an entity and of all that follows it, then write it into their files.\n" +
        "The plan is shown first, and files are checked before a version is taken.",
    )
    .argument("[entity]", "entity id, or * for every entity")
    .addArgument(new Argument("[scope]", "how far").choices(SCOPES))
    .option("--preid <id>", "identifier of a prerelease: beta, for example")
    .option("--expected <version>", "only if this is the current version")
    .option("--dry-run", "show the plan, take and write nothing")
    .option("--yes", "do not ask")
    .option("--no-files", "leave files alone")
    .option("--finish <seq>", "write the files of a bump that is already in the log", parseSeq)
    .option("--idempotency-key <key>", "the key of an earlier try, to get its outcome instead of another version")
    .option("--receipt <file>", "keep the receipt: it proves the bump to anyone, offline")
    .addHelpText("after", "\nExample:\n  $ tes bump component:dashboard minor --receipt bump.json")
    .action(async (entity: string | undefined, scope: Scope | undefined, flags: BumpFlags) => {
      const reached = await reach(io, flags);
      if (flags.finish !== undefined) {
        await finish(io, reached, flags.finish, flags);
        return;
      }
      if (entity === undefined || scope === undefined) {
        throw new TesError("usage", { detail: "Name an entity and a scope: tes bump global:main minor." });
      }
      await bump(io, reached, { entity, scope, ...preidOf(flags), ...expectedOf(flags) }, flags);
    });
}

async function bump(io: CommandIo, reached: Reached, asked: BumpRequest, flags: BumpFlags): Promise<void> {
  const { client } = reached;
  const [plan, views] = await Promise.all([client.bump({ ...asked, dryRun: true }), viewsOf(reached)]);
  // What is wrong with a file shows now, while no version is taken yet.
  const draft = await planFiles(reached, plan.changes, views, flags.files);
  if (!io.json) io.stdout(renderPlan(io, plan.changes, draft));
  for (const text of [...draft.warnings, ...draft.notes]) printNote(io, text);
  if (flags.dryRun === true) {
    if (io.json) printJson(io, { ...plan, files: draft.edits.map(({ path }) => path) });
    return;
  }
  const seen = await confirmed(io, asked, plan, flags);
  if (seen === null) {
    io.stderr("Nothing was taken and nothing written.\n");
    return;
  }
  const result = await client.bump(seen, { idempotencyKey: flags.idempotencyKey });
  const receipt = result.receipt!;
  if (flags.receipt !== undefined) await keepReceipt(resolve(io.cwd, flags.receipt), receipt.receipt);
  const { seq } = receipt.statement;
  const same = JSON.stringify(result.changes) === JSON.stringify(plan.changes);
  const files = same ? draft : await planFiles(reached, result.changes, views, flags.files);
  const written = await applyEdits(files.edits, { finish: finishCommand(seq, flags) });
  report(io, result, seq, receipt.checkpoint.size, written, same);
}

/** The request to send; null when a person said no. With a plan that was agreed to, nothing else may come of it. */
async function confirmed(
  io: CommandIo,
  asked: BumpRequest,
  plan: BumpResult,
  flags: BumpFlags,
): Promise<BumpRequest | null> {
  if (flags.yes === true || !io.interactive || io.json) return asked;
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: "Take these versions?" });
  if (isCancel(answer) || answer !== true) return null;
  const current = plan.changes[0]!.from;
  return asked.entity === EVERY_ENTITY || asked.expected !== undefined ? asked : { ...asked, expected: current };
}

/** Writes the files of a logged bump, for after a failure between the log and the files. */
async function finish(io: CommandIo, reached: Reached, seq: number, flags: BumpFlags): Promise<void> {
  const { statement } = await reached.client.receipt(seq);
  if (statement.type !== "version.bumped") {
    throw new TesError("usage", { detail: `Statement ${seq} is no bump, but ${statement.type}.` });
  }
  const plan = await planFiles(reached, statement.changes, await viewsOf(reached), true);
  if (!io.json) io.stdout(renderPlan(io, statement.changes, plan));
  const written = flags.dryRun === true ? [] : await applyEdits(plan.edits, { finish: finishCommand(seq, flags) });
  if (io.json) printJson(io, { seq, changes: statement.changes, files: written });
  else io.stdout(`${written.length} files written\n`);
}

async function viewsOf({ client }: Reached): Promise<ReadonlyMap<string, EntityView>> {
  return new Map((await client.state()).entities.map((view) => [view.entity, view]));
}

async function planFiles(
  { checkout }: Reached,
  changes: readonly Change[],
  views: ReadonlyMap<string, EntityView>,
  wanted: boolean,
): Promise<FilePlan> {
  const carried = changes.map(({ entity, from, to }) => ({ entity, from, to, files: views.get(entity)?.files ?? [] }));
  if (!wanted || carried.every(({ files }) => files.length === 0)) return NO_FILES;
  if (checkout === null) {
    throw new TesError("usage", {
      detail:
        "There is no tes.registry.json here or above, so it is not known where the files are. Or pass --no-files.",
    });
  }
  return planEdits(checkout.root, carried);
}

function renderPlan(io: CommandIo, changes: readonly Change[], plan: FilePlan): string {
  const color = paint(io);
  const filesOf = (entity: string) =>
    plan.edits.filter((edit) => edit.changes.some((change) => change.entity === entity)).map(({ path }) => path);
  return table(
    [{ title: "entity" }, { title: "from", align: "right" }, { title: "to", align: "right" }, { title: "files" }],
    changes.map(({ entity, from, to }) => [entity, from, to, filesOf(entity).join(", ") || "-"]),
    (cell, _row, column) => (column === 2 ? color.bold(cell) : column === 1 ? color.dim(cell) : cell),
  );
}

function report(
  io: CommandIo,
  result: BumpResult,
  seq: number,
  size: number,
  written: readonly string[],
  asPlanned: boolean,
): void {
  const { entity, scope, changes, idempotencyKey } = result;
  if (io.json) {
    printJson(io, { entity, scope, dryRun: false, changes, seq, size, files: written, idempotencyKey });
    return;
  }
  if (!asPlanned) {
    printNote(io, "somebody else bumped in between, so these are the versions that were taken:");
    io.stdout(renderPlan(io, changes, NO_FILES));
  }
  const files = written.length === 1 ? "1 file written" : `${written.length} files written`;
  io.stdout(`${paint(io).green("proved")} statement ${seq} under a checkpoint of size ${size}, ${files}\n`);
}

async function keepReceipt(path: string, receipt: unknown): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(receipt)}\n`);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}. The bump is in the log.`, cause });
  }
}

/** The command that ends what a failed write left open, with the options that led here. */
function finishCommand(seq: number, flags: BumpFlags): string {
  const options: [string, string | undefined][] = [
    ["--url", flags.url],
    ["--registry", flags.registry],
    ["--data", flags.data === ".tes" ? undefined : flags.data],
    ["--file", flags.file],
  ];
  const given = options.flatMap(([name, value]) => (value === undefined ? [] : [` ${name} ${quoted(value)}`]));
  return `tes bump --finish ${seq}${given.join("")}`;
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function preidOf({ preid }: BumpFlags): Pick<BumpRequest, "preid"> {
  return preid === undefined ? {} : { preid };
}

function expectedOf({ expected }: BumpFlags): Pick<BumpRequest, "expected"> {
  return expected === undefined ? {} : { expected };
}

function parseSeq(text: string): number {
  if (/^(?:0|[1-9]\d{0,15})$/.test(text)) return Number(text);
  throw new TesError("usage", { detail: "--finish takes the number of a statement." });
}
