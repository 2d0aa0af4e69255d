/**
 * Reads back the Sigstore bundles that `createBundle` makes: v0.3, a DSSE envelope with one signature, one log entry of
 * kind hashedrekord 0.0.2 with promise and proof. Strictly: what two readers could take differently is refused.
 */

import { type Bytes, equalBytes, fromBase64, toBase64, toBase64Url, toHex } from "./bytes.ts";
import { canonicalBytes } from "./canonical-json.ts";
import { parseCheckpointBody } from "./checkpoint.ts";
import { type Envelope, pae, parseEnvelope } from "./dsse.ts";
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES } from "./ed25519.ts";
import { type ErrorCode, TesError, toTesError } from "./errors.ts";
import { sha256 } from "./hash.ts";
import { type JsonObject, type JsonValue, parseJson } from "./json.ts";
import { ed25519Kid } from "./keys.ts";
import { MAX_BUNDLE_BYTES, MAX_STATEMENT_BYTES } from "./limits.ts";
import { HASH_BYTES, leafHash, verifyInclusion } from "./merkle.ts";
import { parseNote } from "./notes.ts";
import { BUNDLE_TYPE, ed25519Spki } from "./sigstore.ts";

/**
 * A bundle, taken apart. It fits together, and that is all: who its log is and whose its key is, somebody else has to
 * know, and no signature was looked at.
 */
export interface OpenedBundle {
  /** One signature. */
  readonly envelope: Envelope;
  /** Who signed: the thumbprint of `publicKey`. */
  readonly signer: string;
  /** Ed25519, 32 bytes, as the statement has it. */
  readonly publicKey: Bytes;
  /** What the log holds, its place there, and the head: what a receipt is. */
  readonly receipt: {
    readonly statement: JsonObject;
    /** `proof`: hashes as base64. */
    readonly inclusion: { readonly index: number; readonly size: number; readonly proof: readonly string[] };
    /** A signed note with one signature. */
    readonly checkpoint: string;
  };
  readonly origin: string;
  /** Full SHA-256 of the log's key, hex. */
  readonly logId: string;
  /** Seconds. */
  readonly integratedTime: number;
  /** The log's signature over body, index, time and log id. */
  readonly promise: Bytes;
}

const refuse = (code: ErrorCode, field: string, detail: string, cause?: unknown): TesError =>
  new TesError(code, { field, detail, cause });
const invalid = (field: string, detail: string, cause?: unknown) => refuse("bundle_invalid", field, detail, cause);

function objectOf(json: JsonValue | undefined, members: readonly string[], at: string): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid(at, "a JSON object");
  const unknown = Object.keys(json).find((key) => !members.includes(key));
  if (unknown !== undefined) throw invalid(at, "a member that such a bundle does not have");
  return json;
}

function textOf(json: JsonValue | undefined, at: string): string {
  if (typeof json !== "string") throw invalid(at, "a string");
  return json;
}

/** protobuf writes 64-bit integers as strings. */
function countOf(json: JsonValue | undefined, at: string): number {
  const text = textOf(json, at);
  const count = /^(?:0|[1-9][0-9]*)$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(count)) throw invalid(at, "an integer from 0 to 2^53 − 1, as a string");
  return count;
}

function bytesOf(json: JsonValue | undefined, at: string, length?: number): Bytes {
  const bytes = fromBase64(textOf(json, at));
  if (bytes === null) throw invalid(at, "base64 with padding");
  if (length !== undefined && bytes.length !== length) throw invalid(at, `${length} bytes`);
  return bytes;
}

function jsonOf(bytes: Uint8Array, at: string): JsonValue {
  try {
    return parseJson(bytes);
  } catch (cause) {
    throw invalid(at, `it is no JSON that means one thing: ${toTesError(cause).code}`, cause);
  }
}

/** Runs a reader of something inside, whose own refusal then names this place. */
function within<T>(at: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw invalid(at, toTesError(cause).detail ?? toTesError(cause).code, cause);
  }
}

/**
 * @throws bundle_unsupported for bundles that others make: of other versions, of certificates, of plain files
 * @throws bundle_invalid
 * @example
 * const { receipt, envelope } = parseBundle(bytes);
 */
export function parseBundle(bytes: Uint8Array): OpenedBundle {
  if (bytes.length > MAX_BUNDLE_BYTES) throw invalid("", `at most ${MAX_BUNDLE_BYTES} bytes`);
  const json = jsonOf(bytes, "");
  const { verificationMaterial, dsseEnvelope } = supported(json);
  const { publicKey, tlogEntries } = objectOf(
    verificationMaterial,
    ["publicKey", "tlogEntries"],
    "/verificationMaterial",
  );
  const signer = textOf(objectOf(publicKey, ["hint"], HINT).hint, `${HINT}/hint`);
  if (!Array.isArray(tlogEntries) || tlogEntries.length !== 1) throw invalid(ENTRIES, "one entry");
  const entry = parseEntry(tlogEntries[0]!);
  const envelope = within("/dsseEnvelope", () => parseEnvelope(dsseEnvelope ?? null));
  const signedBy = holdTogether(envelope, signer, entry);
  const { origin, receipt, logId, integratedTime, promise } = entry;
  return { envelope, signer, publicKey: signedBy, receipt, origin, logId, integratedTime, promise };
}

const HINT = "/verificationMaterial/publicKey";
const ENTRIES = "/verificationMaterial/tlogEntries";
const ENTRY = `${ENTRIES}/0`;
const PROOF = `${ENTRY}/inclusionProof`;
const BODY = `${ENTRY}/canonicalizedBody`;

/** Tells what is another kind of bundle from what is none. */
function supported(json: JsonValue): JsonObject {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid("", "a JSON object");
  const unsupported = (at: string, detail: string) => refuse("bundle_unsupported", at, detail);
  const { mediaType, verificationMaterial } = json;
  if (mediaType !== BUNDLE_TYPE) throw unsupported("/mediaType", `only ${BUNDLE_TYPE}`);
  if ("messageSignature" in json) throw unsupported("/messageSignature", "only DSSE envelopes");
  if (typeof verificationMaterial === "object" && verificationMaterial !== null) {
    for (const kind of ["certificate", "x509CertificateChain", "timestampVerificationData"]) {
      const at = `/verificationMaterial/${kind}`;
      if (kind in verificationMaterial) throw unsupported(at, "only public keys and the time of their log");
    }
  }
  return objectOf(json, ["mediaType", "verificationMaterial", "dsseEnvelope"], "");
}

function parseEntry(json: JsonValue) {
  const members = [
    "logIndex",
    "logId",
    "kindVersion",
    "integratedTime",
    "inclusionPromise",
    "inclusionProof",
    "canonicalizedBody",
  ];
  const entry = objectOf(json, members, ENTRY);
  const { kind, version } = objectOf(entry.kindVersion, ["kind", "version"], `${ENTRY}/kindVersion`);
  if (kind !== "hashedrekord" || version !== "0.0.2") {
    throw refuse("bundle_unsupported", `${ENTRY}/kindVersion`, "only hashedrekord 0.0.2");
  }
  const logId = bytesOf(objectOf(entry.logId, ["keyId"], `${ENTRY}/logId`).keyId, `${ENTRY}/logId/keyId`, HASH_BYTES);
  const promise = objectOf(entry.inclusionPromise, ["signedEntryTimestamp"], `${ENTRY}/inclusionPromise`);
  const body = bytesOf(entry.canonicalizedBody, BODY);
  const statement = statementOf(body);
  const { origin, keyHash, ...receipt } = parseProof(entry.inclusionProof, statement, body);
  // C2SP names a key by the beginning of what names it here.
  if (!equalBytes(keyHash, logId.slice(0, keyHash.length)))
    throw invalid(`${ENTRY}/logId`, "the log of the checkpoint");
  const integratedTime = countOf(entry.integratedTime, `${ENTRY}/integratedTime`);
  if (
    countOf(entry.logIndex, `${ENTRY}/logIndex`) !== receipt.inclusion.index ||
    receipt.inclusion.index !== statement.seq
  ) {
    throw invalid(`${ENTRY}/logIndex`, "index, proof and statement name one place");
  }
  if (integratedTime !== Math.floor(Number(statement.at) / 1000)) {
    throw invalid(`${ENTRY}/integratedTime`, "the second of the statement");
  }
  return {
    origin,
    receipt,
    logId: toHex(logId),
    integratedTime,
    promise: bytesOf(
      promise.signedEntryTimestamp,
      `${ENTRY}/inclusionPromise/signedEntryTimestamp`,
      ED25519_SIGNATURE_BYTES,
    ),
  };
}

function statementOf(body: Bytes): JsonObject {
  if (body.length > MAX_STATEMENT_BYTES) throw invalid(BODY, `at most ${MAX_STATEMENT_BYTES} bytes`);
  const statement = jsonOf(body, BODY);
  if (typeof statement !== "object" || statement === null || Array.isArray(statement)) {
    throw invalid(BODY, "a JSON object");
  }
  if (!equalBytes(canonicalBytes(statement), body)) throw invalid(BODY, "canonical JSON (RFC 8785)");
  return statement;
}

/** The proof leads from the statement to the root, and the root is the checkpoint's. */
function parseProof(json: JsonValue | undefined, statement: JsonObject, body: Bytes) {
  const members = ["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"];
  const { logIndex, rootHash, treeSize, hashes, checkpoint } = objectOf(json, members, PROOF);
  const [index, size] = [countOf(logIndex, `${PROOF}/logIndex`), countOf(treeSize, `${PROOF}/treeSize`)];
  const root = bytesOf(rootHash, `${PROOF}/rootHash`, HASH_BYTES);
  if (!Array.isArray(hashes) || hashes.length > 64) throw invalid(`${PROOF}/hashes`, "at most 64 hashes");
  const proof = hashes.map((hash: JsonValue, i) => bytesOf(hash, `${PROOF}/hashes/${i}`, HASH_BYTES));
  within(PROOF, () => verifyInclusion({ leaf: leafHash(body), index, size, proof, root }));
  const at = `${PROOF}/checkpoint`;
  const envelope = textOf(objectOf(checkpoint, ["envelope"], at).envelope, `${at}/envelope`);
  const note = within(at, () => parseNote(envelope));
  const head = within(at, () => parseCheckpointBody(note.text));
  const [line, ...more] = note.signatures;
  if (more.length > 0 || line!.name !== head.origin) throw invalid(at, "one signature, under the name of its log");
  if (head.size !== size || !equalBytes(head.root, root)) throw invalid(at, "the head that the proof leads to");
  return {
    origin: head.origin,
    keyHash: line!.keyHash,
    statement,
    inclusion: { index, size, proof: proof.map(toBase64) },
    checkpoint: envelope,
  };
}

/** The statement is a hashedrekord of this envelope, by the key that everything names. */
function holdTogether(envelope: Envelope, signer: string, { receipt }: ReturnType<typeof parseEntry>): Bytes {
  const [signature, ...more] = envelope.signatures;
  if (more.length > 0) throw invalid("/dsseEnvelope/signatures", "one signature");
  const { statement } = receipt;
  const rekord = within(BODY, () => rekordOf(statement));
  if (statement.apiVersion !== "0.0.2" || statement.kind !== "hashedrekord") throw invalid(BODY, "hashedrekord 0.0.2");
  if (!equalBytes(rekord.digest, sha256(pae(envelope.payloadType, envelope.payload)))) {
    throw invalid(BODY, "the digest of the envelope");
  }
  if (!equalBytes(rekord.signature, signature!.sig)) throw invalid(BODY, "the signature of the envelope");
  const kid = ed25519Kid(toBase64Url(rekord.publicKey));
  if (kid !== signer || signature!.keyid !== kid || statement.signer !== kid) {
    throw invalid(HINT, "hint, envelope and statement name the key of the signature");
  }
  return rekord.publicKey;
}

function rekordOf(statement: JsonObject) {
  const spec = objectOf(statement.spec, ["hashedRekordV002"], `${BODY}/spec`);
  const { data, signature } = objectOf(spec.hashedRekordV002, ["data", "signature"], `${BODY}/spec`);
  const { algorithm, digest } = objectOf(data, ["algorithm", "digest"], `${BODY}/data`);
  const { content, verifier } = objectOf(signature, ["content", "verifier"], `${BODY}/signature`);
  const { keyDetails, publicKey } = objectOf(verifier, ["keyDetails", "publicKey"], `${BODY}/verifier`);
  if (algorithm !== "SHA2_256" || keyDetails !== "PKIX_ED25519") throw invalid(BODY, "SHA-256 and Ed25519");
  const spki = bytesOf(objectOf(publicKey, ["rawBytes"], `${BODY}/publicKey`).rawBytes, `${BODY}/publicKey`);
  const raw = spki.slice(-ED25519_KEY_BYTES);
  if (!equalBytes(spki, ed25519Spki(raw))) throw invalid(BODY, "an Ed25519 key");
  return {
    digest: bytesOf(digest, BODY, HASH_BYTES),
    signature: bytesOf(content, BODY, ED25519_SIGNATURE_BYTES),
    publicKey: raw,
  };
}
