/**
 * Sigstore's formats, as far as they carry our releases to verifiers that know nothing of TES: bundles v0.3
 * (sigstore_bundle.proto), Rekor v2's hashedrekord 0.0.2, and trusted_root.json (sigstore_trustroot.proto).
 */

import { type Bytes, concat, fromHex, toBase64, toHex, utf8 } from "./bytes.ts";
import { canonicalBytes } from "./canonical-json.ts";
import { sha256 } from "./hash.ts";

export const BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const TRUSTED_ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";

/** What comes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410 section 4). */
const ED25519_SPKI_PREFIX = fromHex("302a300506032b6570032100")!;

/** An Ed25519 public key (32 bytes) as SubjectPublicKeyInfo, DER (RFC 8410): 44 bytes. */
export function ed25519Spki(publicKey: Uint8Array): Bytes {
  return concat(ED25519_SPKI_PREFIX, publicKey);
}

/**
 * The body of a hashedrekord entry 0.0.2 over a DSSE envelope.
 *
 * @param digest SHA-256 of the envelope's pre-authentication encoding
 */
export function hashedRekord({
  digest,
  signature,
  publicKey,
}: {
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly publicKey: Uint8Array;
}) {
  const verifier = {
    keyDetails: "PKIX_ED25519" as const,
    publicKey: { rawBytes: toBase64(ed25519Spki(publicKey)) },
  };
  return {
    apiVersion: "0.0.2" as const,
    kind: "hashedrekord" as const,
    spec: {
      hashedRekordV002: {
        data: { algorithm: "SHA2_256" as const, digest: toBase64(digest) },
        signature: { content: toBase64(signature), verifier },
      },
    },
  };
}

/** A log as Sigstore knows it. */
export interface TransparencyLog {
  readonly origin: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** SHA-256(origin ‖ "\n" ‖ 0x01 ‖ public key): its first four bytes are the key hash of C2SP checkpoints. */
  readonly logId: Bytes;
  /** When the first entry came that this key may speak of, milliseconds. */
  readonly from: number;
  /** When the last one came. Absent: the key is in use. */
  readonly until?: number;
}

export function logOf(log: Omit<TransparencyLog, "logId">): TransparencyLog {
  const { origin, publicKey } = log;
  return { ...log, logId: sha256(concat(utf8(`${origin}\n`), new Uint8Array([1]), publicKey)) };
}

/** A time as RFC 3339, cut to the second that an entry of that time is integrated in. */
const second = (at: number): string => new Date(1000 * integratedTime(at)).toISOString();

/** The trusted_root.json that lets Sigstore's verifiers believe these logs. */
export function trustedRoot(logs: readonly TransparencyLog[]) {
  return {
    mediaType: TRUSTED_ROOT_TYPE,
    tlogs: logs.map(({ origin, publicKey, logId, from, until }) => ({
      baseUrl: `https://${origin}`,
      hashAlgorithm: "SHA2_256",
      publicKey: {
        rawBytes: toBase64(ed25519Spki(publicKey)),
        keyDetails: "PKIX_ED25519",
        validFor: { start: second(from), ...(until === undefined ? {} : { end: second(until) }) },
      },
      logId: { keyId: toBase64(logId) },
    })),
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  };
}

/** Whole seconds at which a statement counts as integrated. */
const integratedTime = (at: number): number => Math.floor(at / 1000);

/**
 * The bytes of a signed entry timestamp: the log's promise that it has the entry.
 *
 * @param body the statement in canonical bytes
 */
export function entryTimestampBytes(
  body: Uint8Array,
  { seq, at }: { readonly seq: number; readonly at: number },
  { logId }: Pick<TransparencyLog, "logId">,
): Bytes {
  return canonicalBytes({
    body: toBase64(body),
    integratedTime: integratedTime(at),
    logID: toHex(logId),
    logIndex: seq,
  });
}

export interface BundleParts {
  /** A statement that is at once a hashedrekord body. */
  readonly statement: {
    readonly seq: number;
    /** Milliseconds. */
    readonly at: number;
    readonly signer: string;
    readonly spec: { readonly hashedRekordV002: { readonly signature: { readonly content: string } } };
  };
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly inclusion: { readonly index: number; readonly size: number; readonly proof: readonly Uint8Array[] };
  /** The root above the proof. */
  readonly root: Uint8Array;
  /** A signed note with one signature. */
  readonly checkpoint: string;
  readonly log: TransparencyLog;
  /** Ed25519 by the log's key. */
  readonly sign: (bytes: Bytes) => Promise<ArrayBuffer>;
}

/** A bundle v0.3 with a public key hint: whoever verifies it brings the publisher's key and the trusted root. */
export async function createBundle(parts: BundleParts) {
  const { statement, payloadType, payload, inclusion, root, checkpoint, log, sign } = parts;
  const body = canonicalBytes(statement);
  const promise = new Uint8Array(await sign(entryTimestampBytes(body, statement, log)));
  return {
    mediaType: BUNDLE_TYPE,
    verificationMaterial: {
      publicKey: { hint: statement.signer },
      tlogEntries: [
        {
          logIndex: String(statement.seq),
          logId: { keyId: toBase64(log.logId) },
          kindVersion: { kind: "hashedrekord", version: "0.0.2" },
          integratedTime: String(integratedTime(statement.at)),
          inclusionPromise: { signedEntryTimestamp: toBase64(promise) },
          inclusionProof: {
            logIndex: String(inclusion.index),
            rootHash: toBase64(root),
            treeSize: String(inclusion.size),
            hashes: inclusion.proof.map(toBase64),
            checkpoint: { envelope: checkpoint },
          },
          canonicalizedBody: toBase64(body),
        },
      ],
    },
    dsseEnvelope: {
      payloadType,
      payload: toBase64(payload),
      signatures: [{ keyid: statement.signer, sig: statement.spec.hashedRekordV002.signature.content }],
    },
  };
}
