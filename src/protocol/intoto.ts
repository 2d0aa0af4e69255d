/**
 * What publishers sign: in-toto statements v1 (github.com/in-toto/attestation) about the files of a release. Read
 * strictly: what somebody signed must mean one thing.
 */
import * as v from "valibot";
import { compareCodeUnits, utf8 } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { MAX_ARTIFACT_BYTES, MAX_ATTESTATION_DEPTH, MAX_RELEASE_FILES } from "../core/limits.ts";
import { checkArtifactNames } from "./artifact-names.ts";
import { Count, Entity, HexHash, Registry, Version } from "./fields.ts";
import { clip, isJsonObject, parseWith } from "./parse.ts";

/** DSSE payload type of in-toto statements. */
export const IN_TOTO_TYPE = "application/vnd.in-toto+json";
export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
/** SLSA v1.0 provenance: the predicate of every release. */
export const PROVENANCE_TYPE = "https://slsa.dev/provenance/v1";
/** Bills of materials, as in-toto's registry of predicates names them. */
export const SBOM_TYPES = { CycloneDX: "https://cyclonedx.org/bom", SPDX: "https://spdx.dev/Document" } as const;
/** How TES releases are built: what their external parameters mean (docs/formats.md, Release). */
export const BUILD_TYPE = "urn:tes:release:v1";

/** One file of a release. */
export interface Subject {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  readonly sha512: string;
  readonly mediaType?: string;
  /** An https address; absent: the authority stores it. */
  readonly downloadLocation?: string;
}

/** Which release a provenance speaks of. */
export interface ReleaseScope {
  readonly registry: string;
  /** The genesis hash of the registry, so that it is of no other one with that name. */
  readonly genesis: string;
  readonly entity: string;
  readonly version: string;
}

const Uri = v.pipe(
  v.string(),
  v.check((text) => text.length <= 2_048 && URL.canParse(text) && text.startsWith("https://"), "an https address"),
);

const SubjectSchema = v.strictObject({
  name: v.string(),
  digest: v.strictObject({
    sha256: HexHash,
    sha512: v.pipe(v.string(), v.regex(/^[0-9a-f]{128}$/, "128 hex characters")),
  }),
  mediaType: v.exactOptional(v.pipe(v.string(), v.regex(/^[!-~]{1,128}$/, "a media type"))),
  downloadLocation: v.exactOptional(Uri),
  annotations: v.strictObject({ "tes.size": Count }),
});

const StatementSchema = v.strictObject({
  _type: v.literal(STATEMENT_TYPE),
  subject: v.array(SubjectSchema),
  predicateType: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9+.-]{0,30}:[!-~]{1,225}$/, "a URI")),
  predicate: v.custom<JsonValue>(isJsonObject, "a JSON object"),
});

const ProvenanceSchema = v.object({
  buildDefinition: v.object({
    buildType: v.literal(BUILD_TYPE),
    externalParameters: v.object({ registry: Registry, genesis: HexHash, entity: Entity, version: Version }),
  }),
  runDetails: v.object({
    builder: v.object({ id: v.string() }),
    byproducts: v.exactOptional(v.array(v.custom<JsonValue>(isJsonObject, "a JSON object"))),
  }),
});

/** An attestation that a provenance names: it belongs to this release and no other, and one that is missing is missed. */
export interface NamedAttestation {
  /** Its predicate type. */
  readonly name: string;
  /** Of its payload, hex. */
  readonly sha256: string;
}

export interface Attestation {
  readonly subjects: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: JsonValue;
}

/** What everybody who signed a release agreed on. */
export interface Release extends Attestation {
  readonly scope: ReleaseScope;
  /** Null: the provenance does not say, as those of other tools. */
  readonly named: readonly NamedAttestation[] | null;
}

/**
 * Reads an in-toto statement about files.
 *
 * @throws envelope_invalid, artifact_limit, artifact_name, artifact_name_collision
 */
export function parseAttestation(payload: Uint8Array): Attestation {
  let json: JsonValue;
  try {
    json = parseJson(payload, { maxDepth: MAX_ATTESTATION_DEPTH });
  } catch (cause) {
    throw new TesError("envelope_invalid", { field: "/payload", detail: "it is no JSON that means one thing", cause });
  }
  const count = isJsonObject(json) && Array.isArray(json.subject) ? json.subject.length : 0;
  if (count > MAX_RELEASE_FILES) {
    throw new TesError("artifact_limit", { detail: `${count} files, and ${MAX_RELEASE_FILES} are allowed` });
  }
  const { subject, predicateType, predicate } = parseWith(StatementSchema, json, "envelope_invalid", "/payload");
  if (subject.length === 0)
    throw new TesError("envelope_invalid", { field: "/payload/subject", detail: "at least one file" });
  const subjects = subject.map(({ name, digest, mediaType, downloadLocation, annotations }): Subject => {
    const size = annotations["tes.size"];
    if (size > MAX_ARTIFACT_BYTES) throw new TesError("artifact_limit", { detail: `${size} bytes in one file` });
    return {
      name,
      size,
      ...digest,
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(downloadLocation === undefined ? {} : { downloadLocation }),
    };
  });
  checkArtifactNames(subjects.map(({ name }) => name));
  return { subjects, predicateType, predicate };
}

/**
 * Reads the provenance of a release.
 *
 * @throws envelope_invalid, artifact_limit, artifact_name, artifact_name_collision
 */
export function parseRelease(payload: Uint8Array): Release {
  const attestation = parseAttestation(payload);
  if (attestation.predicateType !== PROVENANCE_TYPE) {
    throw new TesError("envelope_invalid", { field: "/payload/predicateType", detail: `it is ${PROVENANCE_TYPE}` });
  }
  const predicate = parseWith(ProvenanceSchema, attestation.predicate, "envelope_invalid", "/payload/predicate");
  const { registry, genesis, entity, version } = predicate.buildDefinition.externalParameters;
  const named = predicate.runDetails.byproducts?.flatMap((one): NamedAttestation[] => {
    const { name, mediaType, digest } = one as Record<string, JsonValue>;
    const sha256 = isJsonObject(digest ?? null) ? (digest as Record<string, JsonValue>).sha256 : undefined;
    return mediaType === IN_TOTO_TYPE && typeof sha256 === "string" ? [{ name: String(name), sha256 }] : [];
  });
  return { ...attestation, scope: { registry, genesis, entity, version }, named: named ?? null };
}

/**
 * What is asked of the files of a new release beyond what is read of an old one: names that no command takes for an
 * option, addresses as RFC 3986 has them and without a password.
 *
 * @throws artifact_name, envelope_invalid
 */
export function checkNewFiles(subjects: readonly Subject[]): void {
  for (const [i, { name, downloadLocation }] of subjects.entries()) {
    if (name.startsWith("-")) {
      throw new TesError("artifact_name", { detail: `${clip(name)}: it begins with a hyphen, as options do` });
    }
    if (downloadLocation === undefined || isPlainAddress(downloadLocation)) continue;
    throw new TesError("envelope_invalid", {
      field: `/payload/subject/${i}/downloadLocation`,
      detail: "an address of visible ASCII characters, the others percent-encoded, without a name and a password",
    });
  }
}

function isPlainAddress(text: string): boolean {
  if (!/^[!-~]+$/.test(text)) return false;
  const { username, password } = new URL(text);
  return username === "" && password === "";
}

/** Those that a provenance names and that are not among these payloads. */
export function missingBeside({ named }: Pick<Release, "named">, payloads: readonly Uint8Array[]): NamedAttestation[] {
  const here = new Set(payloads.map(sha256Hex));
  return (named ?? []).filter(({ sha256 }) => !here.has(sha256));
}

/**
 * Reads what is attested beside a release, about the same files. A provenance is none: it would be a release of its own,
 * signed by people who were shown another one.
 *
 * @throws envelope_invalid, invalid_field, artifact_limit, artifact_name, artifact_name_collision
 */
export function parseBeside(
  payload: Uint8Array,
  { subjects, named }: Pick<Release, "subjects" | "named">,
): Attestation {
  const attestation = parseAttestation(payload);
  if (attestation.predicateType === PROVENANCE_TYPE) {
    throw new TesError("envelope_invalid", {
      field: "/attestations",
      detail: "a provenance is a release of its own, and goes beside none",
    });
  }
  if (contentOf(attestation.subjects) !== contentOf(subjects)) {
    throw new TesError("invalid_field", {
      field: "/attestations",
      detail: "an attestation is about other files than the release",
    });
  }
  if (named !== null && !named.some(({ sha256 }) => sha256 === sha256Hex(payload))) {
    throw new TesError("invalid_field", {
      field: "/attestations",
      detail: "an attestation is none that the provenance names",
    });
  }
  return attestation;
}

/**
 * The SHA-256 of the files that the authority stores for a text, if it is a release: those without an address of their
 * own. A text that is none has no files.
 */
export function storedFilesOf(text: string): string[] {
  if (!text.includes(PROVENANCE_TYPE)) return [];
  try {
    return storedFiles(parseRelease(utf8(text)).subjects);
  } catch {
    return [];
  }
}

export function storedFiles(subjects: readonly Subject[]): string[] {
  return subjects.filter(({ downloadLocation }) => downloadLocation === undefined).map(({ sha256 }) => sha256);
}

/** What a release is, whatever its provenance: hex of SHA-256 over JCS of `[{name, sha256, size}…]` by name. */
export function contentOf(subjects: readonly Pick<Subject, "name" | "sha256" | "size">[]): string {
  const files = subjects
    .map(({ name, sha256, size }) => ({ name, sha256, size }))
    .sort((a, b) => compareCodeUnits(a.name, b.name));
  return sha256Hex(canonicalBytes(files));
}
