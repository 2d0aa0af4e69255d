/** Asking a deployed Worker whether it holds a key (docs/formats.md, Key proof). */

import { setTimeout as sleep } from "node:timers/promises";
import { type Bytes, toBase64Url } from "../../core/bytes.ts";
import { ERRORS, type ErrorCode, TesError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import { CLIENT_TIMEOUT_MS, MAX_ANSWER_BYTES } from "../../core/limits.ts";
import type { Secret } from "../../core/secret.ts";
import type { KeyProof, KeyProofAnswer } from "../../protocol/answers.ts";
import { verifyKeyProof } from "../../protocol/key-proof.ts";
import { pathOf } from "../../protocol/paths.ts";

export interface ProofRequest {
  readonly url: string;
  readonly registry: string;
  readonly master: Secret<Bytes>;
  /** How long to go on asking while a new secret is not seen everywhere yet, in milliseconds; 0 asks once. */
  readonly waitMs: number;
}

export interface Proved {
  readonly answer: KeyProofAnswer;
  readonly proof: KeyProof;
  /** How long it took until the Worker showed it, in milliseconds. */
  readonly ms: number;
}

const POLL_MS = 500;
/** What may still change by itself while a new version or secret spreads. */
const PASSING: readonly ErrorCode[] = [
  "authority_unreachable",
  "key_proof_failed",
  "signing_key_missing",
  "signing_key_mismatch",
  "route_unknown",
  "answer_malformed",
];

/**
 * Asks until the Worker shows that it holds the key.
 *
 * @throws {TesError} `key_proof_failed` when it holds another; `signing_key_missing` when it holds none; `key_public` and
 *   `key_format` when it was given one that it refuses; `signing_key_mismatch` when the log names another; what else the
 *   Worker refuses with; `authority_unreachable`
 */
export async function proveKey(request: ProofRequest): Promise<Proved> {
  const started = performance.now();
  for (;;) {
    try {
      return { ...(await askOnce(request)), ms: performance.now() - started };
    } catch (thrown) {
      const left = request.waitMs - (performance.now() - started);
      if (!(thrown instanceof TesError) || !PASSING.includes(thrown.code) || left <= 0) throw thrown;
      await sleep(Math.min(POLL_MS, left));
    }
  }
}

async function askOnce({ url, registry, master }: ProofRequest): Promise<Omit<Proved, "ms">> {
  const nonce = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
  const at = new URL(`${pathOf.keyProof(registry)}?nonce=${nonce}`, url);
  let status: number;
  let body: Uint8Array;
  try {
    const response = await fetch(at, { redirect: "manual", signal: AbortSignal.timeout(CLIENT_TIMEOUT_MS) });
    status = response.status;
    body = new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw new TesError("authority_unreachable", { detail: `${at.origin} does not answer.`, cause });
  }
  if (body.length > MAX_ANSWER_BYTES) throw new TesError("answer_too_large");
  const json = readJson(at, status, body);
  if (status === 200) return verifyKeyProof(json, master, { registry, authority: at.host, nonce });
  throw refusalOf(at, status, json);
}

function readJson(at: URL, status: number, body: Uint8Array) {
  try {
    return parseJson(body);
  } catch (cause) {
    throw new TesError("authority_unreachable", {
      detail: `${at.origin} answered ${status} without JSON: it is not this Worker.`,
      cause,
    });
  }
}

/** The Worker's own refusal. It is unsigned where the key is at fault, so it is reported and never believed further. */
function refusalOf(at: URL, status: number, json: ReturnType<typeof readJson>): TesError {
  const problem = typeof json === "object" && json !== null && !Array.isArray(json) ? json : {};
  const { code, detail, facts } = problem as { code?: unknown; detail?: unknown; facts?: { refused?: unknown } };
  const said = typeof detail === "string" ? ` ${detail.slice(0, 512)}` : "";
  const known = (name: unknown): name is ErrorCode => typeof name === "string" && Object.hasOwn(ERRORS, name);
  const refused = facts?.refused;
  if (known(refused))
    return new TesError(refused, { detail: `${at.host} was given it as VERSION_SIGNING_KEY.${said}` });
  if (known(code)) return new TesError(code, { detail: `${at.host} says so.${said}` });
  return new TesError("authority_unreachable", { detail: `${at.origin} answered ${status}.` });
}
