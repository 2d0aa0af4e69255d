/** A trusted_root.json that says more, or something else, than the keys of its registry bear out. */

import { expect, test } from "vitest";
import { checkTrustedRoot } from "../../../src/cli/release/trusted-root.ts";
import { fromBase64Url, toBase64, toBase64Url, utf8 } from "../../../src/core/bytes.ts";
import { parseCheckpointBody, signCheckpoint } from "../../../src/core/checkpoint.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { deriveEd25519, importEd25519Seed } from "../../../src/core/keys.ts";
import { parseNote } from "../../../src/core/notes.ts";
import { logOf, trustedRoot } from "../../../src/core/sigstore.ts";
import { type Genesis, restoreBytes } from "../../../src/protocol/statements.ts";
import { makeRegistry, NOW_S, ORIGIN, seedOf } from "../client/registry.ts";

const NOW = 1_000 * NOW_S;
const SECOND = 1_000;
type Json = Record<string, JsonValue>;

const publicKeyOf = ({ statements }: { readonly statements: readonly unknown[] }) =>
  fromBase64Url((statements[0] as Genesis).keys["log-ed25519"].x)!;

/** A registry that moved once, 90 seconds and a half after its genesis: its keys, and the root as it is written. */
async function moved() {
  const registry = await makeRegistry("root");
  const next = await makeRegistry("the next root");
  const to = { url: "https://elsewhere.test", keys: (next.statements[0] as Genesis).keys };
  registry.add({ type: "registry.moved", to }, { at: NOW + 90_500 });
  const keys = { ...(await registry.keys()), announcements: [await registry.receipt(1)] };
  const first = { origin: ORIGIN, publicKey: publicKeyOf(registry), from: NOW, until: NOW + 90_500 };
  const root = trustedRoot([logOf(first), logOf({ origin: ORIGIN, publicKey: publicKeyOf(next), from: NOW })]);
  return { registry, keys, root };
}

const wire = (value: unknown): JsonValue => parseJson(utf8(JSON.stringify(value)));

async function said(root: unknown, keys: unknown, genesis: string): Promise<string> {
  const anchor = { registry: "default", genesis, pinnedBy: "the test" };
  return checkTrustedRoot(utf8(typeof root === "string" ? root : JSON.stringify(root)), wire(keys), anchor).then(
    (found) => found,
    ({ code, detail }: { code: string; detail: string }) => `${code}: ${detail}`,
  );
}

const differs = (pointer: string) =>
  `signature_file_invalid: ${pointer} is not what the authority writes for this registry's logs`;
const strange = "key_unknown: it names a log that is not this registry's";

test("as the authority writes it, it is proved, however its JSON is laid out", async () => {
  const { registry, keys, root } = await moved();
  expect(await said(root, keys, registry.genesis)).toBe("current");
  expect(await said(JSON.stringify(root, null, 2), keys, registry.genesis)).toBe("current");
});

test("one that was written before the last key came is told from one that somebody changed", async () => {
  const { registry, keys } = await moved();
  const old = trustedRoot([logOf({ origin: ORIGIN, publicKey: publicKeyOf(registry), from: NOW })]);
  expect(await said(old, { ...keys, announcements: [] }, registry.genesis)).toBe("current");
  expect(await said(old, keys, registry.genesis)).toBe("old");
});

const key = (log: Json) => log.publicKey as Json;
const validFor = (log: Json) => key(log).validFor as Json;

test.each<[string, (root: Json, first: Json, second: Json) => unknown, string]>([
  [
    "another authority",
    (root) => (root.certificateAuthorities as JsonValue[]).push({}),
    differs("/certificateAuthorities/0"),
  ],
  [
    "another authority in snake case",
    (root) => (root.certificate_authorities = [{}]),
    differs("/certificate_authorities"),
  ],
  [
    "a timestamp authority in snake case",
    (root) => (root.timestamp_authorities = []),
    differs("/timestamp_authorities"),
  ],
  ["a list that is gone", (root) => delete root.ctlogs, differs("/ctlogs")],
  ["another type", (root) => (root.mediaType = "application/json"), differs("/mediaType")],
  ["logs in snake case too", (root) => (root.t_logs = []), differs("/t_logs")],
  [
    "an earlier start",
    (_, log) => (validFor(log).start = "1970-01-01T00:00:00.000Z"),
    differs("/tlogs/0/publicKey/validFor/start"),
  ],
  [
    "a later end",
    (_, log) => (validFor(log).end = "2036-01-01T00:00:00.000Z"),
    differs("/tlogs/0/publicKey/validFor/end"),
  ],
  ["no end", (_, log) => delete validFor(log).end, differs("/tlogs/0/publicKey/validFor/end")],
  [
    "an end of the key in use",
    (_, __, log) => (validFor(log).end = validFor(log).start!),
    differs("/tlogs/1/publicKey/validFor/end"),
  ],
  ["no time at all", (_, log) => delete key(log).validFor, differs("/tlogs/0/publicKey/validFor")],
  ["another address", (_, log) => (log.baseUrl = "https://evil.test"), differs("/tlogs/0/baseUrl")],
  ["the id of another log", (_, log, other) => (log.logId = other.logId!), differs("/tlogs/0/logId/keyId")],
  ["a second spelling of the id", (_, log) => (log.log_id = log.logId!), differs("/tlogs/0/log_id")],
  ["a checkpoint's id", (_, log) => (log.checkpointKeyId = log.logId!), differs("/tlogs/0/checkpointKeyId")],
  ["another hash", (_, log) => (log.hashAlgorithm = "SHA2_512"), differs("/tlogs/0/hashAlgorithm")],
  [
    "other key details",
    (_, log) => (key(log).keyDetails = "PKIX_ED25519_PH"),
    differs("/tlogs/0/publicKey/keyDetails"),
  ],
  ["a key beside the key", (_, log) => (key(log).raw_bytes = "AAAA"), differs("/tlogs/0/publicKey/raw_bytes")],
  ["a log twice", (root, log) => (root.tlogs as JsonValue[]).push(log), differs("/tlogs/2")],
  ["a log fewer", (root) => (root.tlogs as JsonValue[]).pop(), differs("/tlogs/1")],
  ["the key of a stranger", (_, log) => (key(log).rawBytes = "AAAA"), strange],
  ["no key", (_, log) => delete log.publicKey, strange],
  ["no log", (root) => (root.tlogs = []), "signature_file_invalid: it names no log"],
  ["a member twice", () => '{"tlogs":[],"tlogs":[]}', "signature_file_invalid: it is no JSON that means one thing"],
  ["nothing", () => "null", "signature_file_invalid: it names no log"],
])("%s is refused", async (_, change, detail) => {
  const { registry, keys, root } = await moved();
  const bent = structuredClone(root) as unknown as Json;
  const [first, second] = bent.tlogs as Json[];
  const text = change(bent, first!, second!);
  expect(
    await said(
      (typeof text === "string" && text.startsWith("{")) || text === "null" ? text : bent,
      keys,
      registry.genesis,
    ),
  ).toBe(detail);
});

test("where a restore ended a log its end lies before the restore, and not before what came before that", async () => {
  const registry = await makeRegistry("root");
  const next = await makeRegistry("the next root");
  const { keys: nextKeys } = next.statements[0] as Genesis;
  const { root: lostRoot } = parseCheckpointBody(parseNote(await registry.note(1)).text);
  const lost = { size: 1, root: toBase64(lostRoot) };
  const says = { epoch: 2, origin: `${ORIGIN}/epoch-2`, lost, floor: [], keys: nextKeys };
  const recovery = await importEd25519Seed(seedOf("root recovery"));
  const scope = { registry: "default", genesis: registry.genesis, ...lost };
  const signature = await crypto.subtle.sign("Ed25519", recovery.privateKey, restoreBytes(scope, says));
  const { kid } = (registry.statements[0] as Genesis).recovery;
  registry.add(
    {
      type: "registry.restored",
      ...says,
      recovery: { kid, signature: toBase64Url(new Uint8Array(signature)) },
    } as never,
    { at: NOW + 90_500 },
  );
  const head = parseCheckpointBody(parseNote(await registry.note(2)).text).root;
  const signer = await deriveEd25519(seedOf("the next root"), "log-ed25519", "default");
  const checkpoint = await signCheckpoint({ origin: says.origin, size: 2, root: head }, signer);
  const keys = { ...(await registry.keys()), announcements: [{ ...(await registry.receipt(1)), checkpoint }] };
  const ended = (until: number) =>
    trustedRoot([
      logOf({ origin: ORIGIN, publicKey: publicKeyOf(registry), from: NOW, until }),
      logOf({ origin: says.origin, publicKey: publicKeyOf(next), from: NOW }),
    ]);
  const of = (until: number) => said(ended(until), keys, registry.genesis);
  expect(await of(NOW)).toBe("current");
  expect(await of(NOW + 90_000)).toBe("current");
  const end = differs("/tlogs/0/publicKey/validFor/end");
  expect(await of(NOW - SECOND)).toBe(end);
  expect(await of(NOW + 91_000)).toBe(end);
  const spelled = JSON.stringify(ended(NOW + 90_000)).replace(/("end":"[^".]+)\.000Z/, "$1Z");
  expect(await said(spelled, keys, registry.genesis)).toBe(end);
});
