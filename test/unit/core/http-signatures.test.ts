import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { SIGNATURE_TAG, type SignatureAlgorithm } from "../../../src/core/answer-coverage.ts";
import { utf8 } from "../../../src/core/bytes.ts";
import type { ErrorCode } from "../../../src/core/errors.ts";
import {
  signAnswer,
  type VerifyAnswerOptions,
  verifyAnswer,
  verifyAnswerContent,
} from "../../../src/core/http-signatures.ts";
import { CLOCK_SKEW_S, SIGNATURE_LIFETIME_S } from "../../../src/core/limits.ts";
import { parseDictionary } from "../../../src/core/structured-fields.ts";
import {
  type AnswerKeys,
  answerKeys,
  answerOf,
  COMPONENT_CHANGES,
  type Exchange,
  inputChanged,
  NONCE,
  PARAMETER_CHANGES,
  READ,
  requestOf,
  sign,
  WRITE,
  withHeaders,
} from "./exchange.ts";
import { refusalOf, rejectionOf } from "./refusal.ts";

const NOW = 1_800_000_000;
const LABELS = ["tes-hmac", "tes-ed25519"] as const;

let keys: AnswerKeys;
let signed: Exchange;

beforeAll(async () => {
  keys = await answerKeys("http-signatures");
  signed = await sign(WRITE, keys.signers, NOW);
});

const resolverOf =
  ({ signers, hmac, ed25519 }: AnswerKeys) =>
  async (keyid: string, alg: SignatureAlgorithm): Promise<CryptoKey | null> =>
    signers.some((signer) => signer.keyid === keyid && signer.alg === alg)
      ? alg === "ed25519"
        ? ed25519.publicKey
        : hmac
      : null;

const verify = (exchange: Exchange, options: Partial<VerifyAnswerOptions> = {}) =>
  verifyAnswer(answerOf(exchange), requestOf(exchange), { resolveKey: resolverOf(keys), now: NOW, ...options });

const refusal = (exchange: Exchange, options: Partial<VerifyAnswerOptions> = {}) =>
  rejectionOf(verify(exchange, options));

describe.each(LABELS)("%s", (label) => {
  test("verifies, and says what it covers", async () => {
    expect(await verify(signed, { label })).toEqual({
      label,
      alg: label === "tes-hmac" ? "hmac-sha256" : "ed25519",
      keyid: keys.signers[label === "tes-hmac" ? 0 : 1].keyid,
      created: NOW,
      expires: NOW + SIGNATURE_LIFETIME_S,
      nonce: NONCE,
      components: [
        '"@status"',
        '"content-digest"',
        '"content-type"',
        '"tes-provenance"',
        '"@method";req',
        '"@authority";req',
        '"@path";req',
        '"@query";req',
        '"content-digest";req',
        '"idempotency-key";req',
      ],
    });
  });

  test("verifies an answer to a read, which has neither digest nor key nor nonce", async () => {
    const read = await sign(READ, keys.signers, NOW);
    const { nonce, components } = await verify(read, { label });
    expect(nonce).toBeNull();
    expect(components).toHaveLength(8);
  });

  test.each(COMPONENT_CHANGES)("is refused with another %s", async (_, change) => {
    expect(await refusal(change(signed), { label })).toBe("signature_invalid");
  });

  test.each(PARAMETER_CHANGES)("is refused with another %s", async (parameter, change) => {
    const code: ErrorCode = parameter === "tag" ? "signature_malformed" : "signature_invalid";
    expect(await refusal(change(signed), { label })).toBe(code);
  });

  test("is refused when a bit of the signature is flipped", async () => {
    const { signature } = signed.headers;
    const at = signature!.indexOf(`${label}=:`) + label.length + 6;
    const other = signature![at] === "A" ? "B" : "A";
    const flipped = withHeaders(signed, { signature: signature!.slice(0, at) + other + signature!.slice(at + 1) });
    expect(await refusal(flipped, { label })).toBe("signature_invalid");
  });

  test("is refused as another registry's, of the same master key", async () => {
    const other = await sign(WRITE, (await answerKeys("http-signatures", "other")).signers, NOW);
    expect(await refusal(other, { label })).toBe("key_unknown");
  });

  test("is refused when a key of the wrong algorithm is found for it", async () => {
    const wrong = label === "tes-hmac" ? keys.ed25519.publicKey : keys.hmac;
    expect(await refusal(signed, { label, resolveKey: async () => wrong })).toBe("key_unknown");
  });

  test("is refused when its key id is another's", async () => {
    const keyid = keys.signers[label === "tes-hmac" ? 0 : 1].keyid;
    const renamed = inputChanged(signed, new RegExp(keyid, "g"), () => "0000000000000000");
    expect(await refusal(renamed, { label })).toBe("key_unknown");
    const only = label === "tes-hmac" ? keys.hmac : keys.ed25519.publicKey;
    expect(await refusal(renamed, { label, resolveKey: async () => only })).toBe("signature_invalid");
  });

  test.each<[string, (list: string) => string]>([
    ["without one of them", (list) => list.replace('"@query";req ', "")],
    ["without the last of them", (list) => list.replace(' "idempotency-key";req', "")],
    ["with one more", (list) => list.replace(")", ' "date")')],
    ["with one twice", (list) => list.replace(")", ' "@status")')],
    ["in another order", (list) => list.replace('"@path";req "@query";req', '"@query";req "@path";req')],
    [
      "with the response's own instead of the request's",
      (list) => list.replace('"content-digest";req', '"content-digest"'),
    ],
    ["with a parameter more", (list) => list.replace('"@status"', '"@status";sf')],
    ["with none", () => "()"],
  ])("is refused with the components %s", async (_, change) => {
    const changed = inputChanged(signed, /\([^)]*\)/g, change);
    expect(await refusal(changed, { label })).toBe("signature_malformed");
  });

  test.each(["created", "expires", "keyid", "alg", "tag"])("is refused without %s", async (parameter) => {
    const without = inputChanged(signed, new RegExp(`;${parameter}=("[^"]*"|\\d+)`, "g"), () => "");
    expect(await refusal(without, { label })).toBe("signature_malformed");
  });

  test.each(["created", "expires", "nonce", "keyid", "alg", "tag"])(
    "is refused when %s is a token",
    async (parameter) => {
      const retyped = inputChanged(signed, new RegExp(`;${parameter}=("[^"]*"|\\d+)`, "g"), () => `;${parameter}=a`);
      expect(await refusal(retyped, { label })).toBe("signature_malformed");
    },
  );
});

describe("labels", () => {
  const renamed = (exchange: Exchange, from: string, to: string): Exchange =>
    withHeaders(exchange, {
      "signature-input": exchange.headers["signature-input"]!.replace(`${from}=`, `${to}=`),
      signature: exchange.headers.signature!.replace(`${from}=`, `${to}=`),
    });

  test("swapped are refused: each says its own algorithm", async () => {
    const swapped = renamed(renamed(renamed(signed, "tes-hmac", "x"), "tes-ed25519", "tes-hmac"), "x", "tes-ed25519");
    for (const label of LABELS) expect(await refusal(swapped, { label })).toBe("signature_malformed");
  });

  test("with their signatures alone swapped are refused", async () => {
    const values = parseDictionary(signed.headers.signature!);
    expect([...values.keys()]).toEqual(LABELS);
    const [hmac, ed25519] = signed.headers
      .signature!.split(", ")
      .map((member) => member.slice(member.indexOf("=") + 1));
    const swapped = withHeaders(signed, { signature: `tes-hmac=${ed25519}, tes-ed25519=${hmac}` });
    for (const label of LABELS) expect(await refusal(swapped, { label })).toBe("signature_invalid");
  });

  test("that claim another algorithm are refused before any key is looked for", async () => {
    const confused = inputChanged(signed, /alg="ed25519"/g, () => 'alg="hmac-sha256"');
    const resolveKey = () => expect.unreachable();
    expect(await refusal(confused, { resolveKey })).toBe("signature_malformed");
    const foreign = inputChanged(signed, /alg="ed25519"/g, () => 'alg="rsa-pss-sha512"');
    expect(await refusal(foreign, { resolveKey })).toBe("signature_malformed");
  });

  test("of the key before stand beside those of the present one, each for its own key", async () => {
    const before = await answerKeys("the key before", "default", "-prev");
    const both = await sign(WRITE, [...keys.signers, ...before.signers], NOW);
    for (const label of LABELS) {
      expect((await verify(both, { label })).label).toBe(label);
      expect(await refusal(both, { label: `${label}-prev` })).toBe("key_unknown");
      const verified = await verify(both, { label: `${label}-prev`, resolveKey: resolverOf(before) });
      expect(verified.keyid).toBe(before.signers[label === "tes-hmac" ? 0 : 1].keyid);
    }
  });

  test.each<[string, (exchange: Exchange) => Record<string, string | undefined>, ErrorCode]>([
    ["no signature at all", () => ({ signature: undefined, "signature-input": undefined }), "answer_unsigned"],
    [
      "another's signature only",
      () => ({ signature: "proxy=:AA==:", "signature-input": 'proxy=("@status")' }),
      "answer_unsigned",
    ],
    ["a signature without its input", () => ({ "signature-input": undefined }), "signature_malformed"],
    ["an input without its signature", () => ({ signature: undefined }), "signature_malformed"],
    ["a signature that is text", () => ({ signature: 'tes-ed25519="AA=="' }), "signature_malformed"],
    ["a signature that is a list", () => ({ signature: "tes-ed25519=(:AA==:)" }), "signature_malformed"],
    ["an input that is no list", () => ({ "signature-input": "tes-ed25519=1" }), "signature_malformed"],
    ["fields that cannot be read", () => ({ signature: "((" }), "signature_malformed"],
    [
      "the label twice",
      ({ headers }) => ({ signature: `${headers.signature}, ${headers.signature}` }),
      "signature_malformed",
    ],
  ])("%s", async (_, change, code) => {
    const headers = Object.entries({ ...signed.headers, ...change(signed) });
    const kept = headers.filter((entry): entry is [string, string] => entry[1] !== undefined);
    expect(await refusal({ ...signed, headers: Object.fromEntries(kept) })).toBe(code);
  });

  test("of others beside ours do no harm", async () => {
    const beside = withHeaders(signed, {
      signature: `proxy=:AA==:, ${signed.headers.signature}`,
      "signature-input": `proxy=("@status");created=1, ${signed.headers["signature-input"]}`,
    });
    expect((await verify(beside)).label).toBe("tes-ed25519");
  });
});

describe("time", () => {
  test.each([
    ["made just now", 0, "accepted"],
    ["made as far in the future as clocks may differ", CLOCK_SKEW_S, "accepted"],
    ["made a second further in the future", CLOCK_SKEW_S + 1, "answer_expired"],
    ["in the last second of its life", -SIGNATURE_LIFETIME_S, "accepted"],
    ["as old as clocks may differ", -SIGNATURE_LIFETIME_S - CLOCK_SKEW_S, "accepted"],
    ["a second older", -SIGNATURE_LIFETIME_S - CLOCK_SKEW_S - 1, "answer_expired"],
  ])("an answer %s", async (_, offset, expected) => {
    for (const label of LABELS) {
      expect(await refusal(await sign(WRITE, keys.signers, NOW + offset), { label })).toBe(expected);
    }
  });

  test("a clock that is trusted leaves no room", async () => {
    const ahead = await sign(WRITE, keys.signers, NOW + 1);
    expect(await refusal(ahead, { skewSeconds: 1 })).toBe("accepted");
    expect(await refusal(ahead, { skewSeconds: 0 })).toBe("answer_expired");
  });

  test.each([
    [-1, "answer_expired"],
    [0, "accepted"],
  ])("an answer that ends %d s after it begins: %s, whatever the skew", async (life, expected) => {
    const times = { created: NOW, expires: NOW + life, nonce: NONCE };
    const made = await signAnswer(answerOf(signed), requestOf(signed), keys.signers, times);
    expect(await refusal({ ...signed, headers: { ...signed.headers, ...made } })).toBe(expected);
  });

  test.each([1.5, Number.NaN, 2 ** 53])("%d is no second to sign with", async (created) => {
    const attempt = signAnswer(answerOf(signed), requestOf(signed), keys.signers, { created, expires: NOW });
    expect(await rejectionOf(attempt)).toBe("signature_malformed");
  });

  test("a signature is checked before its time: a forged one never learns that it is only late", async () => {
    const late = inputChanged(signed, /;expires=\d+/g, () => `;expires=${NOW - 10_000}`);
    expect(await refusal(late)).toBe("signature_invalid");
  });
});

describe("nonce", () => {
  test("the request's own is expected, and no answer without it or with another passes", async () => {
    const plain = { ...WRITE, sent: { ...WRITE.sent, "tes-nonce": "" } };
    const { "tes-nonce": _, ...sent } = plain.sent;
    const without = await sign({ ...WRITE, sent }, keys.signers, NOW);
    expect(await refusal(without)).toBe("accepted");
    expect(await refusal({ ...without, sent: WRITE.sent })).toBe("signature_invalid");
    const replayed = { ...signed, sent: { ...WRITE.sent, "tes-nonce": NONCE.replace("A", "B") } };
    expect(await refusal(replayed)).toBe("signature_invalid");
  });

  test("one given by hand counts instead of the request's", async () => {
    expect(await refusal(signed, { nonce: NONCE })).toBe("accepted");
    expect(await refusal(signed, { nonce: "other" })).toBe("signature_invalid");
  });
});

describe("tag", () => {
  test("of another protocol is refused, unless it is the one asked for", async () => {
    expect(SIGNATURE_TAG).toBe("tes-v1");
    expect(await refusal(signed, { tag: "tes-v2" })).toBe("signature_malformed");
    expect(await refusal(signed, { tag: "tes-v1" })).toBe("accepted");
  });
});

describe("coverage follows what the request sent", () => {
  test.each([
    ["neither", {}, ["@query"]],
    ["a digest", { "content-digest": "sha-256=:AA==:" }, ["@query", "content-digest"]],
    ["a key", { "idempotency-key": "k" }, ["@query", "idempotency-key"]],
    [
      "both",
      { "idempotency-key": "k", "content-digest": "sha-256=:AA==:" },
      ["@query", "content-digest", "idempotency-key"],
    ],
  ])("%s", async (_, sent, last) => {
    const exchange = await sign({ ...READ, sent }, keys.signers, NOW);
    const { components } = await verify(exchange);
    expect(components.slice(7)).toEqual(last.map((name) => `"${name}";req`));
  });

  test("an answer made for a request without them does not pass for one with them, nor the other way round", async () => {
    const bare = await sign({ ...WRITE, sent: {} }, keys.signers, NOW);
    for (const name of ["content-digest", "idempotency-key"]) {
      expect(await refusal({ ...bare, sent: { [name]: WRITE.sent[name]! } })).toBe("signature_malformed");
      const { [name]: _, ...sent } = WRITE.sent;
      expect(await refusal({ ...signed, sent })).toBe("signature_malformed");
    }
  });

  test.each(["content-digest", "content-type", "tes-provenance"])(
    "no answer is signed without its %s",
    async (name) => {
      const header = (asked: string) => (asked === name ? null : (signed.headers[asked] ?? null));
      const times = { created: NOW, expires: NOW };
      expect(await rejectionOf(signAnswer({ status: 200, header }, requestOf(WRITE), keys.signers, times))).toBe(
        "signature_malformed",
      );
    },
  );

  test("no answer is signed over a line break: it would forge further lines", async () => {
    for (const value of ["a\nb", "a\rb", "a\0b", '1\n"@method": GET']) {
      const header = (name: string) => (name === "content-type" ? value : (signed.headers[name] ?? null));
      const times = { created: NOW, expires: NOW };
      expect(await rejectionOf(signAnswer({ status: 200, header }, requestOf(WRITE), keys.signers, times))).toBe(
        "signature_malformed",
      );
    }
  });
});

test("any request and answer that can be signed verifies, and not for another key, path or body", async () => {
  const ascii = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/);
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        method: fc.constantFrom("GET", "POST", "DELETE"),
        path: fc.webPath(),
        query: fc.option(fc.webQueryParameters(), { nil: undefined }),
        status: fc.integer({ min: 100, max: 599 }),
        body: fc.string({ maxLength: 40 }),
        type: ascii,
        key: fc.option(
          fc.string({ unit: "binary", maxLength: 12 }).filter((text) => !/[\r\n\0]/.test(text)),
          {
            nil: undefined,
          },
        ),
      }),
      async ({ method, path, query, status, body, type, key }) => {
        const url = `https://tes.test/${path.replace(/^\/+/, "")}${query === undefined ? "" : `?${query}`}`;
        const sent: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
        const exchange: Exchange = {
          method,
          url,
          sent,
          status,
          body,
          headers: { ...WRITE.headers, "content-type": type },
        };
        const made = await sign(exchange, keys.signers, NOW);
        for (const label of LABELS) {
          expect(await refusal(made, { label })).toBe("accepted");
          expect(await refusal({ ...made, url: `${url.split("?")[0]}x` }, { label })).toBe("signature_invalid");
          expect(await refusal({ ...made, status: status + 1 }, { label })).toBe("signature_invalid");
        }
      },
    ),
    { numRuns: 60 },
  );
});

describe("verifyAnswerContent", () => {
  test("passes the body that was signed, and no other", () => {
    verifyAnswerContent(answerOf(signed), utf8(WRITE.body));
    expect(refusalOf(() => verifyAnswerContent(answerOf(signed), utf8(`${WRITE.body} `)))).toBe("digest_mismatch");
    expect(refusalOf(() => verifyAnswerContent(answerOf(signed), new Uint8Array(0)))).toBe("digest_mismatch");
  });

  test("needs a digest", () => {
    expect(refusalOf(() => verifyAnswerContent({ status: 200, header: () => null }, new Uint8Array(0)))).toBe(
      "signature_malformed",
    );
  });
});
