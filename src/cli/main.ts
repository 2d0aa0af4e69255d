/** The command line: one table of commands, each loaded only when it is the one asked for. */

import { Command, CommanderError } from "commander";
import { type ErrorCode, TesError, toTesError } from "../core/errors.ts";
import { TES_VERSION } from "../protocol/version.ts";
import { type CommandIo, exitCodeFor, hasFinding, printError, processIo } from "./output.ts";

interface CommandEntry {
  readonly summary: string;
  /** Imports the command's module and builds it. */
  load(io: CommandIo): Promise<Command>;
}

/** Every command, in the order the help shows. Adding one is one line here and one module under commands/. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  start: {
    summary: "the main job once, step by step, then serve",
    load: async (io) => (await import("./commands/start.ts")).startCommand(io),
  },
  serve: {
    summary: "run an authority on this machine",
    load: async (io) => (await import("./commands/serve.ts")).serveCommand(io),
  },
  init: {
    summary: "open a registry: keys, genesis, token, registry file",
    load: async (io) => (await import("./commands/init.ts")).initCommand(io),
  },
  entity: {
    summary: "list, show and declare what is versioned",
    load: async (io) => (await import("./commands/entity.ts")).entityCommand(io),
  },
  bump: {
    summary: "take the next version and write it into files",
    load: async (io) => (await import("./commands/bump.ts")).bumpCommand(io),
  },
  publisher: {
    summary: "who may publish an entity: keys, proposals, signatures",
    load: async (io) => (await import("./commands/publisher.ts")).publisherCommand(io),
  },
  release: {
    summary: "publish files as a version, signed, logged and verifiable offline",
    load: async (io) => (await import("./commands/release.ts")).releaseCommand(io),
  },
  yank: {
    summary: "withdraw a release, or take that back",
    load: async (io) => (await import("./commands/yank.ts")).yankCommand(io),
  },
  watch: {
    summary: "show the log as it grows, and run a hook for each statement",
    load: async (io) => (await import("./commands/watch.ts")).watchCommand(io),
  },
  verify: {
    summary: "check a released file, the authority, or a receipt",
    load: async (io) => (await import("./commands/verify.ts")).verifyCommand(io),
  },
  config: {
    summary: "check and mend a Worker's wrangler configuration",
    load: async (io) => (await import("./commands/config.ts")).configCommand(io),
  },
  history: {
    summary: "what touched an entity",
    load: async (io) => (await import("./commands/history.ts")).historyCommand(io),
  },
  log: {
    summary: "head, statements, state and differences of the log",
    load: async (io) => (await import("./commands/log.ts")).logCommand(io),
  },
  registry: {
    summary: "create, list, delete, move and restore registries",
    load: async (io) => (await import("./commands/registry.ts")).registryCommand(io),
  },
  export: {
    summary: "write a registry with its log to a file",
    load: async (io) => (await import("./commands/export.ts")).exportCommand(io),
  },
  import: {
    summary: "read an export into another authority",
    load: async (io) => (await import("./commands/export.ts")).importCommand(io),
  },
  trust: {
    summary: "files from which others verify offline",
    load: async (io) => (await import("./commands/trust.ts")).trustCommand(io),
  },
  token: {
    summary: "mint and inspect tokens offline, revoke them",
    load: async (io) => (await import("./commands/token.ts")).tokenCommand(io),
  },
  key: {
    summary: "make, check, deploy, prove and look for signing keys",
    load: async (io) => (await import("./commands/key.ts")).keyCommand(io),
  },
  lock: {
    summary: "from a configuration to a Worker that proves its key",
    load: async (io) => (await import("./commands/lock.ts")).lockCommand(io),
  },
  deploy: {
    summary: "guards, the real wrangler, and the proof",
    load: async (io) => (await import("./commands/deploy.ts")).deployWorkerCommand(io),
  },
  guide: {
    summary: "the guide to signing keys, put where the Worker serves it",
    load: async (io) => (await import("./commands/guide.ts")).guideCommand(io),
  },
  doctor: {
    summary: "check this machine, the data directory and the authority",
    load: async (io) => (await import("./commands/doctor.ts")).doctorCommand(io),
  },
};

/**
 * Runs one command line.
 *
 * @param argv what follows the program's name
 * @returns the exit code: 0 done, 1 a finding or a failure, 2 usage
 */
export async function run(argv: readonly string[], io: CommandIo = processIo(argv)): Promise<0 | 1 | 2> {
  try {
    const program = await buildProgram(argv, io);
    await program.parseAsync([...argv], { from: "user" });
    return hasFinding(io) ? 1 : 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    // `tes` or `tes token` alone: commander has printed the help, which says it all.
    if (thrown instanceof CommanderError && thrown.code === "commander.help") return 2;
    const error = thrown instanceof CommanderError ? usageError(thrown) : toTesError(thrown);
    printError(io, withoutTyped(error));
    if (io.env.TES_DEBUG === "1") io.stderr(stackOf(error));
    return exitCodeFor(error);
  }
}

async function buildProgram(argv: readonly string[], io: CommandIo): Promise<Command> {
  const program = new Command("tes")
    .description("Transcendent Edge Sentinel: a version authority")
    .usage("<command> [options]")
    .option("--json", "machine-readable output: JSON on stdout, problems on stderr")
    .addHelpText("after", "\nExample:\n  $ tes serve --port 0 --data .tes");
  const asked = askedCommand(argv);
  // Behind a command it is the command's: `tes entity declare ID --version 1.2.0` asks for no version of ours.
  if (asked === undefined) program.version(TES_VERSION, "-v, --version", "print the version");
  for (const [name, entry] of Object.entries(COMMANDS)) {
    if (name === asked) program.addCommand((await entry.load(io)).summary(entry.summary));
    else program.command(name).description(entry.summary);
  }
  settle(program, io);
  return program;
}

/** The first word that is not an option: `tes --json help serve` asks for serve. */
function askedCommand(argv: readonly string[]): string | undefined {
  const words = argv.filter((word) => !word.startsWith("-"));
  return words[0] === "help" ? words[1] : words[0];
}

/** Throw instead of exiting, write through io, show `--json` everywhere: commander hands none of it to added commands. */
function settle(command: Command, io: CommandIo): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout(text),
      writeErr: (text) => io.stderr(text),
      outputError: () => undefined,
      getOutHasColors: () => io.color,
      getErrHasColors: () => io.color,
    });
  for (const child of command.commands) settle(child, io);
}

function usageError(error: CommanderError): TesError {
  return new TesError("usage", { detail: error.message.replace(/^error: /, "") });
}

/** Their details quote what was typed, and a key is easily typed where the name of its file belongs. */
const QUOTING: readonly ErrorCode[] = ["usage", "invalid_field", "file_unreadable", "file_unwritable", "file_exists"];

function withoutTyped(error: TesError): TesError {
  const { code, detail, field, facts, cause } = error;
  if (detail === undefined || !QUOTING.includes(code)) return error;
  return new TesError(code, { detail: redact(detail), ...(field && { field }), ...(facts && { facts }), cause });
}

/** For TES_DEBUG=1. What looks like a key or a token is taken out: a library's message may quote its input. */
function stackOf(error: TesError): string {
  const parts: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) parts.push(at.stack ?? String(at));
  return `${redact(parts.join("\ncaused by "))}\n`;
}

function redact(text: string): string {
  return text.replace(/[0-9a-fA-F]{64}/g, "[64 hex]").replace(/eyJ[\w-]+\.[\w-]+(?:\.[\w-]+)?/g, "[token]");
}
