/** Sigstore's own verifier, inside workerd, on the bundles of a release that the authority made. */

import { reset } from "cloudflare:test";
import { exports } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { checkTrustedRoot } from "../../src/cli/release/trusted-root.ts";
import { createClient, memoryPins, openImport } from "../../src/client/index.ts";
import { toBase64, toBase64Url, utf8 } from "../../src/core/bytes.ts";
import { publisherWindows } from "../../src/protocol/publisher-windows.ts";
import { restoreBytes } from "../../src/protocol/statements.ts";
import { bentBundles, bentTrust } from "../verifiers/bent-bundles.ts";
import { type KnownKey, type SigstoreCase, verifyWithSigstore } from "../verifiers/sigstore.ts";
import { configure, MASTER, masterOf, mint, ORIGIN, post, RECOVERY, textOf } from "./authority.ts";
import { envelopeOf, type Publisher, payloadOf, publisherOf, setRequest } from "./publisher.ts";

const ENTITY = "global:main";
const FILES = [{ name: "tool.tgz", text: "the tool" }];
const TARGET = "https://tes.test:8443";
const TARGET_MASTER = masterOf("the key of the target");
const fetch = (url: string | URL | Request, init?: RequestInit) => exports.default.fetch(new Request(url, init));

/** A registry with an entity at 1.0.0, and a client that may do everything. */
async function open(registry: string, recovery = RECOVERY) {
  const token = await mint(registry, ["admin"]);
  const client = createClient({ url: ORIGIN, registry, token, trustFirst: true, fetch, delay: async () => undefined });
  await client.createRegistry({ visibility: "public", recovery: { x: recovery } });
  await client.declare([{ entity: ENTITY, version: "1.0.0" }]);
  return client;
}
type Client = Awaited<ReturnType<typeof open>>;

let ada: Publisher;
let bob: Publisher;
let acme: Client;
let scope: { registry: string; genesis: string; entity: string };
/** Sigstore's times are whole seconds; what follows is later by more than one. */
const later = () => vi.setSystemTime(Date.now() + 5_000);
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  configure({ VERSION_SIGNING_KEY: MASTER });
  [ada, bob] = [await publisherOf("ada"), await publisherOf("bob")];
  acme = await open("acme");
  scope = { registry: "acme", genesis: (await acme.trust()).genesis, entity: ENTITY };
});
afterEach(async () => {
  vi.useRealTimers();
  await reset();
});

const release = async (client: Client, by: readonly Publisher[], version = "1.0.0") =>
  client.release({ envelope: await envelopeOf(payloadOf({ ...scope, version }, FILES), by) });

/** Seconds, since Sigstore's times are whole ones: what came in the same second counts as before. */
const keysOf = async (client: Client): Promise<KnownKey[]> => {
  const { history } = await client.publishers(ENTITY);
  return publisherWindows(history.map(({ statement }) => statement)).map(({ from, ...window }) => ({
    ...window,
    from: Math.floor(from / 1_000) * 1_000,
  }));
};

async function* each(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** What somebody finds who looks for the bundles of a release. */
const casesOf = async (client: Client, version = "1.0.0"): Promise<SigstoreCase[]> => {
  const [bundles, trustedRoot, keys] = [
    await client.bundles(ENTITY, version),
    await client.trustedRoot(),
    await keysOf(client),
  ];
  // What the authority writes is what tes verify takes, also after a move and a restore.
  const { document } = await client.releaseOf(ENTITY, version);
  const { registry, genesis } = scope;
  const anchor = { registry, genesis, pinnedBy: "the test" };
  expect(await checkTrustedRoot(utf8(JSON.stringify(trustedRoot)), document.keys, anchor)).toBe("current");
  return bundles.map(({ signer, predicateType, bundle }) => ({
    name: `${predicateType} by ${signer}`,
    bundle,
    trustedRoot,
    keys,
  }));
};

test("every bundle is accepted: two signers, provenance and SBOM", async () => {
  await acme.setPublishers(ENTITY, await setRequest(scope, 1, [ada, bob], 2));
  const version = "1.0.0";
  const sbom = { predicateType: "https://cyclonedx.org/bom", predicate: { bomFormat: "CycloneDX" } };
  const payload = payloadOf({ ...scope, version }, FILES);
  await acme.release({
    envelope: await envelopeOf(payload, [ada, bob]),
    attestations: [await envelopeOf(payloadOf({ ...scope, version }, FILES, sbom), [ada, bob])],
  });
  const cases = await casesOf(acme);
  expect(cases).toHaveLength(4);
  for (const one of cases) expect(verifyWithSigstore(one), one.name).toBeNull();
});

describe("nothing else is", () => {
  test("with anything changed in the bundle, or another trust", async () => {
    await acme.setPublishers(ENTITY, await setRequest(scope, 1, [ada], 1));
    await release(acme, [ada]);
    const [good] = (await casesOf(acme)) as [SigstoreCase];
    expect(verifyWithSigstore(good)).toBeNull();
    const other = await open("other");
    const bent = [...bentBundles(good), ...bentTrust(good, { trustedRoot: await other.trustedRoot(), x: bob.x })];
    const verdicts = bent.map((one) => [one.name, verifyWithSigstore(one)]);
    expect(verdicts).toEqual(bent.map(({ name, refusal }) => [name, expect.stringContaining(refusal)]));
  });

  test("by a publisher after they were removed, while what they signed before still is", async () => {
    await acme.setPublishers(ENTITY, await setRequest(scope, 1, [ada, bob], 1));
    later();
    await release(acme, [bob]);
    later();
    await acme.setPublishers(ENTITY, await setRequest(scope, 2, [ada], 1, [ada], [[ada, bob], 1]));
    const [before] = (await casesOf(acme)) as [SigstoreCase];
    expect(verifyWithSigstore(before)).toBeNull();
    // The same bundle, had it been logged when bob was a publisher no more, or not yet.
    const bobs = before.keys.find(({ kid }) => kid === bob.kid)!;
    expect(bobs.until! - bobs.from).toBeGreaterThanOrEqual(10_000);
    for (const shift of [-7_000, 7_000]) {
      const keys = [{ ...bobs, from: bobs.from + shift, until: bobs.until! + shift }];
      expect(verifyWithSigstore({ ...before, keys })).toMatch(
        /^PUBLIC_KEY_ERROR: Public key is not valid for timestamp/,
      );
    }
  });
});

test("after a move to another key, what was released before and after is accepted with one trusted root", async () => {
  const at = { url: TARGET, registry: "acme", fetch };
  const targetToken = () => mint("acme", ["admin"], { master: TARGET_MASTER });
  configure({ VERSION_SIGNING_KEY: TARGET_MASTER });
  await reset();
  const { keys } = await openImport({ ...at, token: await targetToken() }).state();
  await reset();
  configure({ VERSION_SIGNING_KEY: MASTER });
  acme = await open("acme");
  scope = { ...scope, genesis: (await acme.trust()).genesis };
  await acme.setPublishers(ENTITY, await setRequest(scope, 1, [ada], 1));
  later();
  await release(acme, [ada]);
  const [kept] = (await casesOf(acme)) as [SigstoreCase];
  const pins = memoryPins();
  later();
  await acme.move({ url: TARGET, keys });
  const lines: string[] = [];
  for await (const line of acme.exportLines()) lines.push(line);
  await reset();
  configure({ VERSION_SIGNING_KEY: TARGET_MASTER });
  const token = await targetToken();
  const target = openImport({ ...at, token });
  await target.send(each(lines));
  later();
  const moved = createClient({ ...at, token, trustFirst: true, store: pins, pinKey: "acme" });
  await moved.bump({ entity: ENTITY, scope: "minor" });
  await release(moved, [ada], "1.1.0");
  const [before] = (await casesOf(moved)) as [SigstoreCase];
  const [after] = (await casesOf(moved, "1.1.0")) as [SigstoreCase];
  expect(verifyWithSigstore(before), "released before, its bundle made after").toBeNull();
  expect(verifyWithSigstore(after), "released after").toBeNull();
  expect(verifyWithSigstore({ ...kept, trustedRoot: after.trustedRoot }), "a bundle kept from before").toBeNull();
});

test("after a restore, what the log lost is accepted no more, and everything else is", async () => {
  await reset();
  const recovery = await publisherOf("recovery");
  acme = await open("acme", recovery.x);
  const { genesis } = await acme.trust();
  const { statement } = await acme.receipt(0);
  if (statement.type !== "registry.genesis") return expect.unreachable();
  scope = { ...scope, genesis };
  await acme.setPublishers(ENTITY, await setRequest(scope, 1, [ada], 1));
  await release(acme, [ada]);
  const [kept] = (await casesOf(acme)) as [SigstoreCase];
  const lines: string[] = [];
  for await (const line of acme.exportLines()) lines.push(line);
  const { size, root } = await acme.checkpoint();
  later();
  await acme.bump({ entity: ENTITY, scope: "minor" });
  await release(acme, [ada], "1.1.0");
  const [gone] = (await casesOf(acme, "1.1.0")) as [SigstoreCase];
  const lost = await acme.checkpoint();
  await reset();
  later();
  const token = await mint("acme", ["admin"]);
  await openImport({ url: ORIGIN, registry: "acme", fetch, token }).send(each(lines));
  const body = {
    epoch: 2,
    origin: "tes.local/acme/epoch-2",
    lost: { size: lost.size, root: toBase64(lost.root) },
    floor: [],
    keys: statement.keys,
  };
  const signed = restoreBytes({ registry: "acme", genesis, size, root: toBase64(root) }, body);
  const signature = toBase64Url(new Uint8Array(await crypto.subtle.sign("Ed25519", recovery.privateKey, signed)));
  const restored = await post("/v1/acme/restore", { ...body, recovery: { kid: recovery.kid, signature } }, { token });
  expect(restored.status, textOf(restored)).toBe(200);
  const again = createClient({ url: ORIGIN, registry: "acme", token, trustFirst: true, fetch });
  const [found] = (await casesOf(again)) as [SigstoreCase];
  expect(found.trustedRoot).toMatchObject({ tlogs: [{ baseUrl: "https://tes.local/acme" }, {}] });
  expect(verifyWithSigstore(found)).toBeNull();
  expect(verifyWithSigstore({ ...kept, trustedRoot: found.trustedRoot })).toBeNull();
  expect(verifyWithSigstore(gone)).toBeNull();
  expect(verifyWithSigstore({ ...gone, trustedRoot: found.trustedRoot })).toMatch(/^TLOG_INCLUSION_PROMISE_ERROR/);
});
