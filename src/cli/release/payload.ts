/** What publishers sign about a release: in-toto statements in canonical bytes, the provenance first. */

import type { Bytes } from "../../core/bytes.ts";
import { canonicalBytes } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import type { JsonObject } from "../../core/json.ts";
import { MAX_ATTESTATION_BYTES } from "../../core/limits.ts";
import {
  BUILD_TYPE,
  checkNewFiles,
  IN_TOTO_TYPE,
  PROVENANCE_TYPE,
  parseAttestation,
  parseRelease,
  type ReleaseScope,
  STATEMENT_TYPE,
  type Subject,
} from "../../protocol/intoto.ts";
import type { SourceFacts } from "./provenance.ts";
import type { Sbom } from "./sbom.ts";

/**
 * The SLSA v1.0 provenance of a release.
 *
 * @param now when it was made, milliseconds
 * @param beside payloads of the attestations that belong to it
 * @throws {TesError} `attestation_too_large`
 */
export function provenancePayload(
  subjects: readonly Subject[],
  scope: ReleaseScope,
  source: SourceFacts,
  now: number,
  beside: readonly Bytes[],
): Bytes {
  const { command, builder, invocationId, internalParameters, resolvedDependencies } = source;
  const payload = statementBytes(subjects, PROVENANCE_TYPE, {
    buildDefinition: {
      buildType: BUILD_TYPE,
      externalParameters: { ...scope, command: [...command] },
      internalParameters,
      resolvedDependencies: resolvedDependencies.map(({ uri, digest }) => ({ uri, digest: { ...digest } })),
    },
    runDetails: {
      builder: { id: builder },
      byproducts: beside.map((payload) => ({
        name: parseAttestation(payload).predicateType,
        mediaType: IN_TOTO_TYPE,
        digest: { sha256: sha256Hex(payload) },
      })),
      metadata: {
        ...(invocationId === undefined ? {} : { invocationId }),
        // RFC 3339 in whole seconds, as in-toto writes times.
        finishedOn: `${new Date(now).toISOString().slice(0, 19)}Z`,
      },
    },
  });
  checkNewFiles(parseRelease(payload).subjects);
  return payload;
}

/** A bill of materials about the same files. @throws {TesError} `attestation_too_large` */
export function sbomPayload(subjects: readonly Subject[], sbom: Sbom): Bytes {
  const payload = statementBytes(subjects, sbom.predicateType, sbom.document);
  parseAttestation(payload);
  return payload;
}

function statementBytes(subjects: readonly Subject[], predicateType: string, predicate: JsonObject): Bytes {
  const bytes = canonicalBytes({
    _type: STATEMENT_TYPE,
    subject: subjects.map(({ name, size, sha256, sha512, ...rest }) => ({
      name,
      digest: { sha256, sha512 },
      ...rest,
      annotations: { "tes.size": size },
    })),
    predicateType,
    predicate,
  });
  if (bytes.length > MAX_ATTESTATION_BYTES) {
    throw new TesError("attestation_too_large", { detail: `This one has ${bytes.length}.` });
  }
  return bytes;
}
