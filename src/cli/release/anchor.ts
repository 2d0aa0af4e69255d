/** What a release is verified against: the pinned genesis, and where the pin came from. */

import { relative, resolve } from "node:path";
import { type ReleaseDocument, verifyPublishers } from "../../client/release.ts";
import { type Trust, verifyKeys } from "../../client/trust.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import { isRegistryName } from "../../protocol/ids.ts";
import type { TrustFile } from "../../protocol/trust-file.ts";
import { type CommandIo, printable } from "../output.ts";
import { ownPin } from "../own-pins.ts";
import { type Located, locate, type ReachOptions } from "../reach.ts";
import { readTrustFile } from "./evidence.ts";

export interface AnchorOptions extends ReachOptions {
  readonly trust?: string;
  /** Whether --data was given, and is not the default. */
  readonly dataNamed?: boolean;
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
 * order. A genesis that is given names the registry, whatever it is called. Otherwise it is the registry that is meant
 * here, never the one that the document speaks of: many are pinned on one machine.
 *
 * @param document null before there is one
 * @throws {TesError} `genesis_unpinned`; `genesis_mismatch` where two of them differ, or for a document of another
 *   registry
 */
export async function anchorOf(
  io: CommandIo,
  flags: AnchorOptions,
  trust: TrustFile | null,
  document: ReleaseDocument | null,
): Promise<Anchor> {
  const named = document === null ? null : registryOf(document);
  const given = givenAnchor(io, flags, trust);
  // A registry file that nobody asked for must not be in the way of a genesis that was given.
  const located = given === null || named === null ? await locate(io, flags) : null;
  const registry = flags.registry ?? trust?.registry ?? located?.registry ?? named!;
  if (named !== null && named !== registry) {
    throw new TesError("genesis_mismatch", {
      detail: `It is a release of the registry ${named}, and the one that is meant here is ${registry}: --registry ${named}, if you meant that one.`,
      facts: { registry, found: named },
    });
  }
  if (given !== null) return { registry, ...given };
  return { registry, ...(await keptAnchor(io, flags, located!)) };
}

/**
 * The genesis that was kept here. What lies beside a release may have come with it: pins in a data directory and a
 * registry file count only where the command names them, or where this user's own tes recorded the same.
 *
 * @throws {TesError} `genesis_unpinned`
 */
async function keptAnchor(
  io: CommandIo,
  flags: AnchorOptions,
  { local, unasked, url, registry, store, pinKey, fileOf, checkout, paths }: Located,
): Promise<Omit<Anchor, "registry">> {
  const pin = await store.load(pinKey);
  const genesis = checkout?.file.registry === registry ? checkout.file.authority?.genesis : undefined;
  const named = flags.pins !== undefined || io.env.TES_PINS !== undefined || (local && flags.dataNamed === true);
  const own = pin === undefined || named || !local ? undefined : await ownPin(io, paths, registry);
  if (pin !== undefined && (named || (!local && !unasked) || own?.genesis === pin.genesis)) {
    if (flags.file !== undefined && genesis !== undefined && genesis !== pin.genesis) {
      throw new TesError("genesis_mismatch", { facts: { remembered: pin.genesis, given: genesis } });
    }
    const byFile = flags.url === undefined && io.env.TES_URL === undefined;
    const whom = local
      ? `the authority of ${paths.root}`
      : `${new URL(url!).origin}${byFile ? `, which ${checkout!.path} names` : ""}`;
    return { genesis: pin.genesis, pinnedBy: `an earlier contact with ${whom}, kept in ${fileOf(pin)}` };
  }
  if (genesis !== undefined && flags.file !== undefined) return { genesis, pinnedBy: `${checkout!.path} (--file)` };
  throw new TesError("genesis_unpinned", {
    detail: [
      "A release is verified against the genesis of its registry, as its operator publishes it: --genesis HEX, or --trust FILE.",
      ...(genesis === undefined
        ? []
        : [unbelieved(checkout!.path, genesis, `--file ${relative(io.cwd, checkout!.path)}`)]),
      ...(pin === undefined || unasked ? [] : [unbelieved(fileOf(pin), pin.genesis, `--data ${flags.data}`)]),
    ].join("\n"),
  });
}

/** What lies here and is not believed by itself. */
function unbelieved(path: string, genesis: string, option: string): string {
  return `${printable(path)} is there and names ${printable(genesis)}. It may have come with the release, so it is not believed by itself: ${printable(option)} believes it.`;
}

/** As a document says. @throws {TesError} `answer_malformed` */
function registryOf({ release }: ReleaseDocument): string {
  const named = (release as { readonly registry?: JsonValue } | null)?.registry;
  if (typeof named === "string" && isRegistryName(named)) return named;
  throw new TesError("answer_malformed", { detail: "The document names no registry." });
}

/** The genesis that was given with the command. @throws {TesError} `genesis_mismatch`, `usage` */
function givenAnchor(io: CommandIo, flags: AnchorOptions, trust: TrustFile | null): Omit<Anchor, "registry"> | null {
  if (trust !== null) {
    if (flags.genesis !== undefined && flags.genesis !== trust.genesis) {
      throw new TesError("genesis_mismatch", { facts: { trusted: trust.genesis, given: flags.genesis } });
    }
    return { genesis: trust.genesis, pinnedBy: `the trust file ${flags.trust}` };
  }
  const genesis = flags.genesis ?? (io.env.TES_PIN || undefined);
  if (genesis === undefined) return null;
  const pinnedBy = flags.genesis === undefined ? "$TES_PIN" : "--genesis";
  if (!/^[0-9a-f]{64}$/.test(genesis)) {
    throw new TesError("usage", { detail: `${pinnedBy} is a hash: 64 lower-case hex characters.` });
  }
  return { genesis, pinnedBy };
}

/**
 * The document with the keys and the publishers of a trust file, where that knows of more: a document from before a
 * publisher was removed cannot hide it, nor one of a log that a restore cut off since, or whose key was retired.
 *
 * @throws {TesError} `answer_malformed`; `checkpoint_inconsistent` when the two know different keys or revisions
 */
export async function withTrust(
  document: ReleaseDocument,
  trust: TrustFile | null,
  anchor: Anchor,
): Promise<ReleaseDocument> {
  if (trust === null) return document;
  const [here, there] = [await verifyKeys(document.keys, anchor), await verifyKeys(trust.keys, anchor)];
  const theirs = logsOf(there);
  for (const [i, log] of logsOf(here).slice(0, theirs.length).entries()) {
    if (log === theirs[i]) continue;
    throw new TesError("checkpoint_inconsistent", {
      detail: `The trust file and the document know two logs in the place ${i + 1} of one registry.`,
    });
  }
  const keys = there.announced > here.announced ? trust.keys : document.keys;
  const { release, publishers } = parseAnswer("release", document.release, "answer_malformed");
  const { entity } = release;
  const known = trust.publishers.find((one) => one.entity === entity)?.receipts ?? [];
  for (const [i, receipt] of publishers.slice(0, known.length).entries()) {
    if (canonicalize(receipt.statement) === canonicalize(known[i]!.statement)) continue;
    throw new TesError("checkpoint_inconsistent", {
      detail: `The trust file and the document know two revisions ${i + 1} of the publishers of ${entity}.`,
    });
  }
  await verifyPublishers(known, entity, there);
  if (known.length <= publishers.length) return { ...document, keys };
  const merged = { ...(document.release as object), publishers: known } as unknown as JsonValue;
  return { ...document, keys, release: merged };
}

/** Every log that a chain of keys leads through, oldest first. */
const logsOf = ({ earlier, origin, logKey }: Trust): string[] =>
  [...earlier, { origin, logKey }].map((log) => `${log.origin} ${log.logKey.x}`);
