/** What is handed on with a release, held against whoever changes it: by tes verify and by the programs of others. */

import { createHash } from "node:crypto";
import { cp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { flipBit } from "../verifiers/bits.ts";
import {
  isInstalled,
  verifyWithMinisign,
  verifyWithOpenssl,
  verifyWithSha256sum,
  verifyWithSignify,
  verifyWithSsh,
} from "../verifiers/programs.ts";
import { verifyWithSigstore } from "../verifiers/sigstore.ts";
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
  VERSION,
} from "./support/releases.ts";

interface Verified {
  readonly verified: boolean;
  readonly files: readonly { readonly name: string }[];
  readonly missing: readonly string[];
  readonly notProved: readonly string[];
}

/** The release's folder, elsewhere, with nothing else than it. */
async function handedOn(place: Place): Promise<{ other: Place; shortKid: string }> {
  const other = await makePlace();
  await cp(join(place.dir, FOLDER), join(other.dir, "got"), { recursive: true });
  const pem = (await readdir(join(other.dir, "got"))).find((name) => name.endsWith(".pem"))!;
  return { other, shortKid: /publisher-(.*)\.pem/.exec(pem)![1]! };
}

const change = async (path: string, how: (text: string) => string) =>
  writeFile(path, how(await readFile(path, "utf8")));

describe("tes verify, offline", () => {
  test("says what is proved with a pin, and refuses everything that was changed", async () => {
    await using place = await makePlace();
    const { genesis } = await beginReleases(place);
    await release(place);
    const { other, shortKid } = await handedOn(place);
    await using _ = other;
    const at = (name: string) => join(other.dir, "got", name);
    const pinned = ["--genesis", genesis];
    const verified = await json<Verified>(other, [
      "verify",
      "got/app.tgz",
      ...pinned,
      "--expect",
      `${ENTITY}@${VERSION}`,
    ]);
    expect(verified).toMatchObject({
      verified: true,
      files: [{ name: "app.tgz" }],
      release: { entity: ENTITY, version: VERSION, genesis },
      yanked: null,
    });
    expect(verified.notProved.join("\n")).toMatch(/not withdrawn.*--online/);
    const [pin, wrongPin, expected, renamed] = await Promise.all([
      fails(other, ["verify", "got/app.tgz"]),
      fails(other, ["verify", "got/app.tgz", "--genesis", genesis.replace(/^./, genesis.startsWith("0") ? "1" : "0")]),
      fails(other, ["verify", "got/app.tgz", ...pinned, "--expect", `${ENTITY}@1.4.1`]),
      cp(at("app.tgz"), at("renamed.tgz")).then(() => done(other, ["verify", "got/renamed.tgz", ...pinned])),
    ]);
    expect(pin).toMatchObject({ code: "genesis_unpinned", exit: 1 });
    expect(wrongPin).toMatchObject({ code: "genesis_mismatch", exit: 1 });
    expect(expected).toMatchObject({ code: "release_other", exit: 1 });
    expect(renamed).toContain("renamed.tgz (there: app.tgz)");

    // Pins that came along are believed where the command names them, and nowhere else.
    await cp(join(place.dir, ".tes/pins"), join(other.dir, ".tes/pins"), { recursive: true });
    expect(await fails(other, ["verify", "got/app.tgz"])).toMatchObject({ code: "genesis_unpinned", exit: 1 });
    expect(await done(other, ["verify", "got/app.tgz", "--data", ".tes"])).toContain(join(other.dir, ".tes/pins/"));
    expect(await done(place, ["verify", `${FOLDER}/app.tgz`])).toContain(join(place.dir, ".tes/pins/"));

    const app = await readFile(at("app.tgz"));
    await writeFile(at("app.tgz"), flipBit(app, 3));
    expect(await fails(other, ["verify", "got/app.tgz", ...pinned])).toMatchObject({
      code: "digest_mismatch",
      exit: 1,
    });
    expect(await fails(other, ["verify", "got/release.tes.json", ...pinned])).toMatchObject({
      code: "digest_mismatch",
    });
    await writeFile(at("app.tgz"), app);
    // Two files of the release that were exchanged are neither of them.
    const notes = await readFile(at("notes.txt"));
    await writeFile(at("app.tgz"), notes);
    await writeFile(at("notes.txt"), app);
    for (const name of ["got/app.tgz", "got/notes.txt", "got", "got/release.tes.json"]) {
      const swapped = await fails(other, ["verify", name, ...pinned]);
      expect(swapped, name).toMatchObject({ code: "digest_mismatch", exit: 1 });
    }
    await writeFile(at("app.tgz"), app);
    await writeFile(at("notes.txt"), notes);
    await writeFile(at("stranger.bin"), "x");
    expect(await fails(other, ["verify", "got/stranger.bin", ...pinned])).toMatchObject({ code: "artifact_unknown" });

    // A bundle that was named has to hold, to its last signature, though the document beside it would prove the release.
    const bundle = `${shortKid}.sigstore.json`;
    await done(other, ["verify", `got/${bundle}`, ...pinned]);
    const text = await readFile(at(bundle), "utf8");
    const promise = /"signedEntryTimestamp":"(.{8})/.exec(text)![1]!;
    await writeFile(at(bundle), text.replace(promise, promise === "AAAAAAAA" ? "BBBBBBBB" : "AAAAAAAA"));
    expect(await fails(other, ["verify", `got/${bundle}`, ...pinned])).toMatchObject({ code: "signature_invalid" });
    await writeFile(at(bundle), "{}");
    expect(await fails(other, ["verify", `got/${bundle}`, ...pinned])).toMatchObject({ code: "bundle_unsupported" });
    await rm(at(bundle));

    // One character of what was signed, of a signature, of a proof.
    const document = await readFile(at("release.tes.json"), "utf8");
    for (const what of [/app\.tgz/, /(?<="content":")./, /(?<="proof":\[")./]) {
      const changed = document.replace(what, (one) => (one.startsWith("A") ? "B" : "A") + one.slice(1));
      expect(changed).not.toBe(document);
      await writeFile(at("release.tes.json"), changed);
      expect((await fails(other, ["verify", "got/app.tgz", ...pinned])).exit, String(what)).toBe(1);
    }
    await rm(at("release.tes.json"));
    expect(await fails(other, ["verify", "got/app.tgz", ...pinned])).toMatchObject({ code: "proof_missing", exit: 1 });
  });

  test("with a trust file bundles are enough, and an old document cannot hide that a publisher was removed", async () => {
    await using place = await makePlace();
    await beginReleases(place);
    const alice = (await json<{ keys: { kid: string }[] }>(place, ["publisher", "list", ENTITY])).keys[0]!.kid;
    await release(place);
    await done(place, ["trust", "export", "--out", "before.json"]);
    await makeKey(place, "bob");
    await changePublishers(
      place,
      ["--add", "bob.key.pub", "--remove", alice],
      [
        ["--key", "alice.key"],
        ["--key", "bob.key"],
      ],
    );
    await done(place, ["trust", "export", "--out", "after.json"]);
    const { other } = await handedOn(place);
    await using _ = other;
    for (const name of ["before.json", "after.json"]) await cp(join(place.dir, name), join(other.dir, name));
    const gone = other.tes(["verify", "got/app.tgz", "--trust", "after.json"]);
    expect(await gone.exited).toBe(1);
    expect(gone.stdout).toMatch(
      new RegExp(`^refused {2}signed by who is no publisher .* revision 2: ${alice}; of the signers 0 are .* takes 1`),
    );
    const removed = other.tes(["verify", "got/app.tgz", "--trust", "after.json", "--json"]);
    expect(await removed.exited).toBe(1);
    expect(JSON.parse(removed.stdout)).toMatchObject({ verified: false, removed: [alice] });
    const online = place.tes(["verify", `${FOLDER}/app.tgz`, "--online"]);
    expect(await online.exited).toBe(1);
    expect(online.stdout).toMatch(/^refused {2}signed by who is no publisher/);
    const still = await json<Verified>(other, ["verify", "got/app.tgz", "--trust", "after.json", "--allow-removed"]);
    expect(still.notProved.join("\n")).toContain(`${alice} is to be trusted today: it is a publisher no more`);
    await rm(join(other.dir, "got/release.tes.json"));
    expect(await json<Verified>(other, ["verify", "got/app.tgz", "--trust", "before.json"])).toMatchObject({
      verified: true,
    });
    expect(await fails(other, ["verify", "got/app.tgz"])).toMatchObject({ code: "proof_missing" });
    // Bundles that are there and broken are no missing proof: the first is named, with what is wrong.
    const bundle = (await readdir(join(other.dir, "got"))).find((name) => name.endsWith(".sigstore.json"))!;
    const whole = await readFile(join(other.dir, "got", bundle), "utf8");
    await writeFile(join(other.dir, "got", bundle), whole.slice(0, 2_000));
    expect(await fails(other, ["verify", "got/app.tgz", "--trust", "before.json"])).toMatchObject({
      code: "bundle_invalid",
      exit: 1,
      detail: expect.stringContaining(bundle),
    });
    // One that is broken beside one that proves it is told.
    await writeFile(join(other.dir, "got", "zz.sigstore.json"), whole);
    const told = await json<Verified>(other, ["verify", "got/app.tgz", "--trust", "before.json"]);
    expect(told.notProved.join("\n")).toMatch(new RegExp(`${bundle}.*\\(bundle_invalid\\)`));
    await writeFile(join(other.dir, "got/app.tgz"), "another app\n");
    await writeFile(join(other.dir, "got", bundle), whole);
    expect(await fails(other, ["verify", "got/app.tgz", "--trust", "before.json"])).toMatchObject({
      code: "digest_mismatch",
    });
    // A publisher who is gone signs nothing more.
    expect(await fails(place, ["release", ENTITY, "dist/notes.txt", "--key", "alice.key"])).toMatchObject({
      code: "signatures_insufficient",
    });
  });

  test("an address is verified by what lies beside it, and is not kept", async () => {
    await using place = await makePlace();
    const { genesis } = await beginReleases(place);
    await writeFile(join(place.dir, "dist/x.tes.json"), "a file of that name\n");
    await release(place, "dist/x.tes.json");
    const files = new Map<string, Buffer>();
    for (const name of ["app.tgz", "release.tes.json"])
      files.set(`/dl/${name}`, await readFile(join(place.dir, FOLDER, name)));
    const document = files.get("/dl/release.tes.json")!;
    // A genuine proof where a file was asked for, and JSON that holds one and more.
    for (const name of [
      "/dl/app.json",
      "/dl/app.tes.json",
      "/alone/app.json",
      "/alone/app.tes.json",
      "/alone/x.tes.json",
    ]) {
      files.set(name, document);
    }
    const bundle = (await readdir(join(place.dir, FOLDER))).find((name) => name.endsWith(".sigstore.json"))!;
    files.set(`/dl/${bundle}`, await readFile(join(place.dir, FOLDER, bundle)));
    files.set("/more/release.tes.json", Buffer.from(`{"run":"curl",${document.toString().slice(1)}`));
    const server = createServer((request, response) => {
      if (request.url === "/go") return void response.writeHead(302, { location: "/dl/app.tgz" }).end();
      const file = files.get(request.url!);
      response.writeHead(file === undefined ? 404 : 200).end(file);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
      await using other = await makePlace();
      const pinned = ["--genesis", genesis];
      const before = await readdir(other.dir);
      expect(await json<Verified>(other, ["verify", `${base}/dl/app.tgz`, ...pinned])).toMatchObject({
        verified: true,
        files: [{ name: "app.tgz" }],
      });
      expect(await json<Verified>(other, ["verify", `${base}/dl/release.tes.json`, ...pinned])).toMatchObject({
        verified: true,
        missing: ["app.tgz", "notes.txt", "x.tes.json"],
      });
      await done(other, ["verify", `${base}/go`, "--release", `${base}/dl/release.tes.json`, ...pinned]);
      expect(await readdir(other.dir)).toEqual(before);
      const alone = await done(other, ["verify", `${base}/dl/release.tes.json`, ...pinned]);
      expect(alone).toMatch(/^proved {2}release .*; no file of it was checked\n/);
      await done(other, ["verify", `${base}/alone/app.tes.json`, ...pinned]);
      const named = ["--release", `${base}/dl/release.tes.json`, ...pinned];
      for (const [args, code] of [
        [[`${base}/dl/app.json`, ...pinned], "digest_mismatch"],
        [[`${base}/dl/app.tes.json`, ...pinned], "digest_mismatch"],
        [[`${base}/alone/app.json`, ...pinned], "proof_missing"],
        [[`${base}/alone/x.tes.json`, ...pinned], "digest_mismatch"],
        [[`${base}/dl/app.json`, ...named], "digest_mismatch"],
        [[`${base}/alone/app.tes.json`, ...named], "digest_mismatch"],
        [[`${base}/dl/release.tes.json`, ...named], "digest_mismatch"],
        [[`${base}/more/release.tes.json`, ...pinned], "signature_file_invalid"],
      ] as const) {
        const refused = await fails(other, ["verify", ...args]);
        expect({ args, ...refused }).toMatchObject({ exit: 1, args, code });
      }
      expect(await fails(other, ["verify", `${base}/dl/${bundle}`, ...pinned])).toMatchObject({
        code: "usage",
        detail: expect.stringContaining("Download it beside its file"),
      });
      expect(await fails(other, ["verify", `${base}/go`, ...pinned])).toMatchObject({ code: "proof_missing" });
      expect(await fails(other, ["verify", `${base}/none`, ...pinned])).toMatchObject({ code: "proof_missing" });
      expect(await fails(other, ["verify", "http://tes.invalid/x", ...pinned])).toMatchObject({
        code: "usage",
        exit: 2,
      });
      files.set("/dl/app.tgz", Buffer.from("other\n"));
      expect(await fails(other, ["verify", `${base}/dl/app.tgz`, ...pinned])).toMatchObject({
        code: "digest_mismatch",
      });
    } finally {
      server.close();
    }
  });
});

test("whoever has nothing but a file gets its proof from the authority", async () => {
  await using place = await makePlace();
  const { genesis, authority } = await beginReleases(place);
  await release(place);
  await using other = await makePlace();
  await cp(join(place.dir, FOLDER, "app.tgz"), join(other.dir, "app.tgz"));
  const at = ["--url", authority.url, "--genesis", genesis];
  const expected = ["--expect", `${ENTITY}@${VERSION}`];
  const online = (...args: string[]) => fails(other, ["verify", "./app.tgz", "--online", ...args]);
  expect(await online(...expected, "--url", authority.url)).toMatchObject({ code: "genesis_unpinned", exit: 1 });
  // As the dashboard shows it.
  const said = await done(other, ["verify", "./app.tgz", "--online", ...expected, ...at]);
  expect(said).toMatch(/^proved {2}file {9}app\.tgz, .*[\s\S]*proved {2}in force/);
  expect(await readdir(other.dir)).not.toContain("release.tes.json");
  expect(await online(...at)).toMatchObject({ code: "proof_missing", detail: expect.stringContaining("--expect") });
  expect(await online("--expect", ENTITY, ...at)).toMatchObject({ code: "proof_missing" });
  expect(await online("--expect", `${ENTITY}@9.9.9`, ...at)).toMatchObject({ code: "release_unknown", exit: 1 });
  const wrong = genesis.replace(/^./, (one) => (one === "0" ? "1" : "0"));
  expect(await online(...expected, "--url", authority.url, "--genesis", wrong)).toMatchObject({
    code: "genesis_mismatch",
  });
  expect(await fails(other, ["verify", "app.tgz", ...expected, ...at])).toMatchObject({ code: "proof_missing" });

  // An authority that runs on a data directory beside it pins itself to nobody by being asked.
  await cp(join(other.dir, "app.tgz"), join(place.dir, "app.tgz"));
  await rm(join(place.dir, ".tes/pins"), { recursive: true });
  const stranger = { env: { HOME: join(other.dir, "home/nobody") } };
  for (let twice = 0; twice < 2; twice++) {
    const beside = await fails(place, ["verify", "app.tgz", "--online", ...expected], stranger);
    expect(beside).toMatchObject({ code: "genesis_unpinned", exit: 1 });
  }
  await done(place, ["release", "list"]);
  expect(await done(place, ["verify", "app.tgz", "--online", ...expected])).toContain("proved  in force");

  const fetched = await json(other, ["release", "fetch", `${ENTITY}@${VERSION}`, ...at]);
  expect(fetched).toMatchObject({ file: "release.tes.json", genesis, files: ["app.tgz", "notes.txt"] });
  expect(await done(other, ["verify", "app.tgz", ...expected, "--genesis", genesis])).toContain("proved  file");
  expect(await fails(other, ["release", "fetch", ENTITY, ...at])).toMatchObject({ code: "file_exists" });
  await done(other, ["release", "fetch", ENTITY, "--out", "proof.json", ...at]);
  await rm(join(other.dir, "release.tes.json"));
  await done(other, ["verify", "app.tgz", "--release", "proof.json", "--genesis", genesis]);

  await writeFile(join(other.dir, "app.tgz"), "another app\n");
  expect(await online(...expected, ...at)).toMatchObject({ code: "digest_mismatch", exit: 1 });
});

test("a withdrawal is told to whoever asks, with its reason, and can be taken back", async () => {
  await using place = await makePlace();
  await beginReleases(place);
  await release(place);
  expect((await fails(place, ["yank", `${ENTITY}@${VERSION}`])).code).toBe("usage");
  expect((await fails(place, ["yank", `${ENTITY}@9.9.9`, "--reason", "x"])).code).toBe("release_unknown");
  expect(await done(place, ["yank", `${ENTITY}@${VERSION}`, "--reason", "loses settings"])).toContain("is withdrawn");
  const online = place.tes(["verify", `${FOLDER}/app.tgz`, "--online", "--json"]);
  expect(await online.exited).toBe(1);
  expect(JSON.parse(online.stdout)).toMatchObject({ verified: false, yanked: { reason: "loses settings" } });
  expect(await done(place, ["verify", `${FOLDER}/app.tgz`])).toContain("not proved  that it was not withdrawn");
  expect(await done(place, ["release", "list"])).toContain("withdrawn");
  expect(await done(place, ["yank", `${ENTITY}@${VERSION}`, "--undo"])).toContain("in force again");
  expect(await done(place, ["verify", `${FOLDER}/app.tgz`, "--online"])).toContain("proved  in force");
});

test("a threshold: a draft is signed by the second publisher over files that they hashed themselves", async () => {
  await using place = await makePlace();
  const { genesis } = await beginReleases(place);
  await makeKey(place, "bob");
  await changePublishers(
    place,
    ["--add", "bob.key.pub", "--threshold", "2"],
    [
      ["--key", "alice.key"],
      ["--key", "bob.key"],
    ],
  );
  const alone = ["release", ENTITY, "dist/app.tgz", "--key", "alice.key", ...ELSEWHERE];
  expect(await fails(place, alone)).toMatchObject({
    code: "signatures_insufficient",
    detail: expect.stringContaining("--draft"),
  });
  await done(place, [...alone, "--draft", "next.json"]);
  expect(await fails(place, ["release", "publish", "next.json"])).toMatchObject({
    code: "signatures_insufficient",
    detail: expect.stringContaining("have others sign next.json too"),
  });
  // The file was exchanged between the two: Bob signs nothing.
  await rename(join(place.dir, "dist/app.tgz"), join(place.dir, "true.tgz"));
  await writeFile(join(place.dir, "dist/app.tgz"), "evil\n");
  expect(await fails(place, ["release", "sign", "next.json", "--key", "bob.key"])).toMatchObject({
    code: "digest_mismatch",
  });
  await rename(join(place.dir, "true.tgz"), join(place.dir, "dist/app.tgz"));
  // What is signed was changed: its first signature no longer holds.
  const draft = await readFile(join(place.dir, "next.json"), "utf8");
  await change(join(place.dir, "next.json"), (text) => text.replace("urn:tes:builder:local", "urn:tes:builder:other"));
  expect(await fails(place, ["release", "sign", "next.json", "--key", "bob.key"])).toMatchObject({
    code: "signature_invalid",
  });
  await writeFile(join(place.dir, "next.json"), draft);
  await done(place, ["release", "sign", "next.json", "--key", "bob.key"]);
  expect(await json(place, ["release", "publish", "next.json"])).toMatchObject({ already: false, files: 1 });
  expect(await json(place, ["release", "publish", "next.json"])).toMatchObject({ already: true });
  const names = await readdir(join(place.dir, FOLDER));
  expect(names.filter((name) => name.endsWith(".sigstore.json"))).toHaveLength(2);
  expect(names.filter((name) => /^app\.tgz(\.[0-9a-f]{8})?\.minisig$/.test(name))).toHaveLength(2);
  const { other } = await handedOn(place);
  await using _ = other;
  expect(await done(other, ["verify", "got/app.tgz", "--genesis", genesis])).toContain("2 signed, 2 of 2 had to");
});

test.runIf(["minisign", "ssh-keygen", "openssl", "sha256sum"].every(isInstalled))(
  "minisign, ssh-keygen, openssl, sha256sum and Sigstore's verifier accept the folder as it is, and not one bit else",
  async () => {
    await using place = await makePlace();
    await beginReleases(place);
    await release(place);
    const { keys } = await json<{ keys: { kid: string; x: string }[] }>(place, ["publisher", "list", ENTITY]);
    const { other, shortKid } = await handedOn(place);
    await using _ = other;
    const at = (name: string) => join(other.dir, "got", name);
    const publisher = `publisher-${shortKid}`;
    const programs = {
      minisign: (file: string) =>
        verifyWithMinisign({ file: at(file), signature: at(`${file}.minisig`), key: at(`${publisher}.minisign.pub`) }),
      ssh: (file: string) =>
        verifyWithSsh(
          { file: at(file), signature: at(`${file}.sig`), key: at(`${publisher}.allowed_signers`) },
          publisher,
        ),
      openssl: () =>
        verifyWithOpenssl({ file: at("SHA256SUMS"), signature: at("SHA256SUMS.ed25519"), key: at(`${publisher}.pem`) }),
      sha256sum: () => verifyWithSha256sum(join(other.dir, "got"), "SHA256SUMS"),
    };
    const accepted = async () =>
      Object.fromEntries(
        await Promise.all(
          Object.entries(programs).map(async ([name, verify]) => [name, (await verify("app.tgz")).accepted]),
        ),
      ) as Record<keyof typeof programs, boolean>;
    expect(await accepted()).toEqual({ minisign: true, ssh: true, openssl: true, sha256sum: true });
    expect((await programs.minisign("notes.txt")).said).toContain(`file:notes.txt\tversion:${VERSION}`);
    const flip = async (name: string, bit: number) => writeFile(at(name), flipBit(await readFile(at(name)), bit));
    await flip("app.tgz", 5);
    expect(await accepted()).toEqual({ minisign: false, ssh: false, openssl: true, sha256sum: false });
    await flip("app.tgz", 5);
    await flip("SHA256SUMS", 3);
    expect(await accepted()).toMatchObject({ minisign: true, ssh: true, openssl: false, sha256sum: false });
    await flip("SHA256SUMS", 3);
    if (isInstalled("signify-openbsd")) {
      const signify = {
        file: at("SHA256SUMS"),
        signature: at("SHA256SUMS.signify"),
        key: at(`${publisher}.minisign.pub`),
      };
      expect(await verifyWithSignify(signify)).toMatchObject({ accepted: true });
    }
    await flip("SHA256SUMS.ed25519", 77);
    expect(await accepted()).toMatchObject({ openssl: false, sha256sum: true });

    const bundle = JSON.parse(await readFile(at(`${shortKid}.sigstore.json`), "utf8"));
    const trustedRoot = JSON.parse(await readFile(at("trusted_root.json"), "utf8"));
    const known = keys.map((key) => ({ ...key, from: 0 }));
    expect(verifyWithSigstore({ name: "as it is", bundle, trustedRoot, keys: known })).toBeNull();
    const { payload } = bundle.dsseEnvelope as { payload: string };
    const signed = JSON.parse(Buffer.from(payload, "base64").toString()) as {
      subject: { name: string; digest: object }[];
    };
    const sha512 = createHash("sha512").update("the app\n").digest("hex");
    expect(signed.subject.find(({ name }) => name === "app.tgz")?.digest).toMatchObject({ sha512 });
  },
);
