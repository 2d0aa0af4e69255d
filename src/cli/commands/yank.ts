/** `tes yank`: a release that nobody should install any more, or again. It stays in the log. */

import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { type CommandIo, printJson } from "../output.ts";
import { type ReachOptions, reach, withReach } from "../reach.ts";
import { needVersion } from "../release/target.ts";

interface YankFlags extends ReachOptions {
  readonly reason?: string;
  readonly undo?: true;
}

export function yankCommand(io: CommandIo): Command {
  return withReach(new Command("yank"))
    .description(
      "Withdraw a release: whoever verifies it online is told, with the reason. Nothing is deleted, and the version " +
        "stays taken. Offline verifiers cannot know of it.",
    )
    .argument("<release>", "entity@version")
    .option("--reason <text>", "why, for those who are told; kept beside the log and erasable")
    .option("--undo", "take the withdrawal back")
    .addHelpText("after", "\nExample:\n  $ tes yank component:app@1.2.3 --reason 'loses settings on start'")
    .action((release: string, flags: YankFlags) => yank(io, release, flags));
}

async function yank(io: CommandIo, release: string, flags: YankFlags): Promise<void> {
  const { entity, version } = needVersion(release);
  if (flags.undo !== true && flags.reason === undefined) {
    throw new TesError("usage", { detail: "Say why with --reason: it is what people will see." });
  }
  const { client } = await reach(io, flags);
  const { receipt } = await (flags.undo === true ? client.unyank : client.yank)(entity, version, {
    reason: flags.reason,
  });
  const seq = receipt?.statement.seq ?? null;
  const yanked = flags.undo !== true;
  if (io.json) return void printJson(io, { entity, version, yanked, seq });
  const state = yanked ? "withdrawn" : "in force";
  io.stdout(
    seq === null
      ? `${entity}@${version} was ${state} already\n`
      : `${entity}@${version} is ${state}${yanked ? "" : " again"}, statement ${seq}\n`,
  );
}
