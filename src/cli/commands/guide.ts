/** `tes guide`: the guide to signing keys, put where the Worker serves it from. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import { GUIDE_KEY } from "../../protocol/guide.ts";
import { chooseTargets, collectEnv, readDeployable, shownTarget } from "../deployment/targets.ts";
import { renderGuide } from "../guide.ts";
import { reasonOf } from "../local/data.ts";
import { type CommandIo, printJson, table } from "../output.ts";
import { mustSucceed, openWrangler, type WranglerTool } from "../wrangler.ts";

interface SyncFlags {
  readonly env: string[];
  readonly config?: string;
  readonly file?: string;
  readonly dryRun?: true;
}

export function guideCommand(io: CommandIo): Command {
  const command = new Command("guide").description("The guide to signing keys.");
  command
    .command("sync")
    .description(
      "Put the guide into KV, where the Worker serves it at /guide/set-version-signing-key. Unchanged: nothing is sent.",
    )
    .option("--env <name>", 'environment, "" for the top level; may be repeated', collectEnv, [])
    .option("--config <file>", "wrangler configuration (default: the one wrangler would read)")
    .option("--file <file>", "another Markdown file (default: the guide that comes with TES)")
    .option("--dry-run", "say what would be put, and put nothing")
    .addHelpText("after", '\nExample:\n  $ tes guide sync --env ""')
    .action((flags: SyncFlags) => sync(io, flags));
  return command;
}

async function sync(io: CommandIo, flags: SyncFlags): Promise<void> {
  const deployable = await readDeployable(io, flags.config);
  const targets = chooseTargets(deployable, flags.env);
  const path =
    flags.file === undefined
      ? fileURLToPath(new URL("../../../docs/SET-VERSION-SIGNING-KEY.md", import.meta.url))
      : resolve(io.cwd, flags.file);
  const markdown = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  });
  const html = renderGuide(markdown);
  const sha256 = sha256Hex(utf8(html));
  const wrangler = await openWrangler(io, deployable.path);
  const rows = [];
  for (const { env, worker, kv } of targets) {
    const namespace = kv.get("KV");
    if (namespace === undefined || namespace === "")
      throw new TesError("deploy_refused", {
        detail: `${worker} has no KV namespace bound as KV: tes deploy makes one.`,
      });
    const known = await hashInPlace(wrangler, namespace);
    const action = known === sha256 ? "unchanged" : flags.dryRun === true ? "would put" : "put";
    if (action === "put") await put(wrangler, namespace, html, sha256);
    rows.push({ env, worker, key: GUIDE_KEY, sha256, action });
  }
  if (io.json) printJson(io, { guides: rows });
  else {
    const columns = [{ title: "environment" }, { title: "Worker" }, { title: "result" }, { title: "SHA-256" }];
    io.stdout(
      table(
        columns,
        rows.map(({ env, worker, action }) => [shownTarget(env), worker, action, sha256]),
      ),
    );
  }
}

/** The hash that stands beside what is in KV, or null. */
async function hashInPlace(wrangler: WranglerTool, namespace: string): Promise<string | null> {
  const { stdout, command } = mustSucceed(
    await wrangler.run(["kv", "key", "list", `--namespace-id=${namespace}`, `--prefix=${GUIDE_KEY}`, "--remote"], null),
  );
  try {
    const keys = JSON.parse(stdout) as { name: string; metadata?: { sha256?: unknown } }[];
    const sha256 = keys.find(({ name }) => name === GUIDE_KEY)?.metadata?.sha256;
    return typeof sha256 === "string" ? sha256 : null;
  } catch (cause) {
    throw new TesError("wrangler_failed", { detail: `${command} did not print a list.`, cause });
  }
}

async function put(wrangler: WranglerTool, namespace: string, html: string, sha256: string): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "tes-guide-"));
  try {
    const file = join(scratch, "guide.html");
    await writeFile(file, html);
    const metadata = JSON.stringify({ sha256 });
    mustSucceed(
      await wrangler.run(
        [
          "kv",
          "key",
          "put",
          GUIDE_KEY,
          `--path=${file}`,
          `--namespace-id=${namespace}`,
          `--metadata=${metadata}`,
          "--remote",
        ],
        null,
      ),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
