/**
 * Reading an export in, part by part. Until its root is the header's and the checkpoint holds under the log's own key,
 * the registry does not exist: nobody reads it, nothing is written but the next part. A part is one transaction.
 */

import { concat, equalBytes, fromBase64, fromBase64Url, toBase64, utf8 } from "../core/bytes.ts";
import { verifyCheckpoint } from "../core/checkpoint.ts";
import { TesError, toTesError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import { type JsonValue, parseJson } from "../core/json.ts";
import { importEd25519Public } from "../core/keys.ts";
import {
  type ExportHeader,
  kindOfLine,
  parseExportAnnouncement,
  parseExportBlob,
  parseExportEnd,
  parseExportHeader,
} from "../protocol/export.ts";
import { storedFilesOf } from "../protocol/intoto.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import { createMemoryRows } from "../registry/rows.ts";
import { loadTree } from "./ledger.ts";
import { createReplay, type Fact, factOf } from "./replay.ts";
import type { StatementRow, Store } from "./store.ts";

export interface Importer {
  /** Statements taken so far. */
  readonly received: number;
  /** What the header announced; null before it came. */
  readonly size: number | null;
  /** Takes lines in order, all or nothing. True when the last of them was the end. @throws import_invalid */
  take(lines: readonly string[], now: number): boolean;
  /**
   * Checks the whole, and opens it to the outside: for writing if its last statement hands it over to `own`, for
   * reading until a restore otherwise.
   *
   * @throws import_invalid
   */
  finish(own: GenesisKeys): Promise<void>;
}

function invalid(detail: string, facts?: Readonly<Record<string, number>>): TesError {
  return new TesError("import_invalid", { detail, ...(facts === undefined ? {} : { facts }) });
}

function jsonOf(line: string): JsonValue {
  try {
    return parseJson(utf8(line));
  } catch (cause) {
    throw new TesError("import_invalid", { detail: "A line is not JSON.", cause });
  }
}

/** Opens an import where it stands. Storage is untouched until the first header. */
export function openImporter(store: Store, registry: string): Importer {
  const kept = store.exists() && !store.outdated() ? store.meta("import") : undefined;
  let header: ExportHeader | undefined = kept === undefined ? undefined : parseExportHeader(jsonOf(kept));
  let replay = createReplay(store, createMemoryRows(header === undefined ? [] : store.patches(), store.lookup));
  let tree = loadTree(store, header === undefined ? 0 : store.size());

  /** Statements of the part that is being taken. */
  let inserts: StatementRow[] = [];
  /** Two parts contradict each other, or the whole is not what it says: nobody can tell which line was wrong. */
  let spoiled = false;

  /** Back to what storage holds, which is nothing where it was spoiled. */
  const reload = (): void => {
    if (spoiled) store.transaction(() => store.clearLog());
    if (spoiled) header = undefined;
    spoiled = false;
    replay = createReplay(store, createMemoryRows(header === undefined ? [] : store.patches(), store.lookup));
    tree = loadTree(store, header === undefined ? 0 : store.size());
  };

  const begin = (line: string, now: number): void => {
    const next = parseExportHeader(jsonOf(line));
    if (next.registry !== registry) throw invalid(`It is an export of ${next.registry}, not of ${registry}.`);
    if (header !== undefined && JSON.stringify(header) === JSON.stringify(next)) return;
    store.migrate(now);
    store.clearLog();
    store.putMeta("import", line);
    header = next;
    replay = createReplay(store, createMemoryRows([], store.lookup));
    tree = loadTree(store, 0);
  };

  const takeFact = ({ statement, text, leaf }: Fact): void => {
    const { seq, idempotency } = statement;
    if (seq > tree.size) throw invalid(`Statement ${tree.size} comes next.`, { received: tree.size });
    if (seq < tree.size) {
      if ((store.body(seq) ?? inserts.find((row) => row.seq === seq)?.body) === text) return;
      spoiled = true;
      throw invalid(`Statement ${seq} is not the one that came before.`);
    }
    if (seq >= header!.size) throw invalid("There are more statements than the header says.");
    replay.take(statement);
    const staged = tree.stage(leaf);
    inserts.push({ seq, leaf, body: text, idem: idempotency?.key ?? null, request: idempotency?.request ?? null });
    for (const tile of staged.sealed) store.insertTile(tile);
    staged.commit();
  };

  const takeLine = (line: string, now: number): void => {
    const kind = kindOfLine(line);
    if (kind !== "header" && header === undefined) throw invalid("The header comes first.");
    switch (kind) {
      case "header":
        begin(line, now);
        break;
      case "statement":
        takeFact(factOf(line));
        break;
      case "announcement": {
        const { announcement, checkpoint } = parseExportAnnouncement(jsonOf(line));
        if (!replay.rows.registry()?.announced?.includes(announcement)) {
          throw invalid(`Statement ${announcement} announces nothing.`);
        }
        store.putAnnouncement(announcement, checkpoint);
        break;
      }
      case "blob": {
        const { blob, salt: encoded, text } = parseExportBlob(jsonOf(line));
        const salt = fromBase64(encoded);
        if (salt === null || sha256Hex(concat(salt, utf8(text))) !== blob) {
          throw invalid("A text is not the one that its digest names.");
        }
        if (!store.putBlob({ digest: blob, salt, text }))
          throw invalid("No statement refers to a text, or one erased it.");
        store.artifacts.refer(blob, storedFilesOf(text));
        break;
      }
      case "end":
        parseExportEnd(jsonOf(line));
    }
  };

  const check = async (own: GenesisKeys): Promise<void> => {
    const row = replay.rows.registry();
    if (header === undefined || row === undefined) throw invalid("The header and the genesis come first.");
    const { size, genesis, origin, root, checkpoint } = header;
    if (tree.size !== size) throw invalid(`Statement ${tree.size} comes next.`, { received: tree.size });
    if (row.genesis !== genesis || row.origin !== origin || !equalBytes(tree.root(), fromBase64(root)!)) {
      throw invalid("Its statements do not lead to the root that the header names.");
    }
    // The last statement may hand it over: the checkpoint above it is still the source's.
    const last = size - 1;
    const handedOver = row.moved?.seq === last;
    const key = (handedOver ? row.moved!.from : row.keys)["log-ed25519"];
    const signed = await verifyCheckpoint(checkpoint, {
      origin,
      publicKey: await importEd25519Public(key.x),
      raw: fromBase64Url(key.x)!,
    });
    if (signed.size !== size || toBase64(signed.root) !== root) throw invalid("The checkpoint is of another tree.");
    const ours = handedOver && row.keys["response-ed25519"].kid === own["response-ed25519"].kid;
    store.transaction(() => {
      if (handedOver) store.putAnnouncement(last, checkpoint);
      if (!ours) store.putMeta("read_only", String(last));
      store.indexLog();
      store.putMeta("import", null);
    });
  };

  return {
    get received() {
      return tree.size;
    },
    get size() {
      return header?.size ?? null;
    },
    take(lines, now) {
      const before = header;
      inserts = [];
      try {
        store.transaction(() => {
          for (const line of lines) takeLine(line, now);
          store.insertAll(inserts);
          replay.flush();
        });
      } catch (thrown) {
        // What is in memory went ahead of storage: it is read again, from the header on.
        header = before;
        reload();
        const error = toTesError(thrown);
        // A log that contradicts itself is the sender's matter here.
        throw error.code === "internal" && error.detail !== undefined ? invalid(error.detail) : error;
      }
      return lines.length > 0 && kindOfLine(lines.at(-1)!) === "end";
    },
    async finish(own) {
      try {
        await check(own);
      } catch (thrown) {
        // A part that is missing may still come; a whole that is wrong is forgotten.
        spoiled = header !== undefined && tree.size === header.size;
        if (spoiled) reload();
        throw thrown;
      }
    },
  };
}
