/** The frames of tes-subproto-v1 (docs/protocol.md, Frames): one JSON object each, in a text frame. */
import * as v from "valibot";
import { fromBase64Url, utf8 } from "../core/bytes.ts";
import { TesError } from "../core/errors.ts";
import { type JsonObject, type JsonValue, parseJson } from "../core/json.ts";
import {
  MAX_FRAME_BYTES,
  MAX_IDEMPOTENCY_KEY_CHARS,
  MAX_SERVER_FRAME_BYTES,
  MAX_TOKEN_CHARS,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
  SOCKET_NONCE_BYTES,
} from "../core/limits.ts";
import { Base64Hash, Count, Registry, Time } from "./fields.ts";
import { MAC_BYTES } from "./handshake.ts";
import { isJsonObject, parseWith } from "./parse.ts";
import { Change } from "./statements.ts";

const isBytes = (count: number) => (text: string) => fromBase64Url(text)?.length === count;
const Nonce = v.pipe(v.string(), v.check(isBytes(SOCKET_NONCE_BYTES), "32 bytes as base64url"));
const Mac = v.pipe(v.string(), v.check(isBytes(MAC_BYTES), "32 bytes as base64url"));
const Ticket = v.pipe(v.string(), v.check(isBytes(32), "32 bytes as base64url"));
/** Header and payload of a token, without its signature. */
const Claims = v.pipe(
  v.string(),
  v.maxLength(MAX_TOKEN_CHARS, "longer than a token"),
  v.regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, "a token without its last dot and signature"),
);
/** What a client calls a request of its own, to know the answer by. */
const Id = v.pipe(v.string(), v.regex(/^[!-~]{1,64}$/, "1 to 64 visible ASCII characters"));
const Key = v.pipe(v.string(), v.regex(new RegExp(`^[!-~]{1,${MAX_IDEMPOTENCY_KEY_CHARS}}$`), "1 to 64 visible ASCII"));
const Window = v.pipe(
  Count,
  v.check((n) => n >= MIN_WINDOW_BYTES && n <= MAX_WINDOW_BYTES, `${MIN_WINDOW_BYTES} to ${MAX_WINDOW_BYTES} bytes`),
);
const Json = v.custom<JsonObject>(isJsonObject, "a JSON object");

/** What sessions with a key add to each frame. Sessions without one leave both out. */
const seal = { n: v.exactOptional(Count), mac: v.exactOptional(Mac) };

const CLIENT = {
  proof: v.strictObject({ type: v.literal("proof"), nonce: Nonce, claims: Claims, mac: Mac }),
  ticket: v.strictObject({ type: v.literal("ticket"), ticket: Ticket }),
  anonymous: v.strictObject({ type: v.literal("anonymous") }),
  subscribe: v.strictObject({ type: v.literal("subscribe"), since: Count, window: Window, ...seal }),
  ack: v.strictObject({ type: v.literal("ack"), index: Count, ...seal }),
  bump: v.strictObject({ type: v.literal("bump"), id: Id, key: Key, request: Json, ...seal }),
  ping: v.strictObject({ type: v.literal("ping") }),
} as const;

export type ClientFrameType = keyof typeof CLIENT;
type ClientFrames = { [T in ClientFrameType]: v.InferOutput<(typeof CLIENT)[T]> };
/** What a client may send. */
export type ClientFrame = ClientFrames[ClientFrameType];

const Bytes32 = v.array(Base64Hash);

// A newer authority of the same subprotocol may add members: unknown ones are passed over.
const SERVER = {
  challenge: v.object({
    type: v.literal("challenge"),
    nonce: Nonce,
    registry: Registry,
    authority: v.string(),
    checkpoint: v.string(),
    keyid: v.string(),
    expires: Time,
  }),
  welcome: v.object({ type: v.literal("welcome"), mac: v.exactOptional(Mac) }),
  subscribed: v.object({ type: v.literal("subscribed"), since: Count, size: Count, frontier: Bytes32 }),
  event: v.object({ type: v.literal("event"), from: Count, statements: v.array(Json), checkpoint: v.string() }),
  receipt: v.object({ type: v.literal("receipt"), id: Id, receipt: Json }),
  plan: v.object({ type: v.literal("plan"), id: Id, changes: v.array(Change) }),
  pong: v.object({ type: v.literal("pong") }),
  error: v.object({
    type: v.literal("error"),
    code: v.string(),
    title: v.string(),
    remedy: v.string(),
    detail: v.exactOptional(v.string()),
    field: v.exactOptional(v.string()),
    id: v.exactOptional(Id),
  }),
} as const;

export type ServerFrameType = keyof typeof SERVER;
type ServerFrames = { [T in ServerFrameType]: v.InferOutput<(typeof SERVER)[T]> };
/** What an authority may send. */
export type ServerFrame = ServerFrames[ServerFrameType];
export type Challenge = ServerFrames["challenge"];
export type Event = ServerFrames["event"];

/** The one ping that is answered without waking anybody: exactly these bytes. */
export const PING = '{"type":"ping"}';
export const PONG = '{"type":"pong"}';

function objectOf(text: string): { readonly json: JsonObject; readonly type: string } {
  const json = parseJson(utf8(text));
  if (!isJsonObject(json) || typeof json.type !== "string") {
    throw new TesError("invalid_field", { field: "/type", detail: "A frame is a JSON object with a type." });
  }
  return { json, type: json.type };
}

/**
 * Reads a client's frame: what it says, and the JSON whose MAC is checked.
 *
 * @param data as the socket gave it
 * @throws frame_binary, frame_too_large, json_invalid and its kin, frame_unexpected for a type that nobody knows,
 *   invalid_field
 */
export function parseClientFrame(data: string | ArrayBuffer): {
  readonly frame: ClientFrame;
  readonly json: JsonObject;
} {
  if (typeof data !== "string") throw new TesError("frame_binary");
  if (data.length > MAX_FRAME_BYTES || utf8(data).length > MAX_FRAME_BYTES) throw new TesError("frame_too_large");
  const { json, type } = objectOf(data);
  if (!Object.hasOwn(CLIENT, type)) throw new TesError("frame_unexpected", { detail: "There is no such type." });
  return { frame: parseWith(CLIENT[type as ClientFrameType], json) as ClientFrame, json };
}

/**
 * Reads an authority's frame; null for a type that this release does not know.
 *
 * @throws answer_too_large, answer_malformed
 */
export function parseServerFrame(data: unknown): ServerFrame | null {
  if (typeof data !== "string") throw new TesError("answer_malformed", { detail: "A frame is not text." });
  if (data.length > MAX_SERVER_FRAME_BYTES) throw new TesError("answer_too_large", { detail: "A frame." });
  let read: { readonly json: JsonValue; readonly type: string };
  try {
    read = objectOf(data);
  } catch (cause) {
    throw new TesError("answer_malformed", { detail: "A frame is not a JSON object with a type.", cause });
  }
  if (!Object.hasOwn(SERVER, read.type)) return null;
  return parseWith(SERVER[read.type as ServerFrameType], read.json, "answer_malformed") as ServerFrame;
}
