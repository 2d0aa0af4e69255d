/** `tes export` and `tes import`: a registry as lines of JSON, out of one authority and into another. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { Command } from "commander";
import { createImportTarget } from "../../client/carry.ts";
import { settle } from "../../client/options.ts";
import { TesError } from "../../core/errors.ts";
import { reasonOf } from "../local/data.ts";
import { type CommandIo, printJson, printNote } from "../output.ts";
import { findToken, locate, type ReachOptions, reach, withReach } from "../reach.ts";

export function exportCommand(io: CommandIo): Command {
  return withReach(new Command("export"))
    .description("Write a registry with its whole log to a file, checked on the way. Needs an admin token.")
    .argument("<out>", "new file")
    .addHelpText("after", "\nExample:\n  $ tes export default.export.jsonl")
    .action(async (out: string, flags: ReachOptions) => {
      const { client } = await reach(io, flags);
      const path = resolve(io.cwd, out);
      const file = await open(path, "wx", 0o600).catch((cause: NodeJS.ErrnoException) => {
        throw new TesError(cause.code === "EEXIST" ? "file_exists" : "file_unwritable", { detail: path, cause });
      });
      let lines = 0;
      const hash = createHash("sha256");
      try {
        for await (const line of client.exportLines()) {
          await file.write(line);
          hash.update(line);
          lines++;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      const sha256 = hash.digest("hex");
      if (io.json) printJson(io, { file: path, lines, sha256 });
      else io.stdout(`${path}  ${lines} lines, sha256 ${sha256}\n`);
    });
}

export function importCommand(io: CommandIo): Command {
  return withReach(new Command("import"))
    .description(
      "Read an export into an authority that has no such registry. It goes on where it was broken off, and is " +
        "read-only until everything was checked. Needs an admin token minted with the key of that authority.",
    )
    .argument("<file>", "file that tes export wrote")
    .addHelpText(
      "after",
      "\nExample:\n  $ tes import default.export.jsonl --url https://new.example \\\n" + "      --token-file new.token",
    )
    .action(async (file: string, flags: ReachOptions) => {
      const located = await locate(io, flags);
      if (located.url === null) throw new TesError("authority_unreachable", { detail: "No authority runs there." });
      const token = await findToken(io, flags, located.local ? located.paths.adminToken : null, located.registry);
      if (token === undefined) throw new TesError("token_missing");
      const { url, registry } = located;
      const target = createImportTarget(settle({ url, registry, token, now: io.now }));
      const path = resolve(io.cwd, file);
      const answer = await target.send(linesOf(path), ({ received, size }) => {
        if (!io.json) io.stderr(`${received} of ${size ?? "?"} statements\n`);
      });
      if (!answer.done) {
        throw new TesError("import_invalid", { detail: `${path} ends before its end line: nothing was opened.` });
      }
      if (io.json) printJson(io, { registry, size: answer.size });
      else io.stdout(`${registry} is here with ${answer.size} statements, the same tree as where it came from\n`);
      if (!(await answers(io, flags))) {
        printNote(
          io,
          "its log names other keys than this authority's, so that it answers nothing yet: hand it over where it came " +
            "from (tes registry move), open it as a new epoch (tes registry restore), or give this authority its key",
        );
      }
    });
}

/** The lines of a file, each with its line feed. @throws {TesError} `file_unreadable` */
export async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, "utf8");
  try {
    for await (const line of createInterface({ input, crlfDelay: 0 })) yield `${line}\n`;
  } catch (cause) {
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
}

/** Whether what was read in can be read here now. */
async function answers(io: CommandIo, flags: ReachOptions): Promise<boolean> {
  try {
    await (await reach(io, { ...flags, trustFirst: true })).client.trust();
    return true;
  } catch (thrown) {
    if (thrown instanceof TesError && thrown.code === "answer_unsigned") return false;
    throw thrown;
  }
}
