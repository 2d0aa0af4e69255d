/**
 * One client's dealings with one registry: which keys speak for it, how far its log was, and the one way to ask it
 * something. Every answer passes the same checks in the same order before any of it is used.
 */

import { type Bytes, toBase64, toBase64Url, utf8 } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { contentDigest } from "../core/digest.ts";
import { TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { EMPTY_ROOT } from "../core/merkle.ts";
import { type KeysAnswer, parseAnswer } from "../protocol/answers.ts";
import { HEADERS, MEDIA_TYPES, pathOf } from "../protocol/paths.ts";
import { createLogView, type LogView, stale } from "./log-view.ts";
import type { Settings } from "./options.ts";
import { hashesOf, type VerifiedReceipt, verifyNote, verifyReceipt } from "./receipt.ts";
import { jsonOf, outageOf, readJson, type VerifiedResponse, verifyResponse } from "./response.ts";
import { exchange, type RawAnswer, type Sending } from "./transport.ts";
import { type Trust, verifyKeys } from "./trust.ts";

/** 16 bytes: base64url of them is the shortest TES-Nonce that the protocol takes. */
const NONCE_BYTES = 16;

/** A write's body and the key that makes it safe to send again. */
export interface WriteBody {
  readonly bytes: Bytes;
  readonly idempotencyKey: string;
}

/** An answer that was verified, and the size of the log that was known when its request left. */
export interface Answered {
  readonly response: VerifiedResponse;
  readonly atLeast: number;
}

export interface Session {
  /** The keys that speak for the registry, fetched and verified on first use. */
  trust(): Promise<Trust>;
  /** Asks and verifies. Writes are those with a body. */
  ask(path: string, write?: WriteBody): Promise<Answered>;
  /** What was seen of the log. */
  readonly view: LogView;
  /** Verifies a receipt, and that its checkpoint extends what was seen. */
  receipt(json: JsonValue, atLeast: number): Promise<VerifiedReceipt>;
  /** The same for a checkpoint by itself. */
  note(note: string, atLeast: number): Promise<Checkpoint>;
  /** Fetches the keys anew. */
  keys(): Promise<{ readonly answer: KeysAnswer; readonly trust: Trust }>;
  /** Sends a write to a registry whose keys are not known yet, and verifies its answer by the keys it then has. */
  found(path: string, write: WriteBody, accept: (trust: Trust) => void): Promise<Answered>;
  /** A body and its key, a random one unless given. */
  write(body: object, idempotencyKey?: string): WriteBody;
}

export function createSession(settings: Settings): Session {
  const { registry, store, pinKey, now, random } = settings;
  let trusting: Promise<Trust> | undefined;

  const sendingOf = (path: string, atLeast: number, write: WriteBody | undefined, as: "holder" | "anyone"): Sending => {
    const hot = settings.hotReads && write === undefined;
    const headers: Record<string, string> = { accept: "application/json, text/plain;q=0.9" };
    if (!hot) headers[HEADERS.nonce.toLowerCase()] = toBase64Url(random(NONCE_BYTES));
    if (atLeast > 0) headers[HEADERS.minSize.toLowerCase()] = String(atLeast);
    const token = as === "holder" && !hot ? settings.token : undefined;
    if (token !== undefined) headers.authorization = `Bearer ${token.reveal()}`;
    const url = new URL(path, settings.url);
    if (write === undefined) return { method: "GET", url, headers };
    headers["content-type"] = MEDIA_TYPES.json;
    headers[HEADERS.contentDigest.toLowerCase()] = contentDigest(write.bytes);
    headers[HEADERS.idempotencyKey.toLowerCase()] = write.idempotencyKey;
    return { method: "POST", url, headers, body: write.bytes };
  };

  /** Sends until an answer passes `judge`, or the failure is none that sending again could mend. */
  const send = async <T>(
    path: string,
    atLeast: number,
    write: WriteBody | undefined,
    judge: (raw: RawAnswer) => Promise<T>,
    as: "holder" | "anyone" = "holder",
  ): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await judge(await exchange(sendingOf(path, atLeast, write, as), settings));
      } catch (thrown) {
        if (attempt >= settings.attempts || !isPassing(thrown)) throw thrown;
        await settings.backOff(attempt + 1);
      }
    }
  };

  const verified = async (raw: RawAnswer, trust: Trust): Promise<VerifiedResponse> => {
    const response = await verifyResponse(raw, raw.request, trust, now());
    // The authority itself failed: its error is thrown, and the request may be sent again under the same key.
    if (response.status >= 500) jsonOf(response);
    return response;
  };

  const askTrusted = async (trust: Trust, path: string, write?: WriteBody): Promise<Answered> => {
    for (let again = false; ; again = true) {
      const atLeast = await view.size();
      const response = await send(path, atLeast, write, (raw) => verified(raw, trust));
      const { size } = response.provenance;
      if (size >= atLeast) return { response, atLeast };
      // A cache on the way may be a moment behind; an authority that stays behind was set back.
      if (again) throw stale(size, atLeast);
    }
  };

  const view: LogView = createLogView(store, pinKey, async (from, to) => {
    const { response } = await askTrusted(await session.trust(), pathOf.consistency(registry, from, to));
    const answer = parseAnswer("consistency", jsonOf(response), "answer_malformed");
    if (answer.from !== from || answer.size !== to) {
      throw new TesError("answer_malformed", { detail: "It is a proof between other sizes." });
    }
    return hashesOf(answer.proof);
  });

  /** Fetches the keys, checks their chain by itself, and only then the signature of the answer that brought them. */
  const fetchKeys = async (
    expected: string | undefined,
  ): Promise<{ answer: KeysAnswer; trust: Trust; atLeast: number }> => {
    const atLeast = await view.size();
    const ask = <T>(judge: (raw: RawAnswer) => Promise<T>, as?: "anyone") =>
      send(pathOf.keys(registry), atLeast, undefined, judge, as);
    const judge = async (raw: RawAnswer) => {
      // Without keys nothing else than the keys can be proved, not even an error.
      if (raw.status !== 200 || raw.header("signature") === null) throw outageOf(raw);
      const trust = await verifyKeys(readJson(raw.body), { registry, genesis: expected });
      const response = await verified(raw, trust);
      if (response.provenance.size < atLeast) throw stale(response.provenance.size, atLeast);
      return { answer: parseAnswer("keys", jsonOf(response), "answer_malformed"), trust, atLeast };
    };
    // A token that is refused must not hide the keys: with them, the next refusal is signed and says why.
    return ask(judge).catch((thrown: unknown) => {
      if (settings.token === undefined || !isRefusal(thrown)) throw thrown;
      return ask(judge, "anyone").catch(() => {
        throw thrown;
      });
    });
  };

  /** The first contact: pins what is not pinned, and takes the checkpoint that came along. */
  const begin = async (expected: string | undefined): Promise<Trust> => {
    const { answer, trust, atLeast } = await fetchKeys(expected);
    await remember(trust);
    trusting = Promise.resolve(trust);
    await view.observe(await verifyNote(answer.checkpoint, trust.origin, trust.logKey), atLeast);
    if (expected === undefined) settings.onFirstTrust(trust.genesis);
    return trust;
  };

  const remember = async ({ genesis, origin, logKey }: Trust): Promise<void> => {
    if ((await store.load(pinKey))?.genesis === genesis) return;
    await store.save(pinKey, { genesis, origin, logKey: logKey.x, size: 0, root: toBase64(EMPTY_ROOT) });
  };

  const expectedGenesis = async (): Promise<string | undefined> => {
    const pinned = (await store.load(pinKey))?.genesis;
    const { genesis } = settings;
    if (pinned !== undefined && genesis !== undefined && pinned !== genesis) {
      throw new TesError("genesis_mismatch", {
        detail: "The hash given is not the one remembered for this registry.",
        facts: { remembered: pinned, given: genesis },
      });
    }
    return genesis ?? pinned;
  };

  const session: Session = {
    view,
    trust() {
      trusting ??= (async () => {
        const expected = await expectedGenesis();
        if (expected === undefined && !settings.trustFirst) throw new TesError("genesis_unpinned");
        return begin(expected);
      })().catch((thrown: unknown) => {
        trusting = undefined;
        throw thrown;
      });
      return trusting;
    },
    ask: async (path, write) => askTrusted(await session.trust(), path, write),
    async receipt(json, atLeast) {
      const verified = await verifyReceipt(json, await session.trust());
      await view.observe(verified.checkpoint, atLeast);
      return verified;
    },
    async note(note, atLeast) {
      const { origin, logKey } = await session.trust();
      const checkpoint = await verifyNote(note, origin, logKey);
      await view.observe(checkpoint, atLeast);
      return checkpoint;
    },
    async keys() {
      const { genesis } = await session.trust();
      const { answer, trust, atLeast } = await fetchKeys(genesis);
      await session.note(answer.checkpoint, atLeast);
      return { answer, trust };
    },
    async found(path, write, accept) {
      const atLeast = await view.size();
      const raw = await send(path, atLeast, write, async (answer) => {
        if (answer.status >= 500 || answer.header("signature") === null) throw outageOf(answer);
        return answer;
      });
      // A registry that already was answers under keys that only a pin, or trust on first use, can vouch for.
      if (raw.status !== 201) return { response: await verified(raw, await session.trust()), atLeast };
      const expected = await expectedGenesis();
      const { trust } = await fetchKeys(expected);
      accept(trust);
      const response = await verified(raw, trust);
      await remember(trust);
      trusting = Promise.resolve(trust);
      return { response, atLeast };
    },
    write: (body, idempotencyKey) => ({
      bytes: utf8(JSON.stringify(body)),
      idempotencyKey: idempotencyKey ?? toBase64Url(random(NONCE_BYTES)),
    }),
  };
  return session;
}

/** An unsigned 401: the token was refused, or nothing is public here. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof TesError && thrown.code === "answer_unsigned" && thrown.facts?.status === 401;
}

/** Failures that say nothing about the request: no answer, or an authority that could not. */
function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof TesError)) return false;
  if (thrown.code === "authority_unreachable") return true;
  if (thrown.code === "answer_unsigned") return Number(thrown.facts?.status ?? 0) >= 500;
  return thrown.code === "internal" || thrown.code === "storage_full";
}
