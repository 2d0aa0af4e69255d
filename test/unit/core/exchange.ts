/** One request with its signed answer, as both ends see it, and every way to change one thing about it afterwards. */

import { type Bytes, utf8 } from "../../../src/core/bytes.ts";
import { contentDigest } from "../../../src/core/digest.ts";
import { sha256 } from "../../../src/core/hash.ts";
import {
  type AnswerSigner,
  type HttpRequestParts,
  type HttpResponseParts,
  requestParts,
  signAnswer,
} from "../../../src/core/http-signatures.ts";
import { deriveBytes, deriveEd25519, deriveHmacKey, type Ed25519Pair, symmetricKid } from "../../../src/core/keys.ts";
import { SIGNATURE_LIFETIME_S } from "../../../src/core/limits.ts";
import { Secret } from "../../../src/core/secret.ts";

/** What crossed the wire. Header names are lower case. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  readonly sent: Readonly<Record<string, string>>;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The keys that one registry signs its answers with. */
export interface AnswerKeys {
  readonly signers: readonly [hmac: AnswerSigner, ed25519: AnswerSigner];
  readonly hmac: CryptoKey;
  readonly ed25519: Ed25519Pair;
  /** The bytes of the HMAC key, for verifiers that take bytes. */
  readonly hmacBytes: Secret<Bytes>;
}

/** Keys derived from a label, under the labels of the present key or of the one before it. */
export async function answerKeys(label: string, registry = "default", suffix = ""): Promise<AnswerKeys> {
  const master = new Secret(sha256(utf8(label)));
  const ed25519 = await deriveEd25519(master, "response-ed25519", registry);
  const hmac = await deriveHmacKey(master, "response-hmac", registry);
  const keyid = await symmetricKid(master, "response-hmac", registry);
  return {
    signers: [
      { label: `tes-hmac${suffix}`, alg: "hmac-sha256", keyid, key: hmac },
      { label: `tes-ed25519${suffix}`, alg: "ed25519", keyid: ed25519.kid, key: ed25519.privateKey },
    ],
    hmac,
    ed25519,
    hmacBytes: await deriveBytes(master, "response-hmac", registry),
  };
}

export const NONCE = "AAECAwQFBgcICQoLDA0ODw";
const REQUEST_BODY = '{"entity":"global:main","scope":"minor"}';

/** A write as our clients send it, before it is answered. */
export const WRITE: Exchange = {
  method: "POST",
  url: "https://tes.test:8443/v1/default/bump?x=1",
  sent: {
    "content-type": "application/json",
    "content-digest": contentDigest(utf8(REQUEST_BODY)),
    "idempotency-key": "0b9c4d6e-2f1a-4f0e-9a57-5f3f3f0f7f11",
    "tes-nonce": NONCE,
  },
  status: 201,
  headers: {
    "content-type": "application/json",
    "tes-provenance": 'source=env, slot="VERSION_SIGNING_KEY", registry="default", size=7',
  },
  body: '{"version":"1.2.3"}',
};

/** A plain read: no body, no query, no nonce. */
export const READ: Exchange = {
  ...WRITE,
  method: "GET",
  url: "http://127.0.0.1:8787/v1/default",
  sent: {},
  status: 200,
};

export const requestOf = ({ method, url, sent }: Exchange): HttpRequestParts =>
  requestParts(method, new URL(url), (name) => sent[name] ?? null);

export const answerOf = ({ status, headers }: Exchange): HttpResponseParts => ({
  status,
  header: (name) => headers[name] ?? null,
});

/** The exchange with its digest and signatures. `created` in seconds. */
export async function sign(exchange: Exchange, signers: readonly AnswerSigner[], created: number): Promise<Exchange> {
  const headers = { ...exchange.headers, "content-digest": contentDigest(utf8(exchange.body)) };
  const complete = { ...exchange, headers };
  const nonce = exchange.sent["tes-nonce"];
  const signed = await signAnswer(answerOf(complete), requestOf(complete), signers, {
    created,
    expires: created + SIGNATURE_LIFETIME_S,
    ...(nonce === undefined ? {} : { nonce }),
  });
  return { ...complete, headers: { ...headers, ...signed } };
}

export const withHeaders = (exchange: Exchange, headers: Record<string, string>): Exchange => ({
  ...exchange,
  headers: { ...exchange.headers, ...headers },
});

const withSent = (exchange: Exchange, sent: Record<string, string>): Exchange => ({
  ...exchange,
  sent: { ...exchange.sent, ...sent },
});

const withUrl = (exchange: Exchange, part: "host" | "port" | "pathname" | "search", value: string): Exchange => {
  const url = new URL(exchange.url);
  url[part] = value;
  return { ...exchange, url: url.href };
};

/** One change for each component that is covered, for {@link WRITE} signed. */
export const COMPONENT_CHANGES: readonly (readonly [component: string, change: (exchange: Exchange) => Exchange])[] = [
  ["@status", (exchange) => ({ ...exchange, status: 200 })],
  [
    "content-digest",
    (exchange) =>
      withHeaders(
        { ...exchange, body: '{"version":"9.9.9"}' },
        { "content-digest": contentDigest(utf8('{"version":"9.9.9"}')) },
      ),
  ],
  ["content-type", (exchange) => withHeaders(exchange, { "content-type": "application/problem+json" })],
  [
    "tes-provenance",
    (exchange) => withHeaders(exchange, { "tes-provenance": exchange.headers["tes-provenance"]!.replace("=7", "=8") }),
  ],
  ["@method", (exchange) => ({ ...exchange, method: "PUT" })],
  ["@authority", (exchange) => withUrl(exchange, "host", "elsewhere.test:8443")],
  ["@authority", (exchange) => withUrl(exchange, "port", "8444")],
  ["@path", (exchange) => withUrl(exchange, "pathname", "/v1/other/bump")],
  ["@query", (exchange) => withUrl(exchange, "search", "?x=2")],
  ["@query", (exchange) => withUrl(exchange, "search", "")],
  ["content-digest;req", (exchange) => withSent(exchange, { "content-digest": contentDigest(utf8("{}")) })],
  ["idempotency-key;req", (exchange) => withSent(exchange, { "idempotency-key": "another" })],
];

/** One change for each signature parameter, in both signatures at once. */
export const PARAMETER_CHANGES: readonly (readonly [parameter: string, change: (exchange: Exchange) => Exchange])[] = [
  ["created", /;created=(\d+)/g, (at: string) => `;created=${Number(at) - 1}`],
  ["expires", /;expires=(\d+)/g, (at: string) => `;expires=${Number(at) + 3_600}`],
  ["nonce", /;nonce="([^"]*)"/g, () => `;nonce="${NONCE.replace("A", "B")}"`],
  ["tag", /;tag="([^"]*)"/g, () => ';tag="tes-v2"'],
].map(([parameter, pattern, to]) => [
  parameter as string,
  (exchange: Exchange) => inputChanged(exchange, pattern as RegExp, (_, value) => (to as (v: string) => string)(value)),
]);

/** Signature-Input rewritten by a pattern. */
export function inputChanged(
  exchange: Exchange,
  pattern: RegExp,
  to: (match: string, group: string) => string,
): Exchange {
  const before = exchange.headers["signature-input"]!;
  const after = before.replaceAll(pattern, to);
  if (after === before) throw new Error(`${pattern} changes nothing`);
  return withHeaders(exchange, { "signature-input": after });
}
