/** What a release may be at most, on both sides, through the front door; and envelopes that nobody should send. */

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ClientOptions, createClient, openImport } from "../../src/client/index.ts";
import { toBase64 } from "../../src/core/bytes.ts";
import {
  MAX_ANSWER_BYTES,
  MAX_ATTESTATION_BYTES,
  MAX_ATTESTATIONS,
  MAX_BUNDLES_CHARS,
  MAX_ENVELOPE_SIGNATURES,
  MAX_IMPORT_BODY_BYTES,
  MAX_JSON_DEPTH,
  MAX_PUBLISHERS,
  MAX_RELEASE_BODY_BYTES,
} from "../../src/core/limits.ts";
import { ask, codeOf, configure, declare, jsonOf, MASTER, openRegistry, post, textOf, writing } from "./authority.ts";
import { envelopeOf, type Publisher, payloadOf, publisherOf, setRequest } from "./publisher.ts";

const ENTITY = "global:main";
const FILES = [{ name: "tool.tgz", text: "the tool" }];
let token: string;
let scope: { registry: string; genesis: string; entity: string; version: string };
let publishers: readonly Publisher[];

beforeEach(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  token = await openRegistry("acme");
  await declare("acme", token, [ENTITY]);
  const { genesis } = jsonOf(await ask("/v1/acme"));
  scope = { registry: "acme", genesis, entity: ENTITY, version: "1.0.0" };
  publishers = await Promise.all(Array.from({ length: MAX_PUBLISHERS + 1 }, (_, i) => publisherOf(String(i))));
});
afterEach(() => reset());

const name = async (count: number, threshold = 1) =>
  post(`/v1/acme/publishers/${ENTITY}`, await setRequest(scope, 1, publishers.slice(0, count), threshold), { token });
const named = async (count = 1, threshold = 1) => {
  const answer = await name(count, threshold);
  expect(answer.status, textOf(answer)).toBe(200);
};
const release = (body: object) => post("/v1/acme/releases", body, { token });
const outcome = async (answering: ReturnType<typeof release>): Promise<number | string> => {
  const answer = await answering;
  return answer.status < 300 ? answer.status : codeOf(answer);
};
/** The text of a payload, padded inside to this many bytes. */
const padded = (bytes: number, change: object = {}): string => {
  const of = (pad: string) => JSON.stringify({ ...payloadOf(scope, FILES, change), ...withPad(change, pad) });
  return of("p".repeat(bytes - of("").length));
};
const withPad = (change: { predicate?: object }, pad: string): object => ({
  predicate: { ...(change.predicate ?? (payloadOf(scope, FILES) as { predicate: object }).predicate), pad },
});
const SBOM = { predicateType: "https://cyclonedx.org/bom", predicate: { bomFormat: "CycloneDX" } };

test("MAX_PUBLISHERS publishers, and as many signatures under one envelope", async () => {
  expect(await outcome(name(MAX_PUBLISHERS + 1))).toBe("invalid_field");
  await named(MAX_PUBLISHERS, MAX_PUBLISHERS);
  expect(MAX_ENVELOPE_SIGNATURES).toBe(MAX_PUBLISHERS);
  const all = publishers.slice(0, MAX_PUBLISHERS);
  expect(await outcome(release({ envelope: await envelopeOf(payloadOf(scope, FILES), publishers) }))).toBe(
    "envelope_invalid",
  );
  const less = await envelopeOf(payloadOf(scope, FILES), all.slice(1));
  expect(await outcome(release({ envelope: less }))).toBe("signatures_insufficient");
  const done = await release({ envelope: await envelopeOf(payloadOf(scope, FILES), all) });
  expect(jsonOf(done).receipts).toHaveLength(MAX_ENVELOPE_SIGNATURES);
});

const signed = (bytes: number, change?: object) => envelopeOf(padded(bytes, change), publishers.slice(0, 1));

/** Megabytes through every layer, on a machine that may be busy. */
const LARGE = { timeout: 30_000 };

test("payloads of MAX_ATTESTATION_BYTES", LARGE, async () => {
  await named();
  const [envelope, sbom] = [await signed(MAX_ATTESTATION_BYTES), await signed(MAX_ATTESTATION_BYTES, SBOM)];
  expect(await outcome(release({ envelope: await signed(MAX_ATTESTATION_BYTES + 1) }))).toBe("attestation_too_large");
  const long = await signed(MAX_ATTESTATION_BYTES + 1, SBOM);
  expect(await outcome(release({ envelope, attestations: [long] }))).toBe("attestation_too_large");
  expect(await outcome(release({ envelope, attestations: [sbom] }))).toBe(200);
  const found = jsonOf(await ask(`/v1/acme/releases/${ENTITY}/1.0.0`));
  expect(found.payload).toHaveLength(MAX_ATTESTATION_BYTES);
  expect(found.attestations[0].payload).toHaveLength(MAX_ATTESTATION_BYTES);
  // With all the signatures that there may be, one signer's bundles fit an answer.
  const path = `/v1/acme/releases/${ENTITY}/1.0.0/bundle`;
  const bundles = await ask(`${path}?signer=${publishers[0]!.kid}`);
  expect(jsonOf(bundles).bundles).toHaveLength(2);
  expect(bundles.body.length).toBeLessThan(MAX_ANSWER_BYTES);
  expect(await outcome(ask(`${path}?signer=${publishers[1]!.kid}`))).toBe("invalid_field");
});

test("two documents of that length and a provenance of many files fit one request, with all signatures", async () => {
  const [envelope, sbom] = [await signed(MAX_ATTESTATION_BYTES / 15), await signed(MAX_ATTESTATION_BYTES, SBOM)];
  const signatures = Array(MAX_ENVELOPE_SIGNATURES).fill(sbom.signatures[0]);
  const most = { envelope: { ...envelope, signatures }, attestations: Array(2).fill({ ...sbom, signatures }) };
  expect(JSON.stringify(most).length).toBeLessThan(MAX_RELEASE_BODY_BYTES);
});

test("a payload that escaping makes longest is exported and imported; MAX_IMPORT_BODY_BYTES", LARGE, async () => {
  await named();
  const whole = padded(MAX_ATTESTATION_BYTES, SBOM);
  const quoted = whole.replace(/pp/g, '\\"');
  expect(quoted).toHaveLength(MAX_ATTESTATION_BYTES);
  const by = publishers.slice(0, 1);
  const attestations = [await envelopeOf(quoted, by)];
  expect(await outcome(release({ envelope: await signed(1_000), attestations }))).toBe(200);
  const fetch: NonNullable<ClientOptions["fetch"]> = (url, init) => exports.default.fetch(new Request(url, init));
  const at = { url: "https://tes.test", registry: "acme", fetch, token, attempts: 1 };
  const lines: string[] = [];
  for await (const line of createClient({ ...at, trustFirst: true }).exportLines()) lines.push(line);
  await reset();
  const target = openImport(at);
  const sent = await target.send(
    (async function* () {
      yield* lines;
    })(),
  );
  expect(sent.done).toBe(true);
  const found = jsonOf(await ask(`/v1/acme/releases/${ENTITY}/1.0.0`));
  expect(found.attestations[0].payload).toBe(quoted);

  const send = (length: number) => {
    const { "content-digest": _, ...headers } = writing({}, { token }).headers!;
    const body = " ".repeat(length);
    return outcome(ask("/v1/acme/import", { method: "POST", headers, body }));
  };
  expect(await send(MAX_IMPORT_BODY_BYTES + 1)).toBe("body_too_large");
  expect(await send(MAX_IMPORT_BODY_BYTES)).not.toBe("body_too_large");
});

test(
  "all bundles at once as long as their payloads have MAX_BUNDLES_CHARS; above that, one signer's",
  LARGE,
  async () => {
    await named(3, 3);
    const by = publishers.slice(0, 3);
    const most = Math.floor(MAX_BUNDLES_CHARS / 3) - 1_000;
    for (const [version, beyond] of [
      ["1.0.0", 0],
      ["1.1.0", 1],
    ] as const) {
      scope = { ...scope, version };
      const attestations = [await envelopeOf(padded(most + beyond, SBOM), by)];
      expect(await outcome(release({ envelope: await envelopeOf(padded(1_000), by), attestations }))).toBe(200);
      const path = `/v1/acme/releases/${ENTITY}/${version}/bundle`;
      expect(await outcome(ask(path))).toBe(beyond === 0 ? 200 : "invalid_field");
      const { bundles } = jsonOf(await ask(`${path}?signer=${by[0]!.kid}`));
      expect(bundles).toHaveLength(2);
      await post("/v1/acme/bump", { entity: ENTITY, scope: "minor" }, { token });
    }
  },
);

test("MAX_ATTESTATIONS beside the provenance", async () => {
  await named();
  const [envelope, sbom] = [await signed(1_000), await signed(1_000, SBOM)];
  const many = (count: number) => outcome(release({ envelope, attestations: Array(count).fill(sbom) }));
  expect(await many(MAX_ATTESTATIONS + 1)).toBe("invalid_field");
  expect(await many(MAX_ATTESTATIONS)).toBe(200);
});

test("a request of MAX_RELEASE_BODY_BYTES, on this route alone", LARGE, async () => {
  await named();
  const body = JSON.stringify({ envelope: await envelopeOf(payloadOf(scope, FILES), publishers.slice(0, 1)) });
  const send = (path: string, length: number) => {
    const asking = writing({}, { token });
    const { "content-digest": _, ...headers } = asking.headers!;
    return outcome(ask(path, { ...asking, headers, body: body + " ".repeat(length - body.length) }));
  };
  expect(await send("/v1/acme/releases", MAX_RELEASE_BODY_BYTES + 1)).toBe("body_too_large");
  expect(await send("/v1/acme/entities", MAX_RELEASE_BODY_BYTES)).toBe("body_too_large");
  expect(await send("/v1/acme/releases", MAX_RELEASE_BODY_BYTES)).toBe(200);
});

describe("an envelope", () => {
  const nested = (levels: number): unknown => Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);
  type Envelope = Awaited<ReturnType<typeof envelopeOf>>;
  const rows: readonly (readonly [string, (envelope: Envelope) => object | string, string])[] = [
    ["of another payload type", (e) => ({ ...e, payloadType: "application/json" }), "envelope_invalid"],
    [
      "whose type was changed after it was signed",
      (e) => ({ ...e, payloadType: `${e.payloadType}x` }),
      "envelope_invalid",
    ],
    ["with a certificate", (e) => ({ ...e, certificate: "x" }), "envelope_invalid"],
    ["that is a list", (e) => [e], "invalid_field"],
    [
      "with a signature of P-256",
      (e) => ({ ...e, signatures: [{ ...e.signatures[0], sig: toBase64(new Uint8Array(70)) }] }),
      "envelope_invalid",
    ],
    ["signed twice by one", (e) => ({ ...e, signatures: [e.signatures[0], e.signatures[0]] }), "envelope_invalid"],
    [
      "signed by a stranger too",
      (e) => ({ ...e, signatures: [...e.signatures, { ...e.signatures[0], keyid: "x" }] }),
      "signatures_insufficient",
    ],
    [
      "with another one's name on it",
      (e) => ({ ...e, signatures: [{ ...e.signatures[0], keyid: publishers[1]!.kid }] }),
      "signatures_insufficient",
    ],
    ["that is no statement", (e) => ({ ...e, payload: toBase64(new Uint8Array([255, 254])) }), "envelope_invalid"],
    ["nested in itself", () => nested(MAX_JSON_DEPTH) as object, "json_depth"],
    [
      "with a member twice",
      (e) => JSON.stringify({ envelope: e }).replace('"payload"', '"payload":"","payload"'),
      "json_duplicate_key",
    ],
    ["with bytes after it", (e) => `${JSON.stringify({ envelope: e })}x`, "json_invalid"],
  ];
  test.each(rows)("%s is refused, and nothing is written", async (_, bend, code) => {
    await named(2);
    const bent = bend(await envelopeOf(payloadOf(scope, FILES), publishers.slice(0, 1)));
    const asking = writing(typeof bent === "string" ? {} : { envelope: bent }, { token });
    const { "content-digest": _digest, ...headers } = asking.headers!;
    const body = typeof bent === "string" ? bent : asking.body!;
    expect(await outcome(ask("/v1/acme/releases", { ...asking, headers, body }))).toBe(code);
    expect(jsonOf(await ask("/v1/acme/releases")).releases).toEqual([]);
  });
});
