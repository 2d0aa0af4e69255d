/** Releases: a version's content, published once, by as many publishers as the entity asks for. */
import { TesError } from "../core/errors.ts";
import type { ReleaseAttested, ReleasePublished, ReleaseUnyanked, ReleaseYanked } from "../protocol/statements.ts";
import type { Reason } from "./decide.ts";
import type { Patch, ReleaseRow, Rows } from "./rows.ts";

/** What every statement of a payload has in common with the next one. */
type SignedPart = Pick<ReleasePublished, "apiVersion" | "kind" | "spec" | "signer" | "part" | "payload">;

/**
 * One publisher's signature under a release; a release is as many of these as signed it, all written or none. Their
 * signatures hold, and the files are where the release says: the caller has checked it.
 */
export interface PublishCommand extends Pick<ReleasePublished, "entity" | "version" | "content" | "files"> {
  readonly kind: "publish";
  readonly signed: SignedPart;
  /** The kids of all who signed. */
  readonly signers: readonly string[];
  /** Whether the authority once handed out this version of the entity. */
  readonly handedOut: boolean;
}

/** The same for an attestation that comes with the release. */
export interface AttestCommand extends Pick<ReleaseAttested, "entity" | "version" | "predicateType"> {
  readonly kind: "attest";
  readonly signed: SignedPart;
  readonly signers: readonly string[];
  /** Digest of the payload that was published just before. */
  readonly release: string;
}

export interface YankCommand {
  readonly kind: "yank" | "unyank";
  readonly entity: string;
  readonly version: string;
  readonly reason?: Reason | undefined;
}

/**
 * Null: this version was released with this very content already.
 *
 * @throws entity_unknown, entity_retired, version_unknown, publishers_missing, signatures_insufficient, release_exists
 */
export function decidePublish(rows: Rows, command: PublishCommand) {
  const { entity, version, content, files, signed, signers } = command;
  const row = rows.release(entity, version);
  if (row !== undefined && (row.payload !== signed.payload.digest || row.statements.length === row.of)) {
    if (row.content === content) return null;
    throw new TesError("release_exists", {
      detail: `${entity}@${version} was published in statement ${row.seq}`,
      facts: { seq: row.seq, content: row.content },
    });
  }
  const of = rows.entity(entity);
  if (of === undefined) throw new TesError("entity_unknown", { detail: `there is no ${entity}` });
  if (!command.handedOut) {
    throw new TesError("version_unknown", {
      detail: `${entity} was never at ${version}`,
      facts: { current: of.version },
    });
  }
  const { revision, seq } = checkSigners(rows, entity, signers);
  return {
    type: "release.published",
    ...signed,
    entity,
    version,
    content,
    publishers: { revision, seq },
    files,
  } as const;
}

/** @throws publishers_missing, signatures_insufficient */
function checkSigners(rows: Rows, entity: string, signers: readonly string[]) {
  const publishers = rows.publishers(entity);
  if (publishers === undefined) throw new TesError("publishers_missing", { detail: entity });
  const known = new Set(publishers.keys.map(({ kid }) => kid));
  const stranger = signers.find((kid) => !known.has(kid));
  if (stranger !== undefined) {
    throw new TesError("signatures_insufficient", {
      detail: `${stranger} is not one of its publishers, as of revision ${publishers.revision}`,
    });
  }
  if (signers.length < publishers.threshold) {
    throw new TesError("signatures_insufficient", {
      detail: `${signers.length} of ${publishers.threshold}`,
      facts: { signed: signers.length, threshold: publishers.threshold },
    });
  }
  return publishers;
}

/** Null when the release was there before, and so nothing comes with it. */
export function decideAttest(rows: Rows, command: AttestCommand) {
  const { entity, version, predicateType, signed, signers, release } = command;
  if (rows.release(entity, version)?.payload !== release) return null;
  checkSigners(rows, entity, signers);
  return { type: "release.attested", ...signed, entity, version, predicateType } as const;
}

/** Null when it already is so. @throws release_unknown */
export function decideYank(rows: Rows, { kind, entity, version, reason }: YankCommand) {
  const row = rows.release(entity, version);
  if (row === undefined) throw new TesError("release_unknown", { detail: `${entity}@${version}` });
  if ((row.yanked !== undefined) === (kind === "yank")) return null;
  const type = kind === "yank" ? ("release.yanked" as const) : ("release.unyanked" as const);
  return { type, entity, version, ...(reason === undefined ? {} : { reason: { digest: reason.digest } }) };
}

export const releaseKey = (entity: string, version: string): string => `${entity}@${version}`;

const releasePatch = (value: ReleaseRow): Patch => ({
  table: "release",
  key: releaseKey(value.entity, value.version),
  value,
});

/**
 * A store keeps the rows of releases out of memory and out of what a rebuild clears: what a row has seen already
 * changes it no more.
 */
export function foldRelease(
  rows: Rows,
  statement: ReleasePublished | ReleaseAttested | ReleaseYanked | ReleaseUnyanked,
): Patch[] {
  const { entity, version, seq, at } = statement;
  const row = rows.release(entity, version);
  if (row !== undefined && row.last >= seq) return [];
  if (statement.type === "release.published") return foldPublished(row, statement);
  if (row === undefined || row.statements.length !== row.of) {
    throw new TesError("release_unknown", { detail: `it speaks of ${entity}@${version}, which was not published` });
  }
  switch (statement.type) {
    case "release.attested": {
      const attested = [...row.attested, seq];
      return [releasePatch({ ...row, attested, last: seq }), ...referenceTo(rows, statement.payload.digest, seq)];
    }
    case "release.yanked": {
      const reason = statement.reason === undefined ? {} : { reason: statement.reason.digest };
      const yanked = { seq, at, ...reason };
      return [
        releasePatch({ ...row, yanked, last: seq }),
        ...(statement.reason === undefined ? [] : referenceTo(rows, statement.reason.digest, seq)),
      ];
    }
    case "release.unyanked": {
      const { yanked: _, ...rest } = row;
      return [
        releasePatch({ ...rest, last: seq }),
        ...(statement.reason === undefined ? [] : referenceTo(rows, statement.reason.digest, seq)),
      ];
    }
  }
}

function foldPublished(row: ReleaseRow | undefined, statement: ReleasePublished): Patch[] {
  const { entity, version, content, publishers, files, signer, part, payload, seq, at } = statement;
  if (part.index !== (row?.statements.length ?? 0) || part.of < 1 || (row !== undefined && row.of !== part.of)) {
    throw new TesError("release_exists", { detail: `it publishes ${entity}@${version} again` });
  }
  const before = row ?? { signers: [], statements: [], attested: [], seq, at };
  const value: ReleaseRow = {
    entity,
    version,
    content,
    payload: payload.digest,
    publishers,
    files,
    of: part.of,
    signers: [...before.signers, signer],
    statements: [...before.statements, seq],
    attested: before.attested,
    seq: before.seq,
    at: before.at,
    last: seq,
  };
  const blob: Patch = { table: "blob", key: payload.digest, value: { digest: payload.digest, seq, erased: false } };
  return row === undefined ? [releasePatch(value), blob] : [releasePatch(value)];
}

/** A text that two statements refer to has one row, of the first. */
function referenceTo(rows: Rows, digest: string, seq: number): Patch[] {
  return rows.blob(digest) === undefined ? [{ table: "blob", key: digest, value: { digest, seq, erased: false } }] : [];
}
