/**
 * One client's dealings with one registry: which keys speak for it, how far its log was, and the one way to ask it
 * something. Every answer passes the same checks in the same order before any of it is used.
 */

import { type Bytes, toBase64, toBase64Url, utf8 } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { contentDigest } from "../core/digest.ts";
import { type ErrorCode, TesError } from "../core/errors.ts";
import type { JsonValue } from "../core/json.ts";
import { EMPTY_ROOT } from "../core/merkle.ts";
import { type KeysAnswer, parseAnswer } from "../protocol/answers.ts";
import { DEFAULT_REGISTRY, HEADERS, MEDIA_TYPES, pathOf } from "../protocol/paths.ts";
import { createLogView, type LogView, stale } from "./log-view.ts";
import { isHolder, type Settings } from "./options.ts";
import type { Pin } from "./pins.ts";
import { hashesOf, type VerifiedReceipt, verifyNote, verifyReceipt } from "./receipt.ts";
import { jsonOf, noteOf, outageOf, readJson, type VerifiedResponse, verifyResponse } from "./response.ts";
import { exchange, type RawAnswer, type Sending } from "./transport.ts";
import { type Restored, type Trust, verifyKeys } from "./trust.ts";

/** 16 bytes: base64url of them is the shortest TES-Nonce that the protocol takes. */
const NONCE_BYTES = 16;

/** A write's body and the key that makes it safe to send again. */
export interface WriteBody {
  readonly bytes: Bytes;
  readonly idempotencyKey: string;
  /** Default JSON. */
  readonly type?: string | undefined;
  /** Content-Digest, where it is known already. */
  readonly digest?: string | undefined;
  /** How long to wait for the answer, in place of what is usual. */
  readonly timeoutMs?: number | undefined;
}

/** An answer that was verified, and the size of the log that was known when its request left. */
export interface Answered {
  readonly response: VerifiedResponse;
  readonly atLeast: number;
}

/** The chain of keys as it was just fetched and verified. */
interface Fetched {
  readonly answer: KeysAnswer;
  readonly trust: Trust;
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
    // Who asks as anyone and has a token will send it once the answer has proved the authority: no replay may do that.
    const hot = settings.hotReads && write === undefined && (as === "holder" || !isHolder(settings));
    const headers: Record<string, string> = { accept: "application/json, text/plain;q=0.9" };
    if (!hot) headers[HEADERS.nonce.toLowerCase()] = toBase64Url(random(NONCE_BYTES));
    if (atLeast > 0) headers[HEADERS.minSize.toLowerCase()] = String(atLeast);
    const token = as === "holder" && !hot ? settings.token : undefined;
    if (token !== undefined) headers.authorization = `Bearer ${token.reveal()}`;
    const csrf = as === "holder" && !hot ? settings.session?.csrf() : undefined;
    if (csrf !== undefined) headers[HEADERS.csrf.toLowerCase()] = csrf;
    const url = new URL(path, settings.url);
    const credentials = settings.session && (csrf === undefined ? "omit" : "same-origin");
    if (write === undefined) return { method: "GET", url, headers, credentials };
    headers["content-type"] = write.type ?? MEDIA_TYPES.json;
    headers[HEADERS.contentDigest.toLowerCase()] = write.digest ?? contentDigest(write.bytes);
    headers[HEADERS.idempotencyKey.toLowerCase()] = write.idempotencyKey;
    return { method: "POST", url, headers, body: write.bytes, credentials };
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
        const timeoutMs = write?.timeoutMs ?? settings.timeoutMs;
        return await judge(await exchange(sendingOf(path, atLeast, write, as), { ...settings, timeoutMs }));
      } catch (thrown) {
        if (attempt >= settings.attempts || !isPassing(thrown)) throw thrown;
        await settings.backOff(attempt + 1);
      }
    }
  };

  const verified = async (raw: RawAnswer, trust: Trust): Promise<VerifiedResponse> => {
    const response = await verifyResponse(raw, raw.request, trust, now());
    settings.onVerified(response);
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

  /**
   * Fetches the keys, checks their chain by itself, and only then the signature of the answer that brought them. Without
   * the token: whoever answers has proved nothing yet.
   */
  const fetchKeys = async (expected: string | undefined, as: "holder" | "anyone" = "anyone"): Promise<Fetched> => {
    const atLeast = await view.size();
    const judge = async (raw: RawAnswer) => {
      // Without keys nothing else than the keys can be proved, not even an error.
      if (raw.status !== 200 || raw.header("signature") === null) throw outageOf(raw);
      const trust = await verifyKeys(readJson(raw.body), { registry, genesis: expected });
      const response = await verified(raw, trust);
      const pin = await store.load(pinKey);
      // A log that was restored is smaller on purpose: whether this client follows is decided by its pin.
      const restored = pin !== undefined && trust.epoch > (pin.epoch ?? 1);
      if (!restored && response.provenance.size < atLeast) throw stale(response.provenance.size, atLeast);
      return { answer: parseAnswer("keys", jsonOf(response), "answer_malformed"), trust, atLeast };
    };
    const ask = (who: "holder" | "anyone") => send(pathOf.keys(registry), atLeast, undefined, judge, who);
    return ask(as).catch(async (thrown: unknown) => {
      // A delisted registry is there for its own admins only. They show who they are where `default` proved itself.
      if (as === "holder" || !isHolder(settings) || !isAbsence(thrown)) throw thrown;
      if (!(await vouchedFor(settings))) throw thrown;
      return ask("holder");
    });
  };

  /** The head of a log that is shown to holders of a token only; undefined where this one does not see it either. */
  const fetchNote = async (trust: Trust): Promise<string | undefined> => {
    if (!isHolder(settings) || settings.hotReads) return undefined;
    try {
      return noteOf((await askTrusted(trust, pathOf.checkpoint(registry))).response);
    } catch (thrown) {
      // What comes next is refused for the same reason, or does without reading.
      if (thrown instanceof TesError && NOT_SHOWN.has(thrown.code)) return undefined;
      throw thrown;
    }
  };

  /** Pins what is not pinned, follows the chain, and takes the checkpoint that came along. */
  const adopt = async ({ answer, trust, atLeast }: Fetched): Promise<Trust> => {
    const restored = await remember(trust);
    trusting = Promise.resolve(trust);
    const note = answer.checkpoint ?? (await fetchNote(trust));
    if (note !== undefined) await view.observe(await verifyNote(note, trust), restored ? 0 : atLeast);
    return trust;
  };

  /** The first contact. */
  const begin = async (expected: string | undefined): Promise<Trust> => {
    const trust = await adopt(await fetchKeys(expected));
    if (expected === undefined) settings.onFirstTrust(trust.genesis);
    return trust;
  };

  /** Keeps what the chain says beside the pin. True when the pin went back to a restored log. */
  const remember = async (trust: Trust): Promise<boolean> => {
    const { genesis, origin, logKey, announced, epoch } = trust;
    const chain = {
      origin,
      logKey: logKey.x,
      ...(announced === 0 ? {} : { announced }),
      ...(epoch === 1 ? {} : { epoch }),
    };
    const pin = await store.load(pinKey);
    if (pin?.genesis !== genesis) {
      await store.save(pinKey, { genesis, size: 0, root: toBase64(EMPTY_ROOT), ...chain });
      return false;
    }
    if (announced < (pin.announced ?? 0) || epoch < (pin.epoch ?? 1)) {
      throw new TesError("checkpoint_stale", { detail: "Its chain of keys is shorter than the one that was seen." });
    }
    const { size, root, followed } = followRestores(pin, trust);
    if (announced > (pin.announced ?? 0)) await store.save(pinKey, { genesis, size, root, ...chain });
    if (followed !== undefined) settings.onRestored(followed);
    return followed !== undefined;
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

  /**
   * Does something under the keys that are trusted. Where it fails as it would under other keys or after a restore, the
   * chain is fetched anew; only if that leads further is it done once more.
   */
  const following = async <T>(work: (trust: Trust) => Promise<T>): Promise<T> => {
    const before = await session.trust();
    try {
      return await work(before);
    } catch (thrown) {
      if (!(thrown instanceof TesError) || !OTHER_KEYS.has(thrown.code)) throw thrown;
      // Keys that cannot be had explain nothing: what was found first stands.
      const fetched = await fetchKeys(before.genesis).catch(() => undefined);
      if (fetched === undefined || fetched.trust.announced === before.announced) throw thrown;
      return work(await adopt(fetched));
    }
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
    ask: (path, write) => following((trust) => askTrusted(trust, path, write)),
    receipt: (json, atLeast) =>
      following(async (trust) => {
        const verified = await verifyReceipt(json, trust);
        await view.observe(verified.checkpoint, atLeast);
        return verified;
      }),
    note: (note, atLeast) =>
      following(async (trust) => {
        const checkpoint = await verifyNote(note, trust);
        await view.observe(checkpoint, atLeast);
        return checkpoint;
      }),
    async keys() {
      const { genesis } = await session.trust();
      let fetched = await fetchKeys(genesis);
      if (fetched.answer.checkpoint === undefined && isHolder(settings)) {
        // With the token there is more to see; one that is refused hides nothing that was seen without it.
        const first = fetched;
        fetched = await fetchKeys(genesis, "holder").catch((thrown: unknown) => {
          if (isOutage(thrown)) return first;
          throw thrown;
        });
      }
      return { answer: fetched.answer, trust: await adopt(fetched) };
    },
    async found(path, write, accept) {
      const atLeast = await view.size();
      await vouchedFor(settings);
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

/**
 * Whether the authority is known by another registry of it: `default` is pinned beside this one, and proves itself now.
 * Where a registry cannot show keys of its own, before its genesis and after it was delisted, this is all that tells
 * whom a token would go to. Without such a pin nothing is asked.
 *
 * @throws what does not hold, so that no token leaves
 */
export async function vouchedFor(settings: Settings): Promise<boolean> {
  const { registry, pinKey, store } = settings;
  if (registry === DEFAULT_REGISTRY || !pinKey.endsWith(`/${registry}`)) return false;
  const beside = `${pinKey.slice(0, -registry.length)}${DEFAULT_REGISTRY}`;
  if ((await store.load(beside)) === undefined) return false;
  const of = {
    registry: DEFAULT_REGISTRY,
    pinKey: beside,
    genesis: undefined,
    token: undefined,
    session: undefined,
    hotReads: false,
  };
  await createSession({ ...settings, ...of }).trust();
  return true;
}

function isOutage(thrown: unknown): boolean {
  return thrown instanceof TesError && thrown.code === "answer_unsigned";
}

/** An unsigned 404: as far as strangers are told, there is no such registry. */
function isAbsence(thrown: unknown): boolean {
  return isOutage(thrown) && (thrown as TesError).facts?.status === 404;
}

/** Refusals of whoever may not read. */
const NOT_SHOWN: ReadonlySet<ErrorCode> = new Set([
  "csrf_refused",
  "session_expired",
  "session_missing",
  "token_missing",
  "token_invalid",
  "token_expired",
  "token_revoked",
  "forbidden",
]);

/** What is found where an authority signs under keys that this client does not know yet, or its log was set back. */
const OTHER_KEYS: ReadonlySet<ErrorCode> = new Set([
  "key_unknown",
  "note_invalid",
  "checkpoint_stale",
  "checkpoint_inconsistent",
]);

/**
 * Where a pin stands after restores that it has not seen. A log that was seen no further than the restore goes on; one
 * that was seen further is gone, and is given up only for a restore that knew of all of it.
 *
 * @throws checkpoint_inconsistent
 */
function followRestores(
  pin: Pin,
  trust: Trust,
): { readonly size: number; readonly root: string; readonly followed: Restored | undefined } {
  let { size, root } = pin;
  let followed: Restored | undefined;
  for (const restored of trust.restores.filter(({ epoch }) => epoch > (pin.epoch ?? 1))) {
    if (size <= restored.seq) continue;
    const { lost, head } = restored;
    if (size > lost.size || (size === lost.size && root !== lost.root)) {
      throw new TesError("checkpoint_inconsistent", {
        detail: `The restore knows of a log of ${lost.size}, and this client saw ${size}, or another one.`,
        facts: { lost: lost.size, seen: size },
      });
    }
    ({ size } = head);
    root = toBase64(head.root);
    followed = restored;
  }
  return { size, root, followed };
}

/** Failures that say nothing about the request: no answer, or an authority that could not. */
function isPassing(thrown: unknown): boolean {
  if (!(thrown instanceof TesError)) return false;
  if (thrown.code === "authority_unreachable") return true;
  if (thrown.code === "answer_unsigned") return Number(thrown.facts?.status ?? 0) >= 500;
  return thrown.code === "internal" || thrown.code === "storage_full";
}
