/** The release of docs/formats.md, worked out from its words with Node's own cryptography and nothing of src/. */

import { createHash } from "node:crypto";
import { referenceTree } from "../core/rfc6962.ts";
import {
  base64,
  checkpoint,
  DEMO_LABELS,
  ed25519,
  envelope,
  jcs,
  lines,
  log,
  ORIGIN,
  REGISTRY,
  sha256,
  TOKEN_ID,
  texts,
} from "./demo.ts";

export const FILE = { name: "hello.txt", content: "hello\n" } as const;
export const VERSION = "0.2.0";
const ENTITY = "global:main";
const PAYLOAD_TYPE = "application/vnd.in-toto+json";

const publisher = ed25519(sha256(DEMO_LABELS.publisher));
const raw = Buffer.from(publisher.x, "base64url");
const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), raw]);
const genesis = sha256(Uint8Array.of(0), texts[0]!).toString("hex");
const digests = {
  sha256: sha256(FILE.content).toString("hex"),
  sha512: createHash("sha512").update(FILE.content).digest("hex"),
};
const size = Buffer.byteLength(FILE.content);

export const PAYLOAD = JSON.stringify({
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ name: FILE.name, digest: digests, mediaType: "text/plain", annotations: { "tes.size": size } }],
  predicateType: "https://slsa.dev/provenance/v1",
  predicate: {
    buildDefinition: {
      buildType: "urn:tes:release:v1",
      externalParameters: { registry: REGISTRY, genesis, entity: ENTITY, version: VERSION },
    },
    runDetails: { builder: { id: "urn:tes:demo" } },
  },
});
const content = jcs([{ name: FILE.name, sha256: digests.sha256, size }]);
const contentHash = sha256(content).toString("hex");

const paeHead = `DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${Buffer.byteLength(PAYLOAD)} `;
const pae = paeHead + PAYLOAD;
const signature = base64(publisher.sign(pae));

const set = { entity: ENTITY, revision: 1, keys: [{ kid: publisher.kid, x: publisher.x }], threshold: 1 };
const setSignature = publisher.sign(`tes-publishers-v1\n${jcs({ registry: REGISTRY, genesis, ...set, before: null })}`);
const PUBLISHERS = {
  ...envelope(3, TOKEN_ID),
  type: "publishers.set",
  ...set,
  signatures: [{ kid: publisher.kid, signature: setSignature.toString("base64url") }],
};

/** Sixteen bytes that an authority draws at random. */
export const SALT = Buffer.from(Array.from({ length: 16 }, (_, i) => 16 + i));
const PUBLISHED = {
  ...envelope(4, TOKEN_ID),
  type: "release.published",
  apiVersion: "0.0.2",
  kind: "hashedrekord",
  spec: {
    hashedRekordV002: {
      data: { algorithm: "SHA2_256", digest: base64(sha256(pae)) },
      signature: {
        content: signature,
        verifier: { keyDetails: "PKIX_ED25519", publicKey: { rawBytes: base64(spki) } },
      },
    },
  },
  entity: ENTITY,
  version: VERSION,
  content: contentHash,
  publishers: { revision: 1, seq: 3 },
  signer: publisher.kid,
  part: { index: 0, of: 1 },
  payload: { digest: sha256(SALT, PAYLOAD).toString("hex") },
  files: 1,
};
const statements = [jcs(PUBLISHERS), jcs(PUBLISHED)] as const;
const tree = referenceTree([...texts, ...statements].map((text) => Buffer.from(text)));

const logId = sha256(`${ORIGIN}\n`, Uint8Array.of(1), Buffer.from(log.x, "base64url"));
const body = base64(Buffer.from(statements[1]));
const integratedTime = PUBLISHED.at / 1_000;
const promise = base64(log.sign(jcs({ body, integratedTime, logID: logId.toString("hex"), logIndex: 4 })));
const bundle = {
  mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
  verificationMaterial: {
    publicKey: { hint: publisher.kid },
    tlogEntries: [
      {
        logIndex: "4",
        logId: { keyId: base64(logId) },
        kindVersion: { kind: "hashedrekord", version: "0.0.2" },
        integratedTime: String(integratedTime),
        inclusionPromise: { signedEntryTimestamp: promise },
        inclusionProof: {
          logIndex: "4",
          rootHash: base64(tree.root(5)),
          treeSize: "5",
          hashes: tree.inclusion(4, 5).map(base64),
          checkpoint: { envelope: checkpoint(5, tree) },
        },
        canonicalizedBody: body,
      },
    ],
  },
  dsseEnvelope: {
    payloadType: PAYLOAD_TYPE,
    payload: base64(Buffer.from(PAYLOAD)),
    signatures: [{ keyid: publisher.kid, sig: signature }],
  },
};
const logKey = Buffer.concat([spki.subarray(0, 12), Buffer.from(log.x, "base64url")]);
const trustedRoot = {
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  tlogs: [
    {
      baseUrl: `https://${ORIGIN}`,
      hashAlgorithm: "SHA2_256",
      publicKey: {
        rawBytes: base64(logKey),
        keyDetails: "PKIX_ED25519",
        validFor: { start: new Date(envelope(0, "").at).toISOString() },
      },
      logId: { keyId: base64(logId) },
    },
  ],
  certificateAuthorities: [],
  ctlogs: [],
  timestampAuthorities: [],
};

/** Eight bytes that a publisher draws at random with the key. */
export const KEY_ID = Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]);
const keyIdText = "0807060504030201";
const trusted = `timestamp:${integratedTime}\tfile:${FILE.name}\tversion:${VERSION}`;
const prehash = createHash("blake2b512").update(FILE.content).digest();
const minisigned = publisher.sign(prehash);
const minisig = [
  `untrusted comment: signature by publisher key ${keyIdText}`,
  base64(Buffer.concat([Buffer.from("ED"), KEY_ID, minisigned])),
  `trusted comment: ${trusted}`,
  base64(publisher.sign(Buffer.concat([minisigned, Buffer.from(trusted)]))),
];

const uint32 = (value: number): Buffer => Buffer.from([value >>> 24, value >>> 16, value >>> 8, value]);
const field = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint32(bytes.length), bytes]);
};
const sshKey = Buffer.concat([field("ssh-ed25519"), field(raw)]);
const sshSigned = Buffer.concat([
  Buffer.from("SSHSIG"),
  field("tes-release"),
  field(""),
  field("sha512"),
  field(Buffer.from(digests.sha512, "hex")),
]);
const sshsig = Buffer.concat([
  Buffer.from("SSHSIG"),
  uint32(1),
  field(sshKey),
  field("tes-release"),
  field(""),
  field("sha512"),
  field(Buffer.concat([field("ssh-ed25519"), field(publisher.sign(sshSigned))])),
]);
const sums = lines(`${digests.sha256}  ${FILE.name}`);

export const RELEASE_EXAMPLES: Readonly<Record<string, string>> = {
  "demo-payload": lines(PAYLOAD),
  "demo-content": lines(content, contentHash),
  "demo-envelope": lines(paeHead.trimEnd(), sha256(pae).toString("hex"), signature),
  "demo-statement-3": lines(statements[0]),
  "demo-statement-4": lines(statements[1]),
  "demo-bundle": lines(JSON.stringify(bundle, null, 2)),
  "demo-trusted-root": lines(JSON.stringify(trustedRoot, null, 2)),
  "demo-minisign-key": lines(
    `untrusted comment: minisign public key ${keyIdText}`,
    base64(Buffer.concat([Buffer.from("Ed"), KEY_ID, raw])),
  ),
  "demo-minisig": lines(...minisig),
  "demo-allowed-signers": lines(`demo namespaces="tes-release" ssh-ed25519 ${base64(sshKey)}`),
  "demo-sshsig": lines(
    "-----BEGIN SSH SIGNATURE-----",
    ...base64(sshsig).match(/.{1,70}/g)!,
    "-----END SSH SIGNATURE-----",
  ),
  "demo-pem": lines("-----BEGIN PUBLIC KEY-----", base64(spki), "-----END PUBLIC KEY-----"),
  "demo-sums": sums,
  "demo-sums-signature": lines(base64(publisher.sign(sums))),
};
