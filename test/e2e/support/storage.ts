/** What a stopped authority has stored, read with Node's SQLite from a copy, so that reading changes nothing. */

import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** Where a data directory has the objects of the class. */
export const OBJECTS = "do/tes-VersionManagementDO";

export type Table = readonly Readonly<Record<string, unknown>>[];

/** Every table of every object of the class, by object and table name. */
export async function readObjects(dataDir: string): Promise<Map<string, Map<string, Table>>> {
  const copy = `${dataDir}-copy-${process.hrtime.bigint()}`;
  await cp(join(dataDir, OBJECTS), copy, { recursive: true });
  const objects = new Map<string, Map<string, Table>>();
  for (const name of await readdir(copy)) {
    if (!name.endsWith(".sqlite")) continue;
    const db = new DatabaseSync(join(copy, name));
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all();
    objects.set(
      name,
      new Map(tables.map(({ name: table }) => [String(table), db.prepare(`SELECT * FROM "${table}"`).all()])),
    );
    db.close();
  }
  return objects;
}
