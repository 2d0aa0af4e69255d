/**
 * Two RFC 9421 libraries that know nothing of TES, as anybody would use them. Neither looks at bodies, so Content-Digest
 * is checked beside them with the platform's SHA-256.
 */

import { component, verifySignature, webcrypto } from "http-message-sig";
import { createVerifier, httpbis } from "http-message-signatures";
import { fromBase64Url, toBase64, utf8 } from "../../src/core/bytes.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import { ask, derived, type Exchange, jsonOf, MASTER } from "./authority.ts";

export const LABELS = ["tes-hmac", "tes-ed25519"] as const;
export type Label = (typeof LABELS)[number];

const ALGORITHMS: Readonly<Record<Label, string>> = { "tes-hmac": "hmac-sha256", "tes-ed25519": "ed25519" };

/** What a verifier is given: the derived HMAC key and the published Ed25519 key, each with its name. */
export interface Keys {
  readonly "tes-hmac": { readonly keyid: string; readonly bytes: Uint8Array<ArrayBuffer> };
  readonly "tes-ed25519": { readonly keyid: string; readonly bytes: Uint8Array<ArrayBuffer> };
}

/** The keys of a registry: one from the master key, the other from what the registry publishes. */
export async function keysOf(
  registry: string,
  { token, master = MASTER }: { token?: string; master?: string } = {},
): Promise<Keys> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const published: { use: string; kid: string; x: string }[] = jsonOf(
    await ask(`/v1/${registry}/keys`, { headers }),
  ).keys;
  const ed25519 = published.find(({ use }) => use === "response-ed25519")!;
  return {
    "tes-hmac": {
      keyid: sha256Hex(await derived(master, `tes/v1/keyid/response-hmac/${registry}`)).slice(0, 16),
      bytes: await derived(master, `tes/v1/response-hmac/${registry}`),
    },
    "tes-ed25519": { keyid: ed25519.kid, bytes: fromBase64Url(ed25519.x)! },
  };
}

/** Resolves when the library accepts the label's signature under the registry's key, and throws otherwise. */
export type Verify = (exchange: Exchange, label: Label, keys: Keys) => Promise<void>;

/** What docs/formats.md says is covered, given what the request sent. */
function coveredBy({ request }: Exchange): { name: string; req: boolean }[] {
  const sent = ["content-digest", "idempotency-key"].filter((name) => name in request.headers);
  return [
    ...["@status", "content-digest", "content-type", "tes-provenance"].map((name) => ({ name, req: false })),
    ...["@method", "@authority", "@path", "@query", ...sent].map((name) => ({ name, req: true })),
  ];
}

const PARAMETERS = ["created", "expires", "keyid", "alg", "tag"];

async function checkDigest({ headers, body }: Exchange): Promise<void> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  if (headers["content-digest"] !== `sha-256=:${toBase64(digest)}:`) throw new Error("The body is not the signed one.");
}

/** SubjectPublicKeyInfo of an Ed25519 key (RFC 8410), the form that Node's crypto reads. */
const pem = (raw: Uint8Array): string => {
  const prefix = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00);
  return `-----BEGIN PUBLIC KEY-----\n${toBase64(new Uint8Array([...prefix, ...raw]))}\n-----END PUBLIC KEY-----\n`;
};

const httpMessageSignatures: Verify = async (exchange, label, keys) => {
  await checkDigest(exchange);
  const { keyid, bytes } = keys[label];
  const alg = ALGORITHMS[label];
  const { request, status, headers } = exchange;
  const accepted = await httpbis.verifyMessage(
    {
      requiredParams: PARAMETERS,
      requiredFields: coveredBy(exchange).map(({ name }) => name),
      // It takes whatever key its caller finds by the signature's parameters; labels mean nothing to it.
      keyLookup: async (named) =>
        named.keyid === keyid
          ? { id: keyid, algs: [alg], verify: createVerifier(label === "tes-hmac" ? bytes : pem(bytes), alg) }
          : null,
    },
    { status, headers: { ...headers } },
    { method: request.method, url: request.url, headers: { ...request.headers } },
  );
  if (accepted !== true) throw new Error(`It says ${accepted}.`);
};

const httpMessageSig: Verify = async (exchange, label, keys) => {
  await checkDigest(exchange);
  const { keyid, bytes } = keys[label];
  const { request, status, headers } = exchange;
  const fields = (of: Readonly<Record<string, string>>) => Object.entries(of).map(([name, value]) => ({ name, value }));
  await verifySignature(
    {
      kind: "response",
      status,
      fields: fields(headers),
      request: { kind: "request", method: request.method, targetUri: request.url, fields: fields(request.headers) },
    },
    {
      label,
      policy: {
        algorithms: [ALGORITHMS[label]],
        requiredComponents: coveredBy(exchange).map(({ name, req }) => component(name, req ? { req } : {})),
        requiredParameters: PARAMETERS,
        validate: ({ parameters }) => parameters.tag === "tes-v1",
      },
      resolveVerifier: async ({ parameters }) => {
        if (parameters.keyid !== keyid) throw new Error("Not a key of this registry.");
        if (label === "tes-ed25519") {
          return webcrypto.verifier(await crypto.subtle.importKey("raw", bytes, "Ed25519", true, ["verify"]));
        }
        const hmac = { name: "HMAC", hash: "SHA-256" };
        const key = await crypto.subtle.importKey("raw", bytes, hmac, false, ["verify"]);
        // The library brings no HMAC of its own; this is its interface for one.
        return {
          algorithm: "hmac-sha256",
          verify: (data, signature) =>
            crypto.subtle.verify("HMAC", key, signature as Uint8Array<ArrayBuffer>, data as Uint8Array<ArrayBuffer>),
        };
      },
    },
  );
};

export const VERIFIERS: Readonly<Record<string, Verify>> = {
  "http-message-signatures": httpMessageSignatures,
  "http-message-sig": httpMessageSig,
};

/** Throws unless both libraries accept both labels. */
export async function expectSigned(exchange: Exchange, keys: Keys): Promise<void> {
  for (const verify of Object.values(VERIFIERS)) {
    for (const label of LABELS) await verify(exchange, label, keys);
  }
}

/** The value of one of an answer's signature parameters, as it stands in Signature-Input under a label. */
export function parameterOf({ headers }: Exchange, label: Label, name: string): string | undefined {
  const input = headers["signature-input"]!.split(", ").find((member) => member.startsWith(`${label}=`));
  const found = new RegExp(`;${name}=("[^"]*"|[0-9]+)`).exec(input ?? "")?.[1];
  return found?.replaceAll('"', "");
}

/** SHA-256 Content-Digest of a text, for bodies that tests put in place of others. */
export async function digestOf(text: string): Promise<string> {
  return `sha-256=:${toBase64(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))))}:`;
}
