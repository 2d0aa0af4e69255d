/** `tes history`: what touched an entity, newest first. */

import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { MAX_PAGE_SIZE } from "../../core/limits.ts";
import type { HistoryEntry } from "../../protocol/answers.ts";
import { type CommandIo, printJson, table } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";

interface HistoryFlags extends ReachOptions {
  readonly limit: number;
  readonly all?: true;
}

const DEFAULT_LIMIT = 20;

export function historyCommand(io: CommandIo): Command {
  return withReach(new Command("history"))
    .description("What touched an entity, newest first.")
    .argument("<entity>", "entity id")
    .option("--limit <n>", "how many", parseLimit, DEFAULT_LIMIT)
    .option("--all", "the whole of it")
    .addHelpText("after", "\nExample:\n  $ tes history global:main --limit 5")
    .action(async (id: string, flags: HistoryFlags) => {
      const { client } = await reach(io, flags);
      const entries: HistoryEntry[] = [];
      let more = true;
      for (let cursor: string | undefined; more && (flags.all === true || entries.length < flags.limit); ) {
        const left = flags.all === true ? undefined : Math.min(MAX_PAGE_SIZE, flags.limit - entries.length);
        const page = await client.history(id, { limit: left, cursor });
        entries.push(...page.entries);
        cursor = page.next ?? undefined;
        more = cursor !== undefined;
      }
      if (io.json) printJson(io, { entity: id, entries, more });
      else {
        io.stdout(table(COLUMNS, entries.map(rowOf)));
        if (more) io.stderr("There is more: --all, or a larger --limit.\n");
      }
    });
}

const COLUMNS = [
  { title: "seq", align: "right" },
  { title: "at" },
  { title: "what" },
  { title: "from", align: "right" },
  { title: "to", align: "right" },
  { title: "by" },
] as const;

function rowOf(entry: HistoryEntry): string[] {
  return [String(entry.seq), new Date(entry.at).toISOString(), entry.type, entry.from ?? "-", entry.version, entry.by];
}

function parseLimit(text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new TesError("usage", { detail: "--limit takes a number from 1." });
}
