/** The release of docs/formats.md: the product makes the same bytes, and the verifiers of others accept them. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeUtf8, fromBase64, fromBase64Url, toBase64, toHex, utf8 } from "../../../src/core/bytes.ts";
import { renderChecksums } from "../../../src/core/checksums.ts";
import { pae } from "../../../src/core/dsse.ts";
import type { SignBytes } from "../../../src/core/ed25519.ts";
import { sha256, sha256Hex } from "../../../src/core/hash.ts";
import { type JsonValue, parseJson } from "../../../src/core/json.ts";
import { deriveEd25519, importEd25519Seed } from "../../../src/core/keys.ts";
import {
  MAX_ARTIFACT_BYTES,
  MAX_ATTESTATION_BYTES,
  MAX_ENVELOPE_SIGNATURES,
  MAX_RELEASE_FILES,
} from "../../../src/core/limits.ts";
import { minisignDigest, renderMinisignKey, signMinisign, trustedComment } from "../../../src/core/minisign.ts";
import { PASSPHRASE_COST, scryptParameters } from "../../../src/core/minisign-secret.ts";
import { renderPem } from "../../../src/core/pem.ts";
import { Secret } from "../../../src/core/secret.ts";
import { renderSignify } from "../../../src/core/signify.ts";
import { createBundle, hashedRekord, logOf, trustedRoot } from "../../../src/core/sigstore.ts";
import { parseBundle } from "../../../src/core/sigstore-bundle.ts";
import { renderAllowedSigner, signSsh } from "../../../src/core/sshsig.ts";
import { contentOf, IN_TOTO_TYPE, parseRelease } from "../../../src/protocol/intoto.ts";
import { publishersBytes } from "../../../src/protocol/releases.ts";
import {
  type PublishersSetStatement,
  parseStatement,
  type ReleasePublished,
  statementBytes,
} from "../../../src/protocol/statements.ts";
import { openPlace } from "../../verifiers/place.ts";
import {
  isInstalled,
  verifyWithMinisign,
  verifyWithOpenssl,
  verifyWithSha256sum,
  verifyWithSignify,
  verifyWithSsh,
} from "../../verifiers/programs.ts";
import { verifyWithSigstore } from "../../verifiers/sigstore.ts";
import { DEMO_LABELS, sha256 as nodeSha256, ORIGIN, texts } from "./demo.ts";
import { FILE, KEY_ID, PAYLOAD, RELEASE_EXAMPLES, SALT, VERSION } from "./demo-release.ts";

const page = readFileSync(join(import.meta.dirname, "../../../docs/formats.md"), "utf8");
const release = page.slice(page.indexOf("\n## Release\n"), page.indexOf("\n## Export\n"));
/** Blocks as the page has them. */
const shown = (name: string): string => new RegExp(`^\`\`\`\\w+ ${name}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(page)![1]!;
const line = (name: string, at = 0): string => shown(name).split("\n")[at]!;

const publisher = await importEd25519Seed(new Secret(sha256(utf8(DEMO_LABELS.publisher))));
const log = await deriveEd25519(new Secret(sha256(utf8(DEMO_LABELS.master))), "log-ed25519", "default");
const sign: SignBytes = async (bytes) =>
  new Uint8Array(await crypto.subtle.sign("Ed25519", publisher.privateKey, bytes));
const statementOf = (seq: 3 | 4) => parseStatement(parseJson(utf8(line(`demo-statement-${seq}`))));
const set = statementOf(3) as PublishersSetStatement;
const published = statementOf(4) as ReleasePublished;
const payload = utf8(line("demo-payload"));
const transparency = logOf({ origin: ORIGIN, publicKey: log.raw, from: 1_800_000_000_000 });

describe("the product makes the same", () => {
  test("payload and content", () => {
    expect(decodeUtf8(payload)).toBe(PAYLOAD);
    const { subjects, scope } = parseRelease(payload);
    expect(scope).toMatchObject({ registry: "default", entity: "global:main", version: VERSION });
    expect(scope.genesis).toBe(toHex(nodeSha256(Uint8Array.of(0), texts[0]!)));
    expect(contentOf(subjects)).toBe(line("demo-content", 1));
    expect(sha256Hex(utf8(line("demo-content")))).toBe(line("demo-content", 1));
  });

  test("envelope and statements", async () => {
    const signed = pae(IN_TOTO_TYPE, payload);
    expect(decodeUtf8(signed)).toBe(`${line("demo-envelope")} ${PAYLOAD}`);
    const signature = await sign(signed);
    expect([sha256Hex(signed), toBase64(signature)]).toEqual([line("demo-envelope", 1), line("demo-envelope", 2)]);
    const { genesis } = parseRelease(payload).scope;
    const possession = await sign(publishersBytes({ registry: "default", genesis }, set, null));
    expect(fromBase64Url(set.signatures[0]!.signature)).toEqual(possession);
    const { apiVersion, kind, spec } = published;
    expect({ apiVersion, kind, spec }).toEqual(
      hashedRekord({ digest: sha256(signed), signature, publicKey: publisher.raw }),
    );
    expect(published.payload.digest).toBe(sha256Hex(Buffer.concat([SALT, payload])));
    for (const seq of [3, 4] as const) {
      expect(decodeUtf8(statementBytes(statementOf(seq)))).toBe(line(`demo-statement-${seq}`));
    }
  });

  test("the bundle, which is read back, and the trusted root", async () => {
    const text = shown("demo-bundle");
    const { receipt, envelope, signer } = parseBundle(utf8(text));
    const { index, size, proof } = receipt.inclusion;
    const root = fromBase64(receipt.checkpoint.split("\n")[2]!)!;
    const made = await createBundle({
      statement: published,
      payloadType: envelope.payloadType,
      payload: envelope.payload,
      inclusion: { index, size, proof: proof.map((hash) => fromBase64(hash)!) },
      root,
      checkpoint: receipt.checkpoint,
      log: transparency,
      sign: (bytes) => crypto.subtle.sign("Ed25519", log.privateKey, bytes),
    });
    expect(`${JSON.stringify(made, null, 2)}\n`).toBe(text);
    expect([receipt.statement, signer]).toEqual([published, publisher.kid]);
    expect(`${JSON.stringify(trustedRoot([transparency]), null, 2)}\n`).toBe(shown("demo-trusted-root"));
  });

  test("files beside the artifact", async () => {
    const content = utf8(FILE.content);
    const trusted = trustedComment({ time: published.at / 1_000, file: FILE.name, version: VERSION });
    const signed = await signMinisign({ digest: minisignDigest(content), trusted }, { id: KEY_ID, sign });
    expect(signed).toBe(shown("demo-minisig"));
    expect(renderMinisignKey({ id: KEY_ID, publicKey: publisher.raw })).toBe(shown("demo-minisign-key"));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", content));
    expect(await signSsh(digest, { publicKey: publisher.raw, sign })).toBe(shown("demo-sshsig"));
    expect(renderAllowedSigner("demo", publisher.raw)).toBe(shown("demo-allowed-signers"));
    const sums = renderChecksums([{ name: FILE.name, sha256: sha256Hex(content) }]);
    expect(sums).toBe(shown("demo-sums"));
    expect(toBase64(await sign(utf8(sums)))).toBe(line("demo-sums-signature"));
    expect(renderPem(publisher.raw)).toBe(shown("demo-pem"));
  });
});

describe("others accept it as it stands on the page", () => {
  /** The files of the page, as somebody would save them. */
  const save = () => {
    const place = openPlace();
    place.write(FILE.name, FILE.content);
    const file = (name: string, block: string) => place.write(name, shown(block));
    return {
      place,
      file: join(place.directory, FILE.name),
      minisignKey: file("key.pub", "demo-minisign-key"),
      minisig: file("hello.txt.minisig", "demo-minisig"),
      allowed: file("allowed", "demo-allowed-signers"),
      sshsig: file("hello.txt.sig", "demo-sshsig"),
      sums: file("SHA256SUMS", "demo-sums"),
      raw: place.write("SHA256SUMS.ed25519", fromBase64(line("demo-sums-signature"))!),
      signify: place.write("SHA256SUMS.signify", renderSignify(KEY_ID, fromBase64(line("demo-sums-signature"))!)),
      pem: file("key.pem", "demo-pem"),
    };
  };

  test.runIf(isInstalled("minisign"))("minisign", async () => {
    const { file, minisig, minisignKey } = save();
    expect(await verifyWithMinisign({ file, signature: minisig, key: minisignKey })).toMatchObject({ accepted: true });
  });

  test.runIf(isInstalled("ssh-keygen"))("ssh-keygen", async () => {
    const { file, sshsig, allowed } = save();
    expect(await verifyWithSsh({ file, signature: sshsig, key: allowed }, "demo")).toMatchObject({ accepted: true });
  });

  test.runIf(isInstalled("openssl"))("openssl and sha256sum", async () => {
    const { place, sums, raw, pem } = save();
    expect(await verifyWithOpenssl({ file: sums, signature: raw, key: pem })).toMatchObject({ accepted: true });
    expect(await verifyWithSha256sum(place.directory, sums)).toMatchObject({ accepted: true });
  });

  test.runIf(isInstalled("signify-openbsd"))("signify", async () => {
    const { sums, signify, minisignKey } = save();
    expect(await verifyWithSignify({ file: sums, signature: signify, key: minisignKey })).toMatchObject({
      accepted: true,
    });
  });

  test("@sigstore/verify", () => {
    const json = (name: string) => JSON.parse(shown(name)) as JsonValue;
    const keys = set.keys.map((key) => ({ ...key, from: set.at }));
    expect(
      verifyWithSigstore({ name: "page", bundle: json("demo-bundle"), trustedRoot: json("demo-trusted-root"), keys }),
    ).toBeNull();
  });
});

test("the words of the section are the product's", () => {
  for (const limit of [MAX_ATTESTATION_BYTES, MAX_RELEASE_FILES, MAX_ARTIFACT_BYTES]) {
    expect(release).toContain(limit.toLocaleString("en"));
  }
  expect(release).toContain(`1 to ${MAX_ENVELOPE_SIGNATURES} signatures`);
  const { cost, blockSize, parallelization } = scryptParameters(PASSPHRASE_COST);
  expect(release).toContain(`N = 2^${Math.log2(cost)}, r = ${blockSize}, p = ${parallelization}`);
  for (const name of Object.keys(RELEASE_EXAMPLES)) expect(release).toContain(`${name}\n`);
});
