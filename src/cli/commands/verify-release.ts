/** `tes verify` of a file, a bundle or an address: offline, from what lies beside it and what is pinned. */

import { basename, dirname, join, resolve } from "node:path";
import { findSubject, type ProvenRelease, type ReleaseDocument, verifyRelease } from "../../client/release.ts";
import { standingOf } from "../../client/standing.ts";
import { TesError } from "../../core/errors.ts";
import { MAX_ANSWER_BYTES } from "../../core/limits.ts";
import type { TrustFile } from "../../protocol/trust-file.ts";
import { codeOf } from "../local/data.ts";
import { type CommandIo, printable } from "../output.ts";
import { type Anchor, anchorOf, trustFileOf, withTrust } from "../release/anchor.ts";
import { type FolderLook, lookBeside } from "../release/beside.ts";
import { verifyBundles } from "../release/bundles.ts";
import { BUNDLE_ENDING, DOCUMENT_NAME } from "../release/contents.ts";
import {
  type Evidence,
  findEvidence,
  findFolderEvidence,
  type Kind,
  PROOF_NAME,
  parseDocument,
  readDocument,
} from "../release/evidence.ts";
import { type FetchedFile, fetchFile, isAddress } from "../release/fetch-file.ts";
import { type HashedFile, hashFile, openFile } from "../release/hashing.ts";
import { askAuthority, type OnlineOptions, proofOrAsk } from "../release/online.ts";
import { openProgress } from "../release/progress.ts";
import { lastPublishers } from "../release/standing.ts";
import { parseTarget } from "../release/target.ts";
import { type CheckedFile, report } from "../release/verdict.ts";

export interface VerifyReleaseFlags extends OnlineOptions {
  readonly release?: string;
  readonly allowRemoved?: true;
}

/** Verifies a file on disk that is no receipt, or a folder. */
export async function verifyPath(io: CommandIo, path: string, kind: Kind, flags: VerifyReleaseFlags): Promise<void> {
  const trust = await trustFileOf(io, flags);
  if (kind === "folder") {
    const evidence =
      flags.release === undefined
        ? await proofOrAsk(io, flags, trust, () => findFolderEvidence(path, trust))
        : await namedDocument(io, flags.release);
    return judge(io, flags, trust, evidence, async (release, proof) => {
      const looked = await wholeFolder(io, path, release, proof);
      if (looked.files.length > 0) return looked;
      const { entity, version } = release;
      throw new TesError("files_missing", { detail: `It is the folder of ${entity}@${version}, without its files.` });
    });
  }
  if (kind === "document") {
    const look = (release: ProvenRelease, proof: Proof) => wholeFolder(io, dirname(path), release, proof);
    return judge(io, flags, trust, await readDocument(path), look);
  }
  if (kind === "bundle") {
    const evidence = await findEvidence(path, null, trust);
    return judge(io, flags, trust, evidence, async (release) => {
      const { hashed, missing } = await filesBeside(io, dirname(path), release);
      return { files: hashed.map((file) => checked(release, file)), missing, beside: null };
    });
  }
  const file = await hashed(io, path);
  const evidence =
    flags.release === undefined
      ? await proofOrAsk(io, flags, trust, () => findEvidence(path, file.sha256, trust))
      : await namedDocument(io, flags.release);
  await judge(io, flags, trust, evidence, (release) => fileOf(release, file));
}

/** Verifies what an address leads to. Nothing of it is kept, and it is held in memory only where it is a document. */
export async function verifyAddress(io: CommandIo, address: string, flags: VerifyReleaseFlags): Promise<void> {
  const trust = await trustFileOf(io, flags);
  const alone = flags.release === undefined ? await documentAt(io, address) : null;
  if (alone !== null) {
    const { file, evidence } = alone;
    return judge(io, flags, trust, evidence, (release) => {
      const missing = release.subjects.map(({ name }) => name);
      return missing.includes(file.name) ? fileOf(release, file) : { files: [], missing, beside: null };
    });
  }
  const evidence =
    flags.release === undefined
      ? await proofOrAsk(io, flags, trust, () => namedDocument(io, besideAddress(address)))
      : await namedDocument(io, flags.release);
  await judge(io, flags, trust, evidence, async (release) => fileOf(release, await longest(io, address, release)));
}

const besideAddress = (address: string): string => new URL(DOCUMENT_NAME, address).href;

/** A document that was named itself. What has one beside it is a file, whatever it holds: as on disk. */
async function documentAt(io: CommandIo, address: string) {
  const { pathname } = new URL(address);
  if (!PROOF_NAME.test(pathname)) return null;
  const proofs = pathname.endsWith(`/${DOCUMENT_NAME}`) || pathname.endsWith(BUNDLE_ENDING);
  if (!proofs && (await isAt(io, besideAddress(address)))) return null;
  const file = await fetchFile(io, address, MAX_ANSWER_BYTES).catch((thrown: unknown) => {
    if (thrown instanceof TesError && thrown.code === "artifact_limit") return null;
    throw thrown;
  });
  if (file?.kind === "bundle") {
    throw new TesError("usage", {
      detail: `A bundle is not read at an address. Download it beside its file, and verify that: tes verify FILE --trust TRUST_FILE.`,
    });
  }
  if (file?.kind !== "document") return null;
  const document = parseDocument(file.text!, address);
  return { file, evidence: { document, from: [address], bundles: [], broken: [] } };
}

async function isAt(io: CommandIo, address: string): Promise<boolean> {
  try {
    await fetchFile(io, address, MAX_ANSWER_BYTES);
    return true;
  } catch (thrown) {
    if (thrown instanceof TesError && /^4/.test(String(thrown.facts?.status))) return false;
    throw thrown;
  }
}

/** Downloads a file that is no longer than the longest of a release. @throws {TesError} `digest_mismatch` */
async function longest(io: CommandIo, address: string, { subjects }: ProvenRelease): Promise<FetchedFile> {
  const most = Math.max(...subjects.map(({ size }) => size));
  return fetchFile(io, address, most).catch((thrown: unknown) => {
    if (!(thrown instanceof TesError) || thrown.code !== "artifact_limit") throw thrown;
    throw new TesError("digest_mismatch", { detail: "It is longer than every file of the release.", cause: thrown });
  });
}

async function namedDocument(io: CommandIo, named: string): Promise<Evidence> {
  if (!isAddress(named)) return readDocument(resolve(io.cwd, named));
  const { kind, text } = await fetchFile(io, named, MAX_ANSWER_BYTES).catch((thrown: unknown) => {
    if (!(thrown instanceof TesError) || thrown.facts?.status !== 404) throw thrown;
    throw new TesError("proof_missing", { detail: `${printable(named)} is not there.`, cause: thrown });
  });
  if (kind !== "document") {
    throw new TesError("signature_file_invalid", {
      detail: `${printable(named)} is there, and is no whole release document.`,
    });
  }
  return { document: parseDocument(text!, named), from: [named], bundles: [], broken: [] };
}

interface Looked {
  readonly files: readonly CheckedFile[];
  readonly missing: readonly string[];
  /** Null when only files were looked at. */
  readonly beside: FolderLook | null;
}

/** What a release was proved by. */
interface Proof {
  readonly document: ReleaseDocument;
  readonly anchor: Anchor;
}

async function judge(
  io: CommandIo,
  flags: VerifyReleaseFlags,
  trust: TrustFile | null,
  evidence: Evidence,
  look: (release: ProvenRelease, proof: Proof) => Looked | Promise<Looked>,
): Promise<void> {
  const anchor = await anchorOf(io, flags, trust, evidence.document);
  const document = await withTrust(evidence.document, trust, anchor);
  const release = await verifyRelease(document, anchor).catch((thrown: unknown) => {
    throw becauseOf(evidence.broken, document.keys === evidence.document.keys ? thrown : beforeOf(thrown));
  });
  await verifyBundles(evidence.bundles, document, anchor);
  requireExpected(release, flags.expect);
  const { files, missing, beside } = await look(release, { document, anchor });
  const known = await lastPublishers(document, anchor);
  const online = flags.online === true ? await askAuthority(io, flags, release, anchor.genesis) : null;
  const { from, broken } = evidence;
  const { pinnedBy } = anchor;
  const last = online === null || online.publishers.revision < known.revision ? known : online.publishers;
  const standing = standingOf(release, last);
  const allowRemoved = flags.allowRemoved === true;
  report(io, { release, pinnedBy, evidence: from, broken, files, missing, beside, standing, allowRemoved, online });
}

/** What the keys of a document alone would prove, and those of a newer trust file do not. */
function beforeOf(thrown: unknown): unknown {
  if (!(thrown instanceof TesError) || thrown.code !== "note_invalid") return thrown;
  const detail =
    "It is proved by a head of the log that no longer counts: the registry was restored or moved since, as the trust file knows. " +
    "If the release is still in the log, tes release fetch gets its proof anew.";
  return new TesError("note_invalid", { detail, cause: thrown });
}

/** Where a signer is missing and a bundle is broken, it is that bundle which has to be fetched again. */
function becauseOf([broken]: readonly TesError[], thrown: unknown): unknown {
  if (broken === undefined || !(thrown instanceof TesError) || thrown.code !== "signatures_insufficient") return thrown;
  const detail = `${broken.detail ?? ""}\nThe other bundles are not enough: ${thrown.detail ?? thrown.message}`;
  return new TesError(broken.code, { detail, cause: thrown });
}

/** A proof of another release proves nothing about the one that was asked for. */
function requireExpected({ entity, version }: ProvenRelease, expected: string | undefined): void {
  if (expected === undefined) return;
  const asked = parseTarget(expected);
  if (asked.entity === entity && (asked.version === undefined || asked.version === version)) return;
  throw new TesError("release_other", { detail: `It is ${entity}@${version}, and ${expected} was expected.` });
}

async function hashed(io: CommandIo, path: string): Promise<HashedFile> {
  const { file, size } = await openFile(path);
  await file.close();
  const bar = openProgress(io, "hashing", size);
  try {
    return await hashFile(path, bar.add);
  } finally {
    bar.end();
  }
}

type Digested = Pick<HashedFile, "name" | "size" | "sha256" | "sha512">;

function fileOf(release: ProvenRelease, file: Digested): Looked {
  return { files: [checked(release, file)], missing: [], beside: null };
}

function checked(release: ProvenRelease, file: Digested): CheckedFile {
  const { name } = findSubject(release, file, file.name);
  const { size, sha256 } = file;
  return { name: file.name, size, sha256, ...(name === file.name ? {} : { as: name }) };
}

/** The files, and then everything else that lies there. */
async function wholeFolder(io: CommandIo, directory: string, release: ProvenRelease, proof: Proof): Promise<Looked> {
  const { hashed, missing } = await filesBeside(io, directory, release);
  const files = hashed.map((file) => checked(release, file));
  return { files, missing, beside: await lookBeside(directory, release, hashed, proof.document, proof.anchor) };
}

/** Every file of the release that lies in a directory. One that is there and is another is no small thing. */
async function filesBeside(
  io: CommandIo,
  directory: string,
  release: ProvenRelease,
): Promise<{ readonly hashed: readonly HashedFile[]; readonly missing: readonly string[] }> {
  const here: HashedFile[] = [];
  const missing: string[] = [];
  for (const { name } of release.subjects) {
    const path = join(directory, basename(name));
    const there = await openFile(path).then(
      ({ file }) => file.close().then(() => true),
      (thrown: unknown) => {
        // Not being there is one thing; being there and unreadable is a doubt.
        if (thrown instanceof TesError && codeOf(thrown.cause) === "ENOENT") return false;
        throw thrown;
      },
    );
    if (there) here.push(await hashed(io, path));
    else missing.push(name);
  }
  return { hashed: here, missing };
}
