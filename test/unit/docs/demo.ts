/**
 * The examples of docs/formats.md, worked out from its words with Node's own cryptography and nothing of src/: what the
 * page shows and what the product does are both held against this.
 */

import { createHash, createHmac, createPrivateKey, createPublicKey, hkdfSync, sign } from "node:crypto";
import { referenceTree } from "../core/rfc6962.ts";

export const sha256 = (...parts: (string | Uint8Array)[]): Buffer => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** RFC 8785 for what the examples hold: objects, lists, texts and small integers. */
export function jcs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jcs).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  // JavaScript's own order of texts is by code unit.
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${jcs(member)}`).join(",")}}`;
}

/** Not secret: anybody can work them out. */
export const DEMO_LABELS = {
  master: "TES demo key",
  recovery: "TES demo recovery key",
  publisher: "TES demo publisher key",
} as const;

export const REGISTRY = "default";
export const ORIGIN = "tes.local/default";
const AT = 1_800_000_000_000;
export const CREATED = 1_800_000_010;

const master = sha256(DEMO_LABELS.master);
const hkdf = (info: string): Buffer => Buffer.from(hkdfSync("sha256", master, "", info, 32));
const derived = (purpose: string): Buffer => hkdf(`tes/v1/${purpose}/${REGISTRY}`);
const symmetricKid = (purpose: string): string =>
  sha256(hkdf(`tes/v1/keyid/${purpose}/${REGISTRY}`))
    .toString("hex")
    .slice(0, 16);

export function ed25519(seed: Uint8Array) {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" }) as { x: string };
  const kid = sha256(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).toString("base64url");
  return { x, kid, sign: (text: string | Uint8Array) => sign(null, Buffer.from(text), key) };
}

export const log = ed25519(derived("log-ed25519"));
const response = ed25519(derived("response-ed25519"));
const recovery = ed25519(sha256(DEMO_LABELS.recovery));

export const TOKEN_ID = "AAECAwQFBgcICQoLDA0ODw";
const IDEMPOTENCY_KEY = "demo-1";
export const REQUEST_BODY = '{"entity":"global:main","scope":"minor"}';
const scope = [TOKEN_ID, "POST", "/v1/default/bump", IDEMPOTENCY_KEY];
const idempotency = { key: sha256(jcs(scope)).toString("hex"), request: sha256(REQUEST_BODY).toString("hex") };

export const envelope = (seq: number, by: string) => ({ v: 1, registry: REGISTRY, seq, at: AT + seq * 1_000, by });
const CHANGES = [{ entity: "global:main", from: "0.1.0", to: "0.2.0" }];
const STATEMENTS = [
  {
    ...envelope(0, "genesis"),
    type: "registry.genesis",
    visibility: "public",
    origin: ORIGIN,
    keys: {
      "log-ed25519": { kid: log.kid, x: log.x },
      "response-ed25519": { kid: response.kid, x: response.x },
      "response-hmac": { kid: symmetricKid("response-hmac") },
      "token-hs256": { kid: symmetricKid("token-hs256") },
    },
    recovery: { kid: recovery.kid, x: recovery.x },
  },
  {
    ...envelope(1, TOKEN_ID),
    type: "entity.declared",
    entity: "global:main",
    version: "0.1.0",
    strategy: "independent",
    parent: null,
    files: [{ path: "package.json" }],
  },
  {
    ...envelope(2, TOKEN_ID),
    type: "version.bumped",
    idempotency,
    entity: "global:main",
    scope: "minor",
    changes: CHANGES,
  },
];

export const texts = STATEMENTS.map(jcs);
const tree = referenceTree(texts.map((text) => Buffer.from(text)));
export const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
const leaf = (text: string): string => sha256(Uint8Array.of(0), text).toString("hex");

export function checkpoint(size: number, of: typeof tree = tree): string {
  const text = `${ORIGIN}\n${size}\n${base64(of.root(size))}\n`;
  const keyHash = sha256(`${ORIGIN}\n`, Uint8Array.of(1), Buffer.from(log.x, "base64url")).subarray(0, 4);
  return `${text}\n— ${ORIGIN} ${base64(Buffer.concat([keyHash, log.sign(text)]))}\n`;
}

const receipt = {
  statement: STATEMENTS[2],
  inclusion: { index: 2, size: 3, proof: tree.inclusion(2, 3).map(base64) },
  checkpoint: checkpoint(3),
};

const b64url = (text: string): string => Buffer.from(text).toString("base64url");
const tokenHeader = `{"alg":"HS256","typ":"tes-token+jwt","kid":"${symmetricKid("token-hs256")}"}`;
const tokenClaims = `{"aud":"tes:default","jti":"${TOKEN_ID}","iat":1800000000,"exp":1800003600,"scope":["bump:*"]}`;
const tokenInput = `${b64url(tokenHeader)}.${b64url(tokenClaims)}`;
const tokenMac = createHmac("sha256", derived("token-hs256")).update(tokenInput).digest("base64url");

const sessionText = `{"sid":"EBESExQVFhcYGRobHB0eHw","exp":1800000900000,"token":${tokenClaims}}`;
const sessionMac = createHmac("sha256", derived("session")).update(b64url(sessionText)).digest("base64url");
const csrf = createHmac("sha256", derived("csrf")).update("tes-csrf-v1\nEBESExQVFhcYGRobHB0eHw").digest("base64url");

/** The answer to the bump, and the request it answers. */
export const ANSWER_BODY = JSON.stringify({
  dryRun: false,
  entity: "global:main",
  scope: "minor",
  changes: CHANGES,
  receipt,
});
const contentDigest = (text: string): string => `sha-256=:${base64(sha256(text))}:`;
export const REQUEST = {
  method: "POST",
  url: "https://tes.example/v1/default/bump",
  headers: {
    "content-digest": contentDigest(REQUEST_BODY),
    "idempotency-key": IDEMPOTENCY_KEY,
    "tes-nonce": "EBESExQVFhcYGRobHB0eHw",
  },
} as const;
export const ANSWER = {
  status: 200,
  headers: {
    "content-digest": contentDigest(ANSWER_BODY),
    "content-type": "application/json",
    "tes-provenance": 'source=env, slot="VERSION_SIGNING_KEY", registry="default", size=3',
  },
} as const;

const components =
  '("@status" "content-digest" "content-type" "tes-provenance" "@method";req "@authority";req "@path";req "@query";req ' +
  '"content-digest";req "idempotency-key";req)';
const inputOf = (keyid: string, alg: string): string =>
  `${components};created=${CREATED};expires=${CREATED + 300};nonce="${REQUEST.headers["tes-nonce"]}"` +
  `;keyid="${keyid}";alg="${alg}";tag="tes-v1"`;
const baseOf = (input: string): string =>
  [
    `"@status": ${ANSWER.status}`,
    `"content-digest": ${ANSWER.headers["content-digest"]}`,
    `"content-type": ${ANSWER.headers["content-type"]}`,
    `"tes-provenance": ${ANSWER.headers["tes-provenance"]}`,
    `"@method";req: ${REQUEST.method}`,
    `"@authority";req: tes.example`,
    `"@path";req: /v1/default/bump`,
    `"@query";req: ?`,
    `"content-digest";req: ${REQUEST.headers["content-digest"]}`,
    `"idempotency-key";req: ${REQUEST.headers["idempotency-key"]}`,
    `"@signature-params": ${input}`,
  ].join("\n");
const inputs = {
  "tes-hmac": inputOf(symmetricKid("response-hmac"), "hmac-sha256"),
  "tes-ed25519": inputOf(response.kid, "ed25519"),
};
const signatures = {
  "tes-hmac": createHmac("sha256", derived("response-hmac")).update(baseOf(inputs["tes-hmac"])).digest("base64"),
  "tes-ed25519": base64(response.sign(baseOf(inputs["tes-ed25519"]))),
};

export const lines = (...all: string[]): string => all.map((line) => `${line}\n`).join("");
export const fields = (all: Readonly<Record<string, string>>): string =>
  lines(...Object.entries(all).map(([name, value]) => `${name}: ${value}`));

/** Every example by its name, as it stands in its block. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  "demo-idempotency": lines(jcs(scope), idempotency.key, REQUEST_BODY, idempotency.request),
  "demo-statement-0": lines(texts[0]!),
  "demo-statement-1": lines(texts[1]!),
  "demo-statement-2": lines(texts[2]!),
  "demo-leaves": lines(...texts.map((text, i) => `leaf ${i}  ${Buffer.byteLength(text)} bytes  ${leaf(text)}`)),
  "demo-root": lines(Buffer.from(tree.root(3)).toString("hex")),
  "demo-checkpoint": checkpoint(3),
  "demo-receipt": lines(JSON.stringify(receipt, null, 2)),
  "demo-keys": fields({
    "log-ed25519 info": `tes/v1/log-ed25519/${REGISTRY}`,
    "log-ed25519 x": log.x,
    "log-ed25519 kid": log.kid,
    "response-ed25519 info": `tes/v1/response-ed25519/${REGISTRY}`,
    "response-ed25519 x": response.x,
    "response-ed25519 kid": response.kid,
    "response-hmac kid info": `tes/v1/keyid/response-hmac/${REGISTRY}`,
    "response-hmac kid": symmetricKid("response-hmac"),
    "token-hs256 kid": symmetricKid("token-hs256"),
    "recovery x": recovery.x,
    "recovery kid": recovery.kid,
  }),
  "demo-token": lines(tokenHeader, b64url(tokenHeader), tokenClaims, tokenMac),
  "demo-session": lines(sessionText, `${b64url(sessionText)}.${sessionMac}`, csrf),
  "demo-answer": fields({
    ...ANSWER.headers,
    "signature-input": Object.entries(inputs)
      .map(([label, input]) => `${label}=${input}`)
      .join(", "),
    signature: Object.entries(signatures)
      .map(([label, signature]) => `${label}=:${signature}:`)
      .join(", "),
  }),
  "demo-request": `${REQUEST.method} ${REQUEST.url}\n${fields(REQUEST.headers)}\n${REQUEST_BODY}\n`,
  "demo-signature-base": lines(baseOf(inputs["tes-ed25519"])),
};
