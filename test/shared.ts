/** Test material that lies beside the repository, in `../shared`, and may be absent. */

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SHARED = join(import.meta.dirname, "..", "..", "shared");

/** The text of a file under `../shared`, or null with the reason printed, for a test that then has nothing to run. */
export function readShared(path: string): string | null {
  const file = join(SHARED, path);
  if (existsSync(file)) return readFileSync(file, "utf8");
  console.warn(`Not run: ${file} is not there.`);
  return null;
}
