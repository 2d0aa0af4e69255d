/** Whether those who signed a release are its entity's publishers still. The rule is the command line's (`tes verify`). */

import type { ProvenRelease, Watched } from "../../client/index.ts";

/** What became of a release's signers. */
export interface SignersNow {
  /** The last revision of the publishers. */
  readonly revision: number;
  /** Kids of signers that are publishers no more. */
  readonly removed: readonly string[];
  /** Signers that are publishers still. */
  readonly remaining: number;
  /** As many as had to sign then, or would have to now, whichever is less: people leave, and thresholds follow. */
  readonly required: number;
}

/** The publishers as they are now. */
export interface PublishersNow {
  readonly revision: number;
  readonly threshold: number;
  readonly keys: readonly { readonly kid: string }[];
}

export function signersNow(
  { signers, publishers }: Pick<ProvenRelease, "signers" | "publishers">,
  now: PublishersNow,
): SignersNow {
  const current = new Set(now.keys.map(({ kid }) => kid));
  const removed = signers.map(({ kid }) => kid).filter((kid) => !current.has(kid));
  return {
    revision: now.revision,
    removed,
    remaining: signers.length - removed.length,
    required: Math.min(publishers.threshold, now.threshold),
  };
}

/** Too few of the signers are publishers still: what that means, or null. */
export function goneOf(entity: string, { revision, removed, remaining, required }: SignersNow): string | null {
  if (remaining >= required) return null;
  return (
    `Signed by who is no publisher of ${entity} any more, since revision ${revision}: ${removed.join(", ")}. ` +
    `Of the signers ${remaining} ${remaining === 1 ? "is" : "are"} one still, and it takes ${required}. ` +
    "Each signature was right when it was made; tes verify refuses the release all the same, unless it is told --allow-removed."
  );
}

/**
 * Index of the newest statement in a feed that changes what is known of an entity's releases, or of one of them: that
 * release, or who publishes it. -1 where there is none.
 *
 * @param feed newest first
 */
export function newestAbout(feed: readonly Watched[], entity: string, version?: string): number {
  const found = feed.find(
    ({ json }) =>
      json.entity === entity &&
      (json.type === "publishers.set" ||
        (String(json.type).startsWith("release.") && (version === undefined || json.version === version))),
  );
  return found?.index ?? -1;
}
