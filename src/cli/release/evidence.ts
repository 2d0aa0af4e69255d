/**
 * What proves a release offline: a release document, or Sigstore bundles together with a trust file. Both come down to
 * the same document, so that there is one way to verify.
 */

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { parseReleaseDocument, RELEASE_DOCUMENT_TYPE, type ReleaseDocument } from "../../client/release.ts";
import { decodeUtf8, fromBase64, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { type JsonValue, parseJson } from "../../core/json.ts";
import { MAX_ANSWER_BYTES } from "../../core/limits.ts";
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
  return { document: parseDocument(await readSmallFile(path, MAX_ANSWER_BYTES), path), from: [path] };
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
  if (await isThere(beside)) return readDocument(beside);
  const named = path.endsWith(BUNDLE_ENDING) ? path : null;
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
  readonly payload: string;
  readonly predicateType: string;
  /** SHA-256 of its files. */
  readonly subjects: readonly string[];
  readonly content: string;
  readonly entity: string;
  readonly version: string;
  readonly seq: number;
  readonly at: number;
  readonly receipt: JsonValue;
  readonly signer: string;
}

/** @throws {TesError} `answer_malformed`, `file_unreadable` */
async function readBundle(path: string): Promise<Bundle> {
  const malformed = (detail: string, cause?: unknown) =>
    new TesError("answer_malformed", { detail: `${path}: ${detail}`, cause });
  const text = await readSmallFile(path, MAX_ANSWER_BYTES);
  try {
    const json = new Reader(parseJson(utf8(text), { maxDepth: MAX_EVIDENCE_DEPTH }));
    if (json.list("dsseEnvelope", "signatures").length !== 1) throw malformed("it has several signatures.");
    const entries = json.list("verificationMaterial", "tlogEntries");
    if (entries.length !== 1) throw malformed("it has no log entry, or several.");
    const entry = new Reader(entries[0]!);
    const payload = decodeUtf8(json.bytes("dsseEnvelope", "payload"));
    const { subjects, predicateType } = parseAttestation(utf8(payload));
    const statement = parseJson(entry.bytes("canonicalizedBody"));
    const body = new Reader(statement);
    const proof = entry.list("inclusionProof", "hashes");
    const [signature] = json.list("dsseEnvelope", "signatures").map((one) => new Reader(one));
    if (signature!.text("sig") !== body.text("spec", "hashedRekordV002", "signature", "content")) {
      throw malformed("the envelope has another signature than the log.");
    }
    return {
      path,
      payload,
      predicateType,
      subjects: subjects.map((subject) => subject.sha256),
      content: contentOf(subjects),
      entity: body.text("entity"),
      version: body.text("version"),
      seq: body.count("seq"),
      at: body.count("at"),
      signer: body.text("signer"),
      receipt: {
        statement,
        inclusion: {
          index: Number(entry.text("inclusionProof", "logIndex")),
          size: Number(entry.text("inclusionProof", "treeSize")),
          proof: [...proof],
        },
        checkpoint: entry.text("inclusionProof", "checkpoint", "envelope"),
      },
    };
  } catch (cause) {
    if (cause instanceof TesError && cause.code === "answer_malformed") throw cause;
    throw malformed("it is no Sigstore bundle of a release.", cause);
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
      signers: main.map(({ signer }) => signer),
      yanked: null,
    },
    payload: first.payload,
    receipts: main.map(({ receipt }) => receipt),
    attestations: payloads.map((payload) => {
      const signed = others.filter((bundle) => bundle.payload === payload);
      return { predicateType: signed[0]!.predicateType, payload, receipts: signed.map(({ receipt }) => receipt) };
    }),
    publishers: publishers.map((receipt) => ({ ...receipt })),
  };
  return {
    document: { mediaType: RELEASE_DOCUMENT_TYPE, keys: trust.keys, release: release as unknown as JsonValue },
    from: inOrder.map(({ path }) => path),
  };
}

/** Walks into JSON of others, and takes nothing for granted. */
class Reader {
  readonly #json: JsonValue;
  constructor(json: JsonValue) {
    this.#json = json;
  }
  #at(path: readonly string[]): JsonValue | undefined {
    let at: JsonValue | undefined = this.#json;
    for (const key of path) {
      if (typeof at !== "object" || at === null || Array.isArray(at) || !Object.hasOwn(at, key)) return undefined;
      at = at[key];
    }
    return at;
  }
  text(...path: string[]): string {
    const found = this.#at(path);
    if (typeof found !== "string") throw new TypeError(`${path.join("/")} is no text`);
    return found;
  }
  count(...path: string[]): number {
    const found = this.#at(path);
    if (typeof found !== "number") throw new TypeError(`${path.join("/")} is no number`);
    return found;
  }
  list(...path: string[]): readonly JsonValue[] {
    const found = this.#at(path);
    if (!Array.isArray(found)) throw new TypeError(`${path.join("/")} is no list`);
    return found;
  }
  bytes(...path: string[]): Uint8Array {
    const bytes = fromBase64(this.text(...path));
    if (bytes === null) throw new TypeError(`${path.join("/")} is no base64`);
    return bytes;
  }
}
