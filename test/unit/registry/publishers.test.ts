import { expect, test } from "vitest";
import { compareCodeUnits, toBase64Url } from "../../../src/core/bytes.ts";
import type { PublicKey } from "../../../src/protocol/statements.ts";
import type { PublishersCommand } from "../../../src/registry/decide.ts";
import { GENESIS, publicKey, refusal } from "../protocol/samples.ts";
import { createSmallLog } from "./small-log.ts";

const [A, B, C] = ["a", "b", "c"].map((label) => publicKey(`publisher ${label}`)) as [PublicKey, PublicKey, PublicKey];
const RECOVERY = GENESIS.recovery;
const byKid = (a: { kid: string }, b: { kid: string }): number => compareCodeUnits(a.kid, b.kid);

/** Signatures here are what the caller has checked: only whose they are counts. */
const setOf = (revision: number, keys: PublicKey[], threshold: number, signers: PublicKey[]): PublishersCommand => ({
  kind: "publishers",
  entity: "global:main",
  revision,
  keys: [...keys].sort(byKid),
  threshold,
  signatures: signers.map(({ kid }) => ({ kid, signature: toBase64Url(new Uint8Array(64)) })).sort(byKid),
});

const opened = (): ReturnType<typeof createSmallLog> => createSmallLog({ entity: "global:main" });

test("the first set needs every key's own signature", () => {
  const log = opened();
  expect(refusal(() => log.run(setOf(1, [A, B], 1, [A])))).toBe("signatures_insufficient");
  expect(refusal(() => log.run(setOf(1, [A, B], 1, [])))).toBe("signatures_insufficient");
  expect(log.run(setOf(1, [A, B], 1, [A, B]))).toMatchObject({ type: "publishers.set", revision: 1 });
  expect(log.rows.publishers("global:main")).toMatchObject({ revision: 1, threshold: 1, revisions: [2] });
});

test("a threshold is at most the number of keys, and an entity has to be there", () => {
  const log = opened();
  expect(refusal(() => log.run(setOf(1, [A], 2, [A])))).toBe("invalid_field /threshold");
  expect(refusal(() => log.run({ ...setOf(1, [A], 1, [A]), entity: "global:other" }))).toBe("entity_unknown");
});

test("a later set needs as many of the present keys as the present threshold says, and each new one", () => {
  const log = opened();
  log.run(setOf(1, [A, B], 2, [A, B]));
  expect(refusal(() => log.run(setOf(2, [A, B, C], 1, [A, C])))).toBe("signatures_insufficient");
  expect(refusal(() => log.run(setOf(2, [A, B, C], 1, [A, B])))).toBe("signatures_insufficient");
  expect(refusal(() => log.run(setOf(2, [C], 1, [C])))).toBe("signatures_insufficient");
  expect(log.run(setOf(2, [A, C], 1, [A, B, C]))).not.toBeNull();
  // B is gone: its word counts no more.
  expect(refusal(() => log.run(setOf(3, [B], 1, [B])))).toBe("signatures_insufficient");
  expect(log.run(setOf(3, [A], 1, [C]))).not.toBeNull();
});

test("the recovery key stands for lost publishers, and never for a new key's own signature", () => {
  const log = opened();
  log.run(setOf(1, [A, B], 2, [A, B]));
  expect(refusal(() => log.run(setOf(2, [C], 1, [RECOVERY])))).toBe("signatures_insufficient");
  expect(log.run(setOf(2, [C], 1, [RECOVERY, C]))).not.toBeNull();
});

test("revisions count up, and the same set again changes nothing", () => {
  const log = opened();
  expect(refusal(() => log.run(setOf(2, [A], 1, [A])))).toBe("publishers_conflict /revision");
  log.run(setOf(1, [A], 1, [A]));
  expect(log.run(setOf(1, [A], 1, [A]))).toBeNull();
  expect(refusal(() => log.run(setOf(1, [B], 1, [A, B])))).toBe("publishers_conflict /revision");
});
