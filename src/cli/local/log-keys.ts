/** Which keys the logs in a data directory name, read from its files: for when nobody is there to ask. */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TesError } from "../../core/errors.ts";
import { VERSION_UNIQUE_KEY } from "./config.ts";
import { codeOf, type DataPaths, reasonOf } from "./data.ts";

/** The log keys under which one registry goes on here. */
export interface LogKeys {
  readonly registry: string;
  /** Public keys, base64url. After a move these are the one that signs here and the one that signs there. */
  readonly logKeys: readonly string[];
}

/** What of a registry's row matters here (RegistryRow in registry/rows.ts). */
interface Row {
  readonly keys: Keys;
  readonly moved?: { readonly from: Keys };
}
interface Keys {
  readonly "log-ed25519": { readonly x: string };
}

/**
 * Reads the row that each registry keeps of its chain of keys. Changes nothing, and works beside a running authority.
 *
 * @returns by name; empty where no registry was opened yet; null where the runtime has no SQLite (Node before 22.13)
 * @throws {TesError} `file_unreadable`
 */
export async function readLogKeys(paths: DataPaths): Promise<readonly LogKeys[] | null> {
  const sqlite = await import("node:sqlite").catch(() => null);
  if (sqlite === null) return null;
  const directory = join(paths.objects, VERSION_UNIQUE_KEY);
  const found: LogKeys[] = [];
  for (const name of await objectsIn(directory)) {
    const path = join(directory, name);
    try {
      for (const { key, value } of await readRows(sqlite, path)) {
        const { keys, moved } = JSON.parse(value) as Row;
        const logKeys = [keys, ...(moved === undefined ? [] : [moved.from])].map((one) => one["log-ed25519"].x);
        found.push({ registry: key, logKeys });
      }
    } catch (cause) {
      throw new TesError("file_unreadable", { detail: `${path}: ${reasonOf(cause)}`, cause });
    }
  }
  return found.sort((a, b) => (a.registry < b.registry ? -1 : 1));
}

async function objectsIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => /^[0-9a-f]{64}\.sqlite$/.test(name));
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return [];
    throw new TesError("file_unreadable", { detail: `${directory}: ${reasonOf(cause)}`, cause });
  }
}

async function readRows(
  { DatabaseSync }: typeof import("node:sqlite"),
  path: string,
): Promise<{ readonly key: string; readonly value: string }[]> {
  const wal = await stat(`${path}-wal`).then(
    ({ size }) => size,
    () => 0,
  );
  // Where no journal waits, SQLite is told that nothing changes: else it would make files beside the database.
  const url = pathToFileURL(path);
  if (wal === 0) url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url, { readOnly: true });
  try {
    const tables = database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'state'").all();
    if (tables.length === 0) return [];
    const rows = database.prepare("SELECT key, value FROM state WHERE tbl = 'registry'").all();
    return rows.map(({ key, value }) => ({ key: String(key), value: String(value) }));
  } finally {
    database.close();
  }
}
