/** Public keys that lie in the folder of a release: only those of its publishers, and written as TES writes them. */

import { join } from "node:path";
import { fromBase64Url, toBase64Url } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { ed25519Kid } from "../../core/keys.ts";
import { parseMinisignKey } from "../../core/minisign.ts";
import { parsePem, renderPem } from "../../core/pem.ts";
import { parseSshKey, renderAllowedSigner } from "../../core/sshsig.ts";
import type { PublicKey } from "../../protocol/statements.ts";
import { readSmallFile } from "../local/data.ts";
import { publisherName } from "./public-key.ts";
import { shortKid } from "./short-kid.ts";
import type { KeyThere } from "./signed-by.ts";

/** `publisher-db34ba8e.pem` */
export const KEY_FILE = /^publisher-([0-9a-f]{8})\.(minisign\.pub|pem|allowed_signers)$/;
const MAX_KEY_FILE_BYTES = 4_096;

/** @throws {TesError} `key_file_invalid` */
function keyOf(name: string, text: string): KeyThere {
  const ending = KEY_FILE.exec(name)?.[2];
  if (ending === "minisign.pub") {
    const { id, publicKey } = parseMinisignKey(text);
    return { ...named(publicKey), id };
  }
  if (ending === "pem") return named(parsePem(text));
  // One line, with the key at its end: a second would be believed by ssh-keygen as well.
  const [, key] = /^publisher-[0-9a-f]{8} namespaces="tes-release" (ssh-ed25519 [^\s]+)\n$/.exec(text) ?? [];
  if (key === undefined) throw new TesError("key_file_invalid", { detail: "it is no one allowed signer of releases" });
  return named(parseSshKey(key));
}

function named(raw: Uint8Array): PublicKey {
  const x = toBase64Url(raw);
  return { kid: ed25519Kid(x), x };
}

/** Those that can be read; what is wrong with the others {@link checkKeyFile} tells. */
export async function readKeysThere(directory: string, names: readonly string[]): Promise<KeyThere[]> {
  const keys: KeyThere[] = [];
  for (const name of names.filter((one) => KEY_FILE.test(one))) {
    try {
      keys.push(keyOf(name, await readSmallFile(join(directory, name), MAX_KEY_FILE_BYTES)));
    } catch (thrown) {
      if (!(thrown instanceof TesError)) throw thrown;
    }
  }
  return keys;
}

/**
 * Checks that a key file holds the key of the publisher whose name it has, and nothing else.
 *
 * @returns the kid
 * @throws {TesError} `key_unknown` for a key that is no publisher's, `key_file_invalid`, `file_unreadable`
 */
export async function checkKeyFile(directory: string, name: string, publishers: readonly PublicKey[]): Promise<string> {
  const text = await readSmallFile(join(directory, name), MAX_KEY_FILE_BYTES);
  const { kid, x } = keyOf(name, text);
  if (!publishers.some((key) => key.kid === kid)) {
    throw new TesError("key_unknown", { detail: `it is the key ${kid}, which is no publisher's` });
  }
  const raw = fromBase64Url(x)!;
  const expected = name.endsWith(".pem")
    ? renderPem(raw)
    : name.endsWith(".pub")
      ? text
      : renderAllowedSigner(publisherName(kid), raw);
  if (KEY_FILE.exec(name)?.[1] !== shortKid(kid) || text !== expected) {
    throw new TesError("key_file_invalid", { detail: `it is not as tes release writes the key of ${kid}` });
  }
  return kid;
}
