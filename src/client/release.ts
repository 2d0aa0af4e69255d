/**
 * Releases prove themselves: who published which files as which version, when, and that the log holds it. Works
 * offline from a document that holds everything but the pin.
 */

import { fromBase64, fromBase64Url, toBase64, utf8 } from "../core/bytes.ts";
import { pae } from "../core/dsse.ts";
import { TesError } from "../core/errors.ts";
import { sha256 } from "../core/hash.ts";
import type { JsonValue } from "../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../core/keys.ts";
import { ed25519Spki } from "../core/sigstore.ts";
import { parseAnswer, type Receipt } from "../protocol/answers.ts";
import {
  type Attestation,
  contentOf,
  IN_TOTO_TYPE,
  missingBeside,
  type NamedAttestation,
  parseBeside,
  parseRelease,
  type Release,
  type Subject,
} from "../protocol/intoto.ts";
import { isJsonObject } from "../protocol/parse.ts";
import type { ReleaseAnswer } from "../protocol/release-answers.ts";
import { publishersBytes } from "../protocol/releases.ts";
import type { PublishersSetStatement, ReleaseAttested, ReleasePublished } from "../protocol/statements.ts";
import { verifyReceipt } from "./receipt.ts";
import { type Trust, verifyKeys } from "./trust.ts";

/** Media type of a document that proves a release offline. */
export const RELEASE_DOCUMENT_TYPE = "application/vnd.tes.release.v1+json";

/** What {@link verifyRelease} reads: the answers of `…/keys` and of `…/releases/{id}/{version}`, as they came. */
export interface ReleaseDocument {
  readonly mediaType: typeof RELEASE_DOCUMENT_TYPE;
  readonly keys: JsonValue;
  readonly release: JsonValue;
}

/** A publisher whose signature holds. */
export interface ProvenSigner {
  readonly kid: string;
  /** The key, base64url. */
  readonly x: string;
  /** Index of its statement. */
  readonly seq: number;
}

/** An attestation about the same files, by enough publishers. */
export interface ProvenAttestation {
  readonly predicateType: string;
  readonly predicate: JsonValue;
  readonly signers: readonly ProvenSigner[];
}

/** A release that holds. */
export interface ProvenRelease {
  readonly registry: string;
  /** The genesis hash that everything hangs on, hex. */
  readonly genesis: string;
  readonly entity: string;
  readonly version: string;
  /** When the authority took it, milliseconds: its clock, not the publishers'. */
  readonly at: number;
  readonly seq: number;
  /** Size of the tree that proves it, and its origin. */
  readonly log: { readonly origin: string; readonly size: number };
  readonly subjects: readonly Subject[];
  /** The SLSA provenance. */
  readonly provenance: JsonValue;
  readonly signers: readonly ProvenSigner[];
  readonly publishers: {
    readonly revision: number;
    readonly threshold: number;
    readonly keys: number;
    /** The recovery key took part in naming them. */
    readonly recovered: boolean;
  };
  readonly attestations: readonly ProvenAttestation[];
  /** Attestations that the provenance names and that are not here. */
  readonly missingAttestations: readonly NamedAttestation[];
  /** What the answer says of a withdrawal. Only as new as the answer, and proved by nothing in it. */
  readonly yanked: ReleaseAnswer["release"]["yanked"];
}

export interface VerifyReleaseOptions {
  readonly registry: string;
  /** The pinned genesis hash, hex. */
  readonly genesis: string;
}

/** One revision of the publishers of an entity. */
export interface ProvenPublishers {
  readonly statement: PublishersSetStatement;
  /** The recovery key stood for the publishers before. */
  readonly recovered: boolean;
}

const malformed = (detail: string): TesError => new TesError("answer_malformed", { detail });

/**
 * Reads a document. Believes nothing. One with members that it does not know is none: other JSON that holds a document
 * may be anything.
 *
 * @throws answer_malformed
 */
export function parseReleaseDocument(json: JsonValue): ReleaseDocument {
  if (!isJsonObject(json) || json.mediaType !== RELEASE_DOCUMENT_TYPE) throw malformed("It is no release document.");
  const { mediaType: _, keys, release, ...more } = json;
  const [unknown] = Object.keys(more);
  if (unknown !== undefined) throw malformed(`A release document has no member ${JSON.stringify(unknown)}.`);
  if (keys === undefined || release === undefined) throw malformed("A part of the release document is missing.");
  return { mediaType: RELEASE_DOCUMENT_TYPE, keys, release };
}

/**
 * Checks a release offline: the chain of keys from the pinned genesis, the chain of publishers from their first set,
 * each signature under the payload, each statement's place in the log.
 *
 * It trusts the pin, and the authority for what was first (which publishers an entity started with, which release was
 * logged when). It does not tell whether the release was withdrawn since, or a publisher revoked: ask for that.
 *
 * @throws answer_malformed, genesis_mismatch, note_invalid, proof_invalid, signature_invalid, signatures_insufficient,
 *   digest_mismatch, blob_erased
 * @example
 * const release = await verifyRelease(parseReleaseDocument(parseJson(bytes)), { registry: "default", genesis: pin });
 */
export async function verifyRelease(
  document: ReleaseDocument,
  { registry, genesis }: VerifyReleaseOptions,
): Promise<ProvenRelease> {
  const trust = await verifyKeys(document.keys, { registry, genesis });
  return verifyReleaseAnswer(parseAnswer("release", document.release, "answer_malformed"), trust);
}

/** The same for an answer, by keys that are trusted already. */
export async function verifyReleaseAnswer(answer: ReleaseAnswer, trust: Trust): Promise<ProvenRelease> {
  const { entity, version, yanked } = answer.release;
  const history = await verifyPublishers(answer.publishers, entity, trust);
  const main = await verifySigned(
    "release.published",
    answer.receipts,
    answer.payload,
    entity,
    version,
    trust,
    history,
  );
  const release = parseRelease(utf8(answer.payload!));
  const { subjects, scope, predicate } = release;
  if (
    scope.registry !== trust.registry ||
    scope.genesis !== trust.genesis ||
    scope.entity !== entity ||
    scope.version !== version
  ) {
    throw malformed("What was signed is another release.");
  }
  const content = contentOf(subjects);
  if (content !== main.first.content) throw new TesError("digest_mismatch", { detail: "The files signed are others." });
  const attestations: ProvenAttestation[] = [];
  for (const { predicateType, payload, receipts } of answer.attestations) {
    const { signers } = await verifySigned("release.attested", receipts, payload, entity, version, trust, history);
    const attestation = readBeside(utf8(payload!), release);
    if (attestation.predicateType !== predicateType) throw malformed("An attestation is about something else.");
    attestations.push({ predicateType, predicate: attestation.predicate, signers });
  }
  const { first, signers, set, size } = main;
  return {
    registry: trust.registry,
    genesis: trust.genesis,
    entity,
    version,
    at: first.at,
    seq: first.seq,
    log: { origin: trust.origin, size },
    subjects,
    provenance: predicate,
    signers,
    publishers: {
      revision: set.statement.revision,
      threshold: set.statement.threshold,
      keys: set.statement.keys.length,
      recovered: history.slice(0, set.statement.revision).some(({ recovered }) => recovered),
    },
    attestations,
    missingAttestations: missingBeside(
      release,
      answer.attestations.map(({ payload }) => utf8(payload!)),
    ),
    yanked,
  };
}

/** @throws answer_malformed */
function readBeside(payload: Uint8Array, release: Release): Attestation {
  try {
    return parseBeside(payload, release);
  } catch (cause) {
    throw new TesError("answer_malformed", { detail: "An attestation does not belong to the release.", cause });
  }
}

/**
 * Checks how an entity came by its publishers: each revision was signed by as many of those before it as they asked
 * for, and by every new one.
 *
 * @returns all revisions, oldest first
 * @throws proof_invalid, note_invalid, signature_invalid, signatures_insufficient, answer_malformed
 */
export async function verifyPublishers(
  receipts: readonly Receipt[],
  entity: string,
  trust: Trust,
): Promise<readonly ProvenPublishers[]> {
  const history: ProvenPublishers[] = [];
  const recovery = { kid: ed25519Kid(trust.recovery), x: trust.recovery };
  for (const json of receipts) {
    const { statement } = await verifyReceipt(json, trust);
    const before = history.at(-1)?.statement;
    if (statement.type !== "publishers.set" || statement.entity !== entity) throw malformed("It names no publishers.");
    if (statement.revision !== history.length + 1 || statement.seq <= (before?.seq ?? -1)) {
      throw malformed("A revision of the publishers is missing.");
    }
    const known = new Map([recovery, ...(before?.keys ?? []), ...statement.keys].map((key) => [key.kid, key.x]));
    const bytes = publishersBytes(trust, statement, before ?? null);
    for (const { kid, signature } of statement.signatures) {
      const x = known.get(kid);
      if (x === undefined || ed25519Kid(x) !== kid) throw new TesError("key_unknown", { detail: kid });
      const key = await importEd25519Public(x);
      if (!(await crypto.subtle.verify("Ed25519", key, fromBase64Url(signature)!, bytes))) {
        throw new TesError("signature_invalid", { detail: `A set of publishers, by ${kid}.` });
      }
    }
    const signed = new Set(statement.signatures.map(({ kid }) => kid));
    const old = new Set(before?.keys.map(({ kid }) => kid));
    const agreed = [...old].filter((kid) => signed.has(kid)).length;
    const recovered = before !== undefined && agreed < before.threshold && signed.has(recovery.kid);
    const enough = before === undefined || recovered || agreed >= before.threshold;
    if (!enough || statement.keys.some(({ kid }) => !old.has(kid) && !signed.has(kid))) {
      throw new TesError("signatures_insufficient", { detail: `Revision ${statement.revision} of the publishers.` });
    }
    history.push({ statement, recovered });
  }
  return history;
}

/** Every signature under one payload. */
async function verifySigned<T extends "release.published" | "release.attested">(
  type: T,
  receipts: readonly Receipt[],
  payload: string | null,
  entity: string,
  version: string,
  trust: Trust,
  history: readonly ProvenPublishers[],
): Promise<{
  readonly first: Extract<ReleasePublished | ReleaseAttested, { readonly type: T }>;
  readonly signers: readonly ProvenSigner[];
  readonly set: ProvenPublishers;
  readonly size: number;
}> {
  if (payload === null) throw new TesError("blob_erased", { detail: "What was signed is not kept any more." });
  const bytes = pae(IN_TOTO_TYPE, utf8(payload));
  const digest = toBase64(sha256(bytes));
  const statements: Extract<ReleasePublished | ReleaseAttested, { readonly type: T }>[] = [];
  const signers: ProvenSigner[] = [];
  let size = 0;
  for (const json of receipts) {
    const { statement, checkpoint } = await verifyReceipt(json, trust);
    if (statement.type !== type || !("signer" in statement)) throw malformed("A receipt is of another statement.");
    if (statement.entity !== entity || statement.version !== version) throw malformed("It is another release.");
    const { data, signature } = statement.spec.hashedRekordV002;
    if (data.digest !== digest) throw new TesError("digest_mismatch", { detail: "What was signed is another text." });
    const key = setAt(history, statement.seq).statement.keys.find(({ kid }) => kid === statement.signer);
    if (key === undefined || ed25519Kid(key.x) !== key.kid) {
      throw new TesError("signatures_insufficient", { detail: `${statement.signer} was no publisher then.` });
    }
    if (signature.verifier.publicKey.rawBytes !== toBase64(ed25519Spki(fromBase64Url(key.x)!))) {
      throw new TesError("key_unknown", { detail: "The statement names another key than its signer's." });
    }
    const verifier = await importEd25519Public(key.x);
    if (!(await crypto.subtle.verify("Ed25519", verifier, fromBase64(signature.content)!, bytes))) {
      throw new TesError("signature_invalid", { detail: `That of the publisher ${key.kid}.` });
    }
    statements.push(statement as (typeof statements)[number]);
    signers.push({ kid: key.kid, x: key.x, seq: statement.seq });
    size = Math.max(size, checkpoint.size);
  }
  const [first] = statements;
  if (first === undefined) throw malformed("A release has a receipt.");
  const set = setAt(history, first.seq);
  const distinct = new Set(signers.map(({ kid }) => kid)).size;
  if (distinct < set.statement.threshold || distinct !== statements.length || first.part.of !== distinct) {
    throw new TesError("signatures_insufficient", { detail: `${distinct} of ${set.statement.threshold}.` });
  }
  return { first, signers, set, size };
}

/** The publishers that an entity had just before an index. */
function setAt(history: readonly ProvenPublishers[], seq: number): ProvenPublishers {
  const set = history.findLast(({ statement }) => statement.seq < seq);
  if (set === undefined) throw new TesError("signatures_insufficient", { detail: "It had no publishers then." });
  return set;
}

/** A file of a release: found by its digest; a name alone proves nothing. */
export interface FileDigests {
  /** Hex. */
  readonly sha256: string;
  readonly sha512?: string | undefined;
  readonly size: number;
}

/**
 * The subject that a file is. A file that has the name of one of the release's files has to be that one; under a name
 * that the release does not have, it is found by its digest.
 *
 * @param name what the file is called. Compare it with that of the subject: where they differ, say so
 * @throws digest_mismatch for a file of that name with other content, artifact_unknown for one that is no part of it
 */
export function findSubject(
  { subjects, entity, version }: Pick<ProvenRelease, "subjects" | "entity" | "version">,
  file: FileDigests,
  name: string,
): Subject {
  const same = subjects.filter(
    (subject) =>
      subject.sha256 === file.sha256 &&
      subject.size === file.size &&
      (file.sha512 === undefined || subject.sha512 === file.sha512),
  );
  if (subjects.some((subject) => subject.name === name)) {
    const named = same.find((subject) => subject.name === name);
    if (named !== undefined) return named;
    const as = same[0] === undefined ? "" : `: this is its ${same[0].name}`;
    throw new TesError("digest_mismatch", { detail: `${entity}@${version} has another ${name}${as}.` });
  }
  if (same[0] !== undefined) return same[0];
  throw new TesError("artifact_unknown", { detail: `${entity}@${version} has no such file.` });
}
