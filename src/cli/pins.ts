/**
 * Pins on disk, shared by all processes of a user. Each proved size is a file of its own and the largest counts, so
 * that two processes that save at once cannot take anything back.
 */

import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { advances, type Pin, type PinStore } from "../client/pins.ts";
import { TesError } from "../core/errors.ts";
import { codeOf, reasonOf } from "./local/data.ts";
import { printable } from "./output.ts";

/** A store whose pins lie in files that can be named. */
export interface FilePins extends PinStore {
  /** The file of a pin, as it was loaded. */
  fileOf(key: string, pin: Pin): string;
}

const NAME = /^(\d{1,16})\.json$/;

/**
 * A store in a directory, which is made when the first pin is saved.
 *
 * @example
 * createClient({ url, store: filePins("/home/me/.local/state/tes/pins"), trustFirst: true });
 */
export function filePins(directory: string): FilePins {
  const folder = (key: string) => join(directory, createHash("sha256").update(key).digest("hex").slice(0, 32));

  const sizes = async (path: string): Promise<number[]> => {
    const names = await readdir(path).catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") return [];
      throw unreadable(path, cause);
    });
    const found = names.map((name) => NAME.exec(name)?.[1]).filter((size) => size !== undefined);
    return found.map(Number).sort((a, b) => b - a);
  };

  const load = async (key: string): Promise<Pin | undefined> => {
    const path = folder(key);
    for (const size of await sizes(path)) {
      const file = join(path, `${size}.json`);
      try {
        const pin = JSON.parse(await readFile(file, "utf8")) as Pin;
        if (typeof pin.genesis !== "string" || pin.size !== size) throw new Error("it is not a pin");
        return pin;
      } catch (cause) {
        // Another process proved a larger size and took this one away.
        if (codeOf(cause) === "ENOENT") return load(key);
        throw unreadable(file, cause);
      }
    }
    return undefined;
  };

  return {
    load,
    fileOf: (key, { size }) => join(folder(key), `${size}.json`),
    async save(key, pin) {
      const known = await load(key);
      if (!advances(known, pin)) return;
      const path = folder(key);
      const draft = join(path, `.${randomBytes(8).toString("hex")}`);
      try {
        await mkdir(path, { recursive: true, mode: 0o700 });
        await writeFile(draft, `${JSON.stringify(pin)}\n`, { flag: "wx", mode: 0o600, flush: true });
        await rename(draft, join(path, `${pin.size}.json`));
        const renewed = known !== undefined && (known.genesis !== pin.genesis || known.epoch !== pin.epoch);
        for (const size of await sizes(path)) {
          if (size < pin.size || (renewed && size > pin.size)) await rm(join(path, `${size}.json`), { force: true });
        }
      } catch (cause) {
        if (cause instanceof TesError) throw cause;
        throw new TesError("file_unwritable", { detail: `${printable(path)}: ${reasonOf(cause)}`, cause });
      }
    },
  };
}

function unreadable(path: string, cause: unknown): TesError {
  return new TesError("file_unreadable", { detail: `${printable(path)}: ${reasonOf(cause)}`, cause });
}
