/** The key proof: who holds the master sees that the Worker holds it; nobody else learns anything, and nothing is written. */

import { reset } from "cloudflare:test";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { fromBase64Url, toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { parseMasterKey } from "../../src/core/keys.ts";
import { verifyKeyProof } from "../../src/protocol/key-proof.ts";
import {
  ask,
  codeOf,
  configure,
  derived,
  type Exchange,
  isSigned,
  jsonOf,
  masterOf,
  openRegistry,
  RECOVERY,
  randomKey,
  restart,
  rowsOf,
} from "./authority.ts";
import { expectSigned, keysOf } from "./verifiers.ts";

const OURS = masterOf("proved");
const OTHER = masterOf("not proved");
const NOTHING = {
  VERSION_SIGNING_KEY: undefined,
  VERSION_SIGNING_KEY_V2: undefined,
  TES_KEY_FALLBACK: undefined,
  TES_GENESIS: "auto",
};

const proof = (nonce: string, registry = "default", asking?: Parameters<typeof ask>[1]): Promise<Exchange> =>
  ask(`/v1/${registry}/key-proof?nonce=${nonce}`, asking);
const asked = (nonce: string, registry = "default") => ({ registry, authority: "tes.test", nonce });
const check = (answer: Exchange, master: string, nonce: string) =>
  verifyKeyProof(jsonOf(answer), parseMasterKey(master), asked(nonce));

async function start(bindings: Parameters<typeof configure>[0]): Promise<void> {
  // Awake, so that there is something to end: an object reads its bindings when it starts.
  await proof(randomKey());
  configure({ ...NOTHING, ...bindings });
  await restart("default");
}

beforeEach(() => configure({ ...NOTHING, TES_GENESIS: undefined }));
afterEach(async () => {
  configure(NOTHING);
  await reset();
});

test("the bytes are those of docs/formats.md, checked with nothing of src/", async () => {
  await start({ VERSION_SIGNING_KEY: OURS });
  const nonce = randomKey();
  const answer = await proof(nonce);
  const { genesis, announced, proofs, ...rest } = jsonOf(answer);
  expect(rest).toEqual(asked(nonce));
  const key = await crypto.subtle.importKey(
    "raw",
    await derived(OURS, "tes/v1/key-proof/default"),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  const lines = ["tes-key-proof-v1", "default", "tes.test", nonce, genesis, announced, "VERSION_SIGNING_KEY", "env"];
  const mac = toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(lines.join("\n")))));
  expect(proofs).toEqual([{ slot: "VERSION_SIGNING_KEY", source: "env", kid: announced, mac }]);
  await expectSigned(answer, await keysOf("default", { master: OURS }));
});

test("before the genesis the default registry proves its key, unsigned, and stores nothing", async () => {
  await start({ VERSION_SIGNING_KEY: OURS, TES_GENESIS: undefined, TES_KEY_FALLBACK: "deny" });
  const nonce = randomKey();
  const answer = await proof(nonce);
  expect([answer.status, isSigned(answer)]).toEqual([200, false]);
  expect(jsonOf(answer)).toMatchObject({ genesis: null, announced: null });
  await check(answer, OURS, nonce);
  await expect(check(answer, OTHER, nonce)).rejects.toMatchObject({ code: "key_proof_failed" });
  expect(await rowsOf("default")).toEqual({});
  // Any other name is as unknown as before.
  expect(codeOf(await proof(randomKey(), "elsewhere"))).toBe("registry_unknown");
  expect(await rowsOf("elsewhere")).toEqual({});
});

test("no key, a malformed one, the public one, and one that the log does not name: each its own code", async () => {
  await start({ TES_GENESIS: undefined, TES_KEY_FALLBACK: "deny" });
  expect(codeOf(await proof(randomKey()))).toBe("signing_key_missing");
  expect(jsonOf(await proof(randomKey())).facts).toBeUndefined();
  await start({ TES_GENESIS: undefined, VERSION_SIGNING_KEY: OURS.slice(1) });
  expect(jsonOf(await proof(randomKey()))).toMatchObject({
    code: "signing_key_missing",
    facts: { refused: "key_format", slot: "VERSION_SIGNING_KEY" },
  });
  const publicKey = inject("publicKey");
  if (publicKey !== null) {
    await start({ TES_GENESIS: undefined, VERSION_SIGNING_KEY: publicKey });
    expect(jsonOf(await proof(randomKey()))).toMatchObject({
      code: "signing_key_missing",
      facts: { refused: "key_public" },
    });
  }
  await start({ VERSION_SIGNING_KEY: OURS });
  await ask("/v1/default");
  await start({ VERSION_SIGNING_KEY: OTHER });
  expect(codeOf(await proof(randomKey()))).toBe("signing_key_mismatch");
});

test("both slots are shown, so that a new key is seen to have arrived before it is announced", async () => {
  await start({ VERSION_SIGNING_KEY: OURS });
  await ask("/v1/default");
  await start({ VERSION_SIGNING_KEY: OURS, VERSION_SIGNING_KEY_V2: OTHER });
  const nonce = randomKey();
  const answer = await proof(nonce);
  const ours = await check(answer, OURS, nonce);
  const other = await check(answer, OTHER, nonce);
  expect(ours.proof.kid).toBe(ours.answer.announced);
  expect(other.proof).toMatchObject({ slot: "VERSION_SIGNING_KEY_V2", source: "env" });
  expect(other.proof.kid).not.toBe(ours.answer.announced);
});

test("a proof is for one registry, one name and one nonce", async () => {
  await start({ VERSION_SIGNING_KEY: OURS });
  const nonce = randomKey();
  const json = jsonOf(await proof(nonce));
  const master = parseMasterKey(OURS);
  for (const change of [{ registry: "other" }, { authority: "tes.example" }, { nonce: randomKey() }]) {
    // Refused as it is, and refused when somebody rewrote the answer to fit.
    const other = { ...asked(nonce), ...change };
    await expect(verifyKeyProof(json, master, other)).rejects.toMatchObject({ code: "key_proof_failed" });
    await expect(verifyKeyProof({ ...json, ...change }, master, other)).rejects.toMatchObject({
      code: "key_proof_failed",
    });
  }
  for (const change of [{ genesis: null }, { announced: RECOVERY }, { proofs: [] }]) {
    await expect(verifyKeyProof({ ...json, ...change }, master, asked(nonce))).rejects.toMatchObject({
      code: "key_proof_failed",
    });
  }
  const [only] = json.proofs;
  const mac = fromBase64Url(only.mac)!;
  mac[31]! ^= 1;
  const forged = { ...json, proofs: [{ ...only, mac: toBase64Url(mac) }] };
  await expect(verifyKeyProof(forged, master, asked(nonce))).rejects.toMatchObject({ code: "key_proof_failed" });
});

test("it takes a nonce, GET and HEAD, and no token, on a private registry too", async () => {
  await start({ VERSION_SIGNING_KEY: OURS });
  const at = "/v1/default/key-proof";
  expect(codeOf(await ask(at))).toBe("nonce_invalid");
  expect(codeOf(await proof("short"))).toBe("nonce_invalid");
  expect(codeOf(await ask(`${at}?nonce=${randomKey()}&x=1`))).toBe("query_unknown");
  const posted = await ask(`${at}?nonce=${randomKey()}`, { method: "POST", body: "{}" });
  expect([codeOf(posted), posted.headers.allow]).toEqual(["method_not_allowed", "GET, HEAD"]);
  expect(isSigned(posted)).toBe(true);
  expect((await proof(randomKey(), "default", { method: "HEAD" })).status).toBe(200);
  await ask("/v1/default");
  configure({ VERSION_SIGNING_KEY: masterOf("the key in place") });
  await openRegistry("hidden", "private");
  expect((await proof(randomKey(), "hidden")).status).toBe(200);
});
