/** docs/protocol.md opens with a session: made here by our code, and checked here by other code. */

import { createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { utf8 } from "../../../src/core/bytes.ts";
import { sha256 } from "../../../src/core/hash.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { Secret } from "../../../src/core/secret.ts";
import { parseClientFrame, parseServerFrame, type ServerFrame } from "../../../src/protocol/frames.ts";
import {
  challengeDigest,
  checkProof,
  deriveSessionKey,
  isSealed,
  makeNonce,
  makeProof,
  SUBPROTOCOL,
  sealFrame,
  splitToken,
} from "../../../src/protocol/handshake.ts";
import { opened, received, type Session, type Step, sent, welcomed } from "../../../src/protocol/session.ts";
import { parseTokenClaims, type TokenClaims } from "../../../src/protocol/tokens.ts";
import { checkReceipt, type Json, jcs, leafOf, noteChecker, Tree } from "../../independent/log.ts";
import { bumpOf, makeRegistry, NOW_S } from "../client/registry.ts";

const PATH = join(import.meta.dirname, "../../../docs/protocol.md");
const BLOCK = /```text\n([\s\S]*?)```/;
const TOKEN_KEY = createHash("sha256").update("docs/protocol.md").digest();
const WINDOW = 262_144;

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const nonceOf = (label: string) => makeNonce((bytes) => sha256(utf8(label)).subarray(0, bytes));

function exampleToken(kid: string): string {
  const jti = nonceOf("jti").slice(0, 21);
  const claims = {
    aud: "tes:default",
    jti: `${jti}A`,
    iat: NOW_S,
    exp: NOW_S + 3600,
    scope: ["bump:global:*", "watch"],
  };
  const signed = `${part({ alg: "HS256", typ: "tes-token+jwt", kid })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", TOKEN_KEY).update(signed).digest("base64url")}`;
}

/** The session as our own code has it. */
async function makeExample(): Promise<string[]> {
  const registry = await makeRegistry("docs/protocol.md");
  registry.add({
    type: "entity.declared",
    entity: "global:main",
    version: "1.0.0",
    strategy: "independent",
    parent: null,
    files: [],
  });
  registry.add(...bumpOf("1.0.0", "1.1.0", "first"));
  const kid = (registry.statements[0] as unknown as { keys: Record<string, { kid: string }> }).keys["token-hs256"]!.kid;
  const { claims, signature } = splitToken(new Secret(exampleToken(kid)));
  const now = NOW_S * 1000;
  const lines: string[] = [];
  const server = (frame: ServerFrame | JsonObject) => lines.push(`S ${JSON.stringify(frame)}`);

  const handshake = {
    registry: "default",
    authority: "tes.example",
    serverNonce: nonceOf("server"),
    clientNonce: nonceOf("client"),
  };
  const challenge = {
    type: "challenge",
    nonce: handshake.serverNonce,
    registry: handshake.registry,
    authority: handshake.authority,
    checkpoint: await registry.note(),
    keyid: kid,
    expires: now + 10_000,
  } as const;
  server(challenge);
  let session: Session = opened(now);
  const key = await deriveSessionKey(signature, handshake, challengeDigest(JSON.stringify(challenge)), claims);
  const client = async (frame: JsonObject, n?: number): Promise<Step> => {
    const whole = n === undefined ? frame : await sealFrame(key, { ...frame, n });
    lines.push(`C ${JSON.stringify(whole)}`);
    const read = parseClientFrame(JSON.stringify(whole));
    const step = received(session, read.frame, await isSealed(key, read.json), registry.statements.length, now);
    session = step.session;
    return step;
  };
  const event = async (from: number): Promise<void> => {
    const statements = registry.statements.slice(from);
    const frame = { type: "event", from, statements, checkpoint: await registry.note() };
    if (session.phase !== "subscribed") throw new Error(`not subscribed: ${session.phase}`);
    session = sent(session, registry.statements.length, JSON.stringify(frame).length);
    server(frame as unknown as JsonObject);
  };

  const mac = await makeProof(signature, "client", handshake);
  const checked = await client({ type: "proof", nonce: handshake.clientNonce, claims, mac });
  expect(checked.acts).toMatchObject([{ do: "check" }]);
  await checkProof(signature, "client", handshake, mac, "proof_refused");
  const claimed: TokenClaims = parseTokenClaims(JSON.parse(Buffer.from(claims.split(".")[1]!, "base64url").toString()));
  const access = { kind: "proof", claims: claimed } as const;
  const entered = welcomed(session, access, now, await makeProof(signature, "server", handshake));
  session = entered.session;
  for (const act of entered.acts) if (act.do === "send") server(act.frame);

  const subscribed = await client({ type: "subscribe", since: 0, window: WINDOW }, 1);
  expect(subscribed.acts).toEqual([{ do: "subscribe", since: 0 }, { do: "fill" }]);
  server({ type: "subscribed", since: 0, size: 3, frontier: [] });
  await event(0);
  expect((await client({ type: "ack", index: 2 }, 2)).acts).toEqual([{ do: "fill" }]);
  const request = { entity: "global:main", scope: "minor" };
  const bumped = await client({ type: "bump", id: "release-7", key: "job-1187", request }, 3);
  expect(bumped.acts).toMatchObject([{ do: "bump" }]);
  registry.add(...bumpOf("1.1.0", "1.2.0", JSON.stringify(request)));
  const receipt = await registry.receipt(3);
  server({ type: "receipt", id: "release-7", receipt: receipt as unknown as JsonObject });
  await event(3);
  return lines;
}

test("the session in docs/protocol.md is the one that our code makes", async () => {
  const document = readFileSync(PATH, "utf8");
  const lines = await makeExample();
  await expect(document.replace(BLOCK, `\`\`\`text\n${lines.join("\n")}\n\`\`\``)).toMatchFileSnapshot(PATH);
});

test("it holds by the words of the document alone, with other code", () => {
  const lines = BLOCK.exec(readFileSync(PATH, "utf8"))![1]!.trim().split("\n");
  const texts = lines.map((line) => line.slice(2));
  // biome-ignore lint/suspicious/noExplicitAny: frames of every shape
  const frames: any[] = texts.map((text) => JSON.parse(text));
  expect(lines.map((line) => line[0]).join("")).toBe("SCSCSSCCSS");
  for (const [at, line] of lines.entries()) {
    if (line.startsWith("C")) parseClientFrame(texts[at]!);
    else expect(parseServerFrame(texts[at]!)).not.toBeNull();
  }
  const [challenge, proof, welcome, subscribe, subscribed, replay, ack, bump, receipt, live] = frames;

  const signature = createHmac("sha256", TOKEN_KEY).update(proof.claims).digest();
  const macOf = (key: Buffer, ...words: string[]) =>
    createHmac("sha256", key).update(words.join("\n")).digest("base64url");
  const about = [challenge.registry, challenge.authority, challenge.nonce, proof.nonce];
  expect(proof.mac).toBe(macOf(signature, SUBPROTOCOL, "client", ...about));
  expect(welcome.mac).toBe(macOf(signature, SUBPROTOCOL, "server", ...about));

  const hex = (text: string) => createHash("sha256").update(text).digest("hex");
  const info = hex([SUBPROTOCOL, "session", hex(texts[0]!), proof.nonce, proof.claims].join("\n"));
  const key = Buffer.from(hkdfSync("sha256", signature, challenge.nonce + proof.nonce, info, 32));
  for (const [n, sealed] of [subscribe, ack, bump].entries()) {
    const { mac, ...frame } = sealed;
    expect(frame.n).toBe(n + 1);
    expect(mac).toBe(macOf(key, SUBPROTOCOL, "frame", jcs(frame as Json)));
  }

  const genesis = replay.statements[0];
  const checkNote = noteChecker(genesis.origin, genesis.keys["log-ed25519"].x);
  const tree = new Tree();
  expect(subscribed.frontier).toEqual([]);
  for (const event of [replay, live]) {
    expect(event.from).toBe(tree.size);
    for (const statement of event.statements) tree.push(leafOf(statement));
    const head = checkNote(event.checkpoint);
    expect([head.size, head.root]).toEqual([tree.size, tree.root()]);
    if (event === replay) expect(checkNote(challenge.checkpoint)).toEqual(head);
  }
  checkReceipt(receipt.receipt, checkNote);
  expect(receipt.receipt.statement).toEqual(live.statements[0]);
  expect(receipt.id).toBe(bump.id);
  expect(receipt.receipt.statement.idempotency.request).toBe(hex(JSON.stringify(bump.request)));
});
