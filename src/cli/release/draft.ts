/** A release on its way to being signed: what is signed, by whom so far, and the file in which it goes from one to the other. */

import { randomBytes } from "node:crypto";
import { rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fromBase64Url, toBase64Url, utf8 } from "../../core/bytes.ts";
import { pae } from "../../core/dsse.ts";
import { verifyEd25519 } from "../../core/ed25519.ts";
import { TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../../core/keys.ts";
import { parseMinisignKey } from "../../core/minisign.ts";
import {
  type Attestation,
  contentOf,
  IN_TOTO_TYPE,
  missingBeside,
  parseBeside,
  parseRelease,
  type ReleaseScope,
  SBOM_TYPES,
} from "../../protocol/intoto.ts";
import { DRAFT_KIND, type DraftSigner, parseReleaseDraft, type ReleaseDraft } from "../../protocol/release-draft.ts";
import { createExclusive, readSmallFile, reasonOf } from "../local/data.ts";
import { within } from "../within.ts";
import type { HashedFile } from "./hashing.ts";
import type { PublisherKey } from "./key-file.ts";
import { signFiles, sumsOf } from "./sidecars.ts";
import { signerOf } from "./signed-by.ts";

/** 1,000 files, each with two signatures of 16 publishers at some 700 bytes, and five payloads. */
const MAX_DRAFT_BYTES = 33_554_432;

/** A draft that holds together, and what it is about. */
export interface OpenDraft {
  readonly draft: ReleaseDraft;
  readonly scope: ReleaseScope;
  readonly release: Attestation;
  /** Bills of materials. */
  readonly beside: readonly Attestation[];
}

/** A draft of payloads and files, unsigned. Paths are those of the files. */
export function makeDraft(payloads: readonly Uint8Array[], files: readonly HashedFile[]): ReleaseDraft {
  return {
    kind: DRAFT_KIND,
    payloads: payloads.map((payload) => new TextDecoder("utf-8", { fatal: true }).decode(payload)),
    files: files.map(({ name, path, size, sha256 }) => ({ name, path, size, sha256 })),
    signers: [],
  };
}

/**
 * The draft with everything that one publisher signs; an earlier signature of theirs is replaced.
 *
 * @param files as they were hashed here: nobody signs digests that a file brought along
 * @param now milliseconds
 */
export async function signDraft(
  draft: ReleaseDraft,
  key: PublisherKey,
  files: readonly HashedFile[],
  now: number,
): Promise<ReleaseDraft> {
  const sign = async (bytes: Uint8Array<ArrayBuffer>) =>
    toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, bytes)));
  const signatures: string[] = [];
  for (const payload of draft.payloads) signatures.push(await sign(pae(IN_TOTO_TYPE, utf8(payload))));
  const { version } = parseRelease(utf8(draft.payloads[0]!)).scope;
  const signer: DraftSigner = {
    kid: key.kid,
    x: key.x,
    minisignKey: key.minisignKey,
    signatures,
    sums: await sign(utf8(sumsOf(files))),
    files: await signFiles(key, files, version, now),
  };
  return { ...draft, signers: [...draft.signers.filter(({ kid }) => kid !== key.kid), signer] };
}

/**
 * Reads a draft and holds it against itself: what is signed is of one release, the files are those that it names, every
 * signature under it is its signer's.
 *
 * @throws {TesError} `file_unreadable`, `envelope_invalid`, `digest_mismatch`, `key_unknown`, `signature_invalid`
 */
export async function readDraft(path: string): Promise<OpenDraft> {
  const text = await readSmallFile(path, MAX_DRAFT_BYTES);
  let draft: ReleaseDraft;
  try {
    draft = parseReleaseDraft(parseJson(utf8(text)));
  } catch (cause) {
    throw new TesError("file_unreadable", { detail: `${path} is no draft, as tes release --draft writes one.`, cause });
  }
  const opened = await checkDraft(draft, path);
  const base = dirname(path);
  return {
    ...opened,
    draft: { ...draft, files: draft.files.map((file) => ({ ...file, path: resolve(base, file.path) })) },
  };
}

async function checkDraft(draft: ReleaseDraft, path: string): Promise<OpenDraft> {
  const [main, ...others] = draft.payloads.map((payload) => utf8(payload));
  const { scope, ...release } = parseRelease(main!);
  const content = contentOf(release.subjects);
  const beside = others.map((other) => {
    const attestation = within(path, () => parseBeside(other, release));
    // Whoever signs a draft signs all of it: nothing goes along whose meaning is not known here.
    if (isSbomType(attestation.predicateType)) return attestation;
    throw new TesError("envelope_invalid", {
      detail: `${path}: ${attestation.predicateType} is no bill of materials.`,
    });
  });
  const [missing] = missingBeside(release, others);
  if (missing !== undefined) {
    throw new TesError("envelope_invalid", {
      detail: `${path}: ${missing.name}, which the provenance names, is gone.`,
    });
  }
  if (contentOf(draft.files) !== content) {
    throw new TesError("digest_mismatch", { detail: `${path}: the files are not those that are signed.` });
  }
  const names = namesOf(draft.files);
  for (const { kid, x, minisignKey, signatures, files } of draft.signers) {
    if (namesOf(files) !== names) {
      throw new TesError("envelope_invalid", { detail: `${path}: ${kid} signed other files than the draft has.` });
    }
    if (ed25519Kid(x) !== kid || signatures.length !== draft.payloads.length) {
      throw new TesError("key_unknown", { detail: `${path}: a signer is not the one its id names.` });
    }
    if (toBase64Url(parseMinisignKey(minisignKey).publicKey) !== x) {
      throw new TesError("key_unknown", { detail: `${path}: a signer's minisign key is another one.` });
    }
    const key = await importEd25519Public(x);
    for (const [i, payload] of draft.payloads.entries()) {
      const bytes = pae(IN_TOTO_TYPE, utf8(payload));
      if (await crypto.subtle.verify("Ed25519", key, fromBase64Url(signatures[i]!)!, bytes)) continue;
      throw new TesError("signature_invalid", { detail: `${path}: that of ${kid}.` });
    }
  }
  if (new Set(draft.signers.map(({ kid }) => kid)).size !== draft.signers.length) {
    throw new TesError("envelope_invalid", { detail: `${path}: a publisher signed twice.` });
  }
  return { draft, scope, release, beside };
}

const namesOf = (files: readonly { readonly name: string }[]): string =>
  JSON.stringify(files.map(({ name }) => name).sort());

const isSbomType = (type: string): boolean => Object.values<string>(SBOM_TYPES).includes(type);

/**
 * Holds a draft against its files as they lie here: each is the one that is signed, and every signature for other
 * people's tools is its signer's, of that very file.
 *
 * @throws {TesError} `digest_mismatch`, `artifact_unknown`, `signature_invalid`, `signature_file_invalid`,
 *   `key_unknown`, `release_other`
 */
export async function checkDraftFiles(
  { draft, release, scope }: OpenDraft,
  files: readonly HashedFile[],
): Promise<void> {
  const here = new Map(files.map((file) => [file.name, file]));
  for (const { name, size, sha256, sha512 } of release.subjects) {
    const file = here.get(name);
    if (file?.size === size && file.sha256 === sha256 && file.sha512 === sha512) continue;
    throw new TesError("digest_mismatch", {
      detail: `${name} ${file === undefined ? "is not among the files" : "is not the file that the draft is about"}.`,
    });
  }
  const known = new Set(draft.files.map(({ name }) => name));
  const other = files.find(({ name }) => !known.has(name));
  if (other !== undefined) throw new TesError("artifact_unknown", { detail: `The draft has no ${other.name}.` });
  const sums = utf8(sumsOf(files));
  for (const { kid, x, minisignKey, sums: overSums, files: signed } of draft.signers) {
    await verifyEd25519(fromBase64Url(x)!, fromBase64Url(overSums)!, sums).catch((cause: unknown) => {
      throw new TesError("signature_invalid", { detail: `That of ${kid} over SHA256SUMS in the draft.`, cause });
    });
    const keys = { publishers: [{ kid, x }], there: [{ kid, x, id: parseMinisignKey(minisignKey).id }] };
    for (const { name, minisign, ssh } of signed) {
      const of = { name, digests: here.get(name)!, bytes: null, version: scope.version };
      await signerOf("minisign", utf8(minisign), of, keys, null);
      await signerOf("ssh", utf8(ssh), of, keys, null);
    }
  }
}

/** Writes a new draft, with the paths of its files from where it lies. @throws {TesError} `file_exists`, `file_unwritable` */
export function createDraft(path: string, draft: ReleaseDraft): Promise<void> {
  return createExclusive(path, render(path, draft), 0o644);
}

/** Puts a draft in the place of the one that was read, whole or not at all. @throws {TesError} `file_unwritable` */
export async function replaceDraft(path: string, draft: ReleaseDraft): Promise<void> {
  const next = join(dirname(path), `.${randomBytes(8).toString("hex")}.draft`);
  try {
    await writeFile(next, render(path, draft), { flag: "wx", flush: true });
    await rename(next, path);
  } catch (cause) {
    throw new TesError("file_unwritable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  } finally {
    await rm(next, { force: true });
  }
}

function render(path: string, draft: ReleaseDraft): string {
  const base = dirname(path);
  const files = draft.files.map((file) => ({ ...file, path: relative(base, file.path) }));
  return `${JSON.stringify({ ...draft, files })}\n`;
}
