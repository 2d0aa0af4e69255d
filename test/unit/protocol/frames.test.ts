import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { TesError } from "../../../src/core/errors.ts";
import { sha256 } from "../../../src/core/hash.ts";
import {
  MAX_FRAME_BYTES,
  MAX_JSON_DEPTH,
  MAX_SERVER_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
} from "../../../src/core/limits.ts";
import { parseClientFrame, parseServerFrame } from "../../../src/protocol/frames.ts";
import { refusal } from "./samples.ts";

const bytes = toBase64Url(sha256(utf8("32 bytes")));
const proof = { type: "proof", nonce: bytes, claims: "a.b", mac: bytes };
const subscribe = { type: "subscribe", since: 0, window: MIN_WINDOW_BYTES, n: 1, mac: bytes };
const bump = { type: "bump", id: "1", key: "k", request: { entity: "a:b", scope: "patch" }, n: 1, mac: bytes };

const read = (frame: object | string) => parseClientFrame(typeof frame === "string" ? frame : JSON.stringify(frame));
const refused = (frame: object | string) => refusal(() => read(frame)).split(" ")[0];

/** A ping with white space up to a size in bytes. */
const padded = (size: number, with_ = " ") => {
  const bare = '{"type":"ping"}';
  return bare + with_.repeat((size - bare.length) / utf8(with_).length);
};

describe("a client's frame", () => {
  test.each([
    proof,
    { type: "ticket", ticket: bytes },
    { type: "anonymous" },
    subscribe,
    { ...subscribe, window: MAX_WINDOW_BYTES },
    { type: "subscribe", since: 5, window: MIN_WINDOW_BYTES },
    { type: "ack", index: 0, n: 2, mac: bytes },
    bump,
    { type: "ping" },
  ])("%j is read as it is", (frame) => {
    expect(read(frame)).toEqual({ frame, json: frame });
  });

  test.each<[string, object | string, string]>([
    ["no JSON", "ping", "json_invalid"],
    ["a list", "[]", "invalid_field"],
    ["no type", "{}", "invalid_field"],
    ["a type that is no text", { type: 1 }, "invalid_field"],
    ["a type nobody knows", { type: "hello" }, "frame_unexpected"],
    ["a type that every object has", { type: "constructor" }, "frame_unexpected"],
    ["a frame of the other side", { type: "welcome" }, "frame_unexpected"],
    ["an unknown member", { type: "anonymous", n: 1 }, "invalid_field"],
    ["a key twice", '{"type":"ping","type":"ping"}', "json_duplicate_key"],
    ["a nonce of 31 bytes", { ...proof, nonce: bytes.slice(0, 42) }, "invalid_field"],
    ["a nonce in another spelling", { ...proof, nonce: `${bytes}=` }, "invalid_field"],
    ["a whole token", { ...proof, claims: "a.b.c" }, "invalid_field"],
    ["a window below the least", { ...subscribe, window: MIN_WINDOW_BYTES - 1 }, "invalid_field"],
    ["a window above the most", { ...subscribe, window: MAX_WINDOW_BYTES + 1 }, "invalid_field"],
    ["a negative index", { ...subscribe, since: -1 }, "invalid_field"],
    ["half an index", { ...subscribe, since: 0.5 }, "invalid_field"],
    ["an index beyond what is exact", '{"type":"ack","index":9007199254740992}', "json_number"],
    ["a bump without key", { ...bump, key: "" }, "invalid_field"],
    ["a bump whose request is text", { ...bump, request: "patch" }, "invalid_field"],
    ["an id with a line feed", { ...bump, id: "a\nb" }, "invalid_field"],
  ])("%s is refused", (_name, frame, code) => {
    expect(refused(frame)).toBe(code);
  });

  test("is text of at most 16 KiB in UTF-8", () => {
    expect(read(padded(MAX_FRAME_BYTES)).frame).toEqual({ type: "ping" });
    expect(refused(padded(MAX_FRAME_BYTES + 1))).toBe("frame_too_large");
    // Few characters, many bytes.
    const long = JSON.stringify({ type: "ping", x: "é".repeat(MAX_FRAME_BYTES / 2) });
    expect(long.length).toBeLessThan(MAX_FRAME_BYTES);
    expect(refused(long)).toBe("frame_too_large");
    expect(refusal(() => parseClientFrame(new ArrayBuffer(4)))).toMatch(/^frame_binary/);
  });

  test("is nested as deep as any request, and no deeper", () => {
    const nest = (depth: number) =>
      `{"type":"bump","id":"1","key":"k","request":{"x":${"[".repeat(depth)}${"]".repeat(depth)}}}`;
    expect(read(nest(MAX_JSON_DEPTH - 2)).frame.type).toBe("bump");
    expect(refused(nest(MAX_JSON_DEPTH - 1))).toBe("json_depth");
  });

  test("whatever comes, it is read or refused by a code", () => {
    const text = fc.oneof(
      fc.string(),
      fc.json({ maxDepth: 3 }),
      fc
        .record({ type: fc.constantFrom("proof", "ack", "ping", "bump"), n: fc.integer() })
        .map((x) => JSON.stringify(x)),
    );
    fc.assert(
      fc.property(text, (data) => {
        try {
          parseClientFrame(data);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(TesError);
          expect((thrown as TesError).code).not.toBe("internal");
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("an authority's frame", () => {
  test("may have members and types that this release does not know", () => {
    expect(parseServerFrame('{"type":"welcome","later":1}')).toEqual({ type: "welcome" });
    expect(parseServerFrame('{"type":"later","x":[]}')).toBeNull();
  });

  test.each<[string, unknown, string]>([
    ["bytes", new ArrayBuffer(2), "answer_malformed"],
    ["no JSON", "{", "answer_malformed"],
    ["no object", "1", "answer_malformed"],
    ["an event without statements", '{"type":"event","from":0,"checkpoint":""}', "answer_malformed"],
    ["a proof that is none", '{"type":"welcome","mac":"x"}', "answer_malformed"],
    ["one character too many", `{"type":"pong"}${" ".repeat(MAX_SERVER_FRAME_BYTES - 14)}`, "answer_too_large"],
  ])("%s is refused", (_name, data, code) => {
    expect(refusal(() => parseServerFrame(data)).split(" ")[0]).toBe(code);
  });

  test("has at most 262,144 characters", () => {
    expect(parseServerFrame(`{"type":"pong"}${" ".repeat(MAX_SERVER_FRAME_BYTES - 15)}`)).toEqual({ type: "pong" });
  });
});
