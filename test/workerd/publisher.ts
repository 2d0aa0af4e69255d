/** Publishers as the tests have them: their keys, their sets, what they sign. */

import { compareCodeUnits, toBase64, toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { pae } from "../../src/core/dsse.ts";
import { sha256, sha256Hex } from "../../src/core/hash.ts";
import { type Ed25519Pair, importEd25519Seed } from "../../src/core/keys.ts";
import { Secret } from "../../src/core/secret.ts";
import { IN_TOTO_TYPE } from "../../src/protocol/intoto.ts";
import type { PublishersRequest } from "../../src/protocol/release-requests.ts";
import { publishersBytes } from "../../src/protocol/releases.ts";

export type Publisher = Ed25519Pair;

export const publisherOf = (label: string): Promise<Publisher> =>
  importEd25519Seed(new Secret(sha256(utf8(`workerd tests: publisher ${label}`))));

const signatureOf = async (by: Publisher, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.sign("Ed25519", by.privateKey, bytes));

const byKid = (a: { kid: string }, b: { kid: string }): number => compareCodeUnits(a.kid, b.kid);

/** A set of publishers as it is asked for, signed by `signers`. */
export async function setRequest(
  scope: { registry: string; genesis: string; entity: string },
  revision: number,
  publishers: readonly Publisher[],
  threshold: number,
  signers: readonly Publisher[] = publishers,
  before: readonly [publishers: readonly Publisher[], threshold: number] | null = null,
): Promise<PublishersRequest> {
  const keys = publishers.map(({ kid, x }) => ({ kid, x })).sort(byKid);
  const was =
    before === null ? null : { keys: before[0].map(({ kid, x }) => ({ kid, x })).sort(byKid), threshold: before[1] };
  const bytes = publishersBytes(scope, { entity: scope.entity, revision, keys, threshold }, was);
  const signatures = await Promise.all(
    signers.map(async (signer) => ({ kid: signer.kid, signature: toBase64Url(await signatureOf(signer, bytes)) })),
  );
  return { revision, keys, threshold, signatures: signatures.sort(byKid) };
}

export interface TestFile {
  readonly name: string;
  readonly text: string;
  /** Where it can be fetched; empty: it has to be stored by the authority. */
  readonly url?: string;
}

/** What is signed: an in-toto statement with SLSA provenance. */
export const payloadOf = (
  scope: { registry: string; genesis: string; entity: string; version: string },
  files: readonly TestFile[],
  change: object = {},
): object => ({
  _type: "https://in-toto.io/Statement/v1",
  subject: files.map(({ name, text, ...at }) => ({
    name,
    digest: { sha256: sha256Hex(utf8(text)), sha512: sha512Hex(text) },
    ...(at.url === "" ? {} : { downloadLocation: at.url ?? `https://files.test/${encodeURIComponent(name)}` }),
    annotations: { "tes.size": utf8(text).length },
  })),
  predicateType: "https://slsa.dev/provenance/v1",
  predicate: {
    buildDefinition: { buildType: "urn:tes:release:v1", externalParameters: scope },
    runDetails: { builder: { id: "urn:tes:test" } },
  },
  ...change,
});

/** Any 128 hex characters: what the authority checks is SHA-256. */
const sha512Hex = (text: string): string => sha256Hex(utf8(`a ${text}`)) + sha256Hex(utf8(`b ${text}`));

/** An envelope over a payload, as its JSON. */
export async function envelopeOf(payload: object | string, signers: readonly Publisher[]) {
  const bytes = utf8(typeof payload === "string" ? payload : JSON.stringify(payload));
  const signed = pae(IN_TOTO_TYPE, bytes);
  return {
    payloadType: IN_TOTO_TYPE,
    payload: toBase64(bytes),
    signatures: await Promise.all(
      signers.map(async (signer) => ({ keyid: signer.kid, sig: toBase64(await signatureOf(signer, signed)) })),
    ),
  };
}
