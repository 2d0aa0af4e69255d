/**
 * Which keys speak for a registry: those of its genesis, and the genesis is the one whose hash is pinned. Checked by
 * itself, before and apart from the HTTP signature of the answer that brought it.
 */

import { fromBase64Url, toBase64, toHex } from "../core/bytes.ts";
import { canonicalBytes } from "../core/canonical-json.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { ed25519Kid, importEd25519Public } from "../core/keys.ts";
import { leafHash, rootBeforeLast } from "../core/merkle.ts";
import { parseAnswer, type Receipt } from "../protocol/answers.ts";
import { type Genesis, type GenesisKeys, parseStatement, restoreBytes } from "../protocol/statements.ts";
import { hashesOf, type LogTrust, verifyReceipt } from "./receipt.ts";

/** An Ed25519 public key that a registry's chain holds. */
export interface TrustedKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  /** The key, base64url. */
  readonly x: string;
  readonly key: CryptoKey;
}

/** Keys that spoke for the registry before others did. They prove nothing about what came after. */
export interface EarlierKeys {
  readonly origin: string;
  readonly logKey: TrustedKey;
  readonly responseKey: TrustedKey;
  /** The largest size of a log that they speak of. */
  readonly until: number;
}

/** A restore: the log was set back, and goes on under the recovery key's signature. */
export interface Restored {
  readonly epoch: number;
  /** Its index: the log was the same up to there. */
  readonly seq: number;
  /** The last head known of what is gone. `root` is base64. */
  readonly lost: { readonly size: number; readonly root: string };
  /** The head just after it, proved by its checkpoint. */
  readonly head: Checkpoint;
}

/** What is believed about one registry. */
export interface Trust {
  readonly registry: string;
  /** Leaf hash of the genesis, 64 hex characters: the pin. */
  readonly genesis: string;
  /** Of the log as it is now. */
  readonly origin: string;
  readonly visibility: "public" | "private";
  /** Keys whose `tes-ed25519` signatures on answers count. */
  readonly responseKeys: readonly TrustedKey[];
  /** The key that signs checkpoints. */
  readonly logKey: TrustedKey;
  /** Public half of the offline recovery key, base64url. */
  readonly recovery: string;
  /** Keys that others have followed, oldest first. */
  readonly earlier: readonly EarlierKeys[];
  /** How many announcements the chain has. */
  readonly announced: number;
  /** Counts the restores, from 1 for none. */
  readonly epoch: number;
  readonly restores: readonly Restored[];
  /** Where the registry went by its last announcement, if that was a move: scheme, host and port. */
  readonly moved?: { readonly url: string; readonly seq: number };
}

export interface VerifyKeysOptions {
  readonly registry: string;
  /** The pinned genesis hash. Without it the genesis in the answer is taken as it is: the caller decides whether. */
  readonly genesis?: string | undefined;
}

/**
 * Checks the answer of `GET …/keys` by itself and returns what may be believed from now on: the genesis by its hash,
 * then each announcement by what came before it. A move is signed by the log key that it retires; a restore by the
 * recovery key of the genesis.
 *
 * @param answer its JSON, however it was obtained: a file will do
 * @throws answer_malformed, genesis_mismatch, key_unknown when a key is not the one its id names; note_invalid,
 *   proof_invalid, signature_invalid, epoch_invalid for an announcement that does not hold
 * @example
 * const trust = await verifyKeys(parseJson(bytes), { registry: "default", genesis: pinnedHex });
 */
export async function verifyKeys(answer: JsonValue, { registry, genesis }: VerifyKeysOptions): Promise<Trust> {
  const { genesis: json, announcements } = parseAnswer("keys", answer, "answer_malformed");
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
  let trust: Trust = {
    registry,
    genesis: hash,
    origin: statement.origin,
    visibility: statement.visibility,
    responseKeys: [await trustKey(keys["response-ed25519"])],
    logKey: await trustKey(keys["log-ed25519"]),
    recovery: recovery.x,
    earlier: [],
    announced: 0,
    epoch: 1,
    restores: [],
  };
  for (const announcement of announcements) trust = await followAnnouncement(trust, statement.origin, announcement);
  return trust;
}

/** One more link of the chain. */
async function followAnnouncement(trust: Trust, firstOrigin: string, json: JsonValue): Promise<Trust> {
  const receipt = parseAnswer("receipt", json, "answer_malformed");
  const statement = parseStatement(receipt.statement);
  const { moved: _, ...before } = trust;
  if (statement.type === "registry.moved") {
    await provedLast(receipt, trust);
    const next = await nextKeys(before, statement.to.keys, statement.seq + 1);
    return { ...next, moved: { url: statement.to.url, seq: statement.seq } };
  }
  if (statement.type !== "registry.restored") {
    throw new TesError("answer_malformed", { detail: "An announcement changes no keys." });
  }
  const { epoch, origin, keys, seq, lost } = statement;
  if (epoch !== trust.epoch + 1 || origin !== `${firstOrigin}/epoch-${epoch}`) throw new TesError("epoch_invalid");
  const next = await nextKeys(before, keys, seq);
  const head = await provedLast(receipt, { ...next, origin });
  const scope = {
    registry: trust.registry,
    genesis: trust.genesis,
    size: seq,
    root: toBase64(rootBeforeLast(seq + 1, hashesOf(receipt.inclusion.proof))),
  };
  const key = await importEd25519Public(trust.recovery);
  const signature = fromBase64Url(statement.recovery.signature)!;
  if (!(await crypto.subtle.verify("Ed25519", key, signature, restoreBytes(scope, statement)))) {
    throw new TesError("signature_invalid", { detail: "The recovery key did not sign this restore." });
  }
  return { ...next, origin, epoch, restores: [...trust.restores, { epoch, seq, lost, head }] };
}

/** The head that proves an announcement: of the tree whose last leaf it is. */
async function provedLast(receipt: Receipt, trust: LogTrust): Promise<Checkpoint> {
  const { statement, checkpoint } = await verifyReceipt(receipt, { ...trust, earlier: [] });
  if (checkpoint.size !== statement.seq + 1) {
    throw new TesError("proof_invalid", { detail: "An announcement is proved by the head just after it." });
  }
  return checkpoint;
}

async function nextKeys(trust: Trust, keys: GenesisKeys, until: number): Promise<Trust> {
  const responseKey = await trustKey(keys["response-ed25519"]);
  const [before] = trust.responseKeys;
  return {
    ...trust,
    responseKeys: [responseKey],
    logKey: await trustKey(keys["log-ed25519"]),
    announced: trust.announced + 1,
    earlier: [...trust.earlier, { origin: trust.origin, logKey: trust.logKey, responseKey: before!, until }],
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

/** A public key as it is named, imported. @throws key_unknown when it is not the one its id names */
export async function trustKey(named: { readonly kid: string; readonly x: string }): Promise<TrustedKey> {
  checkKid(named);
  return { ...named, key: await importEd25519Public(named.x) };
}
