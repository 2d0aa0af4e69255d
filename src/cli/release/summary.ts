/** A draft in words: everything that somebody signs who signs it, and publishes who publishes it. */

import { utf8 } from "../../core/bytes.ts";
import { canonicalize } from "../../core/canonical-json.ts";
import { TesError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import type { JsonObject, JsonValue } from "../../core/json.ts";
import { type Attestation, IN_TOTO_TYPE } from "../../protocol/intoto.ts";
import { isJsonObject } from "../../protocol/parse.ts";
import { printable, table } from "../output.ts";
import type { OpenDraft } from "./draft.ts";
import { memberOf } from "./member.ts";
import { showBytes } from "./progress.ts";
import { recognizeSbom } from "./sbom.ts";

/** A screen of it. */
const MAX_SHOWN_CHARS = 2_000;

/** Lines for a terminal; what others wrote into the draft makes no line of its own, and no control character. */
export function describeDraft({ draft, scope, release, beside }: OpenDraft): string {
  const { entity, version, registry, genesis } = scope;
  const kids = draft.signers.map(({ kid }) => kid);
  const files = release.subjects.map(({ name, size, sha256, mediaType = "", downloadLocation }) => [
    ...[name, showBytes(size), sha256, mediaType, downloadLocation ?? "stored by the authority"],
  ]);
  const lines = [
    `signed by ${kids.length === 0 ? "nobody yet" : kids.join(", ")}`,
    ...provenanceLines(release.predicate),
    `provenance: SHA-256 of what is signed ${sha256Hex(utf8(draft.payloads[0]!))}`,
    ...beside.map((attestation, i) => sbomLine(attestation, utf8(draft.payloads[i + 1]!))),
  ];
  const columns = [{ title: "file" }, { title: "size", align: "right" as const }];
  return (
    `${entity}@${version} of the registry ${registry}, genesis ${genesis}\n` +
    table([...columns, ...["SHA-256", "media type", "from"].map((title) => ({ title }))], files) +
    lines.map((line) => `${printable(line)}\n`).join("")
  );
}

/** What the provenance says of the build, its publisher's word all of it. What has no line of its own comes last. */
function provenanceLines(predicate: JsonValue): string[] {
  const rest = structuredClone(predicate) as JsonObject;
  /** The value, which is shown: it is no part of the rest. */
  const taken = (...path: (string | number)[]): JsonValue | undefined => {
    const value = memberOf(rest, ...path);
    if (value !== undefined)
      delete (memberOf(rest, ...path.slice(0, -1)) as Record<string | number, JsonValue>)[path.at(-1)!];
    return value;
  };
  taken("buildDefinition", "buildType");
  for (const name of ["registry", "genesis", "entity", "version"]) taken("buildDefinition", "externalParameters", name);
  const command = taken("buildDefinition", "externalParameters", "command");
  const builder = taken("runDetails", "builder", "id");
  const finished = taken("runDetails", "metadata", "finishedOn");
  const job = taken("runDetails", "metadata", "invocationId");
  const byproducts = taken("runDetails", "byproducts");
  // They are the attestations beside it, which are shown one by one.
  const others = Array.isArray(byproducts) ? byproducts.filter((one) => !isPlainAttestation(one)) : [];
  const commit = memberOf(predicate, "buildDefinition", "resolvedDependencies", 0, "digest", "gitCommit");
  const git = ["buildDefinition", "internalParameters", "git"];
  const dirty = taken(...git, "dirty");
  if (memberOf(rest, ...git, "commit") === commit) taken(...git, "commit");
  const sources = taken("buildDefinition", "resolvedDependencies");
  return [
    `builder: ${textOf(builder)}`,
    ...(Array.isArray(sources) ? sources : []).map((one, i) => {
      const changed = i === 0 && dirty !== undefined && dirty !== false;
      return `source: ${sourceOf(one)}${changed ? ", with changes that were not committed" : ""}`;
    }),
    ...(Array.isArray(sources) && sources.length > 0 ? [] : ["source: none is named"]),
    `command: ${commandOf(command)}`,
    ...(finished === undefined ? [] : [`finished: ${textOf(finished)}`]),
    ...(job === undefined ? [] : [`job: ${textOf(job)}`]),
    ...(others.length === 0 ? [] : [`by-products: ${textOf(others)}`]),
    ...(pruned(rest) === undefined ? [] : [`also signed: ${textOf(pruned(rest))}`]),
  ];
}

function isPlainAttestation(byproduct: JsonValue): boolean {
  const [name, sha256] = [memberOf(byproduct, "name"), memberOf(byproduct, "digest", "sha256")];
  if (typeof name !== "string" || typeof sha256 !== "string") return false;
  return canonicalize(byproduct) === canonicalize({ name, mediaType: IN_TOTO_TYPE, digest: { sha256 } });
}

/** A uri at a commit; whatever else it has is shown as it is. */
function sourceOf(source: JsonValue): string {
  const uri = memberOf(source, "uri");
  const commit = memberOf(source, "digest", "gitCommit");
  const isPlain = typeof uri === "string" && typeof commit === "string";
  if (isPlain && canonicalize(source) === canonicalize({ uri, digest: { gitCommit: commit } })) {
    return `${textOf(uri)} at ${textOf(commit)}`;
  }
  return textOf(source);
}

function commandOf(command: JsonValue | undefined): string {
  if (!Array.isArray(command)) return textOf(command);
  const parts = command.map((part) =>
    typeof part === "string" && /^[\w@%+=:,./-]+$/.test(part) ? part : JSON.stringify(part),
  );
  return clipped(parts.join(" "));
}

/** What is left when members without anything in them are gone. */
function pruned(json: JsonValue): JsonValue | undefined {
  if (!isJsonObject(json)) return json;
  const left = Object.entries(json)
    .map(([name, value]) => [name, pruned(value!)] as const)
    .filter((entry): entry is readonly [string, JsonValue] => entry[1] !== undefined);
  return left.length === 0 ? undefined : Object.fromEntries(left);
}

function sbomLine({ predicate, predicateType }: Attestation, payload: Uint8Array): string {
  const signed = `${showBytes(payload.length)}, SHA-256 of what is signed ${sha256Hex(payload)}`;
  return `bill of materials: ${sbomFacts(predicate, predicateType)}, ${signed}`;
}

function sbomFacts(json: JsonValue, expected: string): string {
  try {
    const { format, version, predicateType } = recognizeSbom(json, "it");
    const [name, serial, count] = format === "CycloneDX" ? cycloneFacts(json) : spdxFacts(json);
    return [
      format === "CycloneDX" ? `${format} ${version}` : version,
      ...(predicateType === expected ? [] : [`under the type of another format, ${expected}`]),
      ...(name === undefined ? [] : [`name ${textOf(name)}`]),
      ...(serial === undefined ? [] : [`serial ${textOf(serial)}`]),
      count === 1 ? "1 component" : `${count} components`,
    ].join(", ");
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    return `${expected}, which it is not (${clipped(thrown.detail ?? thrown.message)})`;
  }
}

type SbomFacts = readonly [name: JsonValue | undefined, serial: JsonValue | undefined, components: number];

function cycloneFacts(json: JsonValue): SbomFacts {
  // Components may have components.
  const count = (list: JsonValue | undefined): number =>
    Array.isArray(list) ? list.reduce<number>((sum, one) => sum + 1 + count(memberOf(one, "components")), 0) : 0;
  return [
    memberOf(json, "metadata", "component", "name"),
    memberOf(json, "serialNumber"),
    count(memberOf(json, "components")),
  ];
}

function spdxFacts(json: JsonValue): SbomFacts {
  const graph = memberOf(json, "@graph");
  if (!Array.isArray(graph)) {
    const packages = memberOf(json, "packages");
    return [memberOf(json, "name"), memberOf(json, "documentNamespace"), Array.isArray(packages) ? packages.length : 0];
  }
  const ofType = (type: string) => graph.filter((one) => memberOf(one, "type") === type);
  const [document] = ofType("SpdxDocument");
  return [memberOf(document, "name"), memberOf(document, "spdxId"), ofType("software_Package").length];
}

const textOf = (json: JsonValue | undefined): string =>
  clipped(typeof json === "string" ? json : json === undefined ? "none is named" : JSON.stringify(json));

function clipped(text: string): string {
  const more = text.length - MAX_SHOWN_CHARS;
  return more <= 0 ? text : `${text.slice(0, MAX_SHOWN_CHARS)}… and ${more} characters more`;
}
