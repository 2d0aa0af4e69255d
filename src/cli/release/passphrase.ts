/** Where the passphrase of a publisher's key comes from: a file, the environment, or a prompt. Never the command line. */

import { resolve } from "node:path";
import { TesError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";
import { readSmallFile } from "../local/data.ts";
import type { CommandIo } from "../output.ts";

/** minisign reads no longer one (PASSWORDMAXBYTES). */
export const MAX_PASSPHRASE_BYTES = 1_024;
export const PASSPHRASE_VARIABLE = "TES_PUBLISHER_PASSPHRASE";

export interface PassphraseOptions {
  readonly passphraseFile?: readonly string[];
}

/**
 * The passphrases that files or the environment give; none where neither does. The line end after one is dropped, and
 * nothing else.
 *
 * @throws {TesError} `file_unreadable`, `passphrase_wrong` for one that no key can have
 */
export async function givenPassphrases(io: CommandIo, options: PassphraseOptions): Promise<Secret<string>[]> {
  const { passphraseFile = [] } = options;
  const given: Secret<string>[] = [];
  for (const path of passphraseFile) {
    const text = await readSmallFile(resolve(io.cwd, path), MAX_PASSPHRASE_BYTES + 2);
    given.push(checked(text.replace(/\r?\n$/, ""), path));
  }
  const text = io.env[PASSPHRASE_VARIABLE];
  if (given.length === 0 && text !== undefined && text !== "") given.push(checked(text, `$${PASSPHRASE_VARIABLE}`));
  return given;
}

/** Asks for the passphrase of a key that is there. @throws {TesError} `input_missing` where nobody can be asked */
export async function askPassphrase(io: CommandIo, path: string): Promise<Secret<string>> {
  if (!canAsk(io)) throw nobody(`${path} is locked by a passphrase`, "");
  const { askHidden } = await import("../input.ts");
  return checked((await askHidden(`Passphrase of ${path}`)).reveal(), "What was typed");
}

/** Asks for the passphrase of a new key, twice. @throws {TesError} `input_missing`, `passphrase_wrong` */
export async function askNewPassphrase(io: CommandIo, path: string): Promise<Secret<string>> {
  if (!canAsk(io)) {
    throw nobody(`The new key ${path} gets a passphrase`, " --no-passphrase makes a key without one.");
  }
  const { askHidden } = await import("../input.ts");
  const first = checked((await askHidden(`New passphrase for ${path}`)).reveal(), "What was typed");
  const again = await askHidden("The same once more");
  if (first.reveal() !== again.reveal()) {
    throw new TesError("passphrase_wrong", { detail: "The two are not the same. No key was made." });
  }
  return first;
}

function checked(text: string, from: string): Secret<string> {
  const bytes = Buffer.byteLength(text);
  if (bytes > 0 && bytes <= MAX_PASSPHRASE_BYTES && !/[\0\r\n]/.test(text)) return new Secret(text);
  throw new TesError("passphrase_wrong", {
    detail: `${from} is not one: 1 to ${MAX_PASSPHRASE_BYTES} bytes on one line.`,
  });
}

/** Whether somebody sits there. */
export function canAsk({ interactive, askable }: CommandIo): boolean {
  return interactive || askable === true;
}

function nobody(what: string, otherwise: string): TesError {
  return new TesError("input_missing", {
    detail: `${what}, and nobody can be asked for it here: name a file that holds it with --passphrase-file, or set $${PASSPHRASE_VARIABLE}.${otherwise}`,
  });
}
