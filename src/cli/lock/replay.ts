/** Checks each claim of an execution log that can still be checked. */

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createClient } from "../../client/client.ts";
import { memoryPins } from "../../client/pins.ts";
import { TesError, toTesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import { ed25519Kid } from "../../core/keys.ts";
import type { ExecutionLog } from "../../protocol/execution-log.ts";
import { chooseTarget, readDeployable } from "../deployment/targets.ts";
import type { CommandIo } from "../output.ts";
import { listSecrets, openWrangler } from "../wrangler.ts";
import { readLog } from "./log.ts";

export interface Claim {
  readonly claim: string;
  /** `gone`: nothing that could be asked any more. */
  readonly state: "holds" | "broken" | "gone";
  readonly detail: string;
}

/** @throws {TesError} `log_altered` when it is not what was written; `file_unreadable` */
export async function replayLog(
  io: CommandIo,
  path: string,
): Promise<{ readonly log: ExecutionLog; readonly claims: Claim[] }> {
  const log = await readLog(path);
  if (log === null) throw new TesError("file_unreadable", { detail: path });
  const claims: Claim[] = [
    { claim: "both files are what was written", state: "holds", detail: `digest ${log.digest}` },
  ];
  const check = async (claim: string, work: () => Promise<string>): Promise<void> => {
    try {
      claims.push({ claim, state: "holds", detail: await work() });
    } catch (thrown) {
      const error = toTesError(thrown);
      const away = ["authority_unreachable", "cloudflare_unreachable", "cloudflare_token", "file_unreadable"].includes(
        error.code,
      );
      claims.push({ claim, state: away ? "gone" : "broken", detail: error.detail ?? error.message });
    }
  };
  await check("the run is complete", async () => {
    if (log.status !== "complete") throw broken("it ended early; run tes lock again");
    return log.phases.map(({ name }) => name).join(", ");
  });
  const last = new Map(log.phases.flatMap(({ files }) => files).map((file) => [file.path, file.after]));
  for (const [file, after] of last) {
    await check(`${file} is as it was left`, async () => {
      const found = sha256Hex(
        new Uint8Array(
          await readFile(resolve(io.cwd, file)).catch((cause) => {
            throw new TesError("file_unreadable", { detail: file, cause });
          }),
        ),
      );
      if (found !== after) throw broken(`SHA-256 ${found}, and the log has ${after}`);
      return `SHA-256 ${after}`;
    });
  }
  await check("the configuration leads to that Worker", async () => {
    const target = chooseTarget(await readDeployable(io, log.target.config), [log.target.env]);
    if (target.worker !== log.target.worker || (target.url ?? "") !== log.target.url)
      throw broken(`it leads to ${target.worker} at ${target.url}`);
    return `${target.worker} at ${target.url}`;
  });
  await check("the Worker has the secret", async () => {
    const wrangler = await openWrangler(io, resolve(io.cwd, log.target.config));
    const secrets = await listSecrets(wrangler, log.target.env);
    if (secrets?.includes(log.key?.slot ?? "") !== true) throw broken("secret list does not show it");
    return "secret list shows it";
  });
  const client = createClient({
    url: log.target.url,
    registry: log.target.registry,
    store: memoryPins(),
    now: io.now,
    ...(log.genesis === null ? { trustFirst: true } : { genesis: log.genesis }),
  });
  await check("the registry has that genesis, and that key signs it", async () => {
    const { answer, trust } = await client.keys();
    if (ed25519Kid(trust.recovery) !== log.recovery) throw broken("it has another recovery key");
    if (!answer.keys.some(({ kid }) => kid === log.key?.keyid)) throw broken("its log names another key");
    return `genesis ${trust.genesis}, keyid ${log.key?.keyid}`;
  });
  await check("the log only grew", async () => {
    const size = Number(/log size (\d+)/.exec(log.bump?.provenance ?? "")?.[1] ?? Number.NaN);
    const head = await client.checkpoint();
    if (!(head.size >= size)) throw broken(`its size is ${head.size}, and was ${size}`);
    return `size ${head.size}, was ${size}`;
  });
  return { log, claims };
}

const broken = (detail: string): TesError => new TesError("log_altered", { detail });
