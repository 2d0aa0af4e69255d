/** A bundle and its trusted root, each time with one thing changed: none of them may be accepted. */

import { flipBit } from "./bits.ts";
import type { SigstoreCase } from "./sigstore.ts";

/** A case that has to be refused, and how the refusal begins. */
export interface BentCase extends SigstoreCase {
  readonly refusal: string;
}

// biome-ignore lint/suspicious/noExplicitAny: it is bent in places that a type would forbid
type Loose = any;

const ENTRY = "verificationMaterial.tlogEntries.0";
const PROOF = `${ENTRY}.inclusionProof`;

/** Changes what stands at a path of members; undefined takes it away. */
function bend(object: Loose, path: string, change: (value: Loose) => unknown): void {
  const members = path.split(".");
  const last = members.pop()!;
  const owner = members.reduce((value, member) => value[member], object);
  const changed = change(owner[last]);
  if (changed === undefined) Reflect.deleteProperty(owner, last);
  else owner[last] = changed;
}

const bit =
  (at: number) =>
  (base64: string): string => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
    return btoa(String.fromCharCode(...flipBit(bytes, at)));
  };
const plusOne = (count: string): string => String(Number(count) + 1);
const gone = (): undefined => undefined;
const twice = (list: readonly unknown[]): unknown[] => [...list, list[0]];

/** One line of a checkpoint. */
const line =
  (at: number, change: (text: string) => string) =>
  (note: string): string =>
    note
      .split("\n")
      .map((text, i) => (i === at ? change(text) : text))
      .join("\n");
/** The signature in a note's signature line: four bytes of key id, then 64. */
const signature = (at: number) => (text: string) => text.replace(/\S+$/, bit(at));

const CHANGES: readonly (readonly [name: string, path: string, change: (value: Loose) => unknown, refusal: string])[] =
  [
    ["a bit of the payload", "dsseEnvelope.payload", bit(1_000), "TLOG_BODY_ERROR"],
    ["the payload's type", "dsseEnvelope.payloadType", (type) => `${type}x`, "TLOG_BODY_ERROR"],
    ["a bit of the signature", "dsseEnvelope.signatures.0.sig", bit(77), "TLOG_BODY_ERROR"],
    ["a second signature", "dsseEnvelope.signatures", twice, "ERROR: invalid bundle"],
    ["no signature", "dsseEnvelope.signatures", () => [], "ERROR: invalid bundle"],
    ["a bit of the proof", `${PROOF}.hashes.0`, bit(9), "TLOG_INCLUSION_PROOF_ERROR"],
    ["a hash more in the proof", `${PROOF}.hashes`, twice, "TLOG_INCLUSION_PROOF_ERROR"],
    ["a hash less in the proof", `${PROOF}.hashes`, (hashes) => hashes.slice(1), "TLOG_INCLUSION_PROOF_ERROR"],
    ["another place in the tree", `${PROOF}.logIndex`, () => "0", "TLOG_INCLUSION_PROOF_ERROR"],
    ["no proof", PROOF, gone, "ERROR: invalid bundle"],
    ["no checkpoint", `${PROOF}.checkpoint`, gone, "ERROR: invalid bundle"],
    [
      "another log's name",
      `${PROOF}.checkpoint.envelope`,
      line(0, (origin) => `${origin}x`),
      "TLOG_INCLUSION_PROOF_ERROR",
    ],
    ["another size", `${PROOF}.checkpoint.envelope`, line(1, plusOne), "TLOG_INCLUSION_PROOF_ERROR"],
    ["a bit of the root", `${PROOF}.checkpoint.envelope`, line(2, bit(33)), "TLOG_INCLUSION_PROOF_ERROR"],
    ["a bit of the checkpoint", `${PROOF}.checkpoint.envelope`, line(4, signature(200)), "TLOG_INCLUSION_PROOF_ERROR"],
    ["a bit of its key id", `${PROOF}.checkpoint.envelope`, line(4, signature(3)), "TLOG_INCLUSION_PROOF_ERROR"],
    [
      "a bit of the promise",
      `${ENTRY}.inclusionPromise.signedEntryTimestamp`,
      bit(200),
      "TLOG_INCLUSION_PROMISE_ERROR",
    ],
    ["no promise", `${ENTRY}.inclusionPromise`, gone, "TIMESTAMP_ERROR"],
    ["another second", `${ENTRY}.integratedTime`, plusOne, "TLOG_INCLUSION_PROMISE_ERROR"],
    ["another index", `${ENTRY}.logIndex`, plusOne, "TLOG_INCLUSION_PROMISE_ERROR"],
    ["another log id", `${ENTRY}.logId.keyId`, bit(255), "TLOG_INCLUSION_PROMISE_ERROR"],
    ["a bit of the statement", `${ENTRY}.canonicalizedBody`, bit(805), "TLOG_INCLUSION_PROMISE_ERROR"],
    ["another kind", `${ENTRY}.kindVersion.kind`, () => "dsse", "TLOG_BODY_ERROR"],
    ["no entry of a log", "verificationMaterial.tlogEntries", () => [], "TIMESTAMP_ERROR"],
    ["the entry twice", "verificationMaterial.tlogEntries", twice, "TIMESTAMP_ERROR: duplicate"],
    ["another publisher's name", "verificationMaterial.publicKey.hint", () => "stranger", "ERROR: no publisher"],
    ["another media type", "mediaType", () => "application/json", "ERROR: invalid bundle"],
  ];

/** The case with each change in its bundle. */
export function bentBundles(good: SigstoreCase): BentCase[] {
  return CHANGES.map(([name, path, change, refusal]) => {
    const bundle = structuredClone(good.bundle);
    bend(bundle, path, change);
    return { ...good, name, bundle, refusal };
  });
}

/**
 * The case with another trust each time, none of which is enough.
 *
 * @param stranger another registry's trusted root, and the key of somebody who is no publisher
 */
export function bentTrust(
  good: SigstoreCase,
  stranger: { readonly trustedRoot: unknown; readonly x: string },
): BentCase[] {
  const entry = (good.bundle as Loose).verificationMaterial.tlogEntries[0];
  const signer = (good.bundle as Loose).verificationMaterial.publicKey.hint as string;
  const key = good.keys.find(({ kid }) => kid === signer)!;
  const at = 1_000 * Number(entry.integratedTime);
  const time = (ms: number) => new Date(ms).toISOString();
  const rooted = (name: string, refusal: string, path: string, change: (value: Loose) => unknown): BentCase => {
    const trustedRoot = structuredClone(good.trustedRoot) as Loose;
    for (const log of trustedRoot.tlogs) bend(log, path, change);
    return { ...good, name, refusal, trustedRoot };
  };
  const keyed = (name: string, refusal: string, change: object): BentCase => ({
    ...good,
    name,
    refusal,
    keys: [{ ...key, ...change }],
  });
  const promise = "TLOG_INCLUSION_PROMISE_ERROR";
  const { rawBytes } = (stranger.trustedRoot as Loose).tlogs[0].publicKey;
  return [
    { ...good, name: "another registry's trusted root", refusal: promise, trustedRoot: stranger.trustedRoot },
    rooted("another registry's key under this log's id", promise, "publicKey.rawBytes", () => rawBytes),
    rooted("a log under another address", "TLOG_INCLUSION_PROOF_ERROR", "baseUrl", () => "https://log.test"),
    rooted("a log whose key came later", promise, "publicKey.validFor", () => ({ start: time(at + 1_000) })),
    rooted("a log whose key had ended", promise, "publicKey.validFor.end", () => time(at - 1)),
    { ...good, name: "no log", refusal: promise, trustedRoot: { ...(good.trustedRoot as object), tlogs: [] } },
    keyed("another publisher's key", "SIGNATURE_ERROR", { x: stranger.x }),
    keyed("a publisher that was named later", "PUBLIC_KEY_ERROR", { from: at + 1_000 }),
    keyed("a publisher that was removed before", "PUBLIC_KEY_ERROR", { from: 0, until: at - 1 }),
    { ...good, name: "no publisher", refusal: "ERROR: no publisher", keys: [] },
  ];
}
