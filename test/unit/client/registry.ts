/**
 * Answers as a real authority signs them, made of core's own parts: a key, a log of statements, and one signed HTTP
 * answer at a time, which a test may then change. It decides nothing.
 */

import { type Bytes, toBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { signCheckpoint } from "../../../src/core/checkpoint.ts";
import { contentDigest } from "../../../src/core/digest.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import { type AnswerSigner, requestParts, signAnswer } from "../../../src/core/http-signatures.ts";
import { deriveEd25519, deriveHmacKey, importEd25519Seed, symmetricKid } from "../../../src/core/keys.ts";
import { SIGNATURE_LIFETIME_S } from "../../../src/core/limits.ts";
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  type NodeReader,
  nodeHash,
  rootOf,
} from "../../../src/core/merkle.ts";
import { Secret } from "../../../src/core/secret.ts";
import type { Receipt } from "../../../src/protocol/answers.ts";
import { renderProvenance } from "../../../src/protocol/provenance.ts";
import { type Genesis, type Statement, type StatementBody, statementBytes } from "../../../src/protocol/statements.ts";

/** Seconds since 1970 at which every test happens. */
export const NOW_S = 1_800_000_000;
export const ORIGIN = "tes.test/default";

export interface Say {
  readonly status?: number;
  readonly type?: string;
  readonly body?: unknown;
  readonly created?: number;
  readonly size?: number;
  readonly registry?: string;
  readonly nonce?: string;
  readonly signers?: readonly AnswerSigner[];
}

export interface TestRegistry {
  readonly genesis: string;
  readonly recovery: string;
  readonly signers: readonly AnswerSigner[];
  readonly statements: Statement[];
  add(body: StatementBody, extra?: Partial<Statement>): Statement;
  note(size?: number): Promise<string>;
  receipt(seq: number, size?: number): Promise<Receipt>;
  proof(from: number, to: number): string[];
  keys(): Promise<Record<string, unknown>>;
  /** A signed answer to the request. */
  answer(request: Request, say: Say): Promise<Response>;
}

export const seedOf = (label: string): Secret<Bytes> => new Secret(sha256(utf8(label)));

/** A registry with its genesis, under a key derived from a label. `fork` changes what its log says later. */
export async function makeRegistry(label: string, registry = "default"): Promise<TestRegistry> {
  const master = seedOf(label);
  const response = await deriveEd25519(master, "response-ed25519", registry);
  const log = await deriveEd25519(master, "log-ed25519", registry);
  const recovery = await importEd25519Seed(seedOf(`${label} recovery`));
  const hmac = await symmetricKid(master, "response-hmac", registry);
  const signers: AnswerSigner[] = [
    { label: "tes-hmac", alg: "hmac-sha256", keyid: hmac, key: await deriveHmacKey(master, "response-hmac", registry) },
    { label: "tes-ed25519", alg: "ed25519", keyid: response.kid, key: response.privateKey },
  ];
  const statements: Statement[] = [];
  const leaves: Bytes[] = [];

  const add = (body: StatementBody, extra: Partial<Statement> = {}): Statement => {
    const seq = statements.length;
    const envelope = { v: 1, registry, seq, at: NOW_S * 1000, by: seq === 0 ? "genesis" : "tester" };
    const statement = { ...envelope, ...body, ...extra } as Statement;
    statements.push(statement);
    leaves.push(leafHash(statementBytes(statement)));
    return statement;
  };
  const nodes: NodeReader = (level, index) =>
    level === 0 ? leaves[index]! : nodeHash(nodes(level - 1, 2 * index), nodes(level - 1, 2 * index + 1));

  const genesis: Omit<Genesis, "v" | "registry" | "seq" | "at" | "by" | "idempotency"> = {
    type: "registry.genesis",
    visibility: "public",
    origin: ORIGIN,
    keys: {
      "log-ed25519": { kid: log.kid, x: log.x },
      "response-ed25519": { kid: response.kid, x: response.x },
      "response-hmac": { kid: hmac },
      "token-hs256": { kid: await symmetricKid(master, "token-hs256", registry) },
    },
    recovery: { kid: recovery.kid, x: recovery.x },
  };
  add(genesis);

  const note = (size = leaves.length) => signCheckpoint({ origin: ORIGIN, size, root: rootOf(size, nodes) }, log);
  return {
    genesis: toHex(leaves[0]!),
    recovery: recovery.x,
    signers,
    statements,
    add,
    note,
    receipt: async (seq, size = leaves.length) => ({
      statement: statements[seq]!,
      inclusion: { index: seq, size, proof: inclusionProof(seq, size, nodes).map(toBase64) },
      checkpoint: await note(size),
    }),
    proof: (from, to) => consistencyProof(from, to, nodes).map(toBase64),
    keys: async () => ({ registry, genesis: statements[0], announcements: [], keys: [], checkpoint: await note() }),
    async answer(request, say) {
      const body = typeof say.body === "string" ? utf8(say.body) : utf8(JSON.stringify(say.body ?? {}));
      const headers: Record<string, string> = {
        "content-type": say.type ?? "application/json",
        "content-digest": contentDigest(body),
        "tes-provenance": renderProvenance({
          source: "env",
          slot: "VERSION_SIGNING_KEY",
          registry: say.registry ?? registry,
          size: say.size ?? leaves.length,
        }),
      };
      const status = say.status ?? 200;
      const created = say.created ?? NOW_S;
      const nonce = say.nonce ?? request.headers.get("tes-nonce") ?? undefined;
      const signed = await signAnswer(
        { status, header: (name) => headers[name] ?? null },
        requestParts(request.method, new URL(request.url), (name) => request.headers.get(name)),
        say.signers ?? signers,
        { created, expires: created + SIGNATURE_LIFETIME_S, ...(nonce === undefined ? {} : { nonce }) },
      );
      return new Response(body, { status, headers: { ...headers, ...signed } });
    },
  };
}

/** What a bump of `global:main` by this request body writes. */
export function bumpOf(from: string, to: string, request: string): [StatementBody, Partial<Statement>] {
  const changes = [{ entity: "global:main", from, to }];
  return [
    { type: "version.bumped", entity: "global:main", scope: "minor", changes },
    { idempotency: { key: sha256Hex(utf8("key")), request: sha256Hex(utf8(request)) } },
  ];
}

export const entityView = (version: string) => ({
  entity: "global:main",
  version,
  strategy: "independent",
  parent: null,
  files: [],
  seq: 0,
  at: NOW_S * 1000,
});
