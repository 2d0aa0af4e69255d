/** From signatures to a release that is proved: files uploaded, one request that publishes all or nothing, the proof read. */

import type { TesClient } from "../../client/client.ts";
import type { FoundRelease, PublishResult } from "../../client/publishing.ts";
import { fromBase64Url, toBase64, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { contentOf, IN_TOTO_TYPE, type Subject } from "../../protocol/intoto.ts";
import type { BundlesAnswer } from "../../protocol/release-answers.ts";
import type { ReleaseDraft } from "../../protocol/release-draft.ts";
import type { ReleaseRequest } from "../../protocol/release-requests.ts";
import type { Target } from "./target.ts";

/** A release as it is logged, with everything that its folder needs. */
export interface Logged extends FoundRelease {
  readonly bundles: BundlesAnswer["bundles"];
  readonly trustedRoot: JsonObject;
}

/**
 * The release that a version has already; null when it has none.
 *
 * @throws {TesError} `release_exists` when its files are others
 */
export async function findReleased(
  client: TesClient,
  { entity, version }: Target,
  subjects: readonly Pick<Subject, "name" | "sha256" | "size">[],
): Promise<FoundRelease | null> {
  const found = await client.releaseOf(entity, version).catch((thrown: unknown) => {
    if (thrown instanceof TesError && thrown.code === "release_unknown") return null;
    throw thrown;
  });
  if (found === null || contentOf(found.release.subjects) === contentOf(subjects)) return found;
  const { seq, at } = found.release;
  throw new TesError("release_exists", {
    detail: `${entity}@${version} was published at ${new Date(at).toISOString()}, statement ${seq}. ${differences(found.release.subjects, subjects)}`,
    facts: { seq },
  });
}

/** In words, which files are not the same. */
function differences(
  there: readonly Pick<Subject, "name" | "sha256">[],
  here: readonly Pick<Subject, "name" | "sha256">[],
): string {
  const known = new Map(there.map(({ name, sha256 }) => [name, sha256]));
  const given = new Map(here.map(({ name, sha256 }) => [name, sha256]));
  const changed = [...known].filter(([name, sha256]) => given.has(name) && given.get(name) !== sha256);
  const parts = [
    ["other content", changed.map(([name]) => name)],
    ["only there", [...known.keys()].filter((name) => !given.has(name))],
    ["only here", [...given.keys()].filter((name) => !known.has(name))],
  ] as const;
  const shown = (names: readonly string[]) =>
    names.slice(0, 5).join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
  const said = parts.filter(([, names]) => names.length > 0).map(([what, names]) => `${what}: ${shown(names)}`);
  return `${said.join("; ")}.`;
}

/** The request that publishes what a draft holds. */
export function requestOf({ payloads, signers }: ReleaseDraft, dryRun: boolean): ReleaseRequest {
  const envelopes = payloads.map((payload, i) => ({
    payloadType: IN_TOTO_TYPE,
    payload: toBase64(utf8(payload)),
    signatures: signers.map(({ kid, signatures }) => ({
      keyid: kid,
      sig: toBase64(fromBase64Url(signatures[i]!)!),
    })),
  }));
  const [envelope, ...attestations] = envelopes;
  return {
    envelope: envelope!,
    ...(attestations.length === 0 ? {} : { attestations }),
    ...(dryRun ? { dryRun } : {}),
  };
}

/**
 * Publishes. Two who publish one version at once with the same content both succeed: the second is told that it is there.
 *
 * @throws {TesError} `release_exists`, `artifact_missing`, `signatures_insufficient` and what the client finds
 */
export function publish(client: TesClient, draft: ReleaseDraft): Promise<PublishResult> {
  return client.release(requestOf(draft, false));
}

/**
 * Reads the release back, proves it by its own receipts, and fetches what other people's verifiers need.
 *
 * @throws {TesError} what `releaseOf` finds; `answer_malformed` when a bundle is not of this release
 */
export async function readLogged(client: TesClient, { entity, version }: Target): Promise<Logged> {
  const found = await client.releaseOf(entity, version);
  const [bundles, trustedRoot] = await Promise.all([client.bundles(entity, version), client.trustedRoot()]);
  const texts = new Set(payloadsOf(found.document.release).map((payload) => toBase64(utf8(payload))));
  for (const { bundle } of bundles) {
    const { dsseEnvelope } = bundle as { readonly dsseEnvelope?: { readonly payload?: JsonValue } };
    if (typeof dsseEnvelope?.payload !== "string" || !texts.has(dsseEnvelope.payload)) {
      throw new TesError("answer_malformed", { detail: "A bundle is of another release." });
    }
  }
  return { ...found, bundles, trustedRoot };
}

/** The texts that were signed, as a release's answer has them. */
function payloadsOf(release: JsonValue): string[] {
  const { payload, attestations } = release as unknown as {
    readonly payload: string;
    readonly attestations: readonly { readonly payload: string }[];
  };
  return [payload, ...attestations.map((attestation) => attestation.payload)];
}
