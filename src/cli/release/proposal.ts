/** The next set of an entity's publishers: proposed, signed by one after the other, then brought to the authority. */

import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { compareCodeUnits, fromBase64Url, toBase64Url, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../../core/keys.ts";
import { MAX_BODY_BYTES, MAX_PUBLISHERS } from "../../core/limits.ts";
import { PROPOSAL_KIND, type PublishersProposal, parseProposal } from "../../protocol/publisher-proposal.ts";
import { type PublishersScope, type PublishersSet, publishersBytes } from "../../protocol/releases.ts";
import type { PublicKey } from "../../protocol/statements.ts";
import { createExclusive, readSmallFile, reasonOf } from "../local/data.ts";

/** A set as it stands. */
export type CurrentSet = Pick<PublishersSet, "revision" | "keys" | "threshold">;

/** What is asked to be different. */
export interface Changes {
  readonly add: readonly PublicKey[];
  /** Kids. */
  readonly remove: readonly string[];
  readonly threshold?: number | undefined;
}

/** Whoever can sign: a publisher, or the registry's recovery key. */
export interface Signer extends PublicKey {
  readonly privateKey: CryptoKey;
}

/**
 * The set that follows, unsigned.
 *
 * @param current null before the first
 * @throws {TesError} `invalid_field` for a key that is there already, one that is not, none left, or a threshold above
 *   their number
 */
export function proposeSet(
  scope: PublishersScope,
  entity: string,
  current: CurrentSet | null,
  { add, remove, threshold }: Changes,
): PublishersProposal {
  const refuse = (field: string, detail: string) => new TesError("invalid_field", { field, detail });
  const keys = new Map(current?.keys.map((key) => [key.kid, key]));
  for (const kid of remove) {
    if (!keys.delete(kid)) throw refuse("--remove", `${kid} is not one of the publishers`);
  }
  for (const { kid, x } of add) {
    if (keys.has(kid)) throw refuse("--add", `${kid} is one of the publishers already`);
    keys.set(kid, { kid, x });
  }
  if (keys.size === 0) throw refuse("--remove", "nobody would be left: an entity keeps at least one publisher");
  if (keys.size > MAX_PUBLISHERS) throw refuse("--add", `there can be ${MAX_PUBLISHERS} at most`);
  const asked = threshold ?? current?.threshold ?? 1;
  if (!Number.isSafeInteger(asked) || asked < 1 || asked > keys.size) {
    const had = threshold === undefined ? `it would stay ${asked}: give one ` : "it is ";
    throw refuse("--threshold", `${had}from 1 to ${keys.size}, the number of publishers that there would be`);
  }
  return {
    kind: PROPOSAL_KIND,
    ...scope,
    entity,
    revision: (current?.revision ?? 0) + 1,
    keys: [...keys.values()].sort((a, b) => compareCodeUnits(a.kid, b.kid)),
    threshold: asked,
    signatures: [],
    before:
      current === null ? null : { revision: current.revision, keys: [...current.keys], threshold: current.threshold },
  };
}

/** The proposal with one signature more; a signer's earlier one is replaced. */
export async function signProposal(proposal: PublishersProposal, signer: Signer): Promise<PublishersProposal> {
  const bytes = publishersBytes({ registry: proposal.registry, genesis: proposal.genesis }, proposal, proposal.before);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", signer.privateKey, bytes));
  const others = proposal.signatures.filter(({ kid }) => kid !== signer.kid);
  const signatures = [...others, { kid: signer.kid, signature: toBase64Url(signature) }];
  return { ...proposal, signatures: signatures.sort((a, b) => compareCodeUnits(a.kid, b.kid)) };
}

/** How far a proposal is, as far as the file itself tells. The authority decides. */
export interface ProposalState {
  /** Kids of new keys that have not signed. */
  readonly newMissing: readonly string[];
  /** How many of the present publishers signed, and how many must. */
  readonly agreed: number;
  readonly needed: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

export function stateOf({ keys, signatures, before }: PublishersProposal): ProposalState {
  const signed = new Set(signatures.map(({ kid }) => kid));
  const present = new Set(before?.keys.map(({ kid }) => kid));
  const next = new Set(keys.map(({ kid }) => kid));
  const added = keys.map(({ kid }) => kid).filter((kid) => !present.has(kid));
  return {
    newMissing: added.filter((kid) => !signed.has(kid)),
    agreed: [...present].filter((kid) => signed.has(kid)).length,
    needed: before?.threshold ?? 0,
    added,
    removed: [...present].filter((kid) => !next.has(kid)),
  };
}

/**
 * Reads a proposal, and holds it against itself: every key is the one its id names, every signature by a key that it
 * names holds.
 *
 * @throws {TesError} `file_unreadable`, `key_unknown`, `signature_invalid`
 */
export async function readProposal(path: string): Promise<PublishersProposal> {
  const text = await readSmallFile(path, MAX_BODY_BYTES);
  const proposal = (() => {
    try {
      return parseProposal(parseJson(utf8(text)));
    } catch (cause) {
      throw new TesError("file_unreadable", {
        detail: `${path} is no proposal, as tes publisher propose writes one.`,
        cause,
      });
    }
  })();
  const known = new Map([...(proposal.before?.keys ?? []), ...proposal.keys].map(({ kid, x }) => [kid, x]));
  for (const [kid, x] of known) {
    if (ed25519Kid(x) !== kid)
      throw new TesError("key_unknown", { detail: `${path}: a key is not the one its id names.` });
  }
  const bytes = publishersBytes({ registry: proposal.registry, genesis: proposal.genesis }, proposal, proposal.before);
  for (const { kid, signature } of proposal.signatures) {
    const x = known.get(kid);
    // The recovery key stands in no set: the authority knows it.
    if (x === undefined) continue;
    const key = await importEd25519Public(x);
    if (!(await crypto.subtle.verify("Ed25519", key, fromBase64Url(signature)!, bytes))) {
      throw new TesError("signature_invalid", { detail: `${path}: the signature of ${kid} is of something else.` });
    }
  }
  return proposal;
}

/** Writes a new proposal. @throws {TesError} `file_exists`, `file_unwritable` */
export function createProposal(path: string, proposal: PublishersProposal): Promise<void> {
  return createExclusive(path, render(proposal), 0o644);
}

/** Puts a proposal in the place of the one that was read, whole or not at all. @throws {TesError} `file_unwritable` */
export async function replaceProposal(path: string, proposal: PublishersProposal): Promise<void> {
  const draft = join(dirname(path), `.${randomBytes(8).toString("hex")}.draft`);
  try {
    await writeFile(draft, render(proposal), { flag: "wx", flush: true });
    await rename(draft, path);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  } finally {
    await rm(draft, { force: true });
  }
}

function render(proposal: PublishersProposal): string {
  return `${JSON.stringify(proposal, null, 2)}\n`;
}
