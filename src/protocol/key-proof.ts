/** How a Worker shows that it holds a master key, to whoever holds it too and to nobody else (docs/formats.md, Key proof). */

import { type Bytes, equalBytes, fromBase64Url, toBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { deriveEd25519, deriveHmacKey } from "../core/keys.ts";
import { MAX_NONCE_CHARS, MIN_NONCE_CHARS } from "../core/limits.ts";
import type { Secret } from "../core/secret.ts";
import { type KeyProof, type KeyProofAnswer, parseAnswer } from "./answers.ts";

const NONCE = new RegExp(`^[A-Za-z0-9_-]{${MIN_NONCE_CHARS},${MAX_NONCE_CHARS}}$`);

/** What a proof speaks of. */
export interface ProofSubject {
  readonly registry: string;
  /** `host[:port]` under which the Worker was asked. */
  readonly authority: string;
  readonly nonce: string;
  readonly genesis: string | null;
  /** The `response-ed25519` kid that the log names. */
  readonly announced: string | null;
  readonly slot: string;
  readonly source: string;
}

/** A nonce as the route takes it. @throws {TesError} `nonce_invalid` */
export function parseProofNonce(text: string | undefined): string {
  if (text === undefined || !NONCE.test(text)) throw new TesError("nonce_invalid", { field: "nonce" });
  return text;
}

const messageOf = ({ registry, authority, nonce, genesis, announced, slot, source }: ProofSubject): Bytes =>
  utf8(["tes-key-proof-v1", registry, authority, nonce, genesis ?? "-", announced ?? "-", slot, source].join("\n"));

/** Makes the proof of one master key. */
export async function makeKeyProof(master: Secret<Bytes>, subject: ProofSubject): Promise<KeyProof> {
  const [key, { kid }] = await Promise.all([
    deriveHmacKey(master, "key-proof", subject.registry),
    deriveEd25519(master, "response-ed25519", subject.registry),
  ]);
  const mac = toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, messageOf(subject))));
  const { slot, source } = subject as Pick<KeyProof, "slot" | "source">;
  return { slot, source, kid, mac };
}

/**
 * Checks an answer against the master key that should be behind it.
 *
 * @param asked what was asked for: another registry, name or nonce in the answer is refused
 * @returns the answer, and the proof that this key made
 * @throws {TesError} `answer_malformed`; `key_proof_failed` when no proof in it is by this key
 */
export async function verifyKeyProof(
  json: JsonValue,
  master: Secret<Bytes>,
  asked: Pick<ProofSubject, "registry" | "authority" | "nonce">,
): Promise<{ readonly answer: KeyProofAnswer; readonly proof: KeyProof }> {
  const answer = parseAnswer("keyProof", json);
  for (const member of ["registry", "authority", "nonce"] as const) {
    if (answer[member] !== asked[member])
      throw new TesError("key_proof_failed", { detail: `It is of another ${member}.` });
  }
  for (const proof of answer.proofs) {
    const expected = await makeKeyProof(master, { ...answer, slot: proof.slot, source: proof.source });
    if (expected.kid === proof.kid && equalBytes(fromBase64Url(expected.mac)!, fromBase64Url(proof.mac)!)) {
      return { answer, proof };
    }
  }
  const held = answer.proofs.map(({ slot, kid }) => `${kid} in ${slot}`).join(", ");
  throw new TesError("key_proof_failed", {
    detail: held === "" ? "It holds no key." : `It holds ${held}.`,
    // Whether a log is signed by what it holds: only then is something lost when that is replaced.
    facts: { genesis: answer.genesis !== null },
  });
}
