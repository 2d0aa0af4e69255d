/** Names of files in a release: one path segment that every system writes as it is, and none takes for another. */
import { utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { MAX_ARTIFACT_NAME_BYTES } from "../core/limits.ts";
import { clip } from "./parse.ts";

/** Names that Windows gives to devices, with any extension (learn.microsoft.com, Naming Files). */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(?:\.|$)/i;
/** Not by what Unicode has assigned so far: runtimes differ in that, and a name has to mean the same in all of them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Noncharacter_Code_Point}]/u;

/** Why a name is not safe; null: it is. */
function faultOf(name: string): string | null {
  if (name === "") return "it is empty";
  if (!name.isWellFormed()) return "it is not Unicode";
  if (utf8(name).length > MAX_ARTIFACT_NAME_BYTES) return `it is longer than ${MAX_ARTIFACT_NAME_BYTES} bytes`;
  if (/[/\\]/.test(name)) return "it has a path separator";
  if (INVISIBLE.test(name)) return "it has a control or format character";
  if (/[<>:"|?*]/.test(name)) return 'it has one of < > : " | ? *';
  if (name !== name.normalize("NFC")) return "it is not in Unicode's form NFC";
  if (name.trim() !== name || name.endsWith(".")) return "it begins or ends with a space, or ends with a dot";
  if (DEVICE.test(name)) return "Windows has a device of that name";
  return null;
}

/** What file systems that fold case, width or composition make of a name. Case both ways: ς and σ, ß and ss, ẞ and ß. */
const folded = (name: string): string =>
  name.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");

/**
 * @throws artifact_name
 * @example
 * checkArtifactName("tool-1.0.0.tgz");
 */
export function checkArtifactName(name: string): void {
  const fault = faultOf(name);
  if (fault !== null) throw new TesError("artifact_name", { detail: `${clip(name)}: ${fault}` });
}

/** @throws artifact_name, artifact_name_collision */
export function checkArtifactNames(names: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const name of names) {
    checkArtifactName(name);
    const key = folded(name);
    const other = seen.get(key);
    if (other !== undefined) {
      throw new TesError("artifact_name_collision", { detail: `${clip(other)} and ${clip(name)}` });
    }
    seen.set(key, name);
  }
}
