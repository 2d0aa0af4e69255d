/** `tes init --from-git`: a proposal for `tes.registry.json` from the manifests and tags of a checkout. */

import { openFiles } from "./files/open.ts";
import { type Checkout, listFiles, listTags } from "./git.ts";
import { type Proposal, propose } from "./manifests/propose.ts";
import { readPackages } from "./manifests/read.ts";

export { type TaggedEntity, tagOwnerOf } from "./manifests/owner.ts";
export { type Proposal, ROOT_ENTITY } from "./manifests/propose.ts";

/**
 * Reads what git tracks below `checkout.dir`, and all tags, and proposes. It writes nothing.
 *
 * Every file in the proposal has been read the way a bump reads it. What was left out, and why, stands in the lines.
 *
 * @param registry the name to write into the file; left out, the file names none and means `default`
 * @throws file_unreadable, git_failed, invalid_field for more entities than a registry holds
 *
 * @example
 * const { file, lines } = await proposeFromGit(await openCheckout(".", process.env));
 */
export async function proposeFromGit(checkout: Checkout, registry?: string): Promise<Proposal> {
  const files = await openFiles(checkout.dir);
  const { packages, left } = await readPackages(files, await listFiles(checkout));
  const { file, lines } = propose(packages, await listTags(checkout, "all"), registry);
  return { file, lines: [...lines, ...left] };
}
