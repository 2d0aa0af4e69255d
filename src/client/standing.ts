/** Whether those who signed a release are its entity's publishers still. */

import type { ProvenRelease } from "./release.ts";

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

/** What became of the signers of a release. With fewer remaining than required, nobody who counts today vouches for it. */
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
