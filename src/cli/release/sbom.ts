/** Bills of materials: which of the two formats a file is in, and whether it is one at all. */

import { TesError } from "../../core/errors.ts";
import { type JsonObject, type JsonValue, parseJson } from "../../core/json.ts";
import { MAX_ATTESTATION_DEPTH, MAX_SBOM_FILE_BYTES } from "../../core/limits.ts";
import { SBOM_TYPES } from "../../protocol/intoto.ts";
import { reasonOf } from "../local/data.ts";
import { openFile } from "./hashing.ts";

/** The predicate stands one level deep in what is signed. */
const MAX_SBOM_DEPTH = MAX_ATTESTATION_DEPTH - 1;

export interface Sbom {
  readonly path: string;
  readonly format: keyof typeof SBOM_TYPES;
  /** Of the specification, as the document names it: `1.6`, `SPDX-2.3`. */
  readonly version: string;
  readonly predicateType: (typeof SBOM_TYPES)[keyof typeof SBOM_TYPES];
  /** The document, as it becomes the predicate of an attestation. */
  readonly document: JsonObject;
}

/**
 * Reads a bill of materials in JSON.
 *
 * @throws {TesError} `file_unreadable`; `attestation_too_large`; `sbom_unknown` for everything that is neither a
 *   CycloneDX nor an SPDX document, and for JSON with duplicate members
 */
export async function readSbom(path: string): Promise<Sbom> {
  const { file, size } = await openFile(path);
  let bytes: Uint8Array;
  try {
    if (size > MAX_SBOM_FILE_BYTES) {
      throw new TesError("attestation_too_large", { detail: `${path} has ${size} bytes.` });
    }
    bytes = await file.readFile();
  } catch (cause) {
    if (cause instanceof TesError) throw cause;
    throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
  } finally {
    await file.close();
  }
  return { path, ...recognizeSbom(parse(bytes, path), path) };
}

function parse(bytes: Uint8Array, path: string): JsonValue {
  try {
    return parseJson(bytes, { maxDepth: MAX_SBOM_DEPTH });
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const detail = `${path} is no JSON that means one thing: ${thrown.message}`;
    throw new TesError("sbom_unknown", { detail, cause: thrown });
  }
}

/** @throws {TesError} `sbom_unknown` */
export function recognizeSbom(json: JsonValue, path: string): Omit<Sbom, "path"> {
  const refuse = (detail: string) => new TesError("sbom_unknown", { detail: `${path}: ${detail}` });
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw refuse("it is not a JSON object.");
  const { bomFormat, specVersion, spdxVersion } = json;
  if (bomFormat !== undefined) {
    if (bomFormat !== "CycloneDX") throw refuse("its bomFormat is not CycloneDX.");
    if (typeof specVersion !== "string" || !/^1\.\d{1,3}$/.test(specVersion)) {
      throw refuse("it names no specVersion of CycloneDX.");
    }
    if (json.components !== undefined && !Array.isArray(json.components)) throw refuse("its components are no list.");
    return { format: "CycloneDX", version: specVersion, predicateType: SBOM_TYPES.CycloneDX, document: json };
  }
  if (spdxVersion !== undefined) {
    if (typeof spdxVersion !== "string" || !/^SPDX-2\.\d{1,3}$/.test(spdxVersion)) {
      throw refuse("it names no spdxVersion that is known.");
    }
    if (json.SPDXID !== "SPDXRef-DOCUMENT") throw refuse("its SPDXID is not that of a document.");
    if (json.packages !== undefined && !Array.isArray(json.packages)) throw refuse("its packages are no list.");
    return { format: "SPDX", version: spdxVersion, predicateType: SBOM_TYPES.SPDX, document: json };
  }
  // SPDX 3 is JSON-LD: the context names the version.
  const context = /^https:\/\/spdx\.org\/rdf\/(3\.\d+\.\d+)\//.exec(String(json["@context"]));
  if (context !== null && Array.isArray(json["@graph"])) {
    return { format: "SPDX", version: `SPDX-${context[1]}`, predicateType: SBOM_TYPES.SPDX, document: json };
  }
  throw refuse("it is neither CycloneDX (bomFormat) nor SPDX (spdxVersion) in JSON.");
}
