/**
 * The tables of one registry, as numbered migrations. A migration that has run anywhere is never edited: the next one
 * mends it. They run inside the transaction that writes the genesis, so that an object nobody authorised stores nothing.
 */

export interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    statements: [
      // The log. `body` is the statement's canonical text (RFC 8785), `leaf` its RFC 6962 leaf hash.
      // `idem` and `request` repeat the statement's own members, so that a rebuild restores them.
      `CREATE TABLE statement (
        seq INTEGER PRIMARY KEY,
        leaf BLOB NOT NULL,
        body TEXT NOT NULL,
        idem TEXT,
        request TEXT
      ) STRICT`,
      `CREATE INDEX statement_idem ON statement (idem) WHERE idem IS NOT NULL`,
      // Sealed tiles with their interior nodes: written once when 256 entries are full, never updated.
      `CREATE TABLE tile (
        level INTEGER NOT NULL,
        idx INTEGER NOT NULL,
        root BLOB NOT NULL,
        nodes BLOB NOT NULL,
        PRIMARY KEY (level, idx)
      ) STRICT, WITHOUT ROWID`,
      // The fold of the log: keyed rows, JSON. Derived, and rebuilt from the log when in doubt.
      `CREATE TABLE state (
        tbl TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (tbl, key)
      ) STRICT, WITHOUT ROWID`,
    ],
  },
];

/** The bookkeeping of migrations, and the only two tables that may exist before a genesis. */
export const BOOTSTRAP: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS migration (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT`,
  // A signing key that the object made for itself. Never exported, never in an answer.
  `CREATE TABLE IF NOT EXISTS signing_key (slot TEXT PRIMARY KEY, hex TEXT NOT NULL, origin TEXT NOT NULL) STRICT`,
];
