/** The places that a plan writes, file by file. */

import { posix } from "node:path";
import { compareCodeUnits, utf8 } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import type { EntityFile } from "../../protocol/files.ts";
import type { FileEdit } from "./apply.ts";
import type { VersionFile } from "./open.ts";
import { pythonDoubt } from "./python.ts";
import type { Span } from "./tree.ts";

/** One entity's new version and the files that carry it. */
export interface VersionChange {
  readonly entity: string;
  /** What the files should hold now; undefined when any version may stand there. */
  readonly from?: string | undefined;
  readonly to: string;
  readonly files: readonly EntityFile[];
}

/** One place in a file where a version stands. Offsets are UTF-16 code units. */
interface Place {
  readonly entity: string;
  readonly start: number;
  readonly end: number;
  readonly found: string;
  readonly to: string;
  readonly kind: "version" | "range";
}

/** Collects places; every one must be free. */
export class Places {
  readonly warnings: string[] = [];
  readonly #byFile = new Map<VersionFile, Place[]>();

  /** Returns the version that is there. */
  addVersion(file: VersionFile, place: Span, { entity, from, to }: VersionChange): string {
    const found = file.text.slice(place.start, place.end);
    if (!this.add(file, { entity, ...place, found, to, kind: "version" })) return found;
    if (from !== undefined && found !== from) {
      this.warnings.push(`${file.path} holds ${found || "nothing"} where ${entity} was ${from}.`);
    }
    const doubt = isPython(file) ? pythonDoubt(to) : null;
    if (doubt !== null) this.warnings.push(`${file.path} would hold ${to}: ${doubt}.`);
    return found;
  }

  /**
   * Two entities may carry their versions in one file, but not two versions in one place.
   *
   * @returns false when the place is known and gets the same version
   */
  add(file: VersionFile, place: Place): boolean {
    const places = this.#byFile.get(file) ?? [];
    this.#byFile.set(file, places);
    const other = places.find(({ start, end }) => start === place.start || (start < place.end && place.start < end));
    if (other === undefined) {
      places.push(place);
      return true;
    }
    if (other.start === place.start && other.end === place.end && other.to === place.to) return false;
    throw new TesError("file_pattern", {
      field: file.path,
      detail: `In ${file.path}, ${other.entity} (${other.to}) and ${place.entity} (${place.to}) claim the same place.`,
    });
  }

  edits(): FileEdit[] {
    const edits = [...this.#byFile].map(([file, places]): FileEdit => {
      let after = file.text;
      for (const { start, end, to } of places.sort((a, b) => b.start - a.start)) {
        after = after.slice(0, start) + to + after.slice(end);
      }
      const { path, target, absolute, bytes: before } = file;
      const changes = places.map(({ entity, found, to, kind }) => ({ entity, found, to, kind })).reverse();
      return { path, target, absolute, before, after: utf8(after), changes };
    });
    return edits.sort((a, b) => compareCodeUnits(a.path, b.path));
  }
}

function isPython(file: VersionFile): boolean {
  return posix.basename(file.target) === "pyproject.toml" || file.target.endsWith(".py");
}
