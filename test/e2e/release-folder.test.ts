/** `tes verify FOLDER`: what lies beside the files for other tools is held against the publishers that are proved. */

import { cp, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { flipBit } from "../verifiers/bits.ts";
import { makePlace, type Place } from "./support/place.ts";
import {
  beginReleases,
  changePublishers,
  done,
  ELSEWHERE,
  ENTITY,
  FOLDER,
  fails,
  json,
  makeKey,
  release,
} from "./support/releases.ts";

interface Beside {
  readonly name: string;
  readonly kind: string;
  readonly state: string;
  readonly by?: string;
  readonly code?: string;
  readonly detail?: string;
}

interface Looked {
  readonly exit: number;
  readonly said: string;
  readonly verified: boolean;
  readonly beside: readonly Beside[];
  readonly notCovered: readonly string[];
  readonly proved: readonly { readonly what: string; readonly how: string }[];
  readonly notProved: readonly string[];
}

/** What verifying the folder says, and its exit code. */
async function look(place: Place, folder: string, ...options: string[]): Promise<Looked> {
  const run = place.tes(["verify", folder, ...options, "--json"]);
  const exit = await run.exited;
  if (run.stdout === "") throw new Error(run.stderr);
  return { exit, said: run.stdout, ...(JSON.parse(run.stdout) as Omit<Looked, "exit" | "said">) };
}

const refused = ({ beside }: Looked) =>
  beside.filter(({ state }) => state !== "proved").map(({ name, state, code }) => `${name} ${state} ${code}`);

test("every signature, key and list in the folder is proved, and each that was changed is refused by its name", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await writeFile(join(place.dir, "bom.json"), JSON.stringify({ bomFormat: "CycloneDX", specVersion: "1.6" }));
  await release(place, "--sbom", "bom.json");
  const { keys } = await json<{ keys: { kid: string }[] }>(place, ["publisher", "list", ENTITY]);
  const by = keys[0]!.kid;
  const whole = await look(place, FOLDER);
  expect(refused(whole)).toEqual([]);
  expect(whole).toMatchObject({ exit: 0, verified: true, notCovered: [] });
  const provedFiles = whole.proved.filter(({ what }) => what === "file").map(({ how }) => how.split(",", 1)[0]);
  expect(provedFiles).toEqual(["app.tgz", "notes.txt"]);
  const names = (await readdir(join(place.dir, FOLDER))).filter((name) => {
    return !["app.tgz", "notes.txt", "release.tes.json"].includes(name);
  });
  expect(whole.beside.map(({ name }) => name)).toEqual(names.sort());
  for (const { name, by: whose } of whole.beside) {
    if (!["SHA256SUMS", "trusted_root.json"].includes(name)) expect(whose, name).toBe(by);
  }
  const told = await done(place, ["verify", `${FOLDER}/release.tes.json`]);
  expect(told).toContain(`proved  minisign     app.tgz.minisig, notes.txt.minisig by ${by}`);
  expect(told).not.toContain("lies beside it");

  const short = /publisher-(.*)\.pem/.exec(names.find((name) => name.endsWith(".pem"))!)![1]!;
  const at = (name: string) => join(place.dir, FOLDER, name);
  /** Changes one file, and says what is refused then. */
  const changed = async (name: string, how: (bytes: Buffer) => Uint8Array | string) => {
    const bytes = await readFile(at(name));
    await writeFile(at(name), how(bytes));
    const found = await look(place, FOLDER);
    await writeFile(at(name), bytes);
    expect(found, name).toMatchObject({ exit: 1, verified: false });
    return refused(found);
  };
  const replaced = (from: string | RegExp, to: string) => (bytes: Buffer) => {
    const text = bytes.toString();
    const next = text.replace(from, to);
    expect(next).not.toBe(text);
    return next;
  };
  expect(await changed("SHA256SUMS.ed25519", (bytes) => flipBit(bytes, 9))).toEqual([
    "SHA256SUMS.ed25519 refused signature_invalid",
  ]);
  expect(await changed("app.tgz.minisig", replaced("version:1.4.0", "version:1.4.1"))).toEqual([
    "app.tgz.minisig refused signature_invalid",
  ]);
  const other = await readFile(at("notes.txt.minisig"));
  expect(await changed("app.tgz.minisig", () => other)).toEqual(["app.tgz.minisig refused signature_invalid"]);
  const otherSsh = await readFile(at("notes.txt.sig"));
  expect(await changed("app.tgz.sig", () => otherSsh)).toEqual(["app.tgz.sig refused signature_invalid"]);
  expect(await changed("app.tgz.sig", (bytes) => bytes.subarray(0, 100))).toEqual([
    "app.tgz.sig refused signature_file_invalid",
  ]);
  expect(await changed("SHA256SUMS", replaced("app.tgz", "App.tgz"))).toEqual([
    "SHA256SUMS refused digest_mismatch",
    "SHA256SUMS.ed25519 refused signature_invalid",
    "SHA256SUMS.signify refused signature_invalid",
  ]);
  expect(await changed(`publisher-${short}.allowed_signers`, (bytes) => `${bytes}eve ssh-ed25519 AAAA\n`)).toEqual([
    `publisher-${short}.allowed_signers refused key_file_invalid`,
  ]);
  expect(
    await changed("trusted_root.json", replaced(/"rawBytes": "(.{16})[^"]{8}/, '"rawBytes": "$1AAAAAAAA')),
  ).toEqual(["trusted_root.json stranger key_unknown"]);
  for (const [from, to] of [
    ['"ctlogs": []', '"ctlogs": [], "certificate_authorities": [{}]'],
    [/"start": "\d{4}/, '"start": "1999'],
    ['"baseUrl": "https://', '"baseUrl": "https://evil.'],
  ] as const) {
    expect(await changed("trusted_root.json", replaced(from, to))).toEqual([
      "trusted_root.json refused signature_file_invalid",
    ]);
  }
  for (const name of [`${short}.sigstore.json`, `${short}.sbom.sigstore.json`]) {
    expect(await changed(name, (bytes) => bytes.subarray(0, 999))).toEqual([`${name} refused bundle_invalid`]);
  }
  // The last line of the note is the log's signature of its head, of which only this bundle has this copy.
  const note = /(\\n— [^ ]+ .{12})(.)/;
  const bent = await changed(`${short}.sigstore.json`, (bytes) =>
    bytes.toString().replace(note, (_, before: string, char: string) => before + (char === "A" ? "B" : "A")),
  );
  expect(bent).toEqual([`${short}.sigstore.json refused note_invalid`]);
  expect(await changed(`${short}.sigstore.json`, () => "{}")).toEqual([
    `${short}.sigstore.json refused bundle_unsupported`,
  ]);

  // Handed on without its bill of materials, the release says that it has one.
  await done(place, ["trust", "export", "--out", "trust.json"]);
  await mkdir(join(place.dir, "got"));
  for (const name of ["app.tgz", `${short}.sigstore.json`]) await cp(at(name), join(place.dir, "got", name));
  const part = await done(place, ["verify", "got/app.tgz", "--trust", "trust.json"]);
  expect(part).toContain("proved  file");
  expect(part).toContain("an attestation that its provenance names and that is not here: https://cyclonedx.org/bom");
});

test("what no publisher signed is of a stranger, and what nothing covers is named", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await release(place);
  // Another publisher of another entity's release, with the same file: a signature that holds, of a key that does not count.
  await using other = await makePlace();
  await beginReleases(other);
  await release(other);
  const at = (name: string) => join(place.dir, FOLDER, name);
  const from = (name: string) => join(other.dir, FOLDER, name);
  const strange = (await readdir(join(other.dir, FOLDER))).find((name) => name.endsWith(".pem"))!;
  const short = /publisher-(.*)\.pem/.exec(strange)![1]!;
  await cp(from(strange), at(strange));
  await cp(from("app.tgz.sig"), at(`app.tgz.${short}.sig`));
  await cp(from("app.tgz.minisig"), at(`app.tgz.${short}.minisig`));
  await cp(from("SHA256SUMS.ed25519"), at(`SHA256SUMS.${short}.ed25519`));
  const found = await look(place, FOLDER);
  expect(found).toMatchObject({ exit: 1, verified: false });
  expect(refused(found)).toEqual(
    [`SHA256SUMS.${short}.ed25519`, `app.tgz.${short}.minisig`, `app.tgz.${short}.sig`, strange].map(
      (name) => `${name} stranger key_unknown`,
    ),
  );
  const run = place.tes(["verify", FOLDER]);
  expect(await run.exited).toBe(1);
  expect(run.stdout).toMatch(
    new RegExp(`^refused  app\\.tgz\\.${short}\\.sig: .*no publisher's \\(key_unknown\\)$`, "m"),
  );

  for (const name of found.beside.filter(({ state }) => state === "stranger")) await rm(at(name.name));
  await mkdir(at("more"));
  await writeFile(at("README"), "by anybody");
  await writeFile(at("app.tgz.sigstore.json"), "{}");
  await rename(at("notes.txt"), join(place.dir, "notes.txt"));
  const covered = await look(place, FOLDER);
  expect(covered).toMatchObject({ exit: 0, notCovered: ["more/", "README", "app.tgz.sigstore.json"] });
  expect(refused(covered)).toEqual(["notes.txt.minisig unread undefined"]);
  expect(covered.notProved.join("\n")).toContain("not covered by the release: more/, README, app.tgz.sigstore.json");

  // A directory in the place of what would be read is no signature, and no list.
  const sums = await readFile(at("SHA256SUMS"));
  const signature = await readFile(at("app.tgz.minisig"));
  for (const name of ["SHA256SUMS", "app.tgz.minisig"]) {
    await rm(at(name));
    await mkdir(at(name));
  }
  await symlink("more", at("app.tgz.abababab.sig"));
  const directories = await look(place, FOLDER);
  expect(directories).toMatchObject({ exit: 1, verified: false, notCovered: covered.notCovered });
  const unreadable = directories.beside.filter(({ state }) => state === "refused");
  expect(unreadable.map(({ name, code, detail }) => `${name}: ${detail} (${code})`)).toEqual([
    "SHA256SUMS: it is a directory (file_unreadable)",
    "app.tgz.abababab.sig: it is a directory (file_unreadable)",
    "app.tgz.minisig: it is a directory (file_unreadable)",
  ]);
  expect(directories.beside.find(({ name }) => name === "SHA256SUMS.ed25519")?.detail).toBe(
    "SHA256SUMS cannot be read",
  );
  for (const name of ["SHA256SUMS", "app.tgz.minisig", "app.tgz.abababab.sig"]) await rm(at(name), { recursive: true });
  await writeFile(at("SHA256SUMS"), sums);
  await writeFile(at("app.tgz.minisig"), signature);

  // What has the document's name proves nothing where another one was named.
  await rename(at("release.tes.json"), join(place.dir, "proof.tes.json"));
  for (const [text, named] of [
    ["junk", true],
    ["{}", true],
    [await readFile(from("release.tes.json")), true],
    [await readFile(join(place.dir, "proof.tes.json")), false],
  ] as const) {
    await writeFile(at("release.tes.json"), text);
    const { exit, notCovered } = await look(place, FOLDER, "--release", "proof.tes.json");
    expect(exit).toBe(0);
    expect(notCovered.includes("release.tes.json")).toBe(named);
  }

  // With no file left there is nothing that it could be the folder of; the document alone proves the release alone.
  await rm(at("app.tgz"));
  expect(await fails(place, ["verify", FOLDER])).toMatchObject({ code: "files_missing", exit: 1 });
  const alone = await done(place, ["verify", `${FOLDER}/release.tes.json`]);
  expect(alone).toMatch(/^proved {2}release .*; no file of it was checked\n/);
});

test("a second publisher's signatures are found by their names, and a folder of bundles needs no document", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  const bob = await makeKey(place, "bob");
  await changePublishers(
    place,
    ["--add", "bob.key.pub", "--threshold", "2"],
    [
      ["--key", "alice.key"],
      ["--key", "bob.key"],
    ],
  );
  await done(place, ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", ...ELSEWHERE, "--draft", "next.json"]);
  await done(place, ["release", "sign", "next.json", "--key", "bob.key"]);
  const published = place.tes(["release", "publish", "next.json"]);
  expect(await published.exited).toBe(0);
  expect(published.stderr).toMatch(/^component:app@1\.4\.0 of the registry default, genesis /m);
  expect(published.stderr).toContain(`, ${bob}\n`);
  expect(published.stderr).toMatch(/^command: tes release component:app dist\/app\.tgz --download-url /m);
  const found = await look(place, FOLDER);
  expect(found).toMatchObject({ exit: 0, verified: true });
  expect(
    found.beside
      .filter(({ by }) => by === bob)
      .map(({ kind }) => kind)
      .sort(),
  ).toEqual(["bundle", "key", "key", "key", "minisign", "openssl", "signify", "ssh"]);
  await done(place, ["trust", "export", "--out", "trust.json"]);
  await rm(join(place.dir, FOLDER, "release.tes.json"));
  expect(await done(place, ["verify", FOLDER, "--trust", "trust.json"])).toContain("2 signed, 2 of 2 had to");
  // One bundle of two is broken: it is named, and not the number of signers alone.
  const bundle = (await readdir(join(place.dir, FOLDER))).find((name) => name.endsWith(".sigstore.json"))!;
  await writeFile(join(place.dir, FOLDER, bundle), "{");
  const run = place.tes(["verify", FOLDER, "--trust", "trust.json"]);
  expect(await run.exited).toBe(1);
  expect(run.stderr).toContain("bundle_invalid");
  expect(run.stderr).toContain(bundle);
});
