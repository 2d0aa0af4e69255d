/** Two verifiers that other people wrote, unmodified, on answers that `signAnswer` signed (docs/formats.md, Signed answer). */

import { createHash, createPublicKey } from "node:crypto";
import { component, SignatureError, verifySignature, webcrypto } from "http-message-sig";
import { createVerifier, httpbis } from "http-message-signatures";
import { beforeAll, describe, expect, test } from "vitest";
import {
  type AnswerKeys,
  answerKeys,
  COMPONENT_CHANGES,
  type Exchange,
  inputChanged,
  PARAMETER_CHANGES,
  READ,
  sign,
  WRITE,
  withHeaders,
} from "./exchange.ts";

/** Both read the clock themselves. */
const NOW = Math.floor(Date.now() / 1000);
const LABELS = ["tes-hmac", "tes-ed25519"] as const;
type Label = (typeof LABELS)[number];

let keys: AnswerKeys;
let signed: Exchange;

beforeAll(async () => {
  keys = await answerKeys("interop");
  signed = await sign(WRITE, keys.signers, NOW);
});

/** Content-Digest is the caller's to check in both packages; this is RFC 9530 by Node's own hash. */
function digestHolds({ headers, body }: Exchange): boolean {
  return headers["content-digest"] === `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
}

/** `http-message-signatures`. Its `all` lets the last label decide alone, so each label is looked up by itself. */
async function byHttpMessageSignatures(exchange: Exchange, label: Label): Promise<boolean> {
  const alg = label === "tes-hmac" ? "hmac-sha256" : "ed25519";
  const key = label === "tes-hmac" ? Buffer.from(keys.hmacBytes.reveal()) : publicKeyObject(keys.ed25519.x);
  const { keyid } = keys.signers[label === "tes-hmac" ? 0 : 1];
  const { method, url, sent, status, headers } = exchange;
  const holds = await httpbis.verifyMessage(
    {
      keyLookup: async (params) =>
        params.alg === alg && params.keyid === keyid
          ? { id: keyid, algs: [alg], verify: createVerifier(key, alg) }
          : null,
      requiredParams: ["created", "expires", "keyid", "alg", "tag"],
      requiredFields: ["@status", "content-digest", "content-type", "tes-provenance", "@method", "@path", "@query"],
    },
    { status, headers: { ...headers } },
    { method, url, headers: { ...sent } },
  );
  return holds === true && digestHolds(exchange);
}

function publicKeyObject(x: string) {
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

/** `http-message-sig`. Its WebCrypto helper knows Ed25519; for HMAC it takes a verifier. */
async function byHttpMessageSig(exchange: Exchange, label: Label): Promise<boolean> {
  const alg = label === "tes-hmac" ? "hmac-sha256" : "ed25519";
  const { keyid } = keys.signers[label === "tes-hmac" ? 0 : 1];
  const hmac = {
    algorithm: "hmac-sha256",
    verify: (data: Uint8Array, signature: Uint8Array) =>
      crypto.subtle.verify("HMAC", keys.hmac, Uint8Array.from(signature), Uint8Array.from(data)),
  };
  const { method, url, sent, status, headers } = exchange;
  const fields = (values: Readonly<Record<string, string>>) =>
    Object.entries(values).map(([name, value]) => ({ name, value }));
  const request = { kind: "request", method, targetUri: url, fields: fields(sent) } as const;
  try {
    const verified = await verifySignature(
      { kind: "response", status, fields: fields(headers), request },
      {
        label,
        policy: {
          algorithms: [alg],
          requiredComponents: [
            "@status",
            "content-digest",
            "content-type",
            "tes-provenance",
            ...["@method", "@authority", "@path", "@query"].map((name) => component(name, { req: true })),
          ],
          requiredParameters: ["created", "expires", "keyid", "alg", "tag"],
          now: NOW,
          validate: ({ parameters }) => parameters.tag === "tes-v1",
        },
        resolveVerifier: ({ parameters }) => {
          if (parameters.keyid !== keyid) throw new Error("another key");
          return label === "tes-hmac" ? hmac : webcrypto.verifier(keys.ed25519.publicKey);
        },
      },
    );
    return verified.label === label && digestHolds(exchange);
  } catch (error) {
    if (error instanceof SignatureError) return false;
    throw error;
  }
}

const VERIFIERS = [
  // It refuses by false, null or an error of several kinds.
  ["http-message-signatures", (e: Exchange, l: Label) => byHttpMessageSignatures(e, l).catch(() => false)],
  ["http-message-sig", byHttpMessageSig],
] as const;

describe.each(VERIFIERS)("%s", (_, accepts) => {
  const cases = LABELS.map((label) => [label] as const);

  test.each(cases)("accepts %s on a write, a read and an error", async (label) => {
    expect(await accepts(signed, label)).toBe(true);
    expect(await accepts(await sign(READ, keys.signers, NOW), label)).toBe(true);
    const problem = { ...READ, status: 404, body: '{"code":"entity_unknown"}' };
    expect(
      await accepts(
        await sign(withHeaders(problem, { "content-type": "application/problem+json" }), keys.signers, NOW),
        label,
      ),
    ).toBe(true);
  });

  test.each(cases)("accepts %s with the keys of a rotation beside it", async (label) => {
    const before = await answerKeys("interop, before", "default", "-prev");
    expect(await accepts(await sign(WRITE, [...keys.signers, ...before.signers], NOW), label)).toBe(true);
  });

  for (const label of LABELS) {
    test.each(COMPONENT_CHANGES)(`rejects ${label} with another %s`, async (_component, change) => {
      expect(await accepts(change(signed), label)).toBe(false);
    });

    test.each(PARAMETER_CHANGES)(`rejects ${label} with another %s`, async (_parameter, change) => {
      expect(await accepts(change(signed), label)).toBe(false);
    });
  }

  test.each(cases)("rejects %s with another body", async (label) => {
    expect(await accepts({ ...signed, body: `${signed.body} ` }, label)).toBe(false);
  });

  test.each(cases)("rejects %s without a component, without the request's headers, and unsigned", async (label) => {
    const fewer = inputChanged(signed, /"@query";req /g, () => "");
    expect(await accepts(fewer, label)).toBe(false);
    expect(await accepts({ ...signed, sent: {} }, label)).toBe(false);
    const { signature: _signature, "signature-input": _input, ...headers } = signed.headers;
    expect(await accepts({ ...signed, headers }, label)).toBe(false);
  });

  test.each(cases)("rejects %s when the labels are swapped", async (label) => {
    const [hmac, ed25519] = signed.headers
      .signature!.split(", ")
      .map((member) => member.slice(member.indexOf("=") + 1));
    const swapped = withHeaders(signed, { signature: `tes-hmac=${ed25519}, tes-ed25519=${hmac}` });
    expect(await accepts(swapped, label)).toBe(false);
  });

  test.each(cases)("rejects %s when it has expired or is of another registry", async (label) => {
    expect(await accepts(await sign(WRITE, keys.signers, NOW - 301), label)).toBe(false);
    const other = await answerKeys("interop", "other");
    expect(await accepts(await sign(WRITE, other.signers, NOW), label)).toBe(false);
  });
});
