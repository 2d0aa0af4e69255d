/** What the authority says of a release: that it has it, whether it was withdrawn, and the proof where none lies here. */

import { type ProvenRelease, parseReleaseDocument } from "../../client/release.ts";
import { utf8 } from "../../core/bytes.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { contentOf } from "../../protocol/intoto.ts";
import type { TrustFile } from "../../protocol/trust-file.ts";
import type { CommandIo } from "../output.ts";
import { reach } from "../reach.ts";
import { type AnchorOptions, anchorOf } from "./anchor.ts";
import { type Evidence, MAX_EVIDENCE_DEPTH } from "./evidence.ts";
import { parseTarget } from "./target.ts";
import type { OnlineFacts } from "./verdict.ts";

export interface OnlineOptions extends AnchorOptions {
  readonly expect?: string;
  readonly online?: true;
}

/**
 * Finds a proof, and where none lies here and the authority may be asked, the one that it has of the release that is
 * expected. Nobody has to believe it: it is proved as one from anywhere else.
 *
 * @throws {TesError} `proof_missing`, `release_unknown`, whatever `find` throws
 */
export async function proofOrAsk(
  io: CommandIo,
  flags: OnlineOptions,
  trust: TrustFile | null,
  find: () => Promise<Evidence>,
): Promise<Evidence> {
  try {
    return await find();
  } catch (thrown) {
    if (!(thrown instanceof TesError) || thrown.code !== "proof_missing") throw thrown;
    const { entity, version } = flags.expect === undefined ? {} : parseTarget(flags.expect);
    if (flags.online === true && entity !== undefined && version !== undefined) {
      return askForProof(io, flags, trust, entity, version);
    }
    const detail = `${thrown.detail ?? ""}\nThe authority has it too: --online --expect ENTITY@VERSION, or tes release fetch.`;
    throw new TesError("proof_missing", { detail, cause: thrown });
  }
}

async function askForProof(
  io: CommandIo,
  flags: OnlineOptions,
  trust: TrustFile | null,
  entity: string,
  version: string,
): Promise<Evidence> {
  // The pin comes first: it must not be one that this very question leaves here.
  const { registry, genesis } = await anchorOf(io, flags, trust, null);
  const { client, url } = await reach(io, { ...flags, registry, genesis });
  const { document } = await client.releaseOf(entity, version);
  const json = parseJson(utf8(canonicalize({ ...document })), { maxDepth: MAX_EVIDENCE_DEPTH });
  return { document: parseReleaseDocument(json), from: [url], bundles: [], broken: [] };
}

export async function askAuthority(
  io: CommandIo,
  flags: OnlineOptions,
  release: ProvenRelease,
  genesis: string,
): Promise<OnlineFacts> {
  const { entity, version, registry } = release;
  const { client, url } = await reach(io, { ...flags, registry, genesis });
  const { release: now } = await client.releaseOf(entity, version);
  if (contentOf(now.subjects) !== contentOf(release.subjects) || now.seq !== release.seq) {
    throw new TesError("checkpoint_inconsistent", { detail: `The authority has another ${entity}@${version}.` });
  }
  const [{ keys, revision, threshold }, { size }] = await Promise.all([client.publishers(entity), client.checkpoint()]);
  const reason = now.yanked?.reason === undefined ? undefined : await reasonText(client, now.yanked.reason.digest);
  return {
    url,
    size,
    yanked:
      now.yanked === null
        ? null
        : { seq: now.yanked.seq, at: now.yanked.at, ...(reason === undefined ? {} : { reason }) },
    publishers: { revision, threshold, kids: keys.map(({ kid }) => kid) },
  };
}

/** Reasons are kept beside the log, for those who may read it, until they are erased. */
async function reasonText(
  client: Awaited<ReturnType<typeof reach>>["client"],
  digest: string,
): Promise<string | undefined> {
  try {
    return (await client.blob(digest)).text;
  } catch (thrown) {
    if (thrown instanceof TesError && /^(blob_|forbidden|token_)/.test(thrown.code)) return undefined;
    throw thrown;
  }
}
