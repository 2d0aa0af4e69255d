/** The execution log of `tes lock`: what was done, as JSON, and the same as Markdown. Nothing in it is a secret. */

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { type ExecutionLog, executionLogDigest, parseExecutionLog } from "../../protocol/execution-log.ts";
import { showElapsed } from "../duration.ts";
import { codeOf, reasonOf } from "../local/data.ts";

export const DEFAULT_LOG = "docs/TES-OPS-004-B-4-2-EXECUTION-LOG.md";

export type Body = Omit<ExecutionLog, "digest">;

export const jsonPathOf = (path: string): string => path.replace(/(?:\.md)?$/, ".json");

/** Writes both files, each at once. @throws {TesError} `file_unwritable` */
export async function writeLog(path: string, body: Body): Promise<ExecutionLog> {
  const log: ExecutionLog = { ...body, digest: executionLogDigest(body) };
  try {
    await mkdir(dirname(path), { recursive: true });
    for (const [name, text] of [
      [jsonPathOf(path), `${JSON.stringify(log, null, 2)}\n`],
      [path, renderLog(log)],
    ] as const) {
      await writeFile(`${name}.draft`, text);
      await rename(`${name}.draft`, name);
    }
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
  return log;
}

/** The log of an earlier run, or null. @throws {TesError} `log_altered` when it is not what was written */
export async function readLog(path: string): Promise<ExecutionLog | null> {
  const [json, markdown] = await Promise.all([jsonPathOf(path), path].map(readText));
  if (json === null && markdown === null) return null;
  if (json === null) throw new TesError("log_altered", { detail: `${jsonPathOf(path!)} is not there.` });
  const log = parseExecutionLog(parseJson(new TextEncoder().encode(json)));
  if (log.digest !== executionLogDigest(log))
    throw new TesError("log_altered", { detail: `${jsonPathOf(path)} does not have the digest that it names.` });
  // The Markdown is written after the JSON: a kill in between leaves an older one of a run that is not complete.
  if (log.status === "complete" && markdown !== renderLog(log))
    throw new TesError("log_altered", { detail: `${path} is not what ${jsonPathOf(path)} says.` });
  return log;
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return null;
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  }
}

/** The Markdown: every line of it comes out of the JSON. */
export function renderLog(log: ExecutionLog): string {
  const { target, tools, key, phases } = log;
  const total = phases.reduce((sum, { ms }) => sum + ms, 0);
  const lines = [
    `# Execution log: VERSION_SIGNING_KEY on ${target.worker}`,
    "",
    `Written by \`tes lock\`; \`tes lock --replay\` checks what can still be checked. Status: **${log.status}**. Digest of the JSON beside this file: \`${log.digest}\`.`,
    "",
    "## Provenance",
    "",
    ...rows(
      ["what", "value"],
      [
        ["configuration", target.config],
        ["environment", target.env === "" ? '`""` (top level)' : target.env],
        ["Worker", target.worker],
        ["authority", target.url],
        ["registry", target.registry],
        ["TES", tools.tes],
        ["runtime", tools.runtime],
        ["wrangler", tools.wrangler],
        ["started", log.started],
        ["keyid", key?.keyid ?? "none yet"],
        ["key proved from", key === null ? "nothing yet" : `${key.source}, ${key.slot}`],
        ["key kept", key?.kept ?? "nothing yet"],
        ["genesis", log.genesis ?? "none yet"],
        ["recovery keyid", log.recovery ?? "none yet"],
      ],
    ),
    "",
    "## Phases",
    "",
    ...rows(
      ["phase", "at", "time", "result"],
      phases.map(({ name, at, ms, result }) => [name, at, showElapsed(ms), result]),
    ),
    "",
    `Measured: ${showElapsed(total)} in all phases.`,
  ];
  for (const { name, commands, files, findings } of phases) {
    if (commands.length + files.length + findings.length === 0) continue;
    lines.push("", `### ${name}`, "");
    for (const { command, exit, ms } of commands) lines.push(`- \`${command}\` → ${exit}, ${showElapsed(ms)}`);
    for (const { path, before, after } of files)
      lines.push(`- ${path}: SHA-256 before \`${before ?? "absent"}\`, after \`${after}\``);
    for (const text of findings) lines.push(`- ${text}`);
  }
  if (log.bump !== null) {
    lines.push(
      "",
      "## Replay of /bump",
      "",
      `\`POST /bump\`, dry run, ${log.bump.entity}: ${log.bump.answer}. ${log.bump.provenance}.`,
    );
  }
  lines.push("", "## Risks that remain", "", ...log.risks.map((risk) => `- ${risk}`), "");
  return lines.join("\n");
}

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");

function rows(titles: readonly string[], body: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
  return [line(titles), line(titles.map(() => "---")), ...body.map(line)];
}
