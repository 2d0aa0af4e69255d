/** All SQL of the authority. Nothing else touches storage; every function here is synchronous on purpose. */

import type { Bytes } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import type { SealedTile } from "../core/tiles.ts";
import type { Patch } from "../registry/rows.ts";
import { BOOTSTRAP, MIGRATIONS } from "./schema.ts";

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

export interface Store {
  /** True once the bootstrap tables exist, that is, once something was authorised here. */
  exists(): boolean;
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
  patches(): Patch[];
  signingKey(slot: string): StoredKey | undefined;
  putSigningKey(slot: string, hex: Secret<string>): void;
}

const bytesOf = (value: unknown): Bytes => new Uint8Array(value as ArrayBuffer);

export function openStore(storage: DurableObjectStorage): Store {
  const { sql } = storage;
  const rows = (query: string, ...bindings: (string | number | ArrayBuffer | Uint8Array | null)[]) =>
    sql.exec(query, ...bindings).toArray();
  let bootstrapped = false;

  const bootstrap = () => {
    if (bootstrapped) return;
    for (const statement of BOOTSTRAP) sql.exec(statement);
    bootstrapped = true;
  };

  return {
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
      sql.exec(
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
      sql.exec(
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
    patch({ table, key, value }) {
      if (value === null) sql.exec(`DELETE FROM state WHERE tbl = ? AND key = ?`, table, key);
      else {
        sql.exec(
          `INSERT INTO state (tbl, key, value) VALUES (?, ?, ?)
           ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value`,
          table,
          key,
          JSON.stringify(value),
        );
      }
    },
    patches: () =>
      rows(`SELECT tbl, key, value FROM state`).map(
        (row) => ({ table: row.tbl, key: row.key, value: JSON.parse(row.value as string) }) as Patch,
      ),
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
