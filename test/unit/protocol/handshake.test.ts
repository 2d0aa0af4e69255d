import { describe, expect, test } from "vitest";
import { toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import { Secret } from "../../../src/core/secret.ts";
import {
  challengeDigest,
  checkProof,
  deriveSessionKey,
  type Handshake,
  isSealed,
  makeNonce,
  makeProof,
  sealFrame,
  splitToken,
} from "../../../src/protocol/handshake.ts";

const nonceOf = (label: string) => makeNonce((count) => sha256(utf8(label)).subarray(0, count));
const signature = new Secret(sha256(utf8("a signature")));
const HANDSHAKE: Handshake = {
  registry: "default",
  authority: "tes.example",
  serverNonce: nonceOf("server"),
  clientNonce: nonceOf("client"),
};
const check = (side: "client" | "server", handshake: Handshake, mac: string, key = signature) =>
  checkProof(key, side, handshake, mac, "proof_refused");

describe("a proof", () => {
  test("holds for what it was made for, and for nothing else", async () => {
    const mac = await makeProof(signature, "client", HANDSHAKE);
    await check("client", HANDSHAKE, mac);
    const others: Handshake[] = [
      { ...HANDSHAKE, registry: "other" },
      { ...HANDSHAKE, authority: "tes.example:8443" },
      { ...HANDSHAKE, serverNonce: nonceOf("another") },
      { ...HANDSHAKE, clientNonce: nonceOf("another") },
      { ...HANDSHAKE, serverNonce: HANDSHAKE.clientNonce, clientNonce: HANDSHAKE.serverNonce },
    ];
    for (const other of others) await expect(check("client", other, mac)).rejects.toThrow(/proof/i);
    // Sent back, it proves nothing.
    await expect(check("server", HANDSHAKE, mac)).rejects.toThrow();
    await expect(check("client", HANDSHAKE, mac, new Secret(sha256(utf8("another"))))).rejects.toThrow();
    await expect(check("client", HANDSHAKE, mac.slice(0, 42))).rejects.toThrow();
    await expect(check("client", HANDSHAKE, "=")).rejects.toThrow();
  });

  test("nonces are 43 characters, always", () => {
    for (const label of ["a", "b", "c"]) expect(nonceOf(label)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe("a token", () => {
  test("is shown without its signature", () => {
    const parts = splitToken(new Secret(`head.body.${toBase64Url(signature.reveal())}`));
    expect(parts.claims).toBe("head.body");
    expect(parts.signature.reveal()).toEqual(signature.reveal());
    expect(() => splitToken(new Secret("head.body.c2hvcnQ"))).toThrow(/32 bytes/);
    expect(() => splitToken(new Secret("none"))).toThrow(/32 bytes/);
  });
});

describe("a sealed frame", () => {
  const keyOf = (change: Partial<Handshake & { challenge: string; claims: string }> = {}) => {
    const { challenge = challengeDigest("{}"), claims = "a.b", ...handshake } = change;
    return deriveSessionKey(signature, { ...HANDSHAKE, ...handshake }, challenge, claims);
  };

  test("holds whatever the order of its members, and for no other content", async () => {
    const key = await keyOf();
    const sealed = await sealFrame(key, { type: "ack", index: 4, n: 2 });
    expect(await isSealed(key, sealed)).toBe(true);
    expect(await isSealed(key, { mac: sealed.mac, n: 2, index: 4, type: "ack" })).toBe(true);
    expect(await isSealed(key, { ...sealed, index: 5 })).toBe(false);
    expect(await isSealed(key, { ...sealed, n: 3 })).toBe(false);
    expect(await isSealed(key, { type: "ack", index: 4, n: 2 })).toBe(false);
    expect(await isSealed(key, { ...sealed, mac: 7 })).toBe(false);
  });

  test("holds in its own session only", async () => {
    const sealed = await sealFrame(await keyOf(), { type: "ack", index: 4, n: 2 });
    const changes = [
      { serverNonce: nonceOf("another") },
      { clientNonce: nonceOf("another") },
      { challenge: challengeDigest("{ }") },
      { claims: "a.c" },
    ];
    for (const change of changes) expect(await isSealed(await keyOf(change), sealed)).toBe(false);
  });
});
