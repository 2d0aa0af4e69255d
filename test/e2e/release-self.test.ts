/** The release of this project, rehearsed: packed, released by an authority of its own, accepted by everybody's verifiers. */

import { spawn } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import {
  isInstalled,
  verifyWithMinisign,
  verifyWithOpenssl,
  verifyWithSha256sum,
  verifyWithSsh,
} from "../verifiers/programs.ts";
import { verifyWithSigstore } from "../verifiers/sigstore.ts";
import { serve } from "./support/authority.ts";
import { makePlace } from "./support/place.ts";
import { done, json } from "./support/releases.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const TOOLS = ["minisign", "ssh-keygen", "openssl", "sha256sum"];

test("npm run release:self: package and Worker, with a bill of materials, and every verifier takes every file", async () => {
  await using place = await makePlace();
  const { name, version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as Record<string, string>;
  const data = ["--data", join(place.dir, ".tes"), "--file", join(ROOT, "tes.registry.json")];
  const { genesis } = await json<{ genesis: string }>(place, ["init", ...data]);
  await serve(place, { data: ".tes" });
  const key = ["--key", join(place.dir, "maintainer.key")];
  await done(place, ["publisher", "init", "--entity", "global:main", "--no-passphrase", ...key, ...data]);
  const out = join(place.dir, "released");
  const releaseSelf = () => {
    const home = { PATH: process.env.PATH, HOME: join(place.dir, "home"), TMPDIR: join(place.dir, "tmp") };
    const script = [join(ROOT, "scripts/release-self.ts"), ...key, ...data, "--out", out, "--json"];
    const child = spawn(join(ROOT, "node_modules/.bin/bun"), script, { cwd: ROOT, env: home });
    return Promise.all([text(child.stdout), text(child.stderr)]);
  };
  const [first, said] = await releaseSelf();
  expect(JSON.parse(first), said).toMatchObject({ entity: "global:main", version, already: false, files: 2 });

  const files = [`${name}-${version}.tgz`, `${name}-worker-${version}.js`];
  const names = await readdir(out);
  expect(names).toEqual(expect.arrayContaining(files));
  const verified = await json<{ attestations: { predicateType: string }[]; files: { name: string }[] }>(place, [
    ...["verify", join(out, "release.tes.json"), "--genesis", genesis, "--expect", `global:main@${version}`],
  ]);
  expect(verified.files.map((file) => file.name)).toEqual(files);
  expect(verified.attestations).toMatchObject([{ predicateType: "https://cyclonedx.org/bom" }]);

  const { keys } = await json<{ keys: { kid: string; x: string }[] }>(place, [
    "publisher",
    "list",
    "global:main",
    ...data,
  ]);
  const known = keys.map((one) => ({ ...one, from: 0 }));
  const trustedRoot = JSON.parse(await readFile(join(out, "trusted_root.json"), "utf8"));
  const bundles = names.filter((file) => file.endsWith(".sigstore.json"));
  expect(bundles).toHaveLength(2);
  for (const file of bundles) {
    const bundle = JSON.parse(await readFile(join(out, file), "utf8"));
    expect(verifyWithSigstore({ name: file, bundle, trustedRoot, keys: known }), file).toBeNull();
  }

  if (!TOOLS.every(isInstalled)) return;
  const publisher = names.find((file) => file.endsWith(".pem"))!.slice(0, -".pem".length);
  const at = (file: string) => join(out, file);
  for (const file of files) {
    const minisign = { file: at(file), signature: at(`${file}.minisig`), key: at(`${publisher}.minisign.pub`) };
    expect(await verifyWithMinisign(minisign)).toMatchObject({ accepted: true });
    const ssh = { file: at(file), signature: at(`${file}.sig`), key: at(`${publisher}.allowed_signers`) };
    expect(await verifyWithSsh(ssh, publisher)).toMatchObject({ accepted: true });
  }
  const sums = { file: at("SHA256SUMS"), signature: at("SHA256SUMS.ed25519"), key: at(`${publisher}.pem`) };
  expect(await verifyWithOpenssl(sums)).toMatchObject({ accepted: true });
  expect(await verifyWithSha256sum(out, "SHA256SUMS")).toMatchObject({ accepted: true });

  // The same commit is the same release: run again, nothing changes.
  const [second] = await releaseSelf();
  expect(JSON.parse(second)).toMatchObject({ already: true, written: false });
});
