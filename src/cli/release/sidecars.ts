/** The signatures that lie beside the files of a release: made from digests, so that no file is read again. */

import { type Bytes, fromHex } from "../../core/bytes.ts";
import { renderChecksums } from "../../core/checksums.ts";
import { signMinisign, trustedComment } from "../../core/minisign.ts";
import { signSsh } from "../../core/sshsig.ts";
import type { DraftSigner } from "../../protocol/release-draft.ts";
import type { HashedFile } from "./hashing.ts";
import type { PublisherKey } from "./key-file.ts";

/** The text of SHA256SUMS. */
export function sumsOf(files: readonly Pick<HashedFile, "name" | "sha256">[]): string {
  return renderChecksums(files);
}

/**
 * minisign and SSH signatures of every file by one publisher.
 *
 * @param now milliseconds
 */
export async function signFiles(
  key: PublisherKey,
  files: readonly HashedFile[],
  version: string,
  now: number,
): Promise<DraftSigner["files"]> {
  const sign = async (bytes: Bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key.privateKey, bytes));
  const time = Math.floor(now / 1_000);
  const signed: DraftSigner["files"] = [];
  for (const { name, blake2b, sha512 } of files) {
    const trusted = trustedComment({ time, file: name, version });
    signed.push({
      name,
      minisign: await signMinisign({ digest: blake2b, trusted }, { id: key.minisignId, sign }),
      ssh: await signSsh(fromHex(sha512)!, { publicKey: key.raw, sign }),
    });
  }
  return signed;
}
