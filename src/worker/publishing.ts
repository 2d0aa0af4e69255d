/** The writes of publishers: their set, a release, its withdrawal. Signatures are checked here, before the queue. */

import { type Bytes, decodeUtf8, fromBase64Url } from "../core/bytes.ts";
import { type Envelope, pae, parseEnvelope } from "../core/dsse.ts";
import { TesError } from "../core/errors.ts";
import { sha256 } from "../core/hash.ts";
import { ed25519Kid, importEd25519Public } from "../core/keys.ts";
import { MAX_ATTESTATION_BYTES } from "../core/limits.ts";
import { hashedRekord } from "../core/sigstore.ts";
import type { Receipt } from "../protocol/answers.ts";
import { parseEntityId } from "../protocol/ids.ts";
import {
  checkNewFiles,
  contentOf,
  IN_TOTO_TYPE,
  missingBeside,
  parseBeside,
  parseRelease,
  storedFiles,
} from "../protocol/intoto.ts";
import {
  parseArtifactRequest,
  parsePublishersRequest,
  parseReleaseRequest,
  parseYankRequest,
} from "../protocol/release-requests.ts";
import { publishersBytes } from "../protocol/releases.ts";
import { type AttestCommand, type Command, decide, type PublishCommand } from "../registry/decide.ts";
import { digestIn } from "./reads.ts";
import { releaseKeyOf } from "./releases.ts";
import { authorise, blobOf, type Handler, keyed, type RouteContext, writeOne } from "./route.ts";
import { sayJson } from "./sign-response.ts";
import type { StoredBlob } from "./store.ts";

/** A public key that signed something. */
interface Signer {
  readonly kid: string;
  readonly x: string;
}

async function checkSignature({ kid, x }: Signer, signature: Uint8Array<ArrayBuffer>, bytes: Uint8Array<ArrayBuffer>) {
  if (ed25519Kid(x) !== kid) throw new TesError("key_unknown", { detail: `${kid} is not the id of its key` });
  if (!(await crypto.subtle.verify("Ed25519", await importEd25519Public(x), signature, bytes))) {
    // The sender's, and not one of ours that was changed on the way: `signature_invalid` is what clients find.
    throw new TesError("signatures_insufficient", { detail: `the signature of ${kid} is not over this` });
  }
}

export const setPublishers: Handler = async (context) => {
  const entity = parseEntityId(context.params.entity!, "entity").id;
  const { rows } = context.ledger;
  const current = rows.publishers(entity);
  // The first set is an admin's to name; from then on the signatures decide, and the token only carries them.
  const by = authorise(context.claims, current === undefined ? "admin" : { verb: "release", entity });
  const set = { entity, ...parsePublishersRequest(context.json) };
  const registry = rows.registry()!;
  const known = new Map([...(current?.keys ?? []), ...set.keys, registry.recovery].map((key) => [key.kid, key]));
  const bytes = publishersBytes(registry, set, current ?? null);
  // What is so already is signed over the set before it, and nothing will be written; another revision is told first.
  const isNew = decide(rows, { kind: "publishers", ...set }) !== null;
  for (const { kid, signature } of isNew ? set.signatures : []) {
    const signer = known.get(kid);
    if (signer === undefined) {
      throw new TesError("key_unknown", { field: "/signatures", detail: `${kid} is neither in the set nor before it` });
    }
    await checkSignature(signer, fromBase64Url(signature)!, bytes);
  }
  for (const { kid, x } of set.keys) {
    if (ed25519Kid(x) !== kid) throw new TesError("key_unknown", { field: "/keys", detail: `${kid} is another key's` });
  }
  const [receipt] = await context.writer.submit({
    commands: [{ kind: "publishers", ...set }],
    by,
    now: context.now,
    idempotency: keyed(context),
  });
  return sayJson({ receipt: receipt ?? null });
};

/** An envelope whose signatures hold, by publishers of the entity. */
interface Signed {
  readonly envelope: Envelope;
  readonly blob: StoredBlob;
  readonly signers: readonly string[];
  /** One for each signer, in the order of the envelope. */
  readonly parts: readonly PublishCommand["signed"][];
}

/** Reads an envelope as far as its payload. @throws envelope_invalid, attestation_too_large */
function openEnvelope(json: Parameters<typeof parseEnvelope>[0]): Envelope {
  const envelope = parseEnvelope(json);
  if (envelope.payloadType !== IN_TOTO_TYPE) {
    throw new TesError("envelope_invalid", { field: "/payloadType", detail: `it is ${IN_TOTO_TYPE}` });
  }
  if (envelope.payload.length > MAX_ATTESTATION_BYTES) {
    throw new TesError("attestation_too_large", { detail: `${envelope.payload.length} bytes` });
  }
  return envelope;
}

/** @throws publishers_missing, signatures_insufficient */
async function checkEnvelope(context: RouteContext, entity: string, envelope: Envelope): Promise<Signed> {
  const publishers = context.ledger.rows.publishers(entity);
  if (publishers === undefined) throw new TesError("publishers_missing", { detail: entity });
  const known = new Map(publishers.keys.map((key) => [key.kid, key]));
  const bytes = pae(envelope.payloadType, envelope.payload);
  const digest = sha256(bytes);
  // The digest of the text alone would name it the same again; with its salt, an erased one can be told by nobody.
  const blob = blobOf(decodeUtf8(envelope.payload));
  const of = envelope.signatures.length;
  const parts: PublishCommand["signed"][] = [];
  for (const [index, { keyid, sig }] of envelope.signatures.entries()) {
    const signer = known.get(keyid);
    if (signer === undefined) {
      throw new TesError("signatures_insufficient", { detail: `${keyid} is not one of the publishers of ${entity}` });
    }
    await checkSignature(signer, sig, bytes);
    const body = hashedRekord({ digest, signature: sig, publicKey: fromBase64Url(signer.x)! });
    parts.push({ ...body, signer: keyid, part: { index, of }, payload: { digest: blob.digest } });
  }
  const signers = envelope.signatures.map(({ keyid }) => keyid);
  if (new Set(signers).size !== of) {
    throw new TesError("envelope_invalid", { field: "/signatures", detail: "a publisher signed twice" });
  }
  return { envelope, blob, signers, parts };
}

export const publish: Handler = async (context) => {
  const request = parseReleaseRequest(context.json);
  const envelope = openEnvelope(request.envelope);
  const release = parseRelease(envelope.payload);
  const { subjects, scope } = release;
  checkNewFiles(subjects);
  const { entity, version } = scope;
  const by = authorise(context.claims, { verb: "release", entity });
  const { rows } = context.ledger;
  const { registry, genesis } = rows.registry()!;
  if (scope.registry !== registry || scope.genesis !== genesis) {
    throw new TesError("invalid_field", { field: "/envelope/payload", detail: "it was signed for another registry" });
  }
  const signed = await checkEnvelope(context, entity, envelope);
  const content = contentOf(subjects);
  const handedOut = context.store.handedOut(entity, version);
  const base = { kind: "publish", entity, version, content, files: subjects.length, handedOut } as const;
  const commands: (PublishCommand | AttestCommand)[] = signed.parts.map((part) => ({
    ...base,
    signed: part,
    signers: signed.signers,
  }));
  const blobs = [signed.blob];
  const beside: Bytes[] = [];
  for (const json of request.attestations ?? []) {
    const further = await checkEnvelope(context, entity, openEnvelope(json));
    const { predicateType } = parseBeside(further.envelope.payload, release);
    beside.push(further.envelope.payload);
    for (const part of further.parts) {
      commands.push({
        kind: "attest",
        entity,
        version,
        predicateType,
        signed: part,
        signers: further.signers,
        release: signed.blob.digest,
      });
    }
    blobs.push(further.blob);
  }
  const [missing] = missingBeside(release, beside);
  if (missing !== undefined) {
    throw new TesError("invalid_field", {
      field: "/attestations",
      detail: `the provenance names ${missing.name} with the SHA-256 ${missing.sha256}, and it did not come`,
    });
  }
  const artifacts = storedFiles(subjects);
  const said = { entity, version, content };
  if (request.dryRun === true) {
    const first = decide(rows, commands[0]!);
    context.ledger.checkArtifacts(artifacts);
    return sayJson({ dryRun: true, ...said, already: first === null, receipts: [] });
  }
  const receipts = await context.writer.submit({
    commands,
    by,
    now: context.now,
    idempotency: keyed(context),
    blobs,
    artifacts,
  });
  // Nothing was written: it is there, with this very content.
  const already = receipts.length === 0;
  return sayJson({ dryRun: false, ...said, already, receipts: already ? await published(context, said) : receipts });
};

function published({ ledger, writer }: RouteContext, { entity, version }: { entity: string; version: string }) {
  const row = ledger.rows.release(entity, version)!;
  return Promise.all([...row.statements, ...row.attested].map((seq): Promise<Receipt> => writer.receipt(seq)));
}

export const beginArtifact: Handler = async ({ claims, params, json, host, now }) =>
  sayJson(await host.shelf.begin(claims, digestIn(params), parseArtifactRequest(json).size, now));

/** What the Worker has done by now: it took a part, or put them all together. */
export const artifactStanding: Handler = ({ claims, params, host }) => {
  if (params.n !== undefined && !/^[1-9][0-9]{0,4}$/.test(params.n)) {
    throw new TesError("upload_invalid", { detail: "Parts are counted from 1." });
  }
  const answer = host.shelf.standing(claims, digestIn(params));
  // A request that the Worker did not act on (another spelling of the path, another way to the object) did nothing.
  if (params.n === undefined ? answer.state !== "stored" : !answer.parts.includes(Number(params.n))) {
    throw new TesError("upload_invalid", { detail: "Nothing of it came to storage." });
  }
  return sayJson(answer);
};

const withdraw =
  (kind: "yank" | "unyank"): Handler =>
  (context) => {
    const { entity, version } = releaseKeyOf(context.params);
    const { reason } = parseYankRequest(context.json);
    const blob = reason === undefined ? undefined : blobOf(reason);
    const command: Command = { kind, entity, version, reason: blob };
    return writeOne(context, command, blob, { verb: "release", entity });
  };

export const yank = withdraw("yank");
export const unyank = withdraw("unyank");
