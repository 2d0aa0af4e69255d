/** Publishers for whole-process tests: keys, sets and envelopes, made with node:crypto alone. */

import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { canonicalize } from "../../../src/core/canonical-json.ts";
import type { JsonValue } from "../../../src/core/json.ts";

export interface TestPublisher {
  readonly kid: string;
  readonly x: string;
  readonly key: KeyObject;
}

export interface Scope {
  readonly registry: string;
  readonly genesis: string;
  readonly entity: string;
}

export interface TestFile {
  readonly name: string;
  /** One of the two. */
  readonly text?: string;
  readonly bytes?: Uint8Array;
  /** The authority has it; otherwise it lies at an address. */
  readonly stored?: boolean;
}

const sha256 = (bytes: string | Buffer): Buffer => createHash("sha256").update(bytes).digest();

export function publisherOf(label: string): TestPublisher {
  const pkcs8 = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), sha256(`publisher ${label}`)]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  const { x } = createPublicKey(key).export({ format: "jwk" }) as { x: string };
  return { kid: sha256(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).toString("base64url"), x, key };
}

const byKid = (a: { kid: string }, b: { kid: string }): number => (a.kid < b.kid ? -1 : 1);

/** docs/formats.md, `publishers.set`. */
export function setRequest(
  { registry, genesis, entity }: Scope,
  revision: number,
  publishers: readonly TestPublisher[],
  threshold: number,
  signers = publishers,
  before: readonly [publishers: readonly TestPublisher[], threshold: number] | null = null,
) {
  const keys = publishers.map(({ kid, x }) => ({ kid, x })).sort(byKid);
  const named = (of: readonly TestPublisher[]) => of.map(({ kid, x }) => ({ kid, x })).sort(byKid);
  const was = before === null ? null : { keys: named(before[0]), threshold: before[1] };
  const signed = Buffer.from(
    `tes-publishers-v1\n${canonicalize({ registry, genesis, entity, revision, keys, threshold, before: was })}`,
  );
  const signatures = signers
    .map(({ kid, key }) => ({ kid, signature: sign(null, signed, key).toString("base64url") }))
    .sort(byKid);
  return { revision, keys, threshold, signatures };
}

/** A DSSE envelope (protocol.md of secure-systems-lab/dsse) over an in-toto statement about files. */
export function envelopeOf(
  { registry, genesis, entity, version }: Scope & { readonly version: string },
  files: readonly TestFile[],
  signers: readonly TestPublisher[],
  change: object = {},
) {
  const payloadType = "application/vnd.in-toto+json";
  const payload = Buffer.from(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: files.map((file) => {
        const bytes = Buffer.from(file.bytes ?? file.text ?? "");
        return {
          name: file.name,
          digest: { sha256: sha256(bytes).toString("hex"), sha512: createHash("sha512").update(bytes).digest("hex") },
          ...(file.stored === true ? {} : { downloadLocation: `https://files.test/${encodeURIComponent(file.name)}` }),
          annotations: { "tes.size": bytes.length },
        };
      }),
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: {
          buildType: "urn:tes:release:v1",
          externalParameters: { registry, genesis, entity, version },
        },
        runDetails: { builder: { id: "urn:tes:test" } },
      },
      ...change,
    }),
  );
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  return {
    payloadType,
    payload: payload.toString("base64"),
    signatures: signers.map(({ kid, key }) => ({ keyid: kid, sig: sign(null, signed, key).toString("base64") })),
  } satisfies Record<string, JsonValue>;
}
