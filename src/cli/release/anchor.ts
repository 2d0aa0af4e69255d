/** What a release is verified against: the pinned genesis, and where the pin came from. */

import { resolve } from "node:path";
import { type ReleaseDocument, verifyPublishers } from "../../client/release.ts";
import { verifyKeys } from "../../client/trust.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import { isRegistryName } from "../../protocol/ids.ts";
import type { TrustFile } from "../../protocol/trust-file.ts";
import type { CommandIo } from "../output.ts";
import { locate, type ReachOptions } from "../reach.ts";
import { readTrustFile } from "./evidence.ts";

export interface AnchorOptions extends ReachOptions {
  readonly trust?: string;
}

export interface Anchor {
  readonly registry: string;
  readonly genesis: string;
  /** In words. */
  readonly pinnedBy: string;
}

/** The trust file that was named. @throws {TesError} `file_unreadable` */
export async function trustFileOf(io: CommandIo, { trust }: AnchorOptions): Promise<TrustFile | null> {
  return trust === undefined ? null : readTrustFile(resolve(io.cwd, trust));
}

/**
 * The pin for a document: of the trust file, the options, the environment, earlier contacts, or the checkout, in this
 * order. The registry's name is taken from the document where nobody names it: the pin is of one registry only.
 *
 * @throws {TesError} `genesis_unpinned`; `genesis_mismatch` where two of them differ
 */
export async function anchorOf(
  io: CommandIo,
  flags: AnchorOptions,
  trust: TrustFile | null,
  document: ReleaseDocument,
): Promise<Anchor> {
  const named = (document.release as { readonly registry?: JsonValue } | null)?.registry;
  const registry = flags.registry ?? trust?.registry ?? (typeof named === "string" ? named : "");
  if (!isRegistryName(registry)) throw new TesError("answer_malformed", { detail: "The document names no registry." });
  if (trust !== null) {
    if (flags.genesis !== undefined && flags.genesis !== trust.genesis) {
      throw new TesError("genesis_mismatch", { facts: { trusted: trust.genesis, given: flags.genesis } });
    }
    return { registry, genesis: trust.genesis, pinnedBy: `the trust file ${flags.trust}` };
  }
  if (flags.genesis !== undefined && !/^[0-9a-f]{64}$/.test(flags.genesis)) {
    throw new TesError("usage", { detail: "--genesis is a hash: 64 lower-case hex characters." });
  }
  if (flags.genesis !== undefined) return { registry, genesis: flags.genesis, pinnedBy: "--genesis" };
  if (io.env.TES_PIN) return { registry, genesis: io.env.TES_PIN, pinnedBy: "$TES_PIN" };
  const { store, pinKey, checkout } = await locate(io, { ...flags, registry });
  const pin = await store.load(pinKey);
  if (pin !== undefined) return { registry, genesis: pin.genesis, pinnedBy: "an earlier contact from here" };
  const genesis = checkout?.file.authority?.genesis;
  if (genesis !== undefined && (checkout?.file.registry ?? "default") === registry) {
    return { registry, genesis, pinnedBy: checkout!.path };
  }
  throw new TesError("genesis_unpinned", {
    detail:
      "A release is verified against the genesis of its registry, as its operator publishes it: --genesis HEX, or --trust FILE.",
  });
}

/**
 * The document with the publishers of a trust file, where that knows of more revisions: a document from before a
 * publisher was removed cannot hide it.
 *
 * @returns the kids that the trust file's last revision no longer holds, too
 * @throws {TesError} `answer_malformed`; `checkpoint_inconsistent` when the two know different revisions
 */
export async function withTrust(
  document: ReleaseDocument,
  trust: TrustFile | null,
  anchor: Anchor,
): Promise<{ readonly document: ReleaseDocument; readonly current: ReadonlySet<string> | null }> {
  if (trust === null) return { document, current: null };
  const { release, publishers } = parseAnswer("release", document.release, "answer_malformed");
  const { entity } = release;
  const known = trust.publishers.find((one) => one.entity === entity)?.receipts;
  if (known === undefined) return { document, current: null };
  for (const [i, receipt] of publishers.slice(0, known.length).entries()) {
    if (canonicalize(receipt.statement) === canonicalize(known[i]!.statement)) continue;
    throw new TesError("checkpoint_inconsistent", {
      detail: `The trust file and the document know two revisions ${i + 1} of the publishers of ${entity}.`,
    });
  }
  const keys = await verifyKeys(trust.keys, anchor);
  const current = (await verifyPublishers(known, entity, keys)).at(-1)?.statement.keys.map(({ kid }) => kid) ?? [];
  if (known.length <= publishers.length) return { document, current: null };
  const merged = { ...(document.release as object), publishers: known } as unknown as JsonValue;
  return { document: { ...document, release: merged }, current: new Set(current) };
}
