/**
 * What proves a release offline: a release document, or Sigstore bundles together with a trust file. Both come down to
 * the same document, so that there is one way to verify.
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseReleaseDocument, RELEASE_DOCUMENT_TYPE, type ReleaseDocument } from "../../client/release.ts";
import { decodeUtf8, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { type JsonValue, parseJson } from "../../core/json.ts";
import { MAX_ANSWER_BYTES, MAX_BUNDLE_BYTES } from "../../core/limits.ts";
import { type OpenedBundle, parseBundle } from "../../core/sigstore-bundle.ts";
import { contentOf, PROVENANCE_TYPE, parseAttestation } from "../../protocol/intoto.ts";
import { parseTrustFile, type TrustFile } from "../../protocol/trust-file.ts";
import { readSmallFile } from "../local/data.ts";
import { BUNDLE_ENDING, DOCUMENT_NAME } from "./contents.ts";
import { openFile } from "./hashing.ts";

/** Bundles beside a file that are looked at: 16 publishers with a bill of materials or two each, and room. */
const MAX_BUNDLES = 128;
/** Bundles nest no deeper than a release document. */
const MAX_EVIDENCE_DEPTH = 24;

/** What a file turned out to be. */
export type Kind = "document" | "bundle" | "receipt" | "artifact";

/** Where evidence was found, for the report. */
export interface Evidence {
  readonly document: ReleaseDocument;
  /** Paths or addresses of what it was taken from. */
  readonly from: readonly string[];
  /** Bundles that have to hold too. */
  readonly bundles: readonly OpenedBundle[];
}

/**
 * What a file is, by its content. A file that has a release document beside it that is not itself is an artifact,
 * whatever it holds: nobody may pass a proof of one thing off as the thing.
 */
export async function kindOf(path: string): Promise<Kind> {
  if (basename(path) !== DOCUMENT_NAME && !path.endsWith(BUNDLE_ENDING) && (await isThere(besideDocument(path)))) {
    return "artifact";
  }
  const { file, size } = await openFile(path);
  try {
    if (size > MAX_ANSWER_BYTES || size === 0) return "artifact";
    return kindOfBytes(await file.readFile());
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
  return "statement" in json && "inclusion" in json && "checkpoint" in json ? "receipt" : "artifact";
}

/** Where the document of a file's release lies. */
export function besideDocument(path: string): string {
  return join(dirname(path), DOCUMENT_NAME);
}

/** Reads a release document. @throws {TesError} `file_unreadable`, `answer_malformed` */
export async function readDocument(path: string): Promise<Evidence> {
  return { document: parseDocument(await readSmallFile(path, MAX_ANSWER_BYTES), path), from: [path], bundles: [] };
}

/** @throws {TesError} `answer_malformed` */
export function parseDocument(text: string, from: string): ReleaseDocument {
  try {
    return parseReleaseDocument(parseJson(utf8(text), { maxDepth: MAX_EVIDENCE_DEPTH }));
  } catch (cause) {
    if (!(cause instanceof TesError)) throw cause;
    throw new TesError("answer_malformed", { detail: `${from} is no release document: ${cause.message}`, cause });
  }
}

/** Reads a trust file, as `tes trust export` writes one. @throws {TesError} `file_unreadable` */
export async function readTrustFile(path: string): Promise<TrustFile> {
  const text = await readSmallFile(path, MAX_ANSWER_BYTES);
  try {
    return parseTrustFile(parseJson(utf8(text), { maxDepth: MAX_EVIDENCE_DEPTH }));
  } catch (cause) {
    throw new TesError("file_unreadable", {
      detail: `${path} is no trust file, as tes trust export writes one.`,
      cause,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    const { file } = await openFile(path);
    await file.close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Finds what proves a file: the release document beside it, or the bundles beside it with a trust file.
 *
 * @param sha256 of the file, hex: bundles about other files are passed over. Absent for a bundle itself
 * @throws {TesError} `proof_missing` when there is nothing, or bundles without a trust file; `answer_malformed`
 */
export async function findEvidence(path: string, sha256: string | null, trust: TrustFile | null): Promise<Evidence> {
  const beside = besideDocument(path);
  const named = path.endsWith(BUNDLE_ENDING) || sha256 === null ? path : null;
  if (await isThere(beside)) {
    const found = await readDocument(beside);
    return named === null ? found : { ...found, bundles: [(await readBundle(named)).opened] };
  }
  const names = (await readdir(dirname(path))).filter((name) => name.endsWith(BUNDLE_ENDING)).sort();
  const bundles: Bundle[] = [];
  for (const name of names.slice(0, MAX_BUNDLES)) {
    const bundle = await readBundle(join(dirname(path), name)).catch((thrown: unknown) => {
      // One that was named must be right; others may be anybody's.
      if (join(dirname(path), name) === named) throw thrown;
      return null;
    });
    if (bundle !== null && (sha256 === null || bundle.subjects.includes(sha256))) bundles.push(bundle);
  }
  const main = named === null ? null : (bundles.find((bundle) => bundle.path === named) ?? (await readBundle(named)));
  const of = main ?? bundles.find(({ predicateType }) => predicateType === PROVENANCE_TYPE);
  if (of === undefined) throw new TesError("proof_missing", { detail: `${dirname(path)} has no ${DOCUMENT_NAME}.` });
  return assemble(
    of,
    bundles.filter(({ content, entity, version }) => {
      return content === of.content && entity === of.entity && version === of.version;
    }),
    trust,
  );
}

/** A bundle, taken apart and not believed. */
interface Bundle {
  readonly path: string;
  readonly opened: OpenedBundle;
  readonly payload: string;
  readonly predicateType: string;
  /** SHA-256 of its files. */
  readonly subjects: readonly string[];
  readonly content: string;
  readonly entity: string;
  readonly version: string;
  readonly seq: number;
  readonly at: number;
}

/** @throws {TesError} `bundle_invalid`, `bundle_unsupported`, `file_unreadable`, `envelope_invalid` */
async function readBundle(path: string): Promise<Bundle> {
  const opened = within(path, await readSmallFile(path, MAX_BUNDLE_BYTES));
  const { subjects, predicateType } = parseAttestation(opened.envelope.payload);
  const { entity, version, seq, at } = opened.receipt.statement;
  if (typeof entity !== "string" || typeof version !== "string") {
    throw new TesError("bundle_invalid", { detail: `${path} is of no release.` });
  }
  return {
    path,
    opened,
    payload: decodeUtf8(opened.envelope.payload),
    predicateType,
    subjects: subjects.map(({ sha256 }) => sha256),
    content: contentOf(subjects),
    entity,
    version,
    seq: Number(seq),
    at: Number(at),
  };
}

function within(path: string, text: string): OpenedBundle {
  try {
    return parseBundle(utf8(text));
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const field = thrown.field === undefined ? {} : { field: thrown.field };
    throw new TesError(thrown.code, { detail: `${path}: ${thrown.detail ?? "refused."}`, ...field, cause: thrown });
  }
}

/** The document that the bundles of a release and a trust file add up to. */
function assemble(of: Bundle, bundles: readonly Bundle[], trust: TrustFile | null): Evidence {
  const { entity, version, content } = of;
  const publishers = trust?.publishers.find((known) => known.entity === entity)?.receipts;
  if (trust === null || publishers === undefined) {
    throw new TesError("proof_missing", {
      detail: `A bundle does not say who may publish ${entity}: name a trust file (--trust), or fetch ${DOCUMENT_NAME}.`,
    });
  }
  const inOrder = bundles.toSorted((a, b) => a.seq - b.seq);
  const main = inOrder.filter(({ predicateType }) => predicateType === PROVENANCE_TYPE);
  const [first] = main;
  if (first === undefined)
    throw new TesError("proof_missing", { detail: "The bundle of the release itself is not here." });
  const others = inOrder.filter(({ predicateType }) => predicateType !== PROVENANCE_TYPE);
  const payloads = [...new Set(others.map(({ payload }) => payload))];
  const size = Math.max(...inOrder.map(({ seq }) => seq)) + 1;
  const release = {
    registry: trust.registry,
    size,
    release: {
      entity,
      version,
      content,
      seq: first.seq,
      at: first.at,
      files: first.subjects.length,
      signers: main.map(({ opened }) => opened.signer),
      yanked: null,
    },
    payload: first.payload,
    receipts: main.map(({ opened }) => opened.receipt),
    attestations: payloads.map((payload) => {
      const signed = others.filter((bundle) => bundle.payload === payload);
      return { predicateType: signed[0]!.predicateType, payload, receipts: signed.map(({ opened }) => opened.receipt) };
    }),
    publishers: publishers.map((receipt) => ({ ...receipt })),
  };
  return {
    document: { mediaType: RELEASE_DOCUMENT_TYPE, keys: trust.keys, release: release as unknown as JsonValue },
    from: inOrder.map(({ path }) => path),
    bundles: inOrder.map(({ opened }) => opened),
  };
}
