/** docs/formats.md against a second working-out of its examples (demo.ts), and the product against both. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { jwtVerify } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { verifyKeys, verifyReceipt } from "../../../src/client/index.ts";
import { coverageFor, LABEL_ALGORITHMS } from "../../../src/core/answer-coverage.ts";
import { decodeUtf8, toBase64Url, toHex, utf8 } from "../../../src/core/bytes.ts";
import { signCheckpoint, verifyCheckpoint } from "../../../src/core/checkpoint.ts";
import { contentDigest } from "../../../src/core/digest.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import { type AnswerSigner, requestParts, signAnswer, verifyAnswer } from "../../../src/core/http-signatures.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import {
  deriveBytes,
  deriveEd25519,
  deriveHmacKey,
  importEd25519Seed,
  PURPOSES,
  symmetricKid,
} from "../../../src/core/keys.ts";
import {
  MAX_ENTITY_NAME_CHARS,
  MAX_REGISTRY_CHARS,
  MAX_STATEMENT_BYTES,
  MAX_TOKEN_LIFETIME_S,
  SIGNATURE_LIFETIME_S,
} from "../../../src/core/limits.ts";
import { appendLeaf, EMPTY_FRONTIER, EMPTY_ROOT, frontierRoot, leafHash } from "../../../src/core/merkle.ts";
import { signatureBase } from "../../../src/core/message-components.ts";
import { Secret } from "../../../src/core/secret.ts";
import { SCOPES } from "../../../src/core/semver.ts";
import { isInnerList, parseDictionary } from "../../../src/core/structured-fields.ts";
import { isOrigin, isRegistryName } from "../../../src/protocol/ids.ts";
import { canonicalPath } from "../../../src/protocol/paths.ts";
import { parseProvenance, renderProvenance } from "../../../src/protocol/provenance.ts";
import { type Genesis, parseStatement, STATEMENT_TYPES, statementBytes } from "../../../src/protocol/statements.ts";
import { isScope, parseTokenClaims, TOKEN_TYPE, tokenAudience } from "../../../src/protocol/tokens.ts";
import { SAMPLES } from "../protocol/samples.ts";
import {
  ANSWER,
  ANSWER_BODY,
  EXAMPLES as ANSWERS,
  CREATED,
  DEMO_LABELS,
  jcs,
  ORIGIN,
  REQUEST,
  REQUEST_BODY,
} from "./demo.ts";
import { RELEASE_EXAMPLES } from "./demo-release.ts";

const EXAMPLES = { ...ANSWERS, ...RELEASE_EXAMPLES };

const page = readFileSync(join(import.meta.dirname, "../../../docs/formats.md"), "utf8");
const blocks = new Map(
  [...page.matchAll(/^```\w+ (demo-[\w-]+)\n([\s\S]*?)^```$/gm)].map(([, name, text]) => [name!, text!]),
);
const linesOf = (name: string) => blocks.get(name)!.trimEnd().split("\n");
const fieldsOf = (name: string) =>
  new Map(
    linesOf(name).flatMap((line) => [...line.matchAll(/^([^:]+): (.*)$/g)].map(([, key, value]) => [key!, value!])),
  );

const master = new Secret(sha256(utf8(DEMO_LABELS.master)));
const statementText = (seq: number) => linesOf(`demo-statement-${seq}`).join("\n");
const genesis = () => parseStatement(parseJson(utf8(statementText(0)))) as Genesis;

describe("the page", () => {
  test("says where its tests are, and how the demo keys come to be", () => {
    expect(page).toContain("`test/unit/docs/formats.test.ts`");
    for (const label of Object.values(DEMO_LABELS)) expect(page).toContain(`\`${label}\``);
  });

  test("has every example, and no other block that claims to be one", () => {
    expect([...blocks.keys()].sort()).toEqual(Object.keys(EXAMPLES).sort());
  });

  test.each(Object.entries(EXAMPLES))("%s is what the words of the page come to", (name, text) => {
    expect(blocks.get(name)).toBe(text);
  });

  test("prints no key: neither the demo keys nor anything derived from them that is secret", async () => {
    const { recovery, publisher } = DEMO_LABELS;
    const secrets = [master, ...[recovery, publisher].map((label) => new Secret(sha256(utf8(label))))];
    for (const purpose of PURPOSES) secrets.push(await deriveBytes(master, purpose, "default"));
    for (const secret of secrets) {
      const bytes = secret.reveal();
      for (const form of [toHex(bytes), Buffer.from(bytes).toString("base64"), toBase64Url(bytes)]) {
        expect(page).not.toContain(form);
      }
    }
  });
});

describe("the product makes the same", () => {
  test("statements, their bytes and their leaves", () => {
    const leaves = linesOf("demo-leaves").map((line) => line.split("  "));
    let frontier = EMPTY_FRONTIER;
    for (let seq = 0; seq < 3; seq++) {
      const statement = parseStatement(parseJson(utf8(statementText(seq))));
      const bytes = statementBytes(statement);
      expect(decodeUtf8(bytes)).toBe(statementText(seq));
      expect(leaves[seq]).toEqual([`leaf ${seq}`, `${bytes.length} bytes`, toHex(leafHash(bytes))]);
      frontier = appendLeaf(frontier, leafHash(bytes));
    }
    expect(linesOf("demo-root")).toEqual([toHex(frontierRoot(frontier))]);
  });

  test("the hashes of an idempotency key", () => {
    const [scope, key, body, request] = linesOf("demo-idempotency");
    const parts = JSON.parse(scope!) as string[];
    expect(canonicalPath("/bump")).toBe(parts[2]);
    expect(jcs(parts)).toBe(scope);
    expect([key, request]).toEqual([sha256Hex(utf8(scope!)), sha256Hex(utf8(body!))]);
    expect(parseStatement(parseJson(utf8(statementText(2)))).idempotency).toEqual({ key, request });
    expect(body).toBe(REQUEST_BODY);
  });

  test("keys and their ids", async () => {
    const shown = fieldsOf("demo-keys");
    for (const purpose of ["log-ed25519", "response-ed25519"] as const) {
      const { x, kid } = await deriveEd25519(master, purpose, "default");
      expect([shown.get(`${purpose} x`), shown.get(`${purpose} kid`)]).toEqual([x, kid]);
      expect(genesis().keys[purpose]).toEqual({ kid, x });
    }
    for (const purpose of ["response-hmac", "token-hs256"] as const) {
      expect(shown.get(`${purpose} kid`)).toBe(await symmetricKid(master, purpose, "default"));
      expect(genesis().keys[purpose].kid).toBe(shown.get(`${purpose} kid`));
    }
    const { x, kid } = await importEd25519Seed(new Secret(sha256(utf8(DEMO_LABELS.recovery))));
    expect([shown.get("recovery x"), shown.get("recovery kid")]).toEqual([x, kid]);
    expect(genesis().recovery).toEqual({ kid, x });
  });

  test("the checkpoint", async () => {
    const log = await deriveEd25519(master, "log-ed25519", "default");
    const note = blocks.get("demo-checkpoint")!;
    const head = await verifyCheckpoint(note, { origin: ORIGIN, ...log });
    expect(head).toMatchObject({ origin: ORIGIN, size: 3 });
    expect([toHex(head.root)]).toEqual(linesOf("demo-root"));
    expect(await signCheckpoint(head, log)).toBe(note);
  });

  test("the receipt, which a client believes by the genesis hash alone", async () => {
    const pin = linesOf("demo-leaves")[0]!.split("  ")[2]!;
    const keys = { genesis: parseJson(utf8(statementText(0))), announcements: [], keys: [], registry: "default" };
    const trust = await verifyKeys({ ...keys, checkpoint: "" } as JsonValue, { registry: "default", genesis: pin });
    const { statement } = await verifyReceipt(parseJson(utf8(blocks.get("demo-receipt")!)), trust);
    expect(statement).toMatchObject({ type: "version.bumped", seq: 2, changes: [{ to: "0.2.0" }] });
  });

  test("the token, which jose believes too", async () => {
    const [header, encodedHeader, claims, mac] = linesOf("demo-token");
    expect(toBase64Url(utf8(header!))).toBe(encodedHeader);
    const key = (await deriveBytes(master, "token-hs256", "default")).reveal();
    const currentDate = new Date(1_800_000_001_000);
    const token = `${encodedHeader}.${toBase64Url(utf8(claims!))}.${mac}`;
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      algorithms: ["HS256"],
      typ: TOKEN_TYPE,
      audience: tokenAudience("default"),
      currentDate,
    });
    expect(protectedHeader).toEqual({
      alg: "HS256",
      typ: TOKEN_TYPE,
      kid: await symmetricKid(master, "token-hs256", "default"),
    });
    expect(parseTokenClaims(payload as JsonValue)).toEqual(JSON.parse(claims!));
  });

  describe("the signed answer", () => {
    const shown = () => fieldsOf("demo-answer");
    const answer = () => ({ status: ANSWER.status, header: (name: string) => shown().get(name) ?? null });
    const sent: Readonly<Record<string, string>> = REQUEST.headers;
    const request = requestParts(REQUEST.method, new URL(REQUEST.url), (name) => sent[name] ?? null);
    let signers: readonly AnswerSigner[];
    let verifying: Readonly<Record<string, CryptoKey>>;

    beforeAll(async () => {
      const pair = await deriveEd25519(master, "response-ed25519", "default");
      const hmac = await deriveHmacKey(master, "response-hmac", "default");
      const keyid = await symmetricKid(master, "response-hmac", "default");
      signers = [
        { label: "tes-hmac", alg: "hmac-sha256", keyid, key: hmac },
        { label: "tes-ed25519", alg: "ed25519", keyid: pair.kid, key: pair.privateKey },
      ];
      verifying = { [keyid]: hmac, [pair.kid]: pair.publicKey };
    });

    test("has these two fields, byte for byte", async () => {
      const made = await signAnswer(answer(), request, signers, {
        created: CREATED,
        expires: CREATED + SIGNATURE_LIFETIME_S,
        nonce: sent["tes-nonce"]!,
      });
      expect(made).toEqual({
        "signature-input": shown().get("signature-input"),
        signature: shown().get("signature"),
      });
      expect(shown().get("content-digest")).toBe(contentDigest(utf8(ANSWER_BODY)));
      expect(sent["content-digest"]).toBe(contentDigest(utf8(REQUEST_BODY)));
    });

    test.each(["tes-hmac", "tes-ed25519"])("verifies under %s", async (label) => {
      const options = { label, now: CREATED, resolveKey: async (keyid: string) => verifying[keyid] ?? null };
      expect(await verifyAnswer(answer(), request, options)).toMatchObject({ label, created: CREATED });
    });

    test("has this base", () => {
      const input = parseDictionary(shown().get("signature-input")!).get("tes-ed25519")!;
      if (!isInnerList(input)) expect.unreachable();
      else {
        const base = signatureBase(input.items, input.params, { request, response: answer() });
        expect(`${base}\n`).toBe(blocks.get("demo-signature-base"));
      }
    });

    test("has this provenance", () => {
      const text = shown().get("tes-provenance")!;
      expect(renderProvenance(parseProvenance(text))).toBe(text);
    });
  });
});

/** The text under the heading that begins so, or that names this type beside another; up to the next heading. */
const section = (heading: string): string => {
  const sections = page.split(/\n(?=#{2,3} )/);
  const type = /^### (`.*`)$/.exec(heading)?.[1];
  const found = sections.find((text) => {
    const line = text.split("\n")[0]!;
    return type === undefined ? line === heading : line.startsWith("### ") && line.includes(type);
  });
  expect(found, heading).toBeDefined();
  return found!;
};

describe("the words of the page are the product's", () => {
  test.each(SAMPLES)("every member of $type is described", (sample) => {
    const { v: _v, registry: _r, seq: _s, at: _a, by: _b, type, idempotency: _i, ...members } = sample;
    const text = section(`### \`${type}\``);
    const code = [...text.matchAll(/`[^`]*`/g)].join(" ");
    for (const name of Object.keys(members)) expect(code, name).toMatch(new RegExp(`(?<![\\w.])${name}(?![\\w.])`));
  });

  test("every type that is known is described, and so is the envelope", () => {
    for (const type of STATEMENT_TYPES) section(`### \`${type}\``);
    for (const name of ["v", "type", "registry", "seq", "at", "by", "idempotency"]) {
      expect(section("## Statement")).toMatch(new RegExp(`^\\| \`${name}\` +\\|`, "m"));
    }
  });

  test("limits", () => {
    expect(section("## Statement")).toContain(`at most ${MAX_STATEMENT_BYTES.toLocaleString("en")}.`);
    expect(section("## Token")).toContain(`at most ${MAX_TOKEN_LIFETIME_S / 86_400} days apart`);
    expect(section("## Signed answer")).toContain(`\`expires\` (created + ${SIGNATURE_LIFETIME_S})`);
    expect(MAX_ENTITY_NAME_CHARS).toBe(128);
  });

  test("the patterns of registry and origin", () => {
    const registry = /`(\[a-z0-9\][^`]*\{0,62\})`/.exec(section("## Statement"))![1]!;
    const pattern = new RegExp(`^${registry}$`);
    for (const name of [
      "default",
      "a",
      "a-",
      "-a",
      "A",
      "a.b",
      "a".repeat(MAX_REGISTRY_CHARS),
      "a".repeat(MAX_REGISTRY_CHARS + 1),
    ]) {
      expect(pattern.test(name), name).toBe(isRegistryName(name));
    }
    const origin = /`(\[a-z0-9\.-\][^`]*)`, at most 128/.exec(section("### `registry.genesis`"))![1]!;
    const shaped = new RegExp(`^${origin}$`);
    for (const text of [ORIGIN, "a", "a/b_c/d", "a//b", "a/", "/a", "A", "a b", "a".repeat(128)]) {
      expect(shaped.test(text), text).toBe(isOrigin(text));
    }
    expect(isOrigin("a".repeat(129))).toBe(false);
  });

  test("the scopes of a bump and of a token", () => {
    const row = section("### `version.bumped`").match(/^\| `scope` +\|[^|]*\|([^|]*)\|/m)![1]!;
    expect([...row.matchAll(/`(\w+)`/g)].map(([, scope]) => scope)).toEqual([...SCOPES]);
    const listed = [...section("## Token").matchAll(/`((?:bump|release|channel):<glob>|read|watch|admin)`/g)];
    expect(new Set(listed.map(([, scope]) => scope))).toEqual(
      new Set(["bump:<glob>", "release:<glob>", "channel:<glob>", "read", "watch", "admin"]),
    );
    for (const [, scope] of listed) expect(isScope(scope!.replace("<glob>", "*")), scope).toBe(true);
  });

  test("the purposes of keys", () => {
    const rows = [...section("## Keys").matchAll(/^\| (`[^|]*`) +\|/gm)].flatMap(([, cell]) => cell!.split(", "));
    expect(rows.map((cell) => cell.replaceAll("`", ""))).toEqual([...PURPOSES]);
  });

  test("what a signature covers, in which order", () => {
    const text = section("## Signed answer");
    const line = text.split("\n").find((one) => one.startsWith('`"@status"'))!;
    const named = [...line.matchAll(/"[@a-z-]+"(?:;req)?/g)].map(([identifier]) => identifier);
    const all = { method: "POST", authority: "a", path: "/", query: "", header: () => "x" };
    expect(named).toEqual(coverageFor(all).identifiers);
    for (const label of ["tes-hmac", "tes-ed25519"]) {
      expect(text).toContain(`\`${label}\` (\`alg="${LABEL_ALGORITHMS[label]}"\`)`);
    }
  });

  test("the root of the empty tree", () => {
    expect(section("## Leaf and tree")).toContain("The root of the empty tree is SHA-256 of nothing.");
    expect(toHex(EMPTY_ROOT)).toBe(sha256Hex(new Uint8Array(0)));
  });
});
