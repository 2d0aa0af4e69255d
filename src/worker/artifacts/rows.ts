/** What this place knows of files: the tables of migration 3, and all SQL on them. Synchronous, as in store.ts. */

/** `collecting`: it is being taken away, and is as good as gone. */
export type ArtifactState = "open" | "stored" | "collecting";

export interface ArtifactRow {
  /** SHA-256, hex. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly state: ArtifactState;
  readonly upload: string;
  /** Id of the token that began the upload; empty for what an earlier release began. */
  readonly by: string;
  /** When it was last asked for or added to, milliseconds. */
  readonly at: number;
}

export interface ArtifactRows {
  get(digest: string): ArtifactRow | undefined;
  put(row: ArtifactRow): void;
  /** Forgets a file with its parts. References stay: they belong to texts. */
  forget(digest: string): void;
  /** In order. */
  parts(digest: string): { readonly n: number; readonly name: string }[];
  /** @returns what the part was called before */
  putPart(digest: string, n: number, name: string): string | undefined;
  /** Files that are not referred to. */
  unreferredCount(): number;
  /** Uploads that a token began and did not end. */
  openCount(by: string): number;
  /** What is to be taken away: files that are not referred to and were not asked for since, and what was given up. */
  collectable(since: number, count: number): ArtifactRow[];
  /** When the oldest file that is not referred to was asked for last. */
  oldestUnreferred(): number | undefined;
  isReferred(digest: string): boolean;
  /** A text refers to these files. */
  refer(blob: string, digests: readonly string[]): void;
}

type Row = Record<string, unknown>;
type Rows = (query: string, ...bindings: (string | number)[]) => Row[];

const rowOf = (row: Row): ArtifactRow => row as unknown as ArtifactRow;
const UNREFERRED = `NOT EXISTS (SELECT 1 FROM artifact_ref WHERE artifact_ref.digest = artifact.digest)`;

export function openArtifactRows(rows: Rows): ArtifactRows {
  return {
    get: (digest) =>
      rows(`SELECT digest, size, state, upload, at, by FROM artifact WHERE digest = ?`, digest).map(rowOf)[0],
    put({ digest, size, state, upload, at, by }) {
      rows(
        `INSERT OR REPLACE INTO artifact (digest, size, state, upload, at, by) VALUES (?, ?, ?, ?, ?, ?)`,
        digest,
        size,
        state,
        upload,
        at,
        by,
      );
    },
    forget(digest) {
      rows(`DELETE FROM artifact WHERE digest = ?`, digest);
      rows(`DELETE FROM artifact_part WHERE digest = ?`, digest);
    },
    parts: (digest) =>
      rows(`SELECT n, name FROM artifact_part WHERE digest = ? ORDER BY n`, digest) as unknown as {
        n: number;
        name: string;
      }[],
    putPart(digest, n, name) {
      const before = rows(`SELECT name FROM artifact_part WHERE digest = ? AND n = ?`, digest, n)[0];
      rows(`INSERT OR REPLACE INTO artifact_part (digest, n, name) VALUES (?, ?, ?)`, digest, n, name);
      return before?.name as string | undefined;
    },
    unreferredCount: () => Number(rows(`SELECT count(*) AS n FROM artifact WHERE ${UNREFERRED}`)[0]!.n),
    openCount: (by) => Number(rows(`SELECT count(*) AS n FROM artifact WHERE by = ? AND state = 'open'`, by)[0]!.n),
    collectable: (since, count) =>
      rows(
        `SELECT digest, size, state, upload, at, by FROM artifact
         WHERE state = 'collecting' OR (at <= ? AND ${UNREFERRED}) ORDER BY at LIMIT ?`,
        since,
        count,
      ).map(rowOf),
    oldestUnreferred() {
      const at = rows(`SELECT min(at) AS at FROM artifact WHERE ${UNREFERRED}`)[0]?.at;
      return at === null || at === undefined ? undefined : Number(at);
    },
    isReferred: (digest) => rows(`SELECT 1 FROM artifact_ref WHERE digest = ? LIMIT 1`, digest).length > 0,
    refer(blob, digests) {
      for (const digest of digests)
        rows(`INSERT OR IGNORE INTO artifact_ref (digest, blob) VALUES (?, ?)`, digest, blob);
    },
  };
}
