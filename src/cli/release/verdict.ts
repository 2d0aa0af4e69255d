/** What a verified release comes to, in plain words and as JSON: what was proved, by whom, when, and what was not. */

import type { ProvenRelease } from "../../client/release.ts";
import type { PublishersNow, Standing } from "../../client/standing.ts";
import type { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { type CommandIo, paint, printable, printJson, reportFinding } from "../output.ts";
import { notProved, type Proof, say } from "../proved.ts";
import type { Beside, FolderLook } from "./beside.ts";
import { showBytes } from "./progress.ts";

/** A file of the release that was looked at. */
export interface CheckedFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  /** What it is called in the release, where that is another name. */
  readonly as?: string;
}

/** What the authority said just now. */
export interface OnlineFacts {
  readonly url: string;
  readonly size: number;
  readonly yanked: { readonly seq: number; readonly at: number; readonly reason?: string } | null;
  readonly publishers: PublishersNow;
}

export interface Verdict {
  readonly release: ProvenRelease;
  /** Where the pin came from, in words. */
  readonly pinnedBy: string;
  readonly evidence: readonly string[];
  /** Why bundles that lie there too could not be read. */
  readonly broken: readonly TesError[];
  readonly files: readonly CheckedFile[];
  /** Names of files of the release that were not there to look at. */
  readonly missing: readonly string[];
  /** What else lies in the folder; null when nobody looked. */
  readonly beside: FolderLook | null;
  /** As far as was known offline, or as the authority said. */
  readonly standing: Standing;
  /** Whether a release counts whose signers are publishers no more. */
  readonly allowRemoved: boolean;
  /** Null when nobody was asked. */
  readonly online: OnlineFacts | null;
}

/** Withdrawn, as far as anything that was looked at says. */
export function withdrawal({ release, online }: Verdict): OnlineFacts["yanked"] {
  if (online !== null) return online.yanked;
  const { yanked } = release;
  return yanked === null ? null : { seq: yanked.seq, at: yanked.at };
}

/** Tells it; marks the run as one with a finding when the release was withdrawn, or something beside does not hold. */
export function report(io: CommandIo, verdict: Verdict): void {
  const yanked = withdrawal(verdict);
  const refused = (verdict.beside?.beside ?? []).filter(({ state }) => state === "refused" || state === "stranger");
  const gone = goneOf(verdict);
  const holds = yanked === null && refused.length === 0 && gone === null;
  if (!holds) reportFinding(io);
  const [proved, open] = [provedBy(verdict), leftOpen(verdict)];
  if (io.json) {
    printJson(io, {
      verified: holds,
      ...factsOf(verdict),
      yanked,
      proved: proved.map(([what, how]) => ({ what, how })),
      notProved: open,
    });
    return;
  }
  if (gone !== null) io.stdout(`${paint(io).red("refused")}  ${gone}\n`);
  say(io, proved);
  for (const line of open) notProved(io, line);
  for (const { name, detail = "", code = "" } of refused) {
    io.stdout(`${paint(io).red("refused")}  ${printable(`${name}: ${detail} (${code})`)}\n`);
  }
  if (yanked === null) return;
  const why = yanked.reason === undefined ? "" : `: ${printable(yanked.reason)}`;
  io.stdout(`withdrawn   on ${timeOf(yanked.at)}, statement ${yanked.seq}${why}\n`);
}

/** Too few of the signers are publishers still, and nobody said that this is all right; or null. */
function goneOf({ release, standing, allowRemoved }: Verdict): string | null {
  const { revision, removed, remaining, required } = standing;
  if (remaining >= required || allowRemoved) return null;
  return (
    `signed by who is no publisher of ${release.entity} any more, since revision ${revision}: ${removed.join(", ")}; ` +
    `of the signers ${remaining} ${remaining === 1 ? "is" : "are"} one still, and it takes ${required}. ` +
    "Where people left and no key got out, --allow-removed takes it"
  );
}

function factsOf({ release, pinnedBy, evidence, broken, files, missing, beside, standing, online }: Verdict) {
  const { registry, genesis, entity, version, at, seq, log, signers, publishers, attestations } = release;
  return {
    release: { registry, genesis, entity, version, at, seq, origin: log.origin, size: log.size },
    signers: signers.map(({ kid }) => kid),
    publishers,
    attestations: attestations.map(({ predicateType, signers: by }) => ({
      predicateType,
      signers: by.map(({ kid }) => kid),
    })),
    missingAttestations: release.missingAttestations,
    provenance: release.provenance,
    files,
    missing,
    ...(beside === null ? {} : beside),
    evidence,
    broken: broken.map(({ code, detail, message }) => ({ code, detail: detail ?? message })),
    pinnedBy,
    online,
    removed: standing.removed,
    remaining: standing.remaining,
    required: standing.required,
  };
}

function provedBy({ release, pinnedBy, files, beside, online }: Verdict): Proof[] {
  const { entity, version, registry, genesis, signers, publishers, attestations, log } = release;
  const { revision, threshold, keys, recovered } = publishers;
  return [
    ...files.map(
      ({ name, size, sha256, as }): Proof => [
        "file",
        `${name}${as === undefined ? "" : ` (there: ${as})`}, ${showBytes(size)}, is of this release: SHA-256 ${sha256}`,
      ],
    ),
    [
      "release",
      `${entity}@${version} of the registry ${registry}${files.length === 0 ? "; no file of it was checked" : ""}`,
    ],
    [
      "publishers",
      `${signers.length} signed, ${threshold} of ${keys} had to (revision ${revision}): ${signers.map(({ kid }) => kid).join(", ")}`,
    ],
    ...(recovered ? [["recovery", "the registry's recovery key took part in naming them"] as const] : []),
    ["time", `${timeOf(release.at)}, by the authority's clock`],
    ["log", `statement ${release.seq} of ${log.origin}, in a log of size ${log.size}`],
    ["genesis", `${genesis}, pinned by ${pinnedBy}`],
    ...attestations.map(
      ({ predicateType, signers: by }): Proof => ["attested", `${predicateType} by ${by.length} of the publishers`],
    ),
    ...(beside === null ? [] : provedBeside(beside.beside)),
    ...(online === null
      ? []
      : [
          ["now", `${online.url} has a log of size ${online.size} that still holds it`] as const,
          ...(online.yanked === null ? [["in force", "it is not withdrawn"] as const] : []),
        ]),
  ];
}

const TOOLS: Readonly<Record<Beside["kind"], string>> = {
  minisign: "minisign",
  ssh: "ssh-keygen",
  openssl: "openssl",
  signify: "signify",
  bundle: "sigstore",
  checksums: "checksums",
  key: "key",
  log: "trusted log",
};

/** A line for each kind and publisher: a release may have a thousand files. */
function provedBeside(beside: readonly Beside[]): Proof[] {
  const groups = new Map<string, { readonly kind: Beside["kind"]; readonly by?: string; readonly names: string[] }>();
  for (const { name, kind, by, state } of beside) {
    if (state !== "proved") continue;
    const key = `${kind} ${by ?? ""}`;
    const group = groups.get(key) ?? { kind, ...(by === undefined ? {} : { by }), names: [] };
    groups.set(key, group);
    group.names.push(name);
  }
  return [...groups.values()].map(({ kind, by, names }) => {
    const whose = by === undefined ? "" : `${kind === "key" ? " of" : " by"} ${by}`;
    return [TOOLS[kind], `${some(names)}${whose}`];
  });
}

/** The first of many names. */
function some(names: readonly string[]): string {
  const more = names.length - 10;
  return `${names.slice(0, 10).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function leftOpen(verdict: Verdict): string[] {
  const { release, missing, online, broken, beside, standing } = verdict;
  const unread = (beside?.beside ?? []).filter(({ state }) => state === "unread").map(({ name }) => name);
  const { builder, source } = originOf(release.provenance);
  return [
    ...(missing.length === 0 ? [] : [`files that are not here: ${some(missing)}`]),
    ...release.missingAttestations.map(
      ({ name, sha256 }) => `an attestation that its provenance names and that is not here: ${name}, SHA-256 ${sha256}`,
    ),
    ...(unread.length === 0 ? [] : [`signatures of files that are not here: ${some(unread)}`]),
    ...(beside?.beside ?? [])
      .filter(({ state }) => state === "old")
      .map(
        ({ name }) =>
          `${name} for today: it is from before the registry had its last key. tes trust root has the new one`,
      ),
    ...(beside === null || beside.notCovered.length === 0
      ? []
      : [`what lies there and is not covered by the release: ${some(beside.notCovered)}`]),
    // In a folder they are refused one by one.
    ...(beside === null ? broken : []).map(
      ({ code, detail }) => `what a bundle beside it says: ${detail ?? "it cannot be read"} (${code})`,
    ),
    `where it was built: its publisher says ${builder}${source === null ? "" : `, from ${source}`}`,
    ...standing.removed.map((kid) => `that ${kid} is to be trusted today: it is a publisher no more`),
    ...(online === null
      ? ["that it was not withdrawn, or a publisher removed, since: --online asks the authority"]
      : []),
    ...(beside === null ? ["what lies beside it for other tools: tes verify FOLDER reads that too"] : []),
    "that the authority shows others the same log: compare checkpoints with them",
  ];
}

/** What the provenance says of the build: the publisher's word. */
export function originOf(provenance: JsonValue): { readonly builder: string; readonly source: string | null } {
  const at = (json: JsonValue | undefined, ...path: (string | number)[]): JsonValue | undefined => {
    let found = json;
    for (const key of path) {
      if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined;
      found = (found as Record<string | number, JsonValue>)[key];
    }
    return found;
  };
  const builder = at(provenance, "runDetails", "builder", "id");
  const uri = at(provenance, "buildDefinition", "resolvedDependencies", 0, "uri");
  const commit = at(provenance, "buildDefinition", "resolvedDependencies", 0, "digest", "gitCommit");
  const dirty = at(provenance, "buildDefinition", "internalParameters", "git", "dirty") === true;
  const source = typeof uri === "string" && typeof commit === "string" ? `${uri} at ${commit}` : null;
  return {
    builder: typeof builder === "string" ? builder : "nothing",
    source: source === null ? null : `${source}${dirty ? " with changes that were not committed" : ""}`,
  };
}

const timeOf = (at: number): string => new Date(at).toISOString();
