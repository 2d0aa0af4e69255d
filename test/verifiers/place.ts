/** A directory for files that other programs read, gone after the test. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface Place {
  readonly directory: string;
  /** Writes a file and gives its path. */
  write(name: string, content: string | Uint8Array): string;
}

export function openPlace(): Place {
  const directory = mkdtempSync(join(tmpdir(), "tes-verifiers-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return {
    directory,
    write(name, content) {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    },
  };
}
