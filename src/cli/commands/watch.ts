/** `tes watch`: the log as it grows, each statement proved before it is shown. */

import { Command, InvalidArgumentError } from "commander";
import type { Connection, Watched } from "../../client/watch.ts";
import { toBase64 } from "../../core/bytes.ts";
import type { Statement } from "../../protocol/statements.ts";
import { hookVariables, runHook } from "../hook.ts";
import { type CommandIo, paint, printable, printJson, printNote } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { stopSignal } from "./serve.ts";

interface WatchFlags extends ReachOptions {
  readonly since?: number;
  readonly count?: number;
  readonly exec?: string;
}

export function watchCommand(io: CommandIo): Command {
  return withReach(new Command("watch"))
    .description(
      "Show each statement of the log the moment it is signed, proved, in order and once, until Ctrl-C.\n" +
        "An authority that forked, was set back or leaves something out is reported, and nothing of it is shown.",
    )
    .option("--since <index>", "from this statement on, 0 for all (default: what is written from now on)", parseIndex)
    .option("--count <n>", "end after so many statements", parseCount)
    .option(
      "--exec <command>",
      "run this for each statement: its JSON on standard input, and TES_INDEX, TES_TYPE, TES_ENTITY, TES_VERSION",
    )
    .addHelpText("after", "\nExample:\n  $ tes watch --since 0 --exec 'jq -r .type'")
    .action(async (flags: WatchFlags) => watch(io, flags));
}

async function watch(io: CommandIo, flags: WatchFlags): Promise<void> {
  const { client, url } = await reach(io, flags);
  const stop = stopSignal();
  const ended = new AbortController();
  void stop.asked.then(() => ended.abort());
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  try {
    const watching = client.watch({
      since: flags.since,
      signal: ended.signal,
      onConnection: (connection) => tell(io, url, connection),
    });
    for await (const one of watching) {
      show(io, one);
      if (flags.exec !== undefined) await runHook(io, flags.exec, one.json, hookVariables(url, one.index, one.json));
      if (--left <= 0) return;
    }
  } finally {
    stop.ignore();
  }
}

function tell(io: CommandIo, url: string, connection: Connection): void {
  if (connection.state === "connected") {
    printNote(io, `watching ${url} from statement ${connection.next}, and the log has ${connection.size}`);
  } else {
    const { error, inMs } = connection;
    printNote(io, `${error.message} Trying again in ${(inMs / 1000).toFixed(1)} s.`);
  }
}

function show(io: CommandIo, { index, json, statement, checkpoint }: Watched): void {
  if (io.json) {
    printJson(io, { index, statement: json, checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root) } });
    return;
  }
  const color = paint(io);
  const at = typeof json.at === "number" ? new Date(json.at).toISOString() : "-";
  const what = statement === undefined ? `${String(json.type)}, of a later release` : describe(statement);
  io.stdout(`${color.dim(String(index).padStart(6))}  ${color.dim(at)}  ${printable(what)}\n`);
}

/** At most so many changes of one bump on a line. */
const MAX_SHOWN_CHANGES = 4;

function describe(statement: Statement): string {
  if (statement.type === "version.bumped") {
    const { changes, by } = statement;
    const shown = changes.slice(0, MAX_SHOWN_CHANGES).map(({ entity, from, to }) => `${entity} ${from} → ${to}`);
    const more = changes.length > shown.length ? `, and ${changes.length - shown.length} more` : "";
    return `${shown.join(", ")}${more}, by ${by}`;
  }
  const about = "entity" in statement ? ` ${statement.entity}` : "";
  return `${statement.type}${about}, by ${statement.by}`;
}

function parseIndex(text: string): number {
  const index = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(index)) throw new InvalidArgumentError("An index is a whole number from 0.");
  return index;
}

function parseCount(text: string): number {
  const count = parseIndex(text);
  if (count === 0) throw new InvalidArgumentError("A count is a whole number from 1.");
  return count;
}
