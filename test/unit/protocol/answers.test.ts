import { expect, test } from "vitest";
import { toBase64, utf8 } from "../../../src/core/bytes.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import type { JsonObject, JsonValue } from "../../../src/core/json.ts";
import { type Answers, parseAnswer } from "../../../src/protocol/answers.ts";
import { BUMPED, bytes32, DECLARED, GENESIS, refusal } from "./samples.ts";

const hash = toBase64(sha256(utf8("node")));
const receipt: JsonValue = {
  statement: BUMPED,
  inclusion: { index: 2, size: 3, proof: [hash] },
  checkpoint: "tes.local/default\n3\n",
};
const entity: JsonValue = {
  entity: DECLARED.entity,
  version: DECLARED.version,
  strategy: DECLARED.strategy,
  parent: null,
  files: DECLARED.files,
  seq: 1,
  at: DECLARED.at,
};
const common = { registry: "default", size: 3 };
const genesis = sha256Hex(utf8("genesis"));

const release: JsonObject = {
  entity: DECLARED.entity,
  version: "0.2.0",
  content: genesis,
  seq: 3,
  at: DECLARED.at,
  files: 1,
  signers: [bytes32("kid")],
  yanked: { seq: 4, at: DECLARED.at, reason: { digest: genesis } },
};

const ANSWERS: { readonly [K in keyof Answers]: JsonObject } = {
  state: { ...common, origin: "tes.local/default", visibility: "public", genesis, entities: [entity] },
  entities: { ...common, entities: [entity] },
  entity: { ...common, entity },
  genesis: { genesis, receipt },
  declare: { receipts: [receipt], unchanged: ["a:b"] },
  bump: { dryRun: false, entity: "*", scope: "minor", changes: BUMPED.changes, receipt },
  keyProof: {
    registry: "default",
    authority: "tes.example",
    nonce: "n".repeat(22),
    genesis,
    announced: bytes32("kid"),
    proofs: [{ slot: "VERSION_SIGNING_KEY", source: "env", kid: bytes32("kid"), mac: bytes32("mac") }],
  },
  keys: {
    registry: "default",
    genesis: GENESIS,
    announcements: [],
    keys: [
      {
        kid: bytes32("kid"),
        use: "log-ed25519",
        alg: "ed25519",
        kty: "OKP",
        crv: "Ed25519",
        x: bytes32("x"),
        status: "active",
      },
      { kid: "0123456789abcdef", use: "response-hmac", alg: "hmac-sha256", status: "active" },
    ],
    checkpoint: "tes.local/default\n3\n",
  },
  releases: { ...common, releases: [release, { ...release, yanked: null }], next: "3" },
  release: {
    ...common,
    release,
    payload: "{}",
    receipts: [receipt],
    attestations: [{ predicateType: "https://cyclonedx.org/bom", payload: null, receipts: [receipt] }],
    publishers: [receipt],
  },
  bundles: {
    entity: DECLARED.entity,
    version: "0.2.0",
    bundles: [{ signer: bytes32("kid"), predicateType: "https://slsa.dev/provenance/v1", bundle: {} }],
  },
  publish: {
    dryRun: false,
    entity: DECLARED.entity,
    version: "0.2.0",
    content: genesis,
    already: false,
    receipts: [receipt],
  },
  publishers: {
    ...common,
    entity: DECLARED.entity,
    revision: 1,
    threshold: 1,
    keys: [{ kid: bytes32("kid"), x: bytes32("x") }],
    receipts: [receipt],
  },
  trustedRoot: { mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1", tlogs: [{}] },
  artifact: { registry: "default", digest: genesis, size: 3, state: "open", partBytes: 16_777_216, parts: [1, 2] },
  consistency: { from: 1, size: 3, proof: [hash], checkpoint: "tes.local/default\n3\n" },
  session: { csrf: bytes32("csrf"), expires: 1_700_000_000_000, jti: "x", scope: ["read"] },
  sessionEnd: { ended: true },
  token: { token: "a.b.c", jti: "x", exp: 1_700_000_000 },
  ticket: { ticket: "t", exp: 1_700_000_000_000 },
  receipt,
  history: {
    ...common,
    entity: DECLARED.entity,
    entries: [{ seq: 1, at: DECLARED.at, by: DECLARED.by, type: DECLARED.type, version: DECLARED.version }],
    next: null,
  },
  diff: { registry: "default", from: 1, to: 3, changes: [{ entity: DECLARED.entity, before: null, after: entity }] },
  written: { receipt },
  registries: { size: 3, registries: [{ name: "other", genesis, at: 1 }] },
  blob: { digest: genesis, salt: "AAAAAAAAAAAAAAAAAAAAAA==", text: "because" },
  import: { registry: "default", keys: GENESIS.keys, received: 2, size: null, done: false },
  rebuild: { statements: 3, root: hash, changed: 0 },
};

const KINDS = Object.entries(ANSWERS) as [keyof Answers, JsonObject][];

test.each(KINDS)("%s is read, whatever a newer authority adds", (kind, json) => {
  expect(parseAnswer(kind, { ...json, added: { later: true } })).toMatchObject(json);
});

/** What a private registry leaves out for strangers. */
const OPTIONAL: Partial<Record<keyof Answers, string>> = { keys: "checkpoint" };

test.each(KINDS)("%s needs each of its members", (kind, json) => {
  for (const member of Object.keys(json).filter((name) => name !== OPTIONAL[kind])) {
    const { [member]: _gone, ...rest } = json;
    expect(
      refusal(() => parseAnswer(kind, rest)),
      member,
    ).toBe(`answer_malformed /${member}`);
  }
  expect(refusal(() => parseAnswer(kind, null))).toBe("answer_malformed ");
});

test("nothing is dropped from a statement, even of a type that is not known: its bytes get hashed", () => {
  const statement = { type: "later", seq: 2, more: { nested: [1] } };
  expect(parseAnswer("receipt", { ...(receipt as JsonObject), statement }).statement).toEqual(statement);
});

test.each<[string, JsonValue, string]>([
  ["a dry run's receipt", { ...ANSWERS.bump, dryRun: true, receipt: null }, "accepted"],
  [
    "a proof's short hash",
    { ...ANSWERS.bump, receipt: { ...(receipt as JsonObject), inclusion: { index: 2, size: 3, proof: ["AA=="] } } },
    "answer_malformed /receipt/inclusion/proof/0",
  ],
  [
    "a negative index",
    { ...ANSWERS.bump, receipt: { ...(receipt as JsonObject), inclusion: { index: -1, size: 3, proof: [] } } },
    "answer_malformed /receipt/inclusion/index",
  ],
  [
    "a version that is none",
    { ...ANSWERS.bump, changes: [{ entity: "a:b", from: "1", to: "2" }] },
    "answer_malformed /changes/0/from",
  ],
])("bump: %s", (_, json, expected) => {
  expect(refusal(() => parseAnswer("bump", json))).toBe(expected);
});

test("a proof holds as many hashes as the largest tree needs, and no more", () => {
  const proof = (length: number): JsonValue => ({ ...ANSWERS.consistency, proof: Array(length).fill(hash) });
  expect(refusal(() => parseAnswer("consistency", proof(54)))).toBe("accepted");
  expect(refusal(() => parseAnswer("consistency", proof(55)))).toBe("answer_malformed /proof");
});
