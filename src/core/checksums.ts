/**
 * SHA256SUMS, as `sha256sum --check` reads it: digest, two spaces, name, a line each. Names of released files hold no
 * line break and no backslash (docs/formats.md, Release), so the escaped form that coreutils has for those never occurs
 * and is not read.
 */

import { compareCodeUnits, decodeUtf8 } from "./bytes.ts";
import { TesError } from "./errors.ts";

export interface Checksum {
  readonly name: string;
  /** Hex. */
  readonly sha256: string;
}

const invalid = (detail: string): TesError =>
  new TesError("signature_file_invalid", { detail: `SHA256SUMS: ${detail}` });

/**
 * The file, sorted by name: one text for one set of files.
 *
 * @throws signature_file_invalid for what would not read back
 */
export function renderChecksums(files: readonly Checksum[]): string {
  const text = files
    .toSorted((a, b) => compareCodeUnits(a.name, b.name))
    .map(({ name, sha256 }) => `${sha256}  ${name}\n`)
    .join("");
  if (parseChecksums(text).length !== files.length) throw invalid("a name holds a line break");
  return text;
}

/**
 * Reads the file strictly: text mode only, each name once.
 *
 * @throws signature_file_invalid
 */
export function parseChecksums(text: string | Uint8Array): Checksum[] {
  const lines = (typeof text === "string" ? text : textOf(text)).split("\n");
  if (lines.pop() !== "") throw invalid("it does not end with a line end");
  const seen = new Set<string>();
  return lines.map((line, i) => {
    const [, sha256, name] = /^([0-9a-f]{64}) {2}([^\\\r\0]+)$/.exec(line) ?? [];
    if (sha256 === undefined || name === undefined) throw invalid(`line ${i + 1} is no digest and name`);
    if (seen.has(name)) throw invalid(`line ${i + 1} names a file again`);
    seen.add(name);
    return { name, sha256 };
  });
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new TesError("signature_file_invalid", { detail: "SHA256SUMS: it is not UTF-8", cause });
  }
}
