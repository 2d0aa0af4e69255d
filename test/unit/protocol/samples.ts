/** Statements of each type that fit, and what refuses: shared by the suites of protocol and registry. */
import { toBase64, toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { type ErrorCode, TesError } from "../../../src/core/errors.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import type {
  BlobErased,
  EntityDeclared,
  EntityRetired,
  Genesis,
  PublicKey,
  RegistryDelisted,
  RegistryListed,
  RegistryMoved,
  RegistryRestored,
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
];
