/** Answers of an authority, believed only after our client's checks. */

import { randomBytes } from "node:crypto";
import { parseJson, requestParts, type Trust, verifyKeys, verifyResponse } from "../../../src/client/index.ts";
import { verifyAnswer } from "../../../src/core/http-signatures.ts";
import { derive } from "./keys.ts";

export interface SignedAnswer {
  readonly status: number;
  readonly json: Record<string, unknown>;
  /** `keyid` of each label. */
  readonly keyids: Readonly<Record<string, string>>;
  readonly source: string;
  readonly slot: string;
  /** Checks the `tes-hmac` signature too, which only the holder of a master key can. @throws TesError */
  verifyHmac(masterHex: string): Promise<void>;
}

/** The keys of the registry, checked by themselves. */
export async function trustOf(url: string): Promise<Trust> {
  const body = await (await fetch(`${url}/v1/default/keys`)).bytes();
  return verifyKeys(parseJson(body), { registry: "default" });
}

/** Asks and checks the answer against a key chain. @throws TesError for an answer that nothing proves */
export async function askSigned(url: string, path: string, trust: Trust): Promise<SignedAnswer> {
  const target = new URL(path, url);
  // With a nonce the object answers: the Worker's memory may be a second behind what was just written.
  const nonce = randomBytes(16).toString("base64url");
  const response = await fetch(target, { headers: { "tes-nonce": nonce } });
  const answer = {
    status: response.status,
    header: (name: string) => response.headers.get(name),
    body: await response.bytes(),
  };
  const request = requestParts("GET", target, (name) => (name === "tes-nonce" ? nonce : null));
  const { provenance } = await verifyResponse(answer, request, trust, Date.now());
  const input = response.headers.get("signature-input")!;
  const keyids = Object.fromEntries(
    [...input.matchAll(/(tes-[a-z0-9-]+)=\([^)]*\)[^,]*?;keyid="([^"]+)"/g)].map(([, label, keyid]) => [label, keyid!]),
  );
  return {
    status: answer.status,
    json: parseJson(answer.body) as Record<string, unknown>,
    keyids,
    source: provenance.source,
    slot: provenance.slot,
    async verifyHmac(masterHex) {
      const hmac = { name: "HMAC", hash: "SHA-256" };
      const raw = new Uint8Array(derive(masterHex, "response-hmac"));
      const key = await crypto.subtle.importKey("raw", raw, hmac, false, ["verify"]);
      await verifyAnswer(answer, request, {
        label: "tes-hmac",
        resolveKey: async () => key,
        now: Math.floor(Date.now() / 1000),
      });
    },
  };
}
