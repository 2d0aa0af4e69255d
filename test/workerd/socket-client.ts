/**
 * A client of tes-subproto-v1 written from docs/protocol.md with the platform's own cryptography, so that nothing of
 * src/ vouches for itself.
 */

import { exports } from "cloudflare:workers";
import { expect } from "vitest";
import { fromBase64Url, toBase64Url, toHex, utf8 } from "../../src/core/bytes.ts";
import { ORIGIN } from "./authority.ts";

export const NAME = "tes-subproto-v1";

// biome-ignore lint/suspicious/noExplicitAny: tests look into frames of every shape
export type Frame = any;

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** One socket: what came, in order, and how it ended. */
export interface Socket {
  readonly ws: WebSocket;
  readonly challenge: Frame;
  /** The challenge as it stood on the wire. */
  readonly challengeText: string;
  /** Every frame after the challenge. */
  readonly frames: Frame[];
  readonly texts: string[];
  send(frame: unknown): void;
  /** The next frame that nobody has taken. */
  next(): Promise<Frame>;
  readonly closed: Promise<Closing>;
}

export interface Opening {
  readonly protocol?: string | null;
  readonly headers?: Record<string, string>;
}

export function upgrade(path: string, { protocol = NAME, headers = {} }: Opening = {}): Promise<Response> {
  const all = {
    upgrade: "websocket",
    ...(protocol === null ? {} : { "sec-websocket-protocol": protocol }),
    ...headers,
  };
  return exports.default.fetch(new Request(path.startsWith("https:") ? path : `${ORIGIN}${path}`, { headers: all }));
}

export async function connect(registry: string, opening: Opening = {}): Promise<Socket> {
  const response = await upgrade(`/v1/${registry}/watch`, opening);
  expect(response.status, response.webSocket === null ? await response.text() : "").toBe(101);
  expect(response.headers.get("sec-websocket-protocol")).toBe(NAME);
  const ws = response.webSocket!;
  const texts: string[] = [];
  const waiting: ((frame: Frame) => void)[] = [];
  let taken = 0;
  const frames: Frame[] = [];
  const closed = new Promise<Closing>((resolve) => {
    ws.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  ws.addEventListener("message", ({ data }) => {
    texts.push(String(data));
    frames.push(JSON.parse(String(data)));
    while (taken < frames.length && waiting.length > 0) waiting.shift()!(frames[taken++]);
  });
  ws.accept();
  const next = (): Promise<Frame> =>
    taken < frames.length
      ? Promise.resolve(frames[taken++])
      : new Promise((resolve, reject) => {
          waiting.push(resolve);
          void closed.then(({ code, reason }) => reject(new Error(`closed: ${code} ${reason}`)));
        });
  const challenge = await next();
  return {
    ws,
    challenge,
    challengeText: texts[0]!,
    get frames() {
      return frames.slice(1);
    },
    texts,
    send: (frame) => ws.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
    next,
    closed,
  };
}

const hmacKey = (bytes: Uint8Array<ArrayBuffer>) =>
  crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

export async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", await hmacKey(key), utf8(text))));
}

export const partsOf = (token: string) => {
  const [header, payload, signature] = token.split(".");
  return { claims: `${header}.${payload}`, signature: fromBase64Url(signature!)! };
};

/** What a test changes about a proof. */
export interface Twist {
  readonly registry?: string;
  readonly authority?: string;
  readonly serverNonce?: string;
  readonly clientNonce?: string;
  readonly side?: string;
  readonly claims?: string;
}

export async function proofFor(token: string, challenge: Frame, twist: Twist = {}) {
  const { claims, signature } = partsOf(token);
  const nonce = twist.clientNonce ?? toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  const about = [
    twist.registry ?? challenge.registry,
    twist.authority ?? challenge.authority,
    twist.serverNonce ?? challenge.nonce,
    nonce,
  ].join("\n");
  const mac = await hmac(signature, `${NAME}\n${twist.side ?? "client"}\n${about}`);
  return { frame: { type: "proof", nonce, claims: twist.claims ?? claims, mac }, about };
}

const sha256 = async (text: string) => new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text)));

/** RFC 8785 for frames, whose members are texts, numbers and flat objects of those. */
export const jcs = (value: Frame): string =>
  typeof value !== "object" || value === null
    ? JSON.stringify(value)
    : Array.isArray(value)
      ? `[${value.map(jcs).join()}]`
      : `{${Object.keys(value)
          .sort()
          .map((name) => `${JSON.stringify(name)}:${jcs(value[name])}`)
          .join()}}`;

export interface Entered extends Socket {
  /** Adds counter and MAC. */
  seal(frame: object): Promise<Frame>;
  /** Seals and sends. */
  sealed(frame: object): Promise<void>;
}

/** Proves a token and checks that the authority does too. */
export async function enter(registry: string, token: string, opening?: Opening): Promise<Entered> {
  const socket = await connect(registry, opening);
  const { frame, about } = await proofFor(token, socket.challenge);
  socket.send(frame);
  const welcome = await socket.next();
  const { signature } = partsOf(token);
  expect(welcome).toEqual({ type: "welcome", mac: await hmac(signature, `${NAME}\nserver\n${about}`) });
  const digest = toHex(await sha256(socket.challengeText));
  const info = toHex(await sha256([NAME, "session", digest, frame.nonce, frame.claims].join("\n")));
  const ikm = await crypto.subtle.importKey("raw", signature, "HKDF", false, ["deriveBits"]);
  const params = {
    name: "HKDF",
    hash: "SHA-256",
    salt: utf8(socket.challenge.nonce + frame.nonce),
    info: utf8(info),
  };
  const key = new Uint8Array(await crypto.subtle.deriveBits(params, ikm, 256));
  let n = 0;
  const seal = async (body: object): Promise<Frame> => {
    const counted = { ...body, n: ++n };
    return { ...counted, mac: await hmac(key, `${NAME}\nframe\n${jcs(counted)}`) };
  };
  return Object.assign(socket, {
    seal,
    sealed: async (body: object) => socket.send(await seal(body)),
  });
}

/** Enters without a word about itself. */
export async function enterAnonymous(registry: string, opening?: Opening): Promise<Socket> {
  const socket = await connect(registry, opening);
  socket.send({ type: "anonymous" });
  expect(await socket.next()).toEqual({ type: "welcome" });
  return socket;
}

/** The error frame and the close that a socket ends with, as one line. */
export async function ending(socket: Socket): Promise<string> {
  const { code, reason } = await socket.closed;
  const last = socket.frames.at(-1);
  expect(last?.type, JSON.stringify(last)).toBe("error");
  expect(last.code).toBe(reason);
  return `${code} ${reason}`;
}
