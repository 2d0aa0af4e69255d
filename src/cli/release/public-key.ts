/** Public keys of publishers as other people's tools write and read them. */

import { extname } from "node:path";
import { fromBase64Url, toBase64Url } from "../../core/bytes.ts";
import { TesError } from "../../core/errors.ts";
import { ed25519Kid } from "../../core/keys.ts";
import { parseMinisignKey } from "../../core/minisign.ts";
import { parsePem, renderPem } from "../../core/pem.ts";
import { parseSshKey, renderAllowedSigner } from "../../core/sshsig.ts";
import type { PublicKey } from "../../protocol/statements.ts";
import { readSmallFile } from "../local/data.ts";
import { shortKid } from "./short-kid.ts";

/** A minisign key is 110 characters, an SSH one 80 and a comment. */
const MAX_PUBLIC_KEY_BYTES = 4_096;

/** Who a publisher is for `ssh-keygen -I`, and what its files begin with. */
export function publisherName(kid: string): string {
  return `publisher-${shortKid(kid)}`;
}

/** The key in each form, by the ending of its file. */
export function publicKeyFiles({
  kid,
  x,
  minisignKey,
}: PublicKey & { readonly minisignKey: string }): [ending: string, text: string][] {
  const raw = fromBase64Url(x)!;
  return [
    ["minisign.pub", minisignKey],
    ["pem", renderPem(raw)],
    ["allowed_signers", renderAllowedSigner(publisherName(kid), raw)],
  ];
}

/**
 * Reads a public key as minisign, PEM or SSH writes one.
 *
 * @throws {TesError} `file_unreadable`, `key_file_invalid`
 */
export async function readPublicKey(path: string): Promise<PublicKey> {
  const text = await readSmallFile(path, MAX_PUBLIC_KEY_BYTES);
  try {
    const x = toBase64Url(rawOf(text));
    return { kid: ed25519Kid(x), x };
  } catch (thrown) {
    if (!(thrown instanceof TesError)) throw thrown;
    const secret = extname(path) === ".key" ? " Is it the secret key? Its public half lies in the .pub beside it." : "";
    throw new TesError(thrown.code, {
      detail: `${path}: ${thrown.detail ?? "it is no public key"}.${secret}`,
      cause: thrown,
    });
  }
}

function rawOf(text: string): Uint8Array {
  if (text.startsWith("-----")) return parsePem(text);
  if (text.startsWith("ssh-")) return parseSshKey(text);
  return parseMinisignKey(text).publicKey;
}
