/** All SQL of the authority. Nothing else touches storage; every function here is synchronous on purpose. */

import { type Bytes, toHex } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import type { SealedTile } from "../core/tiles.ts";
import type { BlobRow, EntityRow, Lookup, Patch, ReleaseRow } from "../registry/rows.ts";
import { type ArtifactRows, openArtifactRows } from "./artifacts/rows.ts";
import { BOOTSTRAP, MIGRATIONS, STATEMENT_INDEX } from "./schema.ts";

/** What a statement's row holds. `body` is canonical text. */
export interface StatementRow {
  readonly seq: number;
  readonly leaf: Bytes;
  readonly body: string;
  readonly idem: string | null;
  readonly request: string | null;
}

export interface StoredKey {
  readonly hex: Secret<string>;
  readonly origin: "generated";
}

/** Where an entity stood after a statement that touched it. */
export interface TouchRow {
  readonly seq: number;
  readonly at: number;
  readonly version: string;
  /** Index of the declaration that holds from there on. */
  readonly declared: number;
  readonly retired: boolean;
}

/** A text that lies beside the log. */
export interface StoredBlob {
  readonly digest: string;
  readonly salt: Bytes;
  readonly text: string;
}

/**
 * What is true of this place and not of the log.
 *
 * `listed`: pending, yes or no, of a registry other than default. `read_only`: the index of the statement after which
 * nothing is written here. `import`: the header of an export that is being read in.
 */
export type MetaKey = "listed" | "read_only" | "import";

export interface Store {
  /** Rows read and written since the object started. */
  readonly counts: { readonly read: number; readonly written: number };
  /** True once the bootstrap tables exist, that is, once something was authorised here. */
  exists(): boolean;
  /** True when an earlier release wrote these tables, and there is more to run. */
  outdated(): boolean;
  /** Runs what has not run yet. Call inside `transaction`. */
  migrate(now: number): void;
  /** All or nothing. The callback must not be async: an async one would be accepted silently and not rolled back. */
  transaction<T>(work: () => T): T;
  size(): number;
  insert(row: StatementRow): void;
  body(seq: number): string | undefined;
  bodies(from: number, count: number): string[];
  leaves(from: number, count: number): Bytes[];
  /** The statements that one request made, in order. */
  byIdempotency(idem: string): { seq: number; body: string; request: string }[];
  insertTile(tile: SealedTile): void;
  tileNodes(level: number, index: number): Bytes;
  tileRoots(level: number, from: number, count: number): Bytes[];
  patch(patch: Patch): void;
  /** Only where the entity stands now, not where it stood: for a caller that wrote `touch` itself. */
  patchState(patch: Patch): void;
  patches(): Patch[];
  /** Many steps at once: one statement for them all, since each call costs more than the row. */
  touchAll(rows: readonly EntityRow[]): void;
  /** Many statements at once. */
  insertAll(rows: readonly StatementRow[]): void;
  /** The statements that touched an entity, newest first, below an index. */
  touches(entity: string, below: number, count: number): TouchRow[];
  /** Forgets what is derived from the log, before it is derived again. */
  clearDerived(): void;
  /** Keeps a text that a statement in the log refers to; others are passed over. True if it was kept. */
  putBlob(blob: StoredBlob): boolean;
  blobRow(digest: string): BlobRow | undefined;
  releaseRow(entity: string, version: string): ReleaseRow | undefined;
  /** Newest first, below an index; of one entity, or of all. */
  releases(below: number, count: number, entity?: string): ReleaseRow[];
  /** Whether a statement ever took an entity to a version. */
  handedOut(entity: string, version: string): boolean;
  /** Files that lie beside the log. */
  readonly artifacts: ArtifactRows;
  /** The two that the fold asks for. */
  readonly lookup: Lookup;
  blob(digest: string): StoredBlob | undefined;
  /**
   * Texts that are kept, by digest, from the one after `after` on, of statements below a position. Each is read when it
   * is asked for: some are long.
   */
  blobs(after: string, below: number): Iterable<StoredBlob>;
  announcement(seq: number): string | undefined;
  putAnnouncement(seq: number, note: string): void;
  meta(key: MetaKey): string | undefined;
  /** Null takes it away. */
  putMeta(key: MetaKey, value: string | null): void;
  /** Empties every table of the log and what follows it, and takes its index off: an import begins, or begins again. */
  clearLog(): void;
  /** Puts the index back, once for all rows: several times faster than row by row. */
  indexLog(): void;
  signingKey(slot: string): StoredKey | undefined;
  putSigningKey(slot: string, hex: Secret<string>): void;
}

/** Rows inserted out of one JSON text: it may have 2 MB (Cloudflare's limit), and 16 of the longest statements do. */
const STATEMENTS_AT_ONCE = 16;
const TOUCHES_AT_ONCE = 512;

const bytesOf = (value: unknown): Bytes => new Uint8Array(value as ArrayBuffer);

export function openStore(storage: DurableObjectStorage): Store {
  const { sql } = storage;
  const counts = { read: 0, written: 0 };
  type Binding = string | number | ArrayBuffer | Uint8Array | null;
  const rows = (query: string, ...bindings: Binding[]) => {
    const cursor = sql.exec(query, ...bindings);
    const found = cursor.toArray();
    counts.read += cursor.rowsRead;
    counts.written += cursor.rowsWritten;
    return found;
  };
  const run = (query: string, ...bindings: Binding[]): void => {
    const cursor = sql.exec(query, ...bindings);
    counts.read += cursor.rowsRead;
    counts.written += cursor.rowsWritten;
  };
  let bootstrapped = false;

  const bootstrap = () => {
    if (bootstrapped) return;
    for (const statement of BOOTSTRAP) sql.exec(statement);
    bootstrapped = true;
  };

  const touch = (row: EntityRow) =>
    run(
      `INSERT OR REPLACE INTO touch (entity, seq, at, version, declared, retired) VALUES (?, ?, ?, ?, ?, ?)`,
      row.entity,
      row.seq,
      row.at,
      row.version,
      row.declared,
      row.retired === true ? 1 : 0,
    );
  const blobOf = (row: Record<string, unknown>): StoredBlob => ({
    digest: row.digest as string,
    salt: bytesOf(row.salt),
    text: row.text as string,
  });

  const patchState = ({ table, key, value }: Patch): void => {
    if (table === "blob") {
      // The row stays when its text goes: a reference that is erased is not one that never was.
      run(`INSERT INTO blob (digest, seq, erased) VALUES (?, ?, 0) ON CONFLICT (digest) DO NOTHING`, key, value!.seq);
      if (value!.erased) {
        run(`UPDATE blob SET erased = 1, salt = NULL, text = NULL WHERE digest = ?`, key);
        run(`DELETE FROM artifact_ref WHERE blob = ?`, key);
      }
    } else if (table === "release") {
      run(
        `INSERT OR REPLACE INTO release (entity, version, seq, value) VALUES (?, ?, ?, ?)`,
        value!.entity,
        value!.version,
        value!.seq,
        JSON.stringify(value),
      );
    } else if (value === null) run(`DELETE FROM state WHERE tbl = ? AND key = ?`, table, key);
    else {
      run(
        `INSERT INTO state (tbl, key, value) VALUES (?, ?, ?)
         ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value`,
        table,
        key,
        JSON.stringify(value),
      );
    }
  };

  const blobRow = (digest: string): BlobRow | undefined => {
    const row = rows(`SELECT seq, erased FROM blob WHERE digest = ?`, digest)[0];
    return row === undefined ? undefined : { digest, seq: Number(row.seq), erased: row.erased === 1 };
  };
  const releaseOf = (row: Record<string, unknown>): ReleaseRow => JSON.parse(row.value as string) as ReleaseRow;
  const releaseRow = (entity: string, version: string): ReleaseRow | undefined =>
    rows(`SELECT value FROM release WHERE entity = ? AND version = ?`, entity, version).map(releaseOf)[0];

  return {
    counts,
    outdated: () => {
      const done = new Set(rows(`SELECT id FROM migration`).map((row) => row.id));
      return MIGRATIONS.some(({ id }) => !done.has(id));
    },
    exists() {
      // sqlite_master is read before anything is created: an unknown name must leave no trace.
      bootstrapped ||= rows(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migration'`).length > 0;
      return bootstrapped;
    },
    migrate(now) {
      bootstrap();
      const done = new Set(rows(`SELECT id FROM migration`).map((row) => row.id));
      for (const { id, statements } of MIGRATIONS) {
        if (done.has(id)) continue;
        for (const statement of statements) sql.exec(statement);
        sql.exec(`INSERT INTO migration (id, at) VALUES (?, ?)`, id, now);
      }
    },
    transaction: (work) => {
      const before = bootstrapped;
      try {
        return storage.transactionSync(work);
      } catch (thrown) {
        bootstrapped = before;
        throw thrown;
      }
    },
    size() {
      const found = rows(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'statement'`);
      if (found.length === 0) return 0;
      return Number(rows(`SELECT coalesce(max(seq) + 1, 0) AS size FROM statement`)[0]!.size);
    },
    insert(row) {
      run(
        `INSERT INTO statement (seq, leaf, body, idem, request) VALUES (?, ?, ?, ?, ?)`,
        row.seq,
        row.leaf,
        row.body,
        row.idem,
        row.request,
      );
    },
    body: (seq) => rows(`SELECT body FROM statement WHERE seq = ?`, seq)[0]?.body as string | undefined,
    bodies: (from, count) =>
      rows(`SELECT body FROM statement WHERE seq >= ? ORDER BY seq LIMIT ?`, from, count).map(
        (row) => row.body as string,
      ),
    leaves: (from, count) =>
      rows(`SELECT leaf FROM statement WHERE seq >= ? ORDER BY seq LIMIT ?`, from, count).map((row) =>
        bytesOf(row.leaf),
      ),
    byIdempotency: (idem) =>
      rows(`SELECT seq, body, request FROM statement WHERE idem = ? ORDER BY seq`, idem) as unknown as {
        seq: number;
        body: string;
        request: string;
      }[],
    insertTile(tile) {
      run(
        `INSERT INTO tile (level, idx, root, nodes) VALUES (?, ?, ?, ?)`,
        tile.level,
        tile.index,
        tile.root,
        tile.nodes,
      );
    },
    tileNodes(level, index) {
      const row = rows(`SELECT nodes FROM tile WHERE level = ? AND idx = ?`, level, index)[0];
      if (row === undefined) throw new TesError("internal", { cause: `tile ${level}/${index} is not in storage` });
      return bytesOf(row.nodes);
    },
    tileRoots: (level, from, count) =>
      rows(`SELECT root FROM tile WHERE level = ? AND idx >= ? ORDER BY idx LIMIT ?`, level, from, count).map((row) =>
        bytesOf(row.root),
      ),
    patch(patch) {
      patchState(patch);
      if (patch.table === "entity" && patch.value !== null) touch(patch.value);
    },
    patchState,
    patches: () =>
      rows(`SELECT tbl, key, value FROM state`).map(
        (row) => ({ table: row.tbl, key: row.key, value: JSON.parse(row.value as string) }) as Patch,
      ),
    touchAll(touched) {
      for (let i = 0; i < touched.length; i += TOUCHES_AT_ONCE) {
        const page = touched.slice(i, i + TOUCHES_AT_ONCE);
        const values = page.map((row) => [row.entity, row.seq, row.at, row.version, row.declared, row.retired ? 1 : 0]);
        run(
          `INSERT OR REPLACE INTO touch (entity, seq, at, version, declared, retired)
           SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?)`,
          JSON.stringify(values),
        );
      }
    },
    insertAll(statements) {
      for (let i = 0; i < statements.length; i += STATEMENTS_AT_ONCE) {
        const page = statements.slice(i, i + STATEMENTS_AT_ONCE);
        const values = page.map(({ seq, leaf, body, idem, request }) => [seq, toHex(leaf), body, idem, request]);
        run(
          `INSERT INTO statement (seq, leaf, body, idem, request)
           SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)`,
          JSON.stringify(values),
        );
      }
    },
    touches: (entity, below, count) =>
      rows(
        `SELECT seq, at, version, declared, retired FROM touch WHERE entity = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
        entity,
        below,
        count,
      ).map((row) => ({ ...row, retired: row.retired === 1 }) as unknown as TouchRow),
    clearDerived() {
      run(`DELETE FROM state`);
      run(`DELETE FROM touch`);
      run(`DELETE FROM release`);
    },
    putBlob: ({ digest, salt, text }) =>
      rows(`UPDATE blob SET salt = ?, text = ? WHERE digest = ? AND erased = 0 RETURNING digest`, salt, text, digest)
        .length > 0,
    blobRow,
    releaseRow,
    releases: (below, count, entity) =>
      entity === undefined
        ? rows(`SELECT value FROM release WHERE seq < ? ORDER BY seq DESC LIMIT ?`, below, count).map(releaseOf)
        : rows(
            `SELECT value FROM release WHERE entity = ? AND seq < ? ORDER BY seq DESC LIMIT ?`,
            entity,
            below,
            count,
          ).map(releaseOf),
    handedOut: (entity, version) =>
      rows(`SELECT 1 FROM touch WHERE entity = ? AND version = ? LIMIT 1`, entity, version).length > 0,
    artifacts: openArtifactRows(rows),
    lookup: { blob: blobRow, release: releaseRow },
    blob: (digest) =>
      rows(`SELECT digest, salt, text FROM blob WHERE digest = ? AND text IS NOT NULL`, digest).map(blobOf)[0],
    *blobs(after, below) {
      const cursor = sql.exec(
        `SELECT digest, salt, text FROM blob WHERE digest > ? AND seq < ? AND text IS NOT NULL ORDER BY digest`,
        after,
        below,
      );
      try {
        for (const row of cursor) yield blobOf(row);
      } finally {
        counts.read += cursor.rowsRead;
      }
    },
    announcement: (seq) => rows(`SELECT note FROM announcement WHERE seq = ?`, seq)[0]?.note as string | undefined,
    putAnnouncement: (seq, note) => run(`INSERT OR REPLACE INTO announcement (seq, note) VALUES (?, ?)`, seq, note),
    meta: (key) => rows(`SELECT value FROM meta WHERE key = ?`, key)[0]?.value as string | undefined,
    putMeta(key, value) {
      if (value === null) run(`DELETE FROM meta WHERE key = ?`, key);
      else run(`INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)`, key, value);
    },
    clearLog() {
      for (const table of [
        "statement",
        "tile",
        "state",
        "touch",
        "release",
        "blob",
        "artifact_ref",
        "announcement",
        "meta",
      ]) {
        run(`DELETE FROM ${table}`);
      }
      run(`DROP INDEX IF EXISTS statement_idem`);
    },
    indexLog: () => run(STATEMENT_INDEX),
    signingKey(slot) {
      const row = rows(`SELECT hex FROM signing_key WHERE slot = ?`, slot)[0];
      return row === undefined ? undefined : { hex: new Secret(row.hex as string), origin: "generated" };
    },
    putSigningKey(slot, hex) {
      bootstrap();
      sql.exec(`INSERT INTO signing_key (slot, hex, origin) VALUES (?, ?, 'generated')`, slot, hex.reveal());
    },
  };
}
