/** Statements that are already facts, folded again: for a rebuild from the log, and for an import. */

import type { Bytes } from "../core/bytes.ts";
import { utf8 } from "../core/bytes.ts";
import { isCanonical } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { MAX_STATEMENT_BYTES } from "../core/limits.ts";
import { leafHash } from "../core/merkle.ts";
import { parseStatement, type Statement } from "../protocol/statements.ts";
import { fold } from "../registry/fold.ts";
import { type EntityRow, isLookedUp, type MemoryRows, type Patch } from "../registry/rows.ts";
import type { Store } from "./store.ts";

/** One statement as its text says it. */
export interface Fact {
  readonly statement: Statement;
  readonly text: string;
  readonly leaf: Bytes;
}

/**
 * Reads a statement from its canonical text. The platform's own parser is fast, and what it lets through (a key twice,
 * a number that changes) does not come out as the same text again.
 *
 * @throws import_invalid when the text is not canonical; statement_unknown, invalid_field
 */
export function factOf(text: string): Fact {
  const bytes = utf8(text);
  let json: JsonValue;
  try {
    json = JSON.parse(text) as JsonValue;
    if (bytes.length > MAX_STATEMENT_BYTES || !isCanonical(text, json)) throw new Error("not canonical");
  } catch (cause) {
    throw new TesError("import_invalid", { detail: "A statement is not canonical JSON.", cause });
  }
  return { statement: parseStatement(json), text, leaf: leafHash(bytes) };
}

/** What a run of statements changed. The last value of a row is the one that counts, so a store writes it once. */
export interface Replay {
  readonly rows: MemoryRows;
  /** Folds one statement. */
  take(statement: Statement): void;
  /** Writes what changed since the last call: rows as they are now, and every step of an entity. */
  flush(): void;
  /** Only the steps: the rows go on changing. */
  flushTouched(): void;
}

export function createReplay(store: Store, rows: MemoryRows): Replay {
  const changed = new Map<string, Patch>();
  let touched: EntityRow[] = [];
  const flushTouched = (): void => {
    store.touchAll(touched);
    touched = [];
  };
  return {
    rows,
    flushTouched,
    take(statement) {
      for (const patch of fold(rows, statement)) {
        rows.apply(patch);
        if (isLookedUp(patch.table)) store.patchState(patch);
        else changed.set(`${patch.table} ${patch.key}`, patch);
        if (patch.table === "entity" && patch.value !== null) touched.push(patch.value);
      }
    },
    flush() {
      for (const patch of changed.values()) store.patchState(patch);
      changed.clear();
      flushTouched();
    },
  };
}
