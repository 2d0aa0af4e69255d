/** `tes entity`: what is versioned, and how each follows its parent. */

import { Command, Option } from "commander";
import { TesError } from "../../core/errors.ts";
import type { EntityView } from "../../protocol/answers.ts";
import type { EntityFile } from "../../protocol/files.ts";
import { declarationOf } from "../../protocol/registry-file.ts";
import { type Declaration, MAX_DECLARATIONS } from "../../protocol/requests.ts";
import { needCheckout } from "../checkout.ts";
import { type CommandIo, paint, printJson, table } from "../output.ts";
import { type Reached, type ReachOptions, reach, withReach } from "../reach.ts";

interface DeclareFlags extends ReachOptions {
  readonly version?: string;
  readonly strategy?: "independent" | "linked" | "lockstep";
  /** False for --no-parent. */
  readonly parent?: string | false;
  readonly carries?: readonly EntityFile[];
  readonly label?: Readonly<Record<string, string>>;
  readonly dryRun?: true;
}

export function entityCommand(io: CommandIo): Command {
  const command = new Command("entity").description("List, show and declare entities.");
  withReach(command.command("list"))
    .description("All entities as a tree, with their versions.")
    .option("--type <type>", "those of one type only: component, for example")
    .addHelpText("after", "\nExample:\n  $ tes entity list")
    .action(async (flags: ReachOptions & { readonly type?: string }) => {
      const { client, registry } = await reach(io, flags);
      const all = await client.entities();
      const { type } = flags;
      listEntities(io, registry, type === undefined ? all : all.filter(({ entity }) => entity.startsWith(`${type}:`)));
    });
  withReach(command.command("show <id>"))
    .description("One entity.")
    .addHelpText("after", "\nExample:\n  $ tes entity show global:main --json")
    .action(async (id: string, flags: ReachOptions) => show(io, await reach(io, flags), id));
  withReach(command.command("declare <id>"))
    .description("Declare an entity, or change its parent, strategy or files. Its version changes by bumps only.")
    .option("--version <version>", "where it starts (first declaration only)")
    .addOption(
      new Option("--strategy <name>", "how it follows its parent").choices(["independent", "linked", "lockstep"]),
    )
    .option("--parent <id>", "what it follows")
    .option("--no-parent", "it follows nothing")
    .option("--carries <path[=pattern]>", "a file that carries its version; repeatable", collectFile)
    .option("--label <key=value>", "a label; repeatable, and all of them are replaced", collectLabel)
    .option("--dry-run", "show what would be asked, ask nothing")
    .addHelpText(
      "after",
      "\nExample:\n  $ tes entity declare component:app --parent global:main --carries package.json",
    )
    .action(async (id: string, flags: DeclareFlags) => {
      await declare(io, await reach(io, flags), [declarationFrom(id, flags)], flags.dryRun === true);
    });
  withReach(command.command("sync"))
    .description("Declare everything in tes.registry.json. What already is so is left as it is.")
    .option("--dry-run", "show what would be asked, ask nothing")
    .addHelpText("after", "\nExample:\n  $ tes entity sync")
    .action(async (flags: DeclareFlags) => {
      const { file } = await needCheckout(io.cwd, flags.file);
      await declare(io, await reach(io, flags), file.entities.map(declarationOf), flags.dryRun === true);
    });
  withReach(command.command("retire <id>"))
    .description("Retire an entity: it keeps its last version and takes no other. What follows it goes first.")
    .option("--reason <text>", "why; kept beside the log and erasable")
    .addHelpText("after", "\nExample:\n  $ tes entity retire component:old --reason 'merged into app'")
    .action(async (id: string, flags: ReachOptions & { readonly reason?: string }) => {
      const { client } = await reach(io, flags);
      const { receipt } = await client.retire(id, { reason: flags.reason });
      if (io.json) printJson(io, { entity: id, seq: receipt?.statement.seq ?? null });
      else io.stdout(receipt === null ? `${id} was retired already\n` : `${id} is retired\n`);
    });
  return command;
}

/**
 * Declares entities in as many requests as it takes, parents first where one request does not hold them all.
 *
 * A version in the file is where an entity starts; of one that exists already it is left out.
 *
 * @throws {TesError} what the authority answers
 */
export async function declareAll(
  client: Reached["client"],
  wanted: readonly Declaration[],
): Promise<{ readonly written: string[]; readonly unchanged: string[] }> {
  const known = new Set((await client.entities()).map(({ entity }) => entity));
  const due = parentsFirst(wanted).map(({ version, ...rest }) =>
    version === undefined || known.has(rest.entity) ? rest : { ...rest, version },
  );
  const written: string[] = [];
  const unchanged: string[] = [];
  for (let at = 0; at < due.length; at += MAX_DECLARATIONS) {
    const answer = await client.declare(due.slice(at, at + MAX_DECLARATIONS));
    written.push(...answer.receipts.map(({ statement }) => statement.entity));
    unchanged.push(...answer.unchanged);
  }
  return { written, unchanged };
}

async function declare(
  io: CommandIo,
  reached: Reached,
  wanted: readonly Declaration[],
  dryRun: boolean,
): Promise<void> {
  if (dryRun) {
    if (io.json) printJson(io, { dryRun: true, entities: wanted });
    else io.stdout(`${wanted.map((one) => JSON.stringify(one)).join("\n")}\n`);
    return;
  }
  const { written, unchanged } = await declareAll(reached.client, wanted);
  if (io.json) printJson(io, { dryRun: false, written, unchanged });
  else {
    const rows = [...written.map((id) => [id, "declared"]), ...unchanged.map((id) => [id, "unchanged"])];
    io.stdout(table([{ title: "entity" }, { title: "result" }], rows));
  }
}

/** The entities as a tree. */
export function listEntities(io: CommandIo, registry: string, entities: readonly EntityView[]): void {
  if (io.json) printJson(io, { registry, entities });
  else if (entities.length === 0) io.stdout("No entities yet. Declare one: tes entity declare global:main\n");
  else {
    const color = paint(io);
    const rows = asTree(entities).map(({ view, depth }) => [
      `${"  ".repeat(depth)}${view.entity}`,
      view.version,
      view.parent === null ? "-" : view.strategy,
      view.files.map(({ path }) => path).join(", ") || "-",
    ]);
    io.stdout(
      table(
        [{ title: "entity" }, { title: "version", align: "right" }, { title: "follows" }, { title: "files" }],
        rows,
        (cell, _row, column) => (column === 1 ? color.bold(cell) : cell),
      ),
    );
  }
}

async function show(io: CommandIo, { client }: Reached, id: string): Promise<void> {
  const view = await client.entity(id);
  if (io.json) {
    printJson(io, view);
    return;
  }
  const rows = [
    ["entity", view.entity],
    ["version", view.version],
    ["parent", view.parent ?? "-"],
    ["strategy", view.strategy],
    ...view.files.map(({ path, pattern }) => ["file", pattern === undefined ? path : `${path}  ${pattern}`]),
    ...Object.entries(view.metadata ?? {}).map(([key, value]) => ["label", `${key}=${value}`]),
    ...(view.retired === true ? [["retired", "yes"]] : []),
    ["last statement", `${view.seq}, ${new Date(view.at).toISOString()}`],
  ];
  io.stdout(table([{ title: "member" }, { title: "value" }], rows));
}

/** Roots by id, each above its children: the order in which a cascade runs. */
export function asTree(entities: readonly EntityView[]): { readonly view: EntityView; readonly depth: number }[] {
  const below = Map.groupBy(entities, ({ parent }) => parent);
  const out: { view: EntityView; depth: number }[] = [];
  const walk = (parent: string | null, depth: number): void => {
    for (const view of below.get(parent) ?? []) {
      out.push({ view, depth });
      walk(view.entity, depth + 1);
    }
  };
  walk(null, 0);
  // Of a part of the entities, some have parents that are not in it: each such one begins a tree.
  const known = new Set(entities.map(({ entity }) => entity));
  for (const parent of below.keys()) if (parent !== null && !known.has(parent)) walk(parent, 0);
  return out;
}

/** Whatever order the file has, a later request may name parents of an earlier one only. */
function parentsFirst(wanted: readonly Declaration[]): Declaration[] {
  const byId = new Map(wanted.map((one) => [one.entity, one]));
  const done = new Set<Declaration>();
  const visit = (one: Declaration | undefined): void => {
    if (one === undefined || done.has(one)) return;
    if (one.parent != null && one.parent !== one.entity) visit(byId.get(one.parent));
    done.add(one);
  };
  for (const one of wanted) visit(one);
  return [...done];
}

function declarationFrom(id: string, flags: DeclareFlags): Declaration {
  const { version, strategy, parent, carries, label } = flags;
  return {
    entity: id,
    ...(version === undefined ? {} : { version }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(parent === undefined ? {} : { parent: parent === false ? null : parent }),
    ...(carries === undefined ? {} : { files: [...carries] }),
    ...(label === undefined ? {} : { metadata: { ...label } }),
  };
}

function collectFile(text: string, before: readonly EntityFile[] = []): EntityFile[] {
  const equals = text.indexOf("=");
  const path = equals < 0 ? text : text.slice(0, equals);
  if (path === "") throw new TesError("usage", { detail: "--carries takes a path, or path=pattern." });
  return [...before, equals < 0 ? { path } : { path, pattern: text.slice(equals + 1) }];
}

function collectLabel(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new TesError("usage", { detail: "--label takes key=value." });
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}
