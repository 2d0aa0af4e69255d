/** An execution log of `tes lock`, held against the authority that this page came from. */

import { createClient, memoryPins, type TesClient, TesError } from "../../client/index.ts";
import type { ExecutionLog } from "../../protocol/execution-log.ts";
import { asTesError, detailOf, findingOf } from "./verdict.ts";
import { count, short } from "./words.ts";

export interface Claim {
  readonly claim: string;
  /** `elsewhere`: a page cannot look at it; the command line can. */
  readonly state: "holds" | "broken" | "gone" | "elsewhere";
  readonly detail: string;
}

export type ClientMaker = (registry: string, genesis: string | null) => TesClient;

/** Clients of a page: believing nothing but what the log itself says, so that it is the log that is checked. */
export const pageClients =
  (url: string): ClientMaker =>
  (registry, genesis) =>
    createClient({ url, registry, store: memoryPins(), ...(genesis === null ? { trustFirst: true } : { genesis }) });

const broken = (detail: string): TesError => new TesError("log_altered", { detail });

/**
 * Checks each claim of a log that a page can check. That its digest holds was checked when it was read.
 *
 * @param here scheme, host and port of this page: its policy lets it ask nobody else
 */
export async function replayLog(log: ExecutionLog, here: string, clientOf: ClientMaker): Promise<Claim[]> {
  const claims: Claim[] = [
    { claim: "The file is what was written", state: "holds", detail: `digest ${short(log.digest)}` },
  ];
  const check = async (claim: string, work: () => Promise<string>): Promise<void> => {
    try {
      claims.push({ claim, state: "holds", detail: await work() });
    } catch (thrown) {
      const error = asTesError(thrown);
      const state = findingOf(error) === "outage" ? "gone" : "broken";
      claims.push({ claim, state, detail: detailOf(error) || error.message });
    }
  };
  claims.push(
    log.status === "complete"
      ? { claim: "The run is complete", state: "holds", detail: log.phases.map(({ name }) => name).join(", ") }
      : { claim: "The run is complete", state: "broken", detail: "it has not ended yet, or ended early" },
  );
  const files = log.phases.reduce((sum, phase) => sum + phase.files.length, 0);
  claims.push({
    claim: "Files, configuration and the secret's name on Cloudflare are as they were left",
    state: "elsewhere",
    detail: `${count(files)} file sums: tes lock --replay looks at those`,
  });
  if (!sameOrigin(log.target.url, here)) {
    claims.push({
      claim: "The authority proves what the log says of it",
      state: "elsewhere",
      detail: `It speaks of ${log.target.url}. Open it on that authority's own page.`,
    });
    return claims;
  }
  const client = clientOf(log.target.registry, log.genesis);
  await check("The registry has that genesis, and that key signs it", async () => {
    const { answer, trust } = await client.keys();
    const { keyid } = log.key ?? {};
    if (keyid === undefined) throw broken("the log names no key yet");
    if (!answer.keys.some(({ kid }) => kid === keyid)) throw broken("its chain names another key");
    return `genesis ${short(trust.genesis)}, key ${short(keyid)}`;
  });
  await check("The key stands where the log says", async () => {
    if (log.key === null) throw broken("the log names no key yet");
    const { proofs } = await client.keyProof();
    const found = proofs.find(({ kid }) => kid === log.key?.keyid);
    if (found === undefined) throw broken("that key is in no slot");
    if (found.slot !== log.key.slot) throw broken(`it is in ${found.slot}, and was in ${log.key.slot}`);
    if (found.source !== log.key.source) throw broken(`it comes from ${found.source}, and came from ${log.key.source}`);
    return `${found.slot}, from ${found.source}`;
  });
  await check("The log only grew", async () => {
    const before = Number(/log size (\d+)/.exec(log.bump?.provenance ?? "")?.[1] ?? Number.NaN);
    const head = await client.checkpoint();
    if (!(head.size >= before)) throw broken(`its size is ${head.size}, and was ${before}`);
    return `size ${count(head.size)}, was ${count(before)}`;
  });
  return claims;
}

function sameOrigin(url: string, here: string): boolean {
  try {
    return new URL(url).origin === here;
  } catch {
    return false;
  }
}
