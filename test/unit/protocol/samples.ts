/** Statements of each type that fit, and what refuses: shared by the suites of protocol and registry. */
import { compareCodeUnits, concat, toBase64, toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { type ErrorCode, TesError } from "../../../src/core/errors.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import type {
  BlobErased,
  EntityDeclared,
  EntityRetired,
  Genesis,
  PublicKey,
  PublishersSetStatement,
  RegistryDelisted,
  RegistryListed,
  RegistryMoved,
  RegistryRestored,
  ReleaseAttested,
  ReleasePublished,
  ReleaseUnyanked,
  ReleaseYanked,
  Statement,
  TokenRevoked,
  VersionBumped,
} from "../../../src/protocol/statements.ts";

/** What a call refuses with: `code` alone, or `code field`; "accepted" if it does not. Other throws go through. */
export function refusal(call: () => unknown): ErrorCode | `${ErrorCode} ${string}` | "accepted" {
  const error = thrownBy(call);
  if (error === undefined) return "accepted";
  return error.field === undefined ? error.code : `${error.code} ${error.field}`;
}

export function thrownBy(call: () => unknown): TesError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    if (error instanceof TesError) return error;
    throw error;
  }
}

/** 32 bytes that stand for a public key or a thumbprint; nothing here checks the curve. */
export const bytes32 = (label: string): string => toBase64Url(sha256(utf8(label)));
export const publicKey = (label: string): PublicKey => ({ kid: bytes32(`kid ${label}`), x: bytes32(label) });
const symmetric = (label: string): { kid: string } => ({ kid: sha256Hex(utf8(label)).slice(0, 16) });
export const TOKEN_ID = toBase64Url(sha256(utf8("token")).slice(0, 16));

export const GENESIS: Genesis = {
  v: 1,
  type: "registry.genesis",
  registry: "default",
  seq: 0,
  at: 1_700_000_000_000,
  by: "genesis",
  visibility: "public",
  origin: "tes.local/default",
  keys: {
    "log-ed25519": publicKey("log"),
    "response-ed25519": publicKey("response"),
    "response-hmac": symmetric("response-hmac"),
    "token-hs256": symmetric("token-hs256"),
  },
  recovery: publicKey("recovery"),
};

export const DECLARED: EntityDeclared = {
  v: 1,
  type: "entity.declared",
  registry: "default",
  seq: 1,
  at: GENESIS.at + 5,
  by: TOKEN_ID,
  idempotency: { key: sha256Hex(utf8("key")), request: sha256Hex(utf8("request")) },
  entity: "global:main",
  version: "0.1.0",
  strategy: "independent",
  parent: null,
  files: [{ path: "package.json" }, { path: "README.md", pattern: "version (\\S+)" }],
  metadata: { team: "core", "docs.url": "https://tes.example/docs" },
};

export const BUMPED: VersionBumped = {
  v: 1,
  type: "version.bumped",
  registry: "default",
  seq: 2,
  at: GENESIS.at + 9,
  by: TOKEN_ID,
  entity: "global:main",
  scope: "preminor",
  preid: "rc",
  reason: { digest: sha256Hex(utf8("a reason with its salt")) },
  changes: [{ entity: "global:main", from: "0.1.0", to: "0.2.0-rc.0" }],
};

const next = (seq: number) => ({ v: 1, registry: "default", seq, at: GENESIS.at + 10 + seq, by: TOKEN_ID }) as const;

export const RETIRED: EntityRetired = {
  ...next(3),
  type: "entity.retired",
  entity: "global:main",
  reason: { digest: sha256Hex(utf8("another")) },
};
export const REVOKED: TokenRevoked = { ...next(4), type: "token.revoked", token: TOKEN_ID, exp: 1_800_000_000 };
export const LISTED: RegistryListed = {
  ...next(5),
  type: "registry.listed",
  name: "other",
  genesis: sha256Hex(utf8("another genesis")),
};
export const DELISTED: RegistryDelisted = { ...next(6), type: "registry.delisted", name: "other" };
export const ERASED: BlobErased = { ...next(7), type: "blob.erased", digest: BUMPED.reason!.digest };
export const LATER_KEYS: Genesis["keys"] = {
  "log-ed25519": publicKey("later log"),
  "response-ed25519": publicKey("later response"),
  "response-hmac": symmetric("later response-hmac"),
  "token-hs256": symmetric("later token-hs256"),
};
export const MOVED: RegistryMoved = {
  ...next(8),
  type: "registry.moved",
  to: { url: "https://tes.example", keys: LATER_KEYS },
};
export const RESTORED: RegistryRestored = {
  ...next(9),
  type: "registry.restored",
  epoch: 2,
  origin: "tes.local/default/epoch-2",
  lost: { size: 40, root: toBase64(sha256(utf8("lost"))) },
  floor: [{ entity: "global:main", version: "2.0.0" }],
  keys: LATER_KEYS,
  recovery: { kid: GENESIS.recovery.kid, signature: "A".repeat(86) },
};
/** One of each type. */
const PUBLISHER = publicKey("publisher");
const reasonDigest = sha256Hex(utf8("a reason"));

export const PUBLISHERS: PublishersSetStatement = {
  v: 1,
  type: "publishers.set",
  registry: "default",
  seq: 10,
  at: GENESIS.at + 10,
  by: TOKEN_ID,
  entity: "global:main",
  revision: 1,
  keys: [PUBLISHER, publicKey("second publisher")].sort((a, b) => compareCodeUnits(a.kid, b.kid)),
  threshold: 1,
  signatures: [{ kid: PUBLISHER.kid, signature: toBase64Url(new Uint8Array(64).fill(7)) }],
};

const signedPart = {
  apiVersion: "0.0.2",
  kind: "hashedrekord",
  spec: {
    hashedRekordV002: {
      data: { algorithm: "SHA2_256", digest: toBase64(sha256(utf8("payload"))) },
      signature: {
        content: toBase64(new Uint8Array(64).fill(9)),
        verifier: {
          keyDetails: "PKIX_ED25519",
          publicKey: { rawBytes: toBase64(concat(new Uint8Array(12).fill(1), sha256(utf8("publisher")))) },
        },
      },
    },
  },
  entity: "global:main",
  version: "0.2.0",
  signer: PUBLISHER.kid,
  part: { index: 0, of: 1 },
  payload: { digest: sha256Hex(utf8("salted payload")) },
} as const;

export const PUBLISHED: ReleasePublished = {
  v: 1,
  type: "release.published",
  registry: "default",
  seq: 11,
  at: GENESIS.at + 11,
  by: TOKEN_ID,
  ...signedPart,
  content: sha256Hex(utf8("content")),
  publishers: { revision: 1, seq: 10 },
  files: 2,
};

export const ATTESTED: ReleaseAttested = {
  v: 1,
  type: "release.attested",
  registry: "default",
  seq: 12,
  at: GENESIS.at + 12,
  by: TOKEN_ID,
  ...signedPart,
  payload: { digest: sha256Hex(utf8("salted sbom")) },
  predicateType: "https://cyclonedx.org/bom",
};

export const YANKED: ReleaseYanked = {
  v: 1,
  type: "release.yanked",
  registry: "default",
  seq: 13,
  at: GENESIS.at + 13,
  by: TOKEN_ID,
  entity: "global:main",
  version: "0.2.0",
  reason: { digest: reasonDigest },
};

export const UNYANKED: ReleaseUnyanked = { ...YANKED, type: "release.unyanked", seq: 14, at: GENESIS.at + 14 };

export const SAMPLES: readonly Statement[] = [
  GENESIS,
  DECLARED,
  BUMPED,
  RETIRED,
  REVOKED,
  LISTED,
  DELISTED,
  ERASED,
  MOVED,
  RESTORED,
  PUBLISHERS,
  PUBLISHED,
  ATTESTED,
  YANKED,
  UNYANKED,
];
