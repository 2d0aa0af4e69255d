/**
 * What proves a release offline: a release document, or Sigstore bundles together with a trust file. Both come down to
 * the same document, so that there is one way to verify.
 */

import { lstat, readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseReleaseDocument, RELEASE_DOCUMENT_TYPE, type ReleaseDocument } from "../../client/release.ts";
import { utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../core/json.ts";
import { MAX_ANSWER_BYTES } from "../../core/limits.ts";
import type { OpenedBundle } from "../../core/sigstore-bundle.ts";
import { PROVENANCE_TYPE } from "../../protocol/intoto.ts";
import { isJsonObject } from "../../protocol/parse.ts";
import { parseTrustFile, type TrustFile } from "../../protocol/trust-file.ts";
import { codeOf, readSmallFile, reasonOf } from "../local/data.ts";
import { printable } from "../output.ts";
import { assemble, type Bundle, readBundle } from "./bundle-file.ts";
import { BUNDLE_ENDING, DOCUMENT_NAME } from "./contents.ts";
import { openFile } from "./hashing.ts";

/** Bundles beside a file that are looked at: 16 publishers with a bill of materials or two each, and room. */
const MAX_BUNDLES = 128;
/** Bundles nest no deeper than a release document. */
export const MAX_EVIDENCE_DEPTH = 24;

/** A file whose bytes were exchanged for a proof is no proof: what is one says so in its name too. */
export const PROOF_NAME = /\.(?:tes|sigstore)\.json$/i;

/** What a file turned out to be. */
export type Kind = "document" | "bundle" | "receipt" | "artifact" | "folder";

/** Where evidence was found, for the report. */
export interface Evidence {
  readonly document: ReleaseDocument;
  /** Paths or addresses of what it was taken from. */
  readonly from: readonly string[];
  /** Bundles that have to hold too. */
  readonly bundles: readonly OpenedBundle[];
  /** Why bundles that lie there too could not be read, each with its path. */
  readonly broken: readonly TesError[];
}

/**
 * What a file is, by its content. A file that has a release document beside it that is not itself is an artifact,
 * whatever it holds: nobody may pass a proof of one thing off as the thing.
 */
export async function kindOf(path: string): Promise<Kind> {
  if ((await stat(path).catch(() => null))?.isDirectory() === true) return "folder";
  if (basename(path) !== DOCUMENT_NAME && !path.endsWith(BUNDLE_ENDING) && (await isThere(besideDocument(path)))) {
    return "artifact";
  }
  const { file, size } = await openFile(path);
  try {
    if (size > MAX_ANSWER_BYTES || size === 0) return "artifact";
    const kind = kindOfBytes(await file.readFile());
    if (kind === "receipt") return path.endsWith(".json") ? kind : "artifact";
    return kind !== "artifact" && !PROOF_NAME.test(path) ? "artifact" : kind;
  } finally {
    await file.close();
  }
}

/** The same for bytes. */
export function kindOfBytes(bytes: Uint8Array): Kind {
  if (bytes[0] !== 0x7b) return "artifact";
  let json: JsonValue;
  try {
    json = parseJson(bytes, { maxDepth: MAX_EVIDENCE_DEPTH });
  } catch {
    return "artifact";
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return "artifact";
  if (json.mediaType === RELEASE_DOCUMENT_TYPE) return "document";
  if (typeof json.mediaType === "string" && json.mediaType.includes("sigstore.bundle")) return "bundle";
  return isReceiptShaped(json) ? "receipt" : "artifact";
}

const RECEIPT = ["statement", "inclusion", "checkpoint"];
const INCLUSION = new Set(["index", "size", "proof"]);

/** Whether JSON is a receipt and nothing beside: what holds one and more may be anything. */
export function isReceiptShaped(json: JsonObject): boolean {
  const names = Object.keys(json);
  if (names.length !== RECEIPT.length || !RECEIPT.every((name) => names.includes(name))) return false;
  return isJsonObject(json.inclusion!) && Object.keys(json.inclusion).every((name) => INCLUSION.has(name));
}

/** Where the document of a file's release lies. */
export function besideDocument(path: string): string {
  return join(dirname(path), DOCUMENT_NAME);
}

/** Reads a release document. @throws {TesError} `file_unreadable`, `signature_file_invalid` */
export async function readDocument(path: string): Promise<Evidence> {
  const document = parseDocument(await readSmallFile(path, MAX_ANSWER_BYTES), path);
  return { document, from: [path], bundles: [], broken: [] };
}

/** @throws {TesError} `signature_file_invalid` */
export function parseDocument(text: string, from: string): ReleaseDocument {
  try {
    return parseReleaseDocument(parseJson(utf8(text), { maxDepth: MAX_EVIDENCE_DEPTH }));
  } catch (cause) {
    if (!(cause instanceof TesError)) throw cause;
    const why = [cause.message, cause.field === undefined ? "" : `at ${cause.field}`].filter(Boolean).join(" ");
    throw new TesError("signature_file_invalid", {
      detail: `${printable(from)} is no whole release document: ${why}`,
      cause,
    });
  }
}

/** Reads a trust file, as `tes trust export` writes one. @throws {TesError} `file_unreadable` */
export async function readTrustFile(path: string): Promise<TrustFile> {
  const text = await readSmallFile(path, MAX_ANSWER_BYTES);
  try {
    return parseTrustFile(parseJson(utf8(text), { maxDepth: MAX_EVIDENCE_DEPTH }));
  } catch (cause) {
    throw new TesError("file_unreadable", {
      detail: `${printable(path)} is no trust file, as tes trust export writes one.`,
      cause,
    });
  }
}

/** Whether anything has that name. What is there and cannot be read is told when it is read. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (thrown) {
    if (/^(ENOENT|ENOTDIR)$/.test(codeOf(thrown) ?? "")) return false;
    throw new TesError("file_unreadable", { detail: `${printable(path)}: ${reasonOf(thrown)}`, cause: thrown });
  }
}

/**
 * Finds what proves a file: the release document beside it, or the bundles beside it with a trust file.
 *
 * @param sha256 of the file, hex: bundles about other files are passed over. Absent for a bundle itself
 * @throws {TesError} `proof_missing` when there is nothing, or bundles without a trust file; `digest_mismatch` when the
 *   bundles are of another file with its name; what is wrong with a document, or with a bundle where no other is left
 */
export async function findEvidence(path: string, sha256: string | null, trust: TrustFile | null): Promise<Evidence> {
  const beside = besideDocument(path);
  const named = path.endsWith(BUNDLE_ENDING) || sha256 === null ? path : null;
  if (await isThere(beside)) {
    const found = await readDocument(beside);
    return named === null ? found : { ...found, bundles: [(await readBundle(named)).opened] };
  }
  const { bundles, broken } = await readBundles(dirname(path), named);
  const about = bundles.filter(({ subjects }) => sha256 === null || subjects.some((file) => file.sha256 === sha256));
  const main = named === null ? null : (bundles.find((bundle) => bundle.path === named) ?? (await readBundle(named)));
  const of = main ?? about.find(({ predicateType }) => predicateType === PROVENANCE_TYPE);
  if (of === undefined) throw nothingProves(path, bundles, broken);
  return { ...assemble(of, partsOf(of, about), trust), broken };
}

/**
 * Finds what proves a folder: its release document, or its bundles with a trust file.
 *
 * @throws {TesError} as {@link findEvidence}
 */
export async function findFolderEvidence(directory: string, trust: TrustFile | null): Promise<Evidence> {
  const path = join(directory, DOCUMENT_NAME);
  if (await isThere(path)) return readDocument(path);
  const { bundles, broken } = await readBundles(directory, null);
  const of = bundles.find(({ predicateType }) => predicateType === PROVENANCE_TYPE);
  if (of === undefined) throw nothingProves(path, bundles, broken);
  return { ...assemble(of, partsOf(of, bundles), trust), broken };
}

/** The bundles of one release. */
function partsOf(of: Bundle, bundles: readonly Bundle[]): Bundle[] {
  return bundles.filter(({ content, entity, version }) => {
    return content === of.content && entity === of.entity && version === of.version;
  });
}

/** The bundles in a directory. One that was named must be right; others may be anybody's. */
async function readBundles(
  directory: string,
  named: string | null,
): Promise<{ readonly bundles: readonly Bundle[]; readonly broken: readonly TesError[] }> {
  const names = (await readdir(directory)).filter((name) => name.endsWith(BUNDLE_ENDING)).sort();
  const bundles: Bundle[] = [];
  const broken: TesError[] = [];
  for (const name of names.slice(0, MAX_BUNDLES)) {
    const path = join(directory, name);
    try {
      bundles.push(await readBundle(path));
    } catch (thrown) {
      if (path === named || !(thrown instanceof TesError)) throw thrown;
      broken.push(thrown);
    }
  }
  return { bundles, broken };
}

/** Proofs that are broken are not missing: whoever fetched them has to hear which, and why. */
function nothingProves(path: string, bundles: readonly Bundle[], broken: readonly TesError[]): TesError {
  const name = basename(path);
  const what = name === DOCUMENT_NAME ? "in that folder" : `beside ${printable(name)}`;
  // One that others made, of a kind that is not read here, says less than one of ours that is broken.
  const worst = broken.find(({ code }) => code !== "bundle_unsupported") ?? broken[0];
  if (worst !== undefined) {
    const more = broken.length > 1 ? ` ${broken.length - 1} more that lie there cannot be read either.` : "";
    const detail = `${(worst.detail ?? "").replace(/[.\s]*$/, "")}.${more}\nNothing else ${what} proves anything.`;
    const field = worst.field === undefined ? {} : { field: worst.field };
    return new TesError(worst.code, { detail, ...field, cause: worst });
  }
  const other = bundles.find(({ subjects }) => subjects.some((file) => file.name === name));
  if (other !== undefined) {
    return new TesError("digest_mismatch", {
      detail: `${printable(other.path)} is about another ${printable(name)} than this one.`,
    });
  }
  return new TesError("proof_missing", { detail: `${printable(dirname(path))} has no ${DOCUMENT_NAME}.` });
}
