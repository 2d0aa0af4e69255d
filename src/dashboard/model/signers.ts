/** What is said of the signers of a release as time goes by. */

import type { Standing, Watched } from "../../client/index.ts";

/** Too few of the signers are publishers still: what that means, or null. */
export function goneOf(entity: string, { revision, removed, remaining, required }: Standing): string | null {
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
