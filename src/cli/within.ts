/** Which file it is that something is wrong with. */

import { TesError } from "../core/errors.ts";
import { printable } from "./output.ts";

/** Reads something out of a file; what it throws names the file. @throws {TesError} as `read` does */
export function within<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const field = thrown.field === undefined ? {} : { field: thrown.field };
    throw new TesError(thrown.code, {
      detail: `${printable(path)}: ${thrown.detail ?? "refused."}`,
      ...field,
      cause: thrown,
    });
  }
}
