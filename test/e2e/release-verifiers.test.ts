/** Releases of `tes serve` and `tes release` before the verifiers of others, unmodified. */

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { publisherWindows } from "../../src/protocol/publisher-windows.ts";
import { bentBundles, bentTrust } from "../verifiers/bent-bundles.ts";
import { flipBit } from "../verifiers/bits.ts";
import { COMMANDS, runCommand } from "../verifiers/commands.ts";
import { run } from "../verifiers/programs.ts";
import { type SigstoreCase, type SigstoreVerdict, verifyWithSigstore } from "../verifiers/sigstore.ts";
import { prepareData, serve } from "./support/authority.ts";
import { keyOf, mintToken } from "./support/keys.ts";
import { makePlace } from "./support/place.ts";
import { envelopeOf, publisherOf, setRequest } from "./support/publisher.ts";
import { beginReleases, FOLDER, release } from "./support/releases.ts";

const ENTITY = "global:main";
const MAIN = join(import.meta.dirname, "../verifiers/sigstore-main.ts");

/** In a process of its own. */
async function verifyOn(runtime: string, cases: readonly SigstoreCase[]): Promise<SigstoreVerdict[]> {
  const { accepted, said } = await run(runtime, [MAIN], JSON.stringify(cases));
  if (!accepted) throw new Error(`${runtime} failed:\n${said}`);
  return JSON.parse(said) as SigstoreVerdict[];
}

test("Sigstore's verifier, on Node and on Bun, takes the bundles of tes serve whole, and with nothing changed in them", async () => {
  await using place = await makePlace();
  const signing = keyOf("release verifiers");
  await prepareData(place, { signing, recovery: keyOf("release verifiers recovery") });
  const { url } = await serve(place);
  const client = createClient({ url, token: mintToken(signing), trustFirst: true });
  await client.declare([{ entity: ENTITY, version: "1.0.0" }]);
  const at = { registry: "default", genesis: (await client.trust()).genesis, entity: ENTITY, version: "1.0.0" };
  const publishers = [publisherOf("ada"), publisherOf("bob")];
  await client.setPublishers(ENTITY, setRequest(at, 1, publishers, 2));
  const files = [{ name: "tool.tgz", text: "the tool" }];
  const sbom = { predicateType: "https://spdx.dev/Document", predicate: { spdxVersion: "SPDX-2.3" } };
  await client.release({
    envelope: envelopeOf(at, files, publishers),
    attestations: [envelopeOf(at, files, publishers, sbom)],
  });

  const trustedRoot = await client.trustedRoot();
  const { history } = await client.publishers(ENTITY);
  // Sigstore's times are whole seconds.
  const keys = publisherWindows(history.map(({ statement }) => statement)).map((window) => ({
    ...window,
    from: window.from - (window.from % 1_000),
  }));
  const good = (await client.bundles(ENTITY, "1.0.0")).map(
    ({ signer, predicateType, bundle }): SigstoreCase => ({
      name: `${predicateType} by ${signer}`,
      bundle,
      trustedRoot,
      keys,
    }),
  );
  expect(good).toHaveLength(4);
  // Another log that nobody here believes: the same one, had it another key.
  const other = structuredClone(trustedRoot) as { tlogs: { publicKey: { rawBytes: string } }[] };
  const { x } = publisherOf("eve");
  other.tlogs[0]!.publicKey.rawBytes = Buffer.concat([
    Buffer.from("302a300506032b6570032100", "hex"),
    Buffer.from(x, "base64url"),
  ]).toString("base64");
  const bent = [...bentBundles(good[0]!), ...bentTrust(good[0]!, { trustedRoot: other, x })];
  const cases = [...good, ...bent];
  const expected = [...good.map(() => null), ...bent.map(({ refusal }) => expect.stringContaining(refusal))];
  const named = (verdicts: readonly unknown[]) => verdicts.map((verdict, i) => [cases[i]!.name, verdict]);

  expect(named(cases.map(verifyWithSigstore)), `Node ${process.version}`).toEqual(named(expected));
  const bare = cases.map(({ name, bundle, trustedRoot, keys }) => ({ name, bundle, trustedRoot, keys }));
  expect(named(await verifyOn("bun", bare)), "Bun").toEqual(named(expected));
});

/** Each file of a release's folder that can be changed, and which commands of the page have to notice. */
const CHANGES = (
  short: string,
): readonly (readonly [file: string, bit: (size: number) => number, by: readonly string[]])[] => [
  ["app.tgz", () => 5, ["minisign", "ssh-keygen", "openssl", "sigstore", "sigstore-bun"]],
  ["app.tgz.minisig", (size) => 8 * (size - 20), ["minisign"]],
  ["app.tgz.sig", (size) => 8 * (size - 60), ["ssh-keygen"]],
  ["SHA256SUMS", () => 2, ["openssl", "signify"]],
  ["SHA256SUMS.ed25519", () => 100, ["openssl", "signify"]],
  [`${short}.sigstore.json`, (size) => 8 * (size - 90), ["sigstore", "sigstore-bun"]],
];

test("every command of docs/verifiers.md takes the folder that tes release wrote, and notices what was changed in it", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await release(place);
  const folder = join(place.dir, FOLDER);
  const names = await readdir(folder);
  const short = names.find((name) => name.endsWith(".sigstore.json"))!.slice(0, 8);
  const ask = async (directory: string, file = "app.tgz") =>
    Promise.all(
      COMMANDS.map(async (name) => [name, (await runCommand(name, directory, { publisher: short, file })).accepted]),
    );
  for (const file of ["app.tgz", "notes.txt"]) {
    expect(await ask(folder, file)).toEqual(COMMANDS.map((name) => [name, true]));
  }
  for (const [name, bit, by] of CHANGES(short)) {
    const copy = join(place.dir, "changed", name);
    await cp(folder, copy, { recursive: true, verbatimSymlinks: true });
    const bytes = await readFile(join(copy, name));
    await writeFile(join(copy, name), flipBit(bytes, bit(bytes.length)));
    const expected = COMMANDS.map((command) => [command, !by.includes(command)]);
    expect(await ask(copy), name).toEqual(expected);
  }
});
