/** Whose signature one of another tool is: a publisher's, a stranger's, or nobody's. */

import { fromBase64Url, fromHex } from "../../core/bytes.ts";
import { verifyEd25519 } from "../../core/ed25519.ts";
import { TesError } from "../../core/errors.ts";
import { minisignIdText, parseMinisignSignature, verifyMinisign } from "../../core/minisign.ts";
import { parseSignify } from "../../core/signify.ts";
import { parseSshSignature, verifySsh } from "../../core/sshsig.ts";
import type { PublicKey } from "../../protocol/statements.ts";
import type { FileDigests } from "./hashing.ts";
import { shortKid } from "./short-kid.ts";

/** Kinds of signatures that lie beside the files of a release. */
export type SignatureKind = "minisign" | "ssh" | "openssl" | "signify";

/** A key that a file in the folder holds. */
export interface KeyThere extends PublicKey {
  /** minisign's id of it, where it came from such a file. Only the file says so. */
  readonly id?: Uint8Array;
}

export interface Keys {
  /** Proved by the release document. */
  readonly publishers: readonly PublicKey[];
  /** In the folder, publishers' or not. */
  readonly there: readonly KeyThere[];
}

/** What is signed, as far as the kind asks for it. */
export interface Signed {
  readonly name: string;
  readonly digests: Pick<FileDigests, "sha512"> & Partial<Pick<FileDigests, "blake2b">>;
  /** The content itself, for SHA256SUMS. */
  readonly bytes: Uint8Array | null;
  readonly version: string;
}

/**
 * Finds the publisher who made a signature.
 *
 * @param file what the signature file holds
 * @param short the short kid in its name, or null
 * @returns the kid
 * @throws {TesError} `key_unknown` when a key signed that is no publisher's; `signature_invalid`,
 *   `signature_file_invalid`; `release_other` when a trusted comment speaks of another file or version
 */
export async function signerOf(
  kind: SignatureKind,
  file: Uint8Array,
  signed: Signed,
  keys: Keys,
  short: string | null,
): Promise<string> {
  const { verify, id, claimed } = readSignature(kind, file, signed);
  const made = async ({ x }: PublicKey): Promise<boolean> => {
    try {
      await verify(fromBase64Url(x)!);
      return true;
    } catch (thrown) {
      if (thrown instanceof TesError && /^(signature_invalid|key_unknown)$/.test(thrown.code)) return false;
      throw thrown;
    }
  };
  const { publishers, there } = keys;
  for (const key of publishers) {
    if (!(await made(key))) continue;
    const known = there.filter(({ kid, id: of }) => kid === key.kid && of !== undefined);
    if (id === null || known.length === 0 || known.some(({ id: of }) => same(of!, id))) return key.kid;
    // The other tool compares ids before anything else, and would refuse it.
    throw new TesError("key_unknown", { detail: `it names the key ${minisignIdText(id)}, and ${key.kid} made it` });
  }
  const isPublisher = (kid: string) => publishers.some((key) => key.kid === kid);
  for (const key of there) {
    if (!isPublisher(key.kid) && (await made(key))) throw stranger(`the key ${key.kid}, which lies here`);
  }
  if (claimed !== null && !publishers.some(({ x }) => same(fromBase64Url(x)!, claimed))) throw stranger("another key");
  if (short !== null && !publishers.some(({ kid }) => shortKid(kid) === short)) throw stranger(`a key ${short}`);
  const owners = there.filter(({ kid, id: of }) => of !== undefined && isPublisher(kid));
  if (id !== null && owners.length > 0 && !owners.some(({ id: of }) => same(of!, id))) {
    throw stranger(`the key ${minisignIdText(id)}`);
  }
  throw new TesError("signature_invalid", { detail: `no publisher signed this ${signed.name} with it` });
}

interface Read {
  readonly verify: (publicKey: Uint8Array) => Promise<unknown>;
  /** minisign's id of the key, where the format has it. */
  readonly id: Uint8Array | null;
  /** The public key itself, where the format has it. */
  readonly claimed: Uint8Array | null;
}

function readSignature(kind: SignatureKind, file: Uint8Array, { name, digests, bytes, version }: Signed): Read {
  if (kind === "openssl") {
    return { verify: (key) => verifyEd25519(key, file, bytes!), id: null, claimed: null };
  }
  if (kind === "ssh") {
    const signed = parseSshSignature(new TextDecoder().decode(file));
    const digest = fromHex(digests.sha512)!;
    return { verify: (key) => verifySsh(signed, key, digest), id: null, claimed: signed.publicKey };
  }
  if (kind === "signify") {
    const { id, signature } = parseSignify(new TextDecoder().decode(file));
    return { verify: (key) => verifyEd25519(key, signature, bytes!), id, claimed: null };
  }
  const signed = parseMinisignSignature(file);
  const content = bytes === null ? { digest: digests.blake2b! } : { bytes };
  const verify = async (publicKey: Uint8Array) => {
    const { trustedComment } = await verifyMinisign(signed, { id: signed.id, publicKey }, content);
    requireComment(trustedComment, name, version);
  };
  return { verify, id: signed.id, claimed: null };
}

/** What a trusted comment says of file and version has to be so; one that says nothing of them, says nothing wrong. */
function requireComment(comment: string, name: string, version: string): void {
  const said = new Map(comment.split("\t").map((part) => [part.split(":", 1)[0], part.slice(part.indexOf(":") + 1)]));
  for (const [what, expected] of Object.entries({ file: name, version })) {
    const value = said.get(what);
    if (value === undefined || value === expected) continue;
    throw new TesError("release_other", { detail: `its trusted comment says ${what}:${value}` });
  }
}

const stranger = (who: string): TesError =>
  new TesError("key_unknown", { detail: `${who} signed it, which is no publisher's` });

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
