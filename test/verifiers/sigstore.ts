/**
 * Sigstore's own verifier, unmodified, on default thresholds. Runs as it is in Node, in Bun, and in workerd.
 *
 * It imports nothing of the product: what it is given is what somebody finds in files.
 */

import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type KeyFinderFunc, toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";

/** A publisher's key, and when it was one: both ends in milliseconds, none for one that still is. */
export interface KnownKey {
  readonly kid: string;
  readonly x: string;
  readonly from: number;
  readonly until?: number;
}

export interface SigstoreCase {
  readonly name: string;
  /** As JSON. */
  readonly bundle: unknown;
  readonly trustedRoot: unknown;
  readonly keys: readonly KnownKey[];
}

/** null: accepted. Else its code and message. */
export type SigstoreVerdict = string | null;

const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

function finderOf(keys: readonly KnownKey[]): KeyFinderFunc {
  return (hint) => {
    const known = keys.filter(({ kid }) => kid === hint);
    const [key] = known;
    if (key === undefined) throw new Error(`no publisher is ${hint}`);
    const der = Buffer.concat([SPKI_PREFIX, Buffer.from(key.x, "base64url")]);
    // The finder that the verifier makes of plain keys has the function by which this one becomes a key object.
    const plain = toTrustMaterial(NOTHING, { [hint]: { rawBytes: der, keyDetails: 7, validFor: undefined } });
    const { publicKey } = plain.publicKey(hint);
    const validFor = (date: Date) =>
      known.some(({ from, until }) => from <= date.getTime() && date.getTime() <= (until ?? Number.POSITIVE_INFINITY));
    return { publicKey, validFor };
  };
}

const NOTHING = TrustedRoot.fromJSON({ mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1" });

/** Verifies one bundle as somebody would who has the trusted root and the publishers' keys. */
export function verifyWithSigstore({ bundle, trustedRoot, keys }: SigstoreCase): SigstoreVerdict {
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(trustedRoot), finderOf(keys));
    new Verifier(material).verify(toSignedEntity(bundleFromJSON(bundle)));
    return null;
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    return `${code ?? "ERROR"}: ${message}`;
  }
}
