/** `tes bump`: the next version from the authority, then into the files that carry it. */

import { constants } from "node:fs";
import { access, lstat, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Argument, Command, Option } from "commander";
import type { BumpResult } from "../../client/client.ts";
import { TesError, toTesError } from "../../core/errors.ts";
import { SCOPES, type Scope } from "../../core/semver.ts";
import type { EntityView } from "../../protocol/answers.ts";
import { EVERY_ENTITY } from "../../protocol/ids.ts";
import type { BumpRequest } from "../../protocol/requests.ts";
import type { Change } from "../../protocol/statements.ts";
import { applyEdits, type FilePlan, planEdits } from "../files.ts";
import { reasonOf } from "../local/data.ts";
import { type CommandIo, paint, printJson, printNote, table } from "../output.ts";
import { type Reached, type ReachOptions, reach, withReach } from "../reach.ts";

import { type GitFlags, type GitStep, prepareGit, scopeFromCommits } from "./bump-git.ts";

interface BumpFlags extends ReachOptions, GitFlags {
  readonly preid?: string;
  readonly expected?: string;
  readonly reason?: string;
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
      "Take the next version of an entity and of all that follows it, then write it into their files. " +
        "The plan is shown first, and files are checked before a version is taken.",
    )
    .argument("[entity]", "entity id, or * for every entity")
    .addArgument(new Argument("[scope]", "how far").choices(SCOPES))
    .option("--preid <id>", "identifier of a prerelease: beta, for example")
    .option("--expected <version>", "only if this is the current version")
    .option("--reason <text>", "why; kept beside the log and erasable")
    .option("--dry-run", "show the plan, take and write nothing")
    .option("--yes", "do not ask")
    .option("--no-files", "leave files alone")
    .option("--finish <seq>", "write the files of a bump that is already in the log", parseSeq)
    .option("--idempotency-key <key>", "the key of an earlier try, to get its outcome instead of another version")
    .option("--from-commits", "take the scope from the conventional commits since the entity's last tag")
    .addOption(
      new Option("--zero-major <scope>", "with --from-commits: what a breaking change does to 0.x").choices([
        "major",
        "minor",
      ]),
    )
    .option("--commit", "commit the files that were written, and nothing else")
    .option("--tag", "and tag the commit; implies --commit")
    .option("--tag-form <form>", "form of the tag, for example {name}@{version} (default: as the last one)")
    .option("--receipt <file>", "new file for the receipt: it proves the bump to anyone, offline")
    .addHelpText("after", "\nExample:\n  $ tes bump component:dashboard minor --receipt bump.json")
    .action(async (entity: string | undefined, scope: Scope | undefined, flags: BumpFlags) => {
      const reached = await reach(io, flags);
      if (flags.finish !== undefined) {
        if (entity !== undefined)
          throw new TesError("usage", { detail: "--finish takes no entity: the log says which." });
        await finish(io, reached, flags.finish, flags);
        return;
      }
      if (entity === EVERY_ENTITY && flags.fromCommits === true) {
        throw new TesError("usage", { detail: "--from-commits reads the commits of one entity: name one." });
      }
      if (entity === undefined || (scope === undefined) !== (flags.fromCommits === true)) {
        throw new TesError("usage", {
          detail: "Name an entity and either a scope or --from-commits: tes bump global:main minor.",
        });
      }
      const chosen = scope ?? (await scopeOfCommits(io, reached, entity, flags));
      if (chosen !== null) await bump(io, reached, { entity, scope: chosen, ...asked(flags) }, flags);
    });
}

/** Null, with the reason told, when no commit asks for a version. */
async function scopeOfCommits(
  io: CommandIo,
  reached: Reached,
  entity: string,
  flags: BumpFlags,
): Promise<Scope | null> {
  const { scope, why, warning } = await scopeFromCommits(io, reached, entity, await viewsOf(reached), flags);
  if (warning !== null) printNote(io, warning);
  if (scope === null && io.json)
    printJson(io, { entity, scope: null, dryRun: flags.dryRun === true, changes: [], why });
  else if (scope === null) io.stdout(`nothing to bump: ${why}\n`);
  else printNote(io, `${scope}: ${why}`);
  return scope;
}

async function bump(io: CommandIo, reached: Reached, asked: BumpRequest, flags: BumpFlags): Promise<void> {
  const { client } = reached;
  const [plan, views] = await Promise.all([client.bump({ ...asked, dryRun: true }), viewsOf(reached)]);
  // What is wrong with a file shows now, while no version is taken yet.
  const draft = await planFiles(reached, plan.changes, views, flags.files);
  if (!io.json) io.stdout(renderPlan(io, plan.changes, draft));
  for (const text of [...draft.warnings, ...draft.notes]) printNote(io, text);
  const git = await prepareGit(io, reached, plan.changes, draft.edits, views, flags);
  if (git !== null) printNote(io, `then ${git.says}`);
  if (flags.dryRun === true) {
    if (io.json) printJson(io, { ...plan, files: draft.edits.map(({ path }) => path) });
    return;
  }
  const receiptPath = flags.receipt === undefined ? null : resolve(io.cwd, flags.receipt);
  if (receiptPath !== null) await requireNew(receiptPath);
  const seen = await confirmed(io, asked, plan, flags);
  if (seen === null) {
    io.stderr("Nothing was taken and nothing written.\n");
    return;
  }
  const result = await client.bump(seen, { idempotencyKey: flags.idempotencyKey });
  const receipt = result.receipt!;
  const { seq } = receipt.statement;
  const same = JSON.stringify(result.changes) === JSON.stringify(plan.changes);
  const files = same ? draft : await planFiles(reached, result.changes, views, flags.files);
  const written = await applyEdits(files.edits, { finish: finishCommand(seq, flags) });
  const made =
    git === null ? null : await git.run(result.changes, files.edits).catch((thrown) => unfinished(thrown, seq, flags));
  if (receiptPath !== null) await keepReceipt(receiptPath, receipt.receipt, seq);
  report(io, result, seq, receipt.checkpoint.size, written, same, made);
}

/** The version is taken and the files are written: what failed after that can be made up for. */
function unfinished(thrown: unknown, seq: number, flags: BumpFlags): never {
  const error = toTesError(thrown);
  const said = error.detail === undefined ? "" : `${error.detail.replace(/[.\s]*$/, "")}. `;
  const detail = `${said}The version is taken and its files are written. Finish with: ${finishCommand(seq, flags)}`;
  throw new TesError(error.code, { detail: detail.trim(), cause: error });
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
  const views = await viewsOf(reached);
  for (const { entity, to } of statement.changes) {
    const now = views.get(entity);
    if (now === undefined || now.version === to) continue;
    const detail = `${entity} is at ${now.version} by now (statement ${now.seq}), and files do not go back to ${to}.`;
    throw new TesError("version_conflict", { detail, facts: { current: now.version } });
  }
  const plan = await planFiles(reached, statement.changes, views, true);
  if (!io.json) io.stdout(renderPlan(io, statement.changes, plan));
  const written = flags.dryRun === true ? [] : await applyEdits(plan.edits, { finish: finishCommand(seq, flags) });
  const made = flags.dryRun === true ? null : await finishGit(io, reached, statement.changes, plan, views, flags);
  if (io.json) printJson(io, { seq, changes: statement.changes, files: written, ...made });
  else io.stdout(`${filesWritten(written)}${gitSays(made)}\n`);
}

/** The files are as they should be by now, so that they count as changed: only the branch and the tag are looked at. */
async function finishGit(
  io: CommandIo,
  reached: Reached,
  changes: readonly Change[],
  plan: FilePlan,
  views: ReadonlyMap<string, EntityView>,
  flags: BumpFlags,
): Promise<Made | null> {
  const git = await prepareGit(io, reached, changes, [], views, flags);
  return git === null ? null : git.run(changes, plan.edits);
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
  const moved = new Set(changes.map(({ entity }) => entity));
  const others = [...views.values()].filter(({ entity }) => !moved.has(entity)).flatMap(({ files }) => [...files]);
  return planEdits(checkout.root, carried, { others });
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

type Made = Awaited<ReturnType<GitStep["run"]>>;

function report(
  io: CommandIo,
  result: BumpResult,
  seq: number,
  size: number,
  written: readonly string[],
  asPlanned: boolean,
  made: Made | null,
): void {
  const { entity, scope, changes, idempotencyKey } = result;
  if (io.json) {
    printJson(io, { entity, scope, dryRun: false, changes, seq, size, files: written, idempotencyKey, ...made });
    return;
  }
  if (!asPlanned) {
    printNote(io, "somebody else bumped in between, so these are the versions that were taken:");
    io.stdout(renderPlan(io, changes, NO_FILES));
  }
  const proved = `${paint(io).green("proved")} statement ${seq} under a checkpoint of size ${size}`;
  io.stdout(`${proved}, ${filesWritten(written)}${gitSays(made)}\n`);
}

function filesWritten(written: readonly string[]): string {
  return written.length === 1 ? "1 file written" : `${written.length} files written`;
}

function gitSays(made: Made | null): string {
  if (made === null) return "";
  const commit = made.commit === null ? ", nothing to commit" : `, commit ${made.commit.slice(0, 12)}`;
  return `${commit}${made.tag === null ? "" : `, tag ${made.tag}`}`;
}

/** Makes sure, before a version is taken, that the receipt will have a place. @throws file_exists, file_unwritable */
async function requireNew(path: string): Promise<void> {
  if (
    await lstat(path).then(
      () => true,
      () => false,
    )
  )
    throw new TesError("file_exists", {
      detail: `${path}. A receipt never takes the place of another file: name a new one with --receipt, or move that one away. No version was taken.`,
    });
  try {
    await access(dirname(path), constants.W_OK);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}. No version was taken.`, cause });
  }
}

async function keepReceipt(path: string, receipt: unknown, seq: number): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(receipt)}\n`, { flag: "wx" });
  } catch (cause) {
    const detail = `${path}: ${reasonOf(cause)}. All else is done; the receipt again: tes log show ${seq}`;
    throw new TesError("file_unwritable", { detail, cause });
  }
}

/** The command that ends what a failed write left open, with the options that led here. */
function finishCommand(seq: number, flags: BumpFlags): string {
  const options: [string, string | undefined][] = [
    ["--url", flags.url],
    ["--registry", flags.registry],
    ["--data", flags.data === ".tes" ? undefined : flags.data],
    ["--file", flags.file],
    ["--tag-form", flags.tagForm],
  ];
  const given = options.flatMap(([name, value]) => (value === undefined ? [] : [` ${name} ${quoted(value)}`]));
  const git = `${flags.commit === true ? " --commit" : ""}${flags.tag === true ? " --tag" : ""}`;
  return `tes bump --finish ${seq}${given.join("")}${git}`;
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** What of the request is there only when it was given. */
function asked({ preid, expected, reason }: BumpFlags): Pick<BumpRequest, "preid" | "expected" | "reason"> {
  return {
    ...(preid === undefined ? {} : { preid }),
    ...(expected === undefined ? {} : { expected }),
    ...(reason === undefined ? {} : { reason }),
  };
}

function parseSeq(text: string): number {
  if (/^(?:0|[1-9]\d{0,15})$/.test(text)) return Number(text);
  throw new TesError("usage", { detail: "--finish takes the number of a statement." });
}
