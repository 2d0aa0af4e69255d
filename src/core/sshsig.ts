/**
 * SSH signatures (OpenSSH, PROTOCOL.sshsig) by Ed25519 keys: what `ssh-keygen -Y verify` reads. The content is hashed
 * with SHA-512 first, so that a large file is signed by its digest.
 */

import { type Bytes, concat, decodeUtf8, equalBytes, fromBase64, toBase64, utf8 } from "./bytes.ts";
import { ED25519_KEY_BYTES, ED25519_SIGNATURE_BYTES, type SignBytes, verifyEd25519 } from "./ed25519.ts";
import { type ErrorCode, TesError } from "./errors.ts";
import { linesOf } from "./minisign.ts";

/** What signatures of releases are for: one made for git, or a file of somebody else's, never counts as one of these. */
export const SSH_NAMESPACE = "tes-release";
export const SSH_DIGEST_BYTES = 64;

const MAGIC = utf8("SSHSIG");
const VERSION = 1;
const HASH = "sha512";
const KEY_TYPE = "ssh-ed25519";
const BEGIN = "-----BEGIN SSH SIGNATURE-----";
const END = "-----END SSH SIGNATURE-----";
/** As ssh-keygen breaks its lines. */
const LINE_CHARS = 70;

/** A signature as it was read. Nothing in it may be believed before {@link verifySsh}. */
export interface SshSignature {
  /** Ed25519, 32 bytes: the key that claims it. */
  readonly publicKey: Bytes;
  readonly namespace: string;
  readonly signature: Bytes;
}

const invalid = (code: ErrorCode, detail: string): TesError => new TesError(code, { detail: `SSH: ${detail}` });

function uint32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** RFC 4251 section 5, `string`: a length of four bytes, and the bytes. */
function field(value: Uint8Array | string): Bytes {
  const bytes = typeof value === "string" ? utf8(value) : value;
  return concat(uint32(bytes.length), bytes);
}

/** Takes fields off the front; throws when there is not enough, or when something is left at the end. */
class Fields {
  private readonly bytes: Bytes;
  private readonly code: ErrorCode;
  private at = 0;

  constructor(bytes: Bytes, code: ErrorCode) {
    this.bytes = bytes;
    this.code = code;
  }

  take(length: number): Bytes {
    const end = this.at + length;
    if (end > this.bytes.length) throw invalid(this.code, "it ends too early");
    const taken = this.bytes.slice(this.at, end);
    this.at = end;
    return taken;
  }

  uint32(): number {
    return new DataView(this.take(4).buffer).getUint32(0);
  }

  next(): Bytes {
    return this.take(this.uint32());
  }

  text(): string {
    try {
      return decodeUtf8(this.next());
    } catch (cause) {
      if (cause instanceof TesError) throw cause;
      throw invalid(this.code, "a name is not UTF-8");
    }
  }

  end(): void {
    if (this.at !== this.bytes.length) throw invalid(this.code, "something follows after its end");
  }
}

/** A public key as SSH encodes it (RFC 8709 section 4). */
const keyBlob = (publicKey: Uint8Array): Bytes => concat(field(KEY_TYPE), field(publicKey));

function parseKeyBlob(bytes: Bytes, code: ErrorCode): Bytes {
  const fields = new Fields(bytes, code);
  if (fields.text() !== KEY_TYPE) throw invalid(code, "the key is not of Ed25519");
  const publicKey = fields.next();
  fields.end();
  if (publicKey.length !== ED25519_KEY_BYTES) throw invalid(code, "an Ed25519 key has 32 bytes");
  return publicKey;
}

/** PROTOCOL.sshsig section 3: what is signed. */
function signedBytes(namespace: string, digest: Uint8Array): Bytes {
  return concat(MAGIC, field(namespace), field(""), field(HASH), field(digest));
}

/**
 * Signs a file by its SHA-512 digest (64 bytes) and renders the signature file.
 *
 * @example
 * const armored = await signSsh(digest, { publicKey, sign });
 */
export async function signSsh(
  digest: Uint8Array,
  key: { readonly publicKey: Uint8Array; readonly sign: SignBytes },
  namespace: string = SSH_NAMESPACE,
): Promise<string> {
  if (digest.length !== SSH_DIGEST_BYTES) throw new TesError("internal", { cause: new Error("no SHA-512") });
  const signature = await key.sign(signedBytes(namespace, digest));
  const blob = concat(
    MAGIC,
    uint32(VERSION),
    field(keyBlob(key.publicKey)),
    field(namespace),
    field(""),
    field(HASH),
    field(concat(field(KEY_TYPE), field(signature))),
  );
  const lines = toBase64(blob).match(new RegExp(`.{1,${LINE_CHARS}}`, "g"))!;
  return `${[BEGIN, ...lines, END].join("\n")}\n`;
}

/**
 * Reads a signature file: version 1, Ed25519, SHA-512. Verifies nothing.
 *
 * @throws signature_file_invalid
 */
export function parseSshSignature(text: string): SshSignature {
  const code = "signature_file_invalid";
  const lines = linesOf(text);
  if (lines.shift() !== BEGIN || lines.pop() !== END) throw invalid(code, "it is no SSH signature");
  const bytes = fromBase64(lines.join(""));
  if (bytes === null) throw invalid(code, "it is not base64");
  const fields = new Fields(bytes, code);
  if (!equalBytes(fields.take(MAGIC.length), MAGIC) || fields.uint32() !== VERSION) {
    throw invalid(code, "it is no SSH signature of version 1");
  }
  const publicKey = parseKeyBlob(fields.next(), code);
  const namespace = fields.text();
  // OpenSSH ignores what stands here and verifies as if it were empty. One signature has one text.
  if (fields.next().length > 0) throw invalid(code, "its reserved field is not empty");
  if (fields.text() !== HASH) throw invalid(code, `the file is not hashed with ${HASH}`);
  const inner = new Fields(fields.next(), code);
  fields.end();
  if (inner.text() !== KEY_TYPE) throw invalid(code, "the signature is not of Ed25519");
  const signature = inner.next();
  inner.end();
  if (signature.length !== ED25519_SIGNATURE_BYTES) throw invalid(code, "an Ed25519 signature has 64 bytes");
  return { publicKey, namespace, signature };
}

/**
 * Verifies that this key signed this content for this purpose.
 *
 * @param digest SHA-512 of the content, 64 bytes
 * @throws key_unknown when another key signed, signature_invalid when it was signed for something else, or not at all
 */
export async function verifySsh(
  signed: SshSignature,
  publicKey: Uint8Array,
  digest: Uint8Array,
  namespace: string = SSH_NAMESPACE,
): Promise<SshSignature> {
  if (!equalBytes(signed.publicKey, publicKey)) throw invalid("key_unknown", "another key signed it");
  if (signed.namespace !== namespace) throw invalid("signature_invalid", `it is not one for ${namespace}`);
  await verifyEd25519(publicKey, signed.signature, signedBytes(namespace, digest));
  return signed;
}

/** A public key as one line of SSH: `ssh-ed25519 AAAA… comment`. */
export function renderSshKey(publicKey: Uint8Array, comment?: string): string {
  return `${KEY_TYPE} ${toBase64(keyBlob(publicKey))}${comment === undefined ? "" : ` ${comment}`}\n`;
}

/**
 * Reads the one line of a public key file.
 *
 * @returns 32 bytes
 * @throws key_file_invalid, also for keys of other kinds
 */
export function parseSshKey(text: string): Bytes {
  const lines = linesOf(text);
  const [type, blob] = lines[0]?.split(" ") ?? [];
  const bytes = fromBase64(blob ?? "");
  if (lines.length !== 1 || type !== KEY_TYPE || bytes === null) {
    throw invalid("key_file_invalid", "it is no Ed25519 public key");
  }
  return parseKeyBlob(bytes, "key_file_invalid");
}

/**
 * A line of an allowed signers file (ssh-keygen(1), ALLOWED SIGNERS): who may sign releases, by their key.
 *
 * @param principal who that is for `ssh-keygen -I`: no spaces, quotes, commas or wildcards
 * @throws key_file_invalid
 * @example
 * renderAllowedSigner("a1b2c3d4", publicKey); // 'a1b2c3d4 namespaces="tes-release" ssh-ed25519 AAAA…\n'
 */
export function renderAllowedSigner(principal: string, publicKey: Uint8Array, namespace = SSH_NAMESPACE): string {
  if (!/^[A-Za-z0-9@._:+/-]+$/.test(principal)) throw invalid("key_file_invalid", "a principal is one plain word");
  return `${principal} namespaces="${namespace}" ${renderSshKey(publicKey)}`;
}
