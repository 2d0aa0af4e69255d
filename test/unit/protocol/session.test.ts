import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { ACK_WAIT_MS, FIRST_FRAME_MS, MIN_WINDOW_BYTES, SOCKET_SILENCE_MS } from "../../../src/core/limits.ts";
import type { ClientFrame } from "../../../src/protocol/frames.ts";
import {
  type Access,
  deadline,
  elapsed,
  opened,
  received,
  room,
  type Session,
  type Step,
  type Subscribed,
  sent,
  stalled,
  welcomed,
} from "../../../src/protocol/session.ts";
import type { TokenClaims } from "../../../src/protocol/tokens.ts";

const NOW = 1_800_000_000_000;
const SIZE = 10;
const bytes = toBase64Url(sha256(utf8("32 bytes")));
const proof: ClientFrame = { type: "proof", nonce: bytes, claims: "a.b", mac: bytes };
const claims: TokenClaims = { aud: "tes:default", jti: bytes, iat: NOW / 1000, exp: NOW / 1000 + 60, scope: ["watch"] };
const BY_PROOF: Access = { kind: "proof", claims };
const ANONYMOUS: Access = { kind: "anonymous" };

const codesOf = ({ acts }: Step) => acts.map((act) => (act.do === "close" ? act.error.code : act.do));
const take = (session: Session, frame: ClientFrame, authentic = true, now = NOW) =>
  received(session, frame, authentic, SIZE, now);
const enter = (access: Access) => welcomed(take(opened(NOW), proof).session, access, NOW).session;
const subscribeFrame = (n?: number, since = 0): ClientFrame => ({
  type: "subscribe",
  since,
  window: MIN_WINDOW_BYTES,
  ...(n === undefined ? {} : { n, mac: bytes }),
});
const subscribed = (access: Access = ANONYMOUS, since = 0) =>
  take(enter(access), subscribeFrame(access.kind === "proof" ? 1 : undefined, since)).session as Subscribed;

describe("the first frame", () => {
  test.each<ClientFrame>([proof, { type: "ticket", ticket: bytes }, { type: "anonymous" }])("may be $type", (frame) => {
    expect(take(opened(NOW), frame)).toEqual({
      session: { phase: "checking", opened: NOW },
      acts: [{ do: "check", frame }],
    });
  });

  test.each<ClientFrame>([subscribeFrame(), { type: "ack", index: 0 }, { type: "ping" }])("is never $type", (frame) => {
    expect(codesOf(take(opened(NOW), frame))).toEqual(["frame_unexpected"]);
  });

  test("comes before 10 seconds are over, and not after", () => {
    expect(codesOf(take(opened(NOW), proof, true, NOW + FIRST_FRAME_MS - 1))).toEqual(["check"]);
    expect(codesOf(take(opened(NOW), proof, true, NOW + FIRST_FRAME_MS))).toEqual(["handshake_timeout"]);
    expect(elapsed(opened(NOW), 0, NOW + FIRST_FRAME_MS - 1).acts).toEqual([]);
    expect(codesOf(elapsed(opened(NOW), 0, NOW + FIRST_FRAME_MS))).toEqual(["handshake_timeout"]);
    // Pings are answered on its behalf, and are not an answer to the challenge.
    expect(codesOf(elapsed(opened(NOW), NOW + FIRST_FRAME_MS, NOW + FIRST_FRAME_MS))).toEqual(["handshake_timeout"]);
  });

  test("spends the nonce: a second one ends the session, before the check is done and after", () => {
    const { session } = take(opened(NOW), proof);
    expect(codesOf(take(session, proof))).toEqual(["frame_unexpected"]);
    expect(codesOf(take(enter(BY_PROOF), proof))).toEqual(["frame_unexpected"]);
  });

  test("that was found good while the socket was closed changes nothing", () => {
    expect(welcomed({ phase: "closed" }, BY_PROOF, NOW)).toEqual({ session: { phase: "closed" }, acts: [] });
  });
});

describe("later frames", () => {
  test("count from 1 without a gap and carry their MAC, where there is a key", () => {
    const first = take(enter(BY_PROOF), subscribeFrame(1));
    expect(codesOf(first)).toEqual(["subscribe", "fill"]);
    const ack = (n: number): ClientFrame => ({ type: "ack", index: 0, n, mac: bytes });
    const session = sent(first.session as Subscribed, 5, 100);
    expect(codesOf(take(session, ack(2)))).toEqual(["fill"]);
    for (const n of [0, 1, 3]) expect(codesOf(take(session, ack(n)))).toEqual(["frame_forged"]);
    expect(codesOf(take(session, ack(2), false))).toEqual(["frame_forged"]);
    expect(codesOf(take(session, { type: "ack", index: 0 }))).toEqual(["frame_forged"]);
  });

  test("leave both out where there is none", () => {
    expect(codesOf(take(enter(ANONYMOUS), subscribeFrame(1)))).toEqual(["frame_forged"]);
    expect(codesOf(take(enter(ANONYMOUS), subscribeFrame()))).toEqual(["subscribe", "fill"]);
  });

  test("subscribe once, from what there is", () => {
    expect(codesOf(take(enter(ANONYMOUS), subscribeFrame(undefined, SIZE)))).toEqual(["subscribe", "fill"]);
    expect(codesOf(take(enter(ANONYMOUS), subscribeFrame(undefined, SIZE + 1)))).toEqual(["invalid_field"]);
    expect(codesOf(take(subscribed(), subscribeFrame()))).toEqual(["frame_unexpected"]);
  });

  test("acknowledge what was sent, after a subscription", () => {
    expect(codesOf(take(enter(ANONYMOUS), { type: "ack", index: 0 }))).toEqual(["frame_unexpected"]);
    const session = sent(subscribed(), 5, 100);
    expect(codesOf(take(session, { type: "ack", index: 4 }))).toEqual(["fill"]);
    expect(codesOf(take(session, { type: "ack", index: 5 }))).toEqual(["invalid_field"]);
  });

  test("bump only where a proof was", () => {
    const request = { type: "bump", id: "1", key: "k", request: {} } as const;
    expect(codesOf(take(enter(BY_PROOF), { ...request, n: 1, mac: bytes }))).toEqual(["bump"]);
    expect(take(enter(ANONYMOUS), request).acts).toMatchObject([
      { do: "refuse", id: "1", error: { code: "token_missing" } },
    ]);
    expect(codesOf(take(enter({ kind: "ticket", claims }), request))).toEqual(["refuse"]);
  });

  test("are worth nothing once the token has expired", () => {
    const end = claims.exp * 1000;
    expect(codesOf(take(enter(BY_PROOF), subscribeFrame(1), true, end - 1))).toEqual(["subscribe", "fill"]);
    expect(codesOf(take(enter(BY_PROOF), subscribeFrame(1), true, end))).toEqual(["token_expired"]);
    expect(codesOf(elapsed(enter({ kind: "ticket", claims }), end, end))).toEqual(["token_expired"]);
    expect(deadline(enter(BY_PROOF))).toBe(end);
  });

  test("a closed session takes nothing and has no deadline", () => {
    const closed: Session = { phase: "closed" };
    expect(take(closed, proof)).toEqual({ session: closed, acts: [] });
    expect(elapsed(closed, 0, NOW)).toEqual({ session: closed, acts: [] });
    expect(deadline(closed)).toBeNull();
  });
});

describe("the window", () => {
  test("is what is left of it", () => {
    const session = sent(sent(subscribed(), 3, 1_000), 5, 500);
    expect([session.next, room(session)]).toEqual([5, MIN_WINDOW_BYTES - 1_500]);
    expect(room(take(session, { type: "ack", index: 1 }).session as Subscribed)).toBe(MIN_WINDOW_BYTES - 1_500);
    expect(room(take(session, { type: "ack", index: 2 }).session as Subscribed)).toBe(MIN_WINDOW_BYTES - 500);
    expect(room(take(session, { type: "ack", index: 4 }).session as Subscribed)).toBe(MIN_WINDOW_BYTES);
  });

  test("that stays full for 30 seconds ends the session; an acknowledgement in time does not", () => {
    const full = stalled(sent(subscribed(), 5, MIN_WINDOW_BYTES), NOW);
    expect(stalled(full, NOW + 5)).toEqual(full);
    expect(deadline(full)).toBe(NOW + ACK_WAIT_MS);
    expect(elapsed(full, NOW, NOW + ACK_WAIT_MS - 1).acts).toEqual([]);
    expect(codesOf(elapsed(full, NOW, NOW + ACK_WAIT_MS))).toEqual(["ack_timeout"]);
    const acknowledged = take(full, { type: "ack", index: 4 }).session;
    expect(elapsed(acknowledged, NOW, NOW + ACK_WAIT_MS).acts).toEqual([]);
  });

  test("never gives more room than was acknowledged, whatever is sent and acknowledged, and marks stay few", () => {
    const moves = fc.array(
      fc.record({
        statements: fc.integer({ min: 1, max: 5 }),
        bytes: fc.integer({ min: 1, max: 900 }),
        ack: fc.nat({ max: 400 }),
      }),
      { maxLength: 80 },
    );
    fc.assert(
      fc.property(moves, (list) => {
        let session = { ...subscribed(), next: 0 };
        const events: { end: number; bytes: number }[] = [];
        let acked = -1;
        for (const { statements, bytes: count, ack } of list) {
          session = sent(session, session.next + statements, count);
          events.push({ end: session.next, bytes: count });
          if (ack < session.next) {
            acked = Math.max(acked, ack);
            session = take(session, { type: "ack", index: ack }).session as Subscribed;
          }
          const owed = events.filter(({ end }) => end > acked + 1).reduce((sum, event) => sum + event.bytes, 0);
          expect(MIN_WINDOW_BYTES - room(session)).toBeGreaterThanOrEqual(owed);
          expect(session.marks.length).toBeLessThanOrEqual(16);
        }
        const all = take(session, { type: "ack", index: Math.max(0, session.next - 1) });
        if (session.next > 0) expect(room(all.session as Subscribed)).toBe(MIN_WINDOW_BYTES);
      }),
      { numRuns: 100 },
    );
  });
});

describe("silence", () => {
  test("of 5 minutes ends a session, unless a ping was answered meanwhile", () => {
    const session = enter(ANONYMOUS);
    expect(deadline(session)).toBe(NOW + SOCKET_SILENCE_MS);
    expect(elapsed(session, 0, NOW + SOCKET_SILENCE_MS - 1).acts).toEqual([]);
    expect(codesOf(elapsed(session, 0, NOW + SOCKET_SILENCE_MS))).toEqual(["session_silent"]);
    const later = elapsed(session, NOW + 1_000, NOW + SOCKET_SILENCE_MS);
    expect(later.acts).toEqual([]);
    expect(deadline(later.session)).toBe(NOW + 1_000 + SOCKET_SILENCE_MS);
    const spoken = take(session, { type: "ping" }, false, NOW + 2_000);
    expect(spoken.acts).toEqual([{ do: "send", frame: { type: "pong" } }]);
    expect(deadline(spoken.session)).toBe(NOW + 2_000 + SOCKET_SILENCE_MS);
  });
});
