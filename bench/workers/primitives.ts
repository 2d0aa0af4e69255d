/** One operation, so many times: `GET /<operation>/<times>`. Ours beside what else there is, on the same runtime. */

import { component, createSignature, verifySignature, webcrypto } from "http-message-sig";
import { httpbis } from "http-message-signatures";
import { fromHex, utf8 } from "../../src/core/bytes.ts";
import { contentDigest } from "../../src/core/digest.ts";
import { sha256, sha256Hex } from "../../src/core/hash.ts";
import { type AnswerSigner, type HttpRequestParts, signAnswer, verifyAnswer } from "../../src/core/http-signatures.ts";
import {
  deriveHmacKey,
  type Ed25519Pair,
  generateMasterKey,
  importEd25519Seed,
  parseMasterKey,
} from "../../src/core/keys.ts";
import { Secret } from "../../src/core/secret.ts";
import { loadSigningKey } from "../../src/worker/signing-key.ts";
import type { Store } from "../../src/worker/store.ts";

type Operation = () => Promise<unknown>;

const URL_TEXT = "http://127.0.0.1:8787/v1/default/entities/component:bench";
const BODY = utf8(JSON.stringify({ entity: "component:bench", version: "1.0.0", strategy: "independent", seq: 1 }));
const HEADERS: Readonly<Record<string, string>> = {
  "content-digest": contentDigest(BODY),
  "content-type": "application/json",
  "tes-provenance": '"env";slot="VERSION_SIGNING_KEY";registry="default";size=2',
};
const REQUEST: HttpRequestParts = {
  method: "GET",
  authority: "127.0.0.1:8787",
  path: "/v1/default/entities/component:bench",
  query: "",
  header: () => null,
};
const COMPONENTS = [
  ...["@status", "content-digest", "content-type", "tes-provenance"].map((name) => ({ name, req: false })),
  ...["@method", "@authority", "@path", "@query"].map((name) => ({ name, req: true })),
];
const LABEL = "tes-ed25519";
const TAG = "tes-v1";
const LIFETIME_S = 300;
const MASTER = sha256Hex(utf8("tes bench key"));
const seconds = (): number => Math.floor(Date.now() / 1_000);

const fieldsOf = (headers: Readonly<Record<string, string>>) =>
  Object.entries(headers).map(([name, value]) => ({ name, value }));

async function signers(pair: Ed25519Pair): Promise<Record<string, Operation>> {
  const { privateKey, kid } = pair;
  const signer: AnswerSigner = { label: LABEL, alg: "ed25519", keyid: kid, key: privateKey };
  const answer = { status: 200, header: (name: string) => HEADERS[name] ?? null };
  const request = { method: "GET", url: URL_TEXT, headers: {} };
  const theirSigner = webcrypto.signer(privateKey);
  const components = COMPONENTS.map(({ name, req }) => component(name, req ? { req } : {}));
  return {
    "sign/tes": () => {
      const created = seconds();
      return signAnswer(answer, REQUEST, [signer], { created, expires: created + LIFETIME_S });
    },
    "sign/http-message-signatures": () => {
      const created = new Date();
      return httpbis.signMessage(
        {
          key: {
            id: kid,
            alg: "ed25519",
            sign: async (data) => Buffer.from(await crypto.subtle.sign("Ed25519", privateKey, data)),
          },
          name: LABEL,
          fields: COMPONENTS.map(({ name, req }) => `"${name}"${req ? ";req" : ""}`),
          params: ["created", "expires", "keyid", "alg", "tag"],
          paramValues: { created, expires: new Date(created.getTime() + 1_000 * LIFETIME_S), tag: TAG },
        },
        { status: 200, headers: { ...HEADERS } },
        request,
      );
    },
    "sign/http-message-sig": () => {
      const created = seconds();
      return createSignature(
        {
          kind: "response",
          status: 200,
          fields: fieldsOf(HEADERS),
          request: { kind: "request", method: "GET", targetUri: URL_TEXT, fields: [] },
        },
        {
          label: LABEL,
          components,
          parameters: { created, expires: created + LIFETIME_S, keyid: kid, alg: "ed25519", tag: TAG },
          signer: theirSigner,
        },
      );
    },
  };
}

async function verifiers(pair: Ed25519Pair): Promise<Record<string, Operation>> {
  const { privateKey, publicKey, kid } = pair;
  const signer: AnswerSigner = { label: LABEL, alg: "ed25519", keyid: kid, key: privateKey };
  const created = seconds();
  const signature = await signAnswer({ status: 200, header: (name) => HEADERS[name] ?? null }, REQUEST, [signer], {
    created,
    expires: created + 3_600,
  });
  const headers: Readonly<Record<string, string>> = { ...HEADERS, ...signature };
  const answer = { status: 200, header: (name: string) => headers[name] ?? null };
  const required = ["created", "expires", "keyid", "alg", "tag"];
  const theirVerifier = webcrypto.verifier(publicKey);
  const components = COMPONENTS.map(({ name, req }) => component(name, req ? { req } : {}));
  return {
    "verify/tes": () => verifyAnswer(answer, REQUEST, { resolveKey: async () => publicKey, now: seconds() }),
    "verify/http-message-signatures": async () => {
      const accepted = await httpbis.verifyMessage(
        {
          requiredParams: required,
          requiredFields: COMPONENTS.map(({ name }) => name),
          keyLookup: async () => ({
            id: kid,
            algs: ["ed25519"],
            verify: (data, bytes) => crypto.subtle.verify("Ed25519", publicKey, bytes, data),
          }),
        },
        { status: 200, headers: { ...headers } },
        { method: "GET", url: URL_TEXT, headers: {} },
      );
      if (accepted !== true) throw new Error("http-message-signatures refuses the answer");
    },
    "verify/http-message-sig": () =>
      verifySignature(
        {
          kind: "response",
          status: 200,
          fields: fieldsOf(headers),
          request: { kind: "request", method: "GET", targetUri: URL_TEXT, fields: [] },
        },
        {
          label: LABEL,
          policy: { algorithms: ["ed25519"], requiredComponents: components, requiredParameters: required },
          resolveVerifier: () => theirVerifier,
        },
      ),
  };
}

async function keys(): Promise<Record<string, Operation>> {
  const bytes = fromHex(MASTER)!;
  const key = await deriveHmacKey(parseMasterKey(MASTER), "response-hmac", "default");
  const bare = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signer: AnswerSigner = { label: "tes-hmac", alg: "hmac-sha256", keyid: "0".repeat(16), key };
  const answer = { status: 200, header: (name: string) => HEADERS[name] ?? null };
  // Nothing is read from storage while the environment has the key.
  const store = { exists: () => false } as Store;
  const env = { VERSION_SIGNING_KEY: MASTER, TES_KEY_FALLBACK: "deny" } as Parameters<typeof loadSigningKey>[0];
  const { record } = await loadSigningKey(env, store, "default", undefined, false);
  const base = sha256(BODY);
  return {
    "hmac/bare": () => crypto.subtle.sign("HMAC", bare, base),
    "hmac/key": () => crypto.subtle.sign("HMAC", key, base),
    "hmac/answer": () => {
      const created = seconds();
      return signAnswer(answer, REQUEST, [signer], { created, expires: created + LIFETIME_S });
    },
    "make/bare": async () => crypto.getRandomValues(new Uint8Array(32)),
    "make/tes": async () => generateMasterKey(),
    "load/bare": () => crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]),
    "load/tes": () => loadSigningKey(env, store, "default", record, false),
  };
}

let operations: Promise<Readonly<Record<string, Operation>>> | undefined;

async function prepare(): Promise<Readonly<Record<string, Operation>>> {
  const pair = await importEd25519Seed(new Secret(sha256(utf8("tes bench signature"))));
  return { ...(await signers(pair)), ...(await verifiers(pair)), ...(await keys()) };
}

export default {
  async fetch(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname.slice(1);
    if (path === "") return new Response("ready");
    operations ??= prepare();
    const [, name, times] = /^([a-z]+\/[a-z0-9-]+)\/(\d+)$/.exec(path) ?? [];
    const operation = (await operations)[name ?? ""];
    if (operation === undefined) return new Response("no such operation", { status: 404 });
    for (let i = 0; i < Number(times); i++) await operation();
    return new Response(times);
  },
};
