/** `tes key`: make, check, deploy, prove and look for signing keys. No command here shows one unless it is asked to. */

import { resolve } from "node:path";
import { Command } from "commander";
import { TesError } from "../../core/errors.ts";
import { generateMasterKey } from "../../core/keys.ts";
import { MAX_KEY_INPUT_BYTES } from "../../core/limits.ts";
import { Secret } from "../../core/secret.ts";
import { parseRegistryName } from "../../protocol/ids.ts";
import { DEFAULT_REGISTRY } from "../../protocol/paths.ts";
import { chooseTargets, collectEnv, readDeployable } from "../deployment/targets.ts";
import { parseWait, showElapsed } from "../duration.ts";
import { readKeyFromStdin } from "../input.ts";
import { auditKey, requireGoodKey } from "../keys/audit.ts";
import { proveKey } from "../keys/proof.ts";
import { createKeyFile, keyText, readKeyFile, readSmallFile } from "../local/data.ts";
import { type CommandIo, paint, printJson, printNote, reportFinding, table } from "../output.ts";
import { deployCommand } from "./key-deploy.ts";
import { scanCommand } from "./key-scan.ts";

export function keyCommand(io: CommandIo): Command {
  return new Command("key")
    .description("Make, check, deploy, prove and look for signing keys.")
    .addCommand(generateCommand(io))
    .addCommand(deployCommand(io))
    .addCommand(verifyCommand(io))
    .addCommand(scanCommand(io));
}

interface GenerateFlags {
  readonly out?: string;
  readonly show?: true;
  readonly check?: true | string;
}

function generateCommand(io: CommandIo): Command {
  return new Command("generate")
    .description(
      "Make a key: 32 bytes of the system's generator as 64 hexadecimal characters, into a new file of mode 0600 or a\n" +
        "pipe. With --check, audit one that is there instead. Keys by openssl rand -hex 32, node and bun are as good.",
    )
    .option("--out <file>", "new file for the key, mode 0600")
    .option("--show", "print it even on a terminal")
    .option("--check [file]", "audit the key in this file, or the one that is piped in")
    .addHelpText(
      "after",
      "\nExample:\n  $ tes key generate --out signing.key\n  $ openssl rand -hex 32 | tes key generate --check",
    )
    .action((flags: GenerateFlags) => (flags.check === undefined ? generate(io, flags) : check(io, flags.check)));
}

async function generate(io: CommandIo, { out, show }: GenerateFlags): Promise<void> {
  if (out === undefined && show !== true && io.terminal) {
    throw new TesError("usage", {
      detail: "A key is not shown on a terminal: name a file with --out, or pass --show.",
    });
  }
  const key = generateMasterKey();
  if (out === undefined) {
    if (io.json) printJson(io, { key: key.reveal() });
    else io.stdout(`${key.reveal()}\n`);
    return;
  }
  const path = resolve(io.cwd, out);
  await createKeyFile(path, key);
  if (io.json) printJson(io, { file: path });
  else io.stdout(`${path}  mode 0600\n`);
}

async function check(io: CommandIo, from: true | string): Promise<void> {
  const key =
    from === true
      ? await readKeyFromStdin()
      : new Secret((await readSmallFile(resolve(io.cwd, from), MAX_KEY_INPUT_BYTES)).replace(/\r?\n$/, ""));
  const findings = auditKey(key);
  if (findings.length > 0) reportFinding(io);
  const bits = findings.length === 0 ? 256 : null;
  if (io.json) printJson(io, { ok: findings.length === 0, findings });
  else if (bits !== null) io.stdout("64 hexadecimal characters, 32 bytes, and nothing speaks against it\n");
  else
    for (const { severity, rule, message } of findings) io.stdout(`${paint(io).red(severity)} ${rule}: ${message}\n`);
}

interface VerifyFlags {
  readonly env: string[];
  readonly config?: string;
  readonly url?: string;
  readonly keyFile?: string;
  readonly registry: string;
  readonly wait: number;
}

function verifyCommand(io: CommandIo): Command {
  return new Command("verify")
    .description("Ask the deployed Worker to prove that it holds the key. The key does not leave this machine.")
    .option(
      "--env <name>",
      'environment of the wrangler configuration, "" for the top level; may be repeated',
      collectEnv,
      [],
    )
    .option("--config <file>", "wrangler configuration (default: the one wrangler would read)")
    .option("--url <url>", "ask this authority instead of those in the configuration")
    .option("--key-file <file>", "file with the key (default: standard input)")
    .option("--registry <name>", "registry", (text: string) => parseRegistryName(text, "--registry"), DEFAULT_REGISTRY)
    .option("--wait <span>", "go on asking for so long: 30s, 2m", parseWait, 0)
    .addHelpText("after", '\nExample:\n  $ tes key verify --env "" --env production --key-file signing.key')
    .action((flags: VerifyFlags) => verify(io, flags));
}

async function verify(io: CommandIo, flags: VerifyFlags): Promise<void> {
  const master =
    flags.keyFile === undefined
      ? requireGoodKey(await readKeyFromStdin())
      : requireGoodKey(keyText(await readKeyFile(resolve(io.cwd, flags.keyFile))));
  const places =
    flags.url === undefined
      ? chooseTargets(await readDeployable(io, flags.config), flags.env).map(({ env, worker, url }) => ({
          env,
          worker,
          url,
        }))
      : [{ env: null, worker: null, url: flags.url }];
  const rows = [];
  for (const place of places) {
    if (place.url === null) {
      throw new TesError("usage", {
        detail: `TES_AUTHORITIES of ${place.worker} is empty: nothing says where it answers. Name it with --url.`,
      });
    }
    const { answer, proof, ms } = await proveKey({
      url: place.url,
      registry: flags.registry,
      master,
      waitMs: flags.wait,
    });
    rows.push({
      ...place,
      slot: proof.slot,
      source: proof.source,
      keyid: proof.kid,
      announced: answer.announced,
      genesis: answer.genesis,
      ms,
    });
    if (answer.announced !== null && answer.announced !== proof.kid) {
      printNote(io, `${place.url} holds the key, and its log names another: ${answer.announced}`);
    }
  }
  if (io.json) {
    printJson(io, { verified: rows });
    return;
  }
  const columns = [
    { title: "authority" },
    { title: "slot" },
    { title: "source" },
    { title: "keyid" },
    { title: "in the log" },
    { title: "time" },
  ];
  io.stdout(
    table(
      columns,
      rows.map(({ url, slot, source, keyid, announced, ms }) => [
        url!,
        slot,
        source,
        keyid,
        announced === null ? "no genesis yet" : announced === keyid ? "yes" : "another",
        showElapsed(ms),
      ]),
    ),
  );
}
