/** Statements of each type that fit, and what refuses: shared by the suites of protocol and registry. */
import { toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { type ErrorCode, TesError } from "../../../src/core/errors.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import type { EntityDeclared, Genesis, PublicKey, VersionBumped } from "../../../src/protocol/statements.ts";

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
  changes: [{ entity: "global:main", from: "0.1.0", to: "0.2.0-rc.0" }],
};
