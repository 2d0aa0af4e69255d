import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient, parseReleaseDocument, TesError, verifyRelease } from "../../src/client/index.ts";
import { findSubject } from "../../src/client/release.ts";
import { utf8 } from "../../src/core/bytes.ts";
import { sha256Hex } from "../../src/core/hash.ts";
import type { JsonValue } from "../../src/core/json.ts";
import { MAX_ATTESTATION_BYTES } from "../../src/core/limits.ts";
import { ask, codeOf, configure, jsonOf, MASTER, mint, ORIGIN, post, RECOVERY, restart } from "./authority.ts";
import { envelopeOf, type Publisher, payloadOf, publisherOf, setRequest, type TestFile } from "./publisher.ts";

const ENTITY = "global:main";
const REGISTRY = "acme";
const FILES: readonly TestFile[] = [
  { name: "tool.tgz", text: "the tool" },
  { name: "tool.txt", text: "what it is" },
];

const clientWith = async (scope: readonly string[]) =>
  createClient({
    url: ORIGIN,
    registry: REGISTRY,
    trustFirst: true,
    fetch: (url, init) => exports.default.fetch(url, init),
    delay: async () => undefined,
    token: await mint(REGISTRY, scope),
  });

const refused = async (work: Promise<unknown>): Promise<string> => {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof TesError) return thrown.code;
  throw thrown ?? new Error("It was not refused.");
};

let admin: Awaited<ReturnType<typeof clientWith>>;
let publisher: Awaited<ReturnType<typeof clientWith>>;
let genesis: string;
let scope: { registry: string; genesis: string; entity: string };
let ada: Publisher;
let bob: Publisher;
let eve: Publisher;

beforeEach(async () => {
  configure({ VERSION_SIGNING_KEY: MASTER });
  [ada, bob, eve] = (await Promise.all(["ada", "bob", "eve"].map(publisherOf))) as [Publisher, Publisher, Publisher];
  admin = await clientWith(["admin"]);
  await admin.createRegistry({ visibility: "public", recovery: { x: RECOVERY } });
  await admin.declare([{ entity: ENTITY, version: "1.0.0" }]);
  ({ genesis } = await admin.trust());
  scope = { registry: REGISTRY, genesis, entity: ENTITY };
  publisher = await clientWith([`release:${ENTITY}`]);
});
afterEach(() => reset());

/** Ada alone, or both, publish; `threshold` says how many it takes. */
const named = async (publishers: readonly Publisher[] = [ada], threshold = 1) =>
  admin.setPublishers(ENTITY, await setRequest(scope, 1, publishers, threshold));
const payload = (files: readonly TestFile[] = FILES, change: object = {}, version = "1.0.0") =>
  payloadOf({ ...scope, version }, files, change);
const release = async (by: readonly Publisher[] = [ada], body: object | string = payload()) =>
  publisher.release({ envelope: await envelopeOf(body, by) });

describe("publishers", () => {
  test("are named by an admin once, and change by their own word", async () => {
    expect(await refused(publisher.setPublishers(ENTITY, await setRequest(scope, 1, [ada], 1)))).toBe("forbidden");
    const { receipt } = await named();
    expect(receipt?.statement).toMatchObject({ type: "publishers.set", revision: 1, threshold: 1 });
    const usurped = await setRequest(scope, 2, [eve], 1, [eve], [[ada], 1]);
    expect(await refused(admin.setPublishers(ENTITY, usurped))).toBe("signatures_insufficient");
    await publisher.setPublishers(ENTITY, await setRequest(scope, 2, [ada, bob], 2, [ada, bob], [[ada], 1]));
    const found = await admin.publishers(ENTITY);
    expect(found).toMatchObject({ revision: 2, threshold: 2 });
    expect(found.history).toHaveLength(2);
  });

  test("a signature for another registry, entity or revision is none", async () => {
    for (const other of [{ genesis: sha256Hex(utf8("other")) }, { entity: "global:other" }, { registry: "other" }]) {
      const set = await setRequest({ ...scope, ...other }, 1, [ada], 1);
      expect(await refused(admin.setPublishers(ENTITY, set))).toBe("signatures_insufficient");
    }
    const later = await setRequest(scope, 2, [ada], 1);
    expect(await refused(admin.setPublishers(ENTITY, { ...later, revision: 1 }))).toBe("signatures_insufficient");
  });

  test("an entity without any shows none, and one that is not there is unknown", async () => {
    expect(await admin.publishers(ENTITY)).toMatchObject({ revision: 0, keys: [], history: [] });
    expect(await refused(admin.publishers("global:none"))).toBe("entity_unknown");
  });
});

/** Once the entity has its publisher. */
const withAda =
  (work: () => Promise<unknown>): (() => Promise<unknown>) =>
  async () => {
    await named();
    return work();
  };

describe("a release", () => {
  test("is published, read back, and proves itself offline", async () => {
    await named();
    const done = await release();
    expect(done).toMatchObject({ already: false, entity: ENTITY, version: "1.0.0" });
    expect(done.receipts.map(({ statement }) => statement.type)).toEqual(["release.published"]);
    const { release: proven, document } = await admin.releaseOf(ENTITY, "1.0.0");
    expect(proven).toMatchObject({ entity: ENTITY, version: "1.0.0", genesis, yanked: null });
    expect(proven.signers.map(({ kid }) => kid)).toEqual([ada.kid]);
    const kept = JSON.parse(JSON.stringify(document)) as JsonValue;
    const offline = await verifyRelease(parseReleaseDocument(kept), { registry: REGISTRY, genesis });
    expect(offline).toEqual(proven);
    const file = { sha256: sha256Hex(utf8("the tool")), size: 8 };
    expect(findSubject(offline, file, "tool.tgz").name).toBe("tool.tgz");
    expect(() => findSubject(offline, { ...file, sha256: sha256Hex(utf8("x")) }, "tool.tgz")).toThrow(
      expect.objectContaining({ code: "digest_mismatch" }),
    );
    expect(() => findSubject(offline, { ...file, sha256: sha256Hex(utf8("x")) }, "stranger")).toThrow(
      expect.objectContaining({ code: "artifact_unknown" }),
    );
    expect(
      await refused(verifyRelease(parseReleaseDocument(kept), { registry: REGISTRY, genesis: "0".repeat(64) })),
    ).toBe("genesis_mismatch");
  });

  test("the same content again is nothing new; other content is refused; a retry says the same", async () => {
    await named([ada, bob]);
    const body = { envelope: await envelopeOf(payload(), [ada]) };
    const first = await publisher.release(body, { idempotencyKey: "one" });
    const retry = await publisher.release(body, { idempotencyKey: "one" });
    expect(retry.receipts.map(({ statement }) => statement.seq)).toEqual(
      first.receipts.map(({ statement }) => statement.seq),
    );
    expect(await release([bob])).toMatchObject({ already: true });
    expect(await refused(release([ada], payload([FILES[0]!])))).toBe("release_exists");
  });

  test("two who release one version at once: one wins, the other is told", async () => {
    await named([ada, bob]);
    const outcomes = await Promise.allSettled([
      release([ada], payload([{ name: "a", text: "ada's" }])),
      release([bob], payload([{ name: "a", text: "bob's" }])),
    ]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = outcomes.find((outcome) => outcome.status === "rejected") as PromiseRejectedResult;
    expect(lost.reason).toMatchObject({ code: "release_exists" });
  });

  test("a threshold of two takes two, in one request, and is never seen half", async () => {
    await named([ada, bob], 2);
    expect(await refused(release([ada]))).toBe("signatures_insufficient");
    expect(await refused(release([ada, ada]))).toBe("envelope_invalid");
    expect((await admin.releases()).releases).toEqual([]);
    const { receipts } = await release([ada, bob]);
    expect(receipts).toHaveLength(2);
    expect((await admin.releaseOf(ENTITY, "1.0.0")).release.signers).toHaveLength(2);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["publishers_missing", () => release()],
    ["version_unknown", withAda(() => release([ada], payload(FILES, {}, "7.0.0")))],
    ["signatures_insufficient", withAda(() => release([eve]))],
    ["artifact_missing", withAda(() => release([ada], payload([{ name: "a", text: "a", url: "" }])))],
    ["artifact_name", withAda(() => release([ada], payload([{ name: "../a", text: "a" }])))],
    ["artifact_name_collision", withAda(() => release([ada], payload([...FILES, { name: "TOOL.tgz", text: "x" }])))],
    [
      "forbidden",
      withAda(async () => (await clientWith(["read"])).release({ envelope: await envelopeOf(payload(), [ada]) })),
    ],
    ["attestation_too_large", withAda(() => release([ada], `{"x":"${"y".repeat(MAX_ATTESTATION_BYTES)}"}`))],
  ])("is refused with %s, and nothing is written", async (code, work) => {
    expect(await refused(work())).toBe(code);
    expect((await admin.releases()).releases).toEqual([]);
  });

  test("what was signed for another registry, or changed after it was signed, is refused", async () => {
    await named();
    const other = payloadOf({ ...scope, genesis: sha256Hex(utf8("other")), version: "1.0.0" }, FILES);
    expect(await refused(release([ada], other))).toBe("invalid_field");
    const envelope = await envelopeOf(payload(), [ada]);
    const changed = await envelopeOf(payload([FILES[0]!]), []);
    expect(await refused(publisher.release({ envelope: { ...envelope, payload: changed.payload } }))).toBe(
      "signatures_insufficient",
    );
  });

  test("a dry run checks it all and writes nothing", async () => {
    await named();
    const envelope = await envelopeOf(payload(), [ada]);
    expect(await publisher.release({ envelope, dryRun: true })).toMatchObject({
      dryRun: true,
      already: false,
      receipts: [],
    });
    expect((await admin.releases()).releases).toEqual([]);
    expect(await refused(publisher.release({ envelope: await envelopeOf(payload(), [eve]), dryRun: true }))).toBe(
      "signatures_insufficient",
    );
  });

  test("an SBOM goes with it, about the same files only", async () => {
    await named();
    const envelope = await envelopeOf(payload(), [ada]);
    const sbom = { predicateType: "https://cyclonedx.org/bom", predicate: { bomFormat: "CycloneDX" } };
    const about = (files: readonly TestFile[]) => envelopeOf(payload(files, sbom), [ada]);
    expect(await refused(publisher.release({ envelope, attestations: [await about([FILES[0]!])] }))).toBe(
      "invalid_field",
    );
    // Another version's release, signed by people who were shown this one, goes along with nothing.
    const rider = await envelopeOf(payload(FILES, {}, "2.0.1"), [ada]);
    expect(await refused(publisher.release({ envelope, attestations: [rider] }))).toBe("envelope_invalid");
    const done = await publisher.release({ envelope, attestations: [await about(FILES)] });
    expect(done.receipts.map(({ statement }) => statement.type)).toEqual(["release.published", "release.attested"]);
    const { release: proven } = await admin.releaseOf(ENTITY, "1.0.0");
    expect(proven.attestations).toMatchObject([sbom]);
  });

  test("what the provenance names goes with it, whole: nothing is left out, and nothing else comes along", async () => {
    await named();
    const sbomOf = (serial: number) =>
      payload(FILES, { predicateType: "https://cyclonedx.org/bom", predicate: { bomFormat: "CycloneDX", serial } });
    const [one, other] = await Promise.all([1, 2].map((serial) => envelopeOf(sbomOf(serial), [ada])));
    const plain = payload() as { predicate: { runDetails: object } };
    const digest = { sha256: sha256Hex(utf8(JSON.stringify(sbomOf(1)))) };
    const byproducts = [{ name: "https://cyclonedx.org/bom", mediaType: "application/vnd.in-toto+json", digest }];
    const naming = { ...plain.predicate, runDetails: { ...plain.predicate.runDetails, byproducts } };
    const envelope = await envelopeOf({ ...plain, predicate: naming }, [ada]);
    expect(await refused(publisher.release({ envelope }))).toBe("invalid_field");
    expect(await refused(publisher.release({ envelope, attestations: [other!] }))).toBe("invalid_field");
    expect(await refused(publisher.release({ envelope, attestations: [one!, other!] }))).toBe("invalid_field");
    expect((await publisher.release({ envelope, attestations: [one!] })).receipts).toHaveLength(2);
    const { document } = await admin.releaseOf(ENTITY, "1.0.0");
    const pin = { registry: REGISTRY, genesis: (await admin.trust()).genesis };
    expect((await verifyRelease(document, pin)).missingAttestations).toEqual([]);
    // Taken out on the way, it is missed.
    const cut = structuredClone(document) as unknown as { release: { attestations: unknown[] } };
    cut.release.attestations = [];
    const proven = await verifyRelease(cut as unknown as typeof document, pin);
    expect(proven.missingAttestations).toEqual([{ name: "https://cyclonedx.org/bom", sha256: digest.sha256 }]);
  });

  test("a publisher that was removed signs no more, and what it signed before stays", async () => {
    await named([ada, bob]);
    await release([bob]);
    await publisher.setPublishers(ENTITY, await setRequest(scope, 2, [ada], 1, [ada], [[ada, bob], 1]));
    await admin.bump({ entity: ENTITY, scope: "minor" });
    expect(await refused(release([bob], payload(FILES, {}, "1.1.0")))).toBe("signatures_insufficient");
    expect((await admin.releaseOf(ENTITY, "1.0.0")).release.publishers.revision).toBe(1);
  });

  test("is withdrawn with a reason, and listed newest first, also after a restart", async () => {
    await named();
    await release();
    await admin.bump({ entity: ENTITY, scope: "minor" });
    await release([ada], payload(FILES, {}, "1.1.0"));
    const { receipt } = await publisher.yank(ENTITY, "1.0.0", { reason: "it eats files" });
    expect(receipt?.statement).toMatchObject({ type: "release.yanked" });
    expect((await publisher.yank(ENTITY, "1.0.0")).receipt).toBeNull();
    await restart(REGISTRY);
    const { releases, next } = await admin.releases({ entity: ENTITY });
    expect(releases.map(({ version, yanked }) => [version, yanked !== null])).toEqual([
      ["1.1.0", false],
      ["1.0.0", true],
    ]);
    expect(next).toBeNull();
    expect((await admin.blob(releases[1]!.yanked!.reason!.digest)).text).toBe("it eats files");
    await publisher.unyank(ENTITY, "1.0.0");
    expect((await admin.releaseOf(ENTITY, "1.0.0")).release.yanked).toBeNull();
    const page = await admin.releases({ limit: 1 });
    expect(page.next).not.toBeNull();
    expect((await admin.releases({ limit: 1, cursor: page.next! })).releases[0]?.version).toBe("1.0.0");
  });

  test("lives on through a rebuild, and nothing of it changes", async () => {
    await named();
    await release();
    const before = jsonOf(await ask(`/v1/${REGISTRY}/releases/${ENTITY}/1.0.0`));
    const token = await mint(REGISTRY, ["admin"]);
    expect(jsonOf(await post(`/v1/${REGISTRY}/rebuild`, {}, { token }))).toMatchObject({ changed: 0 });
    expect(jsonOf(await ask(`/v1/${REGISTRY}/releases/${ENTITY}/1.0.0`))).toEqual(before);
  });

  test("without its text nobody can tell what was signed, and that is said", async () => {
    await named();
    await release();
    const { receipts } = await admin.releaseAnswer(ENTITY, "1.0.0");
    const { payload: reference } = receipts[0]!.statement as unknown as { payload: { digest: string } };
    await admin.eraseBlob(reference.digest);
    expect(await refused(admin.releaseOf(ENTITY, "1.0.0"))).toBe("blob_erased");
    expect(await refused(admin.bundles(ENTITY, "1.0.0"))).toBe("blob_erased");
  });

  test("an unknown one is unknown, and a path is no version", async () => {
    expect(await refused(admin.releaseOf(ENTITY, "3.0.0"))).toBe("release_unknown");
    expect(codeOf(await ask(`/v1/${REGISTRY}/releases/${ENTITY}/%2e%2e`))).toMatch(
      /^(release_unknown|route_unknown|bad_request)$/,
    );
  });
});

test("whoever signs a change of publishers signs what it changes: over another past the signature is none", async () => {
  await named([ada, bob], 2);
  // Both sign what looks like a removal of nobody: the file told them that Eve was there before.
  const lie = await setRequest(scope, 2, [ada, bob, eve], 1, [ada, bob, eve], [[ada, bob, eve], 1]);
  expect(await refused(publisher.setPublishers(ENTITY, lie))).toBe("signatures_insufficient");
  const honest = await setRequest(scope, 2, [ada, bob, eve], 1, [ada, bob, eve], [[ada, bob], 2]);
  expect((await publisher.setPublishers(ENTITY, honest)).receipt?.statement).toMatchObject({ revision: 2 });
  // The same again is nothing new, and a retry gets no other answer.
  expect((await publisher.setPublishers(ENTITY, honest)).receipt).toBeNull();
  expect((await admin.publishers(ENTITY)).revision).toBe(2);
});
