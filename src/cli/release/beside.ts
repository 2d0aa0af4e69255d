/**
 * What lies in the folder of a release beside its files, for other tools: signatures, keys, checksums, bundles. Each is
 * held against what the release document proves; what nothing covers is named.
 */

import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type ProvenRelease, type ReleaseDocument, verifyPublishers, verifyRelease } from "../../client/release.ts";
import { verifyKeys } from "../../client/trust.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { parseChecksums } from "../../core/checksums.ts";
import { type ErrorCode, TesError } from "../../core/errors.ts";
import { parseAnswer } from "../../protocol/answers.ts";
import { contentOf } from "../../protocol/intoto.ts";
import type { PublicKey } from "../../protocol/statements.ts";
import type { Anchor } from "./anchor.ts";
import { readBundle } from "./bundle-file.ts";
import { verifyBundles } from "./bundles.ts";
import { BUNDLE_ENDING, DOCUMENT_NAME, SUMS_NAME, TRUSTED_ROOT_NAME } from "./contents.ts";
import { readDocument } from "./evidence.ts";
import { type HashedFile, hashFile, openFile } from "./hashing.ts";
import { checkKeyFile, KEY_FILE, readKeysThere } from "./key-there.ts";
import { type Keys, type SignatureKind, type Signed, signerOf } from "./signed-by.ts";
import { checkTrustedRoot } from "./trusted-root.ts";

/** A line for each of the files of a release, whose names are 255 bytes at most. */
const MAX_SUMS_BYTES = 524_288;
/** A minisign signature whose comments are as long as they may be, and room. */
const MAX_SIGNATURE_BYTES = 16_384;
/** A log for each time that the registry was restored or moved. */
const MAX_ROOT_BYTES = 1_048_576;

/** One file beside those of the release. */
export interface Beside {
  readonly name: string;
  readonly kind: SignatureKind | "bundle" | "checksums" | "key" | "log";
  /** `unread`: the file that it is about is not here. `old`: it was right when it was written, and there is a newer one. */
  readonly state: "proved" | "refused" | "stranger" | "unread" | "old";
  /** Kid of the publisher whose it is. */
  readonly by?: string;
  /** Why it is refused. */
  readonly code?: ErrorCode;
  readonly detail?: string;
}

export interface FolderLook {
  readonly beside: readonly Beside[];
  /** What lies there and is no part of a release. Directories end with a slash. */
  readonly notCovered: readonly string[];
}

/** As `tes release` names them. */
const OUR_BUNDLE = /^[0-9a-f]{8}(?:\.sbom(?:-\d+)?)?\.sigstore\.json$/;

const ENDINGS: Readonly<Record<string, SignatureKind>> = {
  minisig: "minisign",
  sig: "ssh",
  ed25519: "openssl",
  signify: "signify",
};

/**
 * Looks at everything in a folder but the release's own files.
 *
 * @param hashed the release's files that are here
 * @param document as it was verified
 */
export async function lookBeside(
  directory: string,
  release: ProvenRelease,
  hashed: readonly HashedFile[],
  document: ReleaseDocument,
  anchor: Anchor,
): Promise<FolderLook> {
  const publishers = await publishersThen(document, release, anchor);
  const entries = (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const strange = new Map<string, string>();
  for (const entry of entries) {
    const what = await notFile(directory, entry);
    if (what !== null) strange.set(entry.name, what);
  }
  const names = entries.map(({ name }) => name).filter((name) => !strange.has(name));
  const keys: Keys = { publishers, there: await readKeysThere(directory, names) };
  const sums = names.includes(SUMS_NAME) ? await readSums(join(directory, SUMS_NAME)) : null;
  const subjects = new Set(release.subjects.map(({ name }) => name));
  const signedOf = (name: string): Signed | null => signedFile(name, release, hashed, sums);
  const beside: Beside[] = [];
  const notCovered: string[] = [];
  for (const [name, what] of strange) {
    const kind = kindOf(name, subjects);
    if (kind === null) notCovered.push(what === DIRECTORY ? `${name}/` : name);
    else beside.push({ name, kind, state: "refused", code: "file_unreadable", detail: `it is ${what}` });
  }
  for (const name of names) {
    if (subjects.has(name)) continue;
    const path = join(directory, name);
    const found = (kind: Beside["kind"], work: () => Promise<string | null>) => held(name, kind, work);
    const signature = signatureName(name, subjects);
    if (name === DOCUMENT_NAME) {
      if (!(await provesSame(path, release, document, anchor))) notCovered.push(name);
    } else if (name.endsWith(BUNDLE_ENDING)) {
      const work = async () => {
        const { opened } = await readBundle(path);
        await verifyBundles([opened], document, anchor);
        return opened.signer;
      };
      const bundle = await found("bundle", work);
      // Tools of others make bundles too, of kinds that are not read here. Under a name of ours there is none of those.
      if (bundle.code === "bundle_unsupported" && !OUR_BUNDLE.test(name)) notCovered.push(name);
      else beside.push(bundle);
    } else if (name === TRUSTED_ROOT_NAME) {
      let isOld = false;
      const root = await found("log", async () => {
        isOld = (await checkTrustedRoot(await readBytes(path, MAX_ROOT_BYTES), document.keys, anchor)) === "old";
        return null;
      });
      beside.push(isOld ? { ...root, state: "old" } : root);
    } else if (name === SUMS_NAME) {
      beside.push(await found("checksums", async () => checkSums(sums, release)));
    } else if (KEY_FILE.test(name)) {
      beside.push(await found("key", () => checkKeyFile(directory, name, publishers)));
    } else if (signature !== null) {
      const { kind, short, of } = signature;
      const signed = signedOf(of);
      if (signed === null || (kind === "minisign" && signed.bytes === null && signed.digests.blake2b === undefined)) {
        beside.push({
          name,
          kind,
          state: "unread",
          detail: `${of} ${entries.some((one) => one.name === of) ? "cannot be read" : "is not here"}`,
        });
        continue;
      }
      const work = async () => signerOf(kind, await readBytes(path, MAX_SIGNATURE_BYTES), signed, keys, short);
      beside.push(await found(kind, work));
    } else notCovered.push(name);
  }
  return { beside, notCovered };
}

const DIRECTORY = "a directory";

/** What lies under a name that is no file, in words; a pipe would be waited for. Null for a file, or a link to nothing. */
async function notFile(directory: string, entry: Dirent): Promise<string | null> {
  const info = entry.isSymbolicLink() ? await stat(join(directory, entry.name)).catch(() => null) : entry;
  if (info === null || info.isFile()) return null;
  return info.isDirectory() ? DIRECTORY : "no ordinary file";
}

/** What a file of that name is for; null when it is none of ours. */
function kindOf(name: string, subjects: ReadonlySet<string>): Beside["kind"] | null {
  if (OUR_BUNDLE.test(name)) return "bundle";
  if (name === TRUSTED_ROOT_NAME) return "log";
  if (name === SUMS_NAME) return "checksums";
  if (KEY_FILE.test(name)) return "key";
  return signatureName(name, subjects)?.kind ?? null;
}

/** Whether a document here proves this very release. Where another one was named, it may be anything. */
async function provesSame(
  path: string,
  { entity, version, subjects }: ProvenRelease,
  document: ReleaseDocument,
  anchor: Anchor,
): Promise<boolean> {
  try {
    const { document: here } = await readDocument(path);
    if (canonicalize({ ...here }) === canonicalize({ ...document })) return true;
    const found = await verifyRelease(here, anchor);
    return found.entity === entity && found.version === version && contentOf(found.subjects) === contentOf(subjects);
  } catch (thrown) {
    if (thrown instanceof TesError) return false;
    throw thrown;
  }
}

/** What a check finds. What it throws is why it does not hold. */
async function held(name: string, kind: Beside["kind"], work: () => Promise<string | null>): Promise<Beside> {
  try {
    const by = await work();
    return { name, kind, state: "proved", ...(by === null ? {} : { by }) };
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const { code, detail = thrown.message } = thrown;
    return { name, kind, state: code === "key_unknown" ? "stranger" : "refused", code, detail };
  }
}

/** `app.tgz.sig`, `app.tgz.db34ba8e.sig`, `SHA256SUMS.ed25519`: which kind, by whom as it says, of what. */
function signatureName(
  name: string,
  subjects: ReadonlySet<string>,
): { readonly kind: SignatureKind; readonly short: string | null; readonly of: string } | null {
  const [, base, ending] = /^(.+)\.(minisig|sig|ed25519|signify)$/.exec(name) ?? [];
  const kind = ENDINGS[ending ?? ""];
  if (base === undefined || kind === undefined) return null;
  // Of files there are signatures over their digests only.
  const isSigned = (of: string) => of === SUMS_NAME || (subjects.has(of) && (kind === "minisign" || kind === "ssh"));
  if (isSigned(base)) return { kind, short: null, of: base };
  const [, of, short] = /^(.+)\.([0-9a-f]{8})$/.exec(base) ?? [];
  return of !== undefined && isSigned(of) ? { kind, short: short!, of } : null;
}

interface Sums {
  readonly bytes: Uint8Array;
  readonly sha512: string;
}

/** Null when it cannot be read, of which {@link checkSums} tells. */
async function readSums(path: string): Promise<Sums | null> {
  try {
    const bytes = await readBytes(path, MAX_SUMS_BYTES);
    return { bytes, sha512: (await hashFile(path)).sha512 };
  } catch (thrown) {
    if (thrown instanceof TesError) return null;
    throw thrown;
  }
}

function signedFile(
  name: string,
  { subjects, version }: ProvenRelease,
  hashed: readonly HashedFile[],
  sums: Sums | null,
): Signed | null {
  if (name === SUMS_NAME) {
    return sums === null ? null : { name, digests: { sha512: sums.sha512 }, bytes: sums.bytes, version };
  }
  const here = hashed.find((file) => file.name === name);
  const digests = here ?? subjects.find((subject) => subject.name === name);
  return digests === undefined ? null : { name, digests, bytes: null, version };
}

function checkSums(sums: Sums | null, { subjects }: ProvenRelease): null {
  if (sums === null) throw new TesError("file_unreadable", { detail: `it cannot be read, or is too long` });
  const listed = new Map(parseChecksums(sums.bytes).map(({ name, sha256 }) => [name, sha256]));
  const differs = subjects.find(({ name, sha256 }) => listed.get(name) !== sha256);
  if (differs !== undefined) {
    const how = listed.has(differs.name) ? "has another digest of" : "does not name";
    throw new TesError("digest_mismatch", { detail: `it ${how} ${differs.name}` });
  }
  const known = new Set(subjects.map(({ name }) => name));
  const more = [...listed.keys()].find((name) => !known.has(name));
  if (more !== undefined) throw new TesError("artifact_unknown", { detail: `it names ${more}` });
  return null;
}

/** Those who were publishers when it was released. */
async function publishersThen(
  { release: json, keys }: ReleaseDocument,
  { entity, publishers: { revision } }: ProvenRelease,
  anchor: Anchor,
): Promise<readonly PublicKey[]> {
  const { publishers } = parseAnswer("release", json, "answer_malformed");
  const history = await verifyPublishers(publishers, entity, await verifyKeys(keys, anchor));
  return history[revision - 1]!.statement.keys;
}

async function readBytes(path: string, maxBytes: number): Promise<Uint8Array> {
  const { file, size } = await openFile(path);
  try {
    if (size > maxBytes) {
      throw new TesError("file_unreadable", { detail: `it has ${size} bytes, and at most ${maxBytes} are read` });
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}
