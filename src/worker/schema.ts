/**
 * The tables of one registry, as numbered migrations. A migration that has run anywhere is never edited: the next one
 * mends it. They run inside the transaction that writes the genesis, so that an object nobody authorised stores nothing.
 */

export interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

/** Finds what a request wrote before. */
export const STATEMENT_INDEX = `CREATE INDEX statement_idem ON statement (idem) WHERE idem IS NOT NULL`;

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
      STATEMENT_INDEX,
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
  {
    id: 2,
    statements: [
      // Which statements touched an entity, and where it stood after each: history, and the state at any size.
      // `declared` is the declaration that holds from there on. Derived like the table state.
      `CREATE TABLE touch (
        entity TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        version TEXT NOT NULL,
        declared INTEGER NOT NULL,
        retired INTEGER NOT NULL,
        PRIMARY KEY (entity, seq)
      ) STRICT, WITHOUT ROWID`,
      // A row for every text that a statement refers to. The text itself is not in the log: without it and its salt
      // (erased, or never imported) the digest says nothing.
      `CREATE TABLE blob (
        digest TEXT PRIMARY KEY,
        seq INTEGER NOT NULL,
        erased INTEGER NOT NULL,
        salt BLOB,
        text TEXT
      ) STRICT, WITHOUT ROWID`,
      // The checkpoint that proved an announcement when it was made, by a key that may be gone by now.
      `CREATE TABLE announcement (seq INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT`,
      // What is true of this place and not of the log: see Meta in store.ts.
      `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID`,
    ],
  },
  {
    id: 3,
    statements: [
      // Files of releases, as this place has them: not of the log, and not exported. `state`: open, stored, collecting.
      `CREATE TABLE artifact (
        digest TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        upload TEXT NOT NULL,
        at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID`,
      // What storage calls each part.
      `CREATE TABLE artifact_part (
        digest TEXT NOT NULL,
        n INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (digest, n)
      ) STRICT, WITHOUT ROWID`,
      // Which texts refer to a file: it is kept and shown as long as one of them is there.
      `CREATE TABLE artifact_ref (
        digest TEXT NOT NULL,
        blob TEXT NOT NULL,
        PRIMARY KEY (digest, blob)
      ) STRICT, WITHOUT ROWID`,
      `CREATE INDEX artifact_ref_blob ON artifact_ref (blob)`,
    ],
  },
  {
    id: 4,
    statements: [
      // Released versions, by entity and in the order of the log. Derived like the table state, and kept out of memory.
      `CREATE TABLE release (
        entity TEXT NOT NULL,
        version TEXT NOT NULL,
        seq INTEGER NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (entity, version)
      ) STRICT, WITHOUT ROWID`,
      `CREATE INDEX release_seq ON release (seq)`,
      `CREATE INDEX release_entity ON release (entity, seq)`,
    ],
  },
  {
    id: 5,
    statements: [
      // Whose upload it is: a token may have so many open at once.
      `ALTER TABLE artifact ADD COLUMN by TEXT NOT NULL DEFAULT ''`,
      `CREATE INDEX artifact_by ON artifact (by, state)`,
    ],
  },
];

/** The bookkeeping of migrations, and the only two tables that may exist before a genesis. */
export const BOOTSTRAP: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS migration (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT`,
  // A signing key that the object made for itself. Never exported, never in an answer.
  `CREATE TABLE IF NOT EXISTS signing_key (slot TEXT PRIMARY KEY, hex TEXT NOT NULL, origin TEXT NOT NULL) STRICT`,
];
