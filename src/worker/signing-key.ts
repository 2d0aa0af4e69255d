/**
 * Which key signs. Loading order: environment → the object's storage → generate and store. Once a registry has its
 * genesis, the log names the key: the source whose derived keyid matches signs, wherever it is found.
 */

import type { Bytes } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { AnswerSigner } from "../core/http-signatures.ts";
import {
  deriveEd25519,
  deriveHmacKey,
  type Ed25519Pair,
  generateMasterKey,
  type Purpose,
  parseMasterKey,
  symmetricKid,
} from "../core/keys.ts";
import type { Secret } from "../core/secret.ts";
import type { KeyProofAnswer } from "../protocol/answers.ts";
import { makeKeyProof, type ProofSubject } from "../protocol/key-proof.ts";
import type { GenesisKeys } from "../protocol/statements.ts";
import type { VersionDOEnv } from "./env.ts";
import type { Store } from "./store.ts";

/** Where the key in use came from; shown in TES-Provenance. */
export type KeySource = "env" | "storage" | "generated";
export type Slot = "VERSION_SIGNING_KEY" | "VERSION_SIGNING_KEY_V2";
const SLOTS: readonly Slot[] = ["VERSION_SIGNING_KEY", "VERSION_SIGNING_KEY_V2"];

/** Everything derived from one master key for one registry, imported once. */
export interface SigningKeys {
  readonly source: KeySource;
  readonly slot: Slot;
  readonly log: Ed25519Pair;
  /** `tes-hmac` and `tes-ed25519`, in this order. */
  readonly signers: readonly [AnswerSigner, AnswerSigner];
  readonly token: { readonly kid: string; readonly key: CryptoKey };
  /** Seals the cookies of pages. */
  readonly session: CryptoKey;
  /** Makes the other half of a page's session. */
  readonly csrf: CryptoKey;
  /** The public record of these keys, as the genesis carries it. */
  readonly record: GenesisKeys;
}

interface Candidate {
  readonly source: KeySource;
  readonly slot: Slot;
  readonly master: Secret<Bytes>;
}

/** A key that the environment offers; a malformed or public one stops here and is never passed over in silence. */
function fromEnvironment(env: VersionDOEnv, slot: Slot): Candidate | undefined {
  const text = env[slot];
  if (text === undefined || text === null || text === "") return undefined;
  try {
    return { source: "env", slot, master: parseMasterKey(text) };
  } catch (thrown) {
    const why = thrown instanceof TesError ? thrown.message : "It cannot be read.";
    const facts = { slot, refused: thrown instanceof TesError ? thrown.code : "internal" };
    throw new TesError("signing_key_missing", { detail: `The secret ${slot} is set but refused. ${why}`, facts });
  }
}

async function derive(candidate: Candidate, registry: string): Promise<SigningKeys> {
  const { master, source, slot } = candidate;
  const kidOf = (purpose: Purpose) => symmetricKid(master, purpose, registry);
  const [log, response, hmac, token, session, csrf, hmacKid, tokenKid] = await Promise.all([
    deriveEd25519(master, "log-ed25519", registry),
    deriveEd25519(master, "response-ed25519", registry),
    deriveHmacKey(master, "response-hmac", registry),
    deriveHmacKey(master, "token-hs256", registry),
    deriveHmacKey(master, "session", registry),
    deriveHmacKey(master, "csrf", registry),
    kidOf("response-hmac"),
    kidOf("token-hs256"),
  ]);
  return {
    source,
    slot,
    log,
    signers: [
      { label: "tes-hmac", alg: "hmac-sha256", keyid: hmacKid, key: hmac },
      { label: "tes-ed25519", alg: "ed25519", keyid: response.kid, key: response.privateKey },
    ],
    token: { kid: tokenKid, key: token },
    session,
    csrf,
    record: {
      "log-ed25519": { kid: log.kid, x: log.x },
      "response-ed25519": { kid: response.kid, x: response.x },
      "response-hmac": { kid: hmacKid },
      "token-hs256": { kid: tokenKid },
    },
  };
}

const mayFallBack = (env: VersionDOEnv): boolean => env.TES_KEY_FALLBACK !== "deny";

/** Every key in place, in loading order. @throws TesError `signing_key_missing` for one that is refused */
function findCandidates(env: VersionDOEnv, store: Store): Candidate[] {
  const candidates: Candidate[] = [];
  for (const slot of SLOTS) {
    const offered = fromEnvironment(env, slot);
    if (offered !== undefined) candidates.push(offered);
  }
  if (mayFallBack(env) && store.exists()) {
    for (const slot of SLOTS) {
      // A key in the environment stands before the stored one of its slot: whoever set it meant it to be used, and is
      // told when it is not the registry's. A rotation brings the new key in the other slot.
      if (candidates.some((candidate) => candidate.source === "env" && candidate.slot === slot)) continue;
      const stored = store.signingKey(slot);
      if (stored === undefined) continue;
      candidates.push({ source: "storage", slot, master: parseMasterKey(stored.hex.reveal()) });
    }
  }
  return candidates;
}

/**
 * Shows of every key in place that it is there (docs/formats.md, Key proof).
 *
 * @throws TesError `signing_key_missing` when there is none, or the one in the environment is refused
 */
export async function proveKeys(
  env: VersionDOEnv,
  store: Store,
  subject: Omit<ProofSubject, "slot" | "source">,
): Promise<KeyProofAnswer> {
  const candidates = findCandidates(env, store);
  if (candidates.length === 0) throw new TesError("signing_key_missing");
  const proofs = candidates.map(({ master, slot, source }) => makeKeyProof(master, { ...subject, slot, source }));
  return { ...subject, proofs: await Promise.all(proofs) };
}

/**
 * Loads the key that signs for `registry`.
 *
 * @param active the keys that the log names, or undefined before the genesis
 * @param mayGenerate whether this call may make and store a key (only under the object's concurrency gate)
 * @throws TesError `signing_key_mismatch` when keys are there but none is the log's; `signing_key_missing` when there
 *   is none, or the one in the environment is malformed or public
 */
export async function loadSigningKey(
  env: VersionDOEnv,
  store: Store,
  registry: string,
  active: GenesisKeys | undefined,
  mayGenerate: boolean,
): Promise<SigningKeys> {
  const fallback = mayFallBack(env);
  const candidates = findCandidates(env, store);
  if (active === undefined) {
    const first = candidates[0];
    if (first !== undefined) return derive(first, registry);
    if (!fallback || !mayGenerate) throw new TesError("signing_key_missing");
    const hex = generateMasterKey();
    store.transaction(() => store.putSigningKey("VERSION_SIGNING_KEY", hex));
    const master = parseMasterKey(hex.reveal());
    return derive({ source: "generated", slot: "VERSION_SIGNING_KEY", master }, registry);
  }
  for (const candidate of candidates) {
    const keys = await derive(candidate, registry);
    if (keys.record["response-ed25519"].kid === active["response-ed25519"].kid) return keys;
  }
  throw new TesError(candidates.length === 0 ? "signing_key_missing" : "signing_key_mismatch");
}
