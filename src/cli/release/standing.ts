/** The publishers of an entity, as far as anything that was read says. */

import { type ReleaseDocument, verifyPublishers } from "../../client/release.ts";
import type { PublishersNow } from "../../client/standing.ts";
import { verifyKeys } from "../../client/trust.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import type { Anchor } from "./anchor.ts";

/** The last publishers that a document holds, which was verified before. */
export async function lastPublishers(document: ReleaseDocument, anchor: Anchor): Promise<PublishersNow> {
  const { release, publishers } = parseAnswer("release", document.release, "answer_malformed");
  const history = await verifyPublishers(publishers, release.entity, await verifyKeys(document.keys, anchor));
  const { revision, threshold, keys } = history.at(-1)!.statement;
  return { revision, threshold, kids: keys.map(({ kid }) => kid) };
}
