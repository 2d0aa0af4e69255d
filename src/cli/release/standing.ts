/** Whether those who signed a release are its entity's publishers still, as far as anything that was read says. */

import { type ProvenRelease, type ReleaseDocument, verifyPublishers } from "../../client/release.ts";
import { verifyKeys } from "../../client/trust.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import type { Anchor } from "./anchor.ts";

/** A set of publishers. */
export interface PublishersNow {
  readonly revision: number;
  readonly threshold: number;
  readonly kids: readonly string[];
}

export interface Standing {
  /** The last revision of the publishers that is known. */
  readonly revision: number;
  /** Kids of signers that are publishers no more. */
  readonly removed: readonly string[];
  /** Signers that are publishers still. */
  readonly remaining: number;
  /** As many as had to sign then, or would have to now, whichever is less: people leave, and thresholds follow. */
  readonly required: number;
}

/** The last publishers that a document holds, which was verified before. */
export async function lastPublishers(document: ReleaseDocument, anchor: Anchor): Promise<PublishersNow> {
  const { release, publishers } = parseAnswer("release", document.release, "answer_malformed");
  const history = await verifyPublishers(publishers, release.entity, await verifyKeys(document.keys, anchor));
  const { revision, threshold, keys } = history.at(-1)!.statement;
  return { revision, threshold, kids: keys.map(({ kid }) => kid) };
}

export function standingOf(
  { signers, publishers }: Pick<ProvenRelease, "signers" | "publishers">,
  now: PublishersNow,
): Standing {
  const current = new Set(now.kids);
  const removed = signers.map(({ kid }) => kid).filter((kid) => !current.has(kid));
  return {
    revision: now.revision,
    removed,
    remaining: signers.length - removed.length,
    required: Math.min(publishers.threshold, now.threshold),
  };
}
