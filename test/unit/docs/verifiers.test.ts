/** docs/verifiers.md: its commands as they stand, over the release of docs/formats.md, whole and with each change. */

import { describe, expect, test } from "vitest";
import { fromBase64, toBase64 } from "../../../src/core/bytes.ts";
import { renderMinisignKey } from "../../../src/core/minisign.ts";
import { renderPem } from "../../../src/core/pem.ts";
import { renderAllowedSigner } from "../../../src/core/sshsig.ts";
import { flipBit } from "../../verifiers/bits.ts";
import { COMMANDS, runCommand, VERIFIERS_PAGE } from "../../verifiers/commands.ts";
import { openPlace } from "../../verifiers/place.ts";
import type { Verdict } from "../../verifiers/programs.ts";
import { DEMO_LABELS, ed25519, sha256 } from "./demo.ts";
import { FILE, KEY_ID, RELEASE_EXAMPLES } from "./demo-release.ts";

/** The programs of each column of the last table: all of them have to fail for a yes. */
const COLUMNS: Readonly<Record<string, readonly string[]>> = {
  minisign: ["minisign"],
  signify: ["signify"],
  "ssh-keygen": ["ssh-keygen"],
  openssl: ["openssl"],
  "@sigstore/verify": ["sigstore", "sigstore-bun"],
};
const publisher = ed25519(sha256(DEMO_LABELS.publisher));
const SHORT = Buffer.from(publisher.kid, "base64url").subarray(0, 4).toString("hex");
type Files = Map<string, string | Uint8Array>;
const rawSignature = fromBase64(RELEASE_EXAMPLES["demo-sums-signature"]!.trim())!;

const keysOf = (x: string): [string, string][] => {
  const raw = Buffer.from(x, "base64url");
  return [
    [`publisher-${SHORT}.minisign.pub`, renderMinisignKey({ id: KEY_ID, publicKey: raw })],
    [`publisher-${SHORT}.pem`, renderPem(raw)],
    [`publisher-${SHORT}.allowed_signers`, renderAllowedSigner(`publisher-${SHORT}`, raw)],
  ];
};

/** The folder of the release. */
const folder = (): Files =>
  new Map<string, string | Uint8Array>([
    [FILE.name, FILE.content],
    [`${FILE.name}.minisig`, RELEASE_EXAMPLES["demo-minisig"]!],
    [`${FILE.name}.sig`, RELEASE_EXAMPLES["demo-sshsig"]!],
    ["SHA256SUMS", RELEASE_EXAMPLES["demo-sums"]!],
    ["SHA256SUMS.ed25519", rawSignature],
    [`${SHORT}.sigstore.json`, RELEASE_EXAMPLES["demo-bundle"]!],
    ["trusted_root.json", RELEASE_EXAMPLES["demo-trusted-root"]!],
    ...keysOf(publisher.x),
  ]);

/** Runs a command of the page in a folder. */
function command(name: string, files: Files, env: Readonly<Record<string, string>> = {}): Promise<Verdict> {
  const { directory, write } = openPlace();
  for (const [file, content] of files) write(file, content);
  return runCommand(name, directory, { env });
}

const text = (files: Files, name: string) => String(files.get(name));
const bytes = (files: Files, name: string) => Uint8Array.from(Buffer.from(files.get(name)!));
const flip = (base64: string, bit: number) => toBase64(flipBit(fromBase64(base64)!, bit));

/** Changes the bundle at a path of members. */
function bend(files: Files, path: string, change: (value: string) => string): void {
  const name = `${SHORT}.sigstore.json`;
  const bundle = JSON.parse(text(files, name));
  const members = path.split(".");
  const last = members.pop()!;
  // biome-ignore lint/suspicious/noExplicitAny: a path of names into JSON
  const owner = members.reduce((value: any, member) => value[member], bundle);
  owner[last] = change(owner[last]);
  files.set(name, JSON.stringify(bundle));
}
const ENTRY = "verificationMaterial.tlogEntries.0";
const NOTE = `${ENTRY}.inclusionProof.checkpoint.envelope`;
const lineOf = (at: number, change: (line: string) => string) => (note: string) =>
  note
    .split("\n")
    .map((line, i) => (i === at ? change(line) : line))
    .join("\n");

const REMOVAL = "a publisher after their removal";
/** Each row of the table, done to the folder. */
const CHANGES: Readonly<Record<string, (files: Files) => void>> = {
  "one bit of the file": (files) => void files.set(FILE.name, flipBit(bytes(files, FILE.name), 9)),
  "one bit of the signature": (files) => {
    const minisig = text(files, `${FILE.name}.minisig`).split("\n");
    minisig[1] = flip(minisig[1]!, 300);
    files.set(`${FILE.name}.minisig`, minisig.join("\n"));
    const [begin, ...lines] = text(files, `${FILE.name}.sig`).trimEnd().split("\n");
    const end = lines.pop();
    const blob = fromBase64(lines.join(""))!;
    files.set(`${FILE.name}.sig`, `${begin}\n${toBase64(flipBit(blob, 8 * blob.length - 99))}\n${end}\n`);
    files.set("SHA256SUMS.ed25519", flipBit(rawSignature, 300));
    bend(files, "dsseEnvelope.signatures.0.sig", (sig) => flip(sig, 300));
  },
  "the name or version in the trusted comment": (files) => {
    const minisig = text(files, `${FILE.name}.minisig`);
    files.set(`${FILE.name}.minisig`, minisig.replace("version:0.2.0", "version:0.3.0"));
  },
  "one bit of SHA256SUMS": (files) => void files.set("SHA256SUMS", flipBit(bytes(files, "SHA256SUMS"), 3)),
  "one bit of the signed payload": (files) => bend(files, "dsseEnvelope.payload", (payload) => flip(payload, 500)),
  "one bit of the inclusion proof": (files) => bend(files, `${ENTRY}.inclusionProof.hashes.0`, (hash) => flip(hash, 3)),
  "one bit of the root in the checkpoint": (files) =>
    bend(
      files,
      NOTE,
      lineOf(2, (line) => flip(line, 3)),
    ),
  "one bit of the checkpoint's signature": (files) =>
    bend(
      files,
      NOTE,
      lineOf(4, (line) => line.replace(/\S+$/, (signature) => flip(signature, 200))),
    ),
  "one bit of the log's promise": (files) =>
    bend(files, `${ENTRY}.inclusionPromise.signedEntryTimestamp`, (promise) => flip(promise, 3)),
  "`rootHash` beside the proof": (files) => bend(files, `${ENTRY}.inclusionProof.rootHash`, (hash) => flip(hash, 3)),
  "another key": (files) => {
    for (const [name, key] of keysOf(ed25519(sha256("TES demo stranger")).x)) files.set(name, key);
  },
  "another registry's log": (files) => {
    const trusted = text(files, "trusted_root.json");
    const key = JSON.parse(trusted).tlogs[0].publicKey.rawBytes as string;
    const other = Buffer.from(ed25519(sha256("TES demo other log")).x, "base64url");
    const spki = Buffer.concat([Buffer.from(key, "base64").subarray(0, 12), other]).toString("base64");
    files.set("trusted_root.json", trusted.replace(key, spki));
  },
  // Nothing in the folder tells it: the verifier has to know.
  [REMOVAL]: () => undefined,
};

const rows = VERIFIERS_PAGE.slice(VERIFIERS_PAGE.indexOf("## What each of them notices"))
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
const [head, , ...body] = rows as [string[], string[], ...string[][]];

test("the table has the changes and the verifiers that are tried here, and no others", () => {
  expect(head.slice(1)).toEqual(Object.keys(COLUMNS));
  expect(body.map(([change]) => change)).toEqual(Object.keys(CHANGES));
});

describe.each(Object.entries(COLUMNS))("%s", (column, commands) => {
  const here = commands.filter((name) => COMMANDS.includes(name));
  test.runIf(here.length > 0)("accepts the release, and notices what the table says", { timeout: 60_000 }, async () => {
    for (const name of here) {
      expect(await command(name, folder()), name).toMatchObject({ accepted: true });
    }
    const at = head.indexOf(column);
    const found = await Promise.all(
      body.map(async ([change, ...cells]) => {
        const said = cells[at - 1]!;
        // A dash: what is changed is in a file that it does not read, and then nothing changes for it.
        const files = folder();
        CHANGES[change!]!(files);
        const env = change === REMOVAL ? { UNTIL: "2027-01-15T08:00:03Z" } : {};
        const verdicts = await Promise.all(here.map((name) => command(name, files, env)));
        const accepted = verdicts.map((verdict) => verdict.accepted);
        return [change, said, accepted];
      }),
    );
    expect(found).toEqual(found.map(([change, said]) => [change, said, here.map(() => said !== "yes")]));
  });
});
