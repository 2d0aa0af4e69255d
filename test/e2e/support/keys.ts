/** Keys and tokens of the tests, made as docs/formats.md says. No key is written down: each comes from a label. */

import { createHash, createHmac, createPrivateKey, createPublicKey, hkdfSync, randomBytes } from "node:crypto";

export interface TestKey {
  /** 64 hexadecimal characters. */
  readonly hex: string;
  /** Public half when it is used as an Ed25519 seed, base64url. */
  readonly x: string;
}

/** RFC 8410: PrivateKeyInfo of an Ed25519 key up to its seed. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

export function keyOf(label: string): TestKey {
  const seed = createHash("sha256").update(`tes test key ${label}`).digest();
  const { x } = createPublicKey(
    createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" }),
  ).export({ format: "jwk" });
  return { hex: seed.toString("hex"), x: x! };
}

/** HKDF-SHA-256(master, "", info, 32 bytes): docs/formats.md, Keys. */
export function derive(master: string, purpose: string, registry = "default"): Buffer {
  const info = `tes/v1/${purpose}/${registry}`;
  return Buffer.from(hkdfSync("sha256", Buffer.from(master, "hex"), "", info, 32));
}

export interface TokenOptions {
  readonly registry?: string;
  readonly scope?: readonly string[];
  /** Seconds; negative for one that has expired. Default an hour. */
  readonly lifetime?: number;
}

/** A token, minted from the master key alone: docs/formats.md, Token. */
export function mintToken(master: TestKey, options: TokenOptions = {}): string {
  const { registry = "default", scope = ["admin"], lifetime = 3600 } = options;
  const kid = createHash("sha256")
    .update(derive(master.hex, "keyid/token-hs256", registry))
    .digest("hex")
    .slice(0, 16);
  const now = Math.floor(Date.now() / 1000);
  const iat = lifetime > 0 ? now : now + 2 * lifetime;
  const claims = {
    aud: `tes:${registry}`,
    jti: randomBytes(16).toString("base64url"),
    iat,
    exp: now + lifetime,
    scope,
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "tes-token+jwt", kid })}.${part(claims)}`;
  const mac = createHmac("sha256", derive(master.hex, "token-hs256", registry)).update(signed);
  return `${signed}.${mac.digest("base64url")}`;
}
