/** Bundles beside a release document: each is a signature that the document has, and what the log says in it holds. */

import { verifyReceipt } from "../../client/receipt.ts";
import type { ReleaseDocument } from "../../client/release.ts";
import { verifyKeys } from "../../client/trust.ts";
import { decodeUtf8, fromBase64Url } from "../../core/bytes.ts";
import { canonicalBytes, canonicalize } from "../../core/canonical-json.ts";
import { verifyEd25519 } from "../../core/ed25519.ts";
import { TesError } from "../../core/errors.ts";
import type { JsonValue } from "../../core/json.ts";
import { entryTimestampBytes, logOf } from "../../core/sigstore.ts";
import type { OpenedBundle } from "../../core/sigstore-bundle.ts";
import type { Anchor } from "./anchor.ts";

/**
 * Holds bundles against a document that was verified before.
 *
 * @throws {TesError} `bundle_invalid` for one of another release, `key_unknown` for one of another log, and
 *   `signature_invalid` for a promise that the log did not make, `note_invalid`, `proof_invalid`
 */
export async function verifyBundles(
  bundles: readonly OpenedBundle[],
  document: ReleaseDocument,
  anchor: Anchor,
): Promise<void> {
  if (bundles.length === 0) return;
  const trust = await verifyKeys(document.keys, anchor);
  const { earlier, origin, logKey } = trust;
  const logs = [{ origin, logKey }, ...earlier].map((log) => {
    return logOf({ origin: log.origin, publicKey: fromBase64Url(log.logKey.x)!, from: 0 });
  });
  const known = new Set(signedIn(document));
  for (const { envelope, receipt, logId, promise } of bundles) {
    if (!known.has(`${canonicalize(receipt.statement)}\n${decodeUtf8(envelope.payload)}`)) {
      throw new TesError("bundle_invalid", { detail: "It is of another release than the document beside it." });
    }
    const log = logs.find((one) => Buffer.from(one.logId).toString("hex") === logId);
    if (log === undefined) throw new TesError("key_unknown", { detail: "The bundle is of another log." });
    const { seq, at } = receipt.statement as { readonly seq: number; readonly at: number };
    const bytes = entryTimestampBytes(canonicalBytes(receipt.statement), { seq, at }, log);
    await verifyEd25519(log.publicKey, promise, bytes);
    // Its own checkpoint and proof may be others than the document's.
    await verifyReceipt(receipt as unknown as JsonValue, trust);
  }
}

/** Every statement with the text that it is over. */
function signedIn({ release }: ReleaseDocument): string[] {
  type Signed = { readonly payload: string; readonly receipts: readonly { readonly statement: JsonValue }[] };
  const { payload, receipts, attestations } = release as unknown as Signed & {
    readonly attestations: readonly Signed[];
  };
  return [{ payload, receipts }, ...attestations].flatMap((one) =>
    one.receipts.map(({ statement }) => `${canonicalize(statement)}\n${one.payload}`),
  );
}
