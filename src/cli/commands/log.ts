/** `tes log`: the log itself: its head, one statement, and what changed between two sizes. */

import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { type CommandIo, printJson, table } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { listEntities } from "./entity.ts";

export function logCommand(io: CommandIo): Command {
  const command = new Command("log").description("Look into the log. Everything shown is proved first.");
  withReach(command.command("checkpoint"))
    .description("The signed tree head, a C2SP checkpoint, as it is.")
    .addHelpText("after", "\nExample:\n  $ tes log checkpoint > today.checkpoint")
    .action(async (flags: ReachOptions) => {
      const { client } = await reach(io, flags);
      await client.checkpoint();
      const { checkpoint } = (await client.keys()).answer;
      // A private registry shows it to holders of a token only, and refused the line above to everyone else.
      if (checkpoint === undefined) throw new TesError("token_missing");
      if (io.json) printJson(io, { checkpoint });
      else io.stdout(checkpoint);
    });
  withReach(command.command("show <seq>"))
    .description("One statement with its proof, as JSON: a receipt.")
    .addHelpText("after", "\nExample:\n  $ tes log show 0 > genesis.receipt.json")
    .action(async (seq: string, flags: ReachOptions) => {
      const { client } = await reach(io, flags);
      printJson(io, (await client.receipt(sizeOf("seq", seq))).receipt);
    });
  withReach(command.command("state <size>"))
    .description("All entities as they were when the log had that many statements.")
    .addHelpText("after", "\nExample:\n  $ tes log state 12")
    .action(async (size: string, flags: ReachOptions) => {
      const { client, registry } = await reach(io, flags);
      listEntities(io, registry, (await client.state(sizeOf("size", size))).entities);
    });
  withReach(command.command("diff <from> [to]"))
    .description("What is not the same at two sizes of the log; the second is now unless given.")
    .addHelpText("after", "\nExample:\n  $ tes log diff 12")
    .action(async (from: string, to: string | undefined, flags: ReachOptions) => {
      const { client } = await reach(io, flags);
      const diff = await client.diff(sizeOf("from", from), to === undefined ? undefined : sizeOf("to", to));
      if (io.json) {
        printJson(io, diff);
        return;
      }
      const rows = diff.changes.map(({ entity, before, after }) => [
        entity,
        before?.version ?? "-",
        after?.version ?? "-",
        before === null ? "new" : before.version === after?.version ? "declared anew" : "",
      ]);
      io.stdout(
        table(
          [
            { title: "entity" },
            { title: `at ${diff.from}`, align: "right" },
            { title: `at ${diff.to}`, align: "right" },
            { title: "" },
          ],
          rows,
        ),
      );
    });
  return command;
}

function sizeOf(name: string, text: string): number {
  if (/^(?:0|[1-9]\d{0,15})$/.test(text)) return Number(text);
  throw new TesError("usage", { detail: `<${name}> is a number from 0.` });
}
