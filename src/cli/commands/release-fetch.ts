/** `tes release fetch`: the proof of a release, for those who have its files from elsewhere. */

import { writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { codeOf, reasonOf } from "../local/data.ts";
import { type CommandIo, printable, printJson } from "../output.ts";
import { reach, withReach } from "../reach.ts";
import { type AnchorOptions, anchorOf } from "../release/anchor.ts";
import { DOCUMENT_NAME } from "../release/contents.ts";
import { resolveTarget } from "../release/target.ts";

interface FetchFlags extends AnchorOptions {
  readonly out?: string;
}

export function fetchCommand(io: CommandIo): Command {
  return withReach(new Command("fetch"))
    .description(
      "Write what proves a release, as the authority has it: with it beside the files, or named " +
        "with --release, tes verify needs nobody. It is proved before it is written.",
    )
    .argument("<release>", "entity@version, or the entity alone for its current version")
    .option("--out <file>", `new file (default: ${DOCUMENT_NAME})`)
    .addHelpText(
      "after",
      "\nExample:\n  $ tes release fetch component:app@1.2.3 --url https://tes.example \\\n      --genesis 54a1…",
    )
    .action((release: string, _: FetchFlags, self: Command) => {
      const dataNamed = self.getOptionValueSourceWithGlobals("data") === "cli";
      return fetchProof(io, release, { ...self.optsWithGlobals(), dataNamed });
    });
}

async function fetchProof(io: CommandIo, named: string, flags: FetchFlags): Promise<void> {
  // What it is proved by is what tes verify will believe: nothing that only a file here says.
  const { genesis: pinned } = await anchorOf(io, flags, null, null);
  const { client } = await reach(io, { ...flags, genesis: pinned });
  const { entity, version } = await resolveTarget(client, named);
  const { document, release } = await client.releaseOf(entity, version);
  const out = flags.out ?? DOCUMENT_NAME;
  const shown = printable(out);
  try {
    await writeFile(resolve(io.cwd, out), `${JSON.stringify(document)}\n`, { flag: "wx" });
  } catch (cause) {
    if (codeOf(cause) === "EEXIST")
      throw new TesError("file_exists", { detail: `${shown}: name a new one with --out.` });
    throw new TesError("file_unwritable", { detail: `${shown}: ${reasonOf(cause)}`, cause });
  }
  const { seq, genesis, subjects } = release;
  const files = subjects.map(({ name }) => name);
  if (io.json) return void printJson(io, { file: out, entity, version, seq, genesis, files });
  io.stdout(`wrote ${shown}: ${entity}@${version}, statement ${seq}, files ${files.length}\n`);
  const option = basename(out) === DOCUMENT_NAME ? "" : ` --release ${shown}`;
  io.stdout(`verify: tes verify FILE${option} --expect ${entity}@${version}\n`);
}
