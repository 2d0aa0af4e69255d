/**
 * Which keys speak for a registry: those of its genesis, and the genesis is the one whose hash is pinned. Checked by
 * itself, before and apart from the HTTP signature of the answer that brought it.
 */

import { toHex } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../core/keys.ts";
import { leafHash } from "../core/merkle.ts";
import { parseAnswer } from "../protocol/answers.ts";
import { type Genesis, parseStatement } from "../protocol/statements.ts";

/** An Ed25519 public key that a registry's chain holds. */
export interface TrustedKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  /** The key, base64url. */
  readonly x: string;
  readonly key: CryptoKey;
}

/** What is believed about one registry. */
export interface Trust {
  readonly registry: string;
  /** Leaf hash of the genesis, 64 hex characters: the pin. */
  readonly genesis: string;
  readonly origin: string;
  readonly visibility: "public" | "private";
  /** Keys whose `tes-ed25519` signatures on answers count. */
  readonly responseKeys: readonly TrustedKey[];
  /** The key that signs checkpoints. */
  readonly logKey: TrustedKey;
  /** Public half of the offline recovery key, base64url. */
  readonly recovery: string;
}

export interface VerifyKeysOptions {
  readonly registry: string;
  /** The pinned genesis hash. Without it the genesis in the answer is taken as it is: the caller decides whether. */
  readonly genesis?: string | undefined;
}

/**
 * Checks the answer of `GET …/keys` by itself and returns what may be believed from now on.
 *
 * @param answer its JSON, however it was obtained: a file will do
 * @throws answer_malformed, genesis_mismatch, key_unknown when a key is not the one its id names
 * @example
 * const trust = await verifyKeys(parseJson(bytes), { registry: "default", genesis: pinnedHex });
 */
export async function verifyKeys(answer: JsonValue, { registry, genesis }: VerifyKeysOptions): Promise<Trust> {
  const { genesis: json } = parseAnswer("keys", answer, "answer_malformed");
  const hash = toHex(leafHash(canonicalBytes(json)));
  if (genesis !== undefined && hash !== genesis) {
    throw new TesError("genesis_mismatch", { facts: { pinned: genesis, found: hash } });
  }
  const statement = parseGenesis(json);
  if (statement.registry !== registry) {
    throw new TesError("genesis_mismatch", {
      detail: `It is the genesis of ${statement.registry}, not of ${registry}.`,
    });
  }
  const { keys, recovery } = statement;
  checkKid(recovery);
  return {
    registry,
    genesis: hash,
    origin: statement.origin,
    visibility: statement.visibility,
    responseKeys: [await trustKey(keys["response-ed25519"])],
    logKey: await trustKey(keys["log-ed25519"]),
    recovery: recovery.x,
  };
}

function parseGenesis(json: JsonValue): Genesis {
  try {
    const statement = parseStatement(json);
    if (statement.type === "registry.genesis" && statement.seq === 0) return statement;
  } catch (cause) {
    throw new TesError("answer_malformed", {
      detail: "The genesis is not a statement that this release knows.",
      cause,
    });
  }
  throw new TesError("answer_malformed", { detail: "What should be the genesis is another statement." });
}

function checkKid({ kid, x }: { readonly kid: string; readonly x: string }): void {
  if (ed25519Kid(x) !== kid)
    throw new TesError("key_unknown", { detail: "A key in the genesis is not the one its id names." });
}

async function trustKey(named: { readonly kid: string; readonly x: string }): Promise<TrustedKey> {
  checkKid(named);
  return { ...named, key: await importEd25519Public(named.x) };
}
