/** A log with one release in it, and the bundle of that: made of labels, the same in every run. */

import { concat, toBase64, utf8 } from "../../../src/core/bytes.ts";
import { canonicalBytes } from "../../../src/core/canonical-json.ts";
import { signCheckpoint } from "../../../src/core/checkpoint.ts";
import { pae } from "../../../src/core/dsse.ts";
import { sha256 } from "../../../src/core/hash.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { importEd25519Seed } from "../../../src/core/keys.ts";
import { inclusionProof, leafHash, type NodeReader, nodeHash, rootOf } from "../../../src/core/merkle.ts";
import { Secret } from "../../../src/core/secret.ts";
import { createBundle, hashedRekord, logOf } from "../../../src/core/sigstore.ts";

export const BUNDLE_ORIGIN = "tes.local/bundles";
const AT = 1_800_000_000_123;

export const bundlePair = (label: string) => importEd25519Seed(new Secret(sha256(utf8(`bundle tests: ${label}`))));

/**
 * A bundle over this payload, at index 2 of a log of 5.
 *
 * @param change of the statement
 * @param space what stands before the statement in the log, which makes it no canonical one
 */
export async function makeBundle(payloadText = '{"a release":true}', change: JsonObject = {}, space = "") {
  const [log, ada] = [await bundlePair("log"), await bundlePair("ada")];
  const payloadType = "application/vnd.in-toto+json";
  const payload = utf8(payloadText);
  const signed = pae(payloadType, payload);
  const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", ada.privateKey, signed));
  const statement = {
    v: 1,
    type: "release.published",
    registry: "bundles",
    seq: 2,
    at: AT,
    by: "nobody",
    ...hashedRekord({ digest: sha256(signed), signature, publicKey: ada.raw }),
    signer: ada.kid,
    ...change,
  };
  const body = concat(utf8(space), canonicalBytes(statement));
  const leaves = [0, 1, 2, 3, 4].map((i) => leafHash(i === 2 ? body : utf8(`leaf ${i}`)));
  const nodes: NodeReader = (level, index) =>
    level === 0 ? leaves[index]! : nodeHash(nodes(level - 1, 2 * index), nodes(level - 1, 2 * index + 1));
  const root = rootOf(leaves.length, nodes);
  const checkpoint = await signCheckpoint({ origin: BUNDLE_ORIGIN, size: leaves.length, root }, log);
  const bundle = await createBundle({
    statement,
    payloadType,
    payload,
    inclusion: { index: 2, size: leaves.length, proof: inclusionProof(2, leaves.length, nodes) },
    root,
    checkpoint,
    log: logOf({ origin: BUNDLE_ORIGIN, publicKey: log.raw, from: 0 }),
    sign: (bytes) => crypto.subtle.sign("Ed25519", log.privateKey, bytes),
  });
  bundle.verificationMaterial.tlogEntries[0]!.canonicalizedBody = toBase64(body);
  return { bundle, statement, payload, payloadType, ada, log, checkpoint, signature: toBase64(signature) };
}
